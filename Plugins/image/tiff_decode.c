/*
 * tiff_decode.c - TIFF to canonical samples with libtiff.
 *
 * What always holds: all pages were visited, and found equal in shape, before the first row is
 * given; strips of interleaved samples are read line by line, tiles and separate planes one band
 * (a row of tiles, a strip of each plane) at a time, whose size was checked against the memory
 * limit.
 */
#include <stdlib.h>

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

static gam_status keep_tags(tiff_decoder *decoder, uint64_t index, unsigned char **first,
                            size_t *first_length, gam_message *message) {
    unsigned char *blob = NULL;
    size_t length = 0;
    gam_status status = tiff_read_tags(decoder->tiff, &decoder->file, &blob, &length, message);
    if (status != GAM_OK) return status;
    int same = index > 0 && length == *first_length && memcmp(blob, *first, length) == 0;
    if (!same) {
        char key[40];
        snprintf(key, sizeof key, "tiff.tags.%llu", (unsigned long long)index);
        status = gam_keep(decoder->base.host, key, blob, length, message);
    }
    if (index == 0) {
        *first = blob;
        *first_length = length;
    } else {
        free(blob);
    }
    return status;
}

/* Visits pages first_page, first_page + 1 ... `only_one` stops after it. */
static gam_status visit_pages(tiff_decoder *decoder, int only_one, gam_message *message) {
    unsigned char *first = NULL;
    size_t first_length = 0;
    gam_status status = GAM_OK;
    do {
        tiff_page page;
        status = tiff_read_page(decoder->tiff, &page, message);
        if (status != GAM_OK) break;
        if (decoder->pages == 0) decoder->page = page;
        if (!tiff_same_shape(&page, &decoder->page)) {
            status = gam_fail(message, GAM_UNSUPPORTED,
                              "page %llu differs in shape or sample type from the first; store the "
                              "pages one by one with the option page=N",
                              (unsigned long long)decoder->pages);
            break;
        }
        status = keep_tags(decoder, decoder->pages, &first, &first_length, message);
        decoder->pages++;
    } while (status == GAM_OK && !only_one && TIFFReadDirectory(decoder->tiff));
    free(first);
    if (status == GAM_OK && decoder->file.error[0] != '\0')
        status = tiff_failed(&decoder->file, "the TIFF is damaged", message);
    return status;
}

static gam_status choose_page(tiff_decoder *decoder, int *only_one, gam_message *message) {
    gam_text text = gam_option(decoder->base.host, "page");
    *only_one = text.length > 0;
    if (text.length == 0) return GAM_OK;
    uint32_t page = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9' || text.length > 5)
            return gam_fail(message, GAM_USAGE, "the option page must be a number from 0 to 65534");
        page = page * 10 + (uint32_t)(text.bytes[i] - '0');
    }
    if (page > 65534 || !TIFFSetDirectory(decoder->tiff, (tdir_t)page))
        return gam_fail(message, GAM_USAGE, "the TIFF has no page %u", page);
    decoder->first_page = page;
    return GAM_OK;
}

/* Chooses lines or bands, and takes the memory. */
static gam_status prepare_blocks(tiff_decoder *decoder, gam_message *message) {
    const tiff_page *page = &decoder->page;
    TIFF *tiff = decoder->tiff;
    int tiled = TIFFIsTiled(tiff), separate = page->planar == PLANARCONFIG_SEPARATE &&
                                              page->samples > 1;
    uint32_t rows = 1, columns = page->width;
    if (tiled) {
        TIFFGetField(tiff, TIFFTAG_TILELENGTH, &rows);
        TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &columns);
    } else if (separate) {
        TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &rows);
        if (rows > page->height) rows = page->height;
    }
    uint64_t line_samples = (uint64_t)columns * (separate ? 1 : page->samples);
    uint64_t line_bytes = tiff_packed_bytes(line_samples, page->bits), band = 0;
    uint64_t declared = tiled ? TIFFTileRowSize64(tiff) : TIFFScanlineSize64(tiff);
    if (rows == 0 || columns == 0 || declared != line_bytes)
        return gam_fail(message, GAM_UNSUPPORTED, "the strips or tiles of the TIFF have an unusual "
                        "layout; convert it");
    if (!gam_multiply(line_bytes, rows, &decoder->packed_bytes) ||
        !gam_multiply(gam_row_bytes(&decoder->base.description), rows, &band))
        return gam_fail(message, GAM_LIMIT, "the tiles of the TIFF are too large");
    if (!tiled && !separate) band = 0;
    gam_status status = GAM_LIMIT;
    if (band < UINT64_MAX / 4 && decoder->packed_bytes < UINT64_MAX / 4)
        status = GAM_OK;
    if (status == GAM_OK)
        status = gam_check_memory(decoder->base.host, band + decoder->packed_bytes +
                                  line_samples * 4, "a band of tiles or strips", message);
    if (status != GAM_OK) return status;
    decoder->packed = malloc(decoder->packed_bytes);
    decoder->line = malloc(line_samples * 4);
    decoder->band = band > 0 ? malloc(band) : NULL;
    decoder->band_rows = rows;
    if (decoder->packed == NULL || decoder->line == NULL || (band > 0 && decoder->band == NULL))
        return gam_fail(message, GAM_NO_MEMORY, "no memory for a band of the TIFF");
    return GAM_OK;
}

static void free_blocks(tiff_decoder *decoder) {
    free(decoder->packed);
    free(decoder->line);
    free(decoder->band);
    decoder->packed = decoder->line = decoder->band = NULL;
    decoder->band_filled = 0;
}

/* Makes the page of the next row the current directory; its blocks may differ from the last. */
static gam_status load_page(tiff_decoder *decoder, gam_message *message) {
    if (decoder->page_is_loaded) return GAM_OK;
    tiff_page page;
    if (!TIFFReadDirectory(decoder->tiff)) return tiff_failed(&decoder->file, "the TIFF is damaged", message);
    gam_status status = tiff_read_page(decoder->tiff, &page, message);
    if (status != GAM_OK) return status;
    if (!tiff_same_shape(&page, &decoder->page))
        return gam_fail(message, GAM_BAD_INPUT, "the TIFF changed while it was read");
    decoder->page = page;
    decoder->page_is_loaded = 1;
    free_blocks(decoder);
    return prepare_blocks(decoder, message);
}

/* Spreads one packed block over the band: columns from `x`, channel `plane` or all (-1). */
static void place_block(tiff_decoder *decoder, uint32_t x, uint32_t columns, uint32_t rows,
                        int plane) {
    const tiff_page *page = &decoder->page;
    uint32_t size = gam_container_bytes(page->bits), samples = page->samples;
    uint64_t line_samples = (uint64_t)columns * (plane < 0 ? samples : 1);
    uint64_t line_bytes = tiff_packed_bytes(line_samples, page->bits);
    uint64_t row_bytes = gam_row_bytes(&decoder->base.description);
    uint32_t used = page->width - x < columns ? page->width - x : columns;
    for (uint32_t row = 0; row < rows; row++) {
        unsigned char *target = decoder->band + row * row_bytes + (uint64_t)x * samples * size;
        tiff_unpack(decoder->packed + row * line_bytes, line_samples, page, decoder->line);
        if (plane < 0) {
            memcpy(target, decoder->line, (uint64_t)used * samples * size);
            continue;
        }
        for (uint32_t i = 0; i < used; i++)
            memcpy(target + ((uint64_t)i * samples + (uint32_t)plane) * size,
                   decoder->line + (uint64_t)i * size, size);
    }
}

/* Reads the band that holds the current row. */
static gam_status load_band(tiff_decoder *decoder, gam_message *message) {
    const tiff_page *page = &decoder->page;
    TIFF *tiff = decoder->tiff;
    int tiled = TIFFIsTiled(tiff);
    int planes = page->planar == PLANARCONFIG_SEPARATE && page->samples > 1 ? page->samples : 0;
    uint32_t columns = page->width;
    if (tiled) TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &columns);
    decoder->band_start = decoder->row - decoder->row % decoder->band_rows;
    uint32_t left = page->height - decoder->band_start;
    decoder->band_filled = left < decoder->band_rows ? left : decoder->band_rows;
    uint64_t line_bytes = decoder->packed_bytes / decoder->band_rows;
    uint64_t wanted = tiled ? decoder->packed_bytes : line_bytes * decoder->band_filled;
    for (int plane = 0; plane < (planes ? planes : 1); plane++) {
        for (uint64_t x = 0; x < page->width; x += columns) {
            tmsize_t got =
                tiled ? TIFFReadEncodedTile(tiff,
                                            TIFFComputeTile(tiff, (uint32_t)x, decoder->band_start,
                                                            0, (uint16_t)plane),
                                            decoder->packed, (tmsize_t)wanted)
                      : TIFFReadEncodedStrip(
                            tiff, TIFFComputeStrip(tiff, decoder->band_start, (uint16_t)plane),
                            decoder->packed, (tmsize_t)wanted);
            if (got < 0 || (uint64_t)got != wanted)
                return tiff_failed(&decoder->file, "the TIFF is damaged or cut off", message);
            place_block(decoder, (uint32_t)x, columns, decoder->band_filled, planes ? plane : -1);
        }
    }
    return GAM_OK;
}

static gam_status read_row(tiff_decoder *decoder, unsigned char *row, gam_message *message) {
    uint64_t row_bytes = decoder->base.row_bytes;
    if (decoder->band == NULL) {
        if (TIFFReadScanline(decoder->tiff, decoder->packed, decoder->row, 0) != 1)
            return tiff_failed(&decoder->file, "the TIFF is damaged or cut off", message);
        tiff_unpack(decoder->packed, (uint64_t)decoder->page.width * decoder->page.samples,
                    &decoder->page, row);
        return GAM_OK;
    }
    if (decoder->row - decoder->band_start >= decoder->band_filled) {
        gam_status status = load_band(decoder, message);
        if (status != GAM_OK) return status;
    }
    memcpy(row, decoder->band + (decoder->row - decoder->band_start) * row_bytes, row_bytes);
    return GAM_OK;
}

static gam_status tiff_read_rows(gam_decoder *base, unsigned char *buffer, uint64_t rows_max,
                                 uint64_t *rows, gam_message *message) {
    tiff_decoder *decoder = (tiff_decoder *)base;
    for (*rows = 0; *rows < rows_max; ++*rows, buffer += base->row_bytes) {
        gam_status status = load_page(decoder, message);
        if (status == GAM_OK) status = read_row(decoder, buffer, message);
        if (status != GAM_OK) return status;
        if (++decoder->row == decoder->page.height) {
            decoder->row = decoder->band_start = decoder->band_filled = 0;
            decoder->page_is_loaded = 0;
        }
    }
    return GAM_OK;
}

static void tiff_close_decode(gam_decoder *base) {
    tiff_decoder *decoder = (tiff_decoder *)base;
    if (decoder->tiff != NULL) TIFFClose(decoder->tiff);
    free_blocks(decoder);
}

static gam_status open_pages(tiff_decoder *decoder, gam_message *message) {
    int only_one = 0;
    decoder->tiff = tiff_open(&decoder->file, "rm");
    if (decoder->tiff == NULL) return tiff_failed(&decoder->file, "the TIFF is damaged", message);
    gam_status status = choose_page(decoder, &only_one, message);
    if (status == GAM_OK) status = gam_keep(decoder->base.host, "format", "tiff", 4, message);
    if (status == GAM_OK) status = visit_pages(decoder, only_one, message);
    if (status != GAM_OK) return status;
    unsigned char big = (unsigned char)TIFFIsBigTIFF(decoder->tiff);
    status = gam_keep(decoder->base.host, "tiff.big", &big, 1, message);
    tiff_describe(&decoder->base.description, &decoder->page, decoder->pages);
    if (status == GAM_OK)
        status = gam_check_samples(decoder->base.host, &decoder->base.description, message);
    if (status != GAM_OK) return status;
    if (!TIFFSetDirectory(decoder->tiff, (tdir_t)decoder->first_page))
        return tiff_failed(&decoder->file, "the TIFF is damaged", message);
    status = tiff_read_page(decoder->tiff, &decoder->page, message);
    decoder->page_is_loaded = 1;
    return status == GAM_OK ? prepare_blocks(decoder, message) : status;
}

gam_status tiff_open_decode(const gam_host *host, const gam_input *input, gam_decoder **result,
                            gam_message *message) {
    tiff_decoder *decoder = (tiff_decoder *)image_new_decoder(sizeof *decoder, host, input);
    if (decoder == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for a decoder");
    decoder->base.read_rows = tiff_read_rows;
    decoder->base.close = tiff_close_decode;
    decoder->file.host = host;
    decoder->file.input = input;
    gam_status status = open_pages(decoder, message);
    if (status != GAM_OK) {
        tiff_close_decode(&decoder->base);
        free(decoder);
        return status;
    }
    decoder->base.row_bytes = gam_row_bytes(&decoder->base.description);
    decoder->base.rows_left = gam_row_count(&decoder->base.description);
    *result = &decoder->base;
    return GAM_OK;
}
