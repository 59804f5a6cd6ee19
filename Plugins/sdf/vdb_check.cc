/*
 * vdb_check.cc - header and grids of a VDB, behind vdb_check.h.
 *
 * What always holds: grids are read one behind the other, as OpenVDB reads a stream; the offsets in
 * the file serve only to get past grids of points, whose leaves nobody here can read.
 *
 *     [magic 8][version 4][library 4 + 4][has offsets 1][zip 1: before version 222][identity 36]
 *     [metadata][number of grids 4] then for each: [name][type][parent][start, leaves, end: 8 each]
 *     [compression 4: since version 222][metadata][transform][tree, but for one that is shared]
 */
#include "vdb_check.h"

#include <cctype>

#include "sdf_volume.h"

namespace sdf {
namespace {

constexpr size_t magic_bytes = 8, identity_bytes = 36;
const char identity[] = "00000000-0000-0000-0000-000000000000"; /* nobody looks at it */
constexpr uint64_t grid_bytes_min = 3 * 4 + 3 * 8 + 4 + 4;
constexpr size_t name_bytes_max = 64 * 1024;
const char half_suffix[] = "_HalfFloat";
const char name_separator = '\x1e'; /* between a name and the number that makes it unique */

struct Header {
    uint32_t version;
    bool has_offsets;
    uint32_t compression; /* where grids do not say */
    uint64_t bytes;       /* before the identity */
};

std::string number_bytes(uint32_t value) {
    return std::string(reinterpret_cast<const char *>(&value), sizeof value);
}

Header walk_header(ByteReader &reader) {
    reader.enter("the header");
    Header header{};
    reader.skip(magic_bytes, "the magic number");
    header.version = reader.number<uint32_t>("the version of the format");
    if (header.version < VDB_FIRST_PUBLIC)
        throw Failure(GAM_UNSUPPORTED, "version " + std::to_string(header.version) +
                                           " of the VDB format is not read; 220, the first that "
                                           "was published, and later ones are");
    reader.skip(8, "the version of the library");
    header.has_offsets = reader.number<uint8_t>("the flag of offsets") != 0;
    if (header.version < VDB_NODE_MASKS)
        header.compression = reader.number<uint8_t>("the flag of compression") != 0 ? 1 : 0;
    header.bytes = reader.position();
    char found[identity_bytes];
    reader.read(found, sizeof found, "the identity");
    for (size_t i = 0; i < sizeof found; i++) {
        const auto letter = static_cast<unsigned char>(found[i]);
        if (identity[i] == '-' ? letter != '-' : !isxdigit(letter))
            reader.fail_at(header.bytes + i, "the identity is none");
    }
    return header;
}

/* Past leaves of points, by the offset of the grid's end. False: there is none. */
bool leap(ByteReader &reader, const Header &header, const int64_t *offsets, uint64_t start) {
    const uint64_t here = reader.position(), size = here + reader.left();
    const uint64_t end = static_cast<uint64_t>(offsets[2]);
    if (!header.has_offsets) return false;
    if (static_cast<uint64_t>(offsets[0]) != start || end < here || end > size)
        reader.fail("the offsets " + std::to_string(offsets[0]) + " and " +
                    std::to_string(offsets[2]) + " do not enclose the grid");
    reader.skip(end - here, "points");
    return true;
}

std::string without_number(const std::string &unique_name) {
    return unique_name.substr(0, unique_name.find(name_separator));
}

const GridType *walk_type(ByteReader &reader) {
    const uint64_t start = reader.position();
    std::string name = reader.text("the type of a grid");
    const size_t length = sizeof half_suffix - 1;
    const size_t end = name.size() < length ? 0 : name.size() - length;
    if (name.compare(end, length, half_suffix) == 0) name.resize(end);
    const GridType *type = find_grid_type(name);
    if (type == nullptr) reader.fail_at(start, "there is no type of grids of this name");
    return type;
}

/* False: where the grid ends is not known. */
bool walk_grid(ByteReader &reader, const Header &header, CheckedGrid &grid) {
    const uint64_t start = reader.position();
    grid.unique_name = reader.text("the name of a grid", name_bytes_max);
    reader.enter("grid \"" + without_number(grid.unique_name).substr(0, 60) + "\"");
    grid.type = walk_type(reader);
    grid.parent = reader.text("the name of the grid whose tree is shared", name_bytes_max);
    int64_t offsets[3];
    reader.read(offsets, sizeof offsets, "the offsets of a grid");
    const uint64_t body = reader.position();
    ValueLayout layout{header.version, header.compression, grid.type->value_bytes, 0};
    if (header.version >= VDB_NODE_MASKS)
        layout.compression = reader.number<uint32_t>("the compression of a grid");
    grid.pieces.push_back({start, reader.position(), ""});
    const Facts facts = walk_facts(reader);
    grid.name = facts.name;
    layout.half_bytes = facts.is_half ? grid.type->half_bytes : 0;
    grid.pieces.insert(grid.pieces.end(), facts.pieces.begin(), facts.pieces.end());
    const uint64_t rest = reader.position();
    walk_transform(reader, header.version);
    bool is_whole = true;
    if (grid.parent.empty() && grid.type->leaf_kind == LeafKind::unknown)
        is_whole = leap(reader, header, offsets, body);
    else if (grid.parent.empty())
        grid.memory_bytes = walk_tree(reader, *grid.type, layout);
    grid.pieces.push_back({rest, reader.position(), ""});
    return is_whole;
}

std::string names(const CheckedVdb &file) {
    std::string text;
    for (size_t i = 0; i < file.grids.size() && i < 8; i++)
        text += (i > 0 ? ", " : "") + file.grids[i].name;
    return text;
}

const CheckedGrid &choose(const CheckedVdb &file, const std::string &name) {
    if (file.grids.empty()) throw Failure(GAM_UNSUPPORTED, "the file has no grids");
    if (name.empty() && file.grids.size() == 1 && file.is_whole) return file.grids[0];
    for (const CheckedGrid &grid : file.grids) {
        if (!name.empty() && grid.name == name) return grid;
    }
    if (!file.is_whole)
        throw Failure(GAM_UNSUPPORTED, "the file is a stream, and what lies behind its grid \"" +
                                           file.grids.back().name +
                                           "\" of points cannot be found; write it with offsets");
    throw Failure(GAM_UNSUPPORTED, "the file has several grids; keep one of them with "
                                   "--set grid=NAME: " + names(file));
}

/* The grid whose tree `grid` shares: the last of that name, as OpenVDB has it. */
const CheckedGrid &parent_of(const CheckedVdb &file, const CheckedGrid &grid) {
    const CheckedGrid *found = nullptr;
    for (const CheckedGrid &other : file.grids) {
        if (other.unique_name == grid.parent) found = &other;
    }
    if (found == nullptr || !found->parent.empty() || found->type != grid.type)
        throw Failure(GAM_BAD_INPUT, "the VDB is damaged: grid \"" + grid.name +
                                         "\" shares the tree of one that is not in the file");
    return *found;
}

}  // namespace

CheckedVdb check_vdb(const gam_input *input) {
    ByteReader reader(input);
    const Header header = walk_header(reader);
    CheckedVdb file{"", {}, true};
    file.head.resize(header.bytes);
    ByteReader(input).read(file.head.data(), header.bytes, "the header");
    file.head += identity + number_bytes(0);
    reader.enter("the metadata of the file");
    walk_facts(reader);
    const uint64_t count = reader.count("grids", grid_bytes_min);
    for (uint64_t i = 0; i < count && file.is_whole; i++) {
        reader.enter("grid " + std::to_string(i + 1));
        file.grids.emplace_back();
        const bool has_end = walk_grid(reader, header, file.grids.back());
        file.is_whole = has_end || i + 1 == count;
    }
    return file;
}

std::vector<Piece> pieces_of(const CheckedVdb &file, const std::string &name,
                             uint64_t memory_bytes_max) {
    const CheckedGrid &grid = choose(file, name);
    if (std::string(grid.type->value_name) != "float")
        throw Failure(GAM_UNSUPPORTED, std::string("a grid of type ") + grid.type->value_name +
                                           " is not kept; convert it to float");
    const CheckedGrid *parent = grid.parent.empty() ? nullptr : &parent_of(file, grid);
    const uint64_t memory_bytes = (parent == nullptr ? grid : *parent).memory_bytes;
    if (memory_bytes > memory_bytes_max)
        throw Failure(GAM_LIMIT, "the tree of the grid takes " + std::to_string(memory_bytes) +
                                     " bytes, more than the limit of " +
                                     std::to_string(memory_bytes_max));
    std::vector<Piece> pieces{{0, 0, file.head + number_bytes(parent == nullptr ? 1 : 2)}};
    for (const CheckedGrid *wanted : {parent, &grid}) {
        if (wanted != nullptr)
            pieces.insert(pieces.end(), wanted->pieces.begin(), wanted->pieces.end());
    }
    return pieces;
}

}  // namespace sdf
