/*
 * vdb_tree.h - the tree of a VDB grid: what its nodes take, read without building any.
 *
 * What always holds: trees have four levels (root, 32^3, 16^3, leaves of 8^3), the only ones that
 * OpenVDB's own types of grids have.
 */
#ifndef GAM_SDF_VDB_TREE_H
#define GAM_SDF_VDB_TREE_H

#include "vdb_values.h"

namespace sdf {

enum class LeafKind {
    values, /* [active mask][values] */
    masks,  /* bool: [active mask][origin][mask of values]; mask: [active mask][origin] */
    unknown /* of points: only the offset of the grid's end leads past them */
};

/* A type of grid, as the file names it. */
struct GridType {
    const char *name;       /* "Tree_float_5_4_3" */
    const char *value_name; /* "float" */
    uint32_t value_bytes;
    uint32_t half_bytes; /* 0: there are no halves of this type */
    LeafKind leaf_kind;
    uint32_t leaf_bytes; /* of a leaf of masks */
};

const GridType *find_grid_type(const std::string &name);

/* Topology and leaves. Result: bytes of memory that OpenVDB takes for a tree of floats like this. */
uint64_t walk_tree(ByteReader &reader, const GridType &type, const ValueLayout &layout);

}  // namespace sdf

#endif
