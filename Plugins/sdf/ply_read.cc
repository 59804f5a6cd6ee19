/*
 * ply_read.cc - the corners and faces of a PLY file.
 *
 * What always holds: a corner has three finite coordinates; a face has corners that exist. Whatever
 * else a file holds (colors, normals, edges) is walked over.
 *
 * assimp (5.2.5) is no help here: of damaged binary files one in five made it write or read where
 * nothing was its own, and one in twenty of those of text made it walk for minutes.
 */
#include <cmath>

#include "ply_body.h"
#include "sdf_codec.h"

namespace sdf {
namespace {

const PlyElement *element_named(const PlyHeader &header, const char *name) {
    const PlyElement *found = nullptr;
    for (const PlyElement &element : header.elements) {
        if (element.name != name) continue;
        if (found != nullptr)
            throw Failure(GAM_BAD_INPUT, std::string("the PLY has two elements called ") + name);
        found = &element;
    }
    return found;
}

/* Which of x, y and z a property is; -1: another. */
int coordinate(const PlyProperty &property) {
    if (property.is_list || property.name.size() != 1) return -1;
    const char letter = property.name[0];
    return letter >= 'x' && letter <= 'z' ? letter - 'x' : -1;
}

bool are_corners(const PlyProperty &property) {
    return property.is_list &&
           (property.name == "vertex_indices" || property.name == "vertex_index");
}

void read_points(PlyBody &body, const PlyElement &element, PolygonMesh &mesh) {
    int seen = 0;
    for (const PlyProperty &property : element.properties) {
        const int axis = coordinate(property);
        if (axis < 0) continue;
        if (seen >> axis & 1)
            throw Failure(GAM_BAD_INPUT, "the PLY's corners have a coordinate twice");
        seen |= 1 << axis;
    }
    if (seen != 7)
        throw Failure(GAM_BAD_INPUT, "the PLY's corners do not have the coordinates x, y and z");
    for (uint64_t i = 0; i < element.count; i++) {
        float point[3] = {0, 0, 0};
        for (const PlyProperty &property : element.properties) {
            const int axis = coordinate(property);
            if (axis < 0) {
                body.skip(property);
                continue;
            }
            point[axis] = static_cast<float>(body.number(property.type));
            if (!std::isfinite(point[axis])) body.fail("a coordinate is not a finite number");
        }
        mesh.points.insert(mesh.points.end(), point, point + 3);
    }
}

/* The corners of one face, or of all strips with -1 between them. */
void read_corners(PlyBody &body, const PlyProperty &list, uint64_t points, bool has_breaks,
                  std::vector<int64_t> &corners) {
    const uint64_t count = body.length(list);
    corners.clear();
    for (uint64_t i = 0; i < count; i++) {
        const double corner = body.number(list.type);
        const bool is_break = has_breaks && corner == -1;
        if (!is_break && (!(corner >= 0) || corner >= static_cast<double>(points) ||
                          corner != std::floor(corner)))
            body.fail("a face has a corner that is not there");
        corners.push_back(static_cast<int64_t>(corner));
    }
}

void add_strips(PolygonMesh &mesh, const std::vector<int64_t> &corners) {
    size_t start = 0;
    for (size_t i = 0; i < corners.size(); i++) {
        if (corners[i] < 0) {
            start = i + 1;
        } else if (i >= start + 2) {
            /* Every other triangle of a strip is walked backward. */
            const bool is_odd = (i - start) % 2 != 0;
            mesh.add({static_cast<uint32_t>(corners[i - (is_odd ? 1 : 2)]),
                      static_cast<uint32_t>(corners[i - (is_odd ? 2 : 1)]),
                      static_cast<uint32_t>(corners[i])});
        }
    }
}

void read_faces(PlyBody &body, const PlyElement &element, uint64_t points, PolygonMesh &mesh) {
    const bool has_strips = element.name == "tristrips";
    std::vector<int64_t> corners;
    for (uint64_t i = 0; i < element.count; i++) {
        for (const PlyProperty &property : element.properties) {
            if (!are_corners(property)) {
                body.skip(property);
                continue;
            }
            read_corners(body, property, points, has_strips, corners);
            if (has_strips)
                add_strips(mesh, corners);
            else
                mesh.add(std::vector<uint32_t>(corners.begin(), corners.end()));
        }
    }
}

}  // namespace

PolygonMesh read_ply(const std::string &file) {
    const PlyHeader header = read_ply_header(file);
    const PlyElement *vertices = element_named(header, "vertex");
    const PlyElement *faces = element_named(header, "face");
    const PlyElement *strips = element_named(header, "tristrips");
    if (vertices == nullptr) throw Failure(GAM_BAD_INPUT, "the PLY has no corners");
    PolygonMesh mesh;
    PlyBody body(file, header);
    for (const PlyElement &element : header.elements) {
        if (&element == vertices) {
            read_points(body, element, mesh);
        } else if (&element == faces || &element == strips) {
            read_faces(body, element, vertices->count, mesh);
        } else {
            for (uint64_t i = 0; i < element.count; i++)
                for (const PlyProperty &property : element.properties) body.skip(property);
        }
    }
    return mesh;
}

}  // namespace sdf
