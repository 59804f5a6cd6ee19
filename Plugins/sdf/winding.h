/*
 * winding.h - which places a closed mesh encloses.
 *
 * What always holds: a place is inside where the mesh winds around it, also in overlaps and behind
 * cavities. Two faces that share an edge cut a line along z either both or as one: no line passes
 * between them.
 */
#ifndef GAM_SDF_WINDING_H
#define GAM_SDF_WINDING_H

#include "deadline.h"

namespace sdf {

/* Where lines along z pass through the mesh, one plane of x after the other. */
class Winding {
  public:
    /* The mesh must outlive it; places are multiples of `voxel`. */
    Winding(const Mesh &mesh, double voxel, int y_first, int y_end);

    /* Planes are asked for in rising order. */
    void cut(int x, const Deadline &deadline);
    /* `inside[i]` for z = first + i, in the plane that was cut. */
    void look_along(int y, int z_first, int count, bool *inside) const;

  private:
    struct Hit {
        double z;
        int direction;
    };
    struct Crossing {
        double y, z;
        int direction;
    };

    void cut_triangle(uint32_t triangle, double x);
    int crossings(uint32_t triangle, double x, Crossing (&found)[3]) const;
    double side(uint32_t triangle, bool highest) const;

    const Mesh &mesh_;
    double voxel_;
    int y_first_;
    std::vector<std::vector<Hit>> columns_; /* of the plane, by y; sorted by z */
    std::vector<uint32_t> by_start_;        /* triangles by their lowest x */
    std::vector<uint32_t> open_;            /* those that may reach the plane */
    size_t next_ = 0;
};

}  // namespace sdf

#endif
