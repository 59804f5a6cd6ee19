/*
 * jxl_file.h - what the JPEG XL decoder and encoder share.
 *
 * What always holds: kept boxes are a sequence of type (4 bytes), length (4 bytes, little endian)
 * and bytes.
 */
#ifndef GAM_JXL_FILE_H
#define GAM_JXL_FILE_H

#include "image_codec.h"

enum { JXL_BOX_HEAD = 8, JXL_BOXES_MAX = 4 << 20 };

typedef struct jxl_info {
    uint8_t orientation;      /* as EXIF counts them: 1 is upright */
    uint8_t is_premultiplied; /* colors were multiplied by alpha */
    size_t box_start, box_room; /* of the box being read */
} jxl_info;

#endif
