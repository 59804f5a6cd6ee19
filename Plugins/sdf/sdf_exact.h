/*
 * sdf_exact.h - how OpenVDB has to write a grid of floats so that no value changes. Includes its
 * headers, as sdf_volume.cc does.
 *
 * What always holds: only inactive values of nodes can change, and the background of a half grid.
 * The writer replaces inactive values by masks where those that compare equal are two at most - but
 * -0 and 0 do, and NaN and NaN do not - and stores halves of those that are left, which active
 * values of a half grid are already.
 */
#ifndef GAM_SDF_EXACT_H
#define GAM_SDF_EXACT_H

#include <openvdb/io/Compression.h>
#include <openvdb/openvdb.h>

#include <cstring>
#include <vector>

namespace sdf {

enum class Writing { with_masks, without_masks, impossible };

/* One way to write a grid, held against all of its inactive values. */
class WritingTrial {
  public:
    WritingTrial(const openvdb::FloatGrid &grid, bool has_masks)
        : background_(grid.background()), is_half_(grid.saveFloatAsHalf()), has_masks_(has_masks) {}

    template <typename Node>
    bool keeps(const Node &node) const {
        std::vector<float> values(Node::NUM_VALUES);
        for (openvdb::Index i = 0; i < Node::NUM_VALUES; i++)
            values[i] = node.isChildMaskOff(i) ? node.getTable()[i].getValue() : 0;
        if (!keeps_values(values.data(), node.getValueMask(), node.getChildMask())) return false;
        for (auto child = node.cbeginChildOn(); child; ++child) {
            if (!keeps(*child)) return false;
        }
        return true;
    }

    bool keeps(const openvdb::FloatTree::LeafNodeType &leaf) const {
        using Mask = openvdb::FloatTree::LeafNodeType::NodeMaskType;
        return keeps_values(leaf.buffer().data(), leaf.getValueMask(), Mask());
    }

  private:
    float stored(float value) const {
        return is_half_ ? openvdb::io::truncateRealToHalf(value) : value;
    }

    /* What OpenVDB's reader would make of each inactive value. */
    template <typename Mask>
    bool keeps_values(const float *values, const Mask &active, const Mask &children) const {
        using namespace openvdb::io;
        const MaskCompress<float, Mask> packed(active, children, values, background_);
        const int kind = has_masks_ ? packed.metadata : NO_MASK_AND_ALL_VALS;
        const bool selects = kind == MASK_AND_NO_INACTIVE_VALS ||
                             kind == MASK_AND_ONE_INACTIVE_VAL ||
                             kind == MASK_AND_TWO_INACTIVE_VALS;
        const bool is_minus = kind == NO_MASK_AND_MINUS_BG || kind == MASK_AND_NO_INACTIVE_VALS;
        const float first = kind == NO_MASK_OR_INACTIVE_VALS ? background_
                            : is_minus                       ? -background_
                                                             : stored(packed.inactiveVal[0]);
        const float second =
            kind == MASK_AND_TWO_INACTIVE_VALS ? stored(packed.inactiveVal[1]) : background_;
        for (auto place = active.beginOff(); place; ++place) {
            if (children.isOn(place.pos())) continue;
            const float value = values[place.pos()];
            const bool is_second = selects && packed.eq(value, packed.inactiveVal[1]);
            const float read = kind == NO_MASK_AND_ALL_VALS ? stored(value)
                               : is_second                  ? second
                                                            : first;
            if (std::memcmp(&read, &value, sizeof value) != 0) return false;
        }
        return true;
    }

    float background_;
    bool is_half_, has_masks_;
};

/* A half grid gets a half as its background; tiles of the root keep all their bits. */
inline bool keeps_background(const openvdb::FloatGrid &grid) {
    const float value = grid.background(), half = openvdb::io::truncateRealToHalf(value);
    return !grid.saveFloatAsHalf() || std::memcmp(&half, &value, sizeof value) == 0;
}

inline Writing exact_writing(const openvdb::FloatGrid &grid) {
    if (!keeps_background(grid)) return Writing::impossible;
    for (bool has_masks : {true, false}) {
        const WritingTrial trial(grid, has_masks);
        bool keeps_all = true;
        for (auto child = grid.tree().root().cbeginChildOn(); child && keeps_all; ++child)
            keeps_all = trial.keeps(*child);
        if (keeps_all) return has_masks ? Writing::with_masks : Writing::without_masks;
    }
    return Writing::impossible;
}

}  // namespace sdf

#endif
