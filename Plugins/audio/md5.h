/*
 * md5.h - MD5 (RFC 1321), which FLAC files carry of their samples.
 *
 * What always holds: used as a checksum against damage only, never for security.
 */
#ifndef GAM_AUDIO_MD5_H
#define GAM_AUDIO_MD5_H

#include <stddef.h>
#include <stdint.h>

typedef struct md5_state {
    uint32_t words[4];
    uint64_t length;
    unsigned char block[64];
} md5_state;

void md5_start(md5_state *state);
void md5_add(md5_state *state, const void *bytes, size_t length);
void md5_finish(md5_state *state, unsigned char digest[16]);

#endif
