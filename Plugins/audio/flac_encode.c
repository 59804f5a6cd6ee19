/*
 * flac_encode.c - canonical samples to FLAC with libFLAC at level 8, which decodes and compares
 * every frame it writes.
 *
 * libFLAC's own metadata blocks are dropped. The file gets the header made of the kept blocks:
 * its length is known at the start, its bytes are written by finish, when STREAMINFO and the seek
 * points are known.
 * What always holds: frames lie behind `header_length` without gaps.
 */
#include <FLAC/stream_encoder.h>
#include <stdlib.h>

#include "flac.h"

enum { POINTS_PER_WRITE = 4096, LEVEL = 8 };

typedef struct flac_encoder {
    gam_encoder base;
    FLAC__StreamEncoder *encoder;
    FLAC__int32 *samples; /* POINTS_PER_WRITE points */
    unsigned char *header;
    size_t header_length;
    flac_seek_table seek;
    uint64_t frame_bytes, points; /* of the frames so far */
    int io_failed, has_info;
} flac_encoder;

static int put(flac_encoder *encoder, uint64_t offset, const void *bytes, size_t length) {
    const gam_output *output = encoder->base.output;
    if (output->write_at(output->context, offset, bytes, length) == GAM_OK) return 1;
    encoder->io_failed = 1;
    return 0;
}

static FLAC__StreamEncoderWriteStatus take_frame(const FLAC__StreamEncoder *libflac,
                                                 const FLAC__byte *bytes, size_t length,
                                                 uint32_t points, uint32_t number, void *client) {
    (void)libflac, (void)number;
    flac_encoder *encoder = client;
    if (points == 0) return FLAC__STREAM_ENCODER_WRITE_STATUS_OK; /* metadata */
    if (!put(encoder, encoder->header_length + encoder->frame_bytes, bytes, length))
        return FLAC__STREAM_ENCODER_WRITE_STATUS_FATAL_ERROR;
    flac_seek_note(&encoder->seek, encoder->points, points, encoder->frame_bytes);
    encoder->frame_bytes += length;
    encoder->points += points;
    return FLAC__STREAM_ENCODER_WRITE_STATUS_OK;
}

static void put_big(unsigned char *bytes, int length, uint64_t value) {
    for (int i = 0; i < length; i++) bytes[i] = (unsigned char)(value >> (8 * (length - 1 - i)));
}

/*
 * STREAMINFO: u16 smallest and u16 largest block | u24 smallest and u24 largest frame |
 * u20 rate, u3 channels - 1, u5 bits - 1, u36 samples | 16 bytes MD5; big endian.
 */
static void take_info(const FLAC__StreamEncoder *libflac, const FLAC__StreamMetadata *metadata,
                      void *client) {
    (void)libflac;
    flac_encoder *encoder = client;
    const FLAC__StreamMetadata_StreamInfo *info = &metadata->data.stream_info;
    unsigned char *bytes = encoder->header + FLAC_MARKER_BYTES + FLAC_BLOCK_HEAD;
    if (metadata->type != FLAC__METADATA_TYPE_STREAMINFO) return;
    put_big(bytes, 2, info->min_blocksize);
    put_big(bytes + 2, 2, info->max_blocksize);
    put_big(bytes + 4, 3, info->min_framesize);
    put_big(bytes + 7, 3, info->max_framesize);
    put_big(bytes + 10, 8,
            (uint64_t)info->sample_rate << 44 | (uint64_t)(info->channels - 1) << 41 |
                (uint64_t)(info->bits_per_sample - 1) << 36 | info->total_samples);
    memcpy(bytes + 18, info->md5sum, sizeof info->md5sum);
    encoder->has_info = 1;
}

/* The block size of the file the samples came from. */
static uint32_t kept_block_size(const gam_host *host) {
    size_t length = 0;
    const unsigned char *record = gam_kept(host, "flac.block_size", &length);
    if (record == NULL || length != 2) return FLAC_BLOCK_USUAL;
    uint32_t size = record[0] | (uint32_t)record[1] << 8;
    return size >= FLAC_BLOCK_MIN ? size : FLAC_BLOCK_USUAL;
}

static gam_status start_libflac(flac_encoder *encoder, uint32_t rate, gam_message *message) {
    const gam_description *description = &encoder->base.description;
    FLAC__StreamEncoder *libflac = FLAC__stream_encoder_new();
    if (libflac == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for libFLAC");
    encoder->encoder = libflac;
    int is_set =
        FLAC__stream_encoder_set_compression_level(libflac, LEVEL) &&
        FLAC__stream_encoder_set_verify(libflac, 1) &&
        FLAC__stream_encoder_set_streamable_subset(libflac, 0) &&
        FLAC__stream_encoder_set_channels(libflac, description->channel_count) &&
        FLAC__stream_encoder_set_bits_per_sample(libflac, description->bits) &&
        FLAC__stream_encoder_set_sample_rate(libflac, rate) &&
        FLAC__stream_encoder_set_blocksize(libflac, kept_block_size(encoder->base.host)) &&
        FLAC__stream_encoder_set_total_samples_estimate(libflac, description->axes[0].extent);
    FLAC__StreamEncoderInitStatus status = FLAC__stream_encoder_init_stream(
        libflac, take_frame, NULL, NULL, take_info, encoder);
    if (is_set && status == FLAC__STREAM_ENCODER_INIT_STATUS_OK) return GAM_OK;
    return gam_fail(message, encoder->io_failed ? GAM_IO : GAM_INTERNAL,
                    "no FLAC file can be started: %s",
                    FLAC__StreamEncoderInitStatusString[status]);
}

static gam_status start(flac_encoder *encoder, gam_message *message) {
    const gam_description *description = &encoder->base.description;
    uint32_t bits = description->bits, channels = description->channel_count;
    uint32_t rate = (uint32_t)audio_rate(description);
    if (description->family != GAM_SIGNED || bits < FLAC_BITS_MIN || bits > FLAC_BITS_MAX ||
        channels > FLAC_CHANNELS_MAX || rate == 0 || rate > FLAC__MAX_SAMPLE_RATE) {
        return gam_fail(message, GAM_USAGE,
                        "FLAC holds up to 8 channels of signed samples of 4 to 32 bits with a rate "
                        "up to %u; choose format=wav or read samples instead",
                        FLAC__MAX_SAMPLE_RATE);
    }
    gam_status status = flac_new_header(encoder->base.host, &encoder->header,
                                        &encoder->header_length, message);
    if (status != GAM_OK) return status;
    encoder->seek = flac_seek_find(encoder->header, encoder->header_length);
    encoder->samples = malloc(sizeof(FLAC__int32) * POINTS_PER_WRITE * channels);
    if (encoder->samples == NULL)
        return gam_fail(message, GAM_NO_MEMORY, "no memory for an encoder");
    return start_libflac(encoder, rate, message);
}

static void widen(const flac_encoder *encoder, const unsigned char *canonical, uint64_t count) {
    uint32_t container = gam_container_bytes(encoder->base.description.bits);
    uint32_t spare = 32 - 8 * container;
    for (uint64_t i = 0; i < count; i++, canonical += container) {
        uint32_t value = 0;
        for (uint32_t k = 0; k < container; k++) value |= (uint32_t)canonical[k] << (8 * k);
        encoder->samples[i] = (FLAC__int32)(value << spare) >> spare;
    }
}

static gam_status encode_failed(const flac_encoder *encoder, const char *why,
                                gam_message *message) {
    if (encoder->io_failed) return gam_fail(message, GAM_IO, "writing the FLAC file failed");
    return gam_fail(message, GAM_INTERNAL, "libFLAC cannot encode the samples: %s", why);
}

static gam_status flac_write_rows(gam_encoder *base, const unsigned char *buffer, uint64_t rows,
                                  gam_message *message) {
    flac_encoder *encoder = (flac_encoder *)base;
    while (rows > 0) {
        uint32_t count = rows < POINTS_PER_WRITE ? (uint32_t)rows : POINTS_PER_WRITE;
        widen(encoder, buffer, (uint64_t)count * base->description.channel_count);
        if (!FLAC__stream_encoder_process_interleaved(encoder->encoder, encoder->samples, count))
            return encode_failed(
                encoder, FLAC__stream_encoder_get_resolved_state_string(encoder->encoder), message);
        buffer += count * base->row_bytes;
        rows -= count;
    }
    return GAM_OK;
}

static gam_status flac_finish(gam_encoder *base, gam_message *message) {
    flac_encoder *encoder = (flac_encoder *)base;
    size_t tail_length = 0;
    const void *tail = gam_kept(base->host, "flac.tail", &tail_length);
    if (!FLAC__stream_encoder_finish(encoder->encoder) || !encoder->has_info)
        return encode_failed(encoder, "the last frame is not what was given", message);
    flac_seek_complete(&encoder->seek);
    if (!put(encoder, 0, encoder->header, encoder->header_length) ||
        (tail_length > 0 && !put(encoder, encoder->header_length + encoder->frame_bytes, tail,
                                 tail_length)))
        return encode_failed(encoder, "", message);
    return GAM_OK;
}

static void flac_close_encode(gam_encoder *base) {
    flac_encoder *encoder = (flac_encoder *)base;
    if (encoder->encoder != NULL) FLAC__stream_encoder_delete(encoder->encoder);
    free(encoder->samples);
    free(encoder->header);
}

gam_status flac_open_encode(const gam_host *host, const gam_description *description,
                            const gam_output *output, const char *format, gam_encoder **result,
                            gam_message *message) {
    (void)format;
    flac_encoder *encoder = calloc(1, sizeof *encoder);
    if (encoder == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for an encoder");
    encoder->base = (gam_encoder){.write_rows = flac_write_rows,
                                  .finish = flac_finish,
                                  .close = flac_close_encode,
                                  .host = host,
                                  .output = output,
                                  .description = *description,
                                  .row_bytes = gam_row_bytes(description),
                                  .rows_left = gam_row_count(description)};
    gam_status status = start(encoder, message);
    if (status != GAM_OK) {
        flac_close_encode(&encoder->base);
        free(encoder);
        return status;
    }
    *result = &encoder->base;
    return GAM_OK;
}
