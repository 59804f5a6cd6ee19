/*
 * sdf_codec.h - streams on the host's callbacks, and meshes.
 *
 * What always holds: nothing here lets an exception out of a call of the ABI; the entry catches
 * all of them.
 */
#ifndef GAM_SDF_CODEC_H
#define GAM_SDF_CODEC_H

#include <streambuf>
#include <string>

#include "gam_plugin_support.h"
#include "sdf_volume.h"

namespace sdf {

/* A file being read, as a seekable stream buffer. */
class InputBuffer final : public std::streambuf {
  public:
    explicit InputBuffer(const gam_input *input) : input_(input) {}

  protected:
    int_type underflow() override;
    pos_type seekoff(off_type offset, std::ios_base::seekdir from, std::ios_base::openmode) override;
    pos_type seekpos(pos_type position, std::ios_base::openmode mode) override;

  private:
    const gam_input *input_;
    uint64_t offset_ = 0; /* of the byte behind the window */
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

/* Whole bytes of a file, after checking them against the memory limit. */
std::string read_file(const gam_host *host, const gam_input *input);

/* `kind`: "obj", "ply" or "stl". The mesh is closed: every edge belongs to two triangles. */
Mesh parse_mesh(const std::string &bytes, const char *kind);
std::string write_obj(const Mesh &mesh);
std::string write_ply(const Mesh &mesh);

/* zlib with the length in front. */
std::string packed(const std::string &bytes);
std::string unpacked(const char *bytes, size_t length, uint64_t bytes_max);

}  // namespace sdf

#endif
