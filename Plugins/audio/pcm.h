/*
 * pcm.h - how samples lie in a WAV or AIFF file.
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
