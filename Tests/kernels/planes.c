// Kernels of pictures and volumes, chained as a shard runs them: gather, infer, landscape, trace.
//
// What always holds here: every input is within the limits the header states.
#include "driver.h"

enum { PLANE = 2048, MIDDLE = 900, SYMBOLS = COUNTS * GAM_BATCH_MAX };

static int32_t planes[8][PLANE];
static gam_batch batch;
static gam_landscapes landscapes;
static int16_t weights[3][GAM_HIDDEN_MAX * GAM_INPUTS_MAX];
static int32_t biases[3][GAM_HIDDEN_MAX];
static uint32_t symbols[SYMBOLS];
static uint8_t bits[SYMBOLS * GAM_VALUE_BYTES_MAX], known[GAM_BATCH_STRIDE];
static uint16_t words[SYMBOLS];
static int32_t floors[GAM_BATCH_STRIDE];
static int32_t values[GAM_BATCH_STRIDE], found[GAM_BATCH_STRIDE], kept[2][GAM_BATCH_STRIDE];

typedef struct {
    uint64_t gathered, inferred, shaped, priced, recalled, lost, kept, lower, lower_lost;
} hashes;

static gam_stencil make_stencil(gam_base base, int32_t ahead) {
    gam_stencil s = {GAM_OWN_MAX, base == GAM_BASE_GRADIENT ? 6 : 8, GAM_PREVIOUS_MAX, ahead, base,
                     {0}, {0}, {0}, {0}, {0}};
    fill_numbers(s.own, GAM_OWN_MAX, -300, -1);
    fill_numbers(s.error, GAM_ERRORS_MAX, -300, -1);
    fill_numbers(s.previous, GAM_PREVIOUS_MAX, -300, 300);
    fill_numbers(s.previous_error, 2, -300, -1);
    fill_numbers(s.ahead, GAM_AHEAD_MAX, -300, 300);
    return s;
}

static gam_run make_run(int32_t previous, int32_t ahead, int32_t low, int32_t high, int32_t wide) {
    for (int p = 0; p < 8; p++) {
        if (p % 2 == 0) fill_numbers(planes[p], PLANE, low, high);
        else fill_numbers(planes[p], PLANE, -GAM_DIFFERENCE_MAX, GAM_DIFFERENCE_MAX);
        // Errors of all sizes: small ones make narrow landscapes.
        if (p % 2) for (int i = 0; i < PLANE; i++) planes[p][i] >>= number() % 27;
    }
    return (gam_run){planes[0] + MIDDLE, planes[1] + MIDDLE,
                     {planes[2] + MIDDLE, planes[4] + MIDDLE},
                     {planes[3] + MIDDLE, planes[5] + MIDDLE},
                     ahead ? planes[6] + MIDDLE : NULL, previous, low, high, wide};
}

/// |weight| <= 2000: sum |w| * bound + |bias| stays below 2^31 for 64 units of at most 8191.
static gam_network make_network(int32_t inputs, int32_t hidden, int32_t components) {
    for (int l = 0; l < 3; l++) {
        for (int i = 0; i < GAM_HIDDEN_MAX * GAM_INPUTS_MAX; i++)
            weights[l][i] = (int16_t)between(-2000, 2000);
        fill_numbers(biases[l], GAM_HIDDEN_MAX, -(1 << 24), 1 << 24);
    }
    return (gam_network){inputs, hidden, components, weights[0], weights[1], weights[2],
                         biases[0], biases[1], biases[2]};
}

static void choose_values(int32_t count, int32_t low, int32_t high) {
    for (int32_t i = 0; i < count; i++) {
        int64_t reach = (int64_t)1 << number() % 20, v = batch.base[i];
        v += (int64_t)(number() >> 20) % (2 * reach + 1) - reach;
        if (number() % 50 == 0) v = between(low, high);
        values[i] = (int32_t)(v < low ? low : v > high ? high : v);
        known[i] = number() % 8 == 0;
    }
}

static void mix_landscapes(uint64_t *hash, int32_t components, int32_t count) {
    for (int32_t k = 0; k < components; k++) {
        mix_numbers(hash, landscapes.whole[k], count);
        mix_numbers(hash, landscapes.part[k], count);
        mix_numbers(hash, landscapes.step[k], count);
        mix_numbers(hash, landscapes.weight[k], count);
    }
    mix_numbers(hash, landscapes.first, count);
    mix_numbers(hash, landscapes.last, count);
    mix_numbers(hash, landscapes.shift, count);
    mix_numbers(hash, landscapes.centre, count);
    mix_numbers(hash, landscapes.reach, count);
}

static void recall(named_level by, uint64_t *hash, gam_reader reader, int32_t components,
                   int32_t count, const gam_run *run) {
    for (int32_t i = 0; i < count; i++) found[i] = known[i] ? values[i] : 0;
    gam_recall_trace(by.level, &reader, components, count, &landscapes, batch.base, run->low,
                     run->high, known, found);
    mix_numbers(hash, found, count);
    mix_numbers(hash, &reader.failed, 1);
    mix(hash, reader.state, sizeof reader.state);
}

/// Writes values, recalls them, and recalls what is left of a cut and a made-up trace.
static void drive_trace(named_level by, hashes *h, int32_t components, int32_t count,
                        const gam_run *run) {
    gam_writer writer = {symbols, 0, SYMBOLS, bits, 0, sizeof bits, 0, 0};
    gam_price_trace(by.level, &writer, components, count, &landscapes, batch.base, known, values);
    gam_reader reader = {{0}, words, words, bits, bits, 0, 0, 0, 0};
    reader.words_end += gam_finish_trace(&writer, words, SYMBOLS, reader.state);
    reader.bits_end += writer.bit_bytes;
    mix(&h->priced, words, (size_t)((const uint8_t *)reader.words_end - (const uint8_t *)words));
    mix(&h->priced, bits, writer.bit_bytes);
    mix(&h->priced, reader.state, sizeof reader.state);
    recall(by, &h->recalled, reader, components, count, run);
    uint64_t truth = 0, same = 0;
    mix_numbers(&truth, values, count);
    mix_numbers(&same, found, count);
    if (truth != same) __builtin_trap();
    if (reader.words_end > words) reader.words_end--;
    recall(by, &h->lost, reader, components, count, run);
    for (int i = 0; i < SYMBOLS; i++) words[i] = (uint16_t)number();
    reader.words_end = words + SYMBOLS;
    recall(by, &h->lost, reader, components, count, run);
}

static void recall_lower(uint64_t *hash, gam_reader reader, int32_t components, int32_t count,
                         gam_lower lower) {
    for (int32_t i = 0; i < count; i++) found[i] = known[i] ? values[i] : 0;
    gam_recall_lower(&reader, components, count, &landscapes, batch.base, lower, known, found);
    mix_numbers(hash, found, count);
    mix_numbers(hash, &reader.failed, 1);
    mix(hash, reader.state, sizeof reader.state);
}

/// The same for values whose upper bits are known.
static void drive_lower(hashes *h, int32_t components, int32_t count, const gam_run *run) {
    int32_t apart = between(1, 16);
    for (int32_t i = 0; i < count; i++)
        floors[i] = (int32_t)((uint32_t)(values[i] >> apart) << apart);
    gam_lower lower = {floors, apart, run->low, run->high};
    gam_writer writer = {symbols, 0, SYMBOLS, bits, 0, sizeof bits, 0, 0};
    gam_price_lower(&writer, components, count, &landscapes, batch.base, lower, known, values);
    gam_reader reader = {{0}, words, words, bits, bits, 0, 0, 0, 0};
    reader.words_end += gam_finish_trace(&writer, words, SYMBOLS, reader.state);
    reader.bits_end += writer.bit_bytes;
    mix(&h->lower, bits, writer.bit_bytes);
    recall_lower(&h->lower, reader, components, count, lower);
    uint64_t truth = 0, same = 0;
    mix_numbers(&truth, values, count);
    mix_numbers(&same, found, count);
    if (truth != same) __builtin_trap();
    if (reader.words_end > words) reader.words_end--;
    recall_lower(&h->lower_lost, reader, components, count, lower);
    for (int i = 0; i < SYMBOLS; i++) words[i] = (uint16_t)number();
    reader.words_end = words + SYMBOLS;
    recall_lower(&h->lower_lost, reader, components, count, lower);
}

static void drive_batch(named_level by, hashes *h, const gam_stencil *s, const gam_run *run,
                        const gam_network *network, int32_t count) {
    // In two runs, as the sheets of small shards are; the later one writes behind the earlier.
    int32_t part = count / 3;
    if (part > 0) gam_gather(by.level, s, run, 0, part, &batch);
    gam_gather(by.level, s, run, part, count - part, &batch);
    mix_batch(&h->gathered, &batch, count, network->inputs);
    gam_infer(by.level, network, count, &batch);
    for (int32_t o = 0; o < 3 * network->components - 1; o++)
        mix_numbers(&h->inferred, batch.outputs[o], count);
    for (int32_t o = 0; o < network->components; o++)  // else all centres lie far outside
        for (int32_t i = 0; i < count; i++) batch.outputs[o][i] >>= 8 + o;
    gam_landscape(by.level, network->components, run->low, run->high, count, &batch, &landscapes);
    mix_landscapes(&h->shaped, network->components, count);
    choose_values(count, run->low, run->high);
    drive_trace(by, h, network->components, count, run);
    drive_lower(h, network->components, count, run);
    gam_keep(&batch, 0, count, values, kept[0], kept[1]);
    mix_numbers(&h->kept, kept[0], count);
    mix_numbers(&h->kept, kept[1], count);
}

void drive_planes(named_level by) {
    static const int32_t low[] = {0, -(1 << 15), INT32_MIN}, high[] = {255, 32767, INT32_MAX};
    hashes h = {0};
    seed_numbers(1);
    for (int i = 0; i < COUNTS; i++)
        for (int kind = 0; kind < 12; kind++) {
            const int range = kind % 3, previous = kind / 4, ahead = kind % 2;
            gam_stencil s = make_stencil(kind % 4 < 2 ? GAM_BASE_GRADIENT : GAM_BASE_LORENZO, 2);
            gam_run run = make_run(previous, ahead, low[range], high[range], range == 2);
            int32_t inputs = gam_input_count(&s, previous), components = 1 + (i + kind) % 3;
            gam_network network = make_network(inputs, 8 << components, components);
            drive_batch(by, &h, &s, &run, &network, counts[i]);
        }
    tell_hash("gather", by, h.gathered);
    tell_hash("infer", by, h.inferred);
    tell_hash("landscape", by, h.shaped);
    tell_hash("price_trace", by, h.priced);
    tell_hash("recall_trace", by, h.recalled);
    tell_hash("recall_trace-damaged", by, h.lost);
    tell_hash("lower", by, h.lower);
    tell_hash("lower-damaged", by, h.lower_lost);
    tell_hash("keep", by, h.kept);
}
