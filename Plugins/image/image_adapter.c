/*
 * image_adapter.c - the entry of the image plugin: which format a file is, and the calls of the
 * ABI that are the same for all of them.
 *
 * What always holds: a format is chosen by the first bytes of the file, the name only helps the
 * error text; the rows a format is asked for were counted here.
 */
#include <stdlib.h>

#include "image_codec.h"

typedef struct image_format {
    const char *name;
    const char *suffixes; /* each with its dot, separated by spaces */
    int (*matches)(const unsigned char *head, size_t length);
    gam_status (*open_decode)(const gam_host *, const gam_input *, gam_decoder **, gam_message *);
    gam_status (*open_encode)(const gam_host *, const gam_description *, const gam_output *,
                              gam_encoder **, gam_message *);
} image_format;

static int is_png(const unsigned char *head, size_t length) {
    return length >= 8 && memcmp(head, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static int is_tiff(const unsigned char *head, size_t length) {
    return length >= 4 &&
           (memcmp(head, "II*\0", 4) == 0 || memcmp(head, "MM\0*", 4) == 0 ||
            memcmp(head, "II+\0", 4) == 0 || memcmp(head, "MM\0+", 4) == 0);
}

static int is_pnm(const unsigned char *head, size_t length) {
    if (length < 3 || head[0] != 'P' || head[1] < '1' || head[1] > '7') return 0;
    return head[2] == ' ' || head[2] == '\t' || head[2] == '\n' || head[2] == '\r' ||
           head[2] == '#';
}

static int is_pfm(const unsigned char *head, size_t length) {
    return length >= 3 && head[0] == 'P' && (head[1] == 'F' || head[1] == 'f') &&
           (head[2] == ' ' || (head[2] >= '\t' && head[2] <= '\r'));
}

static int is_webp(const unsigned char *head, size_t length) {
    return length >= 12 && memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "WEBP", 4) == 0;
}

static int is_jpeg(const unsigned char *head, size_t length) {
    return length >= 3 && memcmp(head, "\xff\xd8\xff", 3) == 0;
}

/* A bare codestream, or a container of boxes. */
static int is_jxl(const unsigned char *head, size_t length) {
    return (length >= 2 && memcmp(head, "\xff\x0a", 2) == 0) ||
           (length >= 12 && memcmp(head, "\0\0\0\x0cJXL \r\n\x87\n", 12) == 0);
}

static gam_status jpeg_open_encode(const gam_host *host, const gam_description *description,
                                   const gam_output *output, gam_encoder **encoder,
                                   gam_message *message) {
    (void)host, (void)description, (void)output, (void)encoder;
    return gam_fail(message, GAM_USAGE,
                    "a JPEG cannot hold samples without loss; choose png, tiff, webp or pnm");
}

static const image_format formats[] = {
    {"png", ".png", is_png, png_open_decode, png_open_encode},
    {"tiff", ".tif .tiff", is_tiff, tiff_open_decode, tiff_open_encode},
    {"pnm", ".pbm .pgm .ppm .pnm .pam", is_pnm, pnm_open_decode, pnm_open_encode},
    {"pfm", ".pfm", is_pfm, pfm_open_decode, pfm_open_encode},
    {"webp", ".webp", is_webp, webp_open_decode, webp_open_encode},
    {"jxl", ".jxl", is_jxl, jxl_open_decode, jxl_open_encode},
    {"jpeg", ".jpg .jpeg .jpe", is_jpeg, jpeg_open_decode, jpeg_open_encode},
};
enum { FORMAT_COUNT = sizeof formats / sizeof formats[0] };

static int has_suffix(gam_text name, const char *suffixes) {
    while (*suffixes != '\0') {
        size_t length = strcspn(suffixes, " ");
        if (name.length >= length) {
            size_t i = 0;
            const char *end = name.bytes + name.length - length;
            while (i < length && (end[i] | 0x20) == (suffixes[i] | 0x20)) i++;
            if (i == length) return 1;
        }
        suffixes += length + strspn(suffixes + length, " ");
    }
    return 0;
}

static int32_t image_probe(void *context, const void *head, size_t length, uint64_t file_size,
                           gam_text file_name) {
    (void)context, (void)file_size;
    for (int i = 0; i < FORMAT_COUNT; i++) {
        if (!formats[i].matches(head, length)) continue;
        return formats[i].matches == is_pnm ? (has_suffix(file_name, formats[i].suffixes) ? 90 : 50)
                                            : 100;
    }
    return 0;
}

static gam_status image_open_decode(void *context, const gam_host *host, const gam_input *input,
                                    gam_decoder **decoder, gam_message *message) {
    (void)context;
    unsigned char head[16];
    size_t length = 0;
    *decoder = NULL;
    gam_status status = input->read_at(input->context, 0, head, sizeof head, &length);
    if (status != GAM_OK) return gam_fail(message, status, "reading the file failed");
    for (int i = 0; i < FORMAT_COUNT; i++) {
        if (formats[i].matches(head, length))
            return formats[i].open_decode(host, input, decoder, message);
    }
    for (int i = 0; i < FORMAT_COUNT; i++) {
        if (has_suffix(input->file_name, formats[i].suffixes)) {
            return gam_fail(message, GAM_BAD_INPUT,
                            "the name says %s but the signature at the start is damaged or another "
                            "format's; get a complete copy",
                            formats[i].name);
        }
    }
    return gam_fail(message, GAM_BAD_INPUT, "neither PNG, TIFF, WebP, JPEG XL, PNM, PFM nor "
                   "JPEG");
}

static gam_status image_describe(gam_decoder *decoder, gam_description *description,
                                 gam_message *message) {
    (void)message;
    size_t size = description->struct_size;
    memcpy(description, &decoder->description,
           size < sizeof *description ? size : sizeof *description);
    description->struct_size = size;
    return GAM_OK;
}

static gam_status image_read_rows(gam_decoder *decoder, void *buffer, size_t capacity,
                                  uint64_t *rows, gam_message *message) {
    *rows = 0;
    uint64_t rows_max = capacity / decoder->row_bytes;
    if (rows_max > decoder->rows_left) rows_max = decoder->rows_left;
    if (decoder->rows_left == 0) return GAM_OK;
    if (rows_max == 0) return gam_fail(message, GAM_INTERNAL, "no room for one row");
    gam_status status = decoder->read_rows(decoder, buffer, rows_max, rows, message);
    if (status == GAM_OK) decoder->rows_left -= *rows;
    return status;
}

static void image_close_decode(gam_decoder *decoder) {
    if (decoder == NULL) return;
    decoder->close(decoder);
    free(decoder);
}

static gam_status image_open_encode(void *context, const gam_host *host,
                                    const gam_description *description, const gam_output *output,
                                    gam_encoder **encoder, gam_message *message) {
    (void)context;
    *encoder = NULL;
    gam_text level = gam_option(host, "compression");
    if (level.length > 1 || (level.length == 1 && (level.bytes[0] < '0' || level.bytes[0] > '9')))
        return gam_fail(message, GAM_USAGE, "compression is a digit, 0 to 9");
    gam_text name = gam_option(host, "format");
    size_t length = 0;
    if (name.length == 0) {
        const char *kept = gam_kept(host, "format", &length);
        if (kept != NULL) name = (gam_text){kept, length};
    }
    if (name.length == 0) {
        int png = description->axis_count == 2 && description->channel_count <= 4 &&
                  description->family == GAM_UNSIGNED && description->bits <= 16;
        name = gam_string(png ? "png" : "tiff");
    }
    for (int i = 0; i < FORMAT_COUNT; i++) {
        if (!gam_text_equals(name, formats[i].name)) continue;
        gam_status status = image_check_conversion(host, description, formats[i].name, message);
        if (status != GAM_OK) return status;
        return formats[i].open_encode(host, description, output, encoder, message);
    }
    return gam_fail(message, GAM_USAGE,
                    "unknown image format '%.*s'; choose png, tiff, webp, jxl, pnm or pfm",
                    (int)(name.length < 40 ? name.length : 40), name.bytes);
}

static gam_status image_write_rows(gam_encoder *encoder, const void *buffer, uint64_t rows,
                                   gam_message *message) {
    if (rows > encoder->rows_left)
        return gam_fail(message, GAM_USAGE, "more rows than the description has");
    if (rows == 0) return GAM_OK;
    gam_status status = encoder->write_rows(encoder, buffer, rows, message);
    if (status == GAM_OK) encoder->rows_left -= rows;
    return status;
}

static gam_status image_finish(gam_encoder *encoder, gam_message *message) {
    if (encoder->rows_left != 0) {
        return gam_fail(message, GAM_USAGE, "%llu rows are missing",
                        (unsigned long long)encoder->rows_left);
    }
    return encoder->finish(encoder, message);
}

static void image_close_encode(gam_encoder *encoder) {
    if (encoder == NULL) return;
    encoder->close(encoder);
    free(encoder);
}

#define TEXT(literal) {literal, sizeof literal - 1}

static size_t image_parameters(void *context, gam_parameter *entries, size_t capacity) {
    static const gam_parameter all[] = {
        {TEXT("format"), TEXT(""),
         TEXT("format to write: png, tiff, webp, jxl, pnm or pfm; empty: as it came")},
        {TEXT("compression"), TEXT(""),
         TEXT("PNG: level of zlib, 0 (none) to 9 (smallest); empty: 6")},
        {TEXT("drop_metadata"), TEXT(""),
         TEXT("1: write another format even when it cannot hold all metadata")},
        {TEXT("decoded"), TEXT(""),
         TEXT("1: keep the decoded samples of a lossy file (JPEG, lossy WebP or JPEG XL); they "
              "come back in a lossless one")},
        {TEXT("page"), TEXT(""),
         TEXT("TIFF: keep only this page, counted from 0; empty: all pages")},
    };
    enum { COUNT = sizeof all / sizeof all[0] };
    (void)context;
    memcpy(entries, all, (capacity < COUNT ? capacity : COUNT) * sizeof all[0]);
    return COUNT;
}

static const gam_functions_v1 functions = {
    sizeof functions,  image_probe,        image_open_decode, image_describe,
    image_read_rows,   image_close_decode, image_open_encode, image_write_rows,
    image_finish,      image_close_encode, image_parameters,
};

static const gam_plugin_v1 plugin = {
    sizeof plugin, GAM_ABI_MAJOR, GAM_ABI_MINOR, TEXT("image"), TEXT("1.0.0"),
    TEXT("c 1.3"), NULL,          &functions,
};

__attribute__((visibility("default"))) const gam_plugin_v1 *gam_plugin_entry_v1(void) {
    return &plugin;
}
