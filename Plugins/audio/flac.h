/*
 * flac.h - the metadata blocks of a FLAC file (RFC 9639, section 8).
 *
 * What always holds: STREAMINFO and SEEKTABLE are written anew by the encoder; all other blocks
 * are kept as they are, in order.
 */
#ifndef GAM_AUDIO_FLAC_H
#define GAM_AUDIO_FLAC_H

#include "audio_codec.h"

enum {
    FLAC_MARKER_BYTES = 4,
    FLAC_BLOCK_HEAD = 4,
    FLAC_STREAMINFO_BYTES = 34,
    FLAC_MD5_OFFSET = 18, /* inside STREAMINFO */
    FLAC_LAST_BLOCK = 0x80,
    FLAC_TYPE_STREAMINFO = 0,
    FLAC_TYPE_SEEKTABLE = 3,
    FLAC_TYPE_INVALID = 127
};

static inline size_t flac_block_length(const unsigned char *head) {
    return (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
}

#endif
