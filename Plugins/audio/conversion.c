/*
 * conversion.c - what would be lost when a sound is written in another format than it came in.
 *
 * What always holds: samples and rate are never changed by a conversion; chunks and blocks that the
 * other format does not get are named, and the conversion is refused unless drop_metadata=1.
 */
#include "flac.h"
#include "pcm.h"

typedef struct losses {
    char text[300];
    size_t length;
} losses;

static void add(losses *lost, const char *what, size_t length) {
    if (lost->length + length + 3 > sizeof lost->text) return;
    if (lost->length > 0) {
        memcpy(lost->text + lost->length, ", ", 2);
        lost->length += 2;
    }
    for (size_t i = 0; i < length; i++)
        lost->text[lost->length++] = what[i] >= ' ' && what[i] <= '~' ? what[i] : '?';
    lost->text[lost->length] = '\0';
}

static uint32_t little32(const unsigned char *b) {
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static uint32_t big32(const unsigned char *b) {
    return b[3] | (uint32_t)b[2] << 8 | (uint32_t)b[1] << 16 | (uint32_t)b[0] << 24;
}

/* Chunks that say nothing besides format and size of the samples. */
static int is_plain(const unsigned char *id) {
    static const char *const plain[] = {"fmt ", "data", "fact", "PEAK", "ds64", "JUNK", "FLLR",
                                        "COMM", "SSND", "FVER", "desc", "free"};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (memcmp(id, plain[i], 4) == 0) return 1;
    }
    return 0;
}

/* RIFF and IFF chunks from `at` on: id, 32-bit size, padded to even. */
static void add_chunks(losses *lost, const unsigned char *bytes, size_t length, size_t at,
                       int is_big) {
    while (at + 8 <= length) {
        uint32_t size = is_big ? big32(bytes + at + 4) : little32(bytes + at + 4);
        if (!is_plain(bytes + at)) add(lost, (const char *)bytes + at, 4);
        at += 8 + (size_t)size + (size & 1);
    }
}

/* CAF chunks: id and 64-bit size. */
static void add_caf_chunks(losses *lost, const unsigned char *bytes, size_t length, size_t at) {
    while (at + 12 <= length) {
        uint64_t size = (uint64_t)big32(bytes + at + 4) << 32 | big32(bytes + at + 8);
        if (!is_plain(bytes + at)) add(lost, (const char *)bytes + at, 4);
        if (size > length - at - 12) return;
        at += 12 + (size_t)size;
    }
}

/* Wave64 chunks: id of 16 bytes, 64-bit size with its own 24 bytes, padded to 8. */
static void add_w64_chunks(losses *lost, const unsigned char *bytes, size_t length, size_t at) {
    while (at + 24 <= length) {
        uint64_t size = little32(bytes + at + 16) | (uint64_t)little32(bytes + at + 20) << 32;
        if (!is_plain(bytes + at)) add(lost, (const char *)bytes + at, 4);
        if (size < 24 || size > length - at) return;
        at += (size_t)((size + 7) & ~UINT64_C(7));
    }
}

static void add_pcm(losses *lost, const gam_host *host, gam_text format) {
    size_t head_length = 0, tail_length = 0;
    const unsigned char *head = gam_kept(host, "pcm.head", &head_length);
    const unsigned char *tail = gam_kept(host, "pcm.tail", &tail_length);
    if (head == NULL) return;
    if (gam_text_equals(format, "au")) {
        for (size_t i = 24; i < head_length; i++) {
            if (head[i] == 0) continue;
            add(lost, "the annotation", 14);
            break;
        }
        if (tail_length > 0) add(lost, "bytes behind the samples", 24);
    } else if (gam_text_equals(format, "caf")) {
        add_caf_chunks(lost, head, head_length, 8);
        add_caf_chunks(lost, tail, tail_length, 0);
    } else if (gam_text_equals(format, "w64")) {
        add_w64_chunks(lost, head, head_length, 40);
        add_w64_chunks(lost, tail, tail_length, 0);
    } else {
        int is_big = gam_text_equals(format, "aiff") ||
                     (head_length >= 4 && memcmp(head, "RIFX", 4) == 0);
        add_chunks(lost, head, head_length, 12, is_big);
        /* A chunk of odd length is padded: the tail may start with that byte. */
        add_chunks(lost, tail, tail_length, tail_length % 2, is_big);
    }
}

/* A comment block with a vendor and no comments says nothing about the sound. */
static int is_empty_comment(const unsigned char *block, size_t length) {
    if (length < 8) return 1;
    uint32_t vendor = little32(block);
    return vendor > length - 8 || little32(block + 4 + vendor) == 0;
}

static void add_flac(losses *lost, const gam_host *host) {
    static const char *const names[] = {"STREAMINFO", "PADDING",  "APPLICATION", "SEEKTABLE",
                                        "comments",   "CUESHEET", "PICTURE"};
    size_t length = 0;
    const unsigned char *blocks = gam_kept(host, "flac.blocks", &length);
    for (size_t at = 0; blocks != NULL && at + FLAC_BLOCK_HEAD <= length;) {
        unsigned type = blocks[at] & 0x7f;
        size_t size = big32(blocks + at) & 0xffffff;
        const unsigned char *body = blocks + at + FLAC_BLOCK_HEAD;
        at += FLAC_BLOCK_HEAD;
        if (size > length - at) return;
        at += size;
        if (type == 1 || (type == 4 && is_empty_comment(body, size))) continue;
        const char *name = type < 7 ? names[type] : "an unknown block";
        add(lost, name, strlen(name));
    }
}

gam_status audio_check_conversion(const gam_host *host, const char *target, gam_message *message) {
    size_t length = 0;
    const char *kept = gam_kept(host, "format", &length);
    if (kept == NULL || gam_text_equals((gam_text){kept, length}, target) ||
        gam_text_equals(gam_option(host, "drop_metadata"), "1"))
        return GAM_OK;
    losses lost = {.length = 0};
    add_pcm(&lost, host, (gam_text){kept, length});
    add_flac(&lost, host);
    if (lost.length == 0) return GAM_OK;
    return gam_fail(message, GAM_USAGE,
                    "writing this %.*s as %s would lose: %s; accept that with --drop-metadata",
                    (int)length, kept, target, lost.text);
}
