/*
 * nearest_triangle.cc - triangles halved by number along the longest side of their box.
 *
 * What always holds: products are rounded before they are added, as on a machine that cannot do
 * both at once: the same file gives the same samples everywhere.
 */
#include "nearest_triangle.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#pragma STDC FP_CONTRACT OFF

namespace sdf {
namespace {

/* Two to eight take the same time within 8 %. */
constexpr uint32_t leaf_triangles_max = 4;
constexpr double infinity = std::numeric_limits<double>::infinity();

Vector operator-(const Vector &a, const Vector &b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
double dot(const Vector &a, const Vector &b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
Vector cross(const Vector &a, const Vector &b) {
    return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

Vector scaled(const Vector &a, double by) { return {a.x * by, a.y * by, a.z * by}; }

Lanes larger(Lanes a, Lanes b) { return __builtin_elementwise_max(a, b); }
Lanes smaller(Lanes a, Lanes b) { return __builtin_elementwise_min(a, b); }
Places operator-(const Places &a, const Vector &b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
Lanes dot(const Places &a, const Vector &b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
Lanes dot(const Places &a, const Places &b) { return a.x * b.x + a.y * b.y + a.z * b.z; }

/* `along`: the segment; `inverse`: 1 over the square of its length, 0 for a point. */
Lanes squares_to_segment(const Places &from, const Vector &along, double inverse) {
    const Lanes t = smaller(larger(dot(from, along) * inverse, Lanes(0)), Lanes(1));
    const Places beside{from.x - along.x * t, from.y - along.y * t, from.z - along.z * t};
    return dot(beside, beside);
}

/* For each place no more than the square of the distance to anything in both shapes. */
template <typename Node>
Lanes squares_to_node(const Places &places, const Node &node) {
    const Lanes zero = 0;
    const Lanes x = larger(larger(node.low.x - places.x, places.x - node.high.x), zero);
    const Lanes y = larger(larger(node.low.y - places.y, places.y - node.high.y), zero);
    const Lanes z = larger(larger(node.low.z - places.z, places.z - node.high.z), zero);
    const Places from = places - node.centre;
    const Lanes height = dot(from, node.axis);
    const Lanes above = larger(__builtin_elementwise_abs(height) - node.half_height, zero);
    const Lanes around =
        __builtin_elementwise_sqrt(larger(dot(from, from) - height * height, zero));
    const Lanes beside = larger(around - node.radius, zero);
    return larger(x * x + y * y + z * z, above * above + beside * beside);
}

}  // namespace

NearestTriangle::NearestTriangle(const Mesh &mesh) : mesh_(mesh) {
    const auto count = static_cast<uint32_t>(mesh.faces.size() / 4);
    order_.resize(count);
    std::iota(order_.begin(), order_.end(), 0u);
    std::vector<float> centres(3 * size_t{count});
    for (uint32_t i = 0; i < count; i++) {
        for (int axis = 0; axis < 3; axis++) {
            float sum = 0;
            for (int k = 0; k < 3; k++)
                sum += mesh.points[3 * size_t{mesh.faces[4 * size_t{i} + k]} + axis] / 3;
            centres[3 * size_t{i} + axis] = sum;
        }
    }
    nodes_.reserve(count);
    build(0, count, centres);
    triangles_.reserve(count);
    for (const uint32_t face : order_)
        triangles_.emplace_back(corner(face, 0), corner(face, 1), corner(face, 2));
}

NearestTriangle::Node NearestTriangle::node_over(uint32_t first, uint32_t end) const {
    Node node{};
    node.low = {infinity, infinity, infinity};
    node.high = {-infinity, -infinity, -infinity};
    for (uint32_t i = first; i < end; i++) {
        for (int k = 0; k < 3; k++) {
            const Vector p = corner(order_[i], k);
            node.low = {std::min(node.low.x, p.x), std::min(node.low.y, p.y),
                        std::min(node.low.z, p.z)};
            node.high = {std::max(node.high.x, p.x), std::max(node.high.y, p.y),
                         std::max(node.high.z, p.z)};
        }
    }
    node.first = first;
    node.count = end - first;
    set_cylinder(node);
    return node;
}

void NearestTriangle::set_cylinder(Node &node) const {
    Vector normal{0, 0, 0};
    for (uint32_t i = node.first; i < node.first + node.count; i++) {
        const Vector a = corner(order_[i], 0);
        const Vector own = cross(corner(order_[i], 1) - a, corner(order_[i], 2) - a);
        normal = {normal.x + own.x, normal.y + own.y, normal.z + own.z};
    }
    const double length = std::sqrt(dot(normal, normal));
    node.axis = length > 0 ? scaled(normal, 1 / length) : Vector{0, 0, 1};
    node.centre = {(node.low.x + node.high.x) / 2, (node.low.y + node.high.y) / 2,
                   (node.low.z + node.high.z) / 2};
    const double scale = std::sqrt(std::max(dot(node.low, node.low), dot(node.high, node.high)));
    for (uint32_t i = node.first; i < node.first + node.count; i++) {
        for (int k = 0; k < 3; k++) {
            const Vector from = corner(order_[i], k) - node.centre;
            const double height = dot(from, node.axis);
            node.half_height = std::max(node.half_height, std::fabs(height));
            node.radius = std::max(node.radius, dot(from, from) - height * height);
        }
    }
    /* Far more than these numbers are rounded by. */
    node.radius = std::sqrt(node.radius) + scale * 1e-7;
    node.half_height += scale * 1e-12;
}

/* Halves by number: the depth is that of the logarithm, whatever the triangles are like. */
void NearestTriangle::build(uint32_t first, uint32_t end, const std::vector<float> &centres) {
    const size_t own = nodes_.size();
    nodes_.push_back(node_over(first, end));
    if (end - first <= leaf_triangles_max) return;
    const Vector size = nodes_[own].high - nodes_[own].low;
    const int axis = size.x >= std::max(size.y, size.z) ? 0 : size.y >= size.z ? 1 : 2;
    const uint32_t middle = first + (end - first) / 2;
    std::nth_element(order_.begin() + first, order_.begin() + middle, order_.begin() + end,
                     [&](uint32_t a, uint32_t b) {
                         return centres[3 * size_t{a} + axis] < centres[3 * size_t{b} + axis];
                     });
    build(first, middle, centres);
    nodes_[own].first = static_cast<uint32_t>(nodes_.size());
    nodes_[own].count = 0;
    build(middle, end, centres);
}

Vector NearestTriangle::corner(uint32_t triangle, int k) const {
    const float *point = &mesh_.points[3 * size_t{mesh_.faces[4 * size_t{triangle} + k]}];
    return {point[0], point[1], point[2]};
}

NearestTriangle::Triangle::Triangle(const Vector &a, const Vector &b, const Vector &c)
    : corner(a), along{b - a, c - a, c - b} {
    double longest = 0;
    for (int k = 0; k < 3; k++) {
        const double square = dot(along[k], along[k]);
        inverse[k] = square > 0 ? 1 / square : 0;
        longest = std::max(longest, square);
    }
    /* Rounding gives three corners on a line a normal of some direction. */
    const Vector across = cross(along[0], along[1]);
    const double area = std::sqrt(dot(across, across));
    is_sliver = !(area > 1e-8 * longest);
    normal = is_sliver ? Vector{0, 0, 0} : scaled(across, 1 / area);
    inward[0] = cross(normal, along[0]);
    inward[1] = cross(along[1], normal);
    inward[2] = cross(normal, along[2]);
}

/* To the plane where a place is above the inside, else to the nearest edge. */
Lanes NearestTriangle::Triangle::squares_to(const Places &places) const {
    const Places from = places - corner, second = from - along[0];
    const Lanes edges = smaller(smaller(squares_to_segment(from, along[0], inverse[0]),
                                        squares_to_segment(from, along[1], inverse[1])),
                                squares_to_segment(second, along[2], inverse[2]));
    const Lanes height = dot(from, normal);
    const auto is_above = dot(from, inward[0]) >= 0 & dot(from, inward[1]) >= 0 &
                          dot(second, inward[2]) >= 0;
    return is_sliver ? edges : is_above ? height * height : edges;
}

void NearestTriangle::look(const Places &places, const Node &leaf) {
    for (uint32_t t = leaf.first; t < leaf.first + leaf.count; t++) {
        const Lanes squares = triangles_[t].squares_to(places);
        if (squares[0] < squares_[0]) nearest_ = t;
        squares_ = smaller(squares_, squares);
    }
}

Lanes NearestTriangle::distances(const Places &places) {
    struct Open {
        uint32_t node;
        Lanes squares;
    };
    Open open[64]; /* one for each level, of which there are 32 at most */
    int count = 0;
    squares_ = triangles_[nearest_].squares_to(places);
    open[count++] = {0, 0};
    while (count > 0) {
        const Open next = open[--count];
        if (!__builtin_reduce_or(next.squares < squares_)) continue;
        const Node &node = nodes_[next.node];
        if (node.count > 0) {
            look(places, node);
            continue;
        }
        Open near{next.node + 1, squares_to_node(places, nodes_[next.node + 1])};
        Open far{node.first, squares_to_node(places, nodes_[node.first])};
        if (far.squares[0] < near.squares[0]) std::swap(near, far);
        open[count++] = far;
        open[count++] = near;
    }
    return __builtin_elementwise_sqrt(squares_);
}

}  // namespace sdf
