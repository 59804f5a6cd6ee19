/*
 * pnm_decode.c - PNM and PAM to canonical samples.
 *
 * What always holds: header and bytes behind the last row are kept as they are; a sample above
 * maxval is refused. Samples keep the file's numbers: in P1 and P4 a 1 is black.
 */
#include <stdlib.h>

#include "pnm.h"

enum { TEXT_WINDOW = 64 * 1024 };

typedef struct pnm_decoder {
    gam_decoder base;
    pnm_header header;
    uint64_t offset; /* of the next sample byte in the file */
    uint64_t raw_row_bytes;
    unsigned char *raw; /* one row, or TEXT_WINDOW bytes of a plain file */
    size_t text_filled, text_used;
} pnm_decoder;

static void describe_channels(pnm_decoder *decoder) {
    gam_description *description = &decoder->base.description;
    const pnm_header *header = &decoder->header;
    image_set_channels(description, (uint32_t)header->depth);
    if (header->variant != 7) return;
    static const char *const natural[] = {"", "GRAYSCALE", "GRAYSCALE_ALPHA", "RGB", "RGB_ALPHA"};
    int known = header->depth <= 4 && strcmp(header->tuple_type, natural[header->depth]) == 0;
    if (header->depth == 1 && strncmp(header->tuple_type, "BLACKANDWHITE", 13) == 0) known = 1;
    if (!known) memset(description->channels, GAM_CHANNEL_OTHER, sizeof description->channels);
}

static gam_status describe_header(pnm_decoder *decoder, gam_message *message) {
    gam_description *description = &decoder->base.description;
    const pnm_header *header = &decoder->header;
    static const char *const media[] = {"",
        "image/x-portable-bitmap", "image/x-portable-graymap", "image/x-portable-pixmap",
        "image/x-portable-bitmap", "image/x-portable-graymap", "image/x-portable-pixmap",
        "image/x-portable-arbitrarymap"};
    gam_describe_as(description, "image", media[header->variant],
                    pnm_is_plain(header) || header->variant == 4 ? GAM_EXACT_SAMPLES
                                                                 : GAM_EXACT_FILE);
    image_set_plane(description, (uint64_t)header->height, (uint64_t)header->width);
    describe_channels(decoder);
    description->family = GAM_UNSIGNED;
    description->bits = pnm_bits(header->maxval);
    return gam_check_samples(decoder->base.host, description, message);
}

static gam_status keep_bytes_behind(pnm_decoder *decoder, gam_message *message) {
    if (pnm_is_plain(&decoder->header)) return GAM_OK;
    uint64_t samples = decoder->raw_row_bytes * (uint64_t)decoder->header.height;
    uint64_t end = decoder->header.length + samples;
    uint64_t size = decoder->base.input->size;
    if (end > size) {
        return gam_fail(message, GAM_BAD_INPUT,
                        "the file is cut off: %llu bytes where %llu are declared; get a complete "
                        "copy", (unsigned long long)size, (unsigned long long)end);
    }
    if (end == size) return GAM_OK;
    if (size - end > decoder->base.host->limits->metadata_bytes_max) {
        return gam_fail(message, GAM_LIMIT, "%llu bytes follow the picture (a second one?); split "
                        "the file", (unsigned long long)(size - end));
    }
    unsigned char *bytes = malloc(size - end);
    if (bytes == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for the trailing bytes");
    gam_status status = gam_read_exactly(decoder->base.input, end, bytes, size - end, message);
    if (status == GAM_OK)
        status = gam_keep(decoder->base.host, "pnm.trailer", bytes, size - end, message);
    free(bytes);
    return status;
}

static gam_status keep_header(pnm_decoder *decoder, gam_message *message) {
    const gam_host *host = decoder->base.host;
    gam_status status = gam_keep(host, "format", "pnm", 3, message);
    if (status == GAM_OK)
        status = gam_keep(host, "pnm.header", decoder->header.bytes, decoder->header.length,
                          message);
    return status == GAM_OK ? keep_bytes_behind(decoder, message) : status;
}

static int text_byte(pnm_decoder *decoder, gam_status *status, gam_message *message) {
    if (decoder->text_used == decoder->text_filled) {
        const gam_input *input = decoder->base.input;
        decoder->text_used = decoder->text_filled = 0;
        *status = input->read_at(input->context, decoder->offset, decoder->raw, TEXT_WINDOW,
                                 &decoder->text_filled);
        if (*status != GAM_OK) gam_fail(message, *status, "reading the samples failed");
        if (*status != GAM_OK || decoder->text_filled == 0) return -1;
        decoder->offset += decoder->text_filled;
    }
    return decoder->raw[decoder->text_used++];
}

/* The next number of a plain file; P1 digits may stand without space between them. */
static gam_status text_sample(pnm_decoder *decoder, uint32_t *value, gam_message *message) {
    gam_status status = GAM_OK;
    int c;
    do {
        c = text_byte(decoder, &status, message);
        while (c == '#') {
            while (c != -1 && c != '\n') c = text_byte(decoder, &status, message);
        }
    } while (c == ' ' || (c >= '\t' && c <= '\r'));
    if (status != GAM_OK) return status;
    if (c < '0' || c > '9')
        return gam_fail(message, GAM_BAD_INPUT, "the file is cut off or not a number follows");
    *value = (uint32_t)(c - '0');
    while (!pnm_is_bitmap(&decoder->header)) {
        c = text_byte(decoder, &status, message);
        if (c < '0' || c > '9') break;
        *value = *value * 10 + (uint32_t)(c - '0');
        if (*value > 65535) break;
    }
    if (c == '#') decoder->text_used--;
    return status;
}

static gam_status above_maxval(const pnm_decoder *decoder, uint32_t value, gam_message *message) {
    return gam_fail(message, GAM_BAD_INPUT, "sample %u is above maxval %lld", value,
                    (long long)decoder->header.maxval);
}

static gam_status read_plain_row(pnm_decoder *decoder, unsigned char *row, uint64_t samples,
                                 gam_message *message) {
    for (uint64_t i = 0; i < samples; i++) {
        uint32_t value = 0;
        gam_status status = text_sample(decoder, &value, message);
        if (status != GAM_OK) return status;
        if (value > (uint32_t)decoder->header.maxval) return above_maxval(decoder, value, message);
        *row++ = (unsigned char)value;
        if (decoder->base.description.bits > 8) *row++ = (unsigned char)(value >> 8);
    }
    return GAM_OK;
}

static gam_status read_raw_row(pnm_decoder *decoder, unsigned char *row, uint64_t samples,
                               gam_message *message) {
    gam_status status = gam_read_exactly(decoder->base.input, decoder->offset, decoder->raw,
                                         decoder->raw_row_bytes, message);
    if (status != GAM_OK) return status;
    decoder->offset += decoder->raw_row_bytes;
    if (decoder->header.variant == 4) {
        image_unpack_bits(decoder->raw, samples, 1, 0, row);
        return GAM_OK;
    }
    uint32_t highest = 0;
    for (uint64_t i = 0; i < samples; i++) {
        uint32_t value = decoder->raw[i];
        if (decoder->header.maxval > 255) {
            value = (uint32_t)decoder->raw[2 * i] << 8 | decoder->raw[2 * i + 1];
            row[2 * i] = (unsigned char)value;
            row[2 * i + 1] = (unsigned char)(value >> 8);
        } else {
            row[i] = (unsigned char)value;
        }
        if (value > highest) highest = value;
    }
    return highest > (uint32_t)decoder->header.maxval ? above_maxval(decoder, highest, message)
                                                      : GAM_OK;
}

static gam_status pnm_read_rows(gam_decoder *base, unsigned char *buffer, uint64_t rows_max,
                                uint64_t *rows, gam_message *message) {
    pnm_decoder *decoder = (pnm_decoder *)base;
    uint64_t samples = (uint64_t)(decoder->header.width * decoder->header.depth);
    for (*rows = 0; *rows < rows_max; ++*rows, buffer += base->row_bytes) {
        gam_status status = pnm_is_plain(&decoder->header)
                                ? read_plain_row(decoder, buffer, samples, message)
                                : read_raw_row(decoder, buffer, samples, message);
        if (status != GAM_OK) return status;
    }
    return GAM_OK;
}

static void pnm_close_decode(gam_decoder *base) { free(((pnm_decoder *)base)->raw); }

static gam_status prepare(pnm_decoder *decoder, gam_message *message) {
    gam_status status = pnm_read_header(decoder->base.input, &decoder->header, message);
    if (status == GAM_OK) status = describe_header(decoder, message);
    if (status != GAM_OK) return status;
    decoder->offset = decoder->header.length;
    decoder->raw_row_bytes = pnm_raw_row_bytes(&decoder->header);
    if (!pnm_is_plain(&decoder->header) && !pnm_is_bitmap(&decoder->header) &&
        decoder->header.maxval == 255)
        decoder->base.description.samples_at = decoder->offset;
    uint64_t bytes = pnm_is_plain(&decoder->header) ? TEXT_WINDOW : decoder->raw_row_bytes;
    status = gam_check_memory(decoder->base.host, bytes, "a row of this PNM", message);
    if (status == GAM_OK) status = keep_header(decoder, message);
    if (status != GAM_OK) return status;
    decoder->raw = malloc(bytes);
    if (decoder->raw == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for a row");
    return GAM_OK;
}

gam_status pnm_open_decode(const gam_host *host, const gam_input *input, gam_decoder **result,
                           gam_message *message) {
    pnm_decoder *decoder = (pnm_decoder *)image_new_decoder(sizeof *decoder, host, input);
    if (decoder == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for a decoder");
    decoder->base.read_rows = pnm_read_rows;
    decoder->base.close = pnm_close_decode;
    gam_status status = prepare(decoder, message);
    if (status != GAM_OK) {
        pnm_close_decode(&decoder->base);
        free(decoder);
        return status;
    }
    decoder->base.row_bytes = gam_row_bytes(&decoder->base.description);
    decoder->base.rows_left = gam_row_count(&decoder->base.description);
    *result = &decoder->base;
    return GAM_OK;
}
