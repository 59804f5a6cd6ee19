/*
 * mesh_field.h - a mesh sampled to a signed distance field.
 *
 * What always holds: every active voxel holds the distance to the nearest triangle, computed in
 * doubles and rounded to a float once; it is negative where the mesh winds around the voxel.
 */
#ifndef GAM_SDF_MESH_FIELD_H
#define GAM_SDF_MESH_FIELD_H

#include <openvdb/openvdb.h>

#include "deadline.h"

namespace sdf {

/* Throws Failure: BAD_INPUT for a mesh whose voxels have no numbers; LIMIT when it would take too
 * long, or more memory than there is. */
openvdb::FloatGrid::Ptr field_of_mesh(const Mesh &mesh, const Sampling &sampling,
                                      const Deadline &deadline);

}  // namespace sdf

#endif
