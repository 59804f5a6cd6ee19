/*
 * flac_encode.c - canonical samples to FLAC with libsndfile.
 *
 * libsndfile writes its own metadata blocks. They are held back in memory; the file gets its
 * STREAMINFO and then the kept blocks, and the frames follow shifted by the difference.
 * What always holds: bytes at `own_length` and beyond in libsndfile's view lie at `shift` more in
 * the file; bytes before it are only in `own` until finish writes STREAMINFO.
 */
#include <stdlib.h>

#include "flac.h"

enum { FRAMES_PER_WRITE = 4096, OWN_BYTES_MAX = 1 << 20 };

typedef struct flac_encoder {
    gam_encoder base;
    audio_stream stream;
    SNDFILE *file;
    int *samples;
    unsigned char *own; /* libsndfile's marker and blocks */
    size_t own_filled;
    size_t own_length; /* 0 until the last block was seen */
    int64_t shift;
} flac_encoder;

/* Length of marker and blocks when all of them are in `bytes`, else 0. */
static size_t whole_header(const unsigned char *bytes, size_t length) {
    size_t offset = FLAC_MARKER_BYTES;
    while (offset + FLAC_BLOCK_HEAD <= length) {
        const unsigned char *head = bytes + offset;
        offset += FLAC_BLOCK_HEAD + flac_block_length(head);
        if (head[0] & FLAC_LAST_BLOCK) return offset <= length ? offset : 0;
    }
    return 0;
}

/* Whether the kept blocks are a chain of whole blocks; `*last` is the offset of the last one. */
static int blocks_valid(const unsigned char *bytes, size_t length, size_t *last) {
    size_t offset = 0;
    while (offset < length) {
        *last = offset;
        if (length - offset < FLAC_BLOCK_HEAD || (bytes[offset] & FLAC_LAST_BLOCK) ||
            length - offset - FLAC_BLOCK_HEAD < flac_block_length(bytes + offset))
            return 0;
        offset += FLAC_BLOCK_HEAD + flac_block_length(bytes + offset);
    }
    return 1;
}

/* Writes marker, STREAMINFO and the kept blocks (libsndfile's own when there are none). */
static int put_header(flac_encoder *encoder) {
    size_t fixed = FLAC_MARKER_BYTES + FLAC_BLOCK_HEAD + FLAC_STREAMINFO_BYTES;
    size_t length = 0, last = 0;
    const unsigned char *kept = gam_kept(encoder->base.host, "flac.blocks", &length);
    if (encoder->own_length < fixed) return 0;
    if (kept == NULL || !blocks_valid(kept, length, &last))
        return audio_put(&encoder->stream, 0, encoder->own, encoder->own_length);
    encoder->own[FLAC_MARKER_BYTES] = length == 0 ? FLAC_LAST_BLOCK : 0;
    encoder->shift = (int64_t)(fixed + length) - (int64_t)encoder->own_length;
    if (!audio_put(&encoder->stream, 0, encoder->own, fixed)) return 0;
    if (length == 0) return 1;
    unsigned char last_head = kept[last] | FLAC_LAST_BLOCK;
    return audio_put(&encoder->stream, fixed, kept, length) &&
           audio_put(&encoder->stream, fixed + last, &last_head, 1);
}

/* Takes what libsndfile writes at stream->position. */
static int divert(audio_stream *stream, const unsigned char *bytes, size_t length) {
    flac_encoder *encoder = stream->divert_context;
    uint64_t position = stream->position;
    if (encoder->own_length == 0) {
        if (position > OWN_BYTES_MAX || length > OWN_BYTES_MAX - position) return 0;
        memcpy(encoder->own + position, bytes, length);
        if (position + length > encoder->own_filled) encoder->own_filled = position + length;
        encoder->own_length = whole_header(encoder->own, encoder->own_filled);
        if (encoder->own_length == 0) return 1;
        size_t rest = encoder->own_filled - encoder->own_length;
        return put_header(encoder) &&
               (rest == 0 ||
                audio_put(stream, (uint64_t)((int64_t)encoder->own_length + encoder->shift),
                          encoder->own + encoder->own_length, rest));
    }
    if (position < encoder->own_length) {
        size_t inside = encoder->own_length - position;
        if (inside > length) inside = length;
        memcpy(encoder->own + position, bytes, inside);
        position += inside;
        bytes += inside;
        length -= inside;
    }
    return length == 0 ||
           audio_put(stream, (uint64_t)((int64_t)position + encoder->shift), bytes, length);
}

static gam_status start(flac_encoder *encoder, gam_message *message) {
    const gam_description *description = &encoder->base.description;
    uint32_t bits = description->bits;
    int subtype = description->family != GAM_SIGNED ? 0
                  : bits == 8                       ? SF_FORMAT_PCM_S8
                  : bits == 16                      ? SF_FORMAT_PCM_16
                  : bits == 24                      ? SF_FORMAT_PCM_24
                                                    : 0;
    SF_INFO info = {.samplerate = audio_rate(description),
                    .channels = (int)description->channel_count,
                    .format = SF_FORMAT_FLAC | subtype};
    if (subtype == 0 || info.samplerate == 0 || info.channels > 8) {
        return gam_fail(message, GAM_USAGE,
                        "FLAC holds up to 8 channels of signed 8, 16 or 24 bit samples with a "
                        "rate; choose format=wav or read samples instead");
    }
    encoder->own = calloc(1, OWN_BYTES_MAX);
    encoder->samples = malloc(sizeof(int) * FRAMES_PER_WRITE * description->channel_count);
    if (encoder->own == NULL || encoder->samples == NULL)
        return gam_fail(message, GAM_NO_MEMORY, "no memory for an encoder");
    encoder->stream.output = encoder->base.output;
    encoder->stream.divert = divert;
    encoder->stream.divert_context = encoder;
    encoder->file = audio_open(&encoder->stream, SFM_WRITE, &info);
    if (encoder->file == NULL)
        return audio_failed(&encoder->stream, NULL, "no FLAC file can be started", message);
    return GAM_OK;
}

static void left_justify(const flac_encoder *encoder, const unsigned char *canonical,
                         uint64_t count) {
    uint32_t bits = encoder->base.description.bits, container = gam_container_bytes(bits);
    for (uint64_t i = 0; i < count; i++, canonical += container) {
        uint32_t value = 0;
        for (uint32_t k = 0; k < container; k++) value |= (uint32_t)canonical[k] << (8 * k);
        encoder->samples[i] = (int)(value << (32 - bits));
    }
}

static gam_status flac_write_rows(gam_encoder *base, const unsigned char *buffer, uint64_t rows,
                                  gam_message *message) {
    flac_encoder *encoder = (flac_encoder *)base;
    while (rows > 0) {
        uint64_t count = rows < FRAMES_PER_WRITE ? rows : FRAMES_PER_WRITE;
        left_justify(encoder, buffer, count * base->description.channel_count);
        if (sf_writef_int(encoder->file, encoder->samples, (sf_count_t)count) != (sf_count_t)count)
            return audio_failed(&encoder->stream, encoder->file, "samples cannot be written",
                                message);
        buffer += count * base->row_bytes;
        rows -= count;
    }
    return GAM_OK;
}

static gam_status flac_finish(gam_encoder *base, gam_message *message) {
    flac_encoder *encoder = (flac_encoder *)base;
    int error = sf_close(encoder->file);
    encoder->file = NULL;
    if (error == 0 && encoder->own_length != 0 && !encoder->stream.io_failed) {
        /* libFLAC has put sample count and MD5 into STREAMINFO by now. */
        size_t offset = FLAC_MARKER_BYTES + FLAC_BLOCK_HEAD;
        if (audio_put(&encoder->stream, offset, encoder->own + offset, FLAC_STREAMINFO_BYTES))
            return GAM_OK;
    }
    return gam_fail(message, GAM_IO, "writing the FLAC file failed: %s", sf_error_number(error));
}

static void flac_close_encode(gam_encoder *base) {
    flac_encoder *encoder = (flac_encoder *)base;
    if (encoder->file != NULL) sf_close(encoder->file);
    free(encoder->samples);
    free(encoder->own);
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
