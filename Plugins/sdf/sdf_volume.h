/*
 * sdf_volume.h - the only door to OpenVDB: a grid of 32-bit floats as rows along z.
 *
 * What always holds: coordinates start at 0 in the corner of the box of active voxels; a skeleton
 * is the grid without the values of its leaves (tree, masks, tiles, transform, class, background,
 * name and metadata stay), so skeleton + rows give the grid back.
 */
#ifndef GAM_SDF_VOLUME_H
#define GAM_SDF_VOLUME_H

#include <cstdint>
#include <istream>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace sdf {

/* What went wrong, with a status of gam_plugin.h. */
struct Failure : std::runtime_error {
    int status;
    Failure(int status, const std::string &text) : std::runtime_error(text), status(status) {}
};

struct Box {
    uint64_t extents[3];
    double spacing[3]; /* 1 where the transform is not a plain scaling */
    bool is_level_set;
};

/* Points and faces; a triangle has its last two corners equal. */
struct Mesh {
    std::vector<float> points;    /* x, y, z */
    std::vector<uint32_t> faces;  /* four corners each */
};

struct Sampling {
    int resolution;  /* voxels along the longest side */
    double band;     /* half width in voxels */
    bool is_full;    /* distances everywhere in the box instead of in a band */
    uint64_t memory_bytes_max;
};

class Deadline;

class Volume {
  public:
    virtual ~Volume() = default;
    virtual Box box() const = 0;
    virtual void read_row(uint64_t x, uint64_t y, float *row) = 0;
    virtual void write_row(uint64_t x, uint64_t y, const float *row) = 0;
    virtual std::string skeleton() = 0;
    virtual void save(std::ostream &stream) const = 0;
    virtual Mesh surface() const = 0;
};

/* The last grid of a VDB, of floats; those before it are there because it shares the tree of one.
 * The stream has been checked (vdb_check.h): OpenVDB trusts what it reads. */
std::unique_ptr<Volume> read_volume(std::istream &stream);
std::unique_ptr<Volume> new_volume(const Box &box);
std::unique_ptr<Volume> volume_of_mesh(const Mesh &mesh, const Sampling &sampling,
                                       const Deadline &deadline);

}  // namespace sdf

#endif
