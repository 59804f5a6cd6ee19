/*
 * polygons.h - faces of any number of corners, and their division into triangles.
 *
 * What always holds: the triangles of a face have its edges and, each in both directions, edges
 * between its corners: what was closed stays closed.
 */
#ifndef GAM_SDF_POLYGONS_H
#define GAM_SDF_POLYGONS_H

#include "sdf_volume.h"

namespace sdf {

struct PolygonMesh {
    std::vector<float> points;     /* x, y, z */
    std::vector<uint32_t> corners; /* of all faces, one face after the other */
    std::vector<uint32_t> sizes;   /* corners of each face */

    /* Points and lines enclose nothing: they are left out. */
    void add(const std::vector<uint32_t> &face);
};

/* Throws Failure: LIMIT when the faces have too many corners to be divided in reasonable time. */
Mesh triangulated(PolygonMesh &&polygons);

}  // namespace sdf

#endif
