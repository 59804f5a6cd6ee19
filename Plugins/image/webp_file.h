/*
 * webp_file.h - the RIFF container of a WebP file.
 *
 * What always holds: what is kept is a sequence of whole chunks, none of which is the picture, its
 * alpha plane or the header that says which chunks there are.
 */
#ifndef GAM_WEBP_FILE_H
#define GAM_WEBP_FILE_H

#include "image_codec.h"

/* The bytes that the RIFF header announces, after checking that the file has no others. */
gam_status webp_file_size(const gam_input *input, uint64_t *size, gam_message *message);
/* Keeps the chunks beside the picture as "webp.chunks". */
gam_status webp_keep_chunks(const gam_host *host, const unsigned char *file, uint64_t size,
                            gam_message *message);

static inline uint32_t webp_u32(const unsigned char *b) {
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

#endif
