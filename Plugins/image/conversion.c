/*
 * conversion.c - what would be lost when a signal is written in another format than it came in.
 *
 * What always holds: samples are never changed by a conversion; what a format cannot hold besides
 * them is named, and the conversion is refused unless the option drop_metadata=1 allows it.
 */
#include <stdlib.h>

#include "png_chunks.h"
#include "pnm.h"
#include "tiff_tags.h"
#include "webp_file.h"

typedef struct losses {
    char text[400];
    size_t length;
} losses;

static void add(losses *lost, const char *what, size_t length) {
    if (lost->length + length + 3 > sizeof lost->text) return;
    if (lost->length > 0) {
        memcpy(lost->text + lost->length, ", ", 2);
        lost->length += 2;
    }
    memcpy(lost->text + lost->length, what, length);
    lost->length += length;
    lost->text[lost->length] = '\0';
}

static void add_text(losses *lost, const char *what) { add(lost, what, strlen(what)); }

static void add_png_chunks(losses *lost, const gam_host *host, const char *key) {
    size_t length = 0;
    const unsigned char *chunks = gam_kept(host, key, &length);
    for (size_t at = 0; chunks != NULL && at + 12 <= length;) {
        uint64_t whole = (uint64_t)png_u32(chunks + at) + 12;
        if (whole > length - at) return;
        add(lost, (const char *)chunks + at + 4, 4);
        at += (size_t)whole;
    }
}

static void add_webp_chunks(losses *lost, const gam_host *host) {
    size_t length = 0;
    const unsigned char *chunks = gam_kept(host, "webp.chunks", &length);
    for (size_t at = 0; chunks != NULL && at + 8 <= length;) {
        uint64_t size = webp_u32(chunks + at + 4), whole = 8 + size + (size & 1);
        if (whole > length - at) return;
        add(lost, (const char *)chunks + at, 4);
        at += (size_t)whole;
    }
}

/* A PNM header says more than sides when it has comments or a maxval between powers of two. */
static void add_pnm_header(losses *lost, const gam_host *host) {
    size_t length = 0;
    const char *text = gam_kept(host, "pnm.header", &length);
    pnm_header *header = calloc(1, sizeof *header);
    if (text != NULL && header != NULL && length <= sizeof header->bytes) {
        memcpy(header->bytes, text, length);
        header->filled = length;
        if (memchr(text, '#', length) != NULL) add_text(lost, "comments of the header");
        if (pnm_parse_header(header, NULL) == GAM_OK &&
            header->maxval != (INT64_C(1) << pnm_bits(header->maxval)) - 1)
            add_text(lost, "maxval");
    }
    free(header);
}

static void add_jxl(losses *lost, const gam_host *host) {
    size_t length = 0;
    const unsigned char *boxes = gam_kept(host, "jxl.boxes", &length);
    for (size_t at = 0; boxes != NULL && at + 8 <= length;) {
        size_t size = webp_u32(boxes + at + 4);
        add(lost, (const char *)boxes + at, 4);
        at += 8;
        if (size > length - at) return;
        at += size;
    }
    const unsigned char *flags = gam_kept(host, "jxl.flags", &length);
    if (flags != NULL && length == 2 && flags[0] > 1) add_text(lost, "the orientation");
    if (gam_kept(host, "jxl.icc", &length) != NULL) add_text(lost, "the color profile");
}

static void add_blob(losses *lost, const gam_host *host, const char *key, const char *what) {
    size_t length = 0;
    if (gam_kept(host, key, &length) != NULL && length > 0) add_text(lost, what);
}

/* Whether a tag says nothing beyond sides, channels and samples. */
static int is_plain_tag(uint32_t tag, const unsigned char *value, size_t length) {
    uint32_t number = length >= 2 ? value[0] | (uint32_t)value[1] << 8 : 0;
    float fraction = 0;
    switch (tag) {
        case TIFFTAG_SUBFILETYPE: case TIFFTAG_EXTRASAMPLES: case TIFFTAG_PAGENUMBER: return 1;
        case TIFFTAG_PHOTOMETRIC:
            return number == PHOTOMETRIC_MINISBLACK || number == PHOTOMETRIC_RGB;
        case TIFFTAG_ORIENTATION: return number == ORIENTATION_TOPLEFT;
        case TIFFTAG_RESOLUTIONUNIT: return number == RESUNIT_NONE;
        case TIFFTAG_XRESOLUTION: case TIFFTAG_YRESOLUTION:
            if (length == sizeof fraction) memcpy(&fraction, value, sizeof fraction);
            return fraction == 1;
        default: return 0;
    }
}

static void add_tiff_tags(losses *lost, const gam_host *host) {
    for (unsigned page = 0;; page++) {
        char key[32], what[32];
        snprintf(key, sizeof key, "tiff.tags.%u", page);
        size_t length = 0;
        const unsigned char *tags = gam_kept(host, key, &length);
        if (tags == NULL) return;
        for (size_t at = 0; at + TIFF_ENTRY_HEAD <= length;) {
            uint32_t tag = tags[at] | (uint32_t)tags[at + 1] << 8;
            size_t value = webp_u32(tags + at + 4);
            const unsigned char *bytes = tags + at + TIFF_ENTRY_HEAD;
            at += TIFF_ENTRY_HEAD;
            if (value > length - at) return;
            if (!is_plain_tag(tag, bytes, value)) {
                snprintf(what, sizeof what, "TIFF tag %u", tag);
                add_text(lost, what);
            }
            at += value;
        }
    }
}

gam_status image_check_conversion(const gam_host *host, const gam_description *description,
                                  const char *target, gam_message *message) {
    size_t length = 0;
    const char *kept = gam_kept(host, "format", &length);
    if (kept == NULL || gam_text_equals((gam_text){kept, length}, target) ||
        gam_text_equals(gam_option(host, "drop_metadata"), "1"))
        return GAM_OK;
    losses lost = {.length = 0};
    add_png_chunks(&lost, host, "png.before");
    add_png_chunks(&lost, host, "png.after");
    add_blob(&lost, host, "png.trailer", "bytes behind the PNG");
    add_webp_chunks(&lost, host);
    add_pnm_header(&lost, host);
    add_blob(&lost, host, "pnm.trailer", "bytes behind the PNM");
    add_blob(&lost, host, "pfm.trailer", "bytes behind the PFM");
    add_tiff_tags(&lost, host);
    add_jxl(&lost, host);
    if (description->channels[0] == GAM_CHANNEL_PALETTE_INDEX)
        add_text(&lost, "the colors of the palette");
    if (lost.length == 0) return GAM_OK;
    return gam_fail(message, GAM_USAGE,
                    "writing this %.*s as %s would lose: %s; accept that with --drop-metadata",
                    (int)length, kept, target, lost.text);
}
