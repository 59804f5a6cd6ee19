/*
 * flac.h - what the parts of the FLAC adapter share (RFC 9639).
 *
 * What always holds
 * - libFLAC sees marker, STREAMINFO and frames; the other metadata blocks are carried as bytes and
 *   never parsed, but for the seek points, whose offsets belong to the old frames.
 * - A point is one sample of every channel; a frame is FLAC's unit of many points.
 */
#ifndef GAM_AUDIO_FLAC_H
#define GAM_AUDIO_FLAC_H

#include <FLAC/stream_decoder.h>

#include "audio_codec.h"

enum {
    FLAC_MARKER_BYTES = 4,
    FLAC_BLOCK_HEAD = 4,
    FLAC_STREAMINFO_BYTES = 34,
    FLAC_HEAD_BYTES = FLAC_MARKER_BYTES + FLAC_BLOCK_HEAD + FLAC_STREAMINFO_BYTES,
    FLAC_LAST_BLOCK = 0x80,
    FLAC_TYPE_STREAMINFO = 0,
    FLAC_TYPE_SEEKTABLE = 3,
    FLAC_TYPE_INVALID = 127,
    FLAC_POINT_BYTES = 18, /* of a seek point */
    FLAC_TAG_BYTES = 128,  /* of an ID3v1 tag behind the frames */
    FLAC_BITS_MIN = 4,
    FLAC_BITS_MAX = 32,
    FLAC_CHANNELS_MAX = 8,
    FLAC_BLOCK_MIN = 16,
    FLAC_BLOCK_USUAL = 4096, /* where no other is kept */
    FLAC_BLOCK_MAX = 65536 /* a frame header can say one more than STREAMINFO */
};

static inline size_t flac_block_length(const unsigned char *head) {
    return (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
}

/* Where things lie in a FLAC file. */
typedef struct flac_layout {
    unsigned char head[FLAC_HEAD_BYTES]; /* marker and STREAMINFO, as if it were the only block */
    uint64_t frames_offset, frames_end;
} flac_layout;

/* Finds STREAMINFO and the frames; keeps all other blocks and a tag behind the frames. */
gam_status flac_read_blocks(const gam_host *host, const gam_input *input, flac_layout *layout,
                            gam_message *message);
/* The header of a new file: room for marker and STREAMINFO, then the kept blocks. Its owner frees
 * it. */
gam_status flac_new_header(const gam_host *host, unsigned char **header, size_t *length,
                           gam_message *message);

/* The seek points of a header that is being written. */
typedef struct flac_seek_table {
    unsigned char *points;
    size_t count, next;
    uint64_t last_frame; /* where the newest point leads; UINT64_MAX: none yet */
} flac_seek_table;

/* Clears what only holds for the frames of the old file. */
void flac_seek_forget(unsigned char *points, size_t length);
/* The table inside a header as flac_new_header made it. */
flac_seek_table flac_seek_find(unsigned char *header, size_t length);
/* A frame of `count` points from `first` on was written `offset` bytes behind the first frame. */
void flac_seek_note(flac_seek_table *table, uint64_t first, uint32_t count, uint64_t offset);
/* After the last frame: points that lead nowhere become placeholders at the end. */
void flac_seek_complete(flac_seek_table *table);

/* Frames, one after the other. */
typedef struct flac_stream {
    const gam_input *input;
    const flac_layout *layout;
    FLAC__StreamDecoder *decoder;
    uint64_t position; /* in the file as libFLAC sees it */
    int has_info;
    FLAC__StreamMetadata_StreamInfo info;
    int counts_only;       /* frames are checked and dropped */
    unsigned char *block;  /* canonical samples of the last frame */
    uint32_t block_points; /* 0: there was no further frame */
    uint64_t points;       /* of all frames so far */
    uint64_t first_number; /* number of the first point in the first frame */
    uint64_t frame_end;    /* in the file: where the last frame ends */
    gam_status status;     /* of the callbacks: the first failure stays */
    gam_message *message;
} flac_stream;

/* Starts at the first frame; `info` is known then. */
gam_status flac_stream_open(flac_stream *stream, gam_message *message);
gam_status flac_stream_next(flac_stream *stream, gam_message *message);
/* After the last frame: whether the samples fit the MD5 of the file, if it has one. */
gam_status flac_stream_finish(flac_stream *stream, gam_message *message);
void flac_stream_close(flac_stream *stream);

#endif
