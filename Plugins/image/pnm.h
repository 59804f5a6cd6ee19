/*
 * pnm.h - what the PNM decoder and encoder share: the header.
 *
 * What always holds: a header is at most PNM_HEADER_MAX bytes and is kept as it was, so that the
 * file comes back with its comments and spacing.
 */
#ifndef GAM_IMAGE_PNM_H
#define GAM_IMAGE_PNM_H

#include "image_codec.h"

enum { PNM_HEADER_MAX = 64 * 1024 };

typedef struct pnm_header {
    int variant; /* 1 ... 7 as in "P1" ... "P7" */
    int64_t width, height, depth, maxval;
    char tuple_type[48];
    size_t filled; /* bytes of the file in `bytes` */
    size_t length; /* bytes of the header */
    unsigned char bytes[PNM_HEADER_MAX];
} pnm_header;

gam_status pnm_read_header(const gam_input *input, pnm_header *header, gam_message *message);
/* Parses header->bytes[0 ..< header->filled]. */
gam_status pnm_parse_header(pnm_header *header, gam_message *message);
/* Bits that hold 0 ... maxval. */
uint32_t pnm_bits(int64_t maxval);
/* Bytes of one row in the binary variants. */
uint64_t pnm_raw_row_bytes(const pnm_header *header);

static inline int pnm_is_plain(const pnm_header *header) { return header->variant <= 3; }
static inline int pnm_is_bitmap(const pnm_header *header) {
    return header->variant == 1 || header->variant == 4;
}

#endif
