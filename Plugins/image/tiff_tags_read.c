/*
 * tiff_tags_read.c - keeps the tags of a TIFF page.
 *
 * What always holds: pointers into other parts of the file (EXIF, sub-IFDs, offsets) are never
 * kept, because they would point nowhere.
 */
#include <stdlib.h>

#include "tiff_tags.h"

/* Fields libtiff does not list as custom. The ones that follow from the samples (sides, bits,
 * planes, compression, strips) are not here. */
static const struct {
    uint16_t tag;
    uint8_t form;
} base_fields[] = {
    {TIFFTAG_SUBFILETYPE, FORM_U32},     {TIFFTAG_PHOTOMETRIC, FORM_U16},
    {TIFFTAG_THRESHHOLDING, FORM_U16},   {TIFFTAG_ORIENTATION, FORM_U16},
    {TIFFTAG_XRESOLUTION, FORM_FLOAT},   {TIFFTAG_YRESOLUTION, FORM_FLOAT},
    {TIFFTAG_RESOLUTIONUNIT, FORM_U16},  {TIFFTAG_XPOSITION, FORM_FLOAT},
    {TIFFTAG_YPOSITION, FORM_FLOAT},     {TIFFTAG_MINSAMPLEVALUE, FORM_U16},
    {TIFFTAG_MAXSAMPLEVALUE, FORM_U16},  {TIFFTAG_PAGENUMBER, FORM_U16_PAIR},
    {TIFFTAG_HALFTONEHINTS, FORM_U16_PAIR}, {TIFFTAG_EXTRASAMPLES, FORM_ARRAY16},
    {TIFFTAG_COLORMAP, FORM_COLOR_MAP},
};
enum { BASE_FIELD_COUNT = sizeof base_fields / sizeof base_fields[0] };

typedef struct tag_blob {
    unsigned char *bytes;
    size_t length, limit;
    gam_status status;
} tag_blob;

static void append(tag_blob *blob, uint32_t tag, int form, int type, const void *value,
                   size_t length) {
    if (blob->status != GAM_OK) return;
    if (length > blob->limit || blob->length + TIFF_ENTRY_HEAD + length > blob->limit) {
        blob->status = GAM_LIMIT;
        return;
    }
    unsigned char *grown = realloc(blob->bytes, blob->length + TIFF_ENTRY_HEAD + length);
    if (grown == NULL) {
        blob->status = GAM_NO_MEMORY;
        return;
    }
    blob->bytes = grown;
    unsigned char *entry = grown + blob->length;
    unsigned char head[TIFF_ENTRY_HEAD] = {
        (unsigned char)tag, (unsigned char)(tag >> 8), (unsigned char)form, (unsigned char)type,
        (unsigned char)length, (unsigned char)(length >> 8), (unsigned char)(length >> 16),
        (unsigned char)(length >> 24)};
    memcpy(entry, head, TIFF_ENTRY_HEAD);
    if (length > 0) memcpy(entry + TIFF_ENTRY_HEAD, value, length);
    blob->length += TIFF_ENTRY_HEAD + length;
}

static void read_color_map(TIFF *tiff, tag_blob *blob) {
    uint16_t *red, *green, *blue, bits = 0;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &bits);
    if (bits > 16 || !TIFFGetField(tiff, TIFFTAG_COLORMAP, &red, &green, &blue)) return;
    size_t plane = ((size_t)1 << bits) * 2;
    unsigned char *all = malloc(3 * plane);
    if (all == NULL) {
        blob->status = GAM_NO_MEMORY;
        return;
    }
    memcpy(all, red, plane);
    memcpy(all + plane, green, plane);
    memcpy(all + 2 * plane, blue, plane);
    append(blob, TIFFTAG_COLORMAP, FORM_COLOR_MAP, TIFF_SHORT, all, 3 * plane);
    free(all);
}

static void read_base_field(TIFF *tiff, tag_blob *blob, uint16_t tag, int form) {
    uint16_t pair[2] = {0, 0}, count = 0;
    uint32_t u32 = 0;
    float real = 0;
    void *pointer = NULL;
    switch (form) {
        case FORM_U16:
            if (TIFFGetField(tiff, tag, &pair[0])) append(blob, tag, form, TIFF_SHORT, pair, 2);
            break;
        case FORM_U32:
            if (TIFFGetField(tiff, tag, &u32)) append(blob, tag, form, TIFF_LONG, &u32, 4);
            break;
        case FORM_FLOAT:
            if (TIFFGetField(tiff, tag, &real)) append(blob, tag, form, TIFF_RATIONAL, &real, 4);
            break;
        case FORM_U16_PAIR:
            if (TIFFGetField(tiff, tag, &pair[0], &pair[1]))
                append(blob, tag, form, TIFF_SHORT, pair, 4);
            break;
        case FORM_ARRAY16:
            if (TIFFGetField(tiff, tag, &count, &pointer) && count > 0)
                append(blob, tag, form, TIFF_SHORT, pointer, (size_t)count * 2);
            break;
        default: read_color_map(tiff, blob);
    }
}

static void read_array(TIFF *tiff, tag_blob *blob, uint32_t tag, const TIFFField *field) {
    TIFFDataType type = TIFFFieldDataType(field);
    size_t size = tiff_element_bytes(type);
    if (type == TIFF_RATIONAL || type == TIFF_SRATIONAL)
        size = (size_t)TIFFFieldSetGetSize(field); /* libtiff gives rationals as float or double */
    void *pointer = NULL;
    if (size == 0) return;
    if (TIFFFieldReadCount(field) == TIFF_VARIABLE2) {
        uint32_t count = 0;
        if (TIFFGetField(tiff, tag, &count, &pointer) && pointer != NULL)
            append(blob, tag, FORM_ARRAY32, type, pointer, count * size);
    } else if (TIFFFieldReadCount(field) == TIFF_VARIABLE) {
        uint16_t count = 0;
        if (TIFFGetField(tiff, tag, &count, &pointer) && pointer != NULL)
            append(blob, tag, FORM_ARRAY16, type, pointer, count * size);
    }
}

static void read_scalar(TIFF *tiff, tag_blob *blob, uint32_t tag, const TIFFField *field) {
    TIFFDataType type = TIFFFieldDataType(field);
    int size = TIFFFieldSetGetSize(field);
    uint8_t u8 = 0;
    uint16_t u16 = 0;
    uint32_t u32 = 0;
    float real = 0;
    double wide = 0;
    int is_real = type == TIFF_RATIONAL || type == TIFF_SRATIONAL || type == TIFF_FLOAT ||
                  type == TIFF_DOUBLE;
    if (is_real && size == 8 && TIFFGetField(tiff, tag, &wide))
        append(blob, tag, FORM_DOUBLE, type, &wide, 8);
    else if (is_real && size == 4 && TIFFGetField(tiff, tag, &real))
        append(blob, tag, FORM_FLOAT, type, &real, 4);
    else if (!is_real && size == 1 && TIFFGetField(tiff, tag, &u8))
        append(blob, tag, FORM_U8, type, &u8, 1);
    else if (!is_real && size == 2 && TIFFGetField(tiff, tag, &u16))
        append(blob, tag, FORM_U16, type, &u16, 2);
    else if (!is_real && size == 4 && TIFFGetField(tiff, tag, &u32))
        append(blob, tag, FORM_U32, type, &u32, 4);
}

/* Pointers into the file, and facts of the old encoding. */
static int is_not_kept(uint32_t tag, TIFFDataType type) {
    return type == TIFF_IFD || type == TIFF_IFD8 || tag == TIFFTAG_EXIFIFD ||
           tag == TIFFTAG_GPSIFD || tag == TIFFTAG_SUBIFD || tag == TIFFTAG_PREDICTOR ||
           tag == TIFFTAG_JPEGTABLES || tag == TIFFTAG_GROUP3OPTIONS ||
           tag == TIFFTAG_GROUP4OPTIONS || tag == TIFFTAG_CLEANFAXDATA ||
           tag == TIFFTAG_BADFAXLINES || tag == TIFFTAG_CONSECUTIVEBADFAXLINES ||
           tag == TIFFTAG_FREEOFFSETS || tag == TIFFTAG_FREEBYTECOUNTS ||
           tag == TIFFTAG_INTEROPERABILITYIFD || tag == 512 /* old JPEG: tables by offset */ ||
           (tag > 512 && tag <= 521);
}

static void read_custom_field(TIFF *tiff, tag_blob *blob, uint32_t tag) {
    const TIFFField *field = TIFFFindField(tiff, tag, TIFF_ANY);
    if (field == NULL || is_not_kept(tag, TIFFFieldDataType(field))) return;
    char *text = NULL;
    if (TIFFFieldPassCount(field)) {
        read_array(tiff, blob, tag, field);
    } else if (TIFFFieldDataType(field) == TIFF_ASCII) {
        if (TIFFGetField(tiff, tag, &text) && text != NULL)
            append(blob, tag, FORM_TEXT, TIFF_ASCII, text, strlen(text) + 1);
    } else if (TIFFFieldReadCount(field) == 1) {
        read_scalar(tiff, blob, tag, field);
    }
}

gam_status tiff_read_tags(TIFF *tiff, tiff_file *file, unsigned char **bytes, size_t *length,
                          gam_message *message) {
    tag_blob blob = {NULL, 0, file->host->limits->metadata_bytes_max, GAM_OK};
    if (blob.limit > UINT32_MAX) blob.limit = UINT32_MAX;
    for (int i = 0; i < BASE_FIELD_COUNT; i++)
        read_base_field(tiff, &blob, base_fields[i].tag, base_fields[i].form);
    int count = TIFFGetTagListCount(tiff);
    for (int i = 0; i < count; i++) read_custom_field(tiff, &blob, TIFFGetTagListEntry(tiff, i));
    if (blob.status != GAM_OK) {
        free(blob.bytes);
        return gam_fail(message, blob.status, "the tags of a page are larger than the metadata "
                        "limit or memory allow");
    }
    *bytes = blob.bytes;
    *length = blob.length;
    return GAM_OK;
}

