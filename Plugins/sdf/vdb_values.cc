/*
 * vdb_values.cc - lengths and headers of compressed values, behind vdb_values.h.
 *
 * What always holds: a chunk is at most twice as long as its values and 1 KiB; no compressor makes
 * longer ones, and OpenVDB takes as much memory as the length says.
 */
#include "vdb_values.h"

#include <blosc.h>
#include <zlib.h>

#include <cstring>
#include <vector>

namespace sdf {
namespace {

/* What a node says of its inactive values: one byte. */
enum NodeKind : uint8_t {
    all_background = 0,
    all_minus_background = 1,
    all_one_value = 2,
    mask_of_backgrounds = 3,
    mask_of_one_value = 4,
    mask_of_two_values = 5,
    every_value = 6,
};

struct BloscHeader {
    uint8_t version, compressor_version, flags, value_bytes;
    int32_t bytes, block_bytes, compressed_bytes;
};
static_assert(sizeof(BloscHeader) == BLOSC_MIN_HEADER_LENGTH, "the layout in the file");

/* Blosc reads as far as this header says, whatever the length of the chunk. */
void check_blosc(ByteReader &reader, const BloscHeader &header, uint64_t length, uint64_t bytes) {
    if (header.bytes < 0 || static_cast<uint64_t>(header.bytes) != bytes)
        reader.fail("a blosc chunk has " + std::to_string(header.bytes) + " bytes, not " +
                    std::to_string(bytes));
    if (header.compressed_bytes < BLOSC_MIN_HEADER_LENGTH ||
        static_cast<uint64_t>(header.compressed_bytes) > length)
        reader.fail("a blosc chunk of " + std::to_string(length) + " bytes says it has " +
                    std::to_string(header.compressed_bytes));
}

bool unpacks(const std::vector<char> &chunk, uint64_t bytes, bool is_blosc) {
    std::vector<char> values(bytes);
    if (is_blosc) {
        const int count = blosc_decompress_ctx(chunk.data(), values.data(), bytes, 1);
        return count >= 0 && static_cast<uint64_t>(count) == bytes;
    }
    uLongf count = bytes;
    uncompress(reinterpret_cast<Bytef *>(values.data()), &count,
               reinterpret_cast<const Bytef *>(chunk.data()), chunk.size());
    return count == bytes;
}

void walk_packed(ByteReader &reader, uint64_t length, uint64_t bytes, bool is_blosc, bool unpack) {
    if (length > 2 * bytes + 1024)
        reader.fail("a chunk of " + std::to_string(length) + " bytes for values of " +
                    std::to_string(bytes));
    const char *what = "a chunk of compressed values";
    const uint64_t start = reader.position();
    BloscHeader header{};
    std::vector<char> chunk(unpack ? length : is_blosc ? sizeof header : 0);
    if (is_blosc && length < sizeof header) reader.fail("a blosc chunk is shorter than its header");
    reader.read(chunk.data(), chunk.size(), what);
    if (is_blosc) {
        memcpy(&header, chunk.data(), sizeof header);
        check_blosc(reader, header, length, bytes);
    }
    if (unpack && bytes > 0 && !unpacks(chunk, bytes, is_blosc))
        reader.fail_at(start, "a chunk of compressed values cannot be unpacked");
    reader.skip(length - chunk.size(), what);
}

}  // namespace

void walk_chunk(ByteReader &reader, const ValueLayout &layout, uint64_t count, bool unpack) {
    /* OpenVDB does not even look for the length where no halves are stored. */
    if (layout.half_bytes > 0 && count == 0) return;
    const uint64_t bytes = count * (layout.half_bytes > 0 ? layout.half_bytes : layout.value_bytes);
    const bool is_blosc = (layout.compression & VDB_BLOSC) != 0;
    if (!is_blosc && (layout.compression & VDB_ZIP) == 0) return reader.skip(bytes, "values");
    const uint64_t start = reader.position();
    const int64_t length = reader.number<int64_t>("the length of a chunk");
    if (length > 0)
        return walk_packed(reader, static_cast<uint64_t>(length), bytes, is_blosc, unpack);
    if (uint64_t{0} - static_cast<uint64_t>(length) != bytes)
        reader.fail_at(start, "a chunk has the length " + std::to_string(length) +
                                  ", and its plain values " + std::to_string(bytes));
    reader.skip(bytes, "plain values");
}

void walk_values(ByteReader &reader, const ValueLayout &layout, uint64_t slots, uint64_t active,
                 bool unpack) {
    uint8_t kind = every_value;
    if (layout.version >= VDB_NODE_MASKS) {
        kind = reader.number<uint8_t>("the kind of a node");
        if (kind > every_value)
            reader.fail_at(reader.position() - 1, std::to_string(kind) + " is no kind of node");
    }
    if (kind == all_one_value || kind == mask_of_one_value || kind == mask_of_two_values)
        reader.skip(layout.value_bytes * (kind == mask_of_two_values ? 2 : 1), "inactive values");
    if (kind == mask_of_backgrounds || kind == mask_of_one_value || kind == mask_of_two_values)
        reader.skip(slots / 8, "the mask of inactive values");
    const bool only_active = (layout.compression & VDB_ACTIVE_MASK) != 0 && kind != every_value;
    walk_chunk(reader, layout, only_active ? active : slots, unpack);
}

}  // namespace sdf
