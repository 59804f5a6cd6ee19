/* ply_body.cc - numbers as text, and in both orders of bytes. */
#include "ply_body.h"

#include <algorithm>
#include <cstring>

#include "gam_plugin.h"
#include "mesh_text.h"
#include "sdf_volume.h"

namespace sdf {

void PlyBody::fail(const std::string &what) const {
    throw Failure(GAM_BAD_INPUT, "the PLY is damaged at byte " + std::to_string(at_) + ": " + what +
                                     "; get a clean copy");
}

std::string_view PlyBody::word() {
    at_ = std::min(file_.find_first_not_of(" \t\r\n", at_), file_.size());
    if (at_ == file_.size()) fail("the file ends where a number should be");
    const size_t end = std::min(file_.find_first_of(" \t\r\n", at_), file_.size());
    const std::string_view word(file_.data() + at_, end - at_);
    at_ = end;
    return word;
}

double PlyBody::text_number() {
    double value = 0;
    if (!parse_number(word(), value)) fail("there is no number");
    return value;
}

template <typename Number>
double PlyBody::binary_number() {
    if (left() < sizeof(Number)) fail("the file ends where a number should be");
    unsigned char bytes[sizeof(Number)];
    std::memcpy(bytes, file_.data() + at_, sizeof bytes);
    /* Every machine gamd runs on is little endian. */
    if (form_ == PlyForm::big_endian) std::reverse(bytes, bytes + sizeof bytes);
    at_ += sizeof bytes;
    Number value;
    std::memcpy(&value, bytes, sizeof value);
    return static_cast<double>(value);
}

double PlyBody::number(PlyType type) {
    if (form_ == PlyForm::ascii) return text_number();
    switch (type) {
        case PlyType::int8: return binary_number<int8_t>();
        case PlyType::uint8: return binary_number<uint8_t>();
        case PlyType::int16: return binary_number<int16_t>();
        case PlyType::uint16: return binary_number<uint16_t>();
        case PlyType::int32: return binary_number<int32_t>();
        case PlyType::uint32: return binary_number<uint32_t>();
        case PlyType::float32: return binary_number<float>();
        case PlyType::float64: return binary_number<double>();
    }
    fail("a number has no type");
}

uint64_t PlyBody::length(const PlyProperty &list) {
    const double count = number(list.count_type);
    if (!(count >= 0) || count > static_cast<double>(left()) ||
        count != static_cast<double>(static_cast<uint64_t>(count)))
        fail("a list has a length that cannot be");
    return static_cast<uint64_t>(count);
}

void PlyBody::skip(const PlyProperty &property) {
    const uint64_t count = property.is_list ? length(property) : 1;
    for (uint64_t i = 0; i < count; i++) {
        /* Programs write "1.#QNAN" and the like where nobody reads it. */
        if (form_ == PlyForm::ascii)
            word();
        else
            number(property.type);
    }
}

}  // namespace sdf
