/*
 * flac_decode.c - FLAC to canonical samples with libFLAC.
 *
 * What always holds: the last samples are given only after the stream has ended where the file
 * does, with as many samples as its header declares, and with the MD5 of its header if it has one.
 */
#include <stdlib.h>

#include "flac.h"

typedef struct flac_decoder {
    gam_decoder base;
    flac_layout layout;
    flac_stream stream;
    uint32_t taken; /* points of the stream's block that were given */
} flac_decoder;

/* Keeps an unusual block size that all frames have: seek points stay where they are. */
static gam_status keep_block_size(const gam_host *host,
                                  const FLAC__StreamMetadata_StreamInfo *info,
                                  gam_message *message) {
    uint32_t size = info->max_blocksize;
    if (size != info->min_blocksize || size < FLAC_BLOCK_MIN || size == FLAC_BLOCK_USUAL)
        return GAM_OK;
    unsigned char record[2] = {(unsigned char)size, (unsigned char)(size >> 8)};
    return gam_keep(host, "flac.block_size", record, sizeof record, message);
}

static gam_status open_stream(flac_decoder *decoder, int counts_only, gam_message *message) {
    unsigned char *block = decoder->stream.block;
    flac_stream_close(&decoder->stream);
    decoder->stream = (flac_stream){.input = decoder->base.input,
                                    .layout = &decoder->layout,
                                    .counts_only = counts_only,
                                    .block = block};
    return flac_stream_open(&decoder->stream, message);
}

/* A FLAC from a pipe does not declare its length: decodes it once to count. Ends early when a
 * limit is passed, which describing the signal then reports. */
static gam_status count_points(flac_decoder *decoder, uint64_t *points, gam_message *message) {
    const gam_limits *limits = decoder->base.host->limits;
    gam_status status = open_stream(decoder, 1, message);
    do {
        if (status == GAM_OK) status = flac_stream_next(&decoder->stream, message);
        *points = decoder->stream.points;
    } while (status == GAM_OK && decoder->stream.block_points != 0 && *points <= GAM_EXTENT_MAX &&
             *points <= limits->points_max &&
             *points * decoder->stream.info.channels <= limits->samples_max);
    return status == GAM_OK ? open_stream(decoder, 0, message) : status;
}

static gam_status describe(flac_decoder *decoder, uint64_t points, gam_message *message) {
    const FLAC__StreamMetadata_StreamInfo *info = &decoder->stream.info;
    gam_description *description = &decoder->base.description;
    SF_INFO shape = {.frames = (sf_count_t)points,
                     .samplerate = (int)info->sample_rate,
                     .channels = (int)info->channels};
    if (info->bits_per_sample < FLAC_BITS_MIN || info->bits_per_sample > FLAC_BITS_MAX)
        return gam_fail(message, GAM_BAD_INPUT, "FLAC has 4 to 32 bits, the header says %u",
                        info->bits_per_sample);
    gam_describe_as(description, "audio", "audio/flac", GAM_EXACT_SAMPLES);
    return audio_describe(decoder->base.host, description, &shape, GAM_SIGNED,
                          info->bits_per_sample, message);
}

static gam_status open_file(flac_decoder *decoder, gam_message *message) {
    const gam_host *host = decoder->base.host;
    const FLAC__StreamMetadata_StreamInfo *info = &decoder->stream.info;
    gam_status status = flac_read_blocks(host, decoder->base.input, &decoder->layout, message);
    if (status == GAM_OK) status = gam_keep(host, "format", "flac", 4, message);
    if (status == GAM_OK) status = open_stream(decoder, 0, message);
    if (status == GAM_OK) status = keep_block_size(host, info, message);
    if (status != GAM_OK) return status;
    /* Samples and residuals of one block in libFLAC, and its canonical form here. */
    uint64_t block_bytes = (uint64_t)FLAC_BLOCK_MAX * info->channels * sizeof(FLAC__int32);
    status = gam_check_memory(host, 4 * block_bytes, "a FLAC block", message);
    if (status != GAM_OK) return status;
    uint64_t points = info->total_samples;
    if (points == 0) status = count_points(decoder, &points, message);
    if (status == GAM_OK) status = describe(decoder, points, message);
    if (status != GAM_OK) return status;
    decoder->base.row_bytes = gam_row_bytes(&decoder->base.description);
    decoder->base.rows_left = gam_row_count(&decoder->base.description);
    decoder->stream.block = malloc(FLAC_BLOCK_MAX * decoder->base.row_bytes);
    if (decoder->stream.block == NULL)
        return gam_fail(message, GAM_NO_MEMORY, "no memory for samples");
    return GAM_OK;
}

/* After the last declared sample: the stream and the file must end here. */
static gam_status check_end(flac_decoder *decoder, gam_message *message) {
    flac_stream *stream = &decoder->stream;
    uint64_t declared = decoder->base.description.axes[0].extent;
    gam_status status = GAM_OK;
    if (stream->points == declared) status = flac_stream_next(stream, message);
    if (status != GAM_OK) return status;
    if (stream->points != declared) {
        return gam_fail(message, GAM_BAD_INPUT,
                        "the FLAC has more samples than the %llu that its header declares; get a "
                        "clean copy", (unsigned long long)declared);
    }
    if (stream->frame_end != decoder->layout.frames_end) {
        return gam_fail(message, GAM_BAD_INPUT,
                        "%llu bytes behind the last frame are no whole frame: the FLAC is cut off, "
                        "or something was put behind it; get a clean copy",
                        (unsigned long long)(decoder->layout.frames_end - stream->frame_end));
    }
    return flac_stream_finish(stream, message);
}

static gam_status flac_read_rows(gam_decoder *base, unsigned char *buffer, uint64_t rows_max,
                                 uint64_t *rows, gam_message *message) {
    flac_decoder *decoder = (flac_decoder *)base;
    flac_stream *stream = &decoder->stream;
    while (*rows < rows_max) {
        if (decoder->taken == stream->block_points) {
            decoder->taken = 0;
            gam_status status = flac_stream_next(stream, message);
            if (status != GAM_OK) return status;
            if (stream->block_points == 0) {
                return gam_fail(message, GAM_BAD_INPUT,
                                "the FLAC is cut off: %llu of its %llu samples are missing; get a "
                                "complete copy", (unsigned long long)(base->rows_left - *rows),
                                (unsigned long long)base->description.axes[0].extent);
            }
        }
        uint64_t count = stream->block_points - decoder->taken;
        if (count > rows_max - *rows) count = rows_max - *rows;
        memcpy(buffer + *rows * base->row_bytes, stream->block + decoder->taken * base->row_bytes,
               count * base->row_bytes);
        decoder->taken += (uint32_t)count;
        *rows += count;
    }
    return *rows == base->rows_left ? check_end(decoder, message) : GAM_OK;
}

static void flac_close_decode(gam_decoder *base) {
    flac_decoder *decoder = (flac_decoder *)base;
    flac_stream_close(&decoder->stream);
    free(decoder->stream.block);
}

gam_status flac_open_decode(const gam_host *host, const gam_input *input, const char *format,
                            gam_decoder **result, gam_message *message) {
    (void)format;
    flac_decoder *decoder = calloc(1, sizeof *decoder);
    if (decoder == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for a decoder");
    decoder->base = (gam_decoder){
        .read_rows = flac_read_rows, .close = flac_close_decode, .host = host, .input = input};
    gam_status status = open_file(decoder, message);
    if (status != GAM_OK) {
        flac_close_decode(&decoder->base);
        free(decoder);
        return status;
    }
    *result = &decoder->base;
    return GAM_OK;
}
