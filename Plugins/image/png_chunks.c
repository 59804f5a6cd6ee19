/*
 * png_chunks.c - walks the chunks of a PNG file once, keeping what is not picture data.
 *
 * What always holds: nothing is allocated for a length before it is known that the file has that
 * many bytes and that the metadata limit allows them.
 */
#include "png_chunks.h"

#include <stdlib.h>
#include <zlib.h>

enum { WINDOW = 64 * 1024, FRAME = 12 /* length, type, CRC */ };

/* A cached piece of the file: many small chunks cost one read. */
typedef struct scanner {
    const gam_host *host;
    const gam_input *input;
    gam_message *message;
    uint64_t start, filled;
    unsigned char window[WINDOW];
} scanner;

int png_append(png_bytes *target, const void *bytes, size_t length) {
    if (target->capacity - target->length < length) {
        size_t capacity = (target->length + length) * 2;
        unsigned char *grown = realloc(target->bytes, capacity);
        if (grown == NULL) return 0;
        target->bytes = grown;
        target->capacity = capacity;
    }
    if (length > 0) memcpy(target->bytes + target->length, bytes, length);
    target->length += length;
    return 1;
}

void png_layout_free(png_layout *layout) {
    free(layout->before.bytes);
    free(layout->after.bytes);
    memset(&layout->before, 0, sizeof layout->before);
    memset(&layout->after, 0, sizeof layout->after);
}

uint32_t png_channel_count(unsigned color_type) {
    switch (color_type) {
        case 0: case 3: return 1;
        case 4: return 2;
        case 2: return 3;
        case 6: return 4;
        default: return 0;
    }
}

int png_chunks_valid(const unsigned char *bytes, size_t length) {
    while (length > 0) {
        if (length < FRAME) return 0;
        uint64_t whole = (uint64_t)png_u32(bytes) + FRAME;
        const unsigned char *type = bytes + 4;
        if (whole > length || memcmp(type, "IHDR", 4) == 0 || memcmp(type, "IDAT", 4) == 0 ||
            memcmp(type, "IEND", 4) == 0)
            return 0;
        bytes += whole;
        length -= whole;
    }
    return 1;
}

/* Lends `length` <= WINDOW bytes at `offset`. */
static gam_status peek(scanner *scan, uint64_t offset, size_t length,
                       const unsigned char **bytes) {
    if (offset < scan->start || offset + length > scan->start + scan->filled) {
        scan->start = offset;
        scan->filled = 0;
        uint64_t left = scan->input->size > offset ? scan->input->size - offset : 0;
        size_t wanted = left < WINDOW ? (size_t)left : WINDOW;
        if (wanted < length) wanted = length;
        gam_status status =
            gam_read_exactly(scan->input, offset, scan->window, wanted, scan->message);
        if (status != GAM_OK) return status;
        scan->filled = wanted;
    }
    *bytes = scan->window + (offset - scan->start);
    return GAM_OK;
}

static gam_status keep_chunk(scanner *scan, png_bytes *target, size_t other_bytes,
                             uint64_t offset, uint64_t whole) {
    if (target->length + other_bytes + whole > scan->host->limits->metadata_bytes_max) {
        return gam_fail(scan->message, GAM_LIMIT,
                        "the chunks beside the picture are larger than the metadata limit of %llu "
                        "bytes; remove some",
                        (unsigned long long)scan->host->limits->metadata_bytes_max);
    }
    for (uint64_t done = 0; done < whole;) {
        size_t part = whole - done < WINDOW ? (size_t)(whole - done) : WINDOW;
        const unsigned char *bytes;
        gam_status status = peek(scan, offset + done, part, &bytes);
        if (status != GAM_OK) return status;
        if (!png_append(target, bytes, part))
            return gam_fail(scan->message, GAM_NO_MEMORY, "no memory for the chunks");
        done += part;
    }
    const unsigned char *chunk = target->bytes + target->length - whole;
    uLong crc = crc32_z(0, chunk + 4, (z_size_t)whole - 8);
    if (crc != png_u32(chunk + whole - 4)) {
        return gam_fail(scan->message, GAM_BAD_INPUT,
                        "chunk %.4s at byte %llu is damaged (wrong CRC); get a clean copy",
                        (const char *)chunk + 4, (unsigned long long)offset);
    }
    return GAM_OK;
}

static gam_status read_signature(scanner *scan, png_layout *layout) {
    const unsigned char *bytes;
    gam_status status = peek(scan, 0, 33, &bytes);
    if (status != GAM_OK) return status;
    if (memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) != 0 || png_u32(bytes + 8) != 13 ||
        memcmp(bytes + 12, "IHDR", 4) != 0)
        return gam_fail(scan->message, GAM_BAD_INPUT, "the PNG does not start with IHDR");
    if (crc32(0, bytes + 12, 17) != png_u32(bytes + 29))
        return gam_fail(scan->message, GAM_BAD_INPUT, "the PNG header is damaged (wrong CRC)");
    memcpy(layout->header, bytes + 16, sizeof layout->header);
    layout->critical[0] = (png_range){0, 33};
    return GAM_OK;
}

/* Notes a chunk that libspng must see: IDATs as one range, PLTE, IEND. */
static gam_status note_critical(scanner *scan, png_layout *layout, const char *type,
                                png_range chunk) {
    png_range *data = &layout->critical[2];
    if (memcmp(type, "IDAT", 4) == 0) {
        if (data->length == 0) data->offset = chunk.offset;
        if (data->offset + data->length != chunk.offset)
            return gam_fail(scan->message, GAM_BAD_INPUT,
                            "other chunks lie between the IDAT chunks");
        data->length += chunk.length;
    } else if (memcmp(type, "PLTE", 4) == 0) {
        if (layout->critical[1].length != 0 || data->length != 0)
            return gam_fail(scan->message, GAM_BAD_INPUT, "PLTE comes twice or too late");
        layout->critical[1] = chunk;
    } else if (memcmp(type, "IEND", 4) == 0) {
        if (data->length == 0)
            return gam_fail(scan->message, GAM_BAD_INPUT, "the PNG has no picture data (IDAT)");
        layout->critical[3] = chunk;
        layout->trailer.offset = chunk.offset + chunk.length;
        layout->trailer.length = scan->input->size - layout->trailer.offset;
    } else if ((type[0] & 0x20) == 0) {
        return gam_fail(scan->message, GAM_UNSUPPORTED, "unknown critical chunk %.4s", type);
    }
    return GAM_OK;
}

static gam_status scan_chunk(scanner *scan, png_layout *layout, uint64_t *offset) {
    const unsigned char *bytes;
    gam_status status = peek(scan, *offset, 8, &bytes);
    if (status != GAM_OK) return status;
    char type[5] = {0};
    memcpy(type, bytes + 4, 4);
    png_range chunk = {*offset, (uint64_t)png_u32(bytes) + FRAME};
    for (int i = 0; i < 4; i++) {
        if ((type[i] | 0x20) < 'a' || (type[i] | 0x20) > 'z')
            return gam_fail(scan->message, GAM_BAD_INPUT, "no chunk at byte %llu: damaged",
                            (unsigned long long)*offset);
    }
    if (chunk.length > INT32_MAX || chunk.length > scan->input->size - *offset) {
        return gam_fail(scan->message, GAM_BAD_INPUT,
                        "the file is cut off in chunk %s at byte %llu; get a complete copy", type,
                        (unsigned long long)*offset);
    }
    status = note_critical(scan, layout, type, chunk);
    if (status == GAM_OK && memcmp(type, "IDAT", 4) != 0 && memcmp(type, "IEND", 4) != 0) {
        png_bytes *target = layout->critical[2].length == 0 ? &layout->before : &layout->after;
        size_t other = layout->before.length + layout->after.length - target->length;
        status = keep_chunk(scan, target, other, chunk.offset, chunk.length);
    }
    *offset += chunk.length;
    return status;
}

gam_status png_scan(const gam_host *host, const gam_input *input, png_layout *layout,
                    gam_message *message) {
    memset(layout, 0, sizeof *layout);
    scanner *scan = calloc(1, sizeof *scan);
    if (scan == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory to read the chunks");
    scan->host = host;
    scan->input = input;
    scan->message = message;
    gam_status status = read_signature(scan, layout);
    for (uint64_t offset = 33; status == GAM_OK && layout->critical[3].length == 0;)
        status = scan_chunk(scan, layout, &offset);
    free(scan);
    if (status != GAM_OK) png_layout_free(layout);
    return status;
}
