/*
 * tiff_blocks.c - rows of the current TIFF page from its strips or tiles.
 *
 * What always holds: strips of interleaved samples are read line by line, tiles and separate
 * planes one band (a row of tiles, a strip of each plane) at a time; what either needs was checked
 * against the memory limit.
 */
#include <stdlib.h>

#include "tiff_decoder.h"

static int has_planes(const tiff_page *page) {
    return page->planar == PLANARCONFIG_SEPARATE && page->samples > 1;
}

/* Sides of what is read at once: a tile, a strip of one plane, or one line. */
static void block_sides(const tiff_decoder *decoder, uint32_t *rows, uint32_t *columns) {
    const tiff_page *page = &decoder->page;
    *rows = 1;
    *columns = page->width;
    if (TIFFIsTiled(decoder->tiff)) {
        TIFFGetField(decoder->tiff, TIFFTAG_TILELENGTH, rows);
        TIFFGetField(decoder->tiff, TIFFTAG_TILEWIDTH, columns);
    } else if (has_planes(page)) {
        TIFFGetFieldDefaulted(decoder->tiff, TIFFTAG_ROWSPERSTRIP, rows);
        if (*rows > page->height) *rows = page->height;
    }
}

/*
 * zlib, not libdeflate, which libtiff takes where it can: libtiff takes a block whose stream holds
 * more than it should for a good one, and libdeflate leaves the end of such a block unwritten:
 * samples would be what lay in memory. zlib fills it and stops (237 instead of 397 MB/s, 4 % of a
 * put).
 */
static void choose_inflater(const tiff_decoder *decoder) {
    uint16_t compression = decoder->page.compression;
    if (compression == COMPRESSION_ADOBE_DEFLATE || compression == COMPRESSION_DEFLATE)
        TIFFSetField(decoder->tiff, TIFFTAG_DEFLATE_SUBCODEC, DEFLATE_SUBCODEC_ZLIB);
}

gam_status tiff_prepare_blocks(tiff_decoder *decoder, gam_message *message) {
    const tiff_page *page = &decoder->page;
    int tiled = TIFFIsTiled(decoder->tiff), in_bands = tiled || has_planes(page);
    uint32_t rows, columns;
    choose_inflater(decoder);
    block_sides(decoder, &rows, &columns);
    uint64_t samples = (uint64_t)columns * (has_planes(page) ? 1 : page->samples);
    uint64_t line_bytes = tiff_packed_bytes(samples, page->bits), band = 0, needed = 0;
    uint64_t declared =
        tiled ? TIFFTileRowSize64(decoder->tiff) : TIFFScanlineSize64(decoder->tiff);
    if (rows == 0 || columns == 0 || declared != line_bytes) {
        return gam_fail(message, GAM_UNSUPPORTED,
                        "the strips or tiles of the TIFF have an unusual layout; convert it");
    }
    if (!gam_multiply(line_bytes, rows, &decoder->packed_bytes) ||
        !gam_multiply(gam_row_bytes(&decoder->base.description), in_bands ? rows : 0, &band) ||
        __builtin_add_overflow(band, decoder->packed_bytes, &needed) ||
        __builtin_add_overflow(needed, samples * 4, &needed))
        return gam_fail(message, GAM_LIMIT, "the tiles of the TIFF are too large");
    gam_status status =
        gam_check_memory(decoder->base.host, needed, "a band of tiles or strips", message);
    if (status != GAM_OK) return status;
    decoder->packed = malloc(decoder->packed_bytes);
    decoder->line = malloc(samples * 4);
    decoder->band = in_bands ? malloc(band) : NULL;
    decoder->band_rows = rows;
    if (decoder->packed == NULL || decoder->line == NULL || (in_bands && decoder->band == NULL))
        return gam_fail(message, GAM_NO_MEMORY, "no memory for a band of the TIFF");
    return GAM_OK;
}

void tiff_free_blocks(tiff_decoder *decoder) {
    free(decoder->packed);
    free(decoder->line);
    free(decoder->band);
    decoder->packed = decoder->line = decoder->band = NULL;
    decoder->band_filled = 0;
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
    int planes = has_planes(page) ? page->samples : 0;
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

gam_status tiff_read_row(tiff_decoder *decoder, unsigned char *row, gam_message *message) {
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
