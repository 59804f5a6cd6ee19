/*
 * mesh_field.cc - OpenVDB says which voxels lie near a mesh and on which side; the distances are our
 * own.
 *
 * What always holds: one thread works, in one order; no voxel of the band is farther from the mesh
 * than its half width.
 *
 * OpenVDB's distances are those to a triangle one of the neighbours was near to: up to a quarter of
 * a voxel beside the truth on a sphere, up to a whole one at concave edges, where its
 * renormalisation moves the surface and gives wrong signs (Tests/integration/test_meshes.py).
 */
#include "mesh_field.h"

#include <openvdb/tools/LevelSetUtil.h>
#include <openvdb/tools/MeshToVolume.h>
#include <openvdb/tools/Morphology.h>
#include <openvdb/tools/Prune.h>

#include <cmath>
#include <limits>

#include "gam_plugin.h"
#include "nearest_triangle.h"

namespace sdf {
namespace {

using openvdb::Coord;
using openvdb::FloatGrid;
using openvdb::FloatTree;

/* The triangles as OpenVDB asks for them, in voxels. */
class IndexSpaceMesh {
  public:
    IndexSpaceMesh(const Mesh &mesh, double voxel) : mesh_(mesh), voxel_(voxel) {}
    size_t polygonCount() const { return mesh_.faces.size() / 4; }
    size_t pointCount() const { return mesh_.points.size() / 3; }
    size_t vertexCount(size_t) const { return 3; }
    void getIndexSpacePoint(size_t face, size_t corner, openvdb::Vec3d &place) const {
        const float *point = &mesh_.points[3 * size_t{mesh_.faces[4 * face + corner]}];
        place = openvdb::Vec3d(point[0], point[1], point[2]) / voxel_;
    }

  private:
    const Mesh &mesh_;
    double voxel_;
};

/* What OpenVDB asks now and then. */
class Interrupter : public openvdb::util::NullInterrupter {
  public:
    explicit Interrupter(const Deadline &deadline) : deadline_(deadline) {}
    bool wasInterrupted(int = -1) override { return deadline_.is_over(); }

  private:
    const Deadline &deadline_;
};

struct Bounds {
    openvdb::Vec3d low, high;
};

/* Of the faces: corners of none are nowhere. */
Bounds bounds_of(const Mesh &mesh) {
    Bounds bounds{openvdb::Vec3d(std::numeric_limits<double>::max()),
                  openvdb::Vec3d(std::numeric_limits<double>::lowest())};
    for (const uint32_t corner : mesh.faces) {
        for (int axis = 0; axis < 3; axis++) {
            const double value = mesh.points[3 * size_t{corner} + axis];
            bounds.low[axis] = std::min(bounds.low[axis], value);
            bounds.high[axis] = std::max(bounds.high[axis], value);
        }
    }
    return bounds;
}

/* The side of a voxel. Distances must be floats, and places numbers of 32 bits. */
double voxel_side(const Bounds &bounds, int resolution) {
    const openvdb::Vec3d size = bounds.high - bounds.low;
    const double longest = std::max({size.x(), size.y(), size.z()});
    if (!(longest > 0 && longest < 1e37))
        throw Failure(GAM_BAD_INPUT, "the mesh has no size, or one whose distances are no floats");
    const double voxel = longest / resolution;
    /* OpenVDB refuses scales whose product is below 3e-15. */
    if (voxel < 1.45e-5)
        throw Failure(GAM_BAD_INPUT, "the voxels would have sides of " + std::to_string(voxel * 1e6) +
                                         " millionths; OpenVDB takes none below 14.5: give the "
                                         "mesh in a smaller unit or choose a lower resolution");
    for (const openvdb::Vec3d &corner : {bounds.low, bounds.high})
        for (int axis = 0; axis < 3; axis++)
            if (!(std::fabs(corner[axis]) / voxel < 1 << 30))
                throw Failure(GAM_BAD_INPUT, "the mesh lies too far from the origin for its size; "
                                             "move it there");
    return voxel;
}

class Field {
  public:
    Field(const Mesh &mesh, FloatGrid &grid, double voxel, const Deadline &deadline)
        : grid_(grid), voxel_(voxel), deadline_(deadline), nearest_(mesh) {}

    /* OpenVDB's band and the voxels around it, of which those beyond it are put out again. */
    void measure_band(float width) {
        FloatTree &tree = grid_.tree();
        openvdb::tools::dilateActiveValues(tree, 1, openvdb::tools::NN_FACE_EDGE_VERTEX);
        for (auto leaf = tree.beginLeaf(); leaf; ++leaf) {
            deadline_.check();
            for (openvdb::Index at = 0; at < FloatTree::LeafNodeType::SIZE; at += places_at_once)
                measure_row(*leaf, at, width);
        }
        openvdb::tools::pruneLevelSet(tree);
    }

    void measure_all(const openvdb::CoordBBox &box) {
        auto access = grid_.getAccessor();
        Coord at;
        for (at.x() = box.min().x(); at.x() <= box.max().x(); at.x()++) {
            for (at.y() = box.min().y(); at.y() <= box.max().y(); at.y()++) {
                deadline_.check();
                for (int z = box.min().z(); z <= box.max().z(); z += places_at_once) {
                    at.z() = z;
                    measure(at);
                    for (int i = 0; i < places_at_once && at.z() <= box.max().z(); i++, at.z()++)
                        access.setValue(at, std::copysign(distances_[i], access.getValue(at)));
                }
            }
        }
    }

  private:
    /* From the place on along z. */
    void measure(const Coord &first) {
        Places places;
        for (int i = 0; i < places_at_once; i++) {
            places.x[i] = first.x() * voxel_;
            places.y[i] = first.y() * voxel_;
            places.z[i] = (first.z() + i) * voxel_;
        }
        const Lanes distances = nearest_.distances(places);
        for (int i = 0; i < places_at_once; i++) distances_[i] = static_cast<float>(distances[i]);
    }

    void measure_row(FloatTree::LeafNodeType &leaf, openvdb::Index first, float width) {
        bool has_active = false;
        for (int i = 0; i < places_at_once; i++) has_active |= leaf.isValueOn(first + i);
        if (!has_active) return;
        measure(leaf.offsetToGlobalCoord(first));
        for (int i = 0; i < places_at_once; i++) {
            if (!leaf.isValueOn(first + i)) continue;
            const float value = std::min(distances_[i], width);
            leaf.setValueOnly(first + i, std::copysign(value, leaf.getValue(first + i)));
            if (distances_[i] >= width) leaf.setValueOff(first + i);
        }
    }

    FloatGrid &grid_;
    double voxel_;
    const Deadline &deadline_;
    NearestTriangle nearest_;
    float distances_[places_at_once];
};

}  // namespace

FloatGrid::Ptr field_of_mesh(const Mesh &mesh, const Sampling &sampling, const Deadline &deadline) {
    const Bounds bounds = bounds_of(mesh);
    const double voxel = voxel_side(bounds, sampling.resolution);
    const auto band = static_cast<float>(sampling.band);
    Interrupter interrupter(deadline);
    auto grid = openvdb::tools::meshToVolume<FloatGrid>(
        interrupter, IndexSpaceMesh(mesh, voxel),
        *openvdb::math::Transform::createLinearTransform(voxel), band, band,
        openvdb::tools::DISABLE_RENORMALIZATION);
    deadline.check();
    if (grid->activeVoxelCount() == 0) throw Failure(GAM_BAD_INPUT, "the mesh has no surface");
    Field field(mesh, *grid, voxel, deadline);
    if (sampling.is_full) {
        /* Beyond the box nobody asked for distances: as far away as anything in it can be. */
        const int margin = static_cast<int>(std::ceil(sampling.band)) + 1;
        openvdb::tools::changeLevelSetBackground(
            grid->tree(), static_cast<float>(2 * sampling.resolution * voxel));
        field.measure_all({Coord::floor(bounds.low / voxel).offsetBy(-margin),
                           Coord::ceil(bounds.high / voxel).offsetBy(margin)});
    } else {
        field.measure_band(static_cast<float>(sampling.band * voxel));
    }
    grid->setName("surface");
    return grid;
}

}  // namespace sdf
