/*
 * md5.c - MD5 as RFC 1321 has it.
 *
 * What always holds: `block` keeps the last length % 64 bytes that were not yet mixed in.
 */
#include "md5.h"

#include <string.h>

static const uint8_t rotations[4][4] = {
    {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

/* floor(2^32 * abs(sin(i + 1))) */
static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};

static uint32_t rotate(uint32_t value, int bits) { return value << bits | value >> (32 - bits); }

static void mix(md5_state *state, const unsigned char *block) {
    uint32_t words[16], a = state->words[0], b = state->words[1], c = state->words[2],
                        d = state->words[3];
    for (int i = 0; i < 16; i++) {
        words[i] = block[4 * i] | (uint32_t)block[4 * i + 1] << 8 |
                   (uint32_t)block[4 * i + 2] << 16 | (uint32_t)block[4 * i + 3] << 24;
    }
    for (int i = 0; i < 64; i++) {
        uint32_t f;
        int word;
        switch (i / 16) {
            case 0: f = (b & c) | (~b & d); word = i; break;
            case 1: f = (d & b) | (~d & c); word = (5 * i + 1) % 16; break;
            case 2: f = b ^ c ^ d; word = (3 * i + 5) % 16; break;
            default: f = c ^ (b | ~d); word = 7 * i % 16; break;
        }
        uint32_t next = b + rotate(a + f + sines[i] + words[word], rotations[i / 16][i % 4]);
        a = d;
        d = c;
        c = b;
        b = next;
    }
    state->words[0] += a;
    state->words[1] += b;
    state->words[2] += c;
    state->words[3] += d;
}

void md5_start(md5_state *state) {
    static const uint32_t initial[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    memcpy(state->words, initial, sizeof initial);
    state->length = 0;
}

void md5_add(md5_state *state, const void *source, size_t length) {
    const unsigned char *bytes = source;
    size_t used = state->length % 64;
    state->length += length;
    while (length > 0) {
        size_t part = 64 - used < length ? 64 - used : length;
        memcpy(state->block + used, bytes, part);
        bytes += part;
        length -= part;
        used += part;
        if (used < 64) return;
        mix(state, state->block);
        used = 0;
    }
}

void md5_finish(md5_state *state, unsigned char digest[16]) {
    unsigned char padding[72] = {0x80};
    uint64_t bits = state->length * 8;
    size_t used = state->length % 64, count = (used < 56 ? 56 : 120) - used;
    for (int i = 0; i < 8; i++) padding[count + (size_t)i] = (unsigned char)(bits >> (8 * i));
    md5_add(state, padding, count + 8);
    for (int i = 0; i < 16; i++) digest[i] = (unsigned char)(state->words[i / 4] >> (i % 4 * 8));
}
