/*
 * tiff_tags.h - how the tags of a TIFF page are kept.
 *
 * Blob: entries of { u16 tag, u8 form, u8 field type, u32 value bytes, value }, little endian;
 * numbers inside a value are in the byte order of the machine libtiff ran on, little endian on all
 * machines gamd runs on.
 * What always holds: a form is one way of calling libtiff's variadic TIFFGetField/TIFFSetField,
 * chosen by the field's own declaration.
 */
#ifndef GAM_TIFF_TAGS_H
#define GAM_TIFF_TAGS_H

#include "tiff_io.h"

enum { TIFF_ENTRY_HEAD = 8 };

enum {
    FORM_U16 = 1,
    FORM_U32 = 2,
    FORM_FLOAT = 3,
    FORM_DOUBLE = 4,
    FORM_TEXT = 5,
    FORM_ARRAY32 = 6, /* u32 count + pointer */
    FORM_ARRAY16 = 7, /* u16 count + pointer */
    FORM_U16_PAIR = 8,
    FORM_COLOR_MAP = 9, /* three pointers to 2^bits u16 each */
    FORM_U8 = 10
};

/* Bytes of one element of a field type; 0: not kept. */
static inline size_t tiff_element_bytes(TIFFDataType type) {
    switch (type) {
        case TIFF_BYTE: case TIFF_ASCII: case TIFF_SBYTE: case TIFF_UNDEFINED: return 1;
        case TIFF_SHORT: case TIFF_SSHORT: return 2;
        case TIFF_LONG: case TIFF_SLONG: case TIFF_FLOAT: return 4;
        case TIFF_DOUBLE: case TIFF_LONG8: case TIFF_SLONG8: return 8;
        default: return 0;
    }
}

#endif
