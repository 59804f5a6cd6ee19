/*
 * deadline.h - when a plugin gives up by itself.
 *
 * What always holds: that is well before the host would stop it and blame it.
 */
#ifndef GAM_SDF_DEADLINE_H
#define GAM_SDF_DEADLINE_H

#include <chrono>
#include <string>

#include "gam_plugin.h"
#include "sdf_volume.h"

namespace sdf {

class Deadline {
  public:
    /* Counted from here: three quarters of what one call may take. */
    explicit Deadline(const gam_limits &limits)
        : seconds_(limits.seconds_max),
          end_(limits.seconds_max > seconds_max
                   ? Clock::time_point::max()
                   : Clock::now() + std::chrono::milliseconds(limits.seconds_max * 750)) {}

    bool is_over() const { return Clock::now() > end_; }

    void check() const {
        if (is_over())
            throw Failure(GAM_LIMIT, "sampling the mesh takes longer than the " +
                                         std::to_string(seconds_) +
                                         " s a call may take; choose a smaller resolution or have "
                                         "plugins.seconds_max raised");
    }

  private:
    using Clock = std::chrono::steady_clock;
    static constexpr uint64_t seconds_max = 1'000'000'000; /* 31 years; no overflow */

    uint64_t seconds_;
    Clock::time_point end_;
};

}  // namespace sdf

#endif
