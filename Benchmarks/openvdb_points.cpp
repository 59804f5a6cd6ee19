// Distances and gradients at points by OpenVDB's own samplers, for reading_points.py.
//
// What always holds here:
// - Arrays are raw files in C order, slowest axis first; axis 0 is OpenVDB's i, so that points have
//   the same coordinates as everywhere else. Points, values and gradients are float64.
// - One thread; times are of opening, reading and sampling alone, printed as one line of JSON.
//
//   openvdb_points make FIELD.f32 EDGE GRID.vdb
//   openvdb_points sample GRID.vdb POINTS.f64 VALUES.f64 GRADIENTS.f64 ROUNDS
//   openvdb_points serve GRID.vdb POINTS.f64 VALUES.f64     a point on stdout when the grid is open,
//                                                           and for every sampling a line asks for

#include <openvdb/openvdb.h>
#include <openvdb/tools/Dense.h>
#include <openvdb/tools/GridOperators.h>
#include <openvdb/tools/Interpolation.h>
#include <tbb/global_control.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

using Clock = std::chrono::steady_clock;
using Sampler = openvdb::tools::BoxSampler;
using openvdb::FloatGrid;

static double since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

template <class Value>
static std::vector<Value> contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file) throw std::runtime_error("cannot read " + path);
    std::vector<Value> values(static_cast<size_t>(file.tellg()) / sizeof(Value));
    file.seekg(0);
    file.read(reinterpret_cast<char*>(values.data()), values.size() * sizeof(Value));
    return values;
}

static void write(const std::string& path, const std::vector<double>& values) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
    file.close();
    if (!file) throw std::runtime_error("cannot write " + path);
}

static void make(const std::string& field, int edge, const std::string& path) {
    auto values = contents<float>(field);
    const openvdb::CoordBBox box(openvdb::Coord(0), openvdb::Coord(edge - 1));
    openvdb::tools::Dense<float> dense(box, values.data());
    auto grid = FloatGrid::create(0);
    openvdb::tools::copyFromDense(dense, *grid, 0.0f);
    grid->setName("distance");
    openvdb::io::File(path).write({grid});
}

static FloatGrid::Ptr opened(const std::string& path) {
    openvdb::io::File file(path);
    file.setCopyMaxBytes(0);  // no copy in a temporary file
    file.open();
    return openvdb::gridPtrCast<FloatGrid>(file.readGrid("distance"));
}

template <class Grid>
static double sampled(const Grid& grid, const std::vector<double>& points, std::vector<double>& out) {
    constexpr size_t width = openvdb::VecTraits<typename Grid::ValueType>::Size;
    const auto start = Clock::now();
    auto accessor = grid.getConstAccessor();
    for (size_t n = 0; 3 * n < points.size(); ++n) {
        const openvdb::Vec3R place(points[3 * n], points[3 * n + 1], points[3 * n + 2]);
        const auto value = Sampler::sample(accessor, place);
        if constexpr (width == 1) {
            out[n] = value;
        } else {
            for (size_t axis = 0; axis < width; ++axis) out[width * n + axis] = value[axis];
        }
    }
    return since(start);
}

static void sample(char** names, int rounds) {
    const auto points = contents<double>(names[1]);
    const size_t count = points.size() / 3;
    std::vector<double> values(count), gradients(3 * count);
    auto start = Clock::now();
    auto grid = opened(names[0]);
    const double open = since(start);
    const double first = sampled(*grid, points, values);
    std::printf("{\"open\": %.6f, \"first\": %.6f, \"warm\": [", open, first);
    for (int round = 0; round < rounds; ++round)
        std::printf("%s%.6f", round ? ", " : "", sampled(*grid, points, values));
    start = Clock::now();
    auto slopes = openvdb::tools::gradient(*grid, /*threaded=*/false);
    std::printf("], \"gradient_grid\": %.6f, \"gradient\": [", since(start));
    for (int round = 0; round < rounds; ++round)
        std::printf("%s%.6f", round ? ", " : "", sampled(*slopes, points, gradients));
    std::printf("], \"version\": \"%s\"}\n", OPENVDB_LIBRARY_VERSION_STRING);
    write(names[2], values);
    write(names[3], gradients);
}

static void serve(char** names) {
    auto grid = opened(names[0]);
    std::putchar('.');
    std::fflush(stdout);
    while (std::getchar() != EOF) {
        const auto points = contents<double>(names[1]);
        std::vector<double> values(points.size() / 3);
        sampled(*grid, points, values);
        write(names[2], values);
        std::putchar('.');
        std::fflush(stdout);
    }
}

int main(int count, char** arguments) {
    try {
        tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
        openvdb::initialize();
        const std::string what = count > 1 ? arguments[1] : "";
        if (what == "make" && count == 5) {
            make(arguments[2], std::stoi(arguments[3]), arguments[4]);
        } else if (what == "sample" && count == 7) {
            sample(arguments + 2, std::stoi(arguments[6]));
        } else if (what == "serve" && count == 5) {
            serve(arguments + 2);
        } else {
            throw std::runtime_error("usage: see the top of openvdb_points.cpp");
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "openvdb_points: %s\n", error.what());
        return 1;
    }
    return 0;
}
