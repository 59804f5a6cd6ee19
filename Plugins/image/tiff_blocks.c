/*
 * tiff_blocks.c - rows of the current TIFF page from its strips or tiles.
 *
 * What always holds: strips of interleaved samples are read line by line, tiles and separate
 * planes one band (a row of tiles, a strip of each plane) at a time; what either needs was checked
 * against the memory limit.
 */
#include <stdlib.h>

#include "tiff_decoder.h"

gam_status tiff_prepare_blocks(tiff_decoder *decoder, gam_message *message) {
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
