/*
 * pcm_refusal.c - what to say of a header that libsndfile does not read.
 *
 * What always holds: a sound that is whole but coded otherwise is unsupported, with what to convert
 * it to; only what nothing else explains is called damaged.
 */
#include "pcm.h"

enum { LOOK_BYTES = 4096, PLAIN = 1, IEEE_FLOAT = 3, EXTENSIBLE = 0xFFFE };

static uint64_t number(const unsigned char *bytes, int count, int is_big) {
    uint64_t value = 0;
    for (int i = 0; i < count; i++)
        value |= (uint64_t)bytes[is_big ? count - 1 - i : i] << 8 * i;
    return value;
}

/* Where the content of chunk `id` begins within `length` bytes; 0: not there. Chunks start at `at`
 * with an id of 4 and a size of `size_bytes`; those of RIFF are padded to even. */
static uint64_t find_chunk(const unsigned char *head, uint64_t length, uint64_t at, const char *id,
                           int size_bytes, int is_big) {
    while (at + 4 + size_bytes <= length) {
        uint64_t size = number(head + at + 4, size_bytes, is_big);
        if (memcmp(head + at, id, 4) == 0) return at + 4 + size_bytes;
        if (size > length) return 0;
        at += 4 + size_bytes + size + (size_bytes == 4 ? size % 2 : 0);
    }
    return 0;
}

static gam_status other_tag(const unsigned char *head, uint64_t length, gam_message *message) {
    int is_big = memcmp(head, "RIFX", 4) == 0;
    uint64_t at = find_chunk(head, length, 12, "fmt ", 4, is_big);
    if (at == 0 || at + 2 > length) return GAM_OK;
    unsigned tag = (unsigned)number(head + at, 2, is_big);
    if (tag == PLAIN || tag == IEEE_FLOAT || tag == EXTENSIBLE) return GAM_OK;
    return gam_fail(message, GAM_UNSUPPORTED, "samples with the format tag 0x%04x " PCM_ADVICE,
                    tag);
}

gam_status pcm_refusal(const gam_input *input, const pcm_format *format,
                       const audio_stream *stream, gam_message *message) {
    unsigned char head[LOOK_BYTES];
    size_t length = 0;
    gam_status status = input->read_at(input->context, 0, head, sizeof head, &length);
    if (status != GAM_OK) return gam_fail(message, status, "reading the file failed");
    int error = sf_error(NULL);
    if (length >= 12 && strcmp(format->name, "wav") == 0) {
        status = other_tag(head, length, message);
        if (status != GAM_OK) return status;
    }
    uint64_t data = strcmp(format->name, "caf") == 0 ? find_chunk(head, length, 8, "data", 8, 1) : 0;
    if (data != 0 && number(head + data - 8, 8, 1) == UINT64_MAX) {
        return gam_fail(message, GAM_UNSUPPORTED, "the header does not say how many samples there "
                        "are, as in a stream; encode it again into a file");
    }
    if (error == SF_ERR_UNSUPPORTED_ENCODING)
        return gam_fail(message, GAM_UNSUPPORTED, "samples in this encoding " PCM_ADVICE);
    return audio_failed(stream, NULL, "the header is damaged", message);
}
