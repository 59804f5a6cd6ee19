/*
 * png_encode.c - canonical samples to PNG with libspng.
 *
 * What always holds: libspng compresses the picture; of its output only the IDAT chunks are
 * passed on, between the kept chunks in their old order. Kept chunks are used only when the
 * description still is the picture they came with (same color type and depth).
 */
#include <spng.h>
#include <stdlib.h>
#include <zlib.h>

#include "png_chunks.h"

enum { FRAME_HEAD = 8 /* length, type */, SIGNATURE = 8 };

typedef struct png_encoder {
    gam_encoder base;
    spng_ctx *spng;
    struct spng_ihdr header;
    int has_kept;
    uint64_t position; /* of the output */
    gam_status write_status;
    uint64_t skip; /* bytes of libspng's stream to drop: signature, other chunks */
    uint64_t pass; /* bytes of the current IDAT still to pass on */
    unsigned char head[FRAME_HEAD];
    size_t head_length;
    uint64_t packed_row_bytes, next_row;
    unsigned char *packed; /* one row, or the whole picture when interlaced */
} png_encoder;

static gam_status put(png_encoder *encoder, const void *bytes, size_t length) {
    const gam_output *output = encoder->base.output;
    gam_status status = output->write_at(output->context, encoder->position, bytes, length);
    if (status == GAM_OK) encoder->position += length;
    return status;
}

/* Takes libspng's stream and passes its IDAT chunks on. */
static int take(spng_ctx *context, void *user, void *source, size_t length) {
    (void)context;
    png_encoder *encoder = user;
    const unsigned char *bytes = source;
    while (length > 0) {
        size_t part = 1;
        if (encoder->skip > 0) {
            part = encoder->skip < length ? (size_t)encoder->skip : length;
            encoder->skip -= part;
        } else if (encoder->pass > 0) {
            part = encoder->pass < length ? (size_t)encoder->pass : length;
            encoder->write_status = put(encoder, bytes, part);
            if (encoder->write_status != GAM_OK) return SPNG_IO_ERROR;
            encoder->pass -= part;
        } else {
            encoder->head[encoder->head_length++] = *bytes;
            if (encoder->head_length == FRAME_HEAD) {
                uint64_t rest = (uint64_t)png_u32(encoder->head) + 4;
                int data = memcmp(encoder->head + 4, "IDAT", 4) == 0;
                encoder->head_length = 0;
                if (data) encoder->write_status = put(encoder, encoder->head, FRAME_HEAD);
                if (encoder->write_status != GAM_OK) return SPNG_IO_ERROR;
                *(data ? &encoder->pass : &encoder->skip) = rest;
            }
        }
        bytes += part;
        length -= part;
    }
    return 0;
}

static gam_status spng_failed(const png_encoder *encoder, int error, gam_message *message) {
    if (encoder->write_status != GAM_OK)
        return gam_fail(message, encoder->write_status, "writing the PNG failed");
    return gam_fail(message, error == SPNG_EMEM ? GAM_NO_MEMORY : GAM_INTERNAL,
                    "libspng cannot write this picture: %s", spng_strerror(error));
}

/* Color type of a picture that did not come from a PNG; -1: PNG has none. */
static int natural_color_type(const gam_description *description) {
    static const int types[] = {-1, 0, 4, 2, 6};
    return description->channel_count <= 4 ? types[description->channel_count] : -1;
}

static gam_status choose_header(png_encoder *encoder, gam_message *message) {
    const gam_description *description = &encoder->base.description;
    if (description->axis_count != 2 || description->family != GAM_UNSIGNED ||
        description->bits > 16 || natural_color_type(description) < 0) {
        return gam_fail(message, GAM_USAGE,
                        "a PNG holds two axes, 1 to 4 channels and unsigned samples of up to 16 "
                        "bits; choose format=tiff or read samples instead");
    }
    encoder->header.width = (uint32_t)description->axes[1].extent;
    encoder->header.height = (uint32_t)description->axes[0].extent;
    size_t length = 0;
    const unsigned char *kept = gam_kept(encoder->base.host, "png.header", &length);
    if (kept != NULL && length == 13 && kept[8] == description->bits &&
        png_channel_count(kept[9]) == description->channel_count && kept[12] <= 1) {
        encoder->has_kept = 1;
        encoder->header.bit_depth = kept[8];
        encoder->header.color_type = kept[9];
        encoder->header.interlace_method = kept[12];
        return GAM_OK;
    }
    int exact = description->bits == 8 || description->bits == 16 ||
                (description->channel_count == 1 && (description->bits == 1 ||
                 description->bits == 2 || description->bits == 4));
    if (!exact) {
        return gam_fail(message, GAM_USAGE, "a PNG has no %u-bit samples with %u channels; choose "
                        "format=tiff", description->bits, description->channel_count);
    }
    encoder->header.bit_depth = (uint8_t)description->bits;
    encoder->header.color_type = (uint8_t)natural_color_type(description);
    return GAM_OK;
}

static gam_status put_kept(png_encoder *encoder, const char *key, gam_message *message) {
    size_t length = 0;
    if (!encoder->has_kept) return GAM_OK;
    const unsigned char *bytes = gam_kept(encoder->base.host, key, &length);
    if (bytes == NULL || length == 0) return GAM_OK;
    if (strcmp(key, "png.trailer") != 0 && !png_chunks_valid(bytes, length))
        return gam_fail(message, GAM_USAGE, "the metadata %s are not PNG chunks", key);
    gam_status status = put(encoder, bytes, length);
    return status == GAM_OK ? GAM_OK : gam_fail(message, status, "writing the PNG failed");
}

static gam_status put_head(png_encoder *encoder, gam_message *message) {
    const struct spng_ihdr *header = &encoder->header;
    unsigned char bytes[33] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13,
                               'I',  'H', 'D', 'R'};
    uint32_t sides[2] = {header->width, header->height};
    for (int i = 0; i < 8; i++) bytes[16 + i] = (unsigned char)(sides[i / 4] >> (24 - i % 4 * 8));
    bytes[24] = header->bit_depth;
    bytes[25] = header->color_type;
    bytes[28] = header->interlace_method;
    uLong crc = crc32(0, bytes + 12, 17);
    for (int i = 0; i < 4; i++) bytes[29 + i] = (unsigned char)(crc >> (24 - i * 8));
    gam_status status = put(encoder, bytes, sizeof bytes);
    if (status != GAM_OK) return gam_fail(message, status, "writing the PNG failed");
    return put_kept(encoder, "png.before", message);
}

static gam_status start_spng(png_encoder *encoder, gam_message *message) {
    encoder->spng = spng_ctx_new(SPNG_CTX_ENCODER);
    if (encoder->spng == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for libspng");
    encoder->skip = SIGNATURE;
    int error = spng_set_png_stream(encoder->spng, take, encoder);
    if (error == 0) error = spng_set_ihdr(encoder->spng, &encoder->header);
    gam_text level = gam_option(encoder->base.host, "compression");
    if (error == 0 && level.length == 1) {
        error = spng_set_option(encoder->spng, SPNG_IMG_COMPRESSION_LEVEL, level.bytes[0] - '0');
        /* Trying five filters on every row takes longer than level 1. */
        if (error == 0 && level.bytes[0] <= '1')
            error = spng_set_option(encoder->spng, SPNG_FILTER_CHOICE, SPNG_FILTER_CHOICE_UP);
    }
    /* libspng asks for a palette; the kept one is written. */
    struct spng_plte palette = {.n_entries = 1};
    if (error == 0 && encoder->header.color_type == 3)
        error = spng_set_plte(encoder->spng, &palette);
    if (error == 0 && encoder->header.interlace_method == 0) {
        error = spng_encode_image(encoder->spng, NULL, 0, SPNG_FMT_RAW,
                                  SPNG_ENCODE_PROGRESSIVE | SPNG_ENCODE_FINALIZE);
    }
    return error == 0 ? GAM_OK : spng_failed(encoder, error, message);
}

static gam_status prepare_rows(png_encoder *encoder, gam_message *message) {
    const gam_description *description = &encoder->base.description;
    uint64_t bits = description->axes[1].extent * description->channel_count * description->bits;
    encoder->packed_row_bytes = (bits + 7) / 8;
    uint64_t rows = encoder->header.interlace_method ? description->axes[0].extent : 1, bytes = 0;
    if (!gam_multiply(encoder->packed_row_bytes, rows, &bytes))
        return gam_fail(message, GAM_LIMIT, "the picture is too large");
    gam_status status =
        gam_check_memory(encoder->base.host, bytes + 6 * encoder->packed_row_bytes,
                         rows > 1 ? "an interlaced PNG (encoded as a whole)" : "a row of this PNG",
                         message);
    if (status != GAM_OK) return status;
    encoder->packed = malloc(bytes);
    if (encoder->packed == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for the rows");
    return GAM_OK;
}

static void pack_row(const png_encoder *encoder, const unsigned char *row, unsigned char *packed) {
    const gam_description *description = &encoder->base.description;
    uint64_t samples = description->axes[1].extent * description->channel_count;
    if (description->bits == 8) {
        memcpy(packed, row, samples);
    } else if (description->bits == 16) {
        for (uint64_t i = 0; i < samples; i++) {
            packed[2 * i] = row[2 * i + 1];
            packed[2 * i + 1] = row[2 * i];
        }
    } else {
        image_pack_bits(row, samples, description->bits, packed);
    }
}

static gam_status png_write_rows(gam_encoder *base, const unsigned char *buffer, uint64_t rows,
                                 gam_message *message) {
    png_encoder *encoder = (png_encoder *)base;
    for (uint64_t i = 0; i < rows; i++, buffer += base->row_bytes) {
        uint64_t row = encoder->next_row++;
        if (encoder->header.interlace_method) {
            pack_row(encoder, buffer, encoder->packed + row * encoder->packed_row_bytes);
            continue;
        }
        pack_row(encoder, buffer, encoder->packed);
        int error = spng_encode_row(encoder->spng, encoder->packed, encoder->packed_row_bytes);
        int last = encoder->next_row == base->description.axes[0].extent;
        if (error != 0 && !(error == SPNG_EOI && last)) return spng_failed(encoder, error, message);
    }
    return GAM_OK;
}

static gam_status png_finish(gam_encoder *base, gam_message *message) {
    png_encoder *encoder = (png_encoder *)base;
    static const unsigned char end[12] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};
    int error = 0;
    if (encoder->header.interlace_method) {
        uint64_t bytes = encoder->packed_row_bytes * base->description.axes[0].extent;
        error = spng_encode_image(encoder->spng, encoder->packed, bytes, SPNG_FMT_RAW,
                                  SPNG_ENCODE_FINALIZE);
    }
    if (error != 0) return spng_failed(encoder, error, message);
    gam_status status = put_kept(encoder, "png.after", message);
    if (status != GAM_OK) return status;
    status = put(encoder, end, sizeof end);
    if (status != GAM_OK) return gam_fail(message, status, "writing the PNG failed");
    return put_kept(encoder, "png.trailer", message);
}

static void png_close_encode(gam_encoder *base) {
    png_encoder *encoder = (png_encoder *)base;
    if (encoder->spng != NULL) spng_ctx_free(encoder->spng);
    free(encoder->packed);
}

gam_status png_open_encode(const gam_host *host, const gam_description *description,
                           const gam_output *output, gam_encoder **result, gam_message *message) {
    png_encoder *encoder =
        (png_encoder *)image_new_encoder(sizeof *encoder, host, output, description);
    if (encoder == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for an encoder");
    encoder->base.write_rows = png_write_rows;
    encoder->base.finish = png_finish;
    encoder->base.close = png_close_encode;
    gam_status status = choose_header(encoder, message);
    if (status == GAM_OK) status = prepare_rows(encoder, message);
    if (status == GAM_OK) status = put_head(encoder, message);
    if (status == GAM_OK) status = start_spng(encoder, message);
    if (status != GAM_OK) {
        png_close_encode(&encoder->base);
        free(encoder);
        return status;
    }
    *result = &encoder->base;
    return GAM_OK;
}
