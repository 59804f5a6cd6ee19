/*
 * image_codec.h - what the formats of the image adapter share.
 *
 * What always holds: a decoder or encoder is one allocation whose first field is its vtable; the
 * host and input or output stay valid as long as it lives; every format names itself in the
 * metadata key "format" so that a signal is written back as it came.
 */
#ifndef GAM_IMAGE_CODEC_H
#define GAM_IMAGE_CODEC_H

#include "gam_plugin_support.h"

struct gam_decoder {
    gam_status (*read_rows)(gam_decoder *decoder, unsigned char *buffer, uint64_t rows_max,
                            uint64_t *rows, gam_message *message);
    void (*close)(gam_decoder *decoder);
    const gam_host *host;
    const gam_input *input;
    gam_description description;
    uint64_t row_bytes; /* canonical */
    uint64_t rows_left;
};

struct gam_encoder {
    gam_status (*write_rows)(gam_encoder *encoder, const unsigned char *buffer, uint64_t rows,
                             gam_message *message);
    gam_status (*finish)(gam_encoder *encoder, gam_message *message);
    void (*close)(gam_encoder *encoder);
    const gam_host *host;
    const gam_output *output;
    gam_description description;
    uint64_t row_bytes; /* canonical */
    uint64_t rows_left;
};

/* Allocates `size` zeroed bytes that begin with a gam_decoder / gam_encoder and fills that part. */
gam_decoder *image_new_decoder(size_t size, const gam_host *host, const gam_input *input);
gam_encoder *image_new_encoder(size_t size, const gam_host *host, const gam_output *output,
                               const gam_description *description);

/* Describes rows x columns as two spatial axes. */
void image_set_plane(gam_description *description, uint64_t rows, uint64_t columns);
/* Gray, gray + alpha, RGB, RGBA for 1...4 channels; `other` beyond. */
void image_set_channels(gam_description *description, uint32_t count);
/* Unpacks `count` big-endian bit fields of 1...16 bits (most significant bit first, from a byte
 * boundary) into canonical containers of 1 or 2 bytes; sign extends when asked. */
void image_unpack_bits(const unsigned char *packed, uint64_t count, uint32_t bits, int is_signed,
                       unsigned char *canonical);
void image_pack_bits(const unsigned char *canonical, uint64_t count, uint32_t bits,
                     unsigned char *packed);

/* Refuses to write a signal as `target` when that loses what it came with. */
gam_status image_check_conversion(const gam_host *host, const gam_description *description,
                                  const char *target, gam_message *message);

gam_status png_open_decode(const gam_host *host, const gam_input *input, gam_decoder **decoder,
                           gam_message *message);
gam_status png_open_encode(const gam_host *host, const gam_description *description,
                           const gam_output *output, gam_encoder **encoder, gam_message *message);
gam_status tiff_open_decode(const gam_host *host, const gam_input *input, gam_decoder **decoder,
                            gam_message *message);
gam_status tiff_open_encode(const gam_host *host, const gam_description *description,
                            const gam_output *output, gam_encoder **encoder, gam_message *message);
gam_status pnm_open_decode(const gam_host *host, const gam_input *input, gam_decoder **decoder,
                           gam_message *message);
gam_status pnm_open_encode(const gam_host *host, const gam_description *description,
                           const gam_output *output, gam_encoder **encoder, gam_message *message);
gam_status pfm_open_decode(const gam_host *host, const gam_input *input, gam_decoder **decoder,
                           gam_message *message);
gam_status pfm_open_encode(const gam_host *host, const gam_description *description,
                           const gam_output *output, gam_encoder **encoder, gam_message *message);
gam_status webp_open_decode(const gam_host *host, const gam_input *input, gam_decoder **decoder,
                            gam_message *message);
gam_status webp_open_encode(const gam_host *host, const gam_description *description,
                            const gam_output *output, gam_encoder **encoder, gam_message *message);
gam_status jxl_open_decode(const gam_host *host, const gam_input *input, gam_decoder **decoder,
                           gam_message *message);
gam_status jxl_open_encode(const gam_host *host, const gam_description *description,
                           const gam_output *output, gam_encoder **encoder, gam_message *message);
gam_status jpeg_open_decode(const gam_host *host, const gam_input *input, gam_decoder **decoder,
                            gam_message *message);

#endif
