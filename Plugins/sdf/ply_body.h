/*
 * ply_body.h - the numbers behind the header of a PLY file, front to back.
 *
 * What always holds: no number is taken that is not there, and none is rounded but to the type it
 * is asked as: text is read as the nearest double.
 */
#ifndef GAM_SDF_PLY_BODY_H
#define GAM_SDF_PLY_BODY_H

#include <string_view>

#include "ply_header.h"

namespace sdf {

class PlyBody {
  public:
    PlyBody(const std::string &file, const PlyHeader &header)
        : file_(file), form_(header.form), at_(header.body) {}

    uint64_t left() const { return file_.size() - at_; }
    double number(PlyType type);
    /* At most the bytes that are left. */
    uint64_t length(const PlyProperty &list);
    /* In text, whatever stands there. */
    void skip(const PlyProperty &property);

    [[noreturn]] void fail(const std::string &what) const;

  private:
    std::string_view word();
    double text_number();
    template <typename Number>
    double binary_number();

    const std::string &file_;
    PlyForm form_;
    size_t at_;
};

}  // namespace sdf

#endif
