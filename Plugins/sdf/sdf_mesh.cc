/*
 * sdf_mesh.cc - meshes out of OBJ, PLY and STL files, and out again.
 *
 * What always holds: a mesh that is sampled is closed, or its sign would be a guess. Assimp reads
 * OBJ and STL and does nothing else: its division into triangles ends the process when it meets
 * faces it did not expect.
 */
#include <assimp/cimport.h>
#include <assimp/scene.h>

#include <array>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "sdf_codec.h"

namespace sdf {
namespace {

struct Scene {
    const aiScene *scene;
    ~Scene() { aiReleaseImport(scene); }
};

void add(PolygonMesh &mesh, const aiMesh &part) {
    const auto first = static_cast<uint32_t>(mesh.points.size() / 3);
    for (unsigned i = 0; i < part.mNumVertices; i++) {
        const aiVector3D &point = part.mVertices[i];
        if (!std::isfinite(point.x) || !std::isfinite(point.y) || !std::isfinite(point.z))
            throw Failure(GAM_BAD_INPUT, "a corner of the mesh is not a finite number");
        mesh.points.insert(mesh.points.end(), {point.x, point.y, point.z});
    }
    std::vector<uint32_t> corners;
    for (unsigned i = 0; i < part.mNumFaces; i++) {
        const aiFace &face = part.mFaces[i];
        corners.clear();
        for (unsigned k = 0; k < face.mNumIndices; k++) {
            if (face.mIndices[k] >= part.mNumVertices)
                throw Failure(GAM_BAD_INPUT, "a face of the mesh has a corner that is not there");
            corners.push_back(first + face.mIndices[k]);
        }
        mesh.add(corners);
    }
}

PolygonMesh read_by_assimp(const std::string &bytes, const char *kind) {
    Scene imported{
        aiImportFileFromMemory(bytes.data(), static_cast<unsigned>(bytes.size()), 0, kind)};
    if (imported.scene == nullptr)
        throw Failure(GAM_BAD_INPUT, std::string("the mesh is damaged: ") + aiGetErrorString());
    PolygonMesh mesh;
    for (unsigned i = 0; i < imported.scene->mNumMeshes; i++)
        add(mesh, *imported.scene->mMeshes[i]);
    return mesh;
}

/* What the tables of places and edges take, and after them the tree over the triangles, which is
 * the larger: 345 bytes a triangle. */
void check_memory(const PolygonMesh &mesh, uint64_t memory_bytes_max) {
    const uint64_t needed = mesh.points.size() / 3 * 80 + mesh.corners.size() * 120;
    if (needed > memory_bytes_max)
        throw Failure(GAM_LIMIT, "a mesh of " + std::to_string(mesh.points.size() / 3) +
                                     " corners and " + std::to_string(mesh.sizes.size()) +
                                     " faces needs more memory than the limit allows");
}

/* The same place gets the same number, so that neighbours share their edges. */
std::vector<uint32_t> places(const Mesh &mesh) {
    struct Hash {
        size_t operator()(const std::array<float, 3> &p) const {
            uint64_t mixed = 0;
            for (float value : p) {
                uint32_t bits;
                value += 0.0f; /* -0 and 0 are one place */
                std::memcpy(&bits, &value, sizeof bits);
                mixed = (mixed ^ bits) * 0x9e3779b97f4a7c15u;
            }
            return mixed ^ (mixed >> 32);
        }
    };
    std::unordered_map<std::array<float, 3>, uint32_t, Hash> numbers;
    std::vector<uint32_t> result;
    for (size_t i = 0; i < mesh.points.size(); i += 3) {
        std::array<float, 3> point{mesh.points[i] + 0.0f, mesh.points[i + 1] + 0.0f,
                                   mesh.points[i + 2] + 0.0f};
        result.push_back(
            numbers.emplace(point, static_cast<uint32_t>(numbers.size())).first->second);
    }
    return result;
}

/* Every edge is walked once in each direction. */
void check_closed(const Mesh &mesh, const Deadline &deadline) {
    const std::vector<uint32_t> place = places(mesh);
    std::unordered_map<uint64_t, int> balance;
    for (size_t i = 0; i < mesh.faces.size(); i += 4) {
        if (i % (1 << 16) == 0) deadline.check();
        for (int k = 0; k < 3; k++) {
            const uint64_t a = place[mesh.faces[i + k]], b = place[mesh.faces[i + (k + 1) % 3]];
            if (a == b) continue;
            balance[a < b ? a << 32 | b : b << 32 | a] += a < b ? 1 : -1;
        }
    }
    size_t open = 0;
    for (const auto &edge : balance) open += edge.second != 0;
    if (open > 0)
        throw Failure(GAM_BAD_INPUT,
                      "the mesh is not closed: " + std::to_string(open) +
                          " edges have a face on one side only, so inside and outside are not "
                          "defined; close it and try again");
}

}  // namespace

Mesh parse_mesh(const std::string &bytes, const char *kind, uint64_t memory_bytes_max,
                const Deadline &deadline) {
    PolygonMesh polygons =
        strcmp(kind, "ply") == 0 ? read_ply(bytes) : read_by_assimp(bytes, kind);
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
