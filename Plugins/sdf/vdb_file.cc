/*
 * vdb_file.cc - a VDB as a volume: checked first, then read by OpenVDB.
 *
 * What always holds: OpenVDB reads no byte that check_vdb has not accounted for.
 */
#include <algorithm>
#include <cstring>
#include <istream>

#include "sdf_codec.h"
#include "vdb_check.h"

namespace sdf {
namespace {

gam_status read_memory(void *context, uint64_t offset, void *buffer, size_t length, size_t *count) {
    const auto &bytes = *static_cast<const std::string *>(context);
    *count = offset < bytes.size() ? std::min<uint64_t>(length, bytes.size() - offset) : 0;
    memcpy(buffer, bytes.data() + (*count > 0 ? offset : 0), *count);
    return GAM_OK;
}

}  // namespace

std::unique_ptr<Volume> read_vdb(const gam_input *input, const std::string &grid,
                                 uint64_t memory_bytes_max) {
    PiecesBuffer buffer(input, pieces_of(check_vdb(input), grid, memory_bytes_max));
    std::istream stream(&buffer);
    stream.exceptions(std::ios_base::badbit | std::ios_base::failbit);
    return read_volume(stream);
}

std::unique_ptr<Volume> read_skeleton(const std::string &skeleton, uint64_t memory_bytes_max) {
    gam_input input{};
    input.struct_size = sizeof input;
    input.context = const_cast<std::string *>(&skeleton);
    input.size = skeleton.size();
    input.read_at = read_memory;
    return read_vdb(&input, "", memory_bytes_max);
}

}  // namespace sdf
