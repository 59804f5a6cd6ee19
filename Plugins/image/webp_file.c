/*
 * webp_file.c - walks the chunks of a WebP file (RIFF container specification of WebP).
 *
 * What always holds: a chunk that is longer than the file is refused before it is looked at.
 */
#include "webp_file.h"

#include <stdlib.h>

gam_status webp_file_size(const gam_input *input, uint64_t *size, gam_message *message) {
    unsigned char head[12];
    gam_status status = gam_read_exactly(input, 0, head, sizeof head, message);
    if (status != GAM_OK) return status;
    uint64_t announced = (uint64_t)webp_u32(head + 4) + 8;
    if (announced > input->size) {
        return gam_fail(message, GAM_BAD_INPUT,
                        "the file is cut off: %llu bytes where %llu are declared; get a complete "
                        "copy", (unsigned long long)input->size, (unsigned long long)announced);
    }
    if (announced < input->size) {
        return gam_fail(message, GAM_UNSUPPORTED, "%llu bytes follow the WebP; cut them off",
                        (unsigned long long)(input->size - announced));
    }
    if (announced < 20) return gam_fail(message, GAM_BAD_INPUT, "the WebP has no picture");
    *size = announced;
    return GAM_OK;
}

static int is_picture(const unsigned char *type) {
    return memcmp(type, "VP8 ", 4) == 0 || memcmp(type, "VP8L", 4) == 0 ||
           memcmp(type, "VP8X", 4) == 0 || memcmp(type, "ALPH", 4) == 0;
}

gam_status webp_keep_chunks(const gam_host *host, const unsigned char *file, uint64_t size,
                            gam_message *message) {
    unsigned char *kept = malloc(size);
    if (kept == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for the chunks");
    uint64_t length = 0;
    gam_status status = GAM_OK;
    for (uint64_t at = 12; at < size && status == GAM_OK;) {
        uint64_t whole = size - at < 8 ? UINT64_MAX
                                       : 8 + (uint64_t)webp_u32(file + at + 4) +
                                             (webp_u32(file + at + 4) & 1);
        if (whole > size - at) {
            status = gam_fail(message, GAM_BAD_INPUT, "the chunk at byte %llu is cut off",
                              (unsigned long long)at);
        } else {
            if (!is_picture(file + at)) {
                memcpy(kept + length, file + at, whole);
                length += whole;
            }
            at += whole;
        }
    }
    if (status == GAM_OK && length > 0)
        status = gam_keep(host, "webp.chunks", kept, length, message);
    free(kept);
    return status;
}
