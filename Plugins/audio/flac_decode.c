/*
 * flac_decode.c - FLAC to canonical samples with libsndfile.
 *
 * What always holds: a frame that libFLAC found damaged, a sample count other than the declared
 * one, samples wider than the declared bits and samples that do not fit the file's MD5 are errors;
 * nothing is replaced by silence, and no bit is cut off.
 */
#include <stdlib.h>

#include "flac.h"
#include "md5.h"

enum { FRAMES_PER_READ = 4096 };

typedef struct flac_decoder {
    gam_decoder base;
    audio_stream stream;
    SNDFILE *file;
    int *samples; /* FRAMES_PER_READ frames, left-justified as libsndfile gives them */
    int has_md5;
    unsigned char md5[16];
    md5_state md5_of_samples;
} flac_decoder;

/* The metadata blocks that are kept, without their last-block flags. */
typedef struct kept_blocks {
    unsigned char *bytes;
    size_t length;
} kept_blocks;

/* Appends the block of `length` bytes at `offset`. */
static gam_status append_block(const flac_decoder *decoder, kept_blocks *kept, uint64_t offset,
                               size_t length, gam_message *message) {
    uint64_t limit = decoder->base.host->limits->metadata_bytes_max;
    if (kept->length + length > limit) {
        return gam_fail(message, GAM_LIMIT,
                        "the metadata blocks (pictures?) are larger than the limit of %llu bytes",
                        (unsigned long long)limit);
    }
    unsigned char *grown = realloc(kept->bytes, kept->length + length);
    if (grown == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for metadata blocks");
    kept->bytes = grown;
    gam_status status = gam_read_exactly(decoder->base.input, offset, grown + kept->length, length,
                                         message);
    if (status != GAM_OK) return status;
    grown[kept->length] &= (unsigned char)~FLAC_LAST_BLOCK;
    kept->length += length;
    return GAM_OK;
}

/* Walks the metadata blocks; collects what is not written anew. */
static gam_status collect_blocks(const flac_decoder *decoder, kept_blocks *kept,
                                 gam_message *message) {
    const gam_input *input = decoder->base.input;
    unsigned char head[FLAC_BLOCK_HEAD] = {0};
    uint64_t offset = FLAC_MARKER_BYTES;
    for (int first = 1; first || !(head[0] & FLAC_LAST_BLOCK); first = 0) {
        gam_status status = gam_read_exactly(input, offset, head, sizeof head, message);
        if (status != GAM_OK) return status;
        size_t length = flac_block_length(head), whole = FLAC_BLOCK_HEAD + length;
        int type = head[0] & 0x7f;
        if (type == FLAC_TYPE_INVALID || first != (type == FLAC_TYPE_STREAMINFO) ||
            (first && length != FLAC_STREAMINFO_BYTES) || whole > input->size - offset) {
            return gam_fail(message, GAM_BAD_INPUT, "the metadata block at byte %llu is damaged",
                            (unsigned long long)offset);
        }
        if (!first && type != FLAC_TYPE_SEEKTABLE)
            status = append_block(decoder, kept, offset, whole, message);
        if (status != GAM_OK) return status;
        offset += whole;
    }
    return GAM_OK;
}

static gam_status keep_blocks(const flac_decoder *decoder, gam_message *message) {
    const gam_host *host = decoder->base.host;
    kept_blocks kept = {NULL, 0};
    gam_status status = collect_blocks(decoder, &kept, message);
    if (status == GAM_OK) status = gam_keep(host, "format", "flac", 4, message);
    if (status == GAM_OK) status = gam_keep(host, "flac.blocks", kept.bytes, kept.length, message);
    free(kept.bytes);
    return status;
}

static gam_status read_md5(flac_decoder *decoder, gam_message *message) {
    gam_status status =
        gam_read_exactly(decoder->base.input, FLAC_MARKER_BYTES + FLAC_BLOCK_HEAD + FLAC_MD5_OFFSET,
                         decoder->md5, sizeof decoder->md5, message);
    for (size_t i = 0; i < sizeof decoder->md5; i++) decoder->has_md5 |= decoder->md5[i] != 0;
    md5_start(&decoder->md5_of_samples);
    return status;
}

static gam_status reopen(flac_decoder *decoder, SF_INFO *info, gam_message *message) {
    if (decoder->file != NULL) sf_close(decoder->file);
    memset(info, 0, sizeof *info);
    memset(&decoder->stream, 0, sizeof decoder->stream);
    decoder->stream.input = decoder->base.input;
    decoder->file = audio_open(&decoder->stream, SFM_READ, info);
    if (decoder->file == NULL)
        return audio_failed(&decoder->stream, NULL, "the FLAC cannot be opened", message);
    if ((info->format & SF_FORMAT_TYPEMASK) != SF_FORMAT_FLAC)
        return gam_fail(message, GAM_BAD_INPUT, "it is not a FLAC file");
    return GAM_OK;
}

/* A FLAC from a pipe does not declare its length: decodes it once to count. */
static gam_status count_frames(flac_decoder *decoder, SF_INFO *info, gam_message *message) {
    int *samples = NULL;
    sf_count_t got = 0, frames = 0;
    if (info->channels < 1 || info->channels > GAM_CHANNELS_MAX)
        return gam_fail(message, GAM_UNSUPPORTED, "%d channels", info->channels);
    samples = malloc(sizeof(int) * FRAMES_PER_READ * (size_t)info->channels);
    if (samples == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for samples");
    do {
        got = sf_readf_int(decoder->file, samples, FRAMES_PER_READ);
        frames += got;
    } while (got > 0 && sf_error(decoder->file) == SF_ERR_NO_ERROR &&
             (uint64_t)frames <= GAM_EXTENT_MAX);
    free(samples);
    if (sf_error(decoder->file) != SF_ERR_NO_ERROR || decoder->stream.io_failed)
        return audio_failed(&decoder->stream, decoder->file, "the FLAC is damaged", message);
    gam_status status = reopen(decoder, info, message);
    info->frames = frames;
    return status;
}

static gam_status open_file(flac_decoder *decoder, gam_message *message) {
    SF_INFO info;
    gam_status status = reopen(decoder, &info, message);
    if (status == GAM_OK && (info.frames < 1 || info.frames == SF_COUNT_MAX))
        status = count_frames(decoder, &info, message);
    if (status != GAM_OK) return status;
    uint32_t bits = 0;
    switch (info.format & SF_FORMAT_SUBMASK) {
        case SF_FORMAT_PCM_S8: bits = 8; break;
        case SF_FORMAT_PCM_16: bits = 16; break;
        case SF_FORMAT_PCM_24: bits = 24; break;
        default:
            return gam_fail(message, GAM_UNSUPPORTED, "only FLAC of 8, 16 and 24 bits is kept");
    }
    gam_description *description = &decoder->base.description;
    gam_describe_as(description, "audio", "audio/flac", GAM_EXACT_SAMPLES);
    status = audio_describe(decoder->base.host, description, &info, GAM_SIGNED, bits, message);
    if (status != GAM_OK) return status;
    decoder->samples = malloc(sizeof(int) * FRAMES_PER_READ * description->channel_count);
    if (decoder->samples == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for samples");
    return GAM_OK;
}

/* Left-justified samples to canonical ones, and to the packed form the MD5 is made of. Frames may
 * be wider than the header says; false if a sample does not fit the declared bits. */
static int take_samples(flac_decoder *decoder, uint64_t count, unsigned char *canonical) {
    uint32_t bits = decoder->base.description.bits, container = gam_container_bytes(bits);
    uint32_t packed = bits / 8;
    unsigned char *write = (unsigned char *)decoder->samples; /* never overtakes the read */
    uint32_t below = (1u << (32 - bits)) - 1, lost = 0;
    for (uint64_t i = 0; i < count; i++) {
        lost |= (uint32_t)decoder->samples[i] & below;
        int value = decoder->samples[i] >> (32 - bits);
        for (uint32_t k = 0; k < container; k++)
            *canonical++ = (unsigned char)((uint32_t)value >> (8 * k));
        for (uint32_t k = 0; k < packed; k++)
            *write++ = (unsigned char)((uint32_t)value >> (8 * k));
    }
    md5_add(&decoder->md5_of_samples, decoder->samples, count * packed);
    return lost == 0;
}

static gam_status check_end(flac_decoder *decoder, gam_message *message) {
    unsigned char digest[16];
    if (!decoder->has_md5) return GAM_OK;
    md5_finish(&decoder->md5_of_samples, digest);
    if (memcmp(digest, decoder->md5, sizeof digest) == 0) return GAM_OK;
    return gam_fail(message, GAM_BAD_INPUT,
                    "the samples do not fit the MD5 in the FLAC header: they are damaged or the "
                    "declared length is wrong; get a clean copy");
}

static gam_status flac_read_rows(gam_decoder *base, unsigned char *buffer, uint64_t rows_max,
                                 uint64_t *rows, gam_message *message) {
    flac_decoder *decoder = (flac_decoder *)base;
    uint32_t channels = base->description.channel_count;
    while (*rows < rows_max) {
        uint64_t count = rows_max - *rows;
        if (count > FRAMES_PER_READ) count = FRAMES_PER_READ;
        sf_count_t got = sf_readf_int(decoder->file, decoder->samples, (sf_count_t)count);
        if (sf_error(decoder->file) != SF_ERR_NO_ERROR || decoder->stream.io_failed)
            return audio_failed(&decoder->stream, decoder->file, "the FLAC is damaged", message);
        if (got <= 0) {
            return gam_fail(message, GAM_BAD_INPUT,
                            "the FLAC is cut off: %llu of its %llu samples are missing; get a "
                            "complete copy", (unsigned long long)(base->rows_left - *rows),
                            (unsigned long long)base->description.axes[0].extent);
        }
        if (!take_samples(decoder, (uint64_t)got * channels, buffer + *rows * base->row_bytes)) {
            return gam_fail(message, GAM_UNSUPPORTED,
                            "a frame has more than the %u bits the FLAC header declares; bit "
                            "depths that change are not kept", base->description.bits);
        }
        *rows += (uint64_t)got;
    }
    return *rows == base->rows_left ? check_end(decoder, message) : GAM_OK;
}

static void flac_close_decode(gam_decoder *base) {
    flac_decoder *decoder = (flac_decoder *)base;
    if (decoder->file != NULL) sf_close(decoder->file);
    free(decoder->samples);
}

gam_status flac_open_decode(const gam_host *host, const gam_input *input, const char *format,
                            gam_decoder **result, gam_message *message) {
    (void)format;
    flac_decoder *decoder = calloc(1, sizeof *decoder);
    if (decoder == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for a decoder");
    decoder->base = (gam_decoder){
        .read_rows = flac_read_rows, .close = flac_close_decode, .host = host, .input = input};
    gam_status status = keep_blocks(decoder, message);
    if (status == GAM_OK) status = read_md5(decoder, message);
    if (status == GAM_OK) status = open_file(decoder, message);
    if (status != GAM_OK) {
        flac_close_decode(&decoder->base);
        free(decoder);
        return status;
    }
    decoder->base.row_bytes = gam_row_bytes(&decoder->base.description);
    decoder->base.rows_left = gam_row_count(&decoder->base.description);
    *result = &decoder->base;
    return GAM_OK;
}
