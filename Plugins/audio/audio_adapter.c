/*
 * audio_adapter.c - the entry of the audio plugin: which format a file is, and the calls of the
 * ABI that are the same for all of them.
 *
 * What always holds: a format is chosen by the first bytes of the file; the rows a format is
 * asked for were counted here.
 */
#include <stdlib.h>
#include <strings.h>

#include "audio_codec.h"

typedef gam_status open_decode_function(const gam_host *, const gam_input *, const char *,
                                        gam_decoder **, gam_message *);
typedef gam_status open_encode_function(const gam_host *, const gam_description *,
                                        const gam_output *, const char *, gam_encoder **,
                                        gam_message *);

static const struct {
    const char *name;
    const char *chunk, *type; /* bytes 0...3 and 8...11; type NULL: none */
    open_decode_function *open_decode;
    open_encode_function *open_encode;
} formats[] = {
    {"wav", "RIFF", "WAVE", pcm_open_decode, pcm_open_encode},
    {"wav", "RIFX", "WAVE", pcm_open_decode, pcm_open_encode},
    {"wav", "RF64", "WAVE", pcm_open_decode, pcm_open_encode},
    {"aiff", "FORM", "AIFF", pcm_open_decode, pcm_open_encode},
    {"aiff", "FORM", "AIFC", pcm_open_decode, pcm_open_encode},
    {"w64", "riff", NULL, pcm_open_decode, pcm_open_encode},
    {"au", ".snd", NULL, pcm_open_decode, pcm_open_encode},
    {"caf", "caff", NULL, pcm_open_decode, pcm_open_encode},
    {"flac", "fLaC", NULL, flac_open_decode, flac_open_encode},
};
enum { FORMAT_COUNT = sizeof formats / sizeof formats[0] };

/* Index of the format whose files start like this; -1: none. */
static int format_of(const unsigned char *head, size_t length) {
    for (int i = 0; i < FORMAT_COUNT; i++) {
        size_t needed = formats[i].type != NULL ? 12 : 4;
        if (length >= needed && memcmp(head, formats[i].chunk, 4) == 0 &&
            (formats[i].type == NULL || memcmp(head + 8, formats[i].type, 4) == 0))
            return i;
    }
    return -1;
}

static int32_t audio_probe(void *context, const void *head, size_t length, uint64_t file_size,
                           gam_text file_name) {
    (void)context, (void)file_size, (void)file_name;
    return format_of(head, length) >= 0 ? 100 : 0;
}

/* What to say of a file that no format fits. */
static gam_status unknown_start(gam_text name, gam_message *message) {
    const char *suffix = name.length >= 5 ? name.bytes + name.length - 5 : "";
    if (name.length >= 5 && strncasecmp(suffix, ".flac", 5) == 0) {
        return gam_fail(message, GAM_BAD_INPUT,
                        "the FLAC stream does not start with its marker and STREAMINFO, without "
                        "which rate, bits and length are unknown; get a complete copy");
    }
    return gam_fail(message, GAM_BAD_INPUT,
                    "it does not start like a WAV, W64, AIFF, AU, CAF or FLAC file; get a complete "
                    "copy");
}

static gam_status audio_open_decode(void *context, const gam_host *host, const gam_input *input,
                                    gam_decoder **decoder, gam_message *message) {
    (void)context;
    unsigned char head[12];
    size_t length = 0;
    *decoder = NULL;
    gam_status status = input->read_at(input->context, 0, head, sizeof head, &length);
    if (status != GAM_OK) return gam_fail(message, status, "reading the file failed");
    int format = format_of(head, length);
    if (format < 0) return unknown_start(input->file_name, message);
    return formats[format].open_decode(host, input, formats[format].name, decoder, message);
}

static gam_status audio_describe_decoder(gam_decoder *decoder, gam_description *description,
                                         gam_message *message) {
    (void)message;
    size_t size = description->struct_size;
    memcpy(description, &decoder->description,
           size < sizeof *description ? size : sizeof *description);
    description->struct_size = size;
    return GAM_OK;
}

static gam_status audio_read_rows(gam_decoder *decoder, void *buffer, size_t capacity,
                                  uint64_t *rows, gam_message *message) {
    *rows = 0;
    uint64_t rows_max = capacity / decoder->row_bytes;
    if (rows_max > decoder->rows_left) rows_max = decoder->rows_left;
    if (decoder->rows_left == 0) return GAM_OK;
    if (rows_max == 0) return gam_fail(message, GAM_INTERNAL, "no room for one row");
    gam_status status = decoder->read_rows(decoder, buffer, rows_max, rows, message);
    if (status == GAM_OK) decoder->rows_left -= *rows;
    return status;
}

static void audio_close_decode(gam_decoder *decoder) {
    if (decoder == NULL) return;
    decoder->close(decoder);
    free(decoder);
}

static gam_status audio_open_encode(void *context, const gam_host *host,
                                    const gam_description *description, const gam_output *output,
                                    gam_encoder **encoder, gam_message *message) {
    (void)context;
    *encoder = NULL;
    if (description->axis_count != 1) {
        return gam_fail(message, GAM_USAGE, "audio has one axis, not %u; read samples instead",
                        description->axis_count);
    }
    gam_text name = gam_option(host, "format");
    size_t length = 0;
    if (name.length == 0) {
        const char *kept = gam_kept(host, "format", &length);
        if (kept != NULL) name = (gam_text){kept, length};
    }
    if (name.length == 0) {
        int is_signed8 = description->family == GAM_SIGNED && description->bits == 8;
        name = gam_string(is_signed8 ? "aiff" : "wav"); /* bytes in a WAV are unsigned */
    }
    for (int i = 0; i < FORMAT_COUNT; i++) {
        if (!gam_text_equals(name, formats[i].name)) continue;
        gam_status status = audio_check_conversion(host, formats[i].name, message);
        if (status != GAM_OK) return status;
        return formats[i].open_encode(host, description, output, formats[i].name, encoder,
                                      message);
    }
    return gam_fail(message, GAM_USAGE, "unknown audio format '%.*s'; choose wav, w64, aiff, au, "
                    "caf or flac", (int)(name.length < 40 ? name.length : 40), name.bytes);
}

static gam_status audio_write_rows(gam_encoder *encoder, const void *buffer, uint64_t rows,
                                   gam_message *message) {
    if (rows > encoder->rows_left)
        return gam_fail(message, GAM_USAGE, "more rows than the description has");
    if (rows == 0) return GAM_OK;
    gam_status status = encoder->write_rows(encoder, buffer, rows, message);
    if (status == GAM_OK) encoder->rows_left -= rows;
    return status;
}

static gam_status audio_finish(gam_encoder *encoder, gam_message *message) {
    if (encoder->rows_left != 0) {
        return gam_fail(message, GAM_USAGE, "%llu rows are missing",
                        (unsigned long long)encoder->rows_left);
    }
    return encoder->finish(encoder, message);
}

static void audio_close_encode(gam_encoder *encoder) {
    if (encoder == NULL) return;
    encoder->close(encoder);
    free(encoder);
}

#define TEXT(literal) {literal, sizeof literal - 1}

static size_t audio_parameters(void *context, gam_parameter *entries, size_t capacity) {
    static const gam_parameter all[] = {
        {TEXT("format"), TEXT(""),
         TEXT("format to write: wav, w64, aiff, au, caf or flac; empty: as it came")},
        {TEXT("drop_metadata"), TEXT(""),
         TEXT("1: write another format even when it cannot hold all metadata")},
    };
    enum { COUNT = sizeof all / sizeof all[0] };
    (void)context;
    memcpy(entries, all, (capacity < COUNT ? capacity : COUNT) * sizeof all[0]);
    return COUNT;
}

static const gam_functions_v1 functions = {
    sizeof functions,  audio_probe,        audio_open_decode, audio_describe_decoder,
    audio_read_rows,   audio_close_decode, audio_open_encode, audio_write_rows,
    audio_finish,      audio_close_encode, audio_parameters,
};

static const gam_plugin_v1 plugin = {
    sizeof plugin, GAM_ABI_MAJOR, GAM_ABI_MINOR, TEXT("audio"), TEXT("1.0.0"),
    TEXT("c 1.3"), NULL,          &functions,
};

__attribute__((visibility("default"))) const gam_plugin_v1 *gam_plugin_entry_v1(void) {
    return &plugin;
}
