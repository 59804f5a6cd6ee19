/*
 * pcm_formats.c - whether the sizes in a header are those of the file, for each container.
 *
 * What always holds: a header that announces more bytes than there are is refused as cut off;
 * sizes that a writer into a pipe left open go to the end of the file. Left open are 0 and all
 * ones, and what sox writes there: 2 GiB less a page in a WAV, 0x7f000000 in an AIFF.
 */
#include "pcm.h"

static uint32_t little32(const unsigned char *b) {
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static uint32_t big32(const unsigned char *b) {
    return b[3] | (uint32_t)b[2] << 8 | (uint32_t)b[1] << 16 | (uint32_t)b[0] << 24;
}

static uint64_t big64(const unsigned char *b) {
    return (uint64_t)big32(b) << 32 | big32(b + 4);
}

gam_status pcm_cut_off(uint64_t declared, uint64_t present, gam_message *message) {
    return gam_fail(message, GAM_BAD_INPUT,
                    "the file is cut off: its header declares %llu bytes where %llu are; get a "
                    "complete copy",
                    (unsigned long long)declared, (unsigned long long)present);
}

enum { SOX_WAV_OPEN = 0x7ffff000, SOX_AIFF_OPEN = 0x7f000000 };

/* Whether the samples go to the end of the file, as they must where the size is left open. */
static gam_status check_open(const pcm_extent *extent, gam_message *message) {
    uint64_t present = extent->file_size - extent->head_length;
    if (extent->data_bytes == present - present % extent->block) return GAM_OK;
    return gam_fail(message, GAM_UNSUPPORTED, "%llu bytes of samples where %llu follow a header "
                    "that leaves their number open", (unsigned long long)extent->data_bytes,
                    (unsigned long long)present);
}

static gam_status check_wav(const pcm_extent *extent, gam_message *message) {
    const unsigned char *head = extent->head;
    uint64_t head_length = extent->head_length, data_bytes = extent->data_bytes;
    uint64_t block = extent->block, file_size = extent->file_size;
    if (head_length < 20 || memcmp(head + head_length - 8, "data", 4) != 0)
        return gam_fail(message, GAM_UNSUPPORTED, "the samples do not follow a data chunk");
    uint32_t (*number)(const unsigned char *) = memcmp(head, "RIFX", 4) == 0 ? big32 : little32;
    uint64_t riff = number(head + 4), data = number(head + head_length - 4);
    uint64_t present = file_size - head_length;
    if (memcmp(head, "RF64", 4) == 0 && head_length >= 36 && memcmp(head + 12, "ds64", 4) == 0) {
        riff = little32(head + 20) | (uint64_t)little32(head + 24) << 32;
        data = little32(head + 28) | (uint64_t)little32(head + 32) << 32;
    }
    int streamed = data == 0 || data == UINT32_MAX || (data == SOX_WAV_OPEN && data > present);
    if (!streamed && data > present) return pcm_cut_off(data, present, message);
    if (!streamed && riff != UINT32_MAX && riff > file_size - 8 && riff - (file_size - 8) > 1)
        return pcm_cut_off(riff, file_size - 8, message);
    if (!streamed && data_bytes != data - data % block)
        return gam_fail(message, GAM_UNSUPPORTED, "%llu bytes of samples where the data chunk has "
                        "%llu", (unsigned long long)data_bytes, (unsigned long long)data);
    for (uint64_t at = 12; at + 24 <= head_length;) {
        uint64_t size = number(head + at + 4);
        if (memcmp(head + at, "fmt ", 4) == 0) {
            const unsigned char *last = head + at + 20;
            uint64_t align = number == big32 ? (unsigned)last[0] << 8 | last[1]
                                             : (unsigned)last[1] << 8 | last[0];
            if (align == block) return streamed ? check_open(extent, message) : GAM_OK;
            return gam_fail(message, GAM_UNSUPPORTED,
                            "samples are padded to blocks of %llu bytes where they need %llu; "
                            "convert the file", (unsigned long long)align,
                            (unsigned long long)block);
        }
        at += 8 + size + size % 2;
    }
    return gam_fail(message, GAM_BAD_INPUT, "the WAV has no fmt chunk before its samples");
}

/* `at`: where the SSND chunk begins. */
static gam_status check_sound(const pcm_extent *extent, uint64_t at, gam_message *message) {
    const unsigned char *head = extent->head;
    uint64_t form = big32(head + 4), size = big32(head + at + 4);
    uint64_t skipped = 8 + (uint64_t)big32(head + at + 8), rest = extent->file_size - 8;
    if (at + 8 + skipped != extent->head_length)
        return gam_fail(message, GAM_UNSUPPORTED, "the SSND chunk has an unusual layout");
    int sox = size == SOX_AIFF_OPEN + skipped && form > rest;
    if (sox || (form == 0 && size == 0)) return check_open(extent, message);
    if (form > rest && form - rest > 1) return pcm_cut_off(form, rest, message);
    if (size > rest - at) return pcm_cut_off(size, rest - at, message);
    if (size < skipped || size - skipped < extent->data_bytes ||
        size - skipped - extent->data_bytes >= extent->block)
        return gam_fail(message, GAM_UNSUPPORTED, "%llu bytes of samples in an SSND chunk of %llu",
                        (unsigned long long)extent->data_bytes, (unsigned long long)size);
    return GAM_OK;
}

static gam_status check_aiff(const pcm_extent *extent, gam_message *message) {
    const unsigned char *head = extent->head;
    for (uint64_t at = 12; at + 16 <= extent->head_length;) {
        uint64_t size = big32(head + at + 4);
        if (memcmp(head + at, "SSND", 4) == 0) return check_sound(extent, at, message);
        at += 8 + size + size % 2;
    }
    return gam_fail(message, GAM_UNSUPPORTED, "the samples do not follow an SSND chunk");
}

/* A header that ends in the announced number of sample bytes. */
static gam_status check_announced(const pcm_extent *extent, uint64_t announced, int is_open,
                                  gam_message *message) {
    uint64_t present = extent->file_size - extent->head_length;
    if (is_open) return check_open(extent, message);
    if (announced > present) return pcm_cut_off(announced, present, message);
    if (extent->data_bytes != announced - announced % extent->block)
        return gam_fail(message, GAM_UNSUPPORTED,
                        "%llu bytes of samples where the header has %llu",
                        (unsigned long long)extent->data_bytes, (unsigned long long)announced);
    return GAM_OK;
}

/* Sony Wave64: chunk ids of 16 bytes, sizes of 8 that count their own 24 bytes. */
static gam_status check_w64(const pcm_extent *extent, gam_message *message) {
    const unsigned char *data = extent->head + extent->head_length - 24;
    if (extent->head_length < 64 || memcmp(data, "data", 4) != 0)
        return gam_fail(message, GAM_UNSUPPORTED, "the samples do not follow a data chunk");
    uint64_t size = little32(data + 16) | (uint64_t)little32(data + 20) << 32;
    if (size < 24) return gam_fail(message, GAM_BAD_INPUT, "the data chunk is damaged");
    return check_announced(extent, size - 24, size >= INT64_MAX, message);
}

static gam_status check_au(const pcm_extent *extent, gam_message *message) {
    if (extent->head_length < 24 || big32(extent->head + 4) != extent->head_length)
        return gam_fail(message, GAM_UNSUPPORTED, "the samples do not follow the AU header");
    uint32_t size = big32(extent->head + 8);
    return check_announced(extent, size, size == UINT32_MAX, message);
}

static gam_status check_caf(const pcm_extent *extent, gam_message *message) {
    const unsigned char *data = extent->head + extent->head_length - 16;
    if (extent->head_length < 24 || memcmp(data, "data", 4) != 0)
        return gam_fail(message, GAM_UNSUPPORTED, "the samples do not follow a data chunk");
    uint64_t size = big64(data + 4);
    if (size != UINT64_MAX && size < 4)
        return gam_fail(message, GAM_BAD_INPUT, "the data chunk is damaged");
    return check_announced(extent, size - 4, size == UINT64_MAX, message);
}

const pcm_format *pcm_format_named(const char *name) {
    static const pcm_format formats[] = {
        {"wav", "audio/wav", SF_FORMAT_WAV, 1, 0, check_wav},
        {"w64", "audio/x-w64", SF_FORMAT_W64, 1, 0, check_w64},
        {"aiff", "audio/aiff", SF_FORMAT_AIFF, 0, 1, check_aiff},
        {"au", "audio/basic", SF_FORMAT_AU, 0, 1, check_au},
        {"caf", "audio/x-caf", SF_FORMAT_CAF, 0, 1, check_caf},
    };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(formats[i].name, name) == 0) return &formats[i];
    }
    return NULL;
}
