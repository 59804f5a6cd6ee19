/*
 * sdf_volume.cc - OpenVDB behind sdf_volume.h. With sdf_exact.h and mesh_field.h all that includes its
 * headers.
 *
 * What always holds: one thread works, so that the same file gives the same values; every grid
 * that is written has the same name and identity each time.
 */
#include "sdf_volume.h"

#include <openvdb/io/Stream.h>
#include <openvdb/openvdb.h>
#include <openvdb/tools/VolumeToMesh.h>
#include <tbb/global_control.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <sstream>

#include "gam_plugin.h"
#include "mesh_field.h"
#include "sdf_exact.h"

namespace sdf {
namespace {

using openvdb::Coord;
using openvdb::FloatGrid;

void prepare() {
    static tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
    static bool is_ready = (openvdb::initialize(), true);
    (void)is_ready;
}

/* Magic, file version, library version, flag of offsets: then 36 characters of identity. */
constexpr size_t identity_offset = 8 + 4 + 4 + 4 + 1;
const char identity[] = "00000000-0000-0000-0000-000000000000";

class GridVolume final : public Volume {
  public:
    explicit GridVolume(FloatGrid::Ptr grid) : grid_(std::move(grid)), access_(grid_->tree()) {
        /* A stored map has what it computed of its parameters beside them; a copy computes it anew,
         * so a file whose numbers disagree has one spacing, now and when it comes back. */
        grid_->setTransform(grid_->transform().copy());
        bounds_ = grid_->evalActiveVoxelBoundingBox();
        if (bounds_.empty()) throw Failure(GAM_UNSUPPORTED, "the grid has no active voxels");
        if (grid_->saveFloatAsHalf() && exact_writing(*grid_) == Writing::impossible)
            throw Failure(GAM_UNSUPPORTED, "the grid is saved as halves and has values that are "
                                           "none: OpenVDB would change them");
    }

    /* A new grid: its bounds are known before its voxels are. */
    GridVolume(FloatGrid::Ptr grid, const openvdb::CoordBBox &bounds)
        : grid_(std::move(grid)), access_(grid_->tree()), bounds_(bounds), is_new_(true) {}

    Box box() const override {
        Box box{};
        const bool scales = grid_->transform().isLinear() &&
                            grid_->transform().baseMap()->isType<openvdb::math::UniformScaleMap>();
        const bool moves =
            grid_->transform().baseMap()->isType<openvdb::math::UniformScaleTranslateMap>() ||
            grid_->transform().baseMap()->isType<openvdb::math::ScaleMap>() ||
            grid_->transform().baseMap()->isType<openvdb::math::ScaleTranslateMap>();
        const openvdb::Vec3d voxel = grid_->voxelSize();
        for (int axis = 0; axis < 3; axis++) {
            /* A damaged tree may reach over all 32 bits. */
            box.extents[axis] = static_cast<uint64_t>(
                int64_t{bounds_.max()[axis]} - int64_t{bounds_.min()[axis]} + 1);
            const bool is_usable = (scales || moves) && std::isfinite(voxel[axis]) &&
                                   voxel[axis] > 0;
            box.spacing[axis] = is_usable ? voxel[axis] : 1;
        }
        box.is_level_set = grid_->getGridClass() == openvdb::GRID_LEVEL_SET;
        return box;
    }

    void read_row(uint64_t x, uint64_t y, float *row) override {
        const Coord start = at(x, y);
        const int count = bounds_.extents().z();
        for (int z = 0; z < count;) {
            const Coord here(start.x(), start.y(), start.z() + z);
            /* A leaf has eight voxels along z side by side. */
            const int run = std::min(count - z, 8 - (here.z() & 7));
            if (const auto *leaf = access_.probeConstLeaf(here)) {
                const auto offset = FloatGrid::TreeType::LeafNodeType::coordToOffset(here);
                for (int i = 0; i < run; i++) row[z + i] = leaf->getValue(offset + i);
            } else {
                const float value = access_.getValue(here);
                for (int i = 0; i < run; i++) row[z + i] = value;
            }
            z += run;
        }
    }

    void write_row(uint64_t x, uint64_t y, const float *row) override {
        const Coord start = at(x, y);
        const int count = bounds_.extents().z();
        for (int z = 0; z < count; z++) {
            const Coord here(start.x(), start.y(), start.z() + z);
            if (is_new_) {
                access_.setValue(here, row[z]);
            } else if (auto *leaf = access_.probeLeaf(here)) {
                leaf->setValueOnly(here, row[z]);
            } else if (!same_bits(access_.getValue(here), row[z])) {
                throw Failure(GAM_USAGE, "the samples are not those of this grid's tree");
            }
        }
    }

    /* Values step aside while the tree is written. A copy of the tree would take twice the memory,
     * and OpenVDB leaks a copy it has no memory to finish. */
    std::string skeleton() override {
        constexpr size_t count = FloatGrid::TreeType::LeafNodeType::SIZE;
        std::vector<float> values(count * grid_->tree().leafCount());
        float *kept = values.data();
        for (auto leaf = grid_->tree().beginLeaf(); leaf; ++leaf, kept += count) {
            memcpy(kept, leaf->buffer().data(), count * sizeof(float));
            leaf->buffer().fill(grid_->background());
        }
        std::ostringstream stream;
        write(grid_, stream);
        kept = values.data();
        for (auto leaf = grid_->tree().beginLeaf(); leaf; ++leaf, kept += count)
            memcpy(leaf->buffer().data(), kept, count * sizeof(float));
        return stream.str();
    }

    void save(std::ostream &stream) const override { write(grid_, stream); }

    Mesh surface() const override {
        std::vector<openvdb::Vec3s> points;
        std::vector<openvdb::Vec4I> quads;
        openvdb::tools::volumeToMesh(*grid_, points, quads, 0.0);
        Mesh mesh;
        for (const auto &point : points) {
            for (int axis = 0; axis < 3; axis++) mesh.points.push_back(point[axis]);
        }
        /* OpenVDB's faces look inward; files expect them to look outward. */
        for (const auto &quad : quads) {
            for (int corner = 3; corner >= 0; corner--) mesh.faces.push_back(quad[corner]);
        }
        return mesh;
    }

  private:
    Coord at(uint64_t x, uint64_t y) const {
        return Coord(bounds_.min().x() + static_cast<int>(x),
                     bounds_.min().y() + static_cast<int>(y), bounds_.min().z());
    }

    static bool same_bits(float a, float b) { return std::memcmp(&a, &b, sizeof a) == 0; }

    /* A stream whose identity is always the same: OpenVDB would draw a new one each time. */
    static void write(const FloatGrid::Ptr &grid, std::ostream &stream) {
        std::ostringstream bytes;
        openvdb::io::Stream archive(bytes);
        if (exact_writing(*grid) != Writing::with_masks)
            archive.setCompression(archive.compression() & ~openvdb::io::COMPRESS_ACTIVE_MASK);
        archive.write(openvdb::GridCPtrVec{grid});
        std::string text = bytes.str();
        text.replace(identity_offset, sizeof identity - 1, identity);
        stream.write(text.data(), static_cast<std::streamsize>(text.size()));
        if (!stream) throw Failure(GAM_IO, "writing the VDB failed");
    }

    FloatGrid::Ptr grid_;
    FloatGrid::Accessor access_;
    openvdb::CoordBBox bounds_;
    bool is_new_ = false;
};

FloatGrid::Ptr float_grid(const openvdb::GridBase::Ptr &grid) {
    if (auto floats = openvdb::gridPtrCast<FloatGrid>(grid)) return floats;
    throw Failure(GAM_UNSUPPORTED, "a grid of type " + grid->valueType() +
                                       " is not kept; convert it to float");
}

}  // namespace

std::unique_ptr<Volume> read_volume(std::istream &stream) {
    prepare();
    try {
        openvdb::io::Stream archive(stream, false);
        const openvdb::GridPtrVecPtr grids = archive.getGrids();
        if (grids->empty()) throw Failure(GAM_UNSUPPORTED, "the file has no grids");
        return std::make_unique<GridVolume>(float_grid(grids->back()));
    } catch (const openvdb::Exception &error) {
        throw Failure(GAM_BAD_INPUT, std::string("the VDB is damaged: ") + error.what());
    }
}

std::unique_ptr<Volume> new_volume(const Box &box) {
    prepare();
    double smallest = std::min({box.spacing[0], box.spacing[1], box.spacing[2]});
    FloatGrid::Ptr grid = FloatGrid::create(static_cast<float>(3 * smallest));
    openvdb::Vec3d scale(box.spacing[0], box.spacing[1], box.spacing[2]);
    grid->setTransform(openvdb::math::Transform::Ptr(
        new openvdb::math::Transform(openvdb::math::MapBase::Ptr(
            scale.x() == scale.y() && scale.y() == scale.z()
                ? static_cast<openvdb::math::MapBase *>(
                      new openvdb::math::UniformScaleMap(scale.x()))
                : new openvdb::math::ScaleMap(scale)))));
    grid->setGridClass(box.is_level_set ? openvdb::GRID_LEVEL_SET : openvdb::GRID_UNKNOWN);
    grid->setName(box.is_level_set ? "surface" : "density");
    const Coord last(static_cast<int>(box.extents[0]) - 1, static_cast<int>(box.extents[1]) - 1,
                     static_cast<int>(box.extents[2]) - 1);
    return std::make_unique<GridVolume>(grid, openvdb::CoordBBox(Coord(0, 0, 0), last));
}

std::unique_ptr<Volume> volume_of_mesh(const Mesh &mesh, const Sampling &sampling,
                                       const Deadline &deadline) {
    prepare();
    return std::make_unique<GridVolume>(field_of_mesh(mesh, sampling, deadline));
}

}  // namespace sdf
