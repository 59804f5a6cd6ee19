/*
 * gam_plugin_support.h - conveniences for adapters written in C. Not part of the ABI.
 *
 * What always holds: nothing here allocates; reads either give all bytes asked for or fail with
 * a message; products are checked for overflow.
 */
#ifndef GAM_PLUGIN_SUPPORT_H
#define GAM_PLUGIN_SUPPORT_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gam_plugin.h"

/* Formats the message and returns `status`, for `return gam_fail(...)`. */
__attribute__((format(printf, 3, 4))) static inline gam_status
gam_fail(gam_message *message, gam_status status, const char *format, ...) {
    if (message != NULL && message->capacity > 0) {
        va_list arguments;
        va_start(arguments, format);
        int length = vsnprintf(message->text, message->capacity, format, arguments);
        va_end(arguments);
        size_t written = length < 0 ? 0 : (size_t)length;
        message->length = written < message->capacity ? written : message->capacity - 1;
    }
    return status;
}

static inline gam_text gam_string(const char *text) {
    gam_text result = {text, strlen(text)};
    return result;
}

static inline int gam_text_equals(gam_text text, const char *expected) {
    return text.length == strlen(expected) && memcmp(text.bytes, expected, text.length) == 0;
}

/* a * b in `*result`; 0 on overflow. */
static inline int gam_multiply(uint64_t a, uint64_t b, uint64_t *result) {
    return !__builtin_mul_overflow(a, b, result);
}

/* Reads exactly `length` bytes or fails: GAM_BAD_INPUT when the file ends before. */
static inline gam_status gam_read_exactly(const gam_input *input, uint64_t offset, void *buffer,
                                          size_t length, gam_message *message) {
    size_t done = 0;
    while (done < length) {
        size_t count = 0;
        gam_status status = input->read_at(input->context, offset + done,
                                           (unsigned char *)buffer + done, length - done, &count);
        if (status != GAM_OK) {
            return gam_fail(message, status, "reading the file failed at byte %llu",
                            (unsigned long long)(offset + done));
        }
        if (count == 0) {
            return gam_fail(message, GAM_BAD_INPUT,
                            "the file is cut off: it ends at byte %llu, %llu more were expected; "
                            "get a complete copy",
                            (unsigned long long)(offset + done),
                            (unsigned long long)(length - done));
        }
        done += count;
    }
    return GAM_OK;
}

static inline gam_status gam_keep(const gam_host *host, const char *key, const void *bytes,
                                  size_t length, gam_message *message) {
    gam_status status = host->metadata_put(host->context, gam_string(key), bytes, length);
    if (status == GAM_OK) return GAM_OK;
    return gam_fail(message, status,
                    "metadata %s of %zu bytes is more than the limit of %llu allows", key,
                    length, (unsigned long long)host->limits->metadata_bytes_max);
}

/* The kept blob of `key`, or NULL. */
static inline const void *gam_kept(const gam_host *host, const char *key, size_t *length) {
    const void *bytes = NULL;
    *length = 0;
    if (!host->metadata_get(host->context, gam_string(key), &bytes, length)) return NULL;
    return bytes != NULL ? bytes : "";
}

/* The option's value, or an empty text. */
static inline gam_text gam_option(const gam_host *host, const char *name) {
    gam_text value = {"", 0};
    if (!host->option_get(host->context, gam_string(name), &value)) value.length = 0;
    return value;
}

/* Fails unless `bytes` of working memory are allowed. */
static inline gam_status gam_check_memory(const gam_host *host, uint64_t bytes, const char *what,
                                          gam_message *message) {
    if (bytes <= host->limits->memory_bytes_max) return GAM_OK;
    return gam_fail(message, GAM_LIMIT,
                    "%s needs %llu bytes of memory and the limit is %llu; raise the plugin memory "
                    "limit or convert the file",
                    what, (unsigned long long)bytes,
                    (unsigned long long)host->limits->memory_bytes_max);
}

/* Points of the description times its channels, checked against the limits of the ABI and host. */
static inline gam_status gam_check_samples(const gam_host *host,
                                           const gam_description *description,
                                           gam_message *message) {
    uint64_t samples = description->channel_count;
    int valid = description->axis_count >= 1 && description->axis_count <= GAM_AXES_MAX &&
                description->channel_count >= 1 && description->channel_count <= GAM_CHANNELS_MAX;
    if (!valid) {
        return gam_fail(message, GAM_UNSUPPORTED, "%u axes and %u channels; at most 4 and 64",
                        description->axis_count, description->channel_count);
    }
    for (uint32_t i = 0; i < description->axis_count; i++) {
        uint64_t extent = description->axes[i].extent;
        if (extent == 0) return gam_fail(message, GAM_UNSUPPORTED, "the signal has no samples");
        if (extent > GAM_EXTENT_MAX || !gam_multiply(samples, extent, &samples)) {
            return gam_fail(message, GAM_LIMIT, "an axis of %llu samples is too long",
                            (unsigned long long)extent);
        }
    }
    if (samples <= host->limits->samples_max) return GAM_OK;
    return gam_fail(message, GAM_LIMIT, "the file declares %llu samples and the limit is %llu",
                    (unsigned long long)samples, (unsigned long long)host->limits->samples_max);
}

/* Bytes of one sample in canonical form. */
static inline uint32_t gam_container_bytes(uint32_t bits) {
    return bits <= 8 ? 1 : bits <= 16 ? 2 : 4;
}

/* Rows (see gam_plugin.h) of a checked description, and the bytes of one. */
static inline uint64_t gam_row_count(const gam_description *description) {
    uint64_t rows = 1;
    for (uint32_t i = 0; i + 1 < description->axis_count; i++) rows *= description->axes[i].extent;
    return description->axis_count == 1 ? description->axes[0].extent : rows;
}

static inline uint64_t gam_row_bytes(const gam_description *description) {
    uint64_t points =
        description->axis_count == 1 ? 1 : description->axes[description->axis_count - 1].extent;
    return points * description->channel_count * gam_container_bytes(description->bits);
}

/* Fills the fields every description needs; axes and channels are the caller's. */
static inline void gam_describe_as(gam_description *description, const char *kind,
                                   const char *media_type, uint32_t exactness) {
    size_t size = description->struct_size;
    memset(description, 0, sizeof *description);
    description->struct_size = size;
    description->exactness = exactness;
    snprintf(description->kind, sizeof description->kind, "%s", kind);
    snprintf(description->media_type, sizeof description->media_type, "%s", media_type);
}

static inline void gam_set_axis(gam_axis *axis, uint64_t extent, uint32_t kind, double spacing,
                                const char *unit) {
    memset(axis, 0, sizeof *axis);
    axis->extent = extent;
    axis->kind = kind;
    axis->spacing = spacing;
    snprintf(axis->unit, sizeof axis->unit, "%s", unit);
}

#endif
