/*
 * vdb_tree.cc - topology, then the buffers of all leaves, behind vdb_tree.h.
 *
 * What always holds: memory is that of one node per level; what a node of the file needs is checked
 * before the next one is looked at, so time grows with the bytes that are there.
 *
 *     topology: [1][background][tiles][children]
 *               [tile: x y z, value, is active] ... [child: x y z, node of 32^3] ...
 *     node:     [mask of children][mask of active values][values][node of 16^3, or leaf] ...
 *     leaf:     [mask of active values]; its values come behind the topology, leaf by leaf
 */
#include "vdb_tree.h"

#include <algorithm>
#include <array>
#include <vector>

namespace sdf {
namespace {

constexpr uint64_t leaf_slots = 512, lower_slots = 4096, upper_slots = 32768;
constexpr uint32_t root_child_side = 4096;
constexpr uint64_t coordinate_bytes = 12;

/* sizeof of OpenVDB's nodes of floats, and malloc's 16 for each. */
constexpr uint64_t leaf_memory = 96 + 512 * 4 + 32;
constexpr uint64_t lower_memory = 33808 + 16, upper_memory = 270352 + 16;

const GridType grid_types[] = {
    {"Tree_float_5_4_3", "float", 4, 2, LeafKind::values, 0},
    {"Tree_double_5_4_3", "double", 8, 2, LeafKind::values, 0},
    {"Tree_int32_5_4_3", "int32", 4, 0, LeafKind::values, 0},
    {"Tree_int64_5_4_3", "int64", 8, 0, LeafKind::values, 0},
    {"Tree_vec3i_5_4_3", "vec3i", 12, 0, LeafKind::values, 0},
    {"Tree_vec3s_5_4_3", "vec3s", 12, 6, LeafKind::values, 0},
    {"Tree_vec3d_5_4_3", "vec3d", 24, 6, LeafKind::values, 0},
    {"Tree_bool_5_4_3", "bool", 1, 0, LeafKind::masks, 64 + 12 + 64},
    {"Tree_mask_5_4_3", "mask", 1, 0, LeafKind::masks, 64 + 12},
    {"Tree_ptidx32_5_4_3", "ptidx32", 4, 0, LeafKind::unknown, 0},
    {"Tree_ptdataidx32_5_4_3", "ptdataidx32", 4, 0, LeafKind::unknown, 0},
};

class TreeWalk {
  public:
    TreeWalk(ByteReader &reader, const GridType &type, const ValueLayout &layout)
        : reader_(reader), type_(type), layout_(layout) {}

    void topology() {
        reader_.skip(4, "the number of buffers");
        reader_.skip(layout_.value_bytes, "the background");
        const uint64_t tile_bytes = coordinate_bytes + layout_.value_bytes + 1;
        /* Both counts come before the tiles, so the tiles are held against the rest once more. */
        const uint64_t tiles = reader_.count("tiles", tile_bytes);
        const uint64_t children = reader_.count("children of the root", coordinate_bytes);
        if (tiles * tile_bytes > reader_.left())
            reader_.fail(std::to_string(tiles) + " tiles are more than the bytes left");
        for (uint64_t i = 0; i < tiles; i++) {
            place();
            reader_.skip(layout_.value_bytes, "the value of a tile");
            if (reader_.number<uint8_t>("a tile") > 1)
                reader_.fail("a tile is neither active nor inactive");
        }
        for (uint64_t i = 0; i < children; i++) {
            place();
            node(upper_slots);
        }
        std::sort(places_.begin(), places_.end());
        if (std::adjacent_find(places_.begin(), places_.end()) != places_.end())
            reader_.fail("the root has two nodes at one place");
    }

    void leaves() {
        for (uint64_t i = 0; i < leaves_; i++) {
            if (type_.leaf_kind == LeafKind::masks)
                reader_.skip(type_.leaf_bytes, "a leaf");
            else
                leaf();
        }
    }

    uint64_t memory() const { return memory_; }

  private:
    void place() {
        std::array<int32_t, 3> at;
        const uint64_t start = reader_.position();
        reader_.read(at.data(), sizeof at, "the place of a node");
        for (int32_t along : at) {
            if (static_cast<uint32_t>(along) % root_child_side != 0)
                reader_.fail_at(start, "a node of the root lies at " + std::to_string(along) +
                                           ", no multiple of 4096");
        }
        places_.push_back(at);
    }

    /* Number of bits that are set; `words` has room for one per 64 slots. */
    uint64_t mask(uint64_t slots, uint64_t *words, const char *what) {
        uint64_t count = 0;
        reader_.read(words, slots / 8, what);
        for (uint64_t i = 0; i < slots / 64; i++)
            count += static_cast<uint64_t>(__builtin_popcountll(words[i]));
        return count;
    }

    void node(uint64_t slots) {
        uint64_t words[upper_slots / 64];
        const uint64_t children = mask(slots, words, "the mask of children");
        const uint64_t active = mask(slots, words, "the mask of active values");
        /* Before masks were compressed, the places of children had no values. */
        const uint64_t values = layout_.version < VDB_NODE_MASKS ? slots - children : slots;
        walk_values(reader_, layout_, values, active, true);
        memory_ += slots == upper_slots ? upper_memory : lower_memory;
        if (slots == upper_slots) {
            for (uint64_t i = 0; i < children; i++) node(lower_slots);
            return;
        }
        reader_.skip(children * leaf_slots / 8, "the masks of leaves");
        memory_ += children * leaf_memory;
        leaves_ += children;
    }

    void leaf() {
        uint64_t words[leaf_slots / 64];
        const uint64_t active = mask(leaf_slots, words, "the mask of a leaf");
        int buffers = 1;
        if (layout_.version < VDB_NODE_MASKS) {
            reader_.skip(coordinate_bytes, "the place of a leaf");
            buffers = reader_.number<int8_t>("the number of a leaf's buffers");
        }
        walk_values(reader_, layout_, leaf_slots, active, false);
        ValueLayout more = layout_;
        more.compression &= VDB_ZIP;
        for (int i = 1; i < buffers; i++) walk_chunk(reader_, more, leaf_slots, false);
    }

    ByteReader &reader_;
    const GridType &type_;
    const ValueLayout &layout_;
    std::vector<std::array<int32_t, 3>> places_;
    uint64_t leaves_ = 0, memory_ = 0;
};

}  // namespace

const GridType *find_grid_type(const std::string &name) {
    for (const GridType &type : grid_types) {
        if (name == type.name) return &type;
    }
    return nullptr;
}

uint64_t walk_tree(ByteReader &reader, const GridType &type, const ValueLayout &layout) {
    TreeWalk walk(reader, type, layout);
    walk.topology();
    walk.leaves();
    return walk.memory();
}

}  // namespace sdf
