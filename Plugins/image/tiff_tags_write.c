/*
 * tiff_tags_write.c - sets the kept tags of a TIFF page again.
 *
 * What always holds: a blob is checked entry by entry before use; a tag that libtiff refuses is
 * reported and passed over, so that it cannot keep the samples from coming back.
 */
#include <stdlib.h>

#include "tiff_tags.h"

/* Declares a tag that this libtiff does not know, in the form it was read. */
static void declare(TIFF *tiff, uint32_t tag, int form, int type) {
    if (form != FORM_ARRAY32 || TIFFFindField(tiff, tag, TIFF_ANY) != NULL) return;
    char name[] = "kept";
    TIFFFieldInfo info = {tag, TIFF_VARIABLE2, TIFF_VARIABLE2, (TIFFDataType)type, FIELD_CUSTOM,
                          1,   1,              name};
    TIFFMergeFieldInfo(tiff, &info, 1);
}

static int set_array(TIFF *tiff, uint32_t tag, int form, int type, const void *value,
                     uint32_t length) {
    const TIFFField *field = TIFFFindField(tiff, tag, TIFF_ANY);
    size_t size = tiff_element_bytes((TIFFDataType)type);
    if (type == TIFF_RATIONAL || type == TIFF_SRATIONAL)
        size = field != NULL ? (size_t)TIFFFieldSetGetSize(field) : 0;
    if (tag == TIFFTAG_EXTRASAMPLES) return TIFFSetField(tiff, tag, (uint16_t)(length / 2), value);
    int passes_count = field != NULL && TIFFFieldPassCount(field);
    if (size == 0 || !passes_count) return 0;
    if (form == FORM_ARRAY32 && TIFFFieldWriteCount(field) == TIFF_VARIABLE2)
        return TIFFSetField(tiff, tag, (uint32_t)(length / size), value);
    if (form == FORM_ARRAY16 && TIFFFieldWriteCount(field) == TIFF_VARIABLE)
        return TIFFSetField(tiff, tag, (int)(uint16_t)(length / size), value);
    return 0;
}

static int set_color_map(TIFF *tiff, const unsigned char *value, uint32_t length) {
    uint16_t bits = 0;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &bits);
    if (bits > 16 || length != 3 * ((uint32_t)2 << bits)) return 0;
    size_t plane = length / 3;
    return TIFFSetField(tiff, TIFFTAG_COLORMAP, value, value + plane, value + 2 * plane);
}

/* Sets one entry whose value was copied to aligned memory; 1 on success. */
static int set_field(TIFF *tiff, uint32_t tag, int form, int type, const unsigned char *value,
                     uint32_t length) {
    uint16_t pair[2];
    uint32_t u32;
    float real;
    double wide;
    declare(tiff, tag, form, type);
    switch (form) {
        case FORM_U8: return length == 1 && TIFFSetField(tiff, tag, (int)value[0]);
        case FORM_U16:
            if (length != 2) return 0;
            memcpy(pair, value, 2);
            return TIFFSetField(tiff, tag, (int)pair[0]);
        case FORM_U32:
            if (length != 4) return 0;
            memcpy(&u32, value, 4);
            return TIFFSetField(tiff, tag, u32);
        case FORM_FLOAT:
            if (length != 4) return 0;
            memcpy(&real, value, 4);
            return TIFFSetField(tiff, tag, (double)real);
        case FORM_DOUBLE:
            if (length != 8) return 0;
            memcpy(&wide, value, 8);
            return TIFFSetField(tiff, tag, wide);
        case FORM_U16_PAIR:
            if (length != 4) return 0;
            memcpy(pair, value, 4);
            return TIFFSetField(tiff, tag, (int)pair[0], (int)pair[1]);
        case FORM_TEXT:
            return length > 0 && value[length - 1] == '\0' && TIFFSetField(tiff, tag, value);
        case FORM_COLOR_MAP: return set_color_map(tiff, value, length);
        case FORM_ARRAY32: case FORM_ARRAY16:
            return set_array(tiff, tag, form, type, value, length);
        default: return 0;
    }
}

static void warn_about(const tiff_file *file, uint32_t tag) {
    char text[400];
    snprintf(text, sizeof text, "TIFF tag %u cannot be written back: %s", tag, file->error);
    file->host->log(file->host->context, GAM_LOG_WARNING, gam_string(text));
}

gam_status tiff_write_tags(TIFF *tiff, tiff_file *file, const unsigned char *blob, size_t length,
                           gam_message *message) {
    while (length > 0) {
        if (length < TIFF_ENTRY_HEAD) return gam_fail(message, GAM_USAGE, "damaged TIFF metadata");
        uint32_t tag = blob[0] | (uint32_t)blob[1] << 8;
        uint32_t bytes = blob[4] | (uint32_t)blob[5] << 8 | (uint32_t)blob[6] << 16 |
                         (uint32_t)blob[7] << 24;
        if (bytes > length - TIFF_ENTRY_HEAD)
            return gam_fail(message, GAM_USAGE, "damaged TIFF metadata");
        unsigned char *value = malloc(bytes > 0 ? bytes : 1);
        if (value == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for a tag");
        memcpy(value, blob + TIFF_ENTRY_HEAD, bytes);
        file->error[0] = '\0';
        int set = set_field(tiff, tag, blob[2], blob[3], value, bytes);
        free(value);
        if (!set) warn_about(file, tag);
        file->error[0] = '\0';
        blob += TIFF_ENTRY_HEAD + bytes;
        length -= TIFF_ENTRY_HEAD + bytes;
    }
    return GAM_OK;
}
