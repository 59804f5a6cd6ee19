/*
 * png_chunks.h - the chunk frame of a PNG file (PNG specification, section 5).
 *
 * What always holds after png_scan: the file is whole up to and including IEND; IDAT chunks are
 * one contiguous range; the CRC of every chunk but IDAT was checked (libspng checks IDAT); the
 * kept chunks are complete chunks (length, type, data, CRC) in the order of the file.
 */
#ifndef GAM_PNG_CHUNKS_H
#define GAM_PNG_CHUNKS_H

#include "image_codec.h"

typedef struct png_bytes {
    unsigned char *bytes;
    size_t length, capacity;
} png_bytes;

typedef struct png_range {
    uint64_t offset, length;
} png_range;

typedef struct png_layout {
    unsigned char header[13];  /* data of IHDR */
    png_bytes before, after;   /* chunks before IDAT (with PLTE) and after it */
    png_range critical[4];     /* signature + IHDR, PLTE (may be empty), IDATs, IEND */
    png_range trailer;         /* bytes behind IEND */
} png_layout;

gam_status png_scan(const gam_host *host, const gam_input *input, png_layout *layout,
                    gam_message *message);
void png_layout_free(png_layout *layout);
/* Appends; 0 when memory is short. */
int png_append(png_bytes *target, const void *bytes, size_t length);
/* Whether `bytes` is a sequence of complete chunks none of which is IHDR, IDAT or IEND. */
int png_chunks_valid(const unsigned char *bytes, size_t length);
/* Channels of a PNG color type, 0 when there is no such type. */
uint32_t png_channel_count(unsigned color_type);

static inline uint32_t png_u32(const unsigned char *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

#endif
