/*
 * obj_read.cc - the corners and faces of a Wavefront OBJ file (Advanced Visualizer manual,
 * appendix B1).
 *
 * What always holds: every line is looked at once. Groups, materials, normals and all else that is
 * not geometry is walked over: assimp's time grew with the square of the objects of a file (41 s
 * for 200,000 names).
 */
#include <charconv>
#include <cmath>

#include "mesh_text.h"
#include "sdf_codec.h"

namespace sdf {
namespace {

[[noreturn]] void fail(size_t line, const char *what) {
    throw Failure(GAM_BAD_INPUT, "line " + std::to_string(line) + " of the OBJ " + what +
                                     "; get a clean copy");
}

void add_point(PolygonMesh &mesh, Words words, size_t line) {
    for (int axis = 0; axis < 3; axis++) {
        double value = 0;
        if (!parse_number(words.next(), value)) fail(line, "has no three coordinates");
        mesh.points.push_back(static_cast<float>(value));
        if (!std::isfinite(mesh.points.back())) fail(line, "has a coordinate that is not finite");
    }
}

/* "7", "7/1", "7//3" and "7/1/3"; counted from 1, or back from the last corner. */
uint32_t corner_of(std::string_view word, size_t points, size_t line) {
    const std::string_view number = word.substr(0, word.find('/'));
    int64_t index = 0;
    const char *end = number.data() + number.size();
    const auto [stop, error] = std::from_chars(number.data(), end, index);
    if (stop != end || error != std::errc()) fail(line, "has a face whose corner is no number");
    const int64_t count = static_cast<int64_t>(points);
    if (index < -count || index == 0 || index > count)
        fail(line, "has a face with a corner that is not there");
    return static_cast<uint32_t>(index > 0 ? index - 1 : count + index);
}

}  // namespace

PolygonMesh read_obj(const std::string &file) {
    PolygonMesh mesh;
    std::vector<uint32_t> face;
    std::string joined;
    size_t line = 0;
    for (size_t at = 0; at < file.size();) {
        /* A backslash at its end joins a line with the next one. */
        joined.clear();
        for (bool goes_on = true; goes_on && at < file.size(); line++) {
            const size_t end = std::min(file.find('\n', at), file.size());
            size_t length = end - at;
            if (length > 0 && file[at + length - 1] == '\r') length--;
            goes_on = length > 0 && file[at + length - 1] == '\\';
            joined.append(file, at, length - (goes_on ? 1 : 0)).append(" ");
            at = end + 1;
        }
        Words words(joined);
        const std::string_view first = words.next();
        if (first == "v") add_point(mesh, words, line);
        if (first != "f") continue;
        face.clear();
        for (std::string_view word = words.next(); !word.empty(); word = words.next())
            face.push_back(corner_of(word, mesh.points.size() / 3, line));
        mesh.add(face);
    }
    return mesh;
}

}  // namespace sdf
