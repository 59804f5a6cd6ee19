/*
 * flac_seek.c - the seek points of a FLAC file that is written anew.
 *
 *   u64 first sample of a frame | u64 its offset from the first frame | u16 its samples
 *
 * all big endian; a first sample of 2^64 - 1 is a placeholder.
 * What always holds: every point that is no placeholder leads to a frame of the new file; points
 * ascend, no two lead to the same frame, and placeholders come last.
 */
#include "flac.h"

static uint64_t big(const unsigned char *bytes, int length) {
    uint64_t value = 0;
    for (int i = 0; i < length; i++) value = value << 8 | bytes[i];
    return value;
}

static void put_point(unsigned char *point, uint64_t sample, uint64_t offset, uint32_t count) {
    for (int i = 0; i < 8; i++) point[i] = (unsigned char)(sample >> (56 - 8 * i));
    for (int i = 0; i < 8; i++) point[8 + i] = (unsigned char)(offset >> (56 - 8 * i));
    point[16] = (unsigned char)(count >> 8);
    point[17] = (unsigned char)count;
}

void flac_seek_forget(unsigned char *points, size_t length) {
    for (size_t i = 0; i < length / FLAC_POINT_BYTES; i++)
        memset(points + i * FLAC_POINT_BYTES + 8, 0, FLAC_POINT_BYTES - 8);
}

flac_seek_table flac_seek_find(unsigned char *header, size_t length) {
    flac_seek_table table = {NULL, 0, 0, UINT64_MAX};
    size_t offset = FLAC_HEAD_BYTES;
    while (offset < length && table.points == NULL) {
        unsigned char *head = header + offset;
        if ((head[0] & ~FLAC_LAST_BLOCK) == FLAC_TYPE_SEEKTABLE) {
            table.points = head + FLAC_BLOCK_HEAD;
            table.count = flac_block_length(head) / FLAC_POINT_BYTES;
        }
        offset += FLAC_BLOCK_HEAD + flac_block_length(head);
    }
    return table;
}

void flac_seek_note(flac_seek_table *table, uint64_t first, uint32_t count, uint64_t offset) {
    for (; table->next < table->count; table->next++) {
        unsigned char *point = table->points + table->next * FLAC_POINT_BYTES;
        uint64_t sample = big(point, 8);
        if (sample >= first + count) return;
        if (sample < first || table->last_frame == first) {
            put_point(point, UINT64_MAX, 0, 0);
        } else {
            put_point(point, first, offset, count);
            table->last_frame = first;
        }
    }
}

void flac_seek_complete(flac_seek_table *table) {
    size_t filled = 0;
    for (size_t i = 0; i < table->next; i++) {
        unsigned char *point = table->points + i * FLAC_POINT_BYTES;
        if (big(point, 8) == UINT64_MAX) continue;
        memmove(table->points + filled * FLAC_POINT_BYTES, point, FLAC_POINT_BYTES);
        filled++;
    }
    for (size_t i = filled; i < table->count; i++)
        put_point(table->points + i * FLAC_POINT_BYTES, UINT64_MAX, 0, 0);
}
