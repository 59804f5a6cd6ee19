/*
 * pnm_header.c - reads the header of a PNM or PAM file (netpbm formats P1 ... P7).
 *
 * What always holds after pnm_read_header: sides, channels and maxval are in the range of the
 * format; `bytes[0 ..< length]` is the header as it is in the file, up to the first sample.
 */
#include "pnm.h"

static int is_space(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* The next byte, with comments as one line end when `skip_comments`; -1 at the end. */
static int next_byte(pnm_header *header, int skip_comments) {
    int c = header->length < header->filled ? header->bytes[header->length++] : -1;
    if (c == '#' && skip_comments) {
        while (c != -1 && c != '\n' && c != '\r')
            c = header->length < header->filled ? header->bytes[header->length++] : -1;
    }
    return c;
}

/* A whitespace-delimited number, which takes one byte of whitespace behind it; -1: none. */
static int64_t next_number(pnm_header *header) {
    int c = next_byte(header, 1);
    while (is_space(c)) c = next_byte(header, 1);
    int64_t value = 0;
    int digits = 0;
    for (; c >= '0' && c <= '9' && digits < 10; digits++, c = next_byte(header, 1))
        value = value * 10 + (c - '0');
    return digits > 0 && is_space(c) ? value : -1;
}

static gam_status read_classic(pnm_header *header, gam_message *message) {
    header->width = next_number(header);
    header->height = next_number(header);
    header->maxval = header->variant == 1 || header->variant == 4 ? 1 : next_number(header);
    header->depth = header->variant == 3 || header->variant == 6 ? 3 : 1;
    if (header->width < 0 || header->height < 0 || header->maxval < 0)
        return gam_fail(message, GAM_BAD_INPUT, "the PNM header is damaged or longer than %d bytes",
                        PNM_HEADER_MAX);
    return GAM_OK;
}

/* One line of a PAM header into `line`; 0 at the end of the bytes or when it is too long. */
static int next_line(pnm_header *header, char *line, size_t capacity) {
    size_t length = 0;
    for (int c = next_byte(header, 0); c != '\n'; c = next_byte(header, 0)) {
        if (c <= 0 || length + 1 == capacity) return 0;
        line[length++] = (char)c;
    }
    line[length] = '\0';
    return 1;
}

static int64_t number_after(const char *text) {
    int64_t value = 0;
    int digits = 0;
    while (is_space(*text)) text++;
    for (; *text >= '0' && *text <= '9' && digits < 10; digits++, text++)
        value = value * 10 + (*text - '0');
    while (is_space(*text)) text++;
    return digits > 0 && *text == '\0' ? value : -1;
}

static gam_status read_pam(pnm_header *header, gam_message *message) {
    char line[256];
    header->width = header->height = header->depth = header->maxval = -1;
    if (!next_line(header, line, sizeof line)) line[0] = 'x';
    while (next_line(header, line, sizeof line)) {
        if (strncmp(line, "ENDHDR", 6) == 0) {
            if (header->width >= 0 && header->height >= 0 && header->depth >= 0 &&
                header->maxval >= 0)
                return GAM_OK;
            break;
        }
        if (strncmp(line, "WIDTH", 5) == 0) header->width = number_after(line + 5);
        else if (strncmp(line, "HEIGHT", 6) == 0) header->height = number_after(line + 6);
        else if (strncmp(line, "DEPTH", 5) == 0) header->depth = number_after(line + 5);
        else if (strncmp(line, "MAXVAL", 6) == 0) header->maxval = number_after(line + 6);
        else if (strncmp(line, "TUPLTYPE", 8) == 0)
            snprintf(header->tuple_type, sizeof header->tuple_type, "%.40s",
                     line + 8 + strspn(line + 8, " \t"));
    }
    return gam_fail(message, GAM_BAD_INPUT, "the PAM header is damaged or longer than %d bytes",
                    PNM_HEADER_MAX);
}

gam_status pnm_parse_header(pnm_header *header, gam_message *message) {
    header->length = 0;
    if (next_byte(header, 0) != 'P') return gam_fail(message, GAM_BAD_INPUT, "not a PNM file");
    header->variant = next_byte(header, 0) - '0';
    if (header->variant < 1 || header->variant > 7)
        return gam_fail(message, GAM_BAD_INPUT, "not a PNM file");
    gam_status status =
        header->variant == 7 ? read_pam(header, message) : read_classic(header, message);
    if (status != GAM_OK) return status;
    if (header->maxval < 1 || header->maxval > 65535)
        return gam_fail(message, GAM_BAD_INPUT, "maxval %lld is not in 1...65535",
                        (long long)header->maxval);
    if (header->depth < 1 || header->depth > GAM_CHANNELS_MAX)
        return gam_fail(message, GAM_UNSUPPORTED, "%lld samples per pixel; at most %d are kept",
                        (long long)header->depth, GAM_CHANNELS_MAX);
    return GAM_OK;
}

gam_status pnm_read_header(const gam_input *input, pnm_header *header, gam_message *message) {
    gam_status status =
        input->read_at(input->context, 0, header->bytes, sizeof header->bytes, &header->filled);
    if (status != GAM_OK) return gam_fail(message, status, "reading the header failed");
    return pnm_parse_header(header, message);
}

uint32_t pnm_bits(int64_t maxval) {
    uint32_t bits = 1;
    while ((INT64_C(1) << bits) <= maxval) bits++;
    return bits;
}

uint64_t pnm_raw_row_bytes(const pnm_header *header) {
    uint64_t samples = (uint64_t)header->width * (uint64_t)header->depth;
    if (header->variant == 4) return ((uint64_t)header->width + 7) / 8;
    return header->maxval > 255 ? samples * 2 : samples;
}
