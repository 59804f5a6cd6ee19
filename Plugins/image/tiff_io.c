/*
 * tiff_io.c - libtiff's client procedures on the host's callbacks, its messages, and the packed
 * samples of its rows.
 *
 * What always holds: positions are 64-bit and checked for overflow; a failed callback is
 * remembered so that it is reported as an I/O error and not as a damaged file.
 */
#include "tiff_io.h"

#include <stdarg.h>

static tmsize_t read_proc(thandle_t handle, void *buffer, tmsize_t length) {
    tiff_file *file = (tiff_file *)handle;
    tmsize_t done = 0;
    while (done < length) {
        size_t count = 0, wanted = (size_t)(length - done);
        unsigned char *target = (unsigned char *)buffer + done;
        gam_status status =
            file->input != NULL
                ? file->input->read_at(file->input->context, file->position, target, wanted, &count)
                : file->output->read_at(file->output->context, file->position, target, wanted,
                                        &count);
        if (status != GAM_OK) {
            file->io_failed = 1;
            return -1;
        }
        if (count == 0) break;
        file->position += count;
        done += (tmsize_t)count;
    }
    return done;
}

static tmsize_t write_proc(thandle_t handle, void *buffer, tmsize_t length) {
    tiff_file *file = (tiff_file *)handle;
    if (file->output == NULL ||
        file->output->write_at(file->output->context, file->position, buffer, (size_t)length) !=
            GAM_OK) {
        file->io_failed = 1;
        return -1;
    }
    file->position += (uint64_t)length;
    if (file->position > file->size) file->size = file->position;
    return length;
}

static toff_t seek_proc(thandle_t handle, toff_t offset, int whence) {
    tiff_file *file = (tiff_file *)handle;
    uint64_t base = whence == SEEK_CUR ? file->position : whence == SEEK_END ? file->size : 0;
    uint64_t target = base + offset; /* libtiff passes negative offsets as wrapped numbers */
    if (target > INT64_MAX) return (toff_t)-1;
    return file->position = target;
}

static int close_proc(thandle_t handle) {
    (void)handle;
    return 0;
}

static toff_t size_proc(thandle_t handle) { return ((tiff_file *)handle)->size; }

__attribute__((format(printf, 4, 0))) static int keep_error(TIFF *tiff, void *user,
                                                            const char *module,
                                                            const char *format, va_list list) {
    (void)tiff, (void)module;
    tiff_file *file = user;
    if (file->error[0] == '\0') vsnprintf(file->error, sizeof file->error, format, list);
    return 1;
}

/* Warnings are dropped but one: byte counts that cannot be right, which libtiff would replace by
 * its own guess and then return whatever lies in the file there. */
__attribute__((format(printf, 4, 0))) static int keep_bogus(TIFF *tiff, void *user,
                                                            const char *module,
                                                            const char *format, va_list list) {
    char text[sizeof((tiff_file *)0)->error];
    vsnprintf(text, sizeof text, format, list);
    tiff_file *file = user;
    (void)tiff, (void)module;
    if (strstr(text, "Bogus") != NULL && file->error[0] == '\0')
        memcpy(file->error, text, sizeof text);
    return 1;
}

TIFF *tiff_open(tiff_file *file, const char *mode) {
    file->size = file->input != NULL ? file->input->size : 0;
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (options == NULL) return NULL;
    uint64_t memory = file->host->limits->memory_bytes_max;
    TIFFOpenOptionsSetMaxSingleMemAlloc(
        options, memory < (uint64_t)INT64_MAX ? (tmsize_t)memory : (tmsize_t)INT64_MAX);
    TIFFOpenOptionsSetErrorHandlerExtR(options, keep_error, file);
    TIFFOpenOptionsSetWarningHandlerExtR(options, keep_bogus, file);
    TIFF *tiff = TIFFClientOpenExt("TIFF", mode, (thandle_t)file, read_proc, write_proc, seek_proc,
                                   close_proc, size_proc, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return tiff;
}

gam_status tiff_failed(const tiff_file *file, const char *text, gam_message *message) {
    gam_status status = file->io_failed ? GAM_IO : file->input != NULL ? GAM_BAD_INPUT : GAM_USAGE;
    if (strstr(file->error, "MaxSingleMemAlloc") != NULL || strstr(file->error, "memory") != NULL)
        status = GAM_LIMIT;
    return gam_fail(message, status, "%s%s%s", text, file->error[0] ? ": " : "", file->error);
}

uint64_t tiff_packed_bytes(uint64_t samples, uint32_t bits) { return (samples * bits + 7) / 8; }

void tiff_unpack(const unsigned char *packed, uint64_t samples, const tiff_page *page,
                 unsigned char *canonical) {
    int is_signed = page->format == SAMPLEFORMAT_INT;
    if (page->bits == 16) {
        for (uint64_t i = 0; i < samples; i++) {
            uint16_t value;
            memcpy(&value, packed + 2 * i, 2);
            canonical[2 * i] = (unsigned char)value;
            canonical[2 * i + 1] = (unsigned char)(value >> 8);
        }
    } else if (page->bits == 32) {
        for (uint64_t i = 0; i < samples; i++) {
            uint32_t value;
            memcpy(&value, packed + 4 * i, 4);
            for (int k = 0; k < 4; k++) canonical[4 * i + k] = (unsigned char)(value >> (8 * k));
        }
    } else if (page->bits == 8) {
        memcpy(canonical, packed, samples);
    } else {
        image_unpack_bits(packed, samples, page->bits, is_signed, canonical);
    }
}

void tiff_pack(const unsigned char *canonical, uint64_t samples, const tiff_page *page,
               unsigned char *packed) {
    if (page->bits == 16) {
        for (uint64_t i = 0; i < samples; i++) {
            uint16_t value = (uint16_t)(canonical[2 * i] | canonical[2 * i + 1] << 8);
            memcpy(packed + 2 * i, &value, 2);
        }
    } else if (page->bits == 32) {
        for (uint64_t i = 0; i < samples; i++) {
            uint32_t value = 0;
            for (int k = 0; k < 4; k++) value |= (uint32_t)canonical[4 * i + k] << (8 * k);
            memcpy(packed + 4 * i, &value, 4);
        }
    } else if (page->bits == 8) {
        memcpy(packed, canonical, samples);
    } else {
        image_pack_bits(canonical, samples, page->bits, packed);
    }
}
