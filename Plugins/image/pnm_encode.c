/*
 * pnm_encode.c - canonical samples to PNM and PAM.
 *
 * What always holds: when the kept header still describes the signal it is written as it was;
 * otherwise a new one with maxval 2^bits - 1: P5 or P6 for gray and RGB, PAM for others.
 */
#include <stdlib.h>

#include "pnm.h"

typedef struct pnm_encoder {
    gam_encoder base;
    pnm_header header;
    int has_kept;
    uint64_t position, raw_row_bytes;
    unsigned char *raw; /* one row of the file */
} pnm_encoder;

/* "65535 " is the longest text of one sample. */
enum { PLAIN_SAMPLE_BYTES = 6 };

static gam_status put(pnm_encoder *encoder, const void *bytes, size_t length,
                      gam_message *message) {
    const gam_output *output = encoder->base.output;
    gam_status status = output->write_at(output->context, encoder->position, bytes, length);
    if (status != GAM_OK) return gam_fail(message, status, "writing the PNM failed");
    encoder->position += length;
    return GAM_OK;
}

static int use_kept_header(pnm_encoder *encoder) {
    const gam_description *description = &encoder->base.description;
    pnm_header *header = &encoder->header;
    size_t length = 0;
    const void *kept = gam_kept(encoder->base.host, "pnm.header", &length);
    if (kept == NULL || length > sizeof header->bytes) return 0;
    memcpy(header->bytes, kept, length);
    header->filled = length;
    return pnm_parse_header(header, NULL) == GAM_OK && header->length == length &&
           (uint64_t)header->width == description->axes[1].extent &&
           (uint64_t)header->height == description->axes[0].extent &&
           (uint64_t)header->depth == description->channel_count &&
           pnm_bits(header->maxval) == description->bits;
}

static gam_status make_header(pnm_encoder *encoder) {
    static const char *const types[] = {"", "GRAYSCALE", "GRAYSCALE_ALPHA", "RGB", "RGB_ALPHA"};
    const gam_description *description = &encoder->base.description;
    pnm_header *header = &encoder->header;
    memset(header, 0, sizeof *header);
    header->variant = 7;
    header->width = (int64_t)description->axes[1].extent;
    header->height = (int64_t)description->axes[0].extent;
    header->depth = description->channel_count;
    header->maxval = (INT64_C(1) << description->bits) - 1;
    int known = header->depth <= 4 && description->channels[0] != GAM_CHANNEL_OTHER &&
                description->channels[0] != GAM_CHANNEL_PALETTE_INDEX;
    if (known && (header->depth == 1 || header->depth == 3)) {
        header->variant = header->depth == 1 ? 5 : 6;
        header->length = (size_t)snprintf((char *)header->bytes, sizeof header->bytes,
                                          "P%d\n%lld %lld\n%lld\n", header->variant,
                                          (long long)header->width, (long long)header->height,
                                          (long long)header->maxval);
        header->filled = header->length;
        return GAM_OK;
    }
    int length = snprintf((char *)header->bytes, sizeof header->bytes,
                          "P7\nWIDTH %lld\nHEIGHT %lld\nDEPTH %lld\nMAXVAL %lld\n%s%s%sENDHDR\n",
                          (long long)header->width, (long long)header->height,
                          (long long)header->depth, (long long)header->maxval,
                          known ? "TUPLTYPE " : "", known ? types[header->depth] : "",
                          known ? "\n" : "");
    header->filled = header->length = (size_t)length;
    return GAM_OK;
}

static size_t format_plain(const pnm_encoder *encoder, const unsigned char *row, uint64_t samples) {
    char *text = (char *)encoder->raw;
    for (uint64_t i = 0; i < samples; i++) {
        uint32_t value = *row++;
        if (encoder->base.description.bits > 8) value |= (uint32_t)*row++ << 8;
        char digits[5];
        int count = 0;
        do {
            digits[count++] = (char)('0' + value % 10);
            value /= 10;
        } while (value > 0);
        while (count > 0) *text++ = digits[--count];
        *text++ = i % 11 == 10 || i + 1 == samples ? '\n' : ' '; /* lines stay under 70 bytes */
    }
    return (size_t)(text - (char *)encoder->raw);
}

static size_t format_raw(const pnm_encoder *encoder, const unsigned char *row, uint64_t samples) {
    if (encoder->header.variant == 4) {
        image_pack_bits(row, samples, 1, encoder->raw);
    } else if (encoder->header.maxval > 255) {
        for (uint64_t i = 0; i < samples; i++) {
            encoder->raw[2 * i] = row[2 * i + 1];
            encoder->raw[2 * i + 1] = row[2 * i];
        }
    } else {
        memcpy(encoder->raw, row, samples);
    }
    return encoder->raw_row_bytes;
}

static gam_status pnm_write_rows(gam_encoder *base, const unsigned char *buffer, uint64_t rows,
                                 gam_message *message) {
    pnm_encoder *encoder = (pnm_encoder *)base;
    uint64_t samples = (uint64_t)(encoder->header.width * encoder->header.depth);
    for (uint64_t i = 0; i < rows; i++, buffer += base->row_bytes) {
        size_t length = pnm_is_plain(&encoder->header) ? format_plain(encoder, buffer, samples)
                                                       : format_raw(encoder, buffer, samples);
        gam_status status = put(encoder, encoder->raw, length, message);
        if (status != GAM_OK) return status;
    }
    return GAM_OK;
}

static gam_status pnm_finish(gam_encoder *base, gam_message *message) {
    pnm_encoder *encoder = (pnm_encoder *)base;
    size_t length = 0;
    const void *trailer =
        encoder->has_kept ? gam_kept(base->host, "pnm.trailer", &length) : NULL;
    return trailer == NULL ? GAM_OK : put(encoder, trailer, length, message);
}

static void pnm_close_encode(gam_encoder *base) { free(((pnm_encoder *)base)->raw); }

static gam_status prepare(pnm_encoder *encoder, gam_message *message) {
    const gam_description *description = &encoder->base.description;
    if (description->axis_count != 2 || description->family != GAM_UNSIGNED ||
        description->bits > 16)
        return gam_fail(message, GAM_USAGE, "a PNM holds two axes of unsigned samples of up to 16 "
                        "bits; choose format=tiff or read samples instead");
    encoder->has_kept = use_kept_header(encoder);
    if (!encoder->has_kept) make_header(encoder);
    uint64_t samples = (uint64_t)(encoder->header.width * encoder->header.depth);
    encoder->raw_row_bytes = pnm_raw_row_bytes(&encoder->header);
    uint64_t bytes = pnm_is_plain(&encoder->header) ? samples * PLAIN_SAMPLE_BYTES
                                                    : encoder->raw_row_bytes;
    gam_status status = gam_check_memory(encoder->base.host, bytes, "a row of this PNM", message);
    if (status != GAM_OK) return status;
    encoder->raw = malloc(bytes);
    if (encoder->raw == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for a row");
    return put(encoder, encoder->header.bytes, encoder->header.length, message);
}

gam_status pnm_open_encode(const gam_host *host, const gam_description *description,
                           const gam_output *output, gam_encoder **result, gam_message *message) {
    pnm_encoder *encoder =
        (pnm_encoder *)image_new_encoder(sizeof *encoder, host, output, description);
    if (encoder == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for an encoder");
    encoder->base.write_rows = pnm_write_rows;
    encoder->base.finish = pnm_finish;
    encoder->base.close = pnm_close_encode;
    gam_status status = prepare(encoder, message);
    if (status != GAM_OK) {
        pnm_close_encode(&encoder->base);
        free(encoder);
        return status;
    }
    *result = &encoder->base;
    return GAM_OK;
}
