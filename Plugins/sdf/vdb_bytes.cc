/*
 * vdb_bytes.cc - the window over the host's callback behind vdb_bytes.h.
 *
 * What always holds: `position_` never passes the size of the file.
 */
#include "vdb_bytes.h"

#include <algorithm>
#include <cstring>

#include "sdf_volume.h"

namespace sdf {

void ByteReader::fail_at(uint64_t position, const std::string &what) const {
    throw Failure(GAM_BAD_INPUT, "the VDB is damaged: " + what + ", in " + part_ + " at byte " +
                                     std::to_string(position));
}

void ByteReader::fail(const std::string &what) const { fail_at(position_, what); }

void ByteReader::need(uint64_t count, const char *what) const {
    if (count > left())
        fail(std::string(what) + " should take " + std::to_string(count) + " bytes, but only " +
             std::to_string(left()) + " are left");
}

void ByteReader::read(void *target, uint64_t count, const char *what) {
    need(count, what);
    auto *bytes = static_cast<char *>(target);
    while (count > 0) {
        if (position_ < window_start_ || position_ >= window_end_) {
            size_t filled = 0;
            const gam_status status =
                input_->read_at(input_->context, position_, window_.get(), window_bytes, &filled);
            if (status != GAM_OK) throw Failure(status, "reading the file failed");
            if (filled == 0) fail("the file became shorter while it was read");
            window_start_ = position_;
            window_end_ = position_ + filled;
        }
        const uint64_t piece = std::min(count, window_end_ - position_);
        memcpy(bytes, window_.get() + (position_ - window_start_), piece);
        bytes += piece;
        position_ += piece;
        count -= piece;
    }
}

void ByteReader::skip(uint64_t count, const char *what) {
    need(count, what);
    position_ += count;
}

std::string ByteReader::text(const char *what, size_t kept_bytes_max) {
    const uint64_t length = number<uint32_t>(what);
    need(length, what);
    std::string kept(std::min<uint64_t>(length, kept_bytes_max), '\0');
    read(kept.data(), kept.size(), what);
    skip(length - kept.size(), what);
    return kept;
}

uint64_t ByteReader::count(const char *what, uint64_t bytes_each) {
    const uint64_t start = position_;
    const uint64_t value = number<uint32_t>(what);
    if (value > left() / bytes_each)
        fail_at(start, std::to_string(value) + " " + what + " cannot be in " +
                           std::to_string(left()) + " bytes");
    return value;
}

}  // namespace sdf
