/*
 * audio_codec.h - what the formats of the audio adapter share.
 *
 * What always holds: a signal has one time axis (spacing 1 / rate, unit "s"); libsndfile reaches
 * files only through audio_stream; every format names itself in the metadata key "format".
 */
#ifndef GAM_AUDIO_CODEC_H
#define GAM_AUDIO_CODEC_H

#include <sndfile.h>

#include "gam_plugin_support.h"

struct gam_decoder {
    gam_status (*read_rows)(gam_decoder *decoder, unsigned char *buffer, uint64_t rows_max,
                            uint64_t *rows, gam_message *message);
    void (*close)(gam_decoder *decoder);
    const gam_host *host;
    const gam_input *input;
    gam_description description;
    uint64_t row_bytes; /* canonical bytes of one point, all channels */
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
    uint64_t row_bytes;
    uint64_t rows_left;
};

/* A file as libsndfile sees it. */
typedef struct audio_stream {
    const gam_input *input;
    const gam_output *output;
    uint64_t position, size;
    uint64_t first_read; /* where the first read since it was set to UINT64_MAX began */
    int io_failed;
} audio_stream;

SNDFILE *audio_open(audio_stream *stream, int mode, SF_INFO *info);
/* Fails with libsndfile's words. */
gam_status audio_failed(const audio_stream *stream, SNDFILE *file, const char *text,
                        gam_message *message);
/* Fills axes, channels and sample type; checks rate, channels and sample count. */
gam_status audio_describe(const gam_host *host, gam_description *description, const SF_INFO *info,
                          uint32_t family, uint32_t bits, gam_message *message);
/* Frames per second of a described signal; 0 when it has none. */
int audio_rate(const gam_description *description);

/* Refuses to write a sound as `target` when that loses what it came with. */
gam_status audio_check_conversion(const gam_host *host, const char *target, gam_message *message);

gam_status pcm_open_decode(const gam_host *host, const gam_input *input, const char *format,
                           gam_decoder **decoder, gam_message *message);
gam_status pcm_open_encode(const gam_host *host, const gam_description *description,
                           const gam_output *output, const char *format, gam_encoder **encoder,
                           gam_message *message);
gam_status flac_open_decode(const gam_host *host, const gam_input *input, const char *format,
                            gam_decoder **decoder, gam_message *message);
gam_status flac_open_encode(const gam_host *host, const gam_description *description,
                            const gam_output *output, const char *format, gam_encoder **encoder,
                            gam_message *message);

#endif
