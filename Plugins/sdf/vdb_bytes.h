/*
 * vdb_bytes.h - an untrusted file read front to back, a number or a text at a time.
 *
 * What always holds: nothing is taken that is not there. Whoever asks for more than is left gets a
 * Failure that says what was to be read, in which part of the file, and at which byte.
 */
#ifndef GAM_SDF_VDB_BYTES_H
#define GAM_SDF_VDB_BYTES_H

#include <memory>
#include <string>

#include "gam_plugin.h"

namespace sdf {

class ByteReader {
  public:
    explicit ByteReader(const gam_input *input) : input_(input), window_(new char[window_bytes]) {}

    uint64_t position() const { return position_; }
    uint64_t left() const { return input_->size - position_; }

    /* What errors call the bytes that follow: 'the header', 'grid "density"'. */
    void enter(std::string part) { part_ = std::move(part); }
    [[noreturn]] void fail(const std::string &what) const;
    [[noreturn]] void fail_at(uint64_t position, const std::string &what) const;

    void read(void *target, uint64_t count, const char *what);
    void skip(uint64_t count, const char *what);

    /* VDB is little endian, and so is every machine gamd runs on. */
    template <typename Number>
    Number number(const char *what) {
        Number value;
        read(&value, sizeof value, what);
        return value;
    }

    /* A length of 32 bits and as many bytes; only the first `kept_bytes_max` are returned. */
    std::string text(const char *what, size_t kept_bytes_max = 4096);

    /* How many things follow, each of which takes `bytes_each` at least. */
    uint64_t count(const char *what, uint64_t bytes_each);

  private:
    static constexpr uint64_t window_bytes = 64 * 1024;

    void need(uint64_t count, const char *what) const;

    const gam_input *input_;
    std::unique_ptr<char[]> window_;
    uint64_t window_start_ = 0, window_end_ = 0;
    uint64_t position_ = 0;
    std::string part_ = "the file";
};

}  // namespace sdf

#endif
