/*
 * png_decode.c - PNG to canonical samples with libspng.
 *
 * What always holds: libspng gives the stored numbers, never a conversion (raw format: no gamma,
 * no palette lookup, no scaling); it sees only the critical chunks, all others are kept as they
 * are. Non-interlaced pictures are streamed row by row; interlaced ones need the whole picture,
 * which is checked against the memory limit first.
 */
#include <spng.h>
#include <stdlib.h>

#include "png_chunks.h"

typedef struct png_decoder {
    gam_decoder base;
    png_layout layout;
    spng_ctx *spng;
    int range;         /* of layout.critical, being read */
    uint64_t position; /* inside that range */
    uint64_t packed_row_bytes;
    unsigned char *packed; /* one row, or the whole picture when interlaced */
    uint64_t next_row;
} png_decoder;

static int feed(spng_ctx *context, void *user, void *target, size_t length) {
    (void)context;
    png_decoder *decoder = user;
    unsigned char *bytes = target;
    while (length > 0) {
        if (decoder->range == 4) return SPNG_IO_EOF;
        const png_range *range = &decoder->layout.critical[decoder->range];
        uint64_t left = range->length - decoder->position;
        if (left == 0) {
            decoder->range++;
            decoder->position = 0;
            continue;
        }
        size_t part = left < length ? (size_t)left : length;
        if (gam_read_exactly(decoder->base.input, range->offset + decoder->position, bytes, part,
                             NULL) != GAM_OK)
            return SPNG_IO_ERROR;
        decoder->position += part;
        bytes += part;
        length -= part;
    }
    return 0;
}

static gam_status spng_failed(int error, gam_message *message) {
    gam_status status = error == SPNG_EMEM      ? GAM_NO_MEMORY
                        : error == SPNG_IO_ERROR ? GAM_IO
                                                 : GAM_BAD_INPUT;
    return gam_fail(message, status, "the PNG is damaged: %s", spng_strerror(error));
}

static gam_status describe_header(png_decoder *decoder, gam_message *message) {
    const unsigned char *header = decoder->layout.header;
    gam_description *description = &decoder->base.description;
    uint32_t channels = png_channel_count(header[9]);
    if (channels == 0)
        return gam_fail(message, GAM_BAD_INPUT, "color type %u does not exist", header[9]);
    gam_describe_as(description, "image", "image/png", GAM_EXACT_SAMPLES);
    image_set_plane(description, png_u32(header + 4), png_u32(header));
    image_set_channels(description, channels);
    if (header[9] == 3) description->channels[0] = GAM_CHANNEL_PALETTE_INDEX;
    description->family = GAM_UNSIGNED;
    description->bits = header[8];
    if (description->bits < 1 || description->bits > 16)
        return gam_fail(message, GAM_BAD_INPUT, "bit depth %u does not exist", header[8]);
    return gam_check_samples(decoder->base.host, description, message);
}

static gam_status prepare_rows(png_decoder *decoder, gam_message *message) {
    const gam_description *description = &decoder->base.description;
    uint64_t bits = description->axes[1].extent * description->channel_count * description->bits;
    int interlaced = decoder->layout.header[12] != 0;
    decoder->packed_row_bytes = (bits + 7) / 8;
    uint64_t rows = interlaced ? description->axes[0].extent : 1;
    uint64_t bytes = 0;
    if (!gam_multiply(decoder->packed_row_bytes, rows, &bytes) || bytes > SIZE_MAX / 8)
        return gam_fail(message, GAM_LIMIT, "the picture is too large");
    /* libspng itself holds two to three rows. */
    gam_status status = gam_check_memory(
        decoder->base.host, bytes + 4 * decoder->packed_row_bytes,
        interlaced ? "an interlaced PNG (decoded as a whole)" : "a row of this PNG", message);
    if (status != GAM_OK) return status;
    /* Zeroed: libspng joins interlaced samples of less than a byte with a bitwise or. */
    decoder->packed = calloc(bytes, 1);
    if (decoder->packed == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for the rows");
    return GAM_OK;
}

static gam_status start_spng(png_decoder *decoder, gam_message *message) {
    decoder->spng = spng_ctx_new(0);
    if (decoder->spng == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for libspng");
    spng_set_crc_action(decoder->spng, SPNG_CRC_ERROR, SPNG_CRC_ERROR);
    int error = spng_set_png_stream(decoder->spng, feed, decoder);
    struct spng_ihdr header;
    if (error == 0) error = spng_get_ihdr(decoder->spng, &header);
    if (error != 0) return spng_failed(error, message);
    gam_status status = describe_header(decoder, message);
    if (status == GAM_OK) status = prepare_rows(decoder, message);
    if (status != GAM_OK) return status;
    if (decoder->layout.header[12] == 0) {
        error = spng_decode_image(decoder->spng, NULL, 0, SPNG_FMT_RAW, SPNG_DECODE_PROGRESSIVE);
        return error == 0 ? GAM_OK : spng_failed(error, message);
    }
    uint64_t bytes = decoder->packed_row_bytes * decoder->base.description.axes[0].extent;
    error = spng_decode_image(decoder->spng, decoder->packed, bytes, SPNG_FMT_RAW, 0);
    if (error == 0) error = spng_decode_chunks(decoder->spng);
    return error == 0 ? GAM_OK : spng_failed(error, message);
}

static gam_status keep_layout(png_decoder *decoder, gam_message *message) {
    const gam_host *host = decoder->base.host;
    png_layout *layout = &decoder->layout;
    gam_status status = gam_keep(host, "format", "png", 3, message);
    if (status == GAM_OK) status = gam_keep(host, "png.header", layout->header, 13, message);
    if (status == GAM_OK && layout->before.length > 0)
        status = gam_keep(host, "png.before", layout->before.bytes, layout->before.length, message);
    if (status == GAM_OK && layout->after.length > 0)
        status = gam_keep(host, "png.after", layout->after.bytes, layout->after.length, message);
    if (status != GAM_OK || layout->trailer.length == 0) return status;
    if (layout->trailer.length > host->limits->metadata_bytes_max) {
        return gam_fail(message, GAM_LIMIT, "%llu bytes follow the end of the PNG; cut them off",
                        (unsigned long long)layout->trailer.length);
    }
    unsigned char *bytes = malloc(layout->trailer.length);
    if (bytes == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for the trailing bytes");
    status = gam_read_exactly(decoder->base.input, layout->trailer.offset, bytes,
                              layout->trailer.length, message);
    if (status == GAM_OK)
        status = gam_keep(host, "png.trailer", bytes, layout->trailer.length, message);
    free(bytes);
    return status;
}

static gam_status decode_row(png_decoder *decoder, const unsigned char **packed,
                             gam_message *message) {
    *packed = decoder->packed;
    if (decoder->layout.header[12] != 0) {
        *packed += decoder->next_row++ * decoder->packed_row_bytes;
        return GAM_OK;
    }
    int last = ++decoder->next_row == decoder->base.description.axes[0].extent;
    int error = spng_decode_row(decoder->spng, decoder->packed, decoder->packed_row_bytes);
    if (error == SPNG_EOI && last) error = spng_decode_chunks(decoder->spng);
    return error == 0 ? GAM_OK : spng_failed(error, message);
}

static gam_status png_read_rows(gam_decoder *base, unsigned char *buffer, uint64_t rows_max,
                                uint64_t *rows, gam_message *message) {
    png_decoder *decoder = (png_decoder *)base;
    uint64_t samples = base->description.axes[1].extent * base->description.channel_count;
    for (*rows = 0; *rows < rows_max; ++*rows, buffer += base->row_bytes) {
        const unsigned char *packed;
        gam_status status = decode_row(decoder, &packed, message);
        if (status != GAM_OK) return status;
        if (base->description.bits == 8) {
            memcpy(buffer, packed, samples);
        } else if (base->description.bits == 16) {
            for (uint64_t i = 0; i < samples; i++) {
                buffer[2 * i] = packed[2 * i + 1];
                buffer[2 * i + 1] = packed[2 * i];
            }
        } else {
            image_unpack_bits(packed, samples, base->description.bits, 0, buffer);
        }
    }
    return GAM_OK;
}

static void png_close_decode(gam_decoder *base) {
    png_decoder *decoder = (png_decoder *)base;
    if (decoder->spng != NULL) spng_ctx_free(decoder->spng);
    png_layout_free(&decoder->layout);
    free(decoder->packed);
}

gam_status png_open_decode(const gam_host *host, const gam_input *input, gam_decoder **result,
                           gam_message *message) {
    png_decoder *decoder = (png_decoder *)image_new_decoder(sizeof *decoder, host, input);
    if (decoder == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for a decoder");
    decoder->base.read_rows = png_read_rows;
    decoder->base.close = png_close_decode;
    gam_status status = png_scan(host, input, &decoder->layout, message);
    if (status == GAM_OK) status = start_spng(decoder, message);
    if (status == GAM_OK) status = keep_layout(decoder, message);
    if (status != GAM_OK) {
        png_close_decode(&decoder->base);
        free(decoder);
        return status;
    }
    decoder->base.row_bytes = gam_row_bytes(&decoder->base.description);
    decoder->base.rows_left = gam_row_count(&decoder->base.description);
    *result = &decoder->base;
    return GAM_OK;
}
