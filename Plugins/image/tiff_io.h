/*
 * tiff_io.h - libtiff on host callbacks, and what decoder and encoder share of a page.
 *
 * What always holds: libtiff reaches files only through tiff_file; its errors end in the text of
 * the tiff_file, never on standard error; one allocation of libtiff never exceeds the memory
 * limit.
 */
#ifndef GAM_TIFF_IO_H
#define GAM_TIFF_IO_H

#include <tiffio.h>

#include "image_codec.h"

typedef struct tiff_file {
    const gam_host *host;
    const gam_input *input;   /* set when reading */
    const gam_output *output; /* set when writing */
    uint64_t position, size;
    int io_failed;
    char error[320]; /* the first error libtiff reported, "" when none */
} tiff_file;

/* What must be equal on all pages of one signal. */
typedef struct tiff_page {
    uint32_t width, height;
    uint16_t samples, bits, format; /* per pixel; bits per sample; SAMPLEFORMAT_... */
    uint16_t photometric, planar, compression;
} tiff_page;

/* Opens for "r" or a writing mode of libtiff; NULL with file->error set. */
TIFF *tiff_open(tiff_file *file, const char *mode);
/* Fails with libtiff's first error, or `text` when it gave none. */
gam_status tiff_failed(const tiff_file *file, const char *text, gam_message *message);
/* Bytes of `samples` packed samples of `bits` each. */
uint64_t tiff_packed_bytes(uint64_t samples, uint32_t bits);
/* Whether 8, 16 and 32 bit samples need nothing but a copy (little-endian machine) is decided
 * here: packed row of libtiff <-> canonical row. */
void tiff_unpack(const unsigned char *packed, uint64_t samples, const tiff_page *page,
                 unsigned char *canonical);
void tiff_pack(const unsigned char *canonical, uint64_t samples, const tiff_page *page,
               unsigned char *packed);

/* Tags that are kept, as one blob; see tiff_tags.h for its layout. `*blob` is malloc'ed. */
gam_status tiff_read_tags(TIFF *tiff, tiff_file *file, unsigned char **blob, size_t *length,
                          gam_message *message);
/* Sets the tags of a blob on the page being written. */
gam_status tiff_write_tags(TIFF *tiff, tiff_file *file, const unsigned char *blob, size_t length,
                           gam_message *message);

#endif
