// Recall by likeness: a memory addressed by what lies around a point, for drawings and screens.
//
// What always holds here:
// - Integers only; reader and writer do the same steps in the same order and hold the same memory.
// - A reader never reads outside its input (zeros follow it) and always ends after all points.
// - Points are 1 to 8 bytes; rows are as wide as the fastest axis, all other axes are rows.
//
// Field networks predict values that vary smoothly. In drawings, plots and screens a point mostly
// repeats a neighbour, or follows where the same surroundings led to before. So each point is first
// asked whether it is its left, upper, upper left or upper right neighbour; if none, its bytes are
// told bit by bit. Every answer is predicted by eight memories - hashes of larger and larger
// surroundings - which a small gated network, trained by every answer, mixes in the logistic domain
// (context mixing; Mahoney 2005, "Adaptive weighing of context models"). Bytes on independent 256 x 256
// shards, overviews included, against whole-picture WebP -m 6: line art 90,648 : 111,236, plot 20,532 :
// 20,838, screen 39,846 : 42,994, ultrasound with overlays 96,496 : 106,156. Related questions share a
// cache line: that made files 0.6 % larger and took 1.1 us a point instead of 2.4, most of it spent waiting
// for memory.
#include "interval.h"

enum {
    MEMORIES = 8,
    SLOT_BITS = 20,
    LINE = 16,                    // slots of one cache line: the answers to related questions
    INPUTS = 2 * MEMORIES + 1,
    ROW = 24,                     // INPUTS rounded up
    FLAG_SETS = 256,              // gates: candidate and its side, four equalities around
    SETS = FLAG_SETS + 8 * 8 * 8, // byte, bit, candidates that failed
    TRUST_MOST = 60,
    DOMAIN = 4095,                // logistic domain: +-DOMAIN, 341 = 1
    WEIGHT_ONE = 65536,
    WEIGHT_MOST = 1 << 22
};

/// slots: probability of 1 in 16 bits, check 10 bits, answers seen 6 bits.
typedef struct {
    uint32_t slot[1 << SLOT_BITS];
    int32_t weight[SETS][ROW];
    int16_t stretched[4096];
    int32_t pull[TRUST_MOST + 1];  // 16384 / (answers + 3/2)
} memory;

size_t gam_likeness_scratch(void) { return sizeof(memory); }

INLINE uint32_t mixed(uint32_t a, uint32_t b) {
    a = (a + 0x9e3779b9u) * 0x85ebca6bu;
    a ^= a >> 15;
    a += b * 0xc2b2ae35u;
    a ^= a >> 13;
    a *= 0x27d4eb2fu;
    return a ^ (a >> 16);
}

/// The logistic function in 16 bits, never 0 or 1: the well function, 1024 = 1, three steps at a time.
INLINE int32_t squashed(int32_t d) {
    d = d < -DOMAIN ? -DOMAIN : d > DOMAIN ? DOMAIN : d;
    int32_t v = (int32_t)well_function(3 * d);
    return v < 1 ? 1 : v > 65535 ? 65535 : v;
}

static void forget(memory *m) {
    for (size_t i = 0; i < 1 << SLOT_BITS; i++) m->slot[i] = 0x80000000u;
    __builtin_memset(m->weight, 0, sizeof m->weight);
    for (int s = 0; s < SETS; s++)
        for (int i = 0; i < INPUTS; i++) m->weight[s][i] = WEIGHT_ONE * 15 / 100;
    int32_t d = -DOMAIN;
    for (int32_t p = 0; p < 4096; p++) {
        while (d < DOMAIN && squashed(d) < 16 * p + 8) d++;
        m->stretched[p] = (int16_t)d;
    }
    for (int32_t n = 0; n <= TRUST_MOST; n++) m->pull[n] = 32768 / (2 * n + 3);
}

// ---- one answer -----------------------------------------------------------------------------

/// The lines of eight keys are on their way into the cache.
INLINE void fetch(const memory *m, const uint32_t keys[MEMORIES]) {
    for (int i = 0; i < MEMORIES; i++)
        __builtin_prefetch(&m->slot[keys[i] & ((1 << SLOT_BITS) - LINE)], 1);
}

/// `node`: which slot of the keys' lines.
INLINE int answer(memory *m, interval *c, const uint32_t keys[MEMORIES], uint32_t node,
                  int32_t set, int bit) {
    uint32_t *slots[MEMORIES];
    int32_t input[ROW] = {0}, *weight = m->weight[set];
    for (int i = 0; i < MEMORIES; i++) {
        uint32_t *s = slots[i] = &m->slot[(keys[i] & ((1 << SLOT_BITS) - LINE)) + node];
        uint32_t check = keys[i] >> 22;
        if ((*s >> 6 & 1023) != check) *s = 0x80000000u | check << 6;
        int32_t seen = *s & 63, p = (int32_t)(*s >> 20);
        input[2 * i] = seen ? m->stretched[p] : 0;
        input[2 * i + 1] = ((p - 2048) * (seen < 8 ? seen : 8)) >> 3;
    }
    input[2 * MEMORIES] = 256;
    int64_t sum = 0;
    for (int i = 0; i < ROW; i++) sum += (int64_t)input[i] * weight[i];
    sum >>= 16;
    int32_t one = squashed((int32_t)(sum < -DOMAIN ? -DOMAIN : sum > DOMAIN ? DOMAIN : sum));
    bit = coded(c, bit, (uint32_t)one);
    int32_t error = (bit << 16) - one;
    for (int i = 0; i < ROW; i++) {
        int32_t w = weight[i] + ((input[i] * error + 32768) >> 16);
        weight[i] = w < -WEIGHT_MOST ? -WEIGHT_MOST : w > WEIGHT_MOST ? WEIGHT_MOST : w;
    }
    for (int i = 0; i < MEMORIES; i++) {
        uint32_t s = *slots[i];
        int32_t seen = s & 63, p = (int32_t)(s >> 16), target = bit ? 65535 : 0;
        p += ((target - p) * m->pull[seen]) >> 14;
        *slots[i] = (uint32_t)p << 16 | (s & 0xffc0) | (uint32_t)(seen < TRUST_MOST ? seen + 1 : seen);
    }
    return bit;
}

// ---- one point ------------------------------------------------------------------------------

typedef struct {
    const uint64_t *row[4];  // this one and the three above; NULL before the first
    int32_t width;
} rows;

/// Neighbours outside: 0 above the first row, else the nearest column.
INLINE uint64_t at(const rows *r, int up, int32_t x) {
    if (!r->row[up]) return 0;
    return r->row[up][x < 0 ? 0 : x >= r->width ? r->width - 1 : x];
}

INLINE uint32_t folded(uint64_t point) {
    return (uint32_t)point ^ (uint32_t)(point >> 32) * 0x9e3779b1u;
}

typedef struct {
    uint64_t w, n, nw, ne, ww, nn, nne, nee, nww, nnw, www, neee, nnn;
} around;

INLINE around look(const rows *r, int32_t x) {
    around a = {.n = at(r, 1, x), .nw = at(r, 1, x - 1), .ne = at(r, 1, x + 1),
                .nn = at(r, 2, x), .nne = at(r, 2, x + 1), .nee = at(r, 1, x + 2),
                .nww = at(r, 1, x - 2), .nnw = at(r, 2, x - 1), .neee = at(r, 1, x + 3),
                .nnn = at(r, 3, x)};
    a.w = x > 0 ? r->row[0][x - 1] : a.nw;
    a.ww = x > 1 ? r->row[0][x - 2] : a.w;
    a.www = x > 2 ? r->row[0][x - 3] : a.ww;
    return a;
}

/// Asks for the four candidates; returns how many different ones failed, or -1 - the one that is it.
INLINE int ask_candidates(memory *m, interval *c, const around *a, uint64_t point,
                          uint64_t candidates[4]) {
    const uint64_t sides[4] = {a->w, a->n, a->nw, a->ne};
    uint32_t equal = (uint32_t)(a->w == a->n) | (uint32_t)(a->n == a->nw) << 1 |
                     (uint32_t)(a->n == a->ne) << 2 | (uint32_t)(a->w == a->nw) << 3 |
                     (uint32_t)(a->w == a->ww) << 4 | (uint32_t)(a->n == a->nn) << 5 |
                     (uint32_t)(a->ne == a->nee) << 6 | (uint32_t)(a->nw == a->nww) << 7 |
                     (uint32_t)(a->w == a->ne) << 8 | (uint32_t)(a->nn == a->nne) << 9 |
                     (uint32_t)(a->ww == a->www) << 10;
    uint32_t left = (uint32_t)(a->w == a->nw) | (uint32_t)(a->w == a->n) << 1 |
                    (uint32_t)(a->w == a->ne) << 2 | (uint32_t)(a->w == a->nee) << 3 |
                    (uint32_t)(a->w == a->nn) << 4 | (uint32_t)(a->w == a->nne) << 5 |
                    (uint32_t)(a->w == a->nnw) << 6 | (uint32_t)(a->w == a->ww) << 7 |
                    (uint32_t)(a->w == a->nww) << 8 | (uint32_t)(a->w == a->www) << 9 |
                    (uint32_t)(a->w == a->neee) << 10 | (uint32_t)(a->w == a->nnn) << 11;
    const uint32_t w = folded(a->w), n = folded(a->n), nw = folded(a->nw), ne = folded(a->ne);
    uint32_t five = mixed(mixed(mixed(mixed(w, n), nw), ne), folded(a->ww));
    uint32_t nine = mixed(mixed(mixed(mixed(five, folded(a->nn)), folded(a->nee)),
                                folded(a->nww)), folded(a->nne));
    uint32_t all = mixed(nine, mixed(folded(a->nnw), mixed(folded(a->nnn),
                                     mixed(folded(a->www), folded(a->neee)))));
    uint32_t keys[MEMORIES] = {
        mixed(0x1000, equal), mixed(0x2000, left | equal << 12),
        mixed(mixed(0x3000, w), mixed(n, mixed(nw, ne))), mixed(0x4000, five), mixed(0x5000, nine),
        mixed(mixed(0x6000, w), n), 0, mixed(0x8000, all)};
    fetch(m, keys);
    int count = 0;
    for (uint32_t side = 0; side < 4; side++) {
        int known = 0;
        for (int i = 0; i < count; i++) known |= candidates[i] == sides[side];
        if (known) continue;
        uint32_t node = (uint32_t)count * 4 + side;
        keys[6] = mixed(mixed(0x7000, folded(sides[side])), equal & 63);
        int32_t set = (int32_t)node * 16 + (int32_t)(equal & 15);
        if (answer(m, c, keys, node, set, point == sides[side])) {
            candidates[count] = sides[side];
            return -1 - count;
        }
        candidates[count++] = sides[side];
    }
    return count;
}

INLINE int32_t byte_of(uint64_t point, int shift) { return (int32_t)(point >> shift & 255); }

INLINE int32_t gradient(const around *a, int shift) {
    int32_t w = byte_of(a->w, shift), n = byte_of(a->n, shift), g = w + n - byte_of(a->nw, shift);
    int32_t low = w < n ? w : n, high = w < n ? n : w;
    return g < low ? low : g > high ? high : g;
}

/// Asks for the bytes of a point that is none of its neighbours.
INLINE uint64_t ask_bytes(memory *m, interval *c, const around *a, uint64_t point, int bytes,
                          int failed) {
    uint64_t found = 0;
    uint32_t told = 0;
    const uint32_t w = folded(a->w), n = folded(a->n);
    for (int k = 0; k < bytes; k++) {
        const int shift = 8 * (bytes - 1 - k);
        int32_t step = 0, bend = 0, west = byte_of(a->w, shift), north = byte_of(a->n, shift);
        if (k > 0) {
            int32_t before = (int32_t)(found & 255);
            step = before - byte_of(a->w, shift + 8);
            bend = before - gradient(a, shift + 8);
        }
        int32_t spread = west > north ? west - north : north - west;
        uint32_t own = 0x200000u + (uint32_t)k, beside = k ? 1 : (uint32_t)byte_of(a->ne, shift);
        uint32_t mean = (uint32_t)((west + north) / 2 * 64 + (spread / 2 < 63 ? spread / 2 : 63));
        const uint32_t context[MEMORIES] = {
            mixed(own, told), mixed(mixed(own + 16, told), w), mixed(mixed(own + 32, told), n),
            mixed(mixed(mixed(own + 48, told), w), n),
            mixed(own + 64, (uint32_t)gradient(a, shift)),
            mixed(mixed(own + 80, (uint32_t)(west + step)), beside), mixed(own + 96, mean),
            mixed(own + 112, (uint32_t)(gradient(a, shift) + bend))};
        uint32_t part = 1, node = 1, keys[MEMORIES];
        for (int b = 7; b >= 0; b--) {
            if (b == 7 || b == 3) {  // a line holds the answers of half a byte
                for (int i = 0; i < MEMORIES; i++) keys[i] = mixed(context[i], part);
                fetch(m, keys);
                node = 1;
            }
            int32_t set = FLAG_SETS + (k * 8 + b) * 8 + failed;
            uint32_t bit = (uint32_t)answer(m, c, keys, node, set, (int)(point >> (shift + b) & 1));
            part = part * 2 + bit;
            node = node * 2 + bit;
        }
        found = found << 8 | (part & 255);
        told = mixed(told << 8 | (part & 255), (uint32_t)k + 1);
    }
    return found;
}

INLINE uint64_t load_point(const uint8_t *from, int bytes) {
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) v = v << 8 | from[i];
    return v;
}

/// Codes or finds all points; `lines` has room for four rows.
INLINE void walk(memory *m, interval *c, uint8_t *points, size_t count, size_t width, int bytes,
                 uint64_t *lines) {
    for (size_t y = 0; y < count / width; y++) {
        rows r = {.width = (int32_t)width};
        for (size_t up = 0; up < 4 && up <= y; up++) r.row[up] = lines + (y - up) % 4 * width;
        uint64_t *line = lines + y % 4 * width;
        for (size_t x = 0; x < width; x++) {
            uint8_t *here = points + (y * width + x) * (size_t)bytes;
            uint64_t point = c->reads ? 0 : load_point(here, bytes), candidates[4];
            around a = look(&r, (int32_t)x);
            int failed = ask_candidates(m, c, &a, point, candidates);
            point = failed < 0 ? candidates[-1 - failed]
                               : ask_bytes(m, c, &a, point, bytes, failed);
            line[x] = point;
            if (c->reads)
                for (int i = 0; i < bytes; i++)
                    here[i] = (uint8_t)(point >> (8 * (bytes - 1 - i)));
            if (c->full) return;
        }
    }
}

size_t gam_likeness_encode(const uint8_t *points, size_t count, size_t width, int32_t bytes,
                           void *scratch, uint64_t *lines, uint8_t *out, size_t capacity) {
    memory *m = scratch;
    forget(m);
    interval c = {.high = 0xffffffffu, .out = out, .out_end = out + capacity};
    // A writer leaves the points as they are.
    walk(m, &c, (uint8_t *)(uintptr_t)points, count, width, bytes, lines);
    for (int i = 0; i < 4 && !c.full; i++) {
        if (c.out == c.out_end) c.full = 1;
        else *c.out++ = (uint8_t)(c.low >> (24 - 8 * i)) | (i == 3);
    }
    return c.full ? 0 : (size_t)(c.out - out);
}

void gam_likeness_decode(const uint8_t *in, size_t size, size_t count, size_t width, int32_t bytes,
                         void *scratch, uint64_t *lines, uint8_t *points) {
    memory *m = scratch;
    forget(m);
    interval c = {.high = 0xffffffffu, .in = in, .in_end = in + size, .reads = 1};
    for (int i = 0; i < 4; i++) c.code = c.code << 8 | (c.in < c.in_end ? *c.in++ : 0);
    walk(m, &c, points, count, width, bytes, lines);
}
