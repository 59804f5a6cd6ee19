/*
 * Drives the C client (C/gamd.h) for Tests/integration/test_c_client.py.
 *
 * What always holds:
 * - A command is one line of words separated by tabs, bytes of a put behind it. Each is answered by
 *   "status open info-bytes payload-bytes\n", the info ("name=value" ended by NUL) and the payload.
 * - Nothing is judged here but what a caller of C sees: a callback's rules, terminated texts.
 * - A signal arrives every millisecond and nothing is restarted by itself: every wait of the client
 *   is interrupted sooner or later.
 */
#define _XOPEN_SOURCE 700
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "gamd.h"

static gamd_client *client;
static gamd_error connect_error;
static FILE *info, *payload;
static char *info_bytes, *payload_bytes;
static size_t info_count, payload_count;

static void tell(const char *name, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(info, "%s=", name);
    vfprintf(info, format, arguments);
    fputc(0, info);
    va_end(arguments);
}

static void tell_description(const gamd_description *d) {
    for (uint32_t i = 0; i < d->axis_count; i++) {
        tell("axis", "%" PRIu64 ":%" PRIu32 ":%a:%s", d->axes[i].extent, d->axes[i].kind,
             d->axes[i].spacing, d->axes[i].unit);
    }
    for (uint32_t i = 0; i < d->channel_count; i++) tell("channel", "%" PRIu32, d->channels[i]);
    tell("family", "%" PRIu32, d->family);
    tell("depth", "%" PRIu32, d->bits);
}

static void tell_stat(const gamd_stat_result *s) {
    const char *const texts[][2] = {
        {"key", s->key}, {"kind", s->kind}, {"content_hash", s->content_hash}, {"order", s->order},
        {"network_size", s->network_size}, {"prior", s->prior}, {"adapter", s->adapter},
        {"adapter_version", s->adapter_version}, {"exactness", s->exactness}, {"dtype", s->dtype},
        {"media_type", s->media_type}, {"transform", s->transform}, {"file_name", s->file_name},
        {"quarantine", s->quarantine},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) tell(texts[i][0], "%s", texts[i][1]);
    tell_description(&s->description);
    tell("raw_bytes", "%" PRIu64, s->raw_bytes);
    tell("stored_bytes", "%" PRIu64, s->stored_bytes);
    tell("file_bytes", "%" PRIu64, s->file_bytes);
    tell("effort", "%" PRIu32, s->effort);
    for (uint32_t i = 0; i < s->shard_axis_count; i++) {
        tell("shard_extent", "%" PRIu64, s->shard_extents[i]);
    }
    tell("shard_count", "%" PRIu64, s->shard_count);
    tell("generation", "%" PRIu64, s->generation);
    tell("created_unix_ms", "%" PRId64, s->created_unix_ms);
    tell("bits", "%" PRIu32, s->bits);
}

/* The part of `*rest` before `separator`; empty at the end. */
static char *word(char **rest, char separator) {
    char *start = *rest, *end = strchr(start, separator);
    *rest = end == NULL ? start + strlen(start) : end + 1;
    if (end != NULL) *end = 0;
    return start;
}

static unsigned long long number(char **rest, char separator) {
    return strtoull(word(rest, separator), NULL, 10);
}

/* Bytes until it says stop; whether it tries to use the handle. */
struct taking { size_t left; bool nested; };

static int take(void *context, const void *bytes, size_t count) {
    struct taking *taking = context;
    if (taking->nested) {
        gamd_stat_result stat;
        assert(gamd_stat(client, "k", &stat) == GAMD_BAD_REQUEST);
    }
    if (count > taking->left) return 1;
    taking->left -= count;
    fwrite(bytes, 1, count, payload);
    return 0;
}

static gamd_selection selection_of(char **rest) {
    gamd_selection s = {.level = (int32_t)strtol(word(rest, '\t'), NULL, 10)};
    for (char *region = word(rest, '\t'); *region != 0;) {
        gamd_interval interval;
        interval.start = strtoll(word(&region, ':'), NULL, 10);
        interval.stop = strtoll(word(&region, ','), NULL, 10);
        if (s.axis_count < GAMD_AXES_MAX) s.region[s.axis_count] = interval;
        s.axis_count++;
    }
    return s;
}

/* read MODE KEY LEVEL REGION LIMIT: into a buffer of LIMIT bytes, new memory, or a callback. */
static gamd_status run_read(char *rest) {
    const char *mode = word(&rest, '\t'), *key = word(&rest, '\t');
    gamd_selection selection = selection_of(&rest);
    size_t limit = (size_t)number(&rest, '\t');
    gamd_description description;
    gamd_status status;
    void *samples = NULL;
    if (strcmp(mode, "buffer") == 0) {
        samples = malloc(limit + 1);
        assert(samples != NULL);
        ((char *)samples)[limit] = 42;
        status = gamd_read(client, key, &selection, samples, limit, &description);
        assert(((char *)samples)[limit] == 42);
    } else if (strcmp(mode, "alloc") == 0) {
        const gamd_selection *some = selection.axis_count > 0 || selection.level != 0 ? &selection : NULL;
        status = gamd_read_alloc(client, key, some, &samples, &description);
        assert((samples != NULL) == (status == GAMD_OK));
    } else {
        struct taking taking = {limit, strcmp(mode, "nested") == 0};
        status = gamd_read_stream(client, key, &selection, take, &taking, &description);
    }
    if (status == GAMD_OK) {
        tell_description(&description);
        if (samples != NULL) fwrite(samples, 1, gamd_description_bytes(&description), payload);
    }
    free(samples);
    return status;
}

static gamd_status run_get(char *rest) {
    const char *key = word(&rest, '\t'), *format = word(&rest, '\t');
    struct taking taking = {(size_t)number(&rest, '\t'), false};
    return gamd_get_file(client, key, format, take, &taking);
}

struct visiting { unsigned long long left; bool deletes; };

static int visit(void *context, const gamd_stat_result *signal) {
    struct visiting *visiting = context;
    if (visiting->left-- == 0) return 1;
    gamd_stat_result again;
    if (visiting->deletes) {
        assert(gamd_stat(client, signal->key, &again) == GAMD_OK);
        assert(strcmp(again.content_hash, signal->content_hash) == 0);
        assert(gamd_delete(client, signal->key) == GAMD_OK);
    }
    tell_stat(signal);
    return 0;
}

static gamd_status run_list(char *rest) {
    const char *prefix = word(&rest, '\t');
    struct visiting visiting = {number(&rest, '\t'), strcmp(word(&rest, '\t'), "delete") == 0};
    return gamd_list(client, prefix, visit, &visiting);
}

/* EXTENT:KIND:SPACING:UNIT,...  MEANING,...  FAMILY  BITS */
static gamd_description description_of(char **rest) {
    gamd_description d = {.axis_count = 0};
    for (char *axes = word(rest, '\t'); *axes != 0 && d.axis_count < GAMD_AXES_MAX;) {
        gamd_axis *axis = &d.axes[d.axis_count++];
        char *one = word(&axes, ',');
        axis->extent = number(&one, ':');
        axis->kind = (uint32_t)number(&one, ':');
        axis->spacing = strtod(word(&one, ':'), NULL);
        snprintf(axis->unit, sizeof axis->unit, "%s", one);
    }
    for (char *meanings = word(rest, '\t'); *meanings != 0;) {
        d.channels[d.channel_count++] = (uint32_t)number(&meanings, ',');
    }
    d.family = (uint32_t)number(rest, '\t');
    d.bits = (uint32_t)number(rest, '\t');
    return d;
}

/* KIND EFFORT SIZE SHARDS MUST_NOT_EXIST LOWER_BITS */
static gamd_put_options options_of(char **rest) {
    gamd_put_options o = {.kind = word(rest, '\t')};
    if (o.kind[0] == 0) o.kind = NULL;
    o.effort = (uint32_t)number(rest, '\t');
    o.network_size = word(rest, '\t');
    for (char *shards = word(rest, '\t'); *shards != 0;)
        o.shard_extents[o.shard_axis_count++] = (uint32_t)number(&shards, ',');
    o.must_not_exist = number(rest, '\t') != 0;
    o.lower_bits = (uint32_t)number(rest, '\t');
    return o;
}

/* put COUNT KEY OPTIONS DESCRIPTION, or putfile COUNT KEY OPTIONS NAME; COUNT bytes follow. */
static gamd_status run_put(char *rest, bool is_file) {
    size_t count = (size_t)number(&rest, '\t');
    char *key = word(&rest, '\t');
    gamd_put_options options = options_of(&rest);
    uint8_t *bytes = malloc(count + 1);
    assert(bytes != NULL);
    for (size_t got = 0; got < count; clearerr(stdin)) {
        got += fread(bytes + got, 1, count - got, stdin);
        assert(got == count || (ferror(stdin) && errno == EINTR));
    }
    gamd_stat_result stat;
    gamd_status status;
    if (is_file) {
        status = gamd_put_file(client, key, rest, bytes, count, &options, &stat);
    } else {
        gamd_description description = description_of(&rest);
        status = gamd_put(client, key, &description, bytes, count, &options, &stat);
    }
    free(bytes);
    if (status == GAMD_OK) tell_stat(&stat);
    return status;
}

static gamd_status run_stat(const char *key) {
    gamd_stat_result stat;
    gamd_status status = gamd_stat(client, key, &stat);
    if (status == GAMD_OK) tell_stat(&stat);
    return status;
}

static gamd_status run_open(char *rest) {
    gamd_close(client);
    const char *path = word(&rest, '\t');
    uint32_t timeout = (uint32_t)number(&rest, '\t');
    gamd_status status = gamd_connect(&client, path[0] ? path : NULL, timeout, &connect_error);
    assert((client != NULL) == (status == GAMD_OK));
    if (status == GAMD_OK) gamd_set_deadline(client, (uint32_t)number(&rest, '\t'));
    if (status == GAMD_OK) tell("server", "%s", gamd_server(client));
    return status;
}

static gamd_status run(char *line) {
    char *rest = line;
    const char *name = word(&rest, '\t');
    if (strcmp(name, "open") == 0) return run_open(rest);
    assert(client != NULL);
    if (strcmp(name, "read") == 0) return run_read(rest);
    if (strcmp(name, "get") == 0) return run_get(rest);
    if (strcmp(name, "list") == 0) return run_list(rest);
    if (strcmp(name, "put") == 0) return run_put(rest, false);
    if (strcmp(name, "putfile") == 0) return run_put(rest, true);
    if (strcmp(name, "stat") == 0) return run_stat(rest);
    assert(strcmp(name, "delete") == 0);
    return gamd_delete(client, rest);
}

static void interrupt(int number) { (void)number; }

/* Signals come while a command runs; between commands stdio must not meet them. */
static void let_interrupts(int how) {
    sigset_t alarms;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    sigprocmask(how, &alarms, NULL);
}

int main(void) {
    struct sigaction action = {.sa_handler = interrupt};
    struct itimerval every = {{0, 1000}, {0, 1000}};
    let_interrupts(SIG_BLOCK);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    char *line = NULL;
    size_t capacity = 0;
    ssize_t count;
    while ((count = getline(&line, &capacity, stdin)) > 0) {
        line[count - 1] = 0;
        info = open_memstream(&info_bytes, &info_count);
        payload = open_memstream(&payload_bytes, &payload_count);
        let_interrupts(SIG_UNBLOCK);
        gamd_status status = run(line);
        let_interrupts(SIG_BLOCK);
        const gamd_error *error = client != NULL ? gamd_last_error(client) : &connect_error;
        assert(error->status == status && (error->text[0] != 0) == (status != GAMD_OK));
        tell("error", "%s", error->text);
        tell("status", "%s", gamd_status_name(status));
        fclose(info);
        fclose(payload);
        printf("%d %d %zu %zu\n", (int)status, client != NULL && gamd_is_open(client), info_count,
               payload_count);
        fwrite(info_bytes, 1, info_count, stdout);
        fwrite(payload_bytes, 1, payload_count, stdout);
        fflush(stdout);
        free(info_bytes);
        free(payload_bytes);
    }
    free(line);
    gamd_close(client);
    return 0;
}
