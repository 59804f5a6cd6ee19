/*
 * pcm_decode.c - WAV, W64, AIFF, AU and CAF to canonical samples.
 *
 * libsndfile reads the header and says where the samples lie; the samples are then copied from
 * the file, so nothing can be converted, and the bytes before and behind them are kept.
 * What always holds: sizes in the header that the file does not have are refused as cut off.
 */
#include <stdlib.h>

#include "pcm.h"

enum { CHUNK_BYTES = 64 * 1024 };

typedef struct pcm_decoder {
    gam_decoder base;
    pcm_layout layout;
    uint64_t offset; /* of the next packed sample in the file */
    unsigned char *packed;
    uint64_t packed_rows; /* that fit into `packed` */
} pcm_decoder;

static gam_status choose_layout(pcm_decoder *decoder, SNDFILE *file, const SF_INFO *info,
                                gam_message *message) {
    pcm_layout *layout = &decoder->layout;
    layout->family = GAM_SIGNED;
    switch (info->format & SF_FORMAT_SUBMASK) {
        case SF_FORMAT_PCM_U8: layout->family = GAM_UNSIGNED; layout->sample_bytes = 1; break;
        case SF_FORMAT_PCM_S8: layout->sample_bytes = 1; break;
        case SF_FORMAT_PCM_16: layout->sample_bytes = 2; break;
        case SF_FORMAT_PCM_24: layout->sample_bytes = 3; break;
        case SF_FORMAT_PCM_32: layout->sample_bytes = 4; break;
        case SF_FORMAT_FLOAT: layout->family = GAM_FLOAT; layout->sample_bytes = 4; break;
        default: {
            SF_FORMAT_INFO name = {info->format & SF_FORMAT_SUBMASK, NULL, NULL};
            sf_command(NULL, SFC_GET_FORMAT_INFO, &name, sizeof name);
            return gam_fail(message, GAM_UNSUPPORTED,
                            "samples of type '%s' " PCM_ADVICE, name.name != NULL ? name.name : "unknown");
        }
    }
    layout->bits = layout->sample_bytes * 8;
    int little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
    int swapped = sf_command(file, SFC_RAW_DATA_NEEDS_ENDSWAP, NULL, 0) == SF_TRUE;
    layout->is_big_endian = layout->sample_bytes > 1 && swapped == little;
    return GAM_OK;
}

/* Keeps `length` bytes at `offset`; lends them to `check` through `*bytes` when asked. */
static gam_status keep_range(const pcm_decoder *decoder, const char *key, uint64_t offset,
                             uint64_t length, unsigned char **bytes, gam_message *message) {
    const gam_host *host = decoder->base.host;
    *bytes = NULL;
    if (length > host->limits->metadata_bytes_max) {
        return gam_fail(message, GAM_LIMIT, "%llu bytes beside the samples; the metadata limit is "
                        "%llu", (unsigned long long)length,
                        (unsigned long long)host->limits->metadata_bytes_max);
    }
    *bytes = malloc(length > 0 ? length : 1);
    if (*bytes == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for the chunks");
    gam_status status = gam_read_exactly(decoder->base.input, offset, *bytes, length, message);
    if (status == GAM_OK && length > 0) status = gam_keep(host, key, *bytes, length, message);
    return status;
}

static gam_status keep_surroundings(pcm_decoder *decoder, const pcm_format *format,
                                    gam_message *message) {
    const gam_description *description = &decoder->base.description;
    uint64_t block = (uint64_t)decoder->layout.sample_bytes * description->channel_count;
    uint64_t data_bytes = description->axes[0].extent * block, size = decoder->base.input->size;
    uint64_t end = decoder->offset + data_bytes;
    if (decoder->offset < 12 || end > size) return pcm_cut_off(end, size, message);
    unsigned char record[PCM_RECORD_BYTES], *head = NULL, *tail = NULL;
    pcm_record(&decoder->layout, description, record);
    gam_status status = gam_keep(decoder->base.host, "format", format->name,
                                 strlen(format->name), message);
    if (status == GAM_OK)
        status = gam_keep(decoder->base.host, "pcm.layout", record, sizeof record, message);
    if (status == GAM_OK)
        status = keep_range(decoder, "pcm.head", 0, decoder->offset, &head, message);
    if (status == GAM_OK) {
        const pcm_extent extent = {head, decoder->offset, data_bytes, block, size};
        status = format->check(&extent, message);
    }
    if (status == GAM_OK)
        status = keep_range(decoder, "pcm.tail", end, size - end, &tail, message);
    free(head);
    free(tail);
    return status;
}

static gam_status locate_samples(pcm_decoder *decoder, const pcm_format *format,
                                 gam_message *message) {
    audio_stream stream = {.input = decoder->base.input};
    SF_INFO info = {0};
    SNDFILE *file = audio_open(&stream, SFM_READ, &info);
    if (file == NULL) return pcm_refusal(decoder->base.input, format, &stream, message);
    gam_description *description = &decoder->base.description;
    gam_describe_as(description, "audio", format->media_type, GAM_EXACT_FILE);
    gam_status status = choose_layout(decoder, file, &info, message);
    if (status == GAM_OK) {
        status = audio_describe(decoder->base.host, description, &info, decoder->layout.family,
                                decoder->layout.bits, message);
    }
    if (status == GAM_OK) {
        /* Where libsndfile reads the first sample is where the samples lie. */
        unsigned char block[4 * GAM_CHANNELS_MAX];
        sf_count_t bytes = (sf_count_t)(decoder->layout.sample_bytes * description->channel_count);
        stream.first_read = UINT64_MAX;
        if (sf_seek(file, 0, SEEK_SET) != 0 || sf_read_raw(file, block, bytes) != bytes)
            status = audio_failed(&stream, file, "the samples cannot be read", message);
        decoder->offset = stream.first_read;
    }
    sf_close(file);
    return status;
}

static gam_status pcm_read_rows(gam_decoder *base, unsigned char *buffer, uint64_t rows_max,
                                uint64_t *rows, gam_message *message) {
    pcm_decoder *decoder = (pcm_decoder *)base;
    uint32_t channels = base->description.channel_count;
    uint64_t block = (uint64_t)decoder->layout.sample_bytes * channels;
    while (*rows < rows_max) {
        uint64_t count = rows_max - *rows;
        if (count > decoder->packed_rows) count = decoder->packed_rows;
        gam_status status = gam_read_exactly(base->input, decoder->offset, decoder->packed,
                                             count * block, message);
        if (status != GAM_OK) return status;
        pcm_unpack(&decoder->layout, decoder->packed, count * channels,
                   buffer + *rows * base->row_bytes);
        decoder->offset += count * block;
        *rows += count;
    }
    return GAM_OK;
}

static void pcm_close_decode(gam_decoder *base) { free(((pcm_decoder *)base)->packed); }

gam_status pcm_open_decode(const gam_host *host, const gam_input *input, const char *name,
                           gam_decoder **result, gam_message *message) {
    const pcm_format *format = pcm_format_named(name);
    pcm_decoder *decoder = calloc(1, sizeof *decoder);
    unsigned char *packed = malloc(CHUNK_BYTES);
    if (decoder == NULL || packed == NULL) {
        free(decoder);
        free(packed);
        return gam_fail(message, GAM_NO_MEMORY, "no memory for a decoder");
    }
    decoder->packed = packed;
    decoder->base = (gam_decoder){
        .read_rows = pcm_read_rows, .close = pcm_close_decode, .host = host, .input = input};
    gam_status status = locate_samples(decoder, format, message);
    if (status == GAM_OK) status = keep_surroundings(decoder, format, message);
    if (status != GAM_OK) {
        pcm_close_decode(&decoder->base);
        free(decoder);
        return status;
    }
    gam_description *description = &decoder->base.description;
    const pcm_layout *layout = &decoder->layout;
    if (layout->sample_bytes == gam_container_bytes(layout->bits) && !layout->is_big_endian)
        description->samples_at = decoder->offset;
    decoder->packed_rows =
        CHUNK_BYTES / (decoder->layout.sample_bytes * description->channel_count);
    decoder->base.row_bytes = gam_row_bytes(description);
    decoder->base.rows_left = gam_row_count(description);
    *result = &decoder->base;
    return GAM_OK;
}
