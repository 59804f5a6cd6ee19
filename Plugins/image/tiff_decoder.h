/*
 * tiff_decoder.h - a TIFF being decoded, shared by tiff_decode.c (pages) and tiff_blocks.c (rows).
 *
 * What always holds: `band` is NULL when rows are read line by line.
 */
#ifndef GAM_TIFF_DECODER_H
#define GAM_TIFF_DECODER_H

#include "tiff_page.h"

typedef struct tiff_decoder {
    gam_decoder base;
    tiff_file file;
    TIFF *tiff;
    tiff_page page;
    uint64_t pages;
    uint32_t first_page;
    uint32_t row;       /* of the current page */
    int page_is_loaded; /* the directory of the current page is the one libtiff has open */
    unsigned char *packed; /* one line, one tile, or one strip */
    uint64_t packed_bytes;
    unsigned char *line;   /* canonical samples of one line of a block */
    unsigned char *band;   /* canonical rows band_start ..< band_start + band_rows; NULL: lines */
    uint32_t band_rows, band_start, band_filled;
} tiff_decoder;

/* Chooses lines or bands for the current page, and takes the memory. */
gam_status tiff_prepare_blocks(tiff_decoder *decoder, gam_message *message);
void tiff_free_blocks(tiff_decoder *decoder);
/* The canonical samples of row decoder->row of the current page. */
gam_status tiff_read_row(tiff_decoder *decoder, unsigned char *row, gam_message *message);

#endif
