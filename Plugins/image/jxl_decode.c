/*
 * jxl_decode.c - lossless JPEG XL to canonical samples.
 *
 * What always holds: a picture in the codec's own color space, or one that is a repacked JPEG, was
 * made with loss and is refused unless decoded=1. Integers of 8 and 16 bits are kept; libjxl gives
 * other widths only after scaling them.
 */
#include <stdlib.h>

#include <jxl/decode.h>

#include "image_codec.h"
#include "jxl_file.h"

typedef struct jxl_decoder {
    gam_decoder base;
    JxlDecoder *jxl;
    JxlPixelFormat format;
    jxl_info info;
    unsigned char *file, *pixels, *boxes;
    size_t boxes_length;
    uint64_t used;
} jxl_decoder;

static int wants_decoded(const jxl_decoder *decoder) {
    return gam_text_equals(gam_option(decoder->base.host, "decoded"), "1");
}

static gam_status lossy(gam_message *message) {
    return gam_fail(message, GAM_UNSUPPORTED,
                    "this JPEG XL was made with loss: the same file cannot be made again from its "
                    "samples; put it with --decoded to store the samples that it decodes to");
}

static gam_status take_info(jxl_decoder *decoder, gam_message *message) {
    JxlBasicInfo basic;
    if (JxlDecoderGetBasicInfo(decoder->jxl, &basic) != JXL_DEC_SUCCESS)
        return gam_fail(message, GAM_BAD_INPUT, "the JPEG XL header is damaged");
    if (basic.have_animation)
        return gam_fail(message, GAM_UNSUPPORTED, "animated JPEG XL is not kept");
    uint32_t alpha = basic.alpha_bits > 0;
    int is_plain = basic.exponent_bits_per_sample == 0 &&
                   (basic.bits_per_sample == 8 || basic.bits_per_sample == 16) &&
                   (!alpha || (basic.alpha_bits == basic.bits_per_sample &&
                               basic.alpha_exponent_bits == 0)) &&
                   basic.num_extra_channels == alpha;
    if (!is_plain) {
        return gam_fail(message, GAM_UNSUPPORTED,
                        "a JPEG XL of %u bits with %u extra channels is not kept; 8 and 16 bit "
                        "integers with at most an alpha channel of the same width are",
                        basic.bits_per_sample, basic.num_extra_channels);
    }
    if (!basic.uses_original_profile && !wants_decoded(decoder)) return lossy(message);
    decoder->info = (jxl_info){.orientation = (uint8_t)basic.orientation,
                               .is_premultiplied = basic.alpha_premultiplied != 0};
    gam_description *description = &decoder->base.description;
    gam_describe_as(description, "image", "image/jxl", GAM_EXACT_SAMPLES);
    image_set_plane(description, basic.ysize, basic.xsize);
    image_set_channels(description, basic.num_color_channels + alpha);
    description->family = GAM_UNSIGNED;
    description->bits = basic.bits_per_sample;
    decoder->format = (JxlPixelFormat){
        .num_channels = description->channel_count,
        .data_type = description->bits == 8 ? JXL_TYPE_UINT8 : JXL_TYPE_UINT16,
        .endianness = JXL_LITTLE_ENDIAN};
    gam_status status = gam_check_samples(decoder->base.host, description, message);
    if (status != GAM_OK) return status;
    /* libjxl works on 32-bit floats or integers, several planes at once. */
    uint64_t points = description->axes[0].extent * description->axes[1].extent;
    return gam_check_memory(decoder->base.host, points * description->channel_count * 24,
                            "a JPEG XL of this size", message);
}

static gam_status take_color(jxl_decoder *decoder, gam_message *message) {
    JxlColorEncoding color;
    const gam_host *host = decoder->base.host;
    memset(&color, 0, sizeof color);
    if (JxlDecoderGetColorAsEncodedProfile(decoder->jxl, &decoder->format,
                                           JXL_COLOR_PROFILE_TARGET_ORIGINAL,
                                           &color) == JXL_DEC_SUCCESS)
        return gam_keep(host, "jxl.color", &color, sizeof color, message);
    size_t size = 0;
    if (JxlDecoderGetICCProfileSize(decoder->jxl, &decoder->format,
                                    JXL_COLOR_PROFILE_TARGET_ORIGINAL,
                                    &size) != JXL_DEC_SUCCESS ||
        size == 0)
        return GAM_OK;
    if (size > host->limits->metadata_bytes_max)
        return gam_fail(message, GAM_LIMIT, "a color profile of %zu bytes is too large", size);
    unsigned char *profile = malloc(size);
    if (profile == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for the profile");
    gam_status status =
        JxlDecoderGetColorAsICCProfile(decoder->jxl, &decoder->format,
                                       JXL_COLOR_PROFILE_TARGET_ORIGINAL, profile,
                                       size) == JXL_DEC_SUCCESS
            ? gam_keep(host, "jxl.icc", profile, size, message)
            : gam_fail(message, GAM_BAD_INPUT, "the color profile is damaged");
    free(profile);
    return status;
}

/* Where the bytes of the box that begins go: behind its head in `boxes`. */
static gam_status begin_box(jxl_decoder *decoder, gam_message *message) {
    JxlBoxType type;
    uint64_t size = 0;
    if (JxlDecoderGetBoxType(decoder->jxl, type, JXL_TRUE) != JXL_DEC_SUCCESS ||
        JxlDecoderGetBoxSizeRaw(decoder->jxl, &size) != JXL_DEC_SUCCESS)
        return gam_fail(message, GAM_BAD_INPUT, "a box of the JPEG XL is damaged");
    if (memcmp(type, "Exif", 4) != 0 && memcmp(type, "xml ", 4) != 0 &&
        memcmp(type, "jumb", 4) != 0)
        return GAM_OK;
    uint64_t room = decoder->base.host->limits->metadata_bytes_max;
    if (room > JXL_BOXES_MAX) room = JXL_BOXES_MAX;
    if (decoder->boxes == NULL) decoder->boxes = malloc(JXL_BOXES_MAX);
    if (decoder->boxes == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for boxes");
    if (decoder->boxes_length + JXL_BOX_HEAD >= room)
        return gam_fail(message, GAM_LIMIT, "the boxes beside the picture are too large");
    memcpy(decoder->boxes + decoder->boxes_length, type, 4);
    decoder->boxes_length += JXL_BOX_HEAD;
    if (JxlDecoderSetBoxBuffer(decoder->jxl, decoder->boxes + decoder->boxes_length,
                               room - decoder->boxes_length) != JXL_DEC_SUCCESS)
        return gam_fail(message, GAM_INTERNAL, "libjxl does not take a box buffer");
    decoder->info.box_start = decoder->boxes_length;
    decoder->info.box_room = room - decoder->boxes_length;
    return GAM_OK;
}

static void end_box(jxl_decoder *decoder) {
    if (decoder->info.box_room == 0) return;
    size_t left = JxlDecoderReleaseBoxBuffer(decoder->jxl);
    size_t length = decoder->info.box_room - left;
    unsigned char *head = decoder->boxes + decoder->info.box_start - JXL_BOX_HEAD;
    for (int i = 0; i < 4; i++) head[4 + i] = (unsigned char)(length >> (8 * i));
    decoder->boxes_length += length;
    decoder->info.box_room = 0;
}

static gam_status take_pixels(jxl_decoder *decoder, gam_message *message) {
    size_t size = 0;
    const gam_description *description = &decoder->base.description;
    uint64_t expected = gam_row_bytes(description) * gam_row_count(description);
    if (JxlDecoderImageOutBufferSize(decoder->jxl, &decoder->format, &size) != JXL_DEC_SUCCESS ||
        size != expected || decoder->pixels != NULL)
        return gam_fail(message, GAM_UNSUPPORTED, "the JPEG XL has several pictures");
    decoder->pixels = malloc(size);
    if (decoder->pixels == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for pixels");
    if (JxlDecoderSetImageOutBuffer(decoder->jxl, &decoder->format, decoder->pixels, size) !=
        JXL_DEC_SUCCESS)
        return gam_fail(message, GAM_INTERNAL, "libjxl does not take a picture buffer");
    return GAM_OK;
}

/* One event of libjxl; `*done` at the end. */
static gam_status handle(jxl_decoder *decoder, JxlDecoderStatus event, int *done,
                         gam_message *message) {
    switch (event) {
        case JXL_DEC_BASIC_INFO: return take_info(decoder, message);
        case JXL_DEC_COLOR_ENCODING: return take_color(decoder, message);
        case JXL_DEC_JPEG_RECONSTRUCTION:
            return wants_decoded(decoder) ? GAM_OK : lossy(message);
        case JXL_DEC_BOX: end_box(decoder); return begin_box(decoder, message);
        case JXL_DEC_BOX_NEED_MORE_OUTPUT:
            return gam_fail(message, GAM_LIMIT, "a box beside the picture is too large");
        case JXL_DEC_NEED_IMAGE_OUT_BUFFER: return take_pixels(decoder, message);
        case JXL_DEC_FULL_IMAGE: return GAM_OK;
        case JXL_DEC_SUCCESS: end_box(decoder); *done = 1; return GAM_OK;
        case JXL_DEC_NEED_MORE_INPUT:
            return gam_fail(message, GAM_BAD_INPUT,
                            "the file is cut off; get a complete copy");
        default: return gam_fail(message, GAM_BAD_INPUT, "the JPEG XL is damaged");
    }
}

static gam_status decode(jxl_decoder *decoder, uint64_t size, gam_message *message) {
    decoder->jxl = JxlDecoderCreate(NULL);
    if (decoder->jxl == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for libjxl");
    int events = JXL_DEC_BASIC_INFO | JXL_DEC_COLOR_ENCODING | JXL_DEC_BOX | JXL_DEC_FULL_IMAGE |
                 JXL_DEC_JPEG_RECONSTRUCTION;
    if (JxlDecoderSubscribeEvents(decoder->jxl, events) != JXL_DEC_SUCCESS ||
        JxlDecoderSetKeepOrientation(decoder->jxl, JXL_TRUE) != JXL_DEC_SUCCESS ||
        JxlDecoderSetDecompressBoxes(decoder->jxl, JXL_TRUE) != JXL_DEC_SUCCESS ||
        JxlDecoderSetInput(decoder->jxl, decoder->file, size) != JXL_DEC_SUCCESS)
        return gam_fail(message, GAM_INTERNAL, "libjxl cannot be started");
    JxlDecoderCloseInput(decoder->jxl);
    gam_status status = GAM_OK;
    for (int done = 0; !done && status == GAM_OK;)
        status = handle(decoder, JxlDecoderProcessInput(decoder->jxl), &done, message);
    if (status == GAM_OK && decoder->pixels == NULL)
        return gam_fail(message, GAM_BAD_INPUT, "the JPEG XL has no picture");
    return status;
}

static gam_status keep(jxl_decoder *decoder, gam_message *message) {
    const gam_host *host = decoder->base.host;
    unsigned char flags[2] = {decoder->info.orientation, decoder->info.is_premultiplied};
    gam_status status = gam_keep(host, "format", "jxl", 3, message);
    if (status == GAM_OK) status = gam_keep(host, "jxl.flags", flags, sizeof flags, message);
    if (status == GAM_OK && decoder->boxes_length > 0)
        status = gam_keep(host, "jxl.boxes", decoder->boxes, decoder->boxes_length, message);
    return status;
}

static gam_status jxl_read_rows(gam_decoder *base, unsigned char *buffer, uint64_t rows_max,
                                uint64_t *rows, gam_message *message) {
    jxl_decoder *decoder = (jxl_decoder *)base;
    (void)message;
    memcpy(buffer, decoder->pixels + decoder->used, rows_max * base->row_bytes);
    decoder->used += rows_max * base->row_bytes;
    *rows = rows_max;
    return GAM_OK;
}

static void jxl_close_decode(gam_decoder *base) {
    jxl_decoder *decoder = (jxl_decoder *)base;
    if (decoder->jxl != NULL) JxlDecoderDestroy(decoder->jxl);
    free(decoder->file);
    free(decoder->pixels);
    free(decoder->boxes);
}

static gam_status prepare(jxl_decoder *decoder, gam_message *message) {
    const gam_input *input = decoder->base.input;
    gam_status status =
        gam_check_memory(decoder->base.host, input->size, "the JPEG XL file", message);
    if (status != GAM_OK) return status;
    decoder->file = malloc(input->size);
    if (decoder->file == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for the file");
    status = gam_read_exactly(input, 0, decoder->file, input->size, message);
    if (status == GAM_OK) status = decode(decoder, input->size, message);
    return status == GAM_OK ? keep(decoder, message) : status;
}

gam_status jxl_open_decode(const gam_host *host, const gam_input *input, gam_decoder **result,
                           gam_message *message) {
    jxl_decoder *decoder = (jxl_decoder *)image_new_decoder(sizeof *decoder, host, input);
    if (decoder == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for a decoder");
    decoder->base.read_rows = jxl_read_rows;
    decoder->base.close = jxl_close_decode;
    gam_status status = prepare(decoder, message);
    if (status != GAM_OK) {
        jxl_close_decode(&decoder->base);
        free(decoder);
        return status;
    }
    decoder->base.row_bytes = gam_row_bytes(&decoder->base.description);
    decoder->base.rows_left = gam_row_count(&decoder->base.description);
    *result = &decoder->base;
    return GAM_OK;
}
