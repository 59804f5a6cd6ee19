/*
 * ply_header.h - what the header of a PLY file says of its body.
 *
 * What always holds: every element has properties, so that each of its instances takes a byte at
 * least, and no element announces more instances than bytes follow the header.
 */
#ifndef GAM_SDF_PLY_HEADER_H
#define GAM_SDF_PLY_HEADER_H

#include <cstdint>
#include <string>
#include <vector>

namespace sdf {

enum class PlyForm { ascii, little_endian, big_endian };
enum class PlyType { int8, uint8, int16, uint16, int32, uint32, float32, float64 };

struct PlyProperty {
    std::string name;
    PlyType type;
    bool is_list;
    PlyType count_type; /* of a list's length */
};

struct PlyElement {
    std::string name;
    uint64_t count;
    std::vector<PlyProperty> properties;
};

struct PlyHeader {
    PlyForm form;
    std::vector<PlyElement> elements;
    size_t body; /* where the instances of the first element begin */
};

/* Throws Failure: BAD_INPUT with the line that is wrong. */
PlyHeader read_ply_header(const std::string &file);

}  // namespace sdf

#endif
