/*
 * winding.cc - signed crossings of lines with triangles.
 *
 * What always holds: what decides is computed for an edge from its two ends in one order, so both
 * of its faces decide alike; "on the line" counts as one side of it. Products are rounded before they
 * are added, on every machine.
 */
#include "winding.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#pragma STDC FP_CONTRACT OFF

namespace sdf {

Winding::Winding(const Mesh &mesh, double voxel, int y_first, int y_end)
    : mesh_(mesh), voxel_(voxel), y_first_(y_first),
      columns_(static_cast<size_t>(y_end - y_first)), by_start_(mesh.faces.size() / 4) {
    std::iota(by_start_.begin(), by_start_.end(), 0u);
    std::sort(by_start_.begin(), by_start_.end(), [this](uint32_t a, uint32_t b) {
        return side(a, false) < side(b, false);
    });
}

double Winding::side(uint32_t triangle, bool highest) const {
    const uint32_t *corners = &mesh_.faces[4 * size_t{triangle}];
    const auto x = [&](int k) { return mesh_.points[3 * size_t{corners[k]}]; };
    return highest ? std::max({x(0), x(1), x(2)}) : std::min({x(0), x(1), x(2)});
}

/* None, or two of opposite directions. */
int Winding::crossings(uint32_t triangle, double x, Crossing (&found)[3]) const {
    const uint32_t *corners = &mesh_.faces[4 * size_t{triangle}];
    int count = 0;
    for (int k = 0; k < 3; k++) {
        const float *a = &mesh_.points[3 * size_t{corners[k]}];
        const float *b = &mesh_.points[3 * size_t{corners[(k + 1) % 3]}];
        if ((a[0] <= x) == (b[0] <= x)) continue;
        const int direction = a[0] <= x ? 1 : -1;
        if (direction < 0) std::swap(a, b);
        const double t = (x - a[0]) / (double(b[0]) - a[0]);
        found[count++] = {a[1] + t * (double(b[1]) - a[1]), a[2] + t * (double(b[2]) - a[2]),
                          direction};
    }
    return count;
}

void Winding::cut_triangle(uint32_t triangle, double x) {
    Crossing found[3];
    if (crossings(triangle, x, found) != 2) return;
    const bool is_first_lower = found[0].y < found[1].y;
    const Crossing &low = found[is_first_lower ? 0 : 1], &high = found[is_first_lower ? 1 : 0];
    const double last = static_cast<double>(y_first_) + static_cast<double>(columns_.size());
    for (double y = std::max(std::ceil(low.y / voxel_) - 1, double(y_first_)); y < last; y++) {
        const double place = y * voxel_;
        if (place < low.y) continue;
        if (place >= high.y) break;
        const double t = std::clamp((place - low.y) / (high.y - low.y), 0.0, 1.0);
        columns_[static_cast<size_t>(y - y_first_)].push_back(
            {low.z + t * (high.z - low.z), high.direction});
    }
}

void Winding::cut(int x, const Deadline &deadline) {
    const double place = x * voxel_;
    for (auto &column : columns_) column.clear();
    while (next_ < by_start_.size() && side(by_start_[next_], false) <= place)
        open_.push_back(by_start_[next_++]);
    open_.erase(std::remove_if(open_.begin(), open_.end(),
                               [&](uint32_t t) { return side(t, true) <= place; }),
                open_.end());
    for (size_t i = 0; i < open_.size(); i++) {
        if (i % 256 == 0) deadline.check();
        cut_triangle(open_[i], place);
    }
    for (auto &column : columns_)
        std::sort(column.begin(), column.end(),
                  [](const Hit &a, const Hit &b) { return a.z < b.z; });
}

void Winding::look_along(int y, int z_first, int count, bool *inside) const {
    const std::vector<Hit> &column = columns_[static_cast<size_t>(y - y_first_)];
    int turns = 0;
    auto hit = column.begin();
    for (int i = 0; i < count; i++) {
        for (; hit != column.end() && hit->z <= (z_first + i) * voxel_; ++hit)
            turns += hit->direction;
        inside[i] = turns != 0;
    }
}

}  // namespace sdf
