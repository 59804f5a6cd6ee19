// The integer kernels of recall and the float kernels of fitting.
//
// What always holds here:
// - No function allocates, keeps state between calls or decides anything: callers own every buffer.
// - Recall kernels use integers only and give the same bits at every gam_level; the Swift reference
//   (GAMCore/Reference.swift and its parts) is the truth they are tested against.
// - Right shifts of negative numbers are arithmetic (floor), as clang and gcc define them.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- dispatch -----------------------------------------------------------------------------------

/// A level of another processor's kind must not be asked for.
typedef enum { GAM_BASELINE = 0, GAM_AVX2 = 1, GAM_AVX512 = 2, GAM_NEON = 3 } gam_level;

/// The best level this processor runs (AVX-512 means F, BW, VL, DQ, CD and VNNI; every 64-bit ARM
/// processor has NEON).
gam_level gam_level_best(void);

// ---- fixed-point conventions (docs/format.md, section "Integer contract") ----------------------

enum {
    GAM_INPUT_ONE = 256,        // one sigma at the network's input
    GAM_INPUT_MAX = 4096,       // inputs are clamped to +-16 sigma
    GAM_WEIGHT_SHIFT = 12,      // weights: 1.0 = 4096
    GAM_ACTIVATION_MAX = 8191,  // hidden units: 1.0 = 256, clamped to [0, 8191]
    GAM_INPUTS_MAX = 64,        // gathered ones
    GAM_STATISTICS = 16,        // inputs that are constant over a plane
    GAM_HIDDEN_MAX = 64,
    GAM_COMPONENTS_MAX = 3,
    GAM_BATCH_MAX = 256,        // positions of one batch
    GAM_BATCH_STRIDE = 272,     // room for vectors that reach past the last position
    GAM_OWN_MAX = 16,
    GAM_ERRORS_MAX = 8,
    GAM_PREVIOUS_MAX = 8,
    GAM_AHEAD_MAX = 2,
    GAM_TOTAL = 65536,          // probabilities of one position add up to this
    GAM_ESCAPE = 2,             // of which the escape symbol has this many
    GAM_BINS_MAX = 1023,        // bins to each side of the base value
    GAM_OCTAVE = 256,           // scales, logits: 1.0 octave = 256
    GAM_SCALE_MIN = -1280,      // narrowest component: 1/32 of a bin
    GAM_SCALE_MAX = 1791,       // widest: just below 128 bins
    GAM_STATES = 8,             // interleaved rANS states
    GAM_DIFFERENCE_MAX = 1 << 26
};

// ---- inputs of the field network ---------------------------------------------------------------

typedef enum { GAM_BASE_GRADIENT = 0, GAM_BASE_LORENZO = 1 } gam_base;

/// Where the neighbours of an address lie, as element offsets in its sheared plane.
/// own[0...2] are W, N, NW for the gradient base; own[0...6] are the seven corners for Lorenzo.
typedef struct {
    int32_t own_count, error_count, previous_count, ahead_count;
    gam_base base;
    int32_t own[GAM_OWN_MAX];
    int32_t error[GAM_ERRORS_MAX];
    int32_t previous[GAM_PREVIOUS_MAX];  // around the address in an already recalled plane
    int32_t previous_error[2];           // W and N there
    int32_t ahead[GAM_AHEAD_MAX];        // in the overview's interpolated plane
} gam_stencil;

/// Pointers to the first position of a run in every plane the stencil reads.
typedef struct {
    const int32_t *value, *error;                  // own plane
    const int32_t *previous_value[2], *previous_error[2];
    const int32_t *ahead;                          // NULL: no overview, its inputs are zero
    int32_t previous_planes;                       // 0...2
    int32_t low, high;                             // range of the own plane's values
    int32_t wide;                                  // 1: 64-bit differences are needed
} gam_run;

/// What the later stages know of each position of a batch. Entries past the count are garbage.
typedef struct {
    int32_t base[GAM_BATCH_STRIDE];      // origin of the landscape, in [low, high]
    int32_t fraction[GAM_BATCH_STRIDE];  // 1/256 steps added to the origin
    int32_t sigma[GAM_BATCH_STRIDE];     // local scale, 1/16 steps, 8 ... 2^30 + 8
    int32_t octaves[GAM_BATCH_STRIDE];   // log2 of it, 1/256 octaves
    int32_t inputs[GAM_INPUTS_MAX / 2][GAM_BATCH_STRIDE];        // pairs of int16, low half first
    int32_t outputs[GAM_COMPONENTS_MAX * 3 - 1][GAM_BATCH_STRIDE];   // accumulators, 2^20 = 1.0
} gam_batch;

/// Inputs that a stencil with `previous_planes` gives, rounded up to even.
int32_t gam_input_count(const gam_stencil *stencil, int32_t previous_planes);

/// Fills base, fraction, sigma, octaves and inputs for positions [at, at + count) of the batch.
void gam_gather(gam_level level, const gam_stencil *stencil, const gam_run *run, int32_t at,
                int32_t count, gam_batch *batch);

// ---- statistics of a plane ----------------------------------------------------------------------

/// Extents of a plane in C order; depth 1: two axes.
typedef struct {
    int32_t depth, height, width;
} gam_extents;

/// Bytes of scratch gam_statistics needs.
size_t gam_statistics_scratch(gam_extents extents);

/// What the values of a plane are like, in 1/16: log of the errors' mean size and its shape,
/// correlations with eight neighbours and with up to two previous planes (NULL: none) and their
/// relative sizes, zeros, clustering. Planes are [depth][height][width].
void gam_statistics(gam_level level, const int32_t *plane, const int32_t *previous,
                    const int32_t *second, gam_extents extents, void *scratch,
                    int8_t out[GAM_STATISTICS]);

// ---- field network -----------------------------------------------------------------------------

/// Weights of one network. Matrices are row-major [outputs][inputs], inputs in pairs; constant inputs
/// are in bias1 already.
typedef struct {
    int32_t inputs, hidden, components;  // inputs and hidden even
    const int16_t *weights1, *weights2, *weights3;
    const int32_t *bias1, *bias2, *bias3;
} gam_network;

/// outputs[0..K) offsets, [K..2K) log2 scales, [2K..3K-1) log2 odds of a component against those after
/// it, for positions [0, count).
void gam_infer(gam_level level, const gam_network *network, int32_t count, gam_batch *batch);

enum {
    GAM_ADAPTIVE_TAPS = 512,    // most taps of a shared adaptive filter, a multiple of 128
    GAM_LANE_TAPS = 16,         // taps of a lane's own adaptive filter
    GAM_ADAPTIVE_MOST = 16384   // predictions stay within 8 scales (1/2048 of a scale)
};

/// The adaptive filters of one channel of a causal shard (adaptive.c), at the step to recall.
/// Units: histories, rests and predictions 1/2048 of a scale; weights 2^30 = 1, rounded ones 2^14.
typedef struct {
    int32_t taps;                // of the shared filter: a multiple of 128; halves with a partner
    int32_t lanes;               // of the shard
    int32_t stride, room;        // elements from step to step, from lane to lane of a history
    int32_t partner_first;       // 0: the partner's value of this step is known, else 1
    int16_t *own;                // [lane][room], at this step; taps before it, zero before the lane
    const int16_t *partner;      // the same of the partner; NULL: none
    int32_t *weights;            // [taps], in an order of the level's own
    int16_t *rounded;            // [taps]
    int32_t *lane_weights;       // [GAM_LANE_TAPS][stride]
    int32_t *rests;              // [step][stride], at this step; GAM_LANE_TAPS rows before it
    int32_t *first, *second;     // [stride] predictions of the shared and the lanes' filters
    int32_t *heard;              // [stride] errors of the linear predictor
    int64_t *plain;              // [stride] linear predictions, 1/256 steps
} gam_adaptive;

/// Fills first and second for lanes [0, count).
void gam_adaptive_predict(gam_level level, const gam_adaptive *adaptive, int32_t count);

/// Where the past of one step of a causal shard lies. Arrays are [step][lane].
typedef struct {
    const int32_t *own, *own_error;          // at the step to recall, lane 0
    const int32_t *partner, *partner_error;  // the same in the partner channel; NULL: none
    int32_t stride;                          // elements from one step to the next, a multiple of 16
    int32_t own_order, cross_order;          // taps of the linear predictor
    int32_t cross_first;                     // 0: the partner's value of this step is known, else 1
    const int32_t *coefficients;             // [own_order + cross_order][stride], 1.0 = 65536
    const int32_t *averages[3], *partner_averages[3];  // of |error| >> down, 1.0 = 1024
    int32_t low, high, down, uses_partner;
    const gam_adaptive *adaptive;            // its predictions are added; NULL: none
} gam_causal;

/// Fills base, fraction, sigma, octaves and inputs for lanes [0, count), and the adaptive filters'
/// plain predictions.
void gam_gather_causal(gam_level level, const gam_causal *causal, int32_t count, gam_batch *batch);

/// Takes in the recalled values of lanes [0, count). `teaches` 0: only remembers them.
void gam_adaptive_learn(gam_level level, const gam_adaptive *adaptive, int32_t count,
                        const gam_batch *batch, const int32_t *values, int teaches);

/// Writes values and errors of lanes [0, count) back and moves the averages on. `age`: steps since
/// the averages began; young ones are plain means.
void gam_keep_causal(const gam_batch *batch, int32_t count, int32_t down, int32_t age,
                     const int32_t *values,
                     int32_t *own, int32_t *own_error, int32_t *const averages[3]);

/// Writes recalled values and their base errors back into a plane, `count` from batch position `at`.
void gam_keep(const gam_batch *batch, int32_t at, int32_t count, const int32_t *values,
              int32_t *value_plane, int32_t *error_plane);

// ---- landscape and trace -----------------------------------------------------------------------

/// The mixtures of a batch in bins of 2^shift values, bin 0 at the base value. The distance of the
/// lower edge of bin j from component k's centre is, in 1/1024 of its scale,
/// (j + whole[k]) * step[k] + part[k]; see landscape.c. Entries past the count are garbage.
typedef struct {
    int32_t whole[GAM_COMPONENTS_MAX][GAM_BATCH_STRIDE];
    int32_t part[GAM_COMPONENTS_MAX][GAM_BATCH_STRIDE];
    int32_t step[GAM_COMPONENTS_MAX][GAM_BATCH_STRIDE];
    int32_t weight[GAM_COMPONENTS_MAX][GAM_BATCH_STRIDE];  // sum = GAM_TOTAL - GAM_ESCAPE
    int32_t first[GAM_BATCH_STRIDE], last[GAM_BATCH_STRIDE];  // bins that can occur
    int32_t shift[GAM_BATCH_STRIDE];   // low bits coded outside the landscape
    int32_t centre[GAM_BATCH_STRIDE];  // bin around which a search starts
    int32_t reach[GAM_BATCH_STRIDE];   // log2 of the bins between the edges it looks at first
} gam_landscapes;

/// Landscapes of positions [0, count) of a batch.
void gam_landscape(gam_level level, int32_t components, int32_t low, int32_t high, int32_t count,
                   const gam_batch *batch, gam_landscapes *out);

/// Reader of one trace: interleaved 32-bit rANS states over 16-bit words, and a bit stream.
typedef struct {
    uint32_t state[GAM_STATES];
    const uint16_t *words, *words_end;   // unaligned little-endian
    const uint8_t *bits, *bits_end;
    uint64_t held; int32_t held_count;
    uint32_t position;                   // symbols read so far
    int32_t failed;                      // 1: the trace ended early or is inconsistent
} gam_reader;

/// Recalls `count` values; where known[i] != 0, values[i] is already there and stays. `base`: the
/// batch's bases, each in [low, high].
void gam_recall_trace(gam_level level, gam_reader *reader, int32_t components, int32_t count,
                      const gam_landscapes *landscapes, const int32_t *base, int32_t low,
                      int32_t high, const uint8_t *known, int32_t *values);

/// Writer of one trace: symbols in order, coded backwards by gam_finish_trace.
typedef struct {
    uint32_t *symbols; size_t symbol_count, symbol_capacity;  // start | frequency - 1 << 16
    uint8_t *bits; size_t bit_bytes, bits_capacity;
    uint64_t held; int32_t held_count;
} gam_writer;

/// Room a value may need in `bits`.
enum { GAM_VALUE_BYTES_MAX = 12 };

void gam_price_trace(gam_level level, gam_writer *writer, int32_t components, int32_t count,
                     const gam_landscapes *landscapes, const int32_t *base, const uint8_t *known,
                     const int32_t *values);

/// Values whose upper bits are known: each is in [floors[n], floors[n] + 2^bits), 1 <= bits <= 16, and
/// in [low, high].
typedef struct {
    const int32_t *floors;
    int32_t bits, low, high;
} gam_lower;

/// As gam_recall_trace and gam_price_trace, for the lower bits alone.
void gam_recall_lower(gam_reader *reader, int32_t components, int32_t count,
                      const gam_landscapes *landscapes, const int32_t *base, gam_lower lower,
                      const uint8_t *known, int32_t *values);
void gam_price_lower(gam_writer *writer, int32_t components, int32_t count,
                     const gam_landscapes *landscapes, const int32_t *base, gam_lower lower,
                     const uint8_t *known, const int32_t *values);

/// Writes the final bits, then the words (forwards) to `words`; returns how many of `capacity`
/// were used; the states are left in `states`. Never more words than symbols.
size_t gam_finish_trace(gam_writer *writer, uint16_t *words, size_t capacity,
                        uint32_t states[GAM_STATES]);

// ---- recall by likeness -------------------------------------------------------------------------

/// Bytes of scratch the two functions below need.
size_t gam_likeness_scratch(void);

/// Codes `count` points of 1 to 8 bytes in rows of `width` (a divisor of count); returns the bytes
/// used, 0 if `capacity` does not do. `lines` has room for four rows.
size_t gam_likeness_encode(const uint8_t *points, size_t count, size_t width, int32_t bytes,
                           void *scratch, uint64_t *lines, uint8_t *out, size_t capacity);

/// Recalls all points, whatever `in` holds.
void gam_likeness_decode(const uint8_t *in, size_t size, size_t count, size_t width, int32_t bytes,
                         void *scratch, uint64_t *lines, uint8_t *points);

#ifdef __cplusplus
}
#endif
