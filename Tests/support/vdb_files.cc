/*
 * vdb_files.cc - writes good VDB files of every layout OpenVDB's own writer knows: vdb_files FOLDER
 *
 * What always holds: everything is drawn from one fixed seed, so the same file has the same content
 * each time (but for its identity); every file that is named *-floats has one grid of floats "f".
 */
#include <openvdb/io/File.h>
#include <openvdb/io/Stream.h>
#include <openvdb/openvdb.h>
#include <openvdb/points/PointConversion.h>
#include <openvdb/tools/LevelSetSphere.h>
#include <openvdb/tools/PointIndexGrid.h>

#include <fstream>
#include <random>

using openvdb::Coord;
using openvdb::CoordBBox;
using openvdb::FloatGrid;

namespace {

std::string folder;

struct Layout {
    const char *name;
    uint32_t flags;
};
const Layout layouts[] = {{"plain", 0}, {"zip", 1}, {"mask", 2}, {"zipmask", 3}, {"blosc", 4},
                          {"bloscmask", 6}};

void save(const std::string &name, const openvdb::GridCPtrVec &grids, uint32_t flags, bool seeks,
          const openvdb::MetaMap &facts = {}) {
    const std::string path = folder + "/" + name + ".vdb";
    if (seeks) {
        openvdb::io::File file(path);
        file.setCompression(flags);
        file.write(grids, facts);
        return;
    }
    std::ofstream out(path, std::ios::binary);
    openvdb::io::Stream stream(out);
    stream.setCompression(flags);
    stream.write(grids, facts);
}

/* Leaves full and sparse, inactive voxels of none to many values, tiles of all levels. */
FloatGrid::Ptr floats() {
    FloatGrid::Ptr grid = FloatGrid::create(0.5f);
    FloatGrid::Accessor access = grid->getAccessor();
    std::mt19937 random(7);
    for (int i = 0; i < 700; i++) {
        const Coord place(random() % 24, random() % 16, random() % 16);
        access.setValue(place, static_cast<float>(random() % 1000) / 8);
    }
    const float others[] = {-0.5f, 2, 3, 4};
    for (int leaf = 0; leaf < 5; leaf++) {
        for (int i = 0; i < 64; i++)
            access.setValueOff(Coord(leaf * 8 + random() % 8, 16, random() % 8),
                               others[random() % (leaf == 0 ? 1 : leaf)]);
        access.setValueOn(Coord(leaf * 8, 16, 0), 9);
    }
    grid->fill(CoordBBox(Coord(40, 0, 0), Coord(47, 7, 7)), 6, true);
    grid->fill(CoordBBox(Coord(0, 40, 0), Coord(7, 47, 7)), -7, false);
    access.setValue(Coord(-1, -1, -1), 1);
    grid->setName("f");
    return grid;
}

/* Active tiles as large as children of the root: nothing that would be many samples. */
FloatGrid::Ptr tiles() {
    FloatGrid::Ptr grid = FloatGrid::create(-1);
    grid->tree().addTile(3, Coord(4096, 0, 0), 5, false);
    grid->tree().addTile(3, Coord(-4096, 0, 0), -1, false);
    grid->tree().addTile(2, Coord(128, 0, 0), 6, false);
    grid->tree().addTile(1, Coord(0, 8, 0), 2, true);
    grid->setName("f");
    return grid;
}

void write_layouts() {
    FloatGrid::Ptr grid = floats(), half = floats();
    half->setSaveFloatAsHalf(true);
    for (const Layout &layout : layouts) {
        save(std::string(layout.name) + "-floats", {grid}, layout.flags, true);
        save(std::string(layout.name) + "half-floats", {half}, layout.flags, true);
    }
    save("stream-floats", {grid}, 6, false);
    save("streamzip-floats", {half}, 3, false);
    save("tiles-floats", {tiles()}, 6, true);
    for (bool is_half : {false, true}) {
        auto ball = openvdb::tools::createLevelSetSphere<FloatGrid>(6, openvdb::Vec3f(1), 1.0f);
        ball->setName("f");
        ball->setSaveFloatAsHalf(is_half);
        save(is_half ? "ballhalf-floats" : "ball-floats", {ball}, 6, true);
        save(is_half ? "ballhalfmask-floats" : "ballmask-floats", {ball}, 2, true);
    }
    FloatGrid::Ptr empty = FloatGrid::create(1);
    empty->setName("f");
    save("empty", {empty}, 6, true);
    save("none", {}, 6, true);
}

void write_maps() {
    namespace math = openvdb::math;
    const openvdb::Vec3d scale(1, 2, 3), shift(4, 5, 6);
    math::Mat4d shear = math::Mat4d::identity();
    shear.setToShear(math::X_AXIS, math::Y_AXIS, 0.25);
    const std::pair<const char *, math::MapBase *> maps[] = {
        {"uniform", new math::UniformScaleMap(0.5)},
        {"scale", new math::ScaleMap(scale)},
        {"shift", new math::TranslationMap(shift)},
        {"uniformshift", new math::UniformScaleTranslateMap(0.5, shift)},
        {"scaleshift", new math::ScaleTranslateMap(scale, shift)},
        {"turn", new math::UnitaryMap(openvdb::Vec3d(0, 0, 1), 0.5)},
        {"affine", new math::AffineMap(shear)},
        {"frustum", new math::NonlinearFrustumMap(
                        openvdb::BBoxd(openvdb::Vec3d(0), openvdb::Vec3d(100)), 0.5, 10)},
    };
    for (const auto &[name, map] : maps) {
        FloatGrid::Ptr grid = floats();
        grid->setTransform(math::Transform::Ptr(new math::Transform(math::MapBase::Ptr(map))));
        save(std::string(name) + "-floats", {grid}, 6, true);
    }
}

void write_facts() {
    FloatGrid::Ptr grid = floats();
    openvdb::MetaMap facts;
    for (openvdb::MetaMap *map : {static_cast<openvdb::MetaMap *>(grid.get()), &facts}) {
        map->insertMeta("bool", openvdb::BoolMetadata(true));
        map->insertMeta("double", openvdb::DoubleMetadata(0.5));
        map->insertMeta("float", openvdb::FloatMetadata(0.5f));
        map->insertMeta("int32", openvdb::Int32Metadata(-5));
        map->insertMeta("int64", openvdb::Int64Metadata(-5));
        map->insertMeta("string", openvdb::StringMetadata("some text"));
        map->insertMeta("nothing", openvdb::StringMetadata(""));
        map->insertMeta("vec2i", openvdb::Vec2IMetadata(openvdb::Vec2i(1)));
        map->insertMeta("vec2s", openvdb::Vec2SMetadata(openvdb::Vec2s(1)));
        map->insertMeta("vec2d", openvdb::Vec2DMetadata(openvdb::Vec2d(1)));
        map->insertMeta("vec3i", openvdb::Vec3IMetadata(openvdb::Vec3i(1)));
        map->insertMeta("vec3s", openvdb::Vec3SMetadata(openvdb::Vec3s(1)));
        map->insertMeta("vec3d", openvdb::Vec3DMetadata(openvdb::Vec3d(1)));
        map->insertMeta("vec4i", openvdb::Vec4IMetadata(openvdb::Vec4i(1)));
        map->insertMeta("vec4s", openvdb::Vec4SMetadata(openvdb::Vec4s(1)));
        map->insertMeta("vec4d", openvdb::Vec4DMetadata(openvdb::Vec4d(1)));
        map->insertMeta("mat4s", openvdb::Mat4SMetadata(openvdb::Mat4s::identity()));
        map->insertMeta("mat4d", openvdb::Mat4DMetadata(openvdb::Mat4d::identity()));
        openvdb::UnknownMetadata unknown("mystery");
        unknown.setValue({1, 2, 3, 4, 5});
        map->insertMeta("unknown", unknown);
    }
    save("facts-floats", {grid}, 6, true, facts);
}

template <typename Grid>
openvdb::GridBase::Ptr of_type(const char *name, const typename Grid::ValueType &value) {
    typename Grid::Ptr grid = Grid::create();
    typename Grid::Accessor access = grid->getAccessor();
    for (int i = 0; i < 40; i++) access.setValueOn(Coord(i % 9, i, (i * i) % 11), value);
    grid->setName(name);
    return grid;
}

/* A grid of each type, the floats last: who wants those has to find a way past the others. */
openvdb::GridCPtrVec types() {
    using namespace openvdb;
    GridBase::Ptr half = of_type<Vec3SGrid>("half", Vec3s(1, 2, 3));
    half->setSaveFloatAsHalf(true);
    return {of_type<BoolGrid>("bool", true),      of_type<MaskGrid>("mask", true),
            of_type<DoubleGrid>("double", 2),     of_type<Int32Grid>("int32", -3),
            of_type<Int64Grid>("int64", 1L << 40), of_type<Vec3IGrid>("vec3i", Vec3i(1, 2, 3)),
            of_type<Vec3DGrid>("vec3d", Vec3d(1, 2, 3)),
            of_type<Vec3SGrid>("vec3s", Vec3s(1, 2, 3)), half};
}

void write_several() {
    using namespace openvdb;
    const std::vector<Vec3d> places = {{0, 0, 0}, {1, 2, 3}, {30, 2, 9}};
    const auto transform = math::Transform::createLinearTransform(1);
    const auto points = points::createPointDataGrid<points::NullCodec, points::PointDataGrid>(
        places, *transform);
    points->setName("points");
    const points::PointAttributeVector<Vec3d> list(places);
    auto index = tools::createPointIndexGrid<tools::PointIndexGrid>(list, *transform);
    index->setName("index");
    FloatGrid::Ptr grid = floats(), twin = floats();
    twin->setName("twin");
    for (const Layout &layout : layouts) {
        GridCPtrVec all = types();
        all.push_back(grid);
        save(std::string(layout.name) + "-several", all, layout.flags, true);
        save(std::string(layout.name) + "stream-several", all, layout.flags, false);
    }
    save("points-several", {points, index, grid}, 6, true);
    save("pointslast-several", {grid, points, index}, 6, false);
    save("pointsfirst", {points, grid}, 6, false);
    save("pointsonly", {points}, 6, true);
    save("equal-several", {floats(), grid, twin}, 6, true);
    FloatGrid::Ptr instance = grid->copy();
    instance->setName("instance");
    instance->setTransform(math::Transform::createLinearTransform(2));
    save("instance-several", {twin, grid, instance}, 6, true);
    save("instancestream-several", {twin, grid, instance}, 3, false);
}

}  // namespace

int main(int count, char **words) {
    if (count != 2) return 2;
    folder = words[1];
    openvdb::initialize();
    write_layouts();
    write_maps();
    write_facts();
    write_several();
    return 0;
}
