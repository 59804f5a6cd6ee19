/*
 * tiff_encode.c - canonical samples to TIFF (deflate, interleaved strips) with libtiff.
 *
 * What always holds: one page per index of the slow axis; the kept tags are set after the facts
 * that follow from the samples, so they can never contradict them.
 */
#include <stdlib.h>

#include "tiff_io.h"

enum { STRIP_BYTES = 1 << 20 };
/* Above this many raw bytes 32-bit offsets might not reach. */
static const uint64_t big_from_bytes = UINT64_C(3) << 30;

typedef struct tiff_encoder {
    gam_encoder base;
    tiff_file file;
    TIFF *tiff;
    tiff_page page;
    uint64_t page_index;
    uint32_t row;
    int page_is_open;
    unsigned char *packed; /* one row */
} tiff_encoder;

static gam_status describe_page(tiff_encoder *encoder, gam_message *message) {
    const gam_description *description = &encoder->base.description;
    tiff_page *page = &encoder->page;
    uint32_t axes = description->axis_count, bits = description->bits;
    int packs = bits == 1 || bits == 2 || bits == 4 || bits == 8 || bits == 10 || bits == 12 ||
                bits == 14 || bits == 16 || bits == 32;
    if (axes < 2 || axes > 3 || !packs) {
        return gam_fail(message, GAM_USAGE,
                        "a TIFF holds two or three axes of 1, 2, 4, 8, 10, 12, 14, 16 or 32 bit "
                        "samples, not %u axes of %u bits; read samples instead", axes, bits);
    }
    page->width = (uint32_t)description->axes[axes - 1].extent;
    page->height = (uint32_t)description->axes[axes - 2].extent;
    page->samples = (uint16_t)description->channel_count;
    page->bits = (uint16_t)bits;
    page->format = description->family == GAM_FLOAT    ? SAMPLEFORMAT_IEEEFP
                   : description->family == GAM_SIGNED ? SAMPLEFORMAT_INT
                                                       : SAMPLEFORMAT_UINT;
    int color = page->samples == 3 || page->samples == 4;
    page->photometric = color && description->channels[0] == GAM_CHANNEL_RED
                            ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    return GAM_OK;
}

static int predictor(const tiff_page *page) {
    if (page->format == SAMPLEFORMAT_IEEEFP) return PREDICTOR_FLOATINGPOINT;
    return page->bits == 8 || page->bits == 16 || page->bits == 32 ? PREDICTOR_HORIZONTAL
                                                                   : PREDICTOR_NONE;
}

static const unsigned char *kept_tags(const tiff_encoder *encoder, size_t *length) {
    char key[40];
    snprintf(key, sizeof key, "tiff.tags.%llu", (unsigned long long)encoder->page_index);
    const unsigned char *blob = gam_kept(encoder->base.host, key, length);
    return blob != NULL ? blob : gam_kept(encoder->base.host, "tiff.tags.0", length);
}

/* Extra samples of pages that did not come from a TIFF: alpha, or unspecified. */
static int set_extra_samples(tiff_encoder *encoder) {
    uint16_t kinds[GAM_CHANNELS_MAX] = {0};
    uint32_t color = encoder->page.photometric == PHOTOMETRIC_RGB ? 3 : 1;
    uint32_t count = encoder->page.samples - color;
    for (uint32_t i = 0; i < count; i++) {
        int alpha = encoder->base.description.channels[color + i] == GAM_CHANNEL_ALPHA;
        kinds[i] = alpha ? EXTRASAMPLE_UNASSALPHA : EXTRASAMPLE_UNSPECIFIED;
    }
    return count == 0 ||
           TIFFSetField(encoder->tiff, TIFFTAG_EXTRASAMPLES, (int)(uint16_t)count, kinds);
}

static gam_status open_page(tiff_encoder *encoder, gam_message *message) {
    const tiff_page *page = &encoder->page;
    TIFF *tiff = encoder->tiff;
    uint32_t strip_rows = (uint32_t)(STRIP_BYTES / (encoder->base.row_bytes + 1)) + 1;
    int set = TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, page->width) &&
              TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, page->height) &&
              TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, (int)page->samples) &&
              TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, (int)page->bits) &&
              TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, (int)page->format) &&
              TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) &&
              TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, (int)page->photometric) &&
              TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, strip_rows) &&
              TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE) &&
              TIFFSetField(tiff, TIFFTAG_PREDICTOR, predictor(page));
    size_t length = 0;
    const unsigned char *tags = kept_tags(encoder, &length);
    if (set && tags == NULL) set = set_extra_samples(encoder);
    if (!set) return tiff_failed(&encoder->file, "libtiff refuses this signal", message);
    encoder->page_is_open = 1;
    return tags == NULL ? GAM_OK
                        : tiff_write_tags(tiff, &encoder->file, tags, length, message);
}

static gam_status close_page(tiff_encoder *encoder, gam_message *message) {
    encoder->row = 0;
    encoder->page_index++;
    encoder->page_is_open = 0;
    if (TIFFWriteDirectory(encoder->tiff)) return GAM_OK;
    return tiff_failed(&encoder->file, "a TIFF page cannot be written", message);
}

static gam_status tiff_write_rows(gam_encoder *base, const unsigned char *buffer, uint64_t rows,
                                  gam_message *message) {
    tiff_encoder *encoder = (tiff_encoder *)base;
    uint64_t samples = (uint64_t)encoder->page.width * encoder->page.samples;
    for (uint64_t i = 0; i < rows; i++, buffer += base->row_bytes) {
        gam_status status = encoder->page_is_open ? GAM_OK : open_page(encoder, message);
        if (status != GAM_OK) return status;
        tiff_pack(buffer, samples, &encoder->page, encoder->packed);
        if (TIFFWriteScanline(encoder->tiff, encoder->packed, encoder->row, 0) != 1)
            return tiff_failed(&encoder->file, "a TIFF row cannot be written", message);
        if (++encoder->row == encoder->page.height) status = close_page(encoder, message);
        if (status != GAM_OK) return status;
    }
    return GAM_OK;
}

static gam_status tiff_finish(gam_encoder *base, gam_message *message) {
    tiff_encoder *encoder = (tiff_encoder *)base;
    TIFFClose(encoder->tiff);
    encoder->tiff = NULL;
    if (encoder->file.io_failed) return gam_fail(message, GAM_IO, "writing the TIFF failed");
    return GAM_OK;
}

static void tiff_close_encode(gam_encoder *base) {
    tiff_encoder *encoder = (tiff_encoder *)base;
    if (encoder->tiff != NULL) TIFFClose(encoder->tiff);
    free(encoder->packed);
}

static gam_status prepare(tiff_encoder *encoder, gam_message *message) {
    gam_status status = describe_page(encoder, message);
    if (status != GAM_OK) return status;
    status = gam_check_memory(encoder->base.host, 2 * encoder->base.row_bytes + STRIP_BYTES,
                              "a row of this TIFF", message);
    if (status != GAM_OK) return status;
    uint64_t samples = (uint64_t)encoder->page.width * encoder->page.samples;
    encoder->packed = malloc(tiff_packed_bytes(samples, encoder->page.bits));
    if (encoder->packed == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for a row");
    uint64_t raw = encoder->base.row_bytes * encoder->base.rows_left;
    size_t length = 0;
    const unsigned char *big = gam_kept(encoder->base.host, "tiff.big", &length);
    int is_big = raw > big_from_bytes || (big != NULL && length == 1 && *big != 0);
    encoder->tiff = tiff_open(&encoder->file, is_big ? "w8" : "w");
    return encoder->tiff != NULL ? GAM_OK
                                 : tiff_failed(&encoder->file, "no TIFF can be started", message);
}

gam_status tiff_open_encode(const gam_host *host, const gam_description *description,
                            const gam_output *output, gam_encoder **result, gam_message *message) {
    tiff_encoder *encoder =
        (tiff_encoder *)image_new_encoder(sizeof *encoder, host, output, description);
    if (encoder == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for an encoder");
    encoder->base.write_rows = tiff_write_rows;
    encoder->base.finish = tiff_finish;
    encoder->base.close = tiff_close_encode;
    encoder->file.host = host;
    encoder->file.output = output;
    gam_status status = prepare(encoder, message);
    if (status != GAM_OK) {
        tiff_close_encode(&encoder->base);
        free(encoder);
        return status;
    }
    *result = &encoder->base;
    return GAM_OK;
}
