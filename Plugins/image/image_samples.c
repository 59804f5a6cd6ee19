/*
 * image_samples.c - handles, axes, channels and packed bits, which all image formats share.
 *
 * What always holds: packed samples are most significant bit first and start at a byte.
 */
#include <stdlib.h>

#include "image_codec.h"

gam_decoder *image_new_decoder(size_t size, const gam_host *host, const gam_input *input) {
    gam_decoder *decoder = calloc(1, size);
    if (decoder == NULL) return NULL;
    decoder->host = host;
    decoder->input = input;
    decoder->description.struct_size = sizeof decoder->description;
    return decoder;
}

gam_encoder *image_new_encoder(size_t size, const gam_host *host, const gam_output *output,
                               const gam_description *description) {
    gam_encoder *encoder = calloc(1, size);
    if (encoder == NULL) return NULL;
    encoder->host = host;
    encoder->output = output;
    encoder->description = *description;
    encoder->row_bytes = gam_row_bytes(description);
    encoder->rows_left = gam_row_count(description);
    return encoder;
}

void image_set_plane(gam_description *description, uint64_t rows, uint64_t columns) {
    description->axis_count = 2;
    gam_set_axis(&description->axes[0], rows, GAM_AXIS_SPACE, 1, "");
    gam_set_axis(&description->axes[1], columns, GAM_AXIS_SPACE, 1, "");
}

void image_set_channels(gam_description *description, uint32_t count) {
    static const uint8_t meanings[4][4] = {
        {GAM_CHANNEL_GRAY},
        {GAM_CHANNEL_GRAY, GAM_CHANNEL_ALPHA},
        {GAM_CHANNEL_RED, GAM_CHANNEL_GREEN, GAM_CHANNEL_BLUE},
        {GAM_CHANNEL_RED, GAM_CHANNEL_GREEN, GAM_CHANNEL_BLUE, GAM_CHANNEL_ALPHA}};
    description->channel_count = count;
    memset(description->channels, GAM_CHANNEL_OTHER, sizeof description->channels);
    if (count >= 1 && count <= 4) memcpy(description->channels, meanings[count - 1], count);
}

void image_unpack_bits(const unsigned char *packed, uint64_t count, uint32_t bits, int is_signed,
                       unsigned char *canonical) {
    uint32_t held = 0, held_bits = 0;
    for (uint64_t i = 0; i < count; i++) {
        while (held_bits < bits) {
            held = held << 8 | *packed++;
            held_bits += 8;
        }
        held_bits -= bits;
        uint32_t value = held >> held_bits & ((UINT32_C(1) << bits) - 1);
        if (is_signed && (value >> (bits - 1)) != 0) value |= ~UINT32_C(0) << bits;
        *canonical++ = (unsigned char)value;
        if (bits > 8) *canonical++ = (unsigned char)(value >> 8);
    }
}

void image_pack_bits(const unsigned char *canonical, uint64_t count, uint32_t bits,
                     unsigned char *packed) {
    uint32_t held = 0, held_bits = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t value = *canonical++;
        if (bits > 8) value |= (uint32_t)*canonical++ << 8;
        held = held << bits | (value & ((UINT32_C(1) << bits) - 1));
        held_bits += bits;
        while (held_bits >= 8) {
            held_bits -= 8;
            *packed++ = (unsigned char)(held >> held_bits);
        }
    }
    if (held_bits > 0) *packed = (unsigned char)(held << (8 - held_bits));
}
