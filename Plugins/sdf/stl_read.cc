/*
 * stl_read.cc - the triangles of an STL file (3D Systems, StereoLithography Interface
 * Specification), binary or text.
 *
 * What always holds: a file whose length fits its count is binary, whatever it begins with; normals
 * are walked over.
 */
#include <cmath>
#include <cstring>

#include "mesh_text.h"
#include "sdf_codec.h"

namespace sdf {
namespace {

constexpr size_t head_bytes = 84, triangle_bytes = 50;

void add_triangle(PolygonMesh &mesh, const float (&points)[9]) {
    const auto first = static_cast<uint32_t>(mesh.points.size() / 3);
    for (const float value : points) {
        if (!std::isfinite(value))
            throw Failure(GAM_BAD_INPUT, "triangle " + std::to_string(mesh.sizes.size()) +
                                             " of the STL has a coordinate that is not finite");
        mesh.points.push_back(value);
    }
    mesh.add({first, first + 1, first + 2});
}

uint64_t declared_triangles(const std::string &file) {
    uint32_t count = 0;
    if (file.size() < head_bytes) return 0;
    std::memcpy(&count, file.data() + head_bytes - 4, sizeof count);
    return count;
}

PolygonMesh read_binary(const std::string &file) {
    const uint64_t count = declared_triangles(file);
    if (file.size() < head_bytes || (file.size() - head_bytes) / triangle_bytes < count)
        throw Failure(GAM_BAD_INPUT, "the STL is cut off: it declares " + std::to_string(count) +
                                         " triangles; get a complete copy");
    PolygonMesh mesh;
    for (uint64_t i = 0; i < count; i++) {
        float values[12];
        std::memcpy(values, file.data() + head_bytes + i * triangle_bytes, sizeof values);
        float points[9];
        std::memcpy(points, values + 3, sizeof points);
        add_triangle(mesh, points);
    }
    return mesh;
}

/* Words in any lines: "vertex" and three numbers, three times a facet. */
PolygonMesh read_text(const std::string &file) {
    PolygonMesh mesh;
    Words words(file);
    float points[9];
    int filled = 0;
    for (std::string_view word = words.next(); !word.empty(); word = words.next()) {
        if (word == "facet" && filled != 0)
            throw Failure(GAM_BAD_INPUT, "facet " + std::to_string(mesh.sizes.size()) +
                                             " of the STL has not three corners");
        if (word != "vertex") continue;
        for (int axis = 0; axis < 3; axis++) {
            double value = 0;
            if (!parse_number(words.next(), value))
                throw Failure(GAM_BAD_INPUT, "facet " + std::to_string(mesh.sizes.size()) +
                                                 " of the STL has a corner without coordinates");
            points[filled++] = static_cast<float>(value);
        }
        if (filled < 9) continue;
        add_triangle(mesh, points);
        filled = 0;
    }
    if (filled != 0) throw Failure(GAM_BAD_INPUT, "the STL is cut off; get a complete copy");
    return mesh;
}

}  // namespace

PolygonMesh read_stl(const std::string &file) {
    const bool fits = file.size() >= head_bytes &&
                      file.size() - head_bytes == declared_triangles(file) * triangle_bytes;
    return !fits && file.compare(0, 5, "solid") == 0 ? read_text(file) : read_binary(file);
}

}  // namespace sdf
