/*
 * pcm_samples.c - packed samples of WAV and AIFF files <-> canonical samples.
 *
 * What always holds: only byte order and width change; 24-bit samples are sign extended to 32.
 */
#include "pcm.h"

void pcm_record(const pcm_layout *layout, const gam_description *description,
                unsigned char record[PCM_RECORD_BYTES]) {
    uint64_t frames = description->axes[0].extent;
    memset(record, 0, PCM_RECORD_BYTES);
    record[0] = (unsigned char)layout->sample_bytes;
    record[1] = (unsigned char)layout->is_big_endian;
    record[2] = (unsigned char)layout->family;
    record[3] = (unsigned char)layout->bits;
    record[4] = (unsigned char)description->channel_count;
    for (int i = 0; i < 8; i++) record[8 + i] = (unsigned char)(frames >> (8 * i));
}

void pcm_unpack(const pcm_layout *layout, const unsigned char *packed, uint64_t count,
                unsigned char *canonical) {
    uint32_t size = layout->sample_bytes, container = gam_container_bytes(layout->bits);
    if (!layout->is_big_endian && size == container) {
        memcpy(canonical, packed, count * size);
        return;
    }
    for (uint64_t i = 0; i < count; i++, packed += size, canonical += container) {
        for (uint32_t k = 0; k < size; k++)
            canonical[k] = packed[layout->is_big_endian ? size - 1 - k : k];
        if (size < container) canonical[size] = canonical[size - 1] & 0x80 ? 0xff : 0;
    }
}

void pcm_pack(const pcm_layout *layout, const unsigned char *canonical, uint64_t count,
              unsigned char *packed) {
    uint32_t size = layout->sample_bytes, container = gam_container_bytes(layout->bits);
    for (uint64_t i = 0; i < count; i++, packed += size, canonical += container) {
        for (uint32_t k = 0; k < size; k++)
            packed[layout->is_big_endian ? size - 1 - k : k] = canonical[k];
    }
}
