/*
 * vdb_values.h - the values of one node of a VDB tree: mask compression, then zip or blosc.
 *
 * What always holds: the reader stands behind the values when a function returns, where OpenVDB's
 * own reader would stand.
 *
 *     [kind][inactive value 0-2 times][selection mask][values]             kind: see NodeKind
 *     values: plain, or [length, or minus the length of plain values][compressed or plain values]
 */
#ifndef GAM_SDF_VDB_VALUES_H
#define GAM_SDF_VDB_VALUES_H

#include "vdb_bytes.h"

namespace sdf {

enum : uint32_t { VDB_ZIP = 1, VDB_ACTIVE_MASK = 2, VDB_BLOSC = 4 };

/* Versions of the file format that changed how it is read. */
enum : uint32_t { VDB_FIRST_PUBLIC = 220, VDB_NODE_MASKS = 222, VDB_BLOSC_COMPRESSION = 223 };

/* How one grid stores its values. */
struct ValueLayout {
    uint32_t version;     /* of the file format */
    uint32_t compression; /* VDB_... */
    uint32_t value_bytes; /* in memory, and in the file but where halves are stored */
    uint32_t half_bytes;  /* as halves; 0: stored as they are */
};

/* `slots`: places in the node, `active`: active ones among them. `unpack`: also unpacks compressed
 * values, so that OpenVDB will not fail on them. */
void walk_values(ByteReader &reader, const ValueLayout &layout, uint64_t slots, uint64_t active,
                 bool unpack);

/* Plain or compressed bytes of `count` values, without anything around them. */
void walk_chunk(ByteReader &reader, const ValueLayout &layout, uint64_t count, bool unpack);

}  // namespace sdf

#endif
