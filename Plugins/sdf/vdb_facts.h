/*
 * vdb_facts.h - the parts of a VDB around its trees: metadata and transforms.
 *
 * What always holds: the reader stands behind the part when a function returns, where OpenVDB's own
 * reader would stand.
 */
#ifndef GAM_SDF_VDB_FACTS_H
#define GAM_SDF_VDB_FACTS_H

#include <string>
#include <vector>

#include "vdb_bytes.h"

namespace sdf {

/* Bytes of the file from `start` to `end`, or bytes of our own. */
struct Piece {
    uint64_t start, end;
    std::string own;
};

struct Facts {
    std::string name; /* the value of "name" */
    bool is_half;     /* of "is_saved_as_half_float": what OpenVDB goes by, not the name of the type */
    std::vector<Piece> pieces; /* the same metadata without the tables of delayed loading */
};

/*
 * Map: [count] then for each [name][type][bytes of the value][value].
 *
 * Tables of delayed loading ("__delayedload": lengths of all leaves) serve files that are mapped;
 * OpenVDB reads and drops them on a stream. They are read over here, and are not in the pieces.
 */
Facts walk_facts(ByteReader &reader);

/* [name of the map][its numbers]. `version`: of the file format. */
void walk_transform(ByteReader &reader, uint32_t version);

}  // namespace sdf

#endif
