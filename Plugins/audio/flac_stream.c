/*
 * flac_stream.c - libFLAC's decoder on the host's callbacks: one checked frame after the other.
 *
 * What always holds: rate, channels and bits of every frame are those of STREAMINFO, and every
 * sample fits its bits; whatever libFLAC finds wrong ends the stream, nothing is skipped or
 * replaced by silence.
 */
#include <stdlib.h>

#include "flac.h"

static FLAC__StreamDecoderReadStatus feed(const FLAC__StreamDecoder *decoder, FLAC__byte *buffer,
                                          size_t *length, void *client) {
    (void)decoder;
    flac_stream *stream = client;
    const flac_layout *layout = stream->layout;
    size_t wanted = *length;
    *length = 0;
    if (stream->position < FLAC_HEAD_BYTES) {
        size_t left = FLAC_HEAD_BYTES - stream->position;
        *length = wanted < left ? wanted : left;
        memcpy(buffer, layout->head + stream->position, *length);
    } else {
        uint64_t offset = layout->frames_offset + stream->position - FLAC_HEAD_BYTES;
        uint64_t left = layout->frames_end - offset;
        gam_status status = stream->input->read_at(stream->input->context, offset, buffer,
                                                   wanted < left ? wanted : left, length);
        if (status != GAM_OK) {
            stream->status = gam_fail(stream->message, status, "reading the file failed");
            return FLAC__STREAM_DECODER_READ_STATUS_ABORT;
        }
    }
    stream->position += *length;
    return *length == 0 ? FLAC__STREAM_DECODER_READ_STATUS_END_OF_STREAM
                        : FLAC__STREAM_DECODER_READ_STATUS_CONTINUE;
}

static FLAC__StreamDecoderTellStatus tell(const FLAC__StreamDecoder *decoder, FLAC__uint64 *offset,
                                          void *client) {
    (void)decoder;
    *offset = ((flac_stream *)client)->position;
    return FLAC__STREAM_DECODER_TELL_STATUS_OK;
}

static void take_info(const FLAC__StreamDecoder *decoder, const FLAC__StreamMetadata *metadata,
                      void *client) {
    (void)decoder;
    flac_stream *stream = client;
    if (metadata->type != FLAC__METADATA_TYPE_STREAMINFO) return;
    stream->info = metadata->data.stream_info;
    stream->has_info = 1;
}

static void take_error(const FLAC__StreamDecoder *decoder, FLAC__StreamDecoderErrorStatus error,
                       void *client) {
    (void)decoder;
    flac_stream *stream = client;
    if (stream->status != GAM_OK) return;
    const char *what = error == FLAC__STREAM_DECODER_ERROR_STATUS_LOST_SYNC
                           ? "no frame begins where the one before it ends"
                       : error == FLAC__STREAM_DECODER_ERROR_STATUS_FRAME_CRC_MISMATCH
                           ? "a frame does not fit its checksum"
                           : "a frame is damaged or of a kind that is not defined";
    stream->status = gam_fail(stream->message, GAM_BAD_INPUT,
                              "the FLAC is damaged behind sample %llu: %s; get a clean copy",
                              (unsigned long long)stream->points, what);
}

/* A frame is not as STREAMINFO says: at the start the header lies, later the stream changes. */
static gam_status differs(const flac_stream *stream, const char *what, uint32_t in_frame,
                          uint32_t in_info) {
    if (stream->points == 0) {
        return gam_fail(stream->message, GAM_BAD_INPUT,
                        "the frames have a %s of %u, the FLAC header says %u; get a clean copy",
                        what, in_frame, in_info);
    }
    return gam_fail(stream->message, GAM_UNSUPPORTED,
                    "the %s changes from %u to %u at sample %llu, and one signal has one %s; split "
                    "the file there", what, in_info, in_frame,
                    (unsigned long long)stream->points, what);
}

static gam_status check_frame(flac_stream *stream, const FLAC__FrameHeader *frame) {
    const FLAC__StreamMetadata_StreamInfo *info = &stream->info;
    static const unsigned char no_md5[sizeof info->md5sum];
    if (frame->channels != info->channels)
        return differs(stream, "channel count", frame->channels, info->channels);
    if (frame->bits_per_sample != info->bits_per_sample)
        return differs(stream, "bit depth", frame->bits_per_sample, info->bits_per_sample);
    if (frame->sample_rate != info->sample_rate)
        return differs(stream, "sample rate", frame->sample_rate, info->sample_rate);
    if (stream->points == 0) stream->first_number = frame->number.sample_number;
    /* Without an MD5 only the numbers of frames tell that one is missing. */
    if (memcmp(info->md5sum, no_md5, sizeof no_md5) == 0 &&
        frame->number.sample_number - stream->first_number != stream->points) {
        return gam_fail(stream->message, GAM_BAD_INPUT,
                        "the frame behind sample %llu says it begins at %llu: frames are missing "
                        "or out of order, and the file has no MD5 that proves its samples",
                        (unsigned long long)stream->points,
                        (unsigned long long)(frame->number.sample_number - stream->first_number));
    }
    return GAM_OK;
}

/* One frame in canonical form; whether all samples fit their bits. */
static int unpack(flac_stream *stream, uint32_t points, const FLAC__int32 *const channels[]) {
    uint32_t bits = stream->info.bits_per_sample, container = gam_container_bytes(bits), wide = 0;
    unsigned char *canonical = stream->block;
    for (uint32_t i = 0; i < points; i++) {
        for (uint32_t channel = 0; channel < stream->info.channels; channel++) {
            FLAC__int32 value = channels[channel][i];
            wide |= (uint32_t)(value ^ (value >> 31)) >> (bits - 1);
            if (stream->counts_only) continue;
            for (uint32_t k = 0; k < container; k++)
                *canonical++ = (unsigned char)((uint32_t)value >> (8 * k));
        }
    }
    return wide == 0;
}

static FLAC__StreamDecoderWriteStatus take_frame(const FLAC__StreamDecoder *decoder,
                                                 const FLAC__Frame *frame,
                                                 const FLAC__int32 *const channels[],
                                                 void *client) {
    (void)decoder;
    flac_stream *stream = client;
    uint32_t points = frame->header.blocksize;
    if (stream->status == GAM_OK) stream->status = check_frame(stream, &frame->header);
    if (stream->status == GAM_OK && (points > FLAC_BLOCK_MAX || !unpack(stream, points, channels)))
        stream->status = gam_fail(stream->message, GAM_BAD_INPUT,
                                  "the frame behind sample %llu has samples wider than %u bits; "
                                  "get a clean copy", (unsigned long long)stream->points,
                                  stream->info.bits_per_sample);
    if (stream->status != GAM_OK) return FLAC__STREAM_DECODER_WRITE_STATUS_ABORT;
    stream->block_points = points;
    stream->points += points;
    return FLAC__STREAM_DECODER_WRITE_STATUS_CONTINUE;
}

gam_status flac_stream_open(flac_stream *stream, gam_message *message) {
    stream->message = message;
    stream->frame_end = stream->layout->frames_offset;
    stream->decoder = FLAC__stream_decoder_new();
    if (stream->decoder == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for libFLAC");
    FLAC__stream_decoder_set_md5_checking(stream->decoder, 1);
    if (FLAC__stream_decoder_init_stream(stream->decoder, feed, NULL, tell, NULL, NULL, take_frame,
                                         take_info, take_error,
                                         stream) != FLAC__STREAM_DECODER_INIT_STATUS_OK)
        return gam_fail(message, GAM_NO_MEMORY, "libFLAC cannot be started");
    int is_read = FLAC__stream_decoder_process_until_end_of_metadata(stream->decoder);
    if (stream->status != GAM_OK) return stream->status;
    if (is_read && stream->has_info) return GAM_OK;
    return gam_fail(message, GAM_BAD_INPUT, "the STREAMINFO of the FLAC file cannot be read");
}

gam_status flac_stream_next(flac_stream *stream, gam_message *message) {
    FLAC__uint64 position = 0;
    stream->message = message;
    stream->block_points = 0;
    int is_done = FLAC__stream_decoder_process_single(stream->decoder);
    if (stream->status != GAM_OK) return stream->status;
    FLAC__StreamDecoderState state = FLAC__stream_decoder_get_state(stream->decoder);
    if (state == FLAC__STREAM_DECODER_MEMORY_ALLOCATION_ERROR)
        return gam_fail(message, GAM_NO_MEMORY, "no memory for a frame");
    if (!is_done && state != FLAC__STREAM_DECODER_END_OF_STREAM)
        return gam_fail(message, GAM_BAD_INPUT, "the FLAC is damaged behind sample %llu: %s",
                        (unsigned long long)stream->points,
                        FLAC__stream_decoder_get_resolved_state_string(stream->decoder));
    if (stream->block_points == 0) return GAM_OK;
    if (!FLAC__stream_decoder_get_decode_position(stream->decoder, &position))
        return gam_fail(message, GAM_INTERNAL, "libFLAC does not say where a frame ends");
    stream->frame_end = stream->layout->frames_offset + position - FLAC_HEAD_BYTES;
    return GAM_OK;
}

gam_status flac_stream_finish(flac_stream *stream, gam_message *message) {
    if (FLAC__stream_decoder_finish(stream->decoder)) return GAM_OK;
    return gam_fail(message, GAM_BAD_INPUT,
                    "the samples do not fit the MD5 in the FLAC header: they are damaged or the "
                    "header belongs to others; get a clean copy");
}

void flac_stream_close(flac_stream *stream) {
    if (stream->decoder != NULL) FLAC__stream_decoder_delete(stream->decoder);
    stream->decoder = NULL;
}
