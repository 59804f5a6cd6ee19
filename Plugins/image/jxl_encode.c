/*
 * jxl_encode.c - canonical samples to lossless JPEG XL.
 *
 * What always holds: the original profile is used and the frame is lossless, so that samples are
 * never converted.
 */
#include <stdlib.h>

#include <jxl/encode.h>

#include "jxl_file.h"

typedef struct jxl_encoder {
    gam_encoder base;
    JxlEncoder *jxl;
    unsigned char *pixels;
    uint64_t used;
} jxl_encoder;

static gam_status jxl_write_rows(gam_encoder *base, const unsigned char *buffer, uint64_t rows,
                                 gam_message *message) {
    jxl_encoder *encoder = (jxl_encoder *)base;
    (void)message;
    memcpy(encoder->pixels + encoder->used, buffer, rows * base->row_bytes);
    encoder->used += rows * base->row_bytes;
    return GAM_OK;
}

static int set_info(jxl_encoder *encoder) {
    const gam_description *description = &encoder->base.description;
    size_t length = 0;
    const unsigned char *flags = gam_kept(encoder->base.host, "jxl.flags", &length);
    JxlBasicInfo info;
    JxlEncoderInitBasicInfo(&info);
    info.xsize = (uint32_t)description->axes[1].extent;
    info.ysize = (uint32_t)description->axes[0].extent;
    info.bits_per_sample = description->bits;
    info.uses_original_profile = JXL_TRUE;
    info.num_color_channels = description->channel_count < 3 ? 1 : 3;
    info.num_extra_channels = description->channel_count - info.num_color_channels;
    info.alpha_bits = info.num_extra_channels > 0 ? description->bits : 0;
    if (flags != NULL && length == 2 && flags[0] >= 1 && flags[0] <= 8) {
        info.orientation = (JxlOrientation)flags[0];
        info.alpha_premultiplied = flags[1] != 0 && info.alpha_bits > 0;
    }
    if (JxlEncoderSetBasicInfo(encoder->jxl, &info) != JXL_ENC_SUCCESS) return 0;
    int level = JxlEncoderGetRequiredCodestreamLevel(encoder->jxl);
    return level <= 5 || JxlEncoderSetCodestreamLevel(encoder->jxl, level) == JXL_ENC_SUCCESS;
}

static int set_color(jxl_encoder *encoder) {
    const gam_host *host = encoder->base.host;
    size_t length = 0;
    JxlColorEncoding color;
    const void *kept = gam_kept(host, "jxl.color", &length);
    if (kept != NULL) {
        /* Kept by a libjxl whose description of colors has another size. */
        if (length != sizeof color) return 0;
        memcpy(&color, kept, sizeof color);
        return JxlEncoderSetColorEncoding(encoder->jxl, &color) == JXL_ENC_SUCCESS;
    }
    kept = gam_kept(host, "jxl.icc", &length);
    if (kept != NULL)
        return JxlEncoderSetICCProfile(encoder->jxl, kept, length) == JXL_ENC_SUCCESS;
    JxlColorEncodingSetToSRGB(&color, encoder->base.description.channel_count < 3);
    return JxlEncoderSetColorEncoding(encoder->jxl, &color) == JXL_ENC_SUCCESS;
}

static int add_boxes(jxl_encoder *encoder) {
    size_t length = 0;
    const unsigned char *boxes = gam_kept(encoder->base.host, "jxl.boxes", &length);
    if (boxes == NULL) return 1;
    if (JxlEncoderUseBoxes(encoder->jxl) != JXL_ENC_SUCCESS) return 0;
    for (size_t at = 0; at + JXL_BOX_HEAD <= length;) {
        size_t size = 0;
        for (int i = 0; i < 4; i++) size |= (size_t)boxes[at + 4 + (size_t)i] << (8 * i);
        JxlBoxType type;
        memcpy(type, boxes + at, 4);
        at += JXL_BOX_HEAD;
        if (size > length - at ||
            JxlEncoderAddBox(encoder->jxl, type, boxes + at, size, JXL_FALSE) != JXL_ENC_SUCCESS)
            return 0;
        at += size;
    }
    return 1;
}

static int add_frame(jxl_encoder *encoder) {
    const gam_description *description = &encoder->base.description;
    JxlEncoderFrameSettings *settings = JxlEncoderFrameSettingsCreate(encoder->jxl, NULL);
    JxlPixelFormat format = {
        .num_channels = description->channel_count,
        .data_type = description->bits == 8 ? JXL_TYPE_UINT8 : JXL_TYPE_UINT16,
        .endianness = JXL_LITTLE_ENDIAN};
    /* Colors under transparent pixels are samples like others. */
    return settings != NULL &&
           JxlEncoderSetFrameLossless(settings, JXL_TRUE) == JXL_ENC_SUCCESS &&
           JxlEncoderFrameSettingsSetOption(settings, JXL_ENC_FRAME_SETTING_EFFORT, 4) ==
               JXL_ENC_SUCCESS &&
           JxlEncoderFrameSettingsSetOption(settings, JXL_ENC_FRAME_SETTING_KEEP_INVISIBLE, 1) ==
               JXL_ENC_SUCCESS &&
           JxlEncoderAddImageFrame(settings, &format, encoder->pixels, encoder->used) ==
               JXL_ENC_SUCCESS;
}

static gam_status write_file(jxl_encoder *encoder, gam_message *message) {
    const gam_output *output = encoder->base.output;
    unsigned char window[64 * 1024];
    uint64_t offset = 0;
    JxlEncoderStatus step;
    do {
        unsigned char *next = window;
        size_t room = sizeof window;
        step = JxlEncoderProcessOutput(encoder->jxl, &next, &room);
        size_t count = (size_t)(next - window);
        gam_status status = output->write_at(output->context, offset, window, count);
        if (status != GAM_OK) return gam_fail(message, status, "writing the JPEG XL failed");
        offset += count;
    } while (step == JXL_ENC_NEED_MORE_OUTPUT);
    if (step == JXL_ENC_SUCCESS) return GAM_OK;
    return gam_fail(message, GAM_INTERNAL, "libjxl cannot encode the picture (error %d)",
                    (int)JxlEncoderGetError(encoder->jxl));
}

static gam_status jxl_finish(gam_encoder *base, gam_message *message) {
    jxl_encoder *encoder = (jxl_encoder *)base;
    encoder->jxl = JxlEncoderCreate(NULL);
    if (encoder->jxl == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for libjxl");
    if (!set_info(encoder) || !set_color(encoder) || !add_boxes(encoder) || !add_frame(encoder))
        return gam_fail(message, GAM_INTERNAL, "libjxl does not take the picture (error %d)",
                        (int)JxlEncoderGetError(encoder->jxl));
    JxlEncoderCloseInput(encoder->jxl);
    return write_file(encoder, message);
}

static void jxl_close_encode(gam_encoder *base) {
    jxl_encoder *encoder = (jxl_encoder *)base;
    if (encoder->jxl != NULL) JxlEncoderDestroy(encoder->jxl);
    free(encoder->pixels);
}

gam_status jxl_open_encode(const gam_host *host, const gam_description *description,
                           const gam_output *output, gam_encoder **result, gam_message *message) {
    if (description->axis_count != 2 || description->channel_count > 4 ||
        description->family != GAM_UNSIGNED ||
        (description->bits != 8 && description->bits != 16))
        return gam_fail(message, GAM_USAGE, "a JPEG XL gets two axes, 1 to 4 channels and unsigned "
                        "samples of 8 or 16 bits; choose format=tiff");
    uint64_t bytes = gam_row_bytes(description) * gam_row_count(description);
    gam_status status = gam_check_memory(host, bytes + bytes / gam_container_bytes(
                                         description->bits) * 24, "a JPEG XL of this size", message);
    if (status != GAM_OK) return status;
    jxl_encoder *encoder =
        (jxl_encoder *)image_new_encoder(sizeof *encoder, host, output, description);
    if (encoder == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for an encoder");
    encoder->base.write_rows = jxl_write_rows;
    encoder->base.finish = jxl_finish;
    encoder->base.close = jxl_close_encode;
    encoder->pixels = malloc(bytes);
    if (encoder->pixels == NULL) {
        free(encoder);
        return gam_fail(message, GAM_NO_MEMORY, "no memory for pixels");
    }
    *result = &encoder->base;
    return GAM_OK;
}
