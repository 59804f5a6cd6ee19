/*
 * pcm.h - how samples lie in a file of plain samples: WAV, W64, AIFF, AU, CAF.
 *
 * What always holds: `head`, packed samples, `tail` in this order are the bytes of the file.
 */
#ifndef GAM_AUDIO_PCM_H
#define GAM_AUDIO_PCM_H

#include "audio_codec.h"

typedef struct pcm_layout {
    uint32_t sample_bytes; /* 1, 2, 3 or 4 in the file */
    int is_big_endian;
    uint32_t family, bits; /* canonical */
} pcm_layout;

/* Where the samples of a file lie, as libsndfile found them. */
typedef struct pcm_extent {
    const unsigned char *head; /* everything before the samples */
    uint64_t head_length;
    uint64_t data_bytes;
    uint64_t block; /* bytes of one frame */
    uint64_t file_size;
} pcm_extent;

/* A container of plain samples. */
typedef struct pcm_format {
    const char *name, *media_type;
    int major; /* of libsndfile */
    int bytes_are_unsigned;
    int is_big_endian; /* in new files */
    gam_status (*check)(const pcm_extent *extent, gam_message *message);
} pcm_format;

/* NULL: there is no such container. */
const pcm_format *pcm_format_named(const char *name);
/* Why libsndfile could not open a file of `format`. */
gam_status pcm_refusal(const gam_input *input, const pcm_format *format,
                       const audio_stream *stream, gam_message *message);
#define PCM_ADVICE "are not kept; convert the file to 8 to 32 bit integers or 32 bit floats"
gam_status pcm_cut_off(uint64_t declared, uint64_t present, gam_message *message);

/* The kept form of a layout with the size it belongs to: lets an encoder see whether the kept
 * head still fits. */
enum { PCM_RECORD_BYTES = 16 };
void pcm_record(const pcm_layout *layout, const gam_description *description,
                unsigned char record[PCM_RECORD_BYTES]);

/* Packed samples of the file <-> canonical samples; `count` samples. */
void pcm_unpack(const pcm_layout *layout, const unsigned char *packed, uint64_t count,
                unsigned char *canonical);
void pcm_pack(const pcm_layout *layout, const unsigned char *canonical, uint64_t count,
              unsigned char *packed);

#endif
