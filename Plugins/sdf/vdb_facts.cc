/*
 * vdb_facts.cc - metadata and transforms of a VDB, behind vdb_facts.h.
 *
 * What always holds: a value of a type OpenVDB knows has that type's size, because OpenVDB reads as
 * many bytes whatever the file says.
 */
#include "vdb_facts.h"

#include <cstring>

namespace sdf {
namespace {

constexpr uint64_t fact_bytes_min = 4 + 4 + 4;
constexpr size_t name_bytes_max = 64 * 1024;

struct Size {
    const char *name;
    uint64_t bytes;
};

const Size fact_sizes[] = {
    {"bool", 1},   {"int32", 4},  {"int64", 8},  {"float", 4},    {"double", 8},
    {"vec2i", 8},  {"vec2s", 8},  {"vec2d", 16}, {"vec3i", 12},   {"vec3s", 12},
    {"vec3d", 24}, {"vec4i", 16}, {"vec4s", 16}, {"vec4d", 32},   {"mat4s", 64},
    {"mat4d", 128}, {"ptidx32", 4}, {"ptdataidx32", 4},
};

/* Maps keep what they compute from their parameters too: a scale of 3 numbers is stored as 15. */
const Size map_sizes[] = {
    {"AffineMap", 16 * 8},         {"UnitaryMap", 16 * 8},
    {"ScaleMap", 15 * 8},          {"UniformScaleMap", 15 * 8},
    {"TranslationMap", 3 * 8},     {"ScaleTranslateMap", 18 * 8},
    {"UniformScaleTranslateMap", 18 * 8},
};
/* Corners, taper and depth; corners were of 32 bits in version 220. */
constexpr uint64_t frustum_bytes = 8 * 8, old_frustum_bytes = 6 * 4 + 2 * 8;

template <size_t count>
const Size *find(const Size (&sizes)[count], const std::string &name) {
    for (const Size &size : sizes) {
        if (name == size.name) return &size;
    }
    return nullptr;
}

std::string number_bytes(uint32_t value) {
    return std::string(reinterpret_cast<const char *>(&value), sizeof value);
}

/* [leaves][bytes, or 0][masks][bytes, 0, or all ones][lengths]: bytes of 0 mean one mask of a byte
 * and one length of eight for each leaf, all ones mean no lengths. */
void skip_delayed_load(ByteReader &reader, uint32_t size) {
    if (size == 0) return;
    const uint64_t start = reader.position();
    const char *what = "the table of delayed loading";
    const uint64_t leaves = reader.number<uint32_t>(what);
    const uint64_t mask_bytes = reader.number<uint32_t>(what);
    reader.skip(mask_bytes > 0 ? mask_bytes : leaves, what);
    const uint64_t length_bytes = reader.number<uint32_t>(what);
    if (length_bytes != UINT32_MAX)
        reader.skip(length_bytes > 0 ? length_bytes : 8 * leaves, what);
    const uint64_t used = reader.position() - start;
    if (used < size) reader.skip(size - used, what);
}

void walk_value(ByteReader &reader, const std::string &name, const std::string &type,
                Facts &facts) {
    const char *what = "the value of a metadata entry";
    if (name == "name" && type == "string") {
        facts.name = reader.text("the name of the grid", name_bytes_max);
        return;
    }
    const uint32_t size = reader.number<uint32_t>("the size of a metadata entry");
    const Size *known = find(fact_sizes, type);
    if (known != nullptr && known->bytes != size)
        reader.fail("a value of type " + type + " has " + std::to_string(known->bytes) +
                    " bytes, not " + std::to_string(size));
    if (name == "is_saved_as_half_float") {
        if (type != "bool") reader.fail("whether values are halves is no bool");
        facts.is_half = reader.number<uint8_t>(what) != 0;
    } else {
        reader.skip(size, what);
    }
}

}  // namespace

Facts walk_facts(ByteReader &reader) {
    Facts facts{};
    uint32_t kept = 0;
    const uint64_t count = reader.count("metadata entries", fact_bytes_min);
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t start = reader.position();
        const std::string name = reader.text("the name of a metadata entry");
        if (name.empty()) reader.fail_at(start, "a metadata entry has no name");
        const std::string type = reader.text("the type of a metadata entry");
        if (type == "__delayedload") {
            skip_delayed_load(reader, reader.number<uint32_t>("a size"));
            continue;
        }
        walk_value(reader, name, type, facts);
        kept++;
        const bool follows = !facts.pieces.empty() && facts.pieces.back().end == start;
        if (!follows) facts.pieces.push_back({start, start, ""});
        facts.pieces.back().end = reader.position();
    }
    facts.pieces.insert(facts.pieces.begin(), {0, 0, number_bytes(kept)});
    return facts;
}

void walk_transform(ByteReader &reader, uint32_t version) {
    uint64_t start = reader.position();
    std::string type = reader.text("the type of the transform");
    if (type == "NonlinearFrustumMap") {
        reader.skip(version > 220 ? frustum_bytes : old_frustum_bytes, "a frustum");
        /* What comes behind a frustum is linear: no chain of frustums that is as long as the file. */
        start = reader.position();
        type = reader.text("the second type of the transform");
    }
    const Size *known = find(map_sizes, type);
    if (known == nullptr) reader.fail_at(start, "there is no transform of this type");
    reader.skip(known->bytes, "the transform");
}

}  // namespace sdf
