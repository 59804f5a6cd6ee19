/*
 * flac_blocks.c - the metadata blocks of a FLAC file: found, kept, and put into a new header.
 *
 * Kept are "flac.blocks", all blocks but STREAMINFO in their order without last-block flags, and
 * "flac.tail", an ID3v1 tag behind the frames.
 * What always holds: a block's length was compared with the file and with the limit before it is
 * read; nothing but lengths, types and seek points is looked at.
 */
#include <stdlib.h>

#include "flac.h"

typedef struct kept_blocks {
    unsigned char *bytes;
    size_t length;
    int has_seek_table;
} kept_blocks;

/* Appends the block of `length` bytes, head included, at `offset`. */
static gam_status append_block(const gam_host *host, const gam_input *input, kept_blocks *kept,
                               uint64_t offset, size_t length, gam_message *message) {
    uint64_t limit = host->limits->metadata_bytes_max;
    if (kept->length + length > limit) {
        return gam_fail(message, GAM_LIMIT,
                        "the metadata blocks (pictures?) are larger than the limit of %llu bytes",
                        (unsigned long long)limit);
    }
    unsigned char *grown = realloc(kept->bytes, kept->length + length);
    if (grown == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for metadata blocks");
    kept->bytes = grown;
    unsigned char *block = grown + kept->length;
    gam_status status = gam_read_exactly(input, offset, block, length, message);
    if (status != GAM_OK) return status;
    block[0] &= (unsigned char)~FLAC_LAST_BLOCK;
    kept->length += length;
    if (block[0] != FLAC_TYPE_SEEKTABLE) return GAM_OK;
    if (kept->has_seek_table)
        return gam_fail(message, GAM_BAD_INPUT, "there is a second seek table at byte %llu",
                        (unsigned long long)offset);
    kept->has_seek_table = 1;
    flac_seek_forget(block + FLAC_BLOCK_HEAD, length - FLAC_BLOCK_HEAD);
    return GAM_OK;
}

static gam_status read_stream_info(const gam_input *input, flac_layout *layout,
                                   gam_message *message) {
    unsigned char *head = layout->head + FLAC_MARKER_BYTES;
    gam_status status = gam_read_exactly(input, 0, layout->head, FLAC_HEAD_BYTES, message);
    if (status != GAM_OK) return status;
    int type = head[0] & ~FLAC_LAST_BLOCK;
    if (type != FLAC_TYPE_STREAMINFO) {
        return gam_fail(message, GAM_BAD_INPUT,
                        "the FLAC stream begins with a metadata block of type %d, not with "
                        "STREAMINFO, which says rate, channels and bits; get a clean copy", type);
    }
    if (flac_block_length(head) != FLAC_STREAMINFO_BYTES)
        return gam_fail(message, GAM_BAD_INPUT,
                        "STREAMINFO has %zu bytes, not 34; get a clean copy",
                        flac_block_length(head));
    return GAM_OK;
}

/* Walks the blocks behind STREAMINFO; the frames follow them. */
static gam_status collect_blocks(const gam_host *host, const gam_input *input, flac_layout *layout,
                                 kept_blocks *kept, gam_message *message) {
    uint64_t offset = FLAC_HEAD_BYTES;
    int is_last = layout->head[FLAC_MARKER_BYTES] & FLAC_LAST_BLOCK;
    while (!is_last) {
        unsigned char head[FLAC_BLOCK_HEAD];
        gam_status status = gam_read_exactly(input, offset, head, sizeof head, message);
        if (status != GAM_OK) return status;
        size_t whole = FLAC_BLOCK_HEAD + flac_block_length(head);
        int type = head[0] & ~FLAC_LAST_BLOCK;
        if (type == FLAC_TYPE_INVALID || type == FLAC_TYPE_STREAMINFO ||
            whole > input->size - offset) {
            return gam_fail(message, GAM_BAD_INPUT,
                            "the metadata block at byte %llu is damaged (type %d, %zu bytes); get "
                            "a clean copy", (unsigned long long)offset, type, whole);
        }
        status = append_block(host, input, kept, offset, whole, message);
        if (status != GAM_OK) return status;
        offset += whole;
        is_last = head[0] & FLAC_LAST_BLOCK;
    }
    layout->head[FLAC_MARKER_BYTES] |= FLAC_LAST_BLOCK;
    layout->frames_offset = offset;
    layout->frames_end = input->size;
    return GAM_OK;
}

/* Players put ID3v1 tags behind files of any format; they are no part of the stream. */
static gam_status keep_tail(const gam_host *host, const gam_input *input, flac_layout *layout,
                            gam_message *message) {
    unsigned char tag[FLAC_TAG_BYTES];
    if (layout->frames_end - layout->frames_offset < sizeof tag) return GAM_OK;
    uint64_t offset = layout->frames_end - sizeof tag;
    gam_status status = gam_read_exactly(input, offset, tag, sizeof tag, message);
    if (status != GAM_OK || memcmp(tag, "TAG", 3) != 0) return status;
    layout->frames_end = offset;
    return gam_keep(host, "flac.tail", tag, sizeof tag, message);
}

gam_status flac_read_blocks(const gam_host *host, const gam_input *input, flac_layout *layout,
                            gam_message *message) {
    kept_blocks kept = {NULL, 0, 0};
    gam_status status = read_stream_info(input, layout, message);
    if (status == GAM_OK) status = collect_blocks(host, input, layout, &kept, message);
    if (status == GAM_OK) status = gam_keep(host, "flac.blocks", kept.bytes, kept.length, message);
    free(kept.bytes);
    return status == GAM_OK ? keep_tail(host, input, layout, message) : status;
}

/* Whether the kept blocks are a chain of whole blocks; `*last` is the offset of the last one. */
static int blocks_valid(const unsigned char *bytes, size_t length, size_t *last) {
    size_t offset = 0;
    while (offset < length) {
        *last = offset;
        if (length - offset < FLAC_BLOCK_HEAD || (bytes[offset] & FLAC_LAST_BLOCK) ||
            length - offset - FLAC_BLOCK_HEAD < flac_block_length(bytes + offset))
            return 0;
        offset += FLAC_BLOCK_HEAD + flac_block_length(bytes + offset);
    }
    return 1;
}

gam_status flac_new_header(const gam_host *host, unsigned char **header, size_t *length,
                           gam_message *message) {
    size_t kept_length = 0, last = 0;
    const unsigned char *kept = gam_kept(host, "flac.blocks", &kept_length);
    if (!blocks_valid(kept, kept_length, &last)) {
        return gam_fail(message, GAM_USAGE,
                        "the kept FLAC metadata is no chain of blocks; choose format=wav");
    }
    *length = FLAC_HEAD_BYTES + kept_length;
    *header = calloc(1, *length);
    if (*header == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for metadata blocks");
    if (kept_length > 0) memcpy(*header + FLAC_HEAD_BYTES, kept, kept_length);
    memcpy(*header, "fLaC", FLAC_MARKER_BYTES);
    (*header)[FLAC_MARKER_BYTES + 3] = FLAC_STREAMINFO_BYTES;
    (*header)[kept_length > 0 ? FLAC_HEAD_BYTES + last : FLAC_MARKER_BYTES] |= FLAC_LAST_BLOCK;
    return GAM_OK;
}
