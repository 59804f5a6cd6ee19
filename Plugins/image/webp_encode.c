/*
 * webp_encode.c - canonical samples to lossless WebP.
 *
 * What always holds: colors under transparent pixels are kept ("exact"); a picture of four channels
 * is written as one, opaque or not; kept chunks come back in their order, ICCP before the picture,
 * all others behind it, as the container demands.
 */
#include <stdlib.h>
#include <webp/encode.h>

#include "webp_file.h"

typedef struct webp_encoder {
    gam_encoder base;
    unsigned char *pixels;
    uint64_t used;
} webp_encoder;

static gam_status webp_write_rows(gam_encoder *base, const unsigned char *buffer, uint64_t rows,
                                  gam_message *message) {
    webp_encoder *encoder = (webp_encoder *)base;
    (void)message;
    memcpy(encoder->pixels + encoder->used, buffer, rows * base->row_bytes);
    encoder->used += rows * base->row_bytes;
    return GAM_OK;
}

/*
 * libwebp writes an opaque picture as one without alpha, which reads back with three channels. The
 * bit "alpha_is_used" (WebP lossless bitstream specification, section 3, bit 28 behind the
 * signature) is a hint that changes no pixel: the picture's own channels decide on it.
 */
static gam_status mark_alpha(WebPMemoryWriter *writer, gam_message *message) {
    if (writer->size < 25 || memcmp(writer->mem + 12, "VP8L", 4) != 0)
        return gam_fail(message, GAM_INTERNAL, "libwebp wrote another file than a lossless one");
    writer->mem[24] |= 0x10;
    return GAM_OK;
}

/* The picture as a file of one chunk. */
static gam_status encode_picture(webp_encoder *encoder, WebPMemoryWriter *writer,
                                 gam_message *message) {
    const gam_description *description = &encoder->base.description;
    WebPConfig config;
    WebPPicture picture;
    if (!WebPConfigInit(&config) || !WebPConfigLosslessPreset(&config, 6) ||
        !WebPPictureInit(&picture))
        return gam_fail(message, GAM_INTERNAL, "libwebp is another version than its header");
    config.exact = 1;
    picture.use_argb = 1;
    picture.width = (int)description->axes[1].extent;
    picture.height = (int)description->axes[0].extent;
    picture.writer = WebPMemoryWrite;
    picture.custom_ptr = writer;
    int stride = (int)encoder->base.row_bytes;
    int imported = description->channel_count == 4
                       ? WebPPictureImportRGBA(&picture, encoder->pixels, stride)
                       : WebPPictureImportRGB(&picture, encoder->pixels, stride);
    int encoded = imported && WebPEncode(&config, &picture);
    WebPEncodingError error = picture.error_code;
    WebPPictureFree(&picture);
    if (encoded) return description->channel_count == 4 ? mark_alpha(writer, message) : GAM_OK;
    return gam_fail(message, error == VP8_ENC_ERROR_OUT_OF_MEMORY ? GAM_NO_MEMORY : GAM_INTERNAL,
                    "libwebp cannot encode the picture (error %d)", (int)error);
}

typedef struct webp_writer {
    const gam_output *output;
    uint64_t at;
    gam_status status;
} webp_writer;

static void put(webp_writer *writer, const void *bytes, size_t length) {
    if (writer->status != GAM_OK || length == 0) return;
    writer->status = writer->output->write_at(writer->output->context, writer->at, bytes, length);
    writer->at += length;
}

static void put_u32(webp_writer *writer, uint32_t value) {
    unsigned char bytes[4] = {(unsigned char)value, (unsigned char)(value >> 8),
                              (unsigned char)(value >> 16), (unsigned char)(value >> 24)};
    put(writer, bytes, sizeof bytes);
}

static int kept_chunk(const unsigned char *chunks, size_t length, const char *type) {
    for (size_t at = 0; at + 8 <= length;) {
        if (memcmp(chunks + at, type, 4) == 0) return 1;
        uint32_t size = webp_u32(chunks + at + 4);
        at += 8 + (size_t)size + (size & 1);
    }
    return 0;
}

/* Those chunks that stand before the picture, or the others. */
static void put_chunks(webp_writer *writer, const unsigned char *chunks, size_t length,
                       int before) {
    for (size_t at = 0; at + 8 <= length;) {
        uint32_t size = webp_u32(chunks + at + 4);
        size_t whole = 8 + (size_t)size + (size & 1);
        if (whole > length - at) return;
        if ((memcmp(chunks + at, "ICCP", 4) == 0) == before) put(writer, chunks + at, whole);
        at += whole;
    }
}

static gam_status write_file(webp_encoder *encoder, const WebPMemoryWriter *picture,
                             gam_message *message) {
    const gam_description *description = &encoder->base.description;
    webp_writer writer = {.output = encoder->base.output, .status = GAM_OK};
    size_t length = 0;
    const unsigned char *chunks = gam_kept(encoder->base.host, "webp.chunks", &length);
    if (chunks == NULL) {
        put(&writer, picture->mem, picture->size);
    } else {
        uint32_t flags = (kept_chunk(chunks, length, "ICCP") ? 0x20u : 0) |
                         (description->channel_count == 4 ? 0x10u : 0) |
                         (kept_chunk(chunks, length, "EXIF") ? 0x08u : 0) |
                         (kept_chunk(chunks, length, "XMP ") ? 0x04u : 0);
        uint32_t width = (uint32_t)description->axes[1].extent - 1;
        uint32_t height = (uint32_t)description->axes[0].extent - 1;
        put(&writer, "RIFF", 4);
        put_u32(&writer, (uint32_t)(4 + 18 + length + picture->size - 12));
        put(&writer, "WEBPVP8X", 8);
        put_u32(&writer, 10);
        put_u32(&writer, flags);
        unsigned char sides[6] = {(unsigned char)width,          (unsigned char)(width >> 8),
                                  (unsigned char)(width >> 16),  (unsigned char)height,
                                  (unsigned char)(height >> 8),  (unsigned char)(height >> 16)};
        put(&writer, sides, sizeof sides);
        put_chunks(&writer, chunks, length, 1);
        put(&writer, picture->mem + 12, picture->size - 12);
        put_chunks(&writer, chunks, length, 0);
    }
    if (writer.status == GAM_OK) return GAM_OK;
    return gam_fail(message, writer.status, "writing the WebP failed");
}

static gam_status webp_finish(gam_encoder *base, gam_message *message) {
    webp_encoder *encoder = (webp_encoder *)base;
    WebPMemoryWriter writer;
    WebPMemoryWriterInit(&writer);
    gam_status status = encode_picture(encoder, &writer, message);
    if (status == GAM_OK) status = write_file(encoder, &writer, message);
    WebPMemoryWriterClear(&writer);
    return status;
}

static void webp_close_encode(gam_encoder *base) { free(((webp_encoder *)base)->pixels); }

static gam_status prepare(webp_encoder *encoder, gam_message *message) {
    const gam_description *description = &encoder->base.description;
    uint64_t side = WEBP_MAX_DIMENSION;
    if (description->axis_count != 2 || description->family != GAM_UNSIGNED ||
        description->bits != 8 || description->channel_count < 3 ||
        description->channel_count > 4 || description->axes[0].extent > side ||
        description->axes[1].extent > side)
        return gam_fail(message, GAM_USAGE, "a lossless WebP holds RGB or RGBA pictures of 8 bits "
                        "and up to %llu pixels a side; choose format=png or tiff",
                        (unsigned long long)side);
    uint64_t bytes = encoder->base.row_bytes * encoder->base.rows_left;
    /* libwebp keeps the picture in 32-bit pixels twice, and its references to earlier pixels. */
    gam_status status = gam_check_memory(encoder->base.host,
                                         bytes + bytes / description->channel_count * 24,
                                         "a WebP of this size", message);
    if (status != GAM_OK) return status;
    encoder->pixels = malloc(bytes);
    if (encoder->pixels == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for pixels");
    return GAM_OK;
}

gam_status webp_open_encode(const gam_host *host, const gam_description *description,
                            const gam_output *output, gam_encoder **result,
                            gam_message *message) {
    webp_encoder *encoder =
        (webp_encoder *)image_new_encoder(sizeof *encoder, host, output, description);
    if (encoder == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for an encoder");
    encoder->base.write_rows = webp_write_rows;
    encoder->base.finish = webp_finish;
    encoder->base.close = webp_close_encode;
    gam_status status = prepare(encoder, message);
    if (status != GAM_OK) {
        free(encoder);
        return status;
    }
    *result = &encoder->base;
    return GAM_OK;
}
