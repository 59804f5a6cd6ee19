/*
 * jpeg_decode.c - the decoded samples of a JPEG, for those who ask for them.
 *
 * What always holds: without the option decoded=1 a JPEG is refused, since its samples do not give
 * the same file again. With it the signal is the picture that libjpeg's slow integer transform
 * decodes, and comes back as a PNG with the EXIF, color profile, XMP and density of the JPEG.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>
#include <zlib.h>

#include "png_chunks.h"

enum { WINDOW = 64 * 1024 };

typedef struct jpeg_decoder {
    gam_decoder base;
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    jmp_buf failed; /* never left armed across a call of the ABI */
    gam_status read_status;
    uint64_t offset;
    char text[JMSG_LENGTH_MAX];
    unsigned char window[WINDOW];
} jpeg_decoder;

static void fail_jpeg(j_common_ptr common) {
    jpeg_decoder *decoder = common->client_data;
    common->err->format_message(common, decoder->text);
    longjmp(decoder->failed, 1);
}

/* libjpeg goes on after damaged data with a warning; exact or an error, so a warning is one. */
static void refuse_warning(j_common_ptr common, int level) {
    if (level < 0) fail_jpeg(common);
}

static void start_source(j_decompress_ptr jpeg) { (void)jpeg; }

static boolean fill_window(j_decompress_ptr jpeg) {
    jpeg_decoder *decoder = jpeg->client_data;
    const gam_input *input = decoder->base.input;
    size_t count = 0;
    decoder->read_status =
        input->read_at(input->context, decoder->offset, decoder->window, WINDOW, &count);
    if (decoder->read_status != GAM_OK || count == 0) {
        snprintf(decoder->text, sizeof decoder->text, "the file is cut off");
        longjmp(decoder->failed, 1);
    }
    decoder->offset += count;
    decoder->source.next_input_byte = decoder->window;
    decoder->source.bytes_in_buffer = count;
    return TRUE;
}

static void skip_input(j_decompress_ptr jpeg, long count) {
    jpeg_decoder *decoder = jpeg->client_data;
    if (count <= 0) return;
    size_t there = decoder->source.bytes_in_buffer;
    if ((size_t)count <= there) {
        decoder->source.next_input_byte += count;
        decoder->source.bytes_in_buffer -= (size_t)count;
        return;
    }
    decoder->offset += (size_t)count - there;
    decoder->source.bytes_in_buffer = 0;
}

static void end_source(j_decompress_ptr jpeg) { (void)jpeg; }

static gam_status jpeg_failed(const jpeg_decoder *decoder, gam_message *message) {
    if (decoder->read_status != GAM_OK)
        return gam_fail(message, decoder->read_status, "reading the file failed");
    return gam_fail(message, GAM_BAD_INPUT, "the JPEG is damaged: %s; get a clean copy",
                    decoder->text);
}

static int add_chunk(png_bytes *chunks, const char *type, const void *first, size_t first_bytes,
                     const void *second, size_t second_bytes) {
    size_t length = first_bytes + second_bytes;
    unsigned char size[4], check[4];
    for (int i = 0; i < 4; i++) size[i] = (unsigned char)(length >> (24 - i * 8));
    uLong crc = crc32(0, (const unsigned char *)type, 4);
    crc = crc32(crc, first, (uInt)first_bytes);
    if (second_bytes > 0) crc = crc32(crc, second, (uInt)second_bytes);
    for (int i = 0; i < 4; i++) check[i] = (unsigned char)(crc >> (24 - i * 8));
    return png_append(chunks, size, 4) && png_append(chunks, type, 4) &&
           png_append(chunks, first, first_bytes) && png_append(chunks, second, second_bytes) &&
           png_append(chunks, check, 4);
}

/* The color profile, compressed as an iCCP chunk wants it. */
static int add_profile(png_bytes *chunks, j_decompress_ptr jpeg) {
    static const char name[] = "JPEG profile\0"; /* the second zero: deflate */
    JOCTET *profile = NULL;
    unsigned int length = 0;
    if (!jpeg_read_icc_profile(jpeg, &profile, &length)) return 1;
    uLongf packed_bytes = compressBound(length);
    unsigned char *packed = malloc(packed_bytes);
    int done = packed != NULL && compress(packed, &packed_bytes, profile, length) == Z_OK &&
               add_chunk(chunks, "iCCP", name, sizeof name, packed, packed_bytes);
    free(packed);
    free(profile);
    return done;
}

static int add_marker(png_bytes *chunks, const struct jpeg_marker_struct *marker) {
    static const char exif[] = "Exif\0", xmp[] = "http://ns.adobe.com/xap/1.0/";
    static const char text[] = "XML:com.adobe.xmp\0\0\0\0";
    const unsigned char *data = marker->data;
    size_t length = marker->data_length;
    if (marker->marker == JPEG_COM) {
        static const char comment[] = "Comment";
        return add_chunk(chunks, "tEXt", comment, sizeof comment, data, length);
    }
    if (length > sizeof exif && memcmp(data, exif, sizeof exif) == 0)
        return add_chunk(chunks, "eXIf", data + sizeof exif, length - sizeof exif, NULL, 0);
    if (length > sizeof xmp && memcmp(data, xmp, sizeof xmp) == 0)
        return add_chunk(chunks, "iTXt", text, sizeof text, data + sizeof xmp,
                         length - sizeof xmp);
    return 1;
}

static gam_status keep_metadata(jpeg_decoder *decoder, gam_message *message) {
    const gam_host *host = decoder->base.host;
    j_decompress_ptr jpeg = &decoder->jpeg;
    unsigned char header[13] = {0};
    for (int i = 0; i < 4; i++) {
        header[i] = (unsigned char)(jpeg->output_width >> (24 - i * 8));
        header[4 + i] = (unsigned char)(jpeg->output_height >> (24 - i * 8));
    }
    header[8] = 8;
    header[9] = jpeg->output_components == 3 ? 2 : 0;
    png_bytes chunks = {0};
    int done = add_profile(&chunks, jpeg);
    if (done && jpeg->saw_JFIF_marker && jpeg->density_unit > 0) {
        /* pHYs counts in pixels per metre. */
        double factor = jpeg->density_unit == 1 ? 1 / 0.0254 : 100;
        uint32_t x = (uint32_t)(jpeg->X_density * factor + 0.5);
        uint32_t y = (uint32_t)(jpeg->Y_density * factor + 0.5);
        unsigned char density[9] = {0, 0, 0, 0, 0, 0, 0, 0, 1};
        for (int i = 0; i < 4; i++) {
            density[i] = (unsigned char)(x >> (24 - i * 8));
            density[4 + i] = (unsigned char)(y >> (24 - i * 8));
        }
        done = add_chunk(&chunks, "pHYs", density, sizeof density, NULL, 0);
    }
    for (jpeg_saved_marker_ptr marker = jpeg->marker_list; done && marker != NULL;
         marker = marker->next)
        done = add_marker(&chunks, marker);
    gam_status status = done ? gam_keep(host, "format", "png", 3, message)
                             : gam_fail(message, GAM_NO_MEMORY, "no memory for the metadata");
    if (status == GAM_OK) status = gam_keep(host, "png.header", header, sizeof header, message);
    if (status == GAM_OK && chunks.length > 0)
        status = gam_keep(host, "png.before", chunks.bytes, chunks.length, message);
    free(chunks.bytes);
    return status;
}

static gam_status describe(jpeg_decoder *decoder, gam_message *message) {
    j_decompress_ptr jpeg = &decoder->jpeg;
    gam_description *description = &decoder->base.description;
    gam_describe_as(description, "image", "image/png", GAM_EXACT_SAMPLES);
    image_set_plane(description, jpeg->output_height, jpeg->output_width);
    image_set_channels(description, (uint32_t)jpeg->output_components);
    description->family = GAM_UNSIGNED;
    description->bits = 8;
    return gam_check_samples(decoder->base.host, description, message);
}

static gam_status read_header(jpeg_decoder *decoder, gam_message *message) {
    j_decompress_ptr jpeg = &decoder->jpeg;
    const gam_limits *limits = decoder->base.host->limits;
    if (setjmp(decoder->failed) != 0) return jpeg_failed(decoder, message);
    jpeg_create_decompress(jpeg);
    jpeg->client_data = decoder;
    jpeg->src = &decoder->source;
    jpeg->mem->max_memory_to_use =
        (long)(limits->memory_bytes_max < 1u << 30 ? limits->memory_bytes_max : 1u << 30);
    jpeg_save_markers(jpeg, JPEG_COM, 0xffff);
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xffff);
    jpeg_save_markers(jpeg, JPEG_APP0 + 2, 0xffff);
    jpeg_read_header(jpeg, TRUE);
    if (jpeg->num_components != 1 && jpeg->num_components != 3)
        return gam_fail(message, GAM_UNSUPPORTED, "a JPEG of %d components is not kept; convert it "
                        "to RGB", jpeg->num_components);
    /* A progressive picture is held as coefficients of two bytes. */
    gam_status status = gam_check_memory(
        decoder->base.host,
        jpeg->progressive_mode
            ? (uint64_t)jpeg->image_width * jpeg->image_height * 2 * (uint64_t)jpeg->num_components
            : (uint64_t)jpeg->image_width * 64,
        "a JPEG of this size", message);
    if (status != GAM_OK) return status;
    jpeg->out_color_space = jpeg->num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg->dct_method = JDCT_ISLOW;
    jpeg_calc_output_dimensions(jpeg);
    status = describe(decoder, message);
    if (status == GAM_OK) status = keep_metadata(decoder, message);
    if (status == GAM_OK) jpeg_start_decompress(jpeg);
    return status;
}

static gam_status jpeg_read_rows(gam_decoder *base, unsigned char *buffer, uint64_t rows_max,
                                 uint64_t *rows, gam_message *message) {
    jpeg_decoder *decoder = (jpeg_decoder *)base;
    if (setjmp(decoder->failed) != 0) return jpeg_failed(decoder, message);
    for (*rows = 0; *rows < rows_max;) {
        JSAMPROW row = buffer + *rows * base->row_bytes;
        *rows += jpeg_read_scanlines(&decoder->jpeg, &row, 1);
    }
    if (decoder->jpeg.output_scanline == decoder->jpeg.output_height)
        jpeg_finish_decompress(&decoder->jpeg);
    return GAM_OK;
}

static void jpeg_close_decode(gam_decoder *base) {
    jpeg_destroy_decompress(&((jpeg_decoder *)base)->jpeg);
}

gam_status jpeg_open_decode(const gam_host *host, const gam_input *input, gam_decoder **result,
                            gam_message *message) {
    if (!gam_text_equals(gam_option(host, "decoded"), "1")) {
        return gam_fail(message, GAM_UNSUPPORTED,
                        "JPEG is compressed with loss: the same file cannot be made again from its "
                        "samples; put it with --decoded to store the samples that it decodes to");
    }
    jpeg_decoder *decoder = (jpeg_decoder *)image_new_decoder(sizeof *decoder, host, input);
    if (decoder == NULL) return gam_fail(message, GAM_NO_MEMORY, "no memory for a decoder");
    decoder->base.read_rows = jpeg_read_rows;
    decoder->base.close = jpeg_close_decode;
    decoder->jpeg.err = jpeg_std_error(&decoder->errors);
    decoder->errors.error_exit = fail_jpeg;
    decoder->errors.emit_message = refuse_warning;
    decoder->jpeg.client_data = decoder;
    decoder->source = (struct jpeg_source_mgr){.init_source = start_source,
                                               .fill_input_buffer = fill_window,
                                               .skip_input_data = skip_input,
                                               .resync_to_restart = jpeg_resync_to_restart,
                                               .term_source = end_source};
    gam_status status = read_header(decoder, message);
    if (status != GAM_OK) {
        jpeg_close_decode(&decoder->base);
        free(decoder);
        return status;
    }
    decoder->base.row_bytes = gam_row_bytes(&decoder->base.description);
    decoder->base.rows_left = gam_row_count(&decoder->base.description);
    *result = &decoder->base;
    return GAM_OK;
}
