/*
 * polygons.cc - ear clipping (Meisters, Polygons have ears, 1975) in the plane a face lies in most.
 *
 * What always holds: a face of n corners gives n - 2 triangles, also where it crosses itself or has
 * no area; the work on all faces of a mesh is bounded.
 */
#include "polygons.h"

#include <cmath>

#include "gam_plugin.h"

namespace sdf {
namespace {

struct Point {
    double u, v;
};

double cross(const Point &a, const Point &b, const Point &c) {
    return (b.u - a.u) * (c.v - a.v) - (b.v - a.v) * (c.u - a.u);
}

class EarClipper {
  public:
    EarClipper(const std::vector<float> &points, std::vector<uint32_t> &triangles)
        : points_(points), triangles_(triangles) {}

    void divide(const uint32_t *corners, size_t count) {
        corners_.assign(corners, corners + count);
        project();
        while (corners_.size() > 3) {
            const size_t ear = next_ear();
            emit(ear);
            corners_.erase(corners_.begin() + static_cast<std::ptrdiff_t>(ear));
            flat_.erase(flat_.begin() + static_cast<std::ptrdiff_t>(ear));
            /* The next ear is looked for behind its neighbour: fans become strips. */
            from_ = (ear + 1) % corners_.size();
        }
        emit(1);
    }

  private:
    /* A second or so. */
    static constexpr uint64_t work_max = uint64_t{1} << 29;

    size_t before(size_t i) const { return i == 0 ? corners_.size() - 1 : i - 1; }
    size_t after(size_t i) const { return i + 1 == corners_.size() ? 0 : i + 1; }

    void emit(size_t ear) {
        const uint32_t last = corners_[after(ear)];
        triangles_.insert(triangles_.end(), {corners_[before(ear)], corners_[ear], last, last});
    }

    /* Newell's normal says which coordinate can be left out, and which way is around. */
    void project() {
        double normal[3] = {0, 0, 0};
        for (size_t i = 0; i < corners_.size(); i++) {
            const float *a = &points_[3 * size_t{corners_[i]}];
            const float *b = &points_[3 * size_t{corners_[after(i)]}];
            for (int k = 0; k < 3; k++) {
                const int m = (k + 1) % 3, n = (k + 2) % 3;
                normal[k] += (double(a[m]) - b[m]) * (double(a[n]) + b[n]);
            }
        }
        int axis = 0;
        for (int k = 1; k < 3; k++)
            if (std::fabs(normal[k]) > std::fabs(normal[axis])) axis = k;
        const double sign = normal[axis] < 0 ? -1 : 1;
        flat_.clear();
        for (const uint32_t corner : corners_) {
            const float *point = &points_[3 * size_t{corner}];
            flat_.push_back({sign * point[(axis + 1) % 3], point[(axis + 2) % 3]});
        }
        from_ = 0;
    }

    bool is_ear(size_t i) {
        const Point &a = flat_[before(i)], &b = flat_[i], &c = flat_[after(i)];
        if (!(cross(a, b, c) > 0)) return false;
        for (const Point &p : flat_) {
            if (&p == &a || &p == &b || &p == &c) continue;
            const bool is_inside = cross(a, b, p) >= 0 && cross(b, c, p) >= 0 &&
                                   cross(c, a, p) >= 0;
            /* A corner at the same place as the triangle's (a hole's bridge) is no obstacle. */
            if (is_inside && !is_at(p, a) && !is_at(p, b) && !is_at(p, c)) return false;
        }
        return true;
    }

    static bool is_at(const Point &p, const Point &q) { return p.u == q.u && p.v == q.v; }

    /* Where there is none, the face crosses itself or is flat: any corner is as good. */
    size_t next_ear() {
        size_t candidate = from_;
        for (size_t tried = 0; tried < corners_.size(); tried++, candidate = after(candidate)) {
            work_ += corners_.size();
            if (work_ > work_max)
                throw Failure(GAM_LIMIT, "the mesh has faces of too many corners; divide them into "
                                         "triangles and try again");
            if (is_ear(candidate)) return candidate;
        }
        return from_;
    }

    const std::vector<float> &points_;
    std::vector<uint32_t> &triangles_;
    std::vector<uint32_t> corners_; /* those that are left */
    std::vector<Point> flat_;       /* their places in the plane, counterclockwise */
    size_t from_ = 0;
    uint64_t work_ = 0;
};

}  // namespace

void PolygonMesh::add(const std::vector<uint32_t> &face) {
    if (face.size() < 3) return;
    corners.insert(corners.end(), face.begin(), face.end());
    sizes.push_back(static_cast<uint32_t>(face.size()));
}

Mesh triangulated(PolygonMesh &&polygons) {
    Mesh mesh{std::move(polygons.points), {}};
    EarClipper clipper(mesh.points, mesh.faces);
    const uint32_t *corners = polygons.corners.data();
    for (const uint32_t size : polygons.sizes) {
        clipper.divide(corners, size);
        corners += size;
    }
    return mesh;
}

}  // namespace sdf
