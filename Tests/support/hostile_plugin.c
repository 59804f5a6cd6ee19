/*
 * A plugin that does harm, one kind for each value of HARM (a name, see `harms`); built by
 * hostile_plugins.py with -DHARM="name". Without harm ("none") it is an honest adapter.
 *
 * What always holds: a file is the word HARM and then samples of 4 bits, one per byte; the harm is
 * done when the first samples are read.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gam_plugin.h"
#include "gam_plugin_support.h"

#define HEAD_BYTES 4

struct gam_decoder {
    const gam_host *host;
    const gam_input *input;
    uint64_t samples;
    uint64_t done;
};

struct gam_encoder {
    const gam_output *output;
    uint64_t done;
};

static int is_harm(const char *name) { return strcmp(HARM, name) == 0; }

/* Harm that ends in an answer tells its result: how many bytes it put into the buffer, or -1. */
static int64_t read_shadow(void *buffer, size_t capacity) {
    int file = open("/etc/shadow", O_RDONLY);
    return file < 0 ? -1 : read(file, buffer, capacity);
}

static int64_t connect_out(void) {
    int out = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(out, (struct sockaddr *)&address, sizeof address);
}

static gam_status harm(gam_decoder *decoder, void *buffer, size_t capacity, gam_message *message) {
    if (is_harm("segfault")) *(volatile char *)16 = 1;
    if (is_harm("abort")) abort();
    if (is_harm("loop")) {
        for (volatile unsigned turn = 0;; turn++) {
        }
    }
    if (is_harm("sleep")) sleep(1000);
    if (is_harm("log")) {
        for (int line = 0; line < 1000000; line++) {
            decoder->host->log(decoder->host->context, GAM_LOG_ERROR,
                               gam_string("line\nafter\x1b[31mline"));
        }
    }
    if (is_harm("fork")) {
        for (;;) fork();
    }
    if (is_harm("shadow") && read_shadow(buffer, capacity) < 0) {
        return gam_fail(message, GAM_INTERNAL, "/etc/shadow cannot be read");
    }
    if (is_harm("connect") && connect_out() < 0) {
        return gam_fail(message, GAM_INTERNAL, "nobody can be reached");
    }
    if (is_harm("overrun")) memset(buffer, 1, capacity + 8);
    if (is_harm("leak")) {
        while (dup(3) >= 0) {
        }
    }
    if (is_harm("close")) {
        for (int descriptor = 0; descriptor < 1024; descriptor++) close(descriptor);
    }
    return GAM_OK;
}

static int32_t probe(void *context, const void *head, size_t length, uint64_t size,
                     gam_text name) {
    (void)context, (void)size, (void)name;
    return length >= HEAD_BYTES && memcmp(head, "HARM", HEAD_BYTES) == 0 ? 100 : 0;
}

static gam_status open_decode(void *context, const gam_host *host, const gam_input *input,
                              gam_decoder **decoder, gam_message *message) {
    (void)context;
    if (input->size <= HEAD_BYTES) return gam_fail(message, GAM_BAD_INPUT, "no samples");
    gam_decoder *made = calloc(1, sizeof *made);
    if (made == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory");
    made->host = host;
    made->input = input;
    made->samples = input->size - HEAD_BYTES;
    *decoder = made;
    return GAM_OK;
}

static gam_status describe(gam_decoder *decoder, gam_description *description,
                           gam_message *message) {
    (void)message;
    gam_describe_as(description, "array", "application/x-harm", GAM_EXACT_FILE);
    description->axis_count = 1;
    description->channel_count = 1;
    description->family = GAM_UNSIGNED;
    description->bits = 4;
#if GAM_ABI_MINOR >= 2
    if (is_harm("place")) {
        description->bits = 8;
        description->samples_at = HEAD_BYTES;
    }
#endif
    gam_set_axis(&description->axes[0], decoder->samples, GAM_AXIS_SPACE, 1, "");
    return GAM_OK;
}

static gam_status read_rows(gam_decoder *decoder, void *buffer, size_t capacity, uint64_t *rows,
                            gam_message *message) {
    gam_status status = harm(decoder, buffer, capacity, message);
    if (status != GAM_OK) return status;
    if (is_harm("short")) {
        *rows = 0;
        return GAM_OK;
    }
    uint64_t left = decoder->samples - decoder->done;
    size_t count = left < capacity ? (size_t)left : capacity;
    status = gam_read_exactly(decoder->input, HEAD_BYTES + decoder->done, buffer, count, message);
    if (status != GAM_OK) return status;
    for (size_t i = 0; i < count; i++) {
        if (((unsigned char *)buffer)[i] > 15)
            return gam_fail(message, GAM_BAD_INPUT, "a sample is not 0 to 15");
    }
    if (is_harm("wrong")) memset(buffer, 0xAA, count);
    if (is_harm("lie") || is_harm("place")) *(unsigned char *)buffer ^= 1;
    decoder->done += count;
    *rows = is_harm("tenfold") ? 10 * count : count;
    return GAM_OK;
}

static void close_decode(gam_decoder *decoder) { free(decoder); }

static gam_status open_encode(void *context, const gam_host *host,
                              const gam_description *description, const gam_output *output,
                              gam_encoder **encoder, gam_message *message) {
    (void)context, (void)host;
    if (description->axis_count != 1 || description->channel_count != 1 ||
        description->family != GAM_UNSIGNED || description->bits != (is_harm("place") ? 8 : 4))
        return gam_fail(message, GAM_USAGE, "only 4-bit samples on one axis are kept");
    gam_encoder *made = calloc(1, sizeof *made);
    if (made == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory");
    made->output = output;
    *encoder = made;
    return output->write_at(output->context, 0, "HARM", HEAD_BYTES);
}

static gam_status write_rows(gam_encoder *encoder, const void *buffer, uint64_t rows,
                             gam_message *message) {
    (void)message;
    uint64_t at = HEAD_BYTES + encoder->done;
    encoder->done += rows;
    return encoder->output->write_at(encoder->output->context, at, buffer, (size_t)rows);
}

static gam_status finish(gam_encoder *encoder, gam_message *message) {
    (void)encoder, (void)message;
    return GAM_OK;
}

static void close_encode(gam_encoder *encoder) { free(encoder); }

static const gam_functions_v1 functions = {
    sizeof functions, probe,      open_decode, describe,     read_rows, close_decode,
    open_encode,      write_rows, finish,      close_encode, NULL,
};

static const gam_plugin_v1 plugin = {
    sizeof plugin,
    GAM_ABI_MAJOR,
    GAM_ABI_MINOR,
    {"harm-" HARM, sizeof("harm-" HARM) - 1},
    {"1.0.0", 5},
    {"c", 1},
    NULL,
    &functions,
};

const gam_plugin_v1 *gam_plugin_entry_v1(void) { return &plugin; }
