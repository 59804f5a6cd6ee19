/*
 * mesh_field.cc - blocks near a mesh, the distance of each of their voxels, and its sign.
 *
 * What always holds: one thread works, in one order; the band is all voxels nearer to the mesh than
 * its half width; memory is counted block by block before it is taken.
 *
 * OpenVDB's own conversion is not used: its distances are beside the truth by up to a voxel at
 * concave edges, with wrong signs; it fills cavities; and where memory ends it ends the process
 * (docs/plugins.md).
 */
#include "mesh_field.h"

#include <openvdb/tools/Prune.h>
#include <openvdb/tools/SignedFloodFill.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "gam_plugin.h"
#include "nearest_triangle.h"
#include "winding.h"

namespace sdf {
namespace {

using openvdb::Coord;
using openvdb::CoordBBox;
using openvdb::FloatGrid;
using Leaf = openvdb::FloatTree::LeafNodeType;

constexpr int leaf_side = static_cast<int>(Leaf::DIM);

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
        throw Failure(GAM_BAD_INPUT, "the voxels would have sides of " +
                                         std::to_string(voxel * 1e6) +
                                         " millionths; OpenVDB takes none below 14.5: give the "
                                         "mesh in a smaller unit or choose a lower resolution");
    for (const openvdb::Vec3d &corner : {bounds.low, bounds.high})
        for (int axis = 0; axis < 3; axis++)
            if (!(std::fabs(corner[axis]) / voxel < 1 << 30))
                throw Failure(GAM_BAD_INPUT, "the mesh lies too far from the origin for its size; "
                                             "move it there");
    return voxel;
}

/* What is to be filled: voxels of a box, or those of it that are near the mesh. */
struct Extent {
    CoordBBox box;
    bool is_full;
    float width;  /* half of the band's, in units of the mesh */
    float beyond; /* what voxels beyond it hold */
};

Extent extent_of(const Bounds &bounds, double voxel, const Sampling &sampling) {
    const int margin = static_cast<int>(std::ceil(sampling.band)) + 1;
    Extent extent;
    extent.box = CoordBBox(Coord::floor(bounds.low / voxel).offsetBy(-margin),
                           Coord::ceil(bounds.high / voxel).offsetBy(margin));
    extent.is_full = sampling.is_full;
    extent.width = static_cast<float>(sampling.band * voxel);
    extent.beyond = sampling.is_full ? static_cast<float>(2 * sampling.resolution * voxel)
                                     : extent.width;
    return extent;
}

class Field {
  public:
    Field(const Mesh &mesh, const Extent &extent, double voxel, uint64_t leaves_max,
          const Deadline &deadline)
        : mesh_(mesh), extent_(extent), voxel_(voxel), leaves_max_(leaves_max),
          deadline_(deadline), nearest_(mesh) {}

    FloatGrid::Ptr sampled() {
        auto grid = FloatGrid::create(extent_.beyond);
        grid->setGridClass(openvdb::GRID_LEVEL_SET);
        grid->setTransform(openvdb::math::Transform::createLinearTransform(voxel_));
        measure_blocks(*grid);
        set_signs(*grid);
        openvdb::tools::signedFloodFill(grid->tree());
        openvdb::tools::pruneLevelSet(grid->tree());
        return grid;
    }

  private:
    /* From the largest block that covers all down to leaves, where something is to be filled. */
    void measure_blocks(FloatGrid &grid) {
        const Coord low = extent_.box.min() & ~(leaf_side - 1);
        const Coord size = extent_.box.max() - low;
        int side = leaf_side;
        while (side <= std::max({size.x(), size.y(), size.z()})) side *= 2;
        measure_block(grid, low, side);
    }

    void measure_block(FloatGrid &grid, const Coord &low, int side) {
        deadline_.check();
        if (!extent_.box.hasOverlap(CoordBBox::createCube(low, side))) return;
        if (!extent_.is_full && !may_be_near(low, side)) return;
        if (side == leaf_side) {
            if (leaves_max_-- == 0)
                throw Failure(GAM_LIMIT, "the voxels near the mesh need more memory than the limit "
                                         "allows; choose a smaller resolution or band");
            measure_leaf(*grid.tree().touchLeaf(low));
            return;
        }
        for (int child = 0; child < 8; child++)
            measure_block(grid, low.offsetBy((child >> 2) * side / 2, (child >> 1 & 1) * side / 2,
                                             (child & 1) * side / 2),
                          side / 2);
    }

    bool may_be_near(const Coord &low, int side) {
        const double half = (side - 1) / 2.0;
        const Places centre{(low.x() + half) * voxel_, (low.y() + half) * voxel_,
                            (low.z() + half) * voxel_};
        const double reach = extent_.width + half * std::sqrt(3.0) * voxel_;
        return nearest_.distances(centre)[0] <= reach * (1 + 1e-9);
    }

    void measure_leaf(Leaf &leaf) {
        for (openvdb::Index at = 0; at < Leaf::SIZE; at += places_at_once) {
            if (at % 64 == 0) deadline_.check();
            const Coord first = leaf.offsetToGlobalCoord(at);
            Places places{first.x() * voxel_, first.y() * voxel_, 0};
            for (int i = 0; i < places_at_once; i++) places.z[i] = (first.z() + i) * voxel_;
            const Lanes distances = nearest_.distances(places);
            for (int i = 0; i < places_at_once; i++) {
                const auto distance = static_cast<float>(distances[i]);
                const bool is_active = extent_.is_full
                                           ? extent_.box.isInside(first.offsetBy(0, 0, i))
                                           : distance < extent_.width;
                leaf.setValueOnly(at + i, is_active ? distance : extent_.beyond);
                leaf.setActiveState(at + i, is_active);
            }
        }
    }

    /* One plane of x after the other, since that is how the mesh is cut. */
    void set_signs(FloatGrid &grid) {
        std::vector<Leaf *> leaves;
        grid.tree().getNodes(leaves);
        std::stable_sort(leaves.begin(), leaves.end(), [](const Leaf *a, const Leaf *b) {
            return a->origin().x() < b->origin().x();
        });
        const CoordBBox &box = extent_.box;
        const int y_first = box.min().y() & ~(leaf_side - 1);
        Winding winding(mesh_, voxel_, y_first, (box.max().y() | (leaf_side - 1)) + 1);
        for (size_t start = 0, end = 0; start < leaves.size(); start = end) {
            const int low = leaves[start]->origin().x();
            while (end < leaves.size() && leaves[end]->origin().x() == low) end++;
            for (int x = low; x < low + leaf_side; x++) {
                winding.cut(x, deadline_);
                for (size_t i = start; i < end; i++) set_signs(*leaves[i], x, winding);
            }
        }
    }

    void set_signs(Leaf &leaf, int x, const Winding &winding) {
        const Coord low = leaf.origin();
        bool inside[leaf_side];
        for (int y = low.y(); y < low.y() + leaf_side; y++) {
            winding.look_along(y, low.z(), leaf_side, inside);
            const openvdb::Index first = Leaf::coordToOffset(Coord(x, y, low.z()));
            for (int i = 0; i < leaf_side; i++)
                if (inside[i]) leaf.setValueOnly(first + i, -leaf.getValue(first + i));
        }
    }

    const Mesh &mesh_;
    const Extent extent_;
    const double voxel_;
    uint64_t leaves_max_;
    const Deadline &deadline_;
    NearestTriangle nearest_;
};

/* How many leaves there is memory for beside the tree over the triangles. */
uint64_t leaves_max(const Mesh &mesh, uint64_t memory_bytes_max) {
    const uint64_t triangles = mesh.faces.size() / 4 * 400;
    /* Values twice, since they step aside while the skeleton is written (sdf_volume.cc), and the
     * leaf's share of the nodes above it and of the skeleton. */
    const uint64_t leaf_bytes = sizeof(Leaf) + 2 * Leaf::SIZE * sizeof(float) + 512;
    return memory_bytes_max <= triangles ? 0 : (memory_bytes_max - triangles) / leaf_bytes;
}

}  // namespace

FloatGrid::Ptr field_of_mesh(const Mesh &mesh, const Sampling &sampling, const Deadline &deadline) {
    const Bounds bounds = bounds_of(mesh);
    const double voxel = voxel_side(bounds, sampling.resolution);
    Field field(mesh, extent_of(bounds, voxel, sampling), voxel,
                leaves_max(mesh, sampling.memory_bytes_max), deadline);
    auto grid = field.sampled();
    grid->setName("surface");
    return grid;
}

}  // namespace sdf
