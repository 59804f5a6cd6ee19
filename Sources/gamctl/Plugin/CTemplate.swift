// The files of a new plugin in C; see PluginTemplate.
// What always holds: the format is that of SwiftTemplate, so that both pass with one corpus.

enum CTemplate {
    static let makefile = """
        # make: builds the plugin into build/; make test: the conformance kit on corpus/;
        # make install FOLDER=...: where gamd looks for plugins.
        GAMCTL ?= gamctl
        FOLDER ?= /usr/local/lib/gamd/plugins
        HEADERS ?= @KIT@/Sources/CGAMPlugin/include
        CFLAGS ?= -O2 -Wall -Wextra
        BUILD = $(CC) $(CFLAGS) -I$(HEADERS) -fPIC -shared -fvisibility=hidden

        .PHONY: all test install
        all: build/libgamd-@NAME@.so build/@NAME@.toml

        build/libgamd-@NAME@.so: @NAME@.c
        \tmkdir -p build
        \t$(BUILD) -o $@ $<

        build/@NAME@.toml: @NAME@.toml
        \tmkdir -p build
        \tcp $< $@

        test: all
        \t$(GAMCTL) plugin test build --corpus corpus/*

        install: all
        \tinstall -D -t $(FOLDER) build/libgamd-@NAME@.so build/@NAME@.toml

        """

    static let source = #"""
        /* A plugin for files of one line, "@NAME@ 1 COUNT", and COUNT 16-bit samples, little endian. */
        #include <stdlib.h>

        #include "gam_plugin.h"
        #include "gam_plugin_support.h"

        #define WORD "@NAME@ 1 "
        #define LINE_MAX 64
        #define TEXT(literal) {(literal), sizeof(literal) - 1}

        struct gam_decoder {
            const gam_input *input;
            uint64_t count;
            uint64_t at;
        };

        struct gam_encoder {
            const gam_output *output;
            uint64_t at;
        };

        static int32_t probe(void *context, const void *head, size_t length, uint64_t size,
                             gam_text name) {
            (void)context, (void)size, (void)name;
            return length >= strlen(WORD) && memcmp(head, WORD, strlen(WORD)) == 0 ? 100 : 0;
        }

        /* The length of the first line, with its end; the number in it in `*count`. */
        static size_t parse_line(const char *head, size_t length, uint64_t *count) {
            size_t at = strlen(WORD);
            if (length < at || memcmp(head, WORD, at) != 0) return 0;
            size_t digits = 0;
            for (*count = 0; at < length && head[at] >= '0' && head[at] <= '9'; at++, digits++) {
                *count = *count * 10 + (uint64_t)(head[at] - '0');
                if (*count > GAM_EXTENT_MAX) return 0;
            }
            return digits > 0 && at < length && head[at] == '\n' ? at + 1 : 0;
        }

        static void fill(const gam_decoder *decoder, gam_description *description) {
            gam_describe_as(description, "audio", "application/x-@NAME@", GAM_EXACT_FILE);
            description->axis_count = 1;
            description->channel_count = 1;
            description->family = GAM_SIGNED;
            description->bits = 16;
            gam_set_axis(&description->axes[0], decoder->count, GAM_AXIS_TIME, 1, "");
        }

        static gam_status start(gam_decoder *decoder, const gam_host *host, gam_message *message) {
            char head[LINE_MAX];
            size_t length = 0;
            const gam_input *input = decoder->input;
            gam_status status = input->read_at(input->context, 0, head, sizeof head, &length);
            if (status != GAM_OK) return gam_fail(message, status, "reading the first line failed");
            size_t line = parse_line(head, length, &decoder->count);
            if (line == 0 || decoder->count == 0) {
                return gam_fail(message, GAM_BAD_INPUT, "the first line is not \"" WORD "COUNT\"");
            }
            if (line + decoder->count * 2 != input->size) {
                return gam_fail(message, GAM_BAD_INPUT,
                                "%llu samples are announced and the file has %llu bytes",
                                (unsigned long long)decoder->count, (unsigned long long)input->size);
            }
            gam_description description = {.struct_size = sizeof description};
            fill(decoder, &description);
            status = gam_check_samples(host, &description, message);
            decoder->at = line;
            return status != GAM_OK ? status : gam_keep(host, "line", head, line, message);
        }

        static gam_status open_decode(void *context, const gam_host *host, const gam_input *input,
                                      gam_decoder **result, gam_message *message) {
            (void)context;
            gam_decoder *decoder = calloc(1, sizeof *decoder);
            if (decoder == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory");
            decoder->input = input;
            gam_status status = start(decoder, host, message);
            if (status != GAM_OK) {
                free(decoder);
                return status;
            }
            *result = decoder;
            return GAM_OK;
        }

        static gam_status describe(gam_decoder *decoder, gam_description *description,
                                   gam_message *message) {
            (void)message;
            fill(decoder, description);
            return GAM_OK;
        }

        static gam_status read_rows(gam_decoder *decoder, void *buffer, size_t capacity,
                                    uint64_t *rows, gam_message *message) {
            uint64_t left = (decoder->input->size - decoder->at) / 2;
            *rows = capacity / 2 < left ? capacity / 2 : left;
            gam_status status = gam_read_exactly(decoder->input, decoder->at, buffer,
                                                 (size_t)*rows * 2, message);
            decoder->at += *rows * 2;
            return status;
        }

        static void close_decode(gam_decoder *decoder) { free(decoder); }

        static gam_status open_encode(void *context, const gam_host *host,
                                      const gam_description *description, const gam_output *output,
                                      gam_encoder **result, gam_message *message) {
            (void)context;
            if (description->axis_count != 1 || description->channel_count != 1 ||
                description->family != GAM_SIGNED || description->bits != 16) {
                return gam_fail(message, GAM_USAGE,
                                "only one channel of 16 bits on one axis is kept");
            }
            char made[LINE_MAX];
            size_t length = 0;
            const void *line = gam_kept(host, "line", &length);
            if (line == NULL) {
                length = (size_t)snprintf(made, sizeof made, WORD "%llu\n",
                                          (unsigned long long)description->axes[0].extent);
                line = made;
            }
            gam_encoder *encoder = calloc(1, sizeof *encoder);
            if (encoder == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory");
            encoder->output = output;
            encoder->at = length;
            *result = encoder;
            return output->write_at(output->context, 0, line, length);
        }

        static gam_status write_rows(gam_encoder *encoder, const void *buffer, uint64_t rows,
                                     gam_message *message) {
            uint64_t at = encoder->at;
            encoder->at += rows * 2;
            gam_status status = encoder->output->write_at(encoder->output->context, at, buffer,
                                                          (size_t)rows * 2);
            return status == GAM_OK ? GAM_OK : gam_fail(message, status, "writing samples failed");
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
            sizeof plugin, GAM_ABI_MAJOR,   GAM_ABI_MINOR, TEXT("@NAME@"),
            TEXT("0.1.0"), TEXT("c 1.3"),   NULL,          &functions,
        };

        __attribute__((visibility("default"))) const gam_plugin_v1 *gam_plugin_entry_v1(void) {
            return &plugin;
        }

        """#
}
