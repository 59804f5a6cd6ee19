/*
 * webp_decode.c - lossless WebP to canonical samples.
 *
 * What always holds: a lossy picture is refused unless the option decoded says that its decoded
 * samples are wanted; every chunk of the file but the picture itself is kept as it is.
 */
#include <stdlib.h>
#include <webp/decode.h>

#include "webp_file.h"

enum { LOSSY = 1, LOSSLESS = 2 };

typedef struct webp_decoder {
    gam_decoder base;
    unsigned char *pixels; /* RGB or RGBA, all rows */
    uint64_t used;
} webp_decoder;

static gam_status webp_read_rows(gam_decoder *base, unsigned char *buffer, uint64_t rows_max,
                                 uint64_t *rows, gam_message *message) {
    webp_decoder *decoder = (webp_decoder *)base;
    (void)message;
    memcpy(buffer, decoder->pixels + decoder->used, rows_max * base->row_bytes);
    decoder->used += rows_max * base->row_bytes;
    *rows = rows_max;
    return GAM_OK;
}

static void webp_close_decode(gam_decoder *base) { WebPFree(((webp_decoder *)base)->pixels); }

static gam_status check_features(const WebPBitstreamFeatures *features, const gam_host *host,
                                 gam_message *message) {
    if (features->has_animation) {
        return gam_fail(message, GAM_UNSUPPORTED,
                        "animated WebP is not kept; store its frames as pictures");
    }
    if (features->format == LOSSLESS || gam_text_equals(gam_option(host, "decoded"), "1"))
        return GAM_OK;
    return gam_fail(message, GAM_UNSUPPORTED,
                    "this WebP was compressed with loss: the same file cannot be made again from "
                    "its samples; put it with --decoded to store the samples that it decodes to");
}

/* Whole pixels at once: the format has no rows to stream. */
static gam_status decode_pixels(webp_decoder *decoder, const unsigned char *file, uint64_t size,
                                int has_alpha, gam_message *message) {
    const gam_description *description = &decoder->base.description;
    uint64_t bytes = gam_row_bytes(description) * gam_row_count(description);
    /* The decoder works on 32-bit pixels and adds its own rows and tables. */
    uint64_t points = bytes / description->channel_count;
    gam_status status = gam_check_memory(decoder->base.host, size + bytes + points * 5,
                                         "a WebP of this size", message);
    if (status != GAM_OK) return status;
    int width = 0, height = 0;
    decoder->pixels = has_alpha ? WebPDecodeRGBA(file, size, &width, &height)
                                : WebPDecodeRGB(file, size, &width, &height);
    if (decoder->pixels == NULL || (uint64_t)width != description->axes[1].extent ||
        (uint64_t)height != description->axes[0].extent)
        return gam_fail(message, GAM_BAD_INPUT, "the WebP data are damaged; get a clean copy");
    return GAM_OK;
}

static gam_status read_picture(webp_decoder *decoder, const unsigned char *file, uint64_t size,
                               gam_message *message) {
    const gam_host *host = decoder->base.host;
    WebPBitstreamFeatures features;
    if (WebPGetFeatures(file, size, &features) != VP8_STATUS_OK)
        return gam_fail(message, GAM_BAD_INPUT, "the WebP header is damaged or cut off");
    gam_status status = check_features(&features, host, message);
    if (status != GAM_OK) return status;
    gam_description *description = &decoder->base.description;
    gam_describe_as(description, "image", "image/webp", GAM_EXACT_SAMPLES);
    image_set_plane(description, (uint64_t)features.height, (uint64_t)features.width);
    image_set_channels(description, features.has_alpha ? 4 : 3);
    description->family = GAM_UNSIGNED;
    description->bits = 8;
    status = gam_check_samples(host, description, message);
    if (status == GAM_OK) status = gam_keep(host, "format", "webp", 4, message);
    if (status == GAM_OK) status = webp_keep_chunks(host, file, size, message);
    if (status == GAM_OK)
        status = decode_pixels(decoder, file, size, features.has_alpha, message);
    return status;
}

static gam_status prepare(webp_decoder *decoder, gam_message *message) {
    const gam_input *input = decoder->base.input;
    uint64_t size = 0;
    gam_status status = webp_file_size(input, &size, message);
    if (status == GAM_OK)
        status = gam_check_memory(decoder->base.host, size, "the WebP file", message);
    if (status != GAM_OK) return status;
    unsigned char *file = malloc(size);
    if (file == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for the WebP file");
    status = gam_read_exactly(input, 0, file, size, message);
    if (status == GAM_OK) status = read_picture(decoder, file, size, message);
    free(file);
    return status;
}

gam_status webp_open_decode(const gam_host *host, const gam_input *input, gam_decoder **result,
                            gam_message *message) {
    webp_decoder *decoder = (webp_decoder *)image_new_decoder(sizeof *decoder, host, input);
    if (decoder == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for a decoder");
    decoder->base.read_rows = webp_read_rows;
    decoder->base.close = webp_close_decode;
    gam_status status = prepare(decoder, message);
    if (status != GAM_OK) {
        webp_close_decode(&decoder->base);
        free(decoder);
        return status;
    }
    decoder->base.row_bytes = gam_row_bytes(&decoder->base.description);
    decoder->base.rows_left = gam_row_count(&decoder->base.description);
    *result = &decoder->base;
    return GAM_OK;
}
