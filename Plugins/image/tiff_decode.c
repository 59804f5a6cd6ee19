/*
 * tiff_decode.c - TIFF to canonical samples with libtiff.
 *
 * What always holds: all pages were visited, and found equal in shape, before the first row is
 * given; the directory libtiff has open is that of the page the next row belongs to, or the one
 * before it.
 */
#include <stdlib.h>

#include "tiff_decoder.h"

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

/* Makes the page of the next row the current directory; its blocks may differ from the last. */
static gam_status load_page(tiff_decoder *decoder, gam_message *message) {
    if (decoder->page_is_loaded) return GAM_OK;
    tiff_page page;
    if (!TIFFReadDirectory(decoder->tiff))
        return tiff_failed(&decoder->file, "the TIFF is damaged", message);
    gam_status status = tiff_read_page(decoder->tiff, &page, message);
    if (status != GAM_OK) return status;
    if (!tiff_same_shape(&page, &decoder->page))
        return gam_fail(message, GAM_BAD_INPUT, "the TIFF changed while it was read");
    decoder->page = page;
    decoder->page_is_loaded = 1;
    tiff_free_blocks(decoder);
    return tiff_prepare_blocks(decoder, message);
}

static gam_status tiff_read_rows(gam_decoder *base, unsigned char *buffer, uint64_t rows_max,
                                 uint64_t *rows, gam_message *message) {
    tiff_decoder *decoder = (tiff_decoder *)base;
    for (*rows = 0; *rows < rows_max; ++*rows, buffer += base->row_bytes) {
        gam_status status = load_page(decoder, message);
        if (status == GAM_OK) status = tiff_read_row(decoder, buffer, message);
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
    tiff_free_blocks(decoder);
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
    return status == GAM_OK ? tiff_prepare_blocks(decoder, message) : status;
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
