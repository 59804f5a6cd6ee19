/*
 * pcm_encode.c - canonical samples to WAV, W64, AIFF, AU and CAF.
 *
 * What always holds: with the kept head and tail of the same signal the very file comes back;
 * without them libsndfile writes the header.
 */
#include <stdlib.h>

#include "pcm.h"

enum { CHUNK_BYTES = 64 * 1024 };

typedef struct pcm_encoder {
    gam_encoder base;
    pcm_layout layout;
    audio_stream stream;
    SNDFILE *file; /* NULL: kept head and tail are used */
    uint64_t position;
    unsigned char *packed;
    uint64_t packed_rows;
} pcm_encoder;

static gam_status put(pcm_encoder *encoder, const void *bytes, size_t length,
                      gam_message *message) {
    const gam_output *output = encoder->base.output;
    gam_status status = output->write_at(output->context, encoder->position, bytes, length);
    if (status != GAM_OK) return gam_fail(message, status, "writing the audio file failed");
    encoder->position += length;
    return GAM_OK;
}

/* Whether the kept head belongs to exactly this signal in this format. */
static int head_fits(pcm_encoder *encoder, const char *format) {
    unsigned char expected[PCM_RECORD_BYTES];
    const gam_description *description = &encoder->base.description;
    size_t length = 0, format_length = 0;
    const unsigned char *record = gam_kept(encoder->base.host, "pcm.layout", &length);
    const char *kept = gam_kept(encoder->base.host, "format", &format_length);
    if (record == NULL || length != PCM_RECORD_BYTES || kept == NULL ||
        format_length != strlen(format) || memcmp(kept, format, format_length) != 0)
        return 0;
    pcm_layout layout = {record[0], record[1], record[2], record[3]};
    pcm_record(&layout, description, expected);
    if (memcmp(record, expected, PCM_RECORD_BYTES) != 0 || layout.sample_bytes < 1 ||
        layout.sample_bytes > 4 || layout.sample_bytes * 8 != layout.bits ||
        layout.family != description->family || layout.bits != description->bits)
        return 0;
    encoder->layout = layout;
    return 1;
}

static gam_status start_new(pcm_encoder *encoder, const pcm_format *format,
                            gam_message *message) {
    const gam_description *description = &encoder->base.description;
    int is_unsigned = format->bytes_are_unsigned, bits = (int)description->bits, subtype = 0;
    if (description->family == GAM_FLOAT) subtype = bits == 32 ? SF_FORMAT_FLOAT : 0;
    else if (bits == 8 && (description->family == GAM_UNSIGNED) == is_unsigned)
        subtype = is_unsigned ? SF_FORMAT_PCM_U8 : SF_FORMAT_PCM_S8;
    else if (description->family == GAM_SIGNED)
        subtype = bits == 16   ? SF_FORMAT_PCM_16
                  : bits == 24 ? SF_FORMAT_PCM_24
                  : bits == 32 ? SF_FORMAT_PCM_32
                               : 0;
    SF_INFO info = {.samplerate = audio_rate(description),
                    .channels = (int)description->channel_count,
                    .format = format->major | subtype};
    if (subtype == 0 || info.samplerate == 0) {
        return gam_fail(message, GAM_USAGE,
                        "a %s file cannot hold this signal (%u-bit samples, %d per second); choose "
                        "another format or read samples instead", format->name, description->bits,
                        info.samplerate);
    }
    encoder->layout = (pcm_layout){description->bits / 8, format->is_big_endian, description->family,
                                   description->bits};
    encoder->stream.output = encoder->base.output;
    encoder->file = audio_open(&encoder->stream, SFM_WRITE, &info);
    if (encoder->file == NULL)
        return audio_failed(&encoder->stream, NULL, "no audio file can be started", message);
    sf_command(encoder->file, SFC_SET_ADD_PEAK_CHUNK, NULL, SF_FALSE);
    return GAM_OK;
}

static gam_status start(pcm_encoder *encoder, const char *format, gam_message *message) {
    size_t length = 0;
    const void *head = head_fits(encoder, format)
                           ? gam_kept(encoder->base.host, "pcm.head", &length) : NULL;
    return head == NULL ? start_new(encoder, pcm_format_named(format), message)
                        : put(encoder, head, length, message);
}

static gam_status pcm_write_rows(gam_encoder *base, const unsigned char *buffer, uint64_t rows,
                                 gam_message *message) {
    pcm_encoder *encoder = (pcm_encoder *)base;
    uint32_t channels = base->description.channel_count;
    uint64_t block = (uint64_t)encoder->layout.sample_bytes * channels;
    while (rows > 0) {
        uint64_t count = rows < encoder->packed_rows ? rows : encoder->packed_rows;
        pcm_pack(&encoder->layout, buffer, count * channels, encoder->packed);
        sf_count_t bytes = (sf_count_t)(count * block);
        if (encoder->file == NULL) {
            gam_status status = put(encoder, encoder->packed, (size_t)bytes, message);
            if (status != GAM_OK) return status;
        } else if (sf_write_raw(encoder->file, encoder->packed, bytes) != bytes) {
            return audio_failed(&encoder->stream, encoder->file, "samples cannot be written",
                                message);
        }
        buffer += count * base->row_bytes;
        rows -= count;
    }
    return GAM_OK;
}

static gam_status pcm_finish(gam_encoder *base, gam_message *message) {
    pcm_encoder *encoder = (pcm_encoder *)base;
    if (encoder->file == NULL) {
        size_t length = 0;
        const void *tail = gam_kept(base->host, "pcm.tail", &length);
        return tail == NULL ? GAM_OK : put(encoder, tail, length, message);
    }
    int error = sf_close(encoder->file);
    encoder->file = NULL;
    if (error != 0 || encoder->stream.io_failed)
        return gam_fail(message, GAM_IO, "writing the audio file failed: %s",
                        sf_error_number(error));
    return GAM_OK;
}

static void pcm_close_encode(gam_encoder *base) {
    pcm_encoder *encoder = (pcm_encoder *)base;
    if (encoder->file != NULL) sf_close(encoder->file);
    free(encoder->packed);
}

gam_status pcm_open_encode(const gam_host *host, const gam_description *description,
                           const gam_output *output, const char *format, gam_encoder **result,
                           gam_message *message) {
    pcm_encoder *encoder = calloc(1, sizeof *encoder);
    unsigned char *packed = malloc(CHUNK_BYTES);
    if (encoder == NULL || packed == NULL) {
        free(encoder);
        free(packed);
        return gam_fail(message, GAM_NO_MEMORY, "no memory for an encoder");
    }
    encoder->packed = packed;
    encoder->base = (gam_encoder){.write_rows = pcm_write_rows,
                                  .finish = pcm_finish,
                                  .close = pcm_close_encode,
                                  .host = host,
                                  .output = output,
                                  .description = *description,
                                  .row_bytes = gam_row_bytes(description),
                                  .rows_left = gam_row_count(description)};
    gam_status status = start(encoder, format, message);
    if (status != GAM_OK) {
        pcm_close_encode(&encoder->base);
        free(encoder);
        return status;
    }
    encoder->packed_rows =
        CHUNK_BYTES / (encoder->layout.sample_bytes * description->channel_count);
    *result = &encoder->base;
    return GAM_OK;
}
