/*
 * sdf_codec.h - streams on the host's callbacks, checked VDB files, and meshes.
 *
 * What always holds: nothing here lets an exception out of a call of the ABI; the entry catches
 * all of them.
 */
#ifndef GAM_SDF_CODEC_H
#define GAM_SDF_CODEC_H

#include <streambuf>
#include <string>

#include "deadline.h"
#include "gam_plugin_support.h"
#include "polygons.h"
#include "sdf_volume.h"
#include "vdb_facts.h"

namespace sdf {

/* Pieces of a file one behind the other, as a stream buffer that tells where it is. */
class PiecesBuffer final : public std::streambuf {
  public:
    PiecesBuffer(const gam_input *input, std::vector<Piece> pieces)
        : input_(input), pieces_(std::move(pieces)) {}

  protected:
    int_type underflow() override;
    pos_type seekoff(off_type offset, std::ios_base::seekdir from, std::ios_base::openmode) override;

  private:
    size_t fill(Piece &piece);

    const gam_input *input_;
    std::vector<Piece> pieces_;
    size_t next_ = 0;
    uint64_t served_ = 0; /* bytes up to the end of the window */
    char window_[64 * 1024];
};

/* A file being written from its start. */
class OutputBuffer final : public std::streambuf {
  public:
    explicit OutputBuffer(const gam_output *output) : output_(output) {}
    gam_status status() const { return status_; }

  protected:
    std::streamsize xsputn(const char *bytes, std::streamsize count) override;
    int_type overflow(int_type character) override;

  private:
    const gam_output *output_;
    uint64_t offset_ = 0;
    gam_status status_ = GAM_OK;
};

/* The grid of this name of a VDB that has been checked, or the only one. */
std::unique_ptr<Volume> read_vdb(const gam_input *input, const std::string &grid,
                                 uint64_t memory_bytes_max);
/* A skeleton comes from a store that somebody else may have filled: it is checked as files are. */
std::unique_ptr<Volume> read_skeleton(const std::string &skeleton, uint64_t memory_bytes_max);

/* Whole bytes of a file, after checking them against the memory limit. */
std::string read_file(const gam_host *host, const gam_input *input);

/* `kind`: "obj", "ply" or "stl". The mesh is closed: every edge is walked
 * as often in one direction as in the other. */
Mesh parse_mesh(const std::string &bytes, const char *kind, uint64_t memory_bytes_max,
                const Deadline &deadline);
PolygonMesh read_ply(const std::string &file);
PolygonMesh read_obj(const std::string &file);
PolygonMesh read_stl(const std::string &file);
std::string write_obj(const Mesh &mesh);
std::string write_ply(const Mesh &mesh);

/* zlib with the length in front. */
std::string packed(const std::string &bytes);
std::string unpacked(const char *bytes, size_t length, uint64_t bytes_max);

}  // namespace sdf

#endif
