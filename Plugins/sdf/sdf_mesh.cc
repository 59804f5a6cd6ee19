/*
 * sdf_mesh.cc - meshes out of OBJ, PLY and STL files, and out again.
 *
 * What always holds: a mesh that is sampled is closed and wound one way, or its sign would be a
 * guess. What decides on that is sorted, never hashed: a file cannot choose how long it takes.
 */
#include <algorithm>
#include <cstring>
#include <numeric>

#include "sdf_codec.h"

namespace sdf {
namespace {

/* What the tables of places and edges take, and after them the tree over the triangles, which is
 * the larger: 380 bytes a triangle. */
void check_memory(const PolygonMesh &mesh, uint64_t memory_bytes_max) {
    const uint64_t triangles = mesh.corners.size() - 2 * mesh.sizes.size();
    if (mesh.points.size() / 3 * 80 + triangles * 400 > memory_bytes_max)
        throw Failure(GAM_LIMIT, "a mesh of " + std::to_string(mesh.points.size() / 3) +
                                     " corners and " + std::to_string(triangles) +
                                     " triangles needs more memory than the limit allows");
}

/* The same place gets the same number, so that neighbours share their edges. */
std::vector<uint32_t> places(const Mesh &mesh) {
    const auto count = static_cast<uint32_t>(mesh.points.size() / 3);
    const auto before = [&mesh](uint32_t a, uint32_t b) {
        const float *p = &mesh.points[3 * size_t{a}], *q = &mesh.points[3 * size_t{b}];
        return std::lexicographical_compare(p, p + 3, q, q + 3); /* -0 and 0 are one place */
    };
    std::vector<uint32_t> order(count), result(count);
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(), before);
    uint32_t number = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0 && before(order[i - 1], order[i])) number++;
        result[order[i]] = number;
    }
    return result;
}

/* Every edge is walked as often in one direction as in the other. */
void check_closed(const Mesh &mesh, const Deadline &deadline) {
    const std::vector<uint32_t> place = places(mesh);
    deadline.check();
    /* The lower place and the higher one; the direction. */
    std::vector<std::pair<uint64_t, int>> edges;
    edges.reserve(mesh.faces.size() / 4 * 3);
    for (size_t i = 0; i < mesh.faces.size(); i += 4) {
        for (int k = 0; k < 3; k++) {
            const uint64_t a = place[mesh.faces[i + k]], b = place[mesh.faces[i + (k + 1) % 3]];
            if (a != b) edges.emplace_back(a < b ? a << 32 | b : b << 32 | a, a < b ? 1 : -1);
        }
    }
    std::sort(edges.begin(), edges.end());
    size_t open = 0;
    for (size_t i = 0; i < edges.size();) {
        int balance = 0;
        const uint64_t edge = edges[i].first;
        for (; i < edges.size() && edges[i].first == edge; i++) balance += edges[i].second;
        open += balance != 0;
    }
    if (open > 0)
        throw Failure(GAM_BAD_INPUT,
                      "the mesh is not closed, or its faces are not wound one way: " +
                          std::to_string(open) +
                          " edges have a face on one side only, so inside and outside are not "
                          "defined; mend it and try again");
}

}  // namespace

Mesh parse_mesh(const std::string &bytes, const char *kind, uint64_t memory_bytes_max,
                const Deadline &deadline) {
    PolygonMesh polygons =
        strcmp(kind, "ply") == 0 ? read_ply(bytes)
        : strcmp(kind, "obj") == 0 ? read_obj(bytes) : read_stl(bytes);
    check_memory(polygons, memory_bytes_max);
    Mesh mesh = triangulated(std::move(polygons));
    if (mesh.faces.empty()) throw Failure(GAM_BAD_INPUT, "the mesh has no faces");
    deadline.check();
    check_closed(mesh, deadline);
    return mesh;
}

std::string write_obj(const Mesh &mesh) {
    std::string text = "# the zero surface of a signed distance field\n";
    char line[128];
    for (size_t i = 0; i < mesh.points.size(); i += 3) {
        snprintf(line, sizeof line, "v %.9g %.9g %.9g\n", mesh.points[i], mesh.points[i + 1],
                 mesh.points[i + 2]);
        text += line;
    }
    for (size_t i = 0; i < mesh.faces.size(); i += 4) {
        snprintf(line, sizeof line, "f %u %u %u %u\n", mesh.faces[i] + 1, mesh.faces[i + 1] + 1,
                 mesh.faces[i + 2] + 1, mesh.faces[i + 3] + 1);
        text += line;
    }
    return text;
}

std::string write_ply(const Mesh &mesh) {
    std::string file = "ply\nformat binary_little_endian 1.0\nelement vertex " +
                       std::to_string(mesh.points.size() / 3) +
                       "\nproperty float x\nproperty float y\nproperty float z\nelement face " +
                       std::to_string(mesh.faces.size() / 4) +
                       "\nproperty list uchar int vertex_indices\nend_header\n";
    const auto put = [&file](const void *bytes, size_t length) {
        file.append(static_cast<const char *>(bytes), length);
    };
    put(mesh.points.data(), mesh.points.size() * sizeof(float));
    for (size_t i = 0; i < mesh.faces.size(); i += 4) {
        file += '\4';
        put(&mesh.faces[i], 4 * sizeof(uint32_t));
    }
    return file;
}

}  // namespace sdf
