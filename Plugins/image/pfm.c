/*
 * pfm.c - PFM (portable float map) to canonical samples and back.
 *
 * What always holds: the file's rows run from the bottom to the top, canonical ones from the top;
 * the header is kept as it is, so the very file comes back.
 */
#include <stdlib.h>

#include "image_codec.h"

enum { HEADER_MAX = 256 };

typedef struct pfm_header {
    uint32_t channels; /* 1 or 3 */
    uint64_t width, height;
    int is_big_endian;
    size_t length;
} pfm_header;

typedef struct pfm_decoder {
    gam_decoder base;
    pfm_header header;
} pfm_decoder;

typedef struct pfm_encoder {
    gam_encoder base;
    pfm_header header;
    unsigned char *row;
} pfm_encoder;

static int is_space(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* The word at `*at`, which ends in one byte of white space; 0 when there is none. */
static size_t next_word(const char *text, size_t length, size_t *at) {
    while (*at < length && is_space(text[*at])) ++*at;
    size_t start = *at;
    while (*at < length && !is_space(text[*at])) ++*at;
    if (*at == start || *at == length) return 0;
    size_t word = *at - start;
    ++*at;
    return word;
}

static int parse_side(const char *text, size_t length, uint64_t *side) {
    *side = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || *side > GAM_EXTENT_MAX) return 0;
        *side = *side * 10 + (uint64_t)(text[i] - '0');
    }
    return *side > 0 && *side <= GAM_EXTENT_MAX;
}

static gam_status parse(const char *text, size_t length, pfm_header *header,
                        gam_message *message) {
    size_t at = 0, words[4], ends[4];
    for (int i = 0; i < 4; i++) {
        words[i] = next_word(text, length, &at);
        ends[i] = at - 1;
        if (words[i] == 0) return gam_fail(message, GAM_BAD_INPUT, "the PFM header is damaged");
    }
    char scale[64] = {0};
    if (words[3] < sizeof scale) memcpy(scale, text + ends[3] - words[3], words[3]);
    char *end = NULL;
    double value = strtod(scale, &end);
    if (memcmp(text, "Pf", 2) != 0 && memcmp(text, "PF", 2) != 0)
        return gam_fail(message, GAM_BAD_INPUT, "not a PFM file");
    if (words[0] != 2 || !parse_side(text + ends[1] - words[1], words[1], &header->width) ||
        !parse_side(text + ends[2] - words[2], words[2], &header->height) || end == scale ||
        *end != '\0' || !(value < 0 || value > 0))
        return gam_fail(message, GAM_BAD_INPUT, "the PFM header is damaged");
    header->channels = text[1] == 'F' ? 3 : 1;
    header->is_big_endian = value > 0;
    header->length = at;
    return GAM_OK;
}

static void copy_row(const pfm_header *header, const unsigned char *from, unsigned char *to,
                     uint64_t bytes) {
    if (!header->is_big_endian) {
        memcpy(to, from, bytes);
        return;
    }
    for (uint64_t i = 0; i < bytes; i += 4)
        for (int k = 0; k < 4; k++) to[i + (uint64_t)k] = from[i + 3 - (uint64_t)k];
}

/* Offset of the next row from the top, with `rows_left` to go. */
static uint64_t row_offset(const pfm_header *header, uint64_t row_bytes, uint64_t rows_left) {
    return header->length + (rows_left - 1) * row_bytes;
}

static gam_status pfm_read_rows(gam_decoder *base, unsigned char *buffer, uint64_t rows_max,
                                uint64_t *rows, gam_message *message) {
    const pfm_header *header = &((pfm_decoder *)base)->header;
    for (*rows = 0; *rows < rows_max; ++*rows, buffer += base->row_bytes) {
        uint64_t at = row_offset(header, base->row_bytes, base->rows_left - *rows);
        gam_status status = gam_read_exactly(base->input, at, buffer, base->row_bytes, message);
        if (status != GAM_OK) return status;
        if (!header->is_big_endian) continue;
        for (uint64_t i = 0; i < base->row_bytes; i += 4) {
            unsigned char a = buffer[i], b = buffer[i + 1];
            buffer[i] = buffer[i + 3];
            buffer[i + 1] = buffer[i + 2];
            buffer[i + 2] = b;
            buffer[i + 3] = a;
        }
    }
    return GAM_OK;
}

static void pfm_close_decode(gam_decoder *base) { (void)base; }

static gam_status keep_tail(pfm_decoder *decoder, uint64_t end, gam_message *message) {
    const gam_input *input = decoder->base.input;
    uint64_t bytes = input->size - end;
    if (bytes == 0) return GAM_OK;
    if (bytes > decoder->base.host->limits->metadata_bytes_max) {
        return gam_fail(message, GAM_LIMIT, "%llu bytes follow the picture; cut them off",
                        (unsigned long long)bytes);
    }
    unsigned char *tail = malloc(bytes);
    if (tail == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for trailing bytes");
    gam_status status = gam_read_exactly(input, end, tail, bytes, message);
    if (status == GAM_OK)
        status = gam_keep(decoder->base.host, "pfm.trailer", tail, bytes, message);
    free(tail);
    return status;
}

static gam_status prepare(pfm_decoder *decoder, gam_message *message) {
    const gam_input *input = decoder->base.input;
    const gam_host *host = decoder->base.host;
    pfm_header *header = &decoder->header;
    char text[HEADER_MAX];
    size_t length = 0;
    gam_status status = input->read_at(input->context, 0, text, sizeof text, &length);
    if (status != GAM_OK) return gam_fail(message, status, "reading the header failed");
    status = parse(text, length, header, message);
    if (status != GAM_OK) return status;
    gam_description *description = &decoder->base.description;
    gam_describe_as(description, "image", "image/x-portable-floatmap", GAM_EXACT_FILE);
    image_set_plane(description, header->height, header->width);
    image_set_channels(description, header->channels);
    description->family = GAM_FLOAT;
    description->bits = 32;
    status = gam_check_samples(host, description, message);
    if (status != GAM_OK) return status;
    uint64_t end = header->length + gam_row_bytes(description) * header->height;
    if (end > input->size) {
        return gam_fail(message, GAM_BAD_INPUT,
                        "the file is cut off: %llu bytes where %llu are declared; get a complete "
                        "copy", (unsigned long long)input->size, (unsigned long long)end);
    }
    status = gam_keep(host, "format", "pfm", 3, message);
    if (status == GAM_OK) status = gam_keep(host, "pfm.header", text, header->length, message);
    return status == GAM_OK ? keep_tail(decoder, end, message) : status;
}

gam_status pfm_open_decode(const gam_host *host, const gam_input *input, gam_decoder **result,
                           gam_message *message) {
    pfm_decoder *decoder = (pfm_decoder *)image_new_decoder(sizeof *decoder, host, input);
    if (decoder == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for a decoder");
    decoder->base.read_rows = pfm_read_rows;
    decoder->base.close = pfm_close_decode;
    gam_status status = prepare(decoder, message);
    if (status != GAM_OK) {
        free(decoder);
        return status;
    }
    decoder->base.row_bytes = gam_row_bytes(&decoder->base.description);
    decoder->base.rows_left = gam_row_count(&decoder->base.description);
    *result = &decoder->base;
    return GAM_OK;
}

static gam_status pfm_write_rows(gam_encoder *base, const unsigned char *buffer, uint64_t rows,
                                 gam_message *message) {
    pfm_encoder *encoder = (pfm_encoder *)base;
    for (uint64_t i = 0; i < rows; i++, buffer += base->row_bytes) {
        copy_row(&encoder->header, buffer, encoder->row, base->row_bytes);
        uint64_t at = row_offset(&encoder->header, base->row_bytes, base->rows_left - i);
        gam_status status =
            base->output->write_at(base->output->context, at, encoder->row, base->row_bytes);
        if (status != GAM_OK) return gam_fail(message, status, "writing the PFM failed");
    }
    return GAM_OK;
}

static gam_status pfm_finish(gam_encoder *base, gam_message *message) {
    const pfm_header *header = &((pfm_encoder *)base)->header;
    size_t length = 0;
    const void *tail = gam_kept(base->host, "pfm.trailer", &length);
    if (tail == NULL || length == 0) return GAM_OK;
    uint64_t at = header->length + base->row_bytes * header->height;
    gam_status status = base->output->write_at(base->output->context, at, tail, length);
    return status == GAM_OK ? GAM_OK : gam_fail(message, status, "writing the PFM failed");
}

static void pfm_close_encode(gam_encoder *base) { free(((pfm_encoder *)base)->row); }

static gam_status start(pfm_encoder *encoder, gam_message *message) {
    const gam_description *description = &encoder->base.description;
    uint32_t channels = description->channel_count;
    if (description->axis_count != 2 || description->family != GAM_FLOAT ||
        description->bits != 32 || (channels != 1 && channels != 3))
        return gam_fail(message, GAM_USAGE, "a PFM holds 32-bit floats of 1 or 3 channels on two "
                        "axes; choose format=tiff");
    char made[HEADER_MAX];
    size_t length = 0;
    const char *text = gam_kept(encoder->base.host, "pfm.header", &length);
    pfm_header *header = &encoder->header;
    int fits = text != NULL && length <= HEADER_MAX &&
               parse(text, length, header, NULL) == GAM_OK && header->length == length &&
               header->channels == channels && header->height == description->axes[0].extent &&
               header->width == description->axes[1].extent;
    if (!fits) {
        length = (size_t)snprintf(made, sizeof made, "P%c\n%llu %llu\n-1.0\n",
                                  channels == 3 ? 'F' : 'f',
                                  (unsigned long long)description->axes[1].extent,
                                  (unsigned long long)description->axes[0].extent);
        text = made;
        gam_status status = parse(text, length, header, message);
        if (status != GAM_OK) return status;
    }
    gam_status status = gam_check_memory(encoder->base.host, encoder->base.row_bytes,
                                         "a row of this PFM", message);
    if (status != GAM_OK) return status;
    encoder->row = malloc(encoder->base.row_bytes);
    if (encoder->row == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for a row");
    const gam_output *output = encoder->base.output;
    status = output->write_at(output->context, 0, text, length);
    return status == GAM_OK ? GAM_OK : gam_fail(message, status, "writing the PFM failed");
}

gam_status pfm_open_encode(const gam_host *host, const gam_description *description,
                           const gam_output *output, gam_encoder **result,
                           gam_message *message) {
    pfm_encoder *encoder =
        (pfm_encoder *)image_new_encoder(sizeof *encoder, host, output, description);
    if (encoder == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for an encoder");
    encoder->base.write_rows = pfm_write_rows;
    encoder->base.finish = pfm_finish;
    encoder->base.close = pfm_close_encode;
    gam_status status = start(encoder, message);
    if (status != GAM_OK) {
        pfm_close_encode(&encoder->base);
        free(encoder);
        return status;
    }
    *result = &encoder->base;
    return GAM_OK;
}
