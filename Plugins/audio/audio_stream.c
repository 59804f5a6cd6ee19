/*
 * audio_stream.c - libsndfile on the host's callbacks, and the description of an audio signal.
 *
 * What always holds: a failed callback is remembered, so that it is reported as an I/O error and
 * not as a damaged file; a rate or channel count from a header is checked before it is used.
 */
#include <limits.h>
#include <math.h>

#include "audio_codec.h"

static sf_count_t stream_size(void *user) { return (sf_count_t)((audio_stream *)user)->size; }
static sf_count_t stream_tell(void *user) { return (sf_count_t)((audio_stream *)user)->position; }

static sf_count_t stream_seek(sf_count_t offset, int whence, void *user) {
    audio_stream *stream = user;
    int64_t base = whence == SF_SEEK_CUR   ? (int64_t)stream->position
                   : whence == SF_SEEK_END ? (int64_t)stream->size
                                           : 0;
    int64_t target;
    if (__builtin_add_overflow(base, (int64_t)offset, &target) || target < 0) return -1;
    stream->position = (uint64_t)target;
    return target;
}

static sf_count_t stream_read(void *target, sf_count_t count, void *user) {
    audio_stream *stream = user;
    sf_count_t done = 0;
    if (stream->first_read == UINT64_MAX) stream->first_read = stream->position;
    while (done < count) {
        size_t got = 0, wanted = (size_t)(count - done);
        unsigned char *bytes = (unsigned char *)target + done;
        gam_status status =
            stream->input != NULL
                ? stream->input->read_at(stream->input->context, stream->position, bytes, wanted,
                                         &got)
                : stream->output->read_at(stream->output->context, stream->position, bytes, wanted,
                                          &got);
        if (status != GAM_OK) stream->io_failed = 1;
        if (status != GAM_OK || got == 0) break;
        stream->position += got;
        done += (sf_count_t)got;
    }
    return done;
}

static sf_count_t stream_write(const void *source, sf_count_t count, void *user) {
    audio_stream *stream = user;
    const gam_output *output = stream->output;
    if (output == NULL || count < 0) return 0;
    if (output->write_at(output->context, stream->position, source, (size_t)count) != GAM_OK) {
        stream->io_failed = 1;
        return 0;
    }
    stream->position += (uint64_t)count;
    if (stream->position > stream->size) stream->size = stream->position;
    return count;
}

SNDFILE *audio_open(audio_stream *stream, int mode, SF_INFO *info) {
    SF_VIRTUAL_IO callbacks = {stream_size, stream_seek, stream_read, stream_write, stream_tell};
    stream->size = stream->input != NULL ? stream->input->size : 0;
    return sf_open_virtual(&callbacks, mode, info, stream);
}

gam_status audio_failed(const audio_stream *stream, SNDFILE *file, const char *text,
                        gam_message *message) {
    gam_status status = stream->io_failed       ? GAM_IO
                        : stream->input != NULL ? GAM_BAD_INPUT
                                                : GAM_USAGE;
    return gam_fail(message, status, "%s: %s", text, sf_strerror(file));
}

gam_status audio_describe(const gam_host *host, gam_description *description, const SF_INFO *info,
                          uint32_t family, uint32_t bits, gam_message *message) {
    if (info->samplerate < 1)
        return gam_fail(message, GAM_BAD_INPUT, "a rate of %d per second makes no sense",
                        info->samplerate);
    if (info->channels < 1 || info->channels > GAM_CHANNELS_MAX)
        return gam_fail(message, GAM_UNSUPPORTED, "%d channels; 1 to %d are kept", info->channels,
                        GAM_CHANNELS_MAX);
    if (info->frames < 1)
        return gam_fail(message, GAM_UNSUPPORTED, "the file has no samples, or does not say how "
                        "many; encode it again");
    description->axis_count = 1;
    gam_set_axis(&description->axes[0], (uint64_t)info->frames, GAM_AXIS_TIME,
                 1.0 / info->samplerate, "s");
    description->channel_count = (uint32_t)info->channels;
    if (info->channels == 2) {
        description->channels[0] = GAM_CHANNEL_LEFT;
        description->channels[1] = GAM_CHANNEL_RIGHT;
    }
    description->family = family;
    description->bits = bits;
    description->order = GAM_ORDER_CAUSAL;
    return gam_check_samples(host, description, message);
}

int audio_rate(const gam_description *description) {
    double spacing = description->axes[0].spacing;
    if (!(spacing > 0) || strcmp(description->axes[0].unit, "s") != 0) return 0;
    double rate = round(1 / spacing);
    return rate >= 1 && rate <= INT_MAX ? (int)rate : 0;
}
