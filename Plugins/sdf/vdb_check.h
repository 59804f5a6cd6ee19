/*
 * vdb_check.h - a VDB file held against its format before OpenVDB sees any of it.
 *
 * What always holds: OpenVDB trusts every length, count and mask in a file, and a wrong one makes it
 * crash or take all memory there is. So its reader gets nothing but the pieces of the one grid that
 * is kept, and those only after each of their lengths was found to be that of what follows.
 */
#ifndef GAM_SDF_VDB_CHECK_H
#define GAM_SDF_VDB_CHECK_H

#include <string>
#include <vector>

#include "gam_plugin.h"
#include "vdb_facts.h"
#include "vdb_tree.h"

namespace sdf {

struct CheckedGrid {
    std::string name;        /* what people call it */
    std::string unique_name; /* what other grids of the file call it */
    std::string parent;      /* unique name of the grid whose tree this one shares, or empty */
    const GridType *type;
    uint64_t memory_bytes; /* what OpenVDB takes for its tree */
    std::vector<Piece> pieces;
};

struct CheckedVdb {
    std::string head; /* header and metadata, without what the metadata of the file said */
    std::vector<CheckedGrid> grids;
    bool is_whole; /* false: there are more grids, behind one whose end nobody knows */
};

/* Throws Failure: GAM_BAD_INPUT with what is wrong and at which byte, or GAM_UNSUPPORTED. */
CheckedVdb check_vdb(const gam_input *input);

/* A file with the grid of this name (empty: the only one) alone, as pieces; behind the one whose
 * tree it shares. Throws Failure when there is none, when it is not of floats, or when its tree
 * needs more than `memory_bytes_max`. */
std::vector<Piece> pieces_of(const CheckedVdb &file, const std::string &name,
                             uint64_t memory_bytes_max);

}  // namespace sdf

#endif
