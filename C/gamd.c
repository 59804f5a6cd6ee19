// The C client of gamd, written from docs/protocol.md alone. gamd.h says what it promises.
//
// What always holds here:
// - What the peer sends is hostile until checked. Its numbers are bounds to compare with, never
//   sizes to allocate at once; the one exception is the metadata of a frame, at most 1 MiB.
// - A reader of a message never leaves that message: every read goes through `take`.
// - A stream that is out of step is closed, never read again (`lose`); all else leaves it between
//   two frames (`abandon` reads away what was not wanted).
// - The only waiting is in `wait_for`, under the time-out and the deadline of the call.
//
// From bottom to top: errors, hash, writer, reader, messages, socket, frames, bodies, operations.
#define _POSIX_C_SOURCE 200809L
#include "gamd.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#if defined(__GNUC__)
#define PRINTF_LIKE __attribute__((format(printf, 3, 4)))
#else
#define PRINTF_LIKE
#endif

#define HEADER_BYTES 24
#define METADATA_BYTES_MAX (1u << 20)
#define BODY_BYTES_MAX (64u << 20)
#define EXTENT_MAX ((uint64_t)1 << 30)
#define SAMPLES_MAX ((uint64_t)1 << 40)
// One frame of a put; the daemon's own frames have the same size.
#define CHUNK_BYTES (1u << 20)
// A sink gets pieces of this size: large enough that calls cost nothing, small enough for caches.
#define SINK_BYTES (256u << 10)
// The most that is read away after a callback stopped an answer. A cancelled daemon has a few MiB
// under way; one that goes on and on is hung up on.
#define ABANDON_BYTES_MAX (64u << 20)
// How long after a deadline the daemon's own answer to it is waited for: it looks at the clock
// between steps of its work, and answered 0.03 to over 1 s late within a fit on a loaded machine.
#define GRACE_MS 2000
#define NEVER UINT64_MAX

struct buffer {
    uint8_t *bytes;
    size_t count, capacity;
};

struct gamd_client {
    int socket;                   // -1: closed
    uint32_t timeout_ms, deadline_ms;
    uint32_t request_id;
    uint64_t deadline_at;         // of the call under way, in monotonic milliseconds, or NEVER
    uint64_t chunk_bytes;         // body of one frame of a put
    uint64_t body_left;           // of the frame under way
    bool answered;                // the frame under way ends the answer
    bool in_sink;
    struct buffer request;        // header and metadata of the frame to send
    const char *request_fault;    // what is wrong with it
    struct buffer metadata;       // of the frame received
    struct buffer texts;          // strings of the result given out last
    struct buffer pieces;         // what a sink is handed
    gamd_error error;
    char server[64];
    char path[sizeof ((struct sockaddr_un *)0)->sun_path];
};

// ---- errors ---------------------------------------------------------------------------------

static gamd_status set_error(gamd_error *error, gamd_status status, const char *format,
                             va_list arguments) {
    error->status = status;
    vsnprintf(error->text, sizeof error->text, format, arguments);
    size_t end = strlen(error->text);
    if (end + 1 < sizeof error->text) return status;
    // Cut: not within a character.
    while (end > 0 && ((uint8_t)error->text[end - 1] & 0xC0) == 0x80) end--;
    if (end > 0 && (uint8_t)error->text[end - 1] >= 0xC0) end--;
    error->text[end] = 0;
    return status;
}

// The call fails, the connection is good for another.
PRINTF_LIKE static gamd_status fail(gamd_client *c, gamd_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    set_error(&c->error, status, format, arguments);
    va_end(arguments);
    return status;
}

// The call fails and the connection with it.
PRINTF_LIKE static gamd_status lose(gamd_client *c, gamd_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    set_error(&c->error, status, format, arguments);
    va_end(arguments);
    if (c->socket >= 0) close(c->socket);
    c->socket = -1;
    return status;
}

static gamd_status out_of_step(gamd_client *c, const char *what) {
    return lose(c, GAMD_PROTOCOL_ERROR, "the daemon on %s sent %s; connection closed", c->path,
                what);
}

static gamd_status no_memory(gamd_client *c, uint64_t bytes) {
    return fail(c, GAMD_TOO_LARGE, "no memory for %" PRIu64 " bytes; read less at a time", bytes);
}

static bool reserve(struct buffer *b, size_t capacity) {
    if (capacity <= b->capacity) return true;
    size_t wanted = capacity < 256 ? 256 : capacity;
    uint8_t *bytes = realloc(b->bytes, wanted);
    if (bytes == NULL) return false;
    b->bytes = bytes;
    b->capacity = wanted;
    return true;
}

static const char *const status_names[] = {
    "ok", "failed", "notFound", "integrity", "partial", "badRequest", "badInput", "tooLarge",
    "alreadyExists", "cannotWrite", "ioError", "busy", "noSpace", "timedOut", "protocolError",
    "unsupported", "permission", "configuration", "cancelled", "adapterMissing", "adapterFault",
    "unreachable",
};

static gamd_status known_status(uint32_t number) {
    bool known = number < sizeof status_names / sizeof *status_names;
    return known ? (gamd_status)number : GAMD_FAILED;
}

const char *gamd_status_name(gamd_status status) { return status_names[known_status(status)]; }

// ---- XXH3-128 -------------------------------------------------------------------------------
// Collet's XXH3, 128 bits, seed 0, in pieces. A stripe is 64 bytes, a block 16 stripes; the last
// stripe is the last 64 bytes and is mixed differently, so one byte at least is always kept back.

#define PRIME32_1 0x9E3779B1u
#define PRIME32_2 0x85EBCA77u
#define PRIME32_3 0xC2B2AE3Du
#define PRIME64_1 0x9E3779B185EBCA87u
#define PRIME64_2 0xC2B2AE3D27D4EB4Fu
#define PRIME64_3 0x165667B19E3779F9u
#define PRIME64_4 0x85EBCA77C2B2AE63u
#define PRIME64_5 0x27D4EB2F165667C5u
#define STRIPE_BYTES 64u
#define BLOCK_STRIPES 16u
#define HELD_BYTES 256u

static const uint8_t secret[192] = {
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
};

struct hash { uint64_t low, high; };

struct hasher {
    uint64_t lanes[8];
    uint8_t held[HELD_BYTES];     // not mixed yet; behind it, the end of what was mixed last
    size_t held_count;
    size_t stripe;                // of the block under way
    uint64_t total;
};

static uint64_t load64(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static uint64_t load32(const uint8_t *at) {
    return at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24;
}

static uint32_t swap32(uint32_t v) {
    return v << 24 | (v & 0xFF00) << 8 | (v >> 8 & 0xFF00) | v >> 24;
}

static uint64_t swap64(uint64_t v) {
    return (uint64_t)swap32((uint32_t)v) << 32 | swap32((uint32_t)(v >> 32));
}

static struct hash multiply(uint64_t a, uint64_t b) {
    uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    uint64_t cross = (a0 * b0 >> 32) + (uint32_t)(a1 * b0) + a0 * b1;
    return (struct hash){a * b, a1 * b1 + (a1 * b0 >> 32) + (cross >> 32)};
}

static uint64_t folded(uint64_t a, uint64_t b) {
    struct hash product = multiply(a, b);
    return product.low ^ product.high;
}

static uint64_t avalanche(uint64_t v) {
    v = (v ^ v >> 37) * 0x165667919E3779F9u;
    return v ^ v >> 32;
}

static uint64_t avalanche64(uint64_t v) {
    v = (v ^ v >> 33) * PRIME64_2;
    v = (v ^ v >> 29) * PRIME64_3;
    return v ^ v >> 32;
}

static void mix_stripe(uint64_t *lanes, const uint8_t *at, const uint8_t *key) {
    for (size_t i = 0; i < 8; i++) {
        uint64_t value = load64(at + 8 * i), keyed = value ^ load64(key + 8 * i);
        lanes[i ^ 1] += value;
        lanes[i] += (uint32_t)keyed * (keyed >> 32);
    }
}

// `stripe`: where in its block the first one lies; returns where the next one will.
static size_t mix_stripes(uint64_t *lanes, size_t stripe, const uint8_t *at, size_t count) {
    for (; count > 0; count--, at += STRIPE_BYTES) {
        mix_stripe(lanes, at, secret + 8 * stripe);
        if (++stripe < BLOCK_STRIPES) continue;
        for (size_t i = 0; i < 8; i++) {
            uint64_t lane = lanes[i] ^ lanes[i] >> 47;
            lanes[i] = (lane ^ load64(secret + 128 + 8 * i)) * PRIME32_1;
        }
        stripe = 0;
    }
    return stripe;
}

static void hasher_start(struct hasher *h) {
    *h = (struct hasher){.lanes = {PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3,
                                   PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1}};
}

static void hasher_add(struct hasher *h, const uint8_t *bytes, size_t count) {
    if (count == 0) return;
    h->total += count;
    if (count <= HELD_BYTES - h->held_count) {
        memcpy(h->held + h->held_count, bytes, count);
        h->held_count += count;
        return;
    }
    size_t filling = HELD_BYTES - h->held_count;
    memcpy(h->held + h->held_count, bytes, filling);
    bytes += filling, count -= filling;
    h->stripe = mix_stripes(h->lanes, h->stripe, h->held, HELD_BYTES / STRIPE_BYTES);
    size_t stripes = (count - 1) / STRIPE_BYTES;
    h->stripe = mix_stripes(h->lanes, h->stripe, bytes, stripes);
    bytes += stripes * STRIPE_BYTES, count -= stripes * STRIPE_BYTES;
    if (stripes > 0) {
        memcpy(h->held + HELD_BYTES - STRIPE_BYTES, bytes - STRIPE_BYTES, STRIPE_BYTES);
    }
    memcpy(h->held, bytes, count);
    h->held_count = count;
}

static struct hash hash_upto_16(const uint8_t *at, size_t count) {
    if (count > 8) {
        uint64_t first = load64(at), last = load64(at + count - 8);
        uint64_t flip_low = load64(secret + 32) ^ load64(secret + 40);
        struct hash m = multiply(first ^ last ^ flip_low, PRIME64_1);
        m.low += (uint64_t)(count - 1) << 54;
        last ^= load64(secret + 48) ^ load64(secret + 56);
        m.high += last + (uint64_t)(uint32_t)last * (PRIME32_2 - 1);
        m.low ^= swap64(m.high);
        struct hash h = multiply(m.low, PRIME64_2);
        return (struct hash){avalanche(h.low), avalanche(h.high + m.high * PRIME64_2)};
    }
    if (count >= 4) {
        uint64_t value = load32(at) + (load32(at + count - 4) << 32);
        uint64_t flip = load64(secret + 16) ^ load64(secret + 24);
        struct hash m = multiply(value ^ flip, PRIME64_1 + (count << 2));
        m.high += m.low << 1;
        m.low ^= m.high >> 3;
        m.low = (m.low ^ m.low >> 35) * 0x9FB21C651E98DF25u;
        return (struct hash){m.low ^ m.low >> 28, avalanche(m.high)};
    }
    if (count == 0) {
        return (struct hash){avalanche64(load64(secret + 64) ^ load64(secret + 72)),
                             avalanche64(load64(secret + 80) ^ load64(secret + 88))};
    }
    uint32_t low = (uint32_t)at[0] << 16 | (uint32_t)at[count >> 1] << 24 | at[count - 1];
    low |= (uint32_t)count << 8;
    uint32_t high = swap32(low);
    high = high << 13 | high >> 19;
    return (struct hash){avalanche64(low ^ load32(secret) ^ load32(secret + 4)),
                         avalanche64(high ^ load32(secret + 8) ^ load32(secret + 12))};
}

static void mix_pair(struct hash *h, const uint8_t *a, const uint8_t *b, const uint8_t *key) {
    h->low += folded(load64(a) ^ load64(key), load64(a + 8) ^ load64(key + 8));
    h->low ^= load64(b) + load64(b + 8);
    h->high += folded(load64(b) ^ load64(key + 16), load64(b + 8) ^ load64(key + 24));
    h->high ^= load64(a) + load64(a + 8);
}

static struct hash hash_upto_240(const uint8_t *at, size_t count) {
    struct hash h = {count * PRIME64_1, 0};
    if (count <= 128) {
        for (size_t i = (count - 1) / 32 + 1; i-- > 0;) {
            mix_pair(&h, at + 16 * i, at + count - 16 * (i + 1), secret + 32 * i);
        }
    } else {
        for (size_t i = 0; i < count / 32; i++) {
            if (i == 4) h = (struct hash){avalanche(h.low), avalanche(h.high)};
            const uint8_t *key = i < 4 ? secret + 32 * i : secret + 3 + 32 * (i - 4);
            mix_pair(&h, at + 32 * i, at + 32 * i + 16, key);
        }
        if (count < 160) h = (struct hash){avalanche(h.low), avalanche(h.high)};
        mix_pair(&h, at + count - 16, at + count - 32, secret + 103);
    }
    uint64_t high = h.low * PRIME64_1 + h.high * PRIME64_4 + count * PRIME64_2;
    return (struct hash){avalanche(h.low + h.high), 0 - avalanche(high)};
}

static uint64_t merged(const uint64_t *lanes, const uint8_t *key, uint64_t start) {
    for (size_t i = 0; i < 8; i += 2) {
        start += folded(lanes[i] ^ load64(key + 8 * i), lanes[i + 1] ^ load64(key + 8 * i + 8));
    }
    return avalanche(start);
}

static struct hash hasher_end(struct hasher *h) {
    if (h->total <= 16) return hash_upto_16(h->held, h->held_count);
    if (h->total <= 240) return hash_upto_240(h->held, h->held_count);
    uint8_t last[STRIPE_BYTES];
    if (h->held_count >= STRIPE_BYTES) {
        mix_stripes(h->lanes, h->stripe, h->held, (h->held_count - 1) / STRIPE_BYTES);
        memcpy(last, h->held + h->held_count - STRIPE_BYTES, STRIPE_BYTES);
    } else {
        size_t before = STRIPE_BYTES - h->held_count;
        memcpy(last, h->held + HELD_BYTES - before, before);
        memcpy(last + before, h->held, h->held_count);
    }
    mix_stripe(h->lanes, last, secret + 121);
    return (struct hash){merged(h->lanes, secret + 11, h->total * PRIME64_1),
                         merged(h->lanes, secret + 117, ~(h->total * PRIME64_2))};
}

// ---- text -----------------------------------------------------------------------------------

static bool is_utf8(const uint8_t *at, size_t count) {
    for (size_t i = 0; i < count;) {
        uint8_t lead = at[i];
        size_t more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
        if (more == 0) { i++; continue; }
        if (lead < 0xC2 || lead > 0xF4 || count - i <= more) return false;
        // Neither overlong, nor a surrogate, nor above U+10FFFF.
        uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        if (at[i + 1] < low || at[i + 1] > high) return false;
        for (size_t k = 2; k <= more; k++) {
            if ((at[i + k] & 0xC0) != 0x80) return false;
        }
        i += more + 1;
    }
    return true;
}

// ---- writing protobuf -----------------------------------------------------------------------
// Fields that are zero or empty are not written, as proto3 has it. The first fault is kept in the
// handle and stops the request before a byte of it is sent.

enum wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

static void write_bytes(gamd_client *c, const void *bytes, size_t count) {
    struct buffer *out = &c->request;
    if (c->request_fault != NULL || count == 0) return;
    size_t bytes_max = HEADER_BYTES + METADATA_BYTES_MAX;
    if (count > bytes_max || out->count > bytes_max - count) {
        c->request_fault = "the request has more than 1 MiB of metadata";
    } else if (out->count + count > out->capacity && !reserve(out, 2 * (out->count + count))) {
        c->request_fault = "no memory for the request";
    } else {
        memcpy(out->bytes + out->count, bytes, count);
        out->count += count;
    }
}

static size_t varint(uint8_t bytes[10], uint64_t value) {
    size_t count = 0;
    for (; value >= 0x80; value >>= 7) bytes[count++] = (uint8_t)(value | 0x80);
    bytes[count++] = (uint8_t)value;
    return count;
}

static void write_varint(gamd_client *c, uint64_t value) {
    uint8_t bytes[10];
    write_bytes(c, bytes, varint(bytes, value));
}

static void write_tag(gamd_client *c, uint32_t field, enum wire wire) {
    write_varint(c, (uint64_t)field << 3 | wire);
}

static void write_number(gamd_client *c, uint32_t field, uint64_t value) {
    if (value == 0) return;
    write_tag(c, field, WIRE_VARINT);
    write_varint(c, value);
}

static void write_signed(gamd_client *c, uint32_t field, int64_t value) {
    write_number(c, field, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

static void write_fixed64(gamd_client *c, uint32_t field, uint64_t value) {
    if (value == 0) return;
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(value >> 8 * i);
    write_tag(c, field, WIRE_FIXED64);
    write_bytes(c, bytes, sizeof bytes);
}

static void write_double(gamd_client *c, uint32_t field, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    write_fixed64(c, field, bits);
}

static void write_text(gamd_client *c, uint32_t field, const char *text) {
    size_t count = text == NULL ? 0 : strlen(text);
    if (count == 0) return;
    if (!is_utf8((const uint8_t *)text, count)) c->request_fault = "a text is not UTF-8";
    write_tag(c, field, WIRE_BYTES);
    write_varint(c, count);
    write_bytes(c, text, count);
}

// A message within: written in place, its length put before it when it is complete.
static size_t open_message(gamd_client *c, uint32_t field) {
    write_tag(c, field, WIRE_BYTES);
    return c->request.count;
}

static void close_message(gamd_client *c, size_t start) {
    uint8_t length[10];
    size_t count = c->request.count - start, digits = varint(length, count);
    write_bytes(c, length, digits);
    if (c->request_fault != NULL) return;
    memmove(c->request.bytes + start + digits, c->request.bytes + start, count);
    memcpy(c->request.bytes + start, length, digits);
}

// ---- reading protobuf -----------------------------------------------------------------------
// A message is read by the table of its fields. Unknown fields are skipped; a known field of
// another wire type, a group, a string that is not UTF-8 or holds a NUL, and a number that does not
// fit its field are faults. Stricter than protobuf has to be: the daemon never writes any of these.

struct reader {
    const uint8_t *at, *end;
    struct buffer *texts;         // strings of the record, with room for all of them
    const char *fault;            // of the first thing wrong
};

enum type { UINT32, UINT64, INT64, BOOLEAN, FIXED64, DOUBLE, TEXT, MESSAGE, NUMBERS };

struct field {
    uint32_t number;
    enum type type;
    size_t offset;                                              // of its place in the record
    bool (*message)(struct reader *r, uint32_t number, void *place);  // MESSAGE: reads all of r
    bool (*append)(void *record, uint64_t value);                     // NUMBERS: false: too many
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

static bool fault(struct reader *r, const char *what) {
    if (r->fault == NULL) r->fault = what;
    return false;
}

// The next `count` bytes of the message, or NULL: the only way forward.
static const uint8_t *take(struct reader *r, uint64_t count) {
    if (count > (uint64_t)(r->end - r->at)) {
        fault(r, "a field that ends after its message");
        return NULL;
    }
    const uint8_t *bytes = r->at;
    r->at += count;
    return bytes;
}

static bool read_varint(struct reader *r, uint64_t *value) {
    *value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        const uint8_t *byte = take(r, 1);
        if (byte == NULL) return false;
        if (shift == 63 && *byte > 1) break;
        *value |= (uint64_t)(*byte & 0x7F) << shift;
        if (*byte < 0x80) return true;
    }
    return fault(r, "a number of more than 64 bits");
}

static bool read_text(struct reader *r, const uint8_t *bytes, size_t count, const char **place) {
    struct buffer *texts = r->texts;
    if (!is_utf8(bytes, count) || memchr(bytes, 0, count) != NULL) {
        return fault(r, "a string that is not UTF-8 without NUL");
    }
    if (count >= texts->capacity - texts->count) return fault(r, "strings that are too long");
    char *copy = (char *)texts->bytes + texts->count;
    memcpy(copy, bytes, count);
    copy[count] = 0;
    texts->count += count + 1;
    *place = copy;
    return true;
}

static enum wire wire_of(enum type type) {
    switch (type) {
    case UINT32: case UINT64: case INT64: case BOOLEAN: return WIRE_VARINT;
    case FIXED64: case DOUBLE: return WIRE_FIXED64;
    case TEXT: case MESSAGE: case NUMBERS: break;
    }
    return WIRE_BYTES;
}

static bool store_number(struct reader *r, const struct field *f, uint64_t value, void *place) {
    switch (f->type) {
    case UINT32:
        if (value > UINT32_MAX) return fault(r, "a number of more than 32 bits");
        *(uint32_t *)place = (uint32_t)value;
        return true;
    case BOOLEAN:
        *(bool *)place = value != 0;
        return true;
    case NUMBERS:
        return f->append(place, value) || fault(r, "a list that is too long");
    default:
        memcpy(place, &value, sizeof value);
        return true;
    }
}

static bool store_bytes(struct reader *r, const struct field *f, const uint8_t *bytes, size_t count,
                        void *place) {
    if (f->type == TEXT) return read_text(r, bytes, count, (const char **)place);
    struct reader inner = {.at = bytes, .end = bytes + count, .texts = r->texts};
    bool good = true;
    if (f->type == MESSAGE) good = f->message(&inner, f->number, place);
    while (good && f->type == NUMBERS && inner.at < inner.end) {
        uint64_t value;
        good = read_varint(&inner, &value) && store_number(&inner, f, value, place);
    }
    return good || fault(r, inner.fault);
}

static bool read_field(struct reader *r, const struct field *f, uint32_t wire, void *record) {
    uint64_t value = 0;
    const uint8_t *bytes = NULL;
    if (wire == WIRE_VARINT || wire == WIRE_BYTES) {
        if (!read_varint(r, &value)) return false;
        if (wire == WIRE_BYTES && (bytes = take(r, value)) == NULL) return false;
    } else if (wire == WIRE_FIXED64 || wire == WIRE_FIXED32) {
        if ((bytes = take(r, wire == WIRE_FIXED64 ? 8 : 4)) == NULL) return false;
        if (wire == WIRE_FIXED64) value = load64(bytes);
    } else {
        return fault(r, "a field of an unknown wire type");
    }
    if (f == NULL) return true;
    // A list of numbers may come packed or one by one.
    bool listed = f->type == NUMBERS && wire == WIRE_VARINT;
    if (wire != wire_of(f->type) && !listed) return fault(r, "a field of another wire type");
    void *place = (char *)record + f->offset;
    return wire == WIRE_BYTES ? store_bytes(r, f, bytes, (size_t)value, place)
                              : store_number(r, f, value, place);
}

static bool read_message(struct reader *r, const struct field *fields, size_t count, void *record) {
    while (r->at < r->end) {
        uint64_t tag;
        if (!read_varint(r, &tag)) return false;
        if (tag > UINT32_MAX || tag >> 3 == 0) return fault(r, "a field of an impossible number");
        const struct field *found = NULL;
        for (size_t i = 0; i < count && found == NULL; i++) {
            if (fields[i].number == tag >> 3) found = &fields[i];
        }
        if (!read_field(r, found, (uint32_t)tag & 7, record)) return false;
    }
    return true;
}

// ---- messages -------------------------------------------------------------------------------

static bool read_unit(struct reader *r, uint32_t number, void *place) {
    (void)number;
    size_t count = (size_t)(r->end - r->at);
    if (count > GAMD_UNIT_BYTES_MAX || !is_utf8(r->at, count) || memchr(r->at, 0, count) != NULL) {
        return fault(r, "a unit that is not 16 bytes of UTF-8");
    }
    memset(place, 0, GAMD_UNIT_BYTES_MAX + 1);
    memcpy(place, r->at, count);
    return true;
}

static const struct field axis_fields[] = {
    {1, UINT64, offsetof(gamd_axis, extent), NULL, NULL},
    {2, UINT32, offsetof(gamd_axis, kind), NULL, NULL},
    {3, DOUBLE, offsetof(gamd_axis, spacing), NULL, NULL},
    {4, MESSAGE, offsetof(gamd_axis, unit), read_unit, NULL},
};

static bool append_axis(struct reader *r, uint32_t number, void *place) {
    (void)number;
    gamd_description *d = place;
    if (d->axis_count == GAMD_AXES_MAX) return fault(r, "more than 4 axes");
    return read_message(r, axis_fields, COUNT(axis_fields), &d->axes[d->axis_count++]);
}

static bool append_channel(void *place, uint64_t value) {
    gamd_description *d = place;
    if (d->channel_count == GAMD_CHANNELS_MAX || value > UINT32_MAX) return false;
    d->channels[d->channel_count++] = (uint32_t)value;
    return true;
}

static const struct field description_fields[] = {
    {1, MESSAGE, 0, append_axis, NULL},
    {2, NUMBERS, 0, NULL, append_channel},
    {3, UINT32, offsetof(gamd_description, family), NULL, NULL},
    {4, UINT32, offsetof(gamd_description, bits), NULL, NULL},
};

static bool read_description(struct reader *r, uint32_t number, void *place) {
    (void)number;
    return read_message(r, description_fields, COUNT(description_fields), place);
}

static bool append_shard_extent(void *place, uint64_t value) {
    gamd_stat_result *s = place;
    if (s->shard_axis_count == GAMD_AXES_MAX) return false;
    s->shard_extents[s->shard_axis_count++] = value;
    return true;
}

#define STAT(number, type, name) {number, type, offsetof(gamd_stat_result, name), NULL, NULL}
static const struct field stat_fields[] = {
    STAT(1, TEXT, key),
    STAT(2, TEXT, kind),
    {3, MESSAGE, offsetof(gamd_stat_result, description), read_description, NULL},
    STAT(4, UINT64, raw_bytes),
    STAT(5, UINT64, stored_bytes),
    STAT(6, UINT64, file_bytes),
    STAT(7, TEXT, content_hash),
    STAT(8, TEXT, order),
    STAT(9, TEXT, network_size),
    STAT(10, TEXT, prior),
    STAT(11, UINT32, effort),
    {13, NUMBERS, 0, NULL, append_shard_extent},
    STAT(14, UINT64, shard_count),
    STAT(15, UINT64, generation),
    STAT(16, TEXT, adapter),
    STAT(17, TEXT, exactness),
    STAT(18, TEXT, dtype),
    STAT(19, INT64, created_unix_ms),
    STAT(20, TEXT, media_type),
    STAT(21, TEXT, transform),
    STAT(22, TEXT, file_name),
    STAT(23, UINT32, bits),
    STAT(24, TEXT, adapter_version),
    STAT(25, TEXT, quarantine),
    STAT(26, UINT32, lower_bits),
};

static void clear_stat(gamd_stat_result *s) {
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < COUNT(stat_fields); i++) {
        if (stat_fields[i].type == TEXT) *(const char **)((char *)s + stat_fields[i].offset) = "";
    }
}

static bool read_stat(struct reader *r, uint32_t number, void *place) {
    (void)number;
    return read_message(r, stat_fields, COUNT(stat_fields), place);
}

static const struct field put_fields[] = {{1, MESSAGE, 0, read_stat, NULL}};

struct hello {
    const char *server;
    uint32_t protocol;
    uint64_t body_bytes_max;
};
static const struct field hello_fields[] = {
    {1, TEXT, offsetof(struct hello, server), NULL, NULL},
    {2, UINT32, offsetof(struct hello, protocol), NULL, NULL},
    {4, UINT64, offsetof(struct hello, body_bytes_max), NULL, NULL},
};

struct samples {
    gamd_description description;
    uint64_t total_bytes;
    struct hash hash;
};
static const struct field samples_fields[] = {
    {1, MESSAGE, offsetof(struct samples, description), read_description, NULL},
    {3, UINT64, offsetof(struct samples, total_bytes), NULL, NULL},
    {4, FIXED64, offsetof(struct samples, hash.low), NULL, NULL},
    {5, FIXED64, offsetof(struct samples, hash.high), NULL, NULL},
};

// One frame from the daemon, but for its body. `result` is the number of its field in Reply.
struct reply {
    uint32_t id, status, result;
    const char *text;
    bool last;
    struct reader message;
};

enum { HELLO = 10, PUT = 11, SAMPLES = 12, STAT = 13, LIST = 14 };

static bool keep_result(struct reader *r, uint32_t number, void *place) {
    struct reply *reply = place;
    if (reply->result != 0) return fault(r, "two results in one frame");
    reply->result = number;
    reply->message = *r;
    return true;
}

static const struct field reply_fields[] = {
    {1, UINT32, offsetof(struct reply, status), NULL, NULL},
    {2, TEXT, offsetof(struct reply, text), NULL, NULL},
    {4, BOOLEAN, offsetof(struct reply, last), NULL, NULL},
    {HELLO, MESSAGE, 0, keep_result, NULL},
    {PUT, MESSAGE, 0, keep_result, NULL},
    {SAMPLES, MESSAGE, 0, keep_result, NULL},
    {STAT, MESSAGE, 0, keep_result, NULL},
    {LIST, MESSAGE, 0, keep_result, NULL},
};

// ---- socket ---------------------------------------------------------------------------------

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static gamd_status late(gamd_client *c) {
    return lose(c, GAMD_TIMED_OUT, "the daemon on %s did not answer in time; connection closed",
                c->path);
}

// Until the socket is ready, or bytes have not moved for the time-out, or the call took too long.
static gamd_status wait_for(gamd_client *c, short events) {
    uint64_t until = c->timeout_ms == 0 ? NEVER : now_ms() + c->timeout_ms;
    if (c->deadline_at < until) until = c->deadline_at;
    for (;;) {
        uint64_t now = until == NEVER ? 0 : now_ms();
        if (now >= until) return late(c);
        int wait = until == NEVER ? -1 : until - now > INT_MAX ? INT_MAX : (int)(until - now);
        struct pollfd polled = {.fd = c->socket, .events = events};
        int ready = poll(&polled, 1, wait);
        if (ready > 0) return GAMD_OK;
        if (ready < 0 && errno != EINTR) {
            return lose(c, GAMD_UNREACHABLE, "waiting for %s failed: errno %d", c->path, errno);
        }
    }
}

static bool answer_waits(const gamd_client *c) {
    struct pollfd polled = {.fd = c->socket, .events = POLLIN};
    return poll(&polled, 1, 0) > 0;
}

// GAMD_UNREACHABLE leaves the socket open for reading: a daemon that hangs up may have said why.
static gamd_status send_bytes(gamd_client *c, const uint8_t *bytes, size_t count) {
    while (count > 0) {
        ssize_t sent = send(c->socket, bytes, count, MSG_NOSIGNAL);
        if (sent >= 0) {
            bytes += sent, count -= (size_t)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            gamd_status status = wait_for(c, POLLOUT);
            if (status != GAMD_OK) return status;
        } else if (errno != EINTR) {
            return fail(c, GAMD_UNREACHABLE, "the daemon on %s hung up: errno %d", c->path, errno);
        }
    }
    return GAMD_OK;
}

// At least one byte and at most `count`.
static gamd_status receive_some(gamd_client *c, void *bytes, size_t count, size_t *received) {
    for (;;) {
        if (c->deadline_at != NEVER && now_ms() >= c->deadline_at) return late(c);
        ssize_t got = recv(c->socket, bytes, count, 0);
        if (got > 0) {
            *received = (size_t)got;
            return GAMD_OK;
        }
        if (got == 0) {
            return lose(c, GAMD_UNREACHABLE,
                        "the daemon on %s closed the connection before its answer ended", c->path);
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            gamd_status status = wait_for(c, POLLIN);
            if (status != GAMD_OK) return status;
        } else if (errno != EINTR) {
            return lose(c, GAMD_UNREACHABLE, "reading from %s failed: errno %d", c->path, errno);
        }
    }
}

static gamd_status receive_exactly(gamd_client *c, uint8_t *bytes, size_t count) {
    for (size_t got; count > 0; bytes += got, count -= got) {
        gamd_status status = receive_some(c, bytes, count, &got);
        if (status != GAMD_OK) return status;
    }
    return GAMD_OK;
}

static gamd_status open_socket(gamd_client *c) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, c->path, sizeof c->path);
    c->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->socket < 0) return fail(c, GAMD_IO_ERROR, "no socket: errno %d", errno);
    uint64_t until = c->timeout_ms == 0 ? NEVER : now_ms() + c->timeout_ms;
    while (connect(c->socket, (const struct sockaddr *)&address, sizeof address) != 0) {
        // EAGAIN: the daemon has not accepted those before us; poll does not tell when it has.
        if (errno == EAGAIN) {
            if (now_ms() >= until) return late(c);
            poll(NULL, 0, 5);
        } else if (errno != EINTR) {
            return lose(c, GAMD_UNREACHABLE,
                        "no daemon answers on %s (errno %d); start gamd or name its socket",
                        c->path, errno);
        }
    }
    return GAMD_OK;
}

// ---- frames ---------------------------------------------------------------------------------

static void put_little(uint8_t *at, uint64_t value, int count) {
    for (int i = 0; i < count; i++) at[i] = (uint8_t)(value >> 8 * i);
}

// Starts a frame of the request under way; what is written next is its operation.
static void start_frame(gamd_client *c) {
    static const uint8_t header[HEADER_BYTES] = {'G', 'A', 'M', '1', 1};
    c->request.count = 0;
    c->request_fault = NULL;
    write_bytes(c, header, sizeof header);
}

static gamd_status send_request(gamd_client *c, const uint8_t *body, size_t body_count) {
    if (c->request_fault != NULL) return fail(c, GAMD_BAD_REQUEST, "%s", c->request_fault);
    put_little(c->request.bytes + 8, c->request.count - HEADER_BYTES, 4);
    put_little(c->request.bytes + 12, c->request_id, 4);
    put_little(c->request.bytes + 16, body_count, 8);
    gamd_status status = send_bytes(c, c->request.bytes, c->request.count);
    return status == GAMD_OK ? send_bytes(c, body, body_count) : status;
}

static gamd_status receive_metadata(gamd_client *c, size_t count, struct reply *reply) {
    // One string each takes a byte less in the message than here with its NUL, so all fit.
    if (!reserve(&c->metadata, count + 1) || !reserve(&c->texts, count + 1)) {
        return lose(c, GAMD_TOO_LARGE, "no memory for %zu bytes of metadata", count);
    }
    c->texts.count = 0;
    gamd_status status = receive_exactly(c, c->metadata.bytes, count);
    if (status != GAMD_OK) return status;
    struct reader r = {c->metadata.bytes, c->metadata.bytes + count, &c->texts, NULL};
    reply->text = "";
    if (!read_message(&r, reply_fields, COUNT(reply_fields), reply)) return out_of_step(c, r.fault);
    return GAMD_OK;
}

// The next frame, its body still to come. GAMD_OK also when the daemon refuses: see `refusal`.
static gamd_status receive_reply(gamd_client *c, struct reply *reply) {
    uint8_t header[HEADER_BYTES];
    *reply = (struct reply){.id = 0};
    gamd_status status = receive_exactly(c, header, sizeof header);
    if (status != GAMD_OK) return status;
    if (memcmp(header, "GAM1\1\0\0\0", 8) != 0) return out_of_step(c, "what is no frame");
    uint64_t metadata_count = load32(header + 8);
    c->body_left = load64(header + 16);
    if (metadata_count > METADATA_BYTES_MAX || c->body_left > BODY_BYTES_MAX) {
        return out_of_step(c, "a frame above the limits");
    }
    reply->id = (uint32_t)load32(header + 12);
    status = receive_metadata(c, (size_t)metadata_count, reply);
    if (status != GAMD_OK) return status;
    bool ours = reply->id == c->request_id || (reply->id == 0 && reply->status != 0);
    if (!ours) return out_of_step(c, "an answer to another request");
    if (reply->status != 0 && !reply->last) return out_of_step(c, "an error that is not the end");
    if (c->body_left > 0 && (reply->result != SAMPLES || reply->status != 0)) {
        return out_of_step(c, "a body where none belongs");
    }
    c->answered = reply->last;
    return GAMD_OK;
}

// The daemon's own words as this call's error.
static gamd_status refusal(gamd_client *c, const struct reply *reply) {
    gamd_status status = known_status(reply->status);
    const char *text = reply->text[0] != 0 ? reply->text : "the daemon refused without a text";
    // After these the daemon hangs up.
    if (reply->id == 0 || status == GAMD_PROTOCOL_ERROR) return lose(c, status, "%s", text);
    return fail(c, status, "%s", text);
}

// One frame that is a whole answer of the kind `result`.
static gamd_status receive_answer(gamd_client *c, uint32_t result, struct reply *reply) {
    gamd_status status = receive_reply(c, reply);
    if (status != GAMD_OK) return status;
    if (reply->status != 0) return refusal(c, reply);
    if (!reply->last || reply->result != result) return out_of_step(c, "an answer of another kind");
    return GAMD_OK;
}

static gamd_status parse(gamd_client *c, struct reply *reply, const struct field *fields,
                         size_t count, void *record) {
    if (read_message(&reply->message, fields, count, record)) return GAMD_OK;
    return out_of_step(c, reply->message.fault);
}

// ---- calls ----------------------------------------------------------------------------------

static gamd_status begin_call(gamd_client *c) {
    if (c->in_sink) return GAMD_BAD_REQUEST;
    c->error = (gamd_error){.status = GAMD_OK};
    if (c->socket < 0) {
        return fail(c, GAMD_UNREACHABLE, "the connection to %s is closed; connect anew", c->path);
    }
    c->deadline_at = c->deadline_ms == 0 ? NEVER : now_ms() + c->deadline_ms + GRACE_MS;
    return GAMD_OK;
}

// Every request of a call has an id of its own; 0 is the daemon's.
static void next_request(gamd_client *c, const char *key) {
    c->request_id = c->request_id == UINT32_MAX ? 1 : c->request_id + 1;
    start_frame(c);
    write_text(c, 1, key);
    if (c->deadline_at == NEVER) return;
    uint64_t now = now_ms(), ends = c->deadline_at - GRACE_MS;
    write_number(c, 2, now < ends ? ends - now : 1);
}

static gamd_status end_call(gamd_client *c, gamd_status status) {
    if (status == GAMD_OK) c->error = (gamd_error){.status = GAMD_OK};
    return status;
}

// Sends what was written and reads the one frame that answers it.
static gamd_status exchange(gamd_client *c, uint32_t result, struct reply *reply) {
    gamd_status status = send_request(c, NULL, 0);
    if (status != GAMD_OK && status != GAMD_UNREACHABLE) return status;
    return receive_answer(c, result, reply);
}

static gamd_status check_key(gamd_client *c, const char *key) {
    if (key != NULL && key[0] != 0 && strlen(key) <= GAMD_KEY_BYTES_MAX) return GAMD_OK;
    return fail(c, GAMD_BAD_REQUEST, "a key is 1 to %d bytes of UTF-8", GAMD_KEY_BYTES_MAX);
}

static gamd_status begin_keyed(gamd_client *c, const char *key) {
    gamd_status status = begin_call(c);
    if (status == GAMD_OK && (status = check_key(c, key)) == GAMD_OK) next_request(c, key);
    return status;
}

// ---- connection -----------------------------------------------------------------------------

static gamd_status choose_path(gamd_client *c, const char *path) {
    static const char system_path[] = "/run/gamd/gamd.sock";
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    int count;
    if (path == NULL) path = getenv("GAMD_SOCKET");
    if (path != NULL && path[0] != 0) {
        count = snprintf(c->path, sizeof c->path, "%s", path);
    } else if (runtime == NULL || runtime[0] == 0 || access(system_path, F_OK) == 0) {
        count = snprintf(c->path, sizeof c->path, "%s", system_path);
    } else {
        count = snprintf(c->path, sizeof c->path, "%s/gamd/gamd.sock", runtime);
    }
    if (count >= 0 && (size_t)count < sizeof c->path) return GAMD_OK;
    return fail(c, GAMD_BAD_REQUEST, "a socket's path has at most %zu bytes", sizeof c->path - 1);
}

static gamd_status greet(gamd_client *c) {
    next_request(c, NULL);
    size_t hello_start = open_message(c, HELLO);
    write_text(c, 1, "gamd-c");
    write_number(c, 2, 1);
    close_message(c, hello_start);
    struct reply reply;
    struct hello hello = {.server = ""};
    gamd_status status = exchange(c, HELLO, &reply);
    if (status == GAMD_OK) status = parse(c, &reply, hello_fields, COUNT(hello_fields), &hello);
    if (status != GAMD_OK) return status;
    if (hello.protocol != 1) {
        return lose(c, GAMD_UNSUPPORTED, "the daemon on %s speaks protocol %" PRIu32 ", not 1",
                    c->path, hello.protocol);
    }
    snprintf(c->server, sizeof c->server, "%s", hello.server);
    uint64_t limit = hello.body_bytes_max;
    c->chunk_bytes = limit == 0 || limit > CHUNK_BYTES ? CHUNK_BYTES : limit;
    return GAMD_OK;
}

gamd_status gamd_connect(gamd_client **client, const char *path, uint32_t timeout_ms,
                         gamd_error *error) {
    gamd_error ignored;
    if (error == NULL) error = &ignored;
    *error = (gamd_error){.status = GAMD_OK};
    gamd_client *c = *client = calloc(1, sizeof *c);
    if (c == NULL) {
        *error = (gamd_error){GAMD_TOO_LARGE, "no memory for a handle"};
        return GAMD_TOO_LARGE;
    }
    c->socket = -1;
    c->timeout_ms = timeout_ms;
    c->deadline_at = NEVER;
    gamd_status status = choose_path(c, path);
    if (status == GAMD_OK) status = open_socket(c);
    if (status == GAMD_OK) status = greet(c);
    if (status == GAMD_OK) return end_call(c, status);
    *error = c->error;
    gamd_close(c);
    *client = NULL;
    return status;
}

void gamd_close(gamd_client *client) {
    if (client == NULL) return;
    if (client->socket >= 0) close(client->socket);
    free(client->request.bytes);
    free(client->metadata.bytes);
    free(client->texts.bytes);
    free(client->pieces.bytes);
    free(client);
}

void gamd_set_timeout(gamd_client *client, uint32_t timeout_ms) { client->timeout_ms = timeout_ms; }

void gamd_set_deadline(gamd_client *client, uint32_t deadline_ms) {
    client->deadline_ms = deadline_ms;
}

bool gamd_is_open(const gamd_client *client) { return client->socket >= 0; }

const char *gamd_server(const gamd_client *client) { return client->server; }

const gamd_error *gamd_last_error(const gamd_client *client) { return &client->error; }

// ---- descriptions ---------------------------------------------------------------------------

uint32_t gamd_sample_bytes(const gamd_description *d) {
    bool is_float = d->family == GAMD_FLOAT;
    if (d->family > GAMD_FLOAT || d->bits == 0 || d->bits > 32) return 0;
    if (is_float && d->bits != 16 && d->bits != 32) return 0;
    return d->bits <= 8 ? 1 : d->bits <= 16 ? 2 : 4;
}

uint64_t gamd_description_bytes(const gamd_description *d) {
    uint64_t samples = d->channel_count;
    if (d->axis_count == 0 || d->axis_count > GAMD_AXES_MAX) return 0;
    if (samples > GAMD_CHANNELS_MAX) return 0;
    for (uint32_t i = 0; i < d->axis_count; i++) {
        // Compared before they are multiplied: 4 axes of 2^30 points are 2^120.
        uint64_t extent = d->axes[i].extent;
        if (extent == 0 || extent > EXTENT_MAX || samples > SAMPLES_MAX / extent) return 0;
        samples *= extent;
    }
    return samples * gamd_sample_bytes(d);
}

static void write_description(gamd_client *c, uint32_t field, const gamd_description *d) {
    size_t start = open_message(c, field);
    for (uint32_t i = 0; i < d->axis_count; i++) {
        size_t axis_start = open_message(c, 1);
        write_number(c, 1, d->axes[i].extent);
        write_number(c, 2, d->axes[i].kind);
        write_double(c, 3, d->axes[i].spacing);
        write_text(c, 4, d->axes[i].unit);
        close_message(c, axis_start);
    }
    size_t channels_start = open_message(c, 2);
    for (uint32_t i = 0; i < d->channel_count; i++) write_varint(c, d->channels[i]);
    close_message(c, channels_start);
    write_number(c, 3, d->family);
    write_number(c, 4, d->bits);
    close_message(c, start);
}

// ---- bodies of answers ----------------------------------------------------------------------

// Where a body goes: memory of the caller, memory that grows, or a sink by way of `pieces`.
struct target {
    uint8_t *bytes;
    size_t capacity, used;
    uint64_t total;               // bytes announced
    bool grows;
    gamd_sink sink;
    void *context;
};

static gamd_status open_target(gamd_client *c, struct target *t, uint64_t total) {
    t->total = total;
    if (t->sink != NULL) {
        return reserve(&c->pieces, SINK_BYTES) ? GAMD_OK : no_memory(c, SINK_BYTES);
    }
    if (!t->grows && total > t->capacity) {
        return fail(c, GAMD_TOO_LARGE, "%" PRIu64 " bytes do not fit a buffer of %zu", total,
                    t->capacity);
    }
    return total > SIZE_MAX / 2 ? no_memory(c, total) : GAMD_OK;
}

// Room for at most `wanted` bytes, or NULL: no memory. Memory grows with what has come, not with
// what is promised: a peer that lies about its total costs no more than it sends, twice.
static uint8_t *target_room(gamd_client *c, struct target *t, uint64_t wanted, size_t *room) {
    if (t->sink != NULL) {
        *room = wanted < SINK_BYTES ? (size_t)wanted : SINK_BYTES;
        return c->pieces.bytes;
    }
    if (t->grows && t->used == t->capacity) {
        size_t larger = t->capacity == 0 ? CHUNK_BYTES : 2 * t->capacity;
        if (larger > t->total) larger = (size_t)t->total;
        uint8_t *bytes = realloc(t->bytes, larger);
        if (bytes == NULL) return NULL;
        t->bytes = bytes;
        t->capacity = larger;
    }
    size_t free_bytes = t->capacity - t->used;
    *room = wanted < free_bytes ? (size_t)wanted : free_bytes;
    return t->bytes + t->used;
}

static gamd_status hand_out(gamd_client *c, struct target *t, const uint8_t *bytes, size_t count) {
    t->used += count;
    if (t->sink == NULL) return GAMD_OK;
    c->in_sink = true;
    int stop = t->sink(t->context, bytes, count);
    c->in_sink = false;
    return stop == 0 ? GAMD_OK : fail(c, GAMD_CANCELLED, "stopped by the callback");
}

// A sink gets full pieces, memory gets what has come.
static gamd_status receive_body(gamd_client *c, struct target *t, struct hasher *hasher) {
    while (c->body_left > 0) {
        size_t room, got;
        uint8_t *bytes = target_room(c, t, c->body_left, &room);
        if (bytes == NULL) return no_memory(c, c->body_left + t->used);
        gamd_status status;
        if (t->sink != NULL) {
            got = room;
            status = receive_exactly(c, bytes, room);
        } else {
            status = receive_some(c, bytes, room, &got);
        }
        if (status != GAMD_OK) return status;
        c->body_left -= got;
        hasher_add(hasher, bytes, got);
        status = hand_out(c, t, bytes, got);
        if (status != GAMD_OK) return status;
    }
    return GAMD_OK;
}

static gamd_status read_away(gamd_client *c) {
    uint8_t scrap[16 << 10];
    while (c->body_left > 0) {
        size_t got, wanted = c->body_left < sizeof scrap ? (size_t)c->body_left : sizeof scrap;
        gamd_status status = receive_some(c, scrap, wanted, &got);
        if (status != GAMD_OK) return status;
        c->body_left -= got;
    }
    return GAMD_OK;
}

// Ends an answer that is not wanted further: the daemon is told, and what is under way read away,
// so that the handle stays open. The call's error stays what it is.
static void abandon(gamd_client *c) {
    if (c->socket < 0) return;
    gamd_error error = c->error;
    uint64_t budget = ABANDON_BYTES_MAX;
    if (!c->answered) {
        start_frame(c);
        close_message(c, open_message(c, 22));
        if (send_request(c, NULL, 0) != GAMD_OK) lose(c, GAMD_UNREACHABLE, "hung up");
    }
    struct reply reply;
    while (c->socket >= 0 && read_away(c) == GAMD_OK && !c->answered) {
        if (receive_reply(c, &reply) != GAMD_OK) break;
        uint64_t cost = c->body_left + HEADER_BYTES;
        if (cost > budget) lose(c, GAMD_PROTOCOL_ERROR, "no end of it");
        budget -= cost;
    }
    c->error = error;
}

// Points of [start, stop) that are multiples of 2^level; below level 0 all of them.
static uint64_t points_of_level(gamd_interval interval, int32_t level) {
    if (interval.start < 0 || interval.stop <= interval.start || level > 62) return 0;
    if (level < 0) return (uint64_t)(interval.stop - interval.start);
    uint64_t before = ((uint64_t)1 << level) - 1;
    uint64_t first = ((uint64_t)interval.start + before) >> level;
    return (((uint64_t)interval.stop + before) >> level) - first;
}

// Whether samples came in the shape that was asked for, as many as their shape has.
static gamd_status check_shape(gamd_client *c, const struct samples *s,
                               const gamd_selection *wanted) {
    const gamd_description *d = &s->description;
    uint64_t bytes = gamd_description_bytes(d);
    if (bytes == 0) return out_of_step(c, "samples without a shape");
    if (bytes != s->total_bytes) return out_of_step(c, "another size than that of its shape");
    if (wanted->axis_count == 0) return GAMD_OK;
    bool same = d->axis_count == wanted->axis_count;
    for (uint32_t i = 0; same && i < d->axis_count; i++) {
        same = d->axes[i].extent == points_of_level(wanted->region[i], wanted->level);
    }
    return same ? GAMD_OK : out_of_step(c, "another region than the one asked for");
}

// One frame of an answer made of samples or bytes of a file; its body comes next.
static gamd_status receive_part(gamd_client *c, struct samples *s, uint64_t received, bool first) {
    struct reply reply;
    struct samples part = {.total_bytes = 0};
    gamd_status status = receive_reply(c, &reply);
    if (status != GAMD_OK) return status;
    if (reply.status != 0) return refusal(c, &reply);
    if (reply.result != SAMPLES) return out_of_step(c, "an answer of another kind");
    status = parse(c, &reply, samples_fields, COUNT(samples_fields), &part);
    if (status != GAMD_OK) return status;
    if (first) *s = part;
    s->hash = part.hash;
    // Without this an answer of empty frames would never end.
    if (!first && !reply.last && c->body_left == 0) return out_of_step(c, "an empty part");
    if (c->body_left <= s->total_bytes - received) return GAMD_OK;
    return out_of_step(c, "more bytes than announced");
}

// The whole answer to a Read (`wanted`) or a Get (NULL) that was sent.
static gamd_status receive_stream(gamd_client *c, struct target *t, const gamd_selection *wanted,
                                  gamd_description *description) {
    struct samples s;
    struct hasher hasher;
    uint64_t received = 0;
    hasher_start(&hasher);
    for (bool first = true; first || !c->answered; first = false) {
        gamd_status status = receive_part(c, &s, received, first);
        if (status == GAMD_OK && first && wanted != NULL) status = check_shape(c, &s, wanted);
        if (status != GAMD_OK) return status;
        if (first && description != NULL) *description = s.description;
        received += c->body_left;
        if (first) status = open_target(c, t, s.total_bytes);
        if (status == GAMD_OK) status = receive_body(c, t, &hasher);
        if (status != GAMD_OK) {
            abandon(c);
            return status;
        }
    }
    if (received != s.total_bytes) return out_of_step(c, "fewer bytes than announced");
    struct hash hash = hasher_end(&hasher);
    if (hash.low == s.hash.low && hash.high == s.hash.high) return GAMD_OK;
    return fail(c, GAMD_INTEGRITY,
                "the %" PRIu64 " bytes received do not have the hash sent with them; read again",
                received);
}

// ---- reading --------------------------------------------------------------------------------

static gamd_status read_into(gamd_client *c, const char *key, const gamd_selection *selection,
                             struct target *t, gamd_description *description) {
    static const gamd_selection everything;
    const gamd_selection *s = selection == NULL ? &everything : selection;
    if (description != NULL) memset(description, 0, sizeof *description);
    gamd_status status = begin_keyed(c, key);
    if (status != GAMD_OK) return status;
    if (s->axis_count > GAMD_AXES_MAX) return fail(c, GAMD_BAD_REQUEST, "a region of over 4 axes");
    size_t start = open_message(c, 15);
    for (uint32_t i = 0; i < s->axis_count; i++) {
        size_t interval_start = open_message(c, 1);
        write_signed(c, 1, s->region[i].start);
        write_signed(c, 2, s->region[i].stop);
        close_message(c, interval_start);
    }
    write_number(c, 2, (uint64_t)(int64_t)s->level);
    close_message(c, start);
    status = send_request(c, NULL, 0);
    if (status != GAMD_OK && status != GAMD_UNREACHABLE) return status;
    return end_call(c, receive_stream(c, t, s, description));
}

gamd_status gamd_read(gamd_client *client, const char *key, const gamd_selection *selection,
                      void *buffer, size_t capacity, gamd_description *description) {
    struct target target = {.bytes = buffer, .capacity = capacity};
    return read_into(client, key, selection, &target, description);
}

gamd_status gamd_read_alloc(gamd_client *client, const char *key, const gamd_selection *selection,
                            void **samples, gamd_description *description) {
    struct target target = {.grows = true};
    gamd_status status = read_into(client, key, selection, &target, description);
    if (status != GAMD_OK) {
        free(target.bytes);
        target.bytes = NULL;
    }
    *samples = target.bytes;
    return status;
}

gamd_status gamd_read_stream(gamd_client *client, const char *key, const gamd_selection *selection,
                             gamd_sink sink, void *context, gamd_description *description) {
    struct target target = {.sink = sink, .context = context};
    return read_into(client, key, selection, &target, description);
}

gamd_status gamd_get_file(gamd_client *client, const char *key, const char *format, gamd_sink sink,
                          void *context) {
    struct target target = {.sink = sink, .context = context};
    gamd_status status = begin_keyed(client, key);
    if (status != GAMD_OK) return status;
    size_t start = open_message(client, 14);
    write_text(client, 1, format);
    close_message(client, start);
    status = send_request(client, NULL, 0);
    if (status != GAMD_OK && status != GAMD_UNREACHABLE) return status;
    return end_call(client, receive_stream(client, &target, NULL, NULL));
}

// ---- stat, list, delete ---------------------------------------------------------------------

gamd_status gamd_stat(gamd_client *client, const char *key, gamd_stat_result *result) {
    clear_stat(result);
    gamd_status status = begin_keyed(client, key);
    if (status != GAMD_OK) return status;
    close_message(client, open_message(client, 16));
    struct reply reply;
    status = exchange(client, STAT, &reply);
    if (status == GAMD_OK) {
        status = parse(client, &reply, stat_fields, COUNT(stat_fields), result);
        if (status != GAMD_OK) clear_stat(result);
    }
    return end_call(client, status);
}

gamd_status gamd_delete(gamd_client *client, const char *key) {
    gamd_status status = begin_keyed(client, key);
    if (status != GAMD_OK) return status;
    close_message(client, open_message(client, 18));
    struct reply reply;
    return end_call(client, exchange(client, 0, &reply));
}

// A list under way. Its page is its own, so that the visitor may use the handle in between.
struct listing {
    gamd_client *client;
    const char *prefix;
    gamd_visitor visit;
    void *context;
    struct buffer page, texts;
    const char *cursor;           // of the next page; "" at the end
    char cursor_text[GAMD_KEY_BYTES_MAX + 1], last_key[GAMD_KEY_BYTES_MAX + 1];
    uint64_t deadline_at;
    gamd_error partial;           // the first damaged entry, in the daemon's words
    bool stopped;
};

static bool visit_entry(struct reader *r, uint32_t number, void *place) {
    struct listing *l = place;
    gamd_stat_result stat;
    clear_stat(&stat);
    l->texts.count = 0;
    r->texts = &l->texts;
    if (l->stopped) return true;
    if (!read_stat(r, number, &stat)) return false;
    // Keys that rise within the prefix: what the protocol promises, and why a list ends.
    size_t count = strlen(stat.key);
    if (count == 0 || count > GAMD_KEY_BYTES_MAX || strcmp(stat.key, l->last_key) <= 0 ||
        strncmp(stat.key, l->prefix, strlen(l->prefix)) != 0) {
        return fault(r, "a list that is out of order");
    }
    memcpy(l->last_key, stat.key, count + 1);
    l->stopped = l->visit(l->context, &stat) != 0;
    return true;
}

static const struct field list_fields[] = {
    {1, MESSAGE, 0, visit_entry, NULL},
    {2, TEXT, offsetof(struct listing, cursor), NULL, NULL},
};

// Asks for the page behind the last key and takes it out of the handle.
static gamd_status fetch_page(struct listing *l, struct reply *reply) {
    gamd_client *c = l->client;
    next_request(c, NULL);
    size_t start = open_message(c, 17);
    write_text(c, 1, l->prefix);
    write_text(c, 2, l->cursor);
    close_message(c, start);
    gamd_status status = send_request(c, NULL, 0);
    if (status == GAMD_OK || status == GAMD_UNREACHABLE) status = receive_reply(c, reply);
    if (status != GAMD_OK) return status;
    bool damaged = reply->status == GAMD_PARTIAL && reply->result == LIST;
    if (reply->status != 0 && !damaged) return refusal(c, reply);
    if (!reply->last || reply->result != LIST) return out_of_step(c, "an answer of another kind");
    if (damaged && l->partial.status == GAMD_OK) {
        refusal(c, reply);
        l->partial = c->error;
    }
    free(l->page.bytes);
    l->page = c->metadata;
    c->metadata = (struct buffer){NULL, 0, 0};
    return reserve(&l->texts, l->page.capacity) ? GAMD_OK : no_memory(c, l->page.capacity);
}

// Hands the entries of a page to the visitor; sets the cursor of the next, "" at the end.
static gamd_status visit_page(struct listing *l, struct reply *reply) {
    gamd_client *c = l->client;
    struct buffer cursor_text = {(uint8_t *)l->cursor_text, 0, sizeof l->cursor_text};
    reply->message.texts = &cursor_text;
    l->cursor = "";
    char before[sizeof l->last_key];
    memcpy(before, l->last_key, sizeof before);
    bool good = read_message(&reply->message, list_fields, COUNT(list_fields), l);
    c->deadline_at = l->deadline_at;
    if (l->stopped) return fail(c, GAMD_CANCELLED, "stopped by the callback");
    if (!good) return out_of_step(c, reply->message.fault);
    bool moved = strcmp(before, l->last_key) != 0;
    if (l->cursor[0] == 0) return GAMD_OK;
    if (c->socket < 0) return fail(c, GAMD_UNREACHABLE, "the visitor lost the connection");
    return moved ? GAMD_OK : out_of_step(c, "an empty page that is not the last");
}

gamd_status gamd_list(gamd_client *client, const char *prefix, gamd_visitor visit, void *context) {
    gamd_status status = begin_call(client);
    if (status != GAMD_OK) return status;
    struct listing l = {.client = client, .prefix = prefix == NULL ? "" : prefix, .cursor = "",
                        .visit = visit, .context = context, .deadline_at = client->deadline_at};
    do {
        struct reply reply;
        status = fetch_page(&l, &reply);
        if (status == GAMD_OK) status = visit_page(&l, &reply);
    } while (status == GAMD_OK && l.cursor[0] != 0);
    free(l.page.bytes);
    free(l.texts.bytes);
    if (status != GAMD_OK || l.partial.status == GAMD_OK) return end_call(client, status);
    client->error = l.partial;
    return GAMD_PARTIAL;
}

// ---- storing --------------------------------------------------------------------------------

static void write_option(gamd_client *c, uint32_t field, const char *key, const char *value) {
    if (value == NULL) return;
    size_t start = open_message(c, field);
    write_text(c, 1, key);
    write_text(c, 2, value);
    close_message(c, start);
}

static gamd_status write_put_begin(gamd_client *c, const gamd_description *samples,
                                   const char *file_name, const gamd_put_options *options) {
    static const gamd_put_options defaults;
    const gamd_put_options *o = options == NULL ? &defaults : options;
    if (o->shard_axis_count > GAMD_AXES_MAX) {
        return fail(c, GAMD_BAD_REQUEST, "shard extents of over 4 axes");
    }
    size_t start = open_message(c, 11);
    write_text(c, 1, file_name);
    if (samples != NULL) write_description(c, 3, samples);
    write_number(c, 4, o->effort);
    write_text(c, 5, o->network_size);
    if (o->shard_axis_count > 0) {
        size_t shards_start = open_message(c, 6);
        for (uint32_t i = 0; i < o->shard_axis_count; i++) write_varint(c, o->shard_extents[i]);
        close_message(c, shards_start);
    }
    if (samples != NULL) write_option(c, 7, "kind", o->kind);
    write_number(c, 8, o->must_not_exist);
    write_number(c, 9, o->lower_bits);
    write_number(c, 10, o->cells);
    close_message(c, start);
    return GAMD_OK;
}

static gamd_status send_commit(gamd_client *c, struct hasher *hasher) {
    struct hash hash = hasher_end(hasher);
    start_frame(c);
    size_t start = open_message(c, 13);
    write_fixed64(c, 1, hash.low);
    write_fixed64(c, 2, hash.high);
    write_number(c, 3, 1);
    close_message(c, start);
    return send_request(c, NULL, 0);
}

// PutBegin is written; sends it and the rest, unless the daemon refuses early.
static gamd_status send_put(gamd_client *c, const uint8_t *bytes, size_t count, bool *complete) {
    struct hasher hasher;
    hasher_start(&hasher);
    gamd_status status = send_request(c, NULL, 0);
    while (status == GAMD_OK && count > 0) {
        if (answer_waits(c)) return GAMD_OK;
        size_t chunk = count < c->chunk_bytes ? count : (size_t)c->chunk_bytes;
        hasher_add(&hasher, bytes, chunk);
        start_frame(c);
        close_message(c, open_message(c, 12));
        status = send_request(c, bytes, chunk);
        bytes += chunk, count -= chunk;
    }
    if (status == GAMD_OK) status = send_commit(c, &hasher);
    *complete = status == GAMD_OK;
    return status;
}

static gamd_status put(gamd_client *c, const void *bytes, size_t count, gamd_stat_result *result) {
    gamd_stat_result ignored;
    if (result == NULL) result = &ignored;
    clear_stat(result);
    bool complete = false;
    gamd_status status = send_put(c, bytes, count, &complete);
    if (status != GAMD_OK && status != GAMD_UNREACHABLE) return status;
    struct reply reply;
    status = receive_answer(c, PUT, &reply);
    if (status != GAMD_OK) return status;
    if (!complete) return out_of_step(c, "a success before the put was complete");
    status = parse(c, &reply, put_fields, COUNT(put_fields), result);
    if (status != GAMD_OK) clear_stat(result);
    return end_call(c, status);
}

gamd_status gamd_put(gamd_client *client, const char *key, const gamd_description *description,
                     const void *samples, size_t count, const gamd_put_options *options,
                     gamd_stat_result *result) {
    if (result != NULL) clear_stat(result);
    gamd_status status = begin_keyed(client, key);
    if (status != GAMD_OK) return status;
    uint64_t bytes = gamd_description_bytes(description);
    if (bytes == 0) return fail(client, GAMD_BAD_REQUEST, "the description is not one of a signal");
    if (bytes != count) {
        return fail(client, GAMD_BAD_REQUEST, "%zu bytes for samples of %" PRIu64, count, bytes);
    }
    status = write_put_begin(client, description, NULL, options);
    return status == GAMD_OK ? put(client, samples, count, result) : status;
}

gamd_status gamd_put_file(gamd_client *client, const char *key, const char *file_name,
                          const void *bytes, size_t count, const gamd_put_options *options,
                          gamd_stat_result *result) {
    if (result != NULL) clear_stat(result);
    gamd_status status = begin_keyed(client, key);
    if (status != GAMD_OK) return status;
    status = write_put_begin(client, NULL, file_name, options);
    return status == GAMD_OK ? put(client, bytes, count, result) : status;
}
