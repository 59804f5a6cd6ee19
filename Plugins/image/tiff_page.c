/*
 * tiff_page.c - what one TIFF page holds, and whether it can be kept exactly.
 *
 * What always holds after tiff_read_page: the compression loses nothing, the sample type has a
 * canonical form, and the sides are not zero.
 */
#include "tiff_page.h"

static int is_lossless(uint16_t compression) {
    switch (compression) {
        case COMPRESSION_NONE: case COMPRESSION_CCITTRLE: case COMPRESSION_CCITTFAX3:
        case COMPRESSION_CCITTFAX4: case COMPRESSION_CCITTRLEW: case COMPRESSION_LZW:
        case COMPRESSION_ADOBE_DEFLATE: case COMPRESSION_DEFLATE: case COMPRESSION_PACKBITS:
        case COMPRESSION_LZMA: case COMPRESSION_ZSTD:
            return 1;
        default: return 0;
    }
}

static gam_status check_compression(const tiff_page *page, gam_message *message) {
    if (!is_lossless(page->compression)) {
        const TIFFCodec *codec = TIFFFindCODEC(page->compression);
        return gam_fail(message, GAM_UNSUPPORTED,
                        "the TIFF is compressed with %s (%u), which may lose samples; convert it "
                        "to LZW, deflate or none first",
                        codec != NULL ? codec->name : "an unknown codec", page->compression);
    }
    if (!TIFFIsCODECConfigured(page->compression)) {
        return gam_fail(message, GAM_UNSUPPORTED, "this libtiff cannot read compression %u; "
                        "convert the TIFF to deflate", page->compression);
    }
    return GAM_OK;
}

static gam_status check_samples(const tiff_page *page, gam_message *message) {
    int is_float = page->format == SAMPLEFORMAT_IEEEFP;
    int is_integer = page->format == SAMPLEFORMAT_UINT || page->format == SAMPLEFORMAT_INT ||
                     page->format == SAMPLEFORMAT_VOID;
    int known = 0;
    switch (page->bits) {
        case 16: case 32: known = is_float || is_integer; break;
        case 1: case 2: case 4: case 8: case 10: case 12: case 14: known = is_integer; break;
        default: break;
    }
    if (!known) {
        return gam_fail(message, GAM_UNSUPPORTED,
                        "TIFF samples of %u bits in sample format %u are not kept; convert to 8, "
                        "16 or 32 bit integers or 16 or 32 bit floats", page->bits, page->format);
    }
    if (page->samples < 1 || page->samples > GAM_CHANNELS_MAX) {
        return gam_fail(message, GAM_UNSUPPORTED, "%u samples per pixel; 1 to %d are kept",
                        page->samples, GAM_CHANNELS_MAX);
    }
    return GAM_OK;
}

gam_status tiff_read_page(TIFF *tiff, tiff_page *page, gam_message *message) {
    memset(page, 0, sizeof *page);
    uint16_t sub[2] = {1, 1};
    if (!TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &page->width) ||
        !TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &page->height) || page->width == 0 ||
        page->height == 0)
        return gam_fail(message, GAM_BAD_INPUT, "a TIFF page has no size");
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &page->samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &page->bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &page->format);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &page->compression);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &page->planar);
    if (!TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &page->photometric))
        page->photometric = PHOTOMETRIC_MINISBLACK;
    gam_status status = check_compression(page, message);
    if (status == GAM_OK) status = check_samples(page, message);
    if (status != GAM_OK) return status;
    if (page->photometric == PHOTOMETRIC_YCBCR) {
        TIFFGetFieldDefaulted(tiff, TIFFTAG_YCBCRSUBSAMPLING, &sub[0], &sub[1]);
        if (sub[0] != 1 || sub[1] != 1)
            return gam_fail(message, GAM_UNSUPPORTED, "YCbCr with subsampled color is not kept; "
                            "convert the TIFF to RGB");
    }
    return GAM_OK;
}

int tiff_same_shape(const tiff_page *a, const tiff_page *b) {
    return a->width == b->width && a->height == b->height && a->samples == b->samples &&
           a->bits == b->bits && a->format == b->format && a->photometric == b->photometric;
}

static void describe_channels(gam_description *description, const tiff_page *page) {
    uint32_t color = page->photometric == PHOTOMETRIC_RGB ? 3 : 1;
    int natural = page->photometric == PHOTOMETRIC_RGB ||
                  page->photometric == PHOTOMETRIC_MINISBLACK ||
                  page->photometric == PHOTOMETRIC_MINISWHITE;
    image_set_channels(description, page->samples);
    if (page->photometric == PHOTOMETRIC_PALETTE && page->samples == 1)
        description->channels[0] = GAM_CHANNEL_PALETTE_INDEX;
    else if (!natural || page->samples < color || page->samples > color + 1)
        memset(description->channels, GAM_CHANNEL_OTHER, sizeof description->channels);
}

void tiff_describe(gam_description *description, const tiff_page *page, uint64_t pages) {
    gam_describe_as(description, "image", "image/tiff", GAM_EXACT_SAMPLES);
    image_set_plane(description, page->height, page->width);
    if (pages > 1) {
        memmove(&description->axes[1], &description->axes[0], 2 * sizeof description->axes[0]);
        gam_set_axis(&description->axes[0], pages, GAM_AXIS_SPACE, 1, "");
        description->axis_count = 3;
    }
    describe_channels(description, page);
    description->bits = page->bits;
    description->family = page->format == SAMPLEFORMAT_IEEEFP ? GAM_FLOAT
                          : page->format == SAMPLEFORMAT_INT  ? GAM_SIGNED
                                                              : GAM_UNSIGNED;
}
