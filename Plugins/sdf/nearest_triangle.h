/*
 * nearest_triangle.h - the distance from any place to a mesh.
 *
 * What always holds: it is the distance to the nearest of all triangles, computed in doubles; the
 * same places asked in the same order get the same answers.
 */
#ifndef GAM_SDF_NEAREST_TRIANGLE_H
#define GAM_SDF_NEAREST_TRIANGLE_H

#include "sdf_volume.h"

namespace sdf {

struct Vector {
    double x, y, z;
};

/* Nobody outside this library is given such a vector, so it needs no calling convention. */
#pragma clang diagnostic ignored "-Wpsabi"

/* One at a time took 2.3 times as long, eight 1.1 times. */
constexpr int places_at_once = 4;
typedef double Lanes __attribute__((ext_vector_type(places_at_once)));

struct Places {
    Lanes x, y, z;
};

/* A tree over the triangles. The mesh must outlive it. */
class NearestTriangle {
  public:
    explicit NearestTriangle(const Mesh &mesh);

    /* Without sign. Places near each other, and near the last ones, are found fast. */
    Lanes distances(const Places &places);

  private:
    /* Its triangles lie in a box and in a cylinder along their mean normal. A box alone is deep
     * where a surface lies askew in it: the full field of a ball took 2.6 times as long. */
    struct Node {
        Vector low, high;
        uint32_t first; /* of its triangles, or its second child; the first child is the next node */
        uint32_t count; /* 0: it has children */
        Vector centre, axis;
        double radius, half_height;
    };

    /* Half of it could be computed anew each time: that takes 30 % longer. */
    struct Triangle {
        Vector corner, along[3]; /* edges from the first corner, from the first and the second */
        double inverse[3];       /* of the squares of their lengths; 0 for none */
        Vector normal;           /* of length 1 */
        Vector inward[3];        /* from each edge, in the plane of the triangle */
        bool is_sliver;          /* it has no inside: it is its edges */

        Triangle(const Vector &a, const Vector &b, const Vector &c);
        Lanes squares_to(const Places &places) const;
    };

    void build(uint32_t first, uint32_t end, const std::vector<float> &centres);
    Node node_over(uint32_t first, uint32_t end) const;
    void set_cylinder(Node &node) const;
    Vector corner(uint32_t triangle, int k) const;
    void look(const Places &places, const Node &leaf);

    const Mesh &mesh_;
    std::vector<Node> nodes_;
    std::vector<uint32_t> order_;     /* faces of the mesh by leaf */
    std::vector<Triangle> triangles_; /* in this order */
    uint32_t nearest_ = 0; /* to the first of the last places */
    Lanes squares_ = 0;
};

}  // namespace sdf

#endif
