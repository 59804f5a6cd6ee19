// The C client of gamd: one header, one source (gamd.c), nothing but libc. Linux, C11 or C++.
//
// What always holds here:
// - A handle is one connection and one request at a time. It has no lock: use it from one thread,
//   or guard it. Any number of handles may live in any number of threads; nothing is global.
// - A function returns GAMD_OK only after the daemon said ok in the last frame of its answer, and
//   samples only after their size and their XXH3-128 were compared with what the daemon sent.
// - Samples are as docs/protocol.md has them: C order, slowest axis first, channels innermost,
//   little endian (on every machine), one container of 1, 2 or 4 bytes each.
// - No call raises SIGPIPE or waits longer than its time-out and deadline allow.
//
// After an error a handle is in one of two states, and gamd_is_open tells which:
// - open: the daemon (or this client, before anything was sent) refused; the next call may succeed.
// - closed: the connection was lost, a time-out passed, or the peer broke a rule of the protocol.
//   Every further call answers GAMD_UNREACHABLE. gamd_close it, and gamd_connect for a new handle.
//
// Structures grow at their ends: set them to zero first, and compile gamd.c with this header.
#ifndef GAMD_H
#define GAMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GAMD_AXES_MAX 4
#define GAMD_CHANNELS_MAX 64
#define GAMD_UNIT_BYTES_MAX 16
#define GAMD_KEY_BYTES_MAX 512

// The status codes of docs/protocol.md; a number this version does not know arrives as GAMD_FAILED.
typedef enum gamd_status {
    GAMD_OK = 0,
    GAMD_FAILED = 1,           // a fault of the daemon
    GAMD_NOT_FOUND = 2,        // no signal has this key
    GAMD_INTEGRITY = 3,        // stored bytes, or bytes on the way, are not what was written
    GAMD_PARTIAL = 4,          // some parts succeeded
    GAMD_BAD_REQUEST = 5,      // key, region, level, format or option make no sense
    GAMD_BAD_INPUT = 6,        // the file or the samples cannot be stored
    GAMD_TOO_LARGE = 7,        // above a limit, of the daemon or of this process's memory
    GAMD_ALREADY_EXISTS = 8,   // must_not_exist, and it exists
    GAMD_CANNOT_WRITE = 9,
    GAMD_IO_ERROR = 10,
    GAMD_BUSY = 11,            // try later
    GAMD_NO_SPACE = 12,        // free space, try later
    GAMD_TIMED_OUT = 13,       // a deadline (open) or this client's time-out (closed) has passed
    GAMD_PROTOCOL_ERROR = 14,  // one side broke a rule of the protocol
    GAMD_UNSUPPORTED = 15,
    GAMD_PERMISSION = 16,
    GAMD_CONFIGURATION = 17,
    GAMD_CANCELLED = 18,       // a callback asked to stop
    GAMD_ADAPTER_MISSING = 19,
    GAMD_ADAPTER_FAULT = 20,
    GAMD_UNREACHABLE = 21      // no daemon answers, or it hung up; made by clients
} gamd_status;

typedef struct gamd_error {
    gamd_status status;
    char text[1024];  // the daemon's own words where it spoke; UTF-8, cut to fit
} gamd_error;

enum { GAMD_SPACE = 0, GAMD_TIME = 1 };                          // kinds of axes
enum { GAMD_UNSIGNED = 0, GAMD_SIGNED = 1, GAMD_FLOAT = 2 };     // families of samples
enum {                                                           // meanings of channels
    GAMD_OTHER = 0, GAMD_GRAY, GAMD_RED, GAMD_GREEN, GAMD_BLUE,
    GAMD_ALPHA, GAMD_PALETTE_INDEX, GAMD_LEFT, GAMD_RIGHT, GAMD_DISTANCE
};

typedef struct gamd_axis {
    uint64_t extent;
    uint32_t kind;                        // GAMD_SPACE or GAMD_TIME
    double spacing;                       // between neighbours, in `unit`; 0 in a put: 1
    char unit[GAMD_UNIT_BYTES_MAX + 1];   // "mm", "s", ""
} gamd_axis;

// Shape and number format of samples.
typedef struct gamd_description {
    gamd_axis axes[GAMD_AXES_MAX];        // slowest first
    uint32_t axis_count;                  // 1 to 4; 0 where nothing is known
    uint32_t channels[GAMD_CHANNELS_MAX]; // what each means
    uint32_t channel_count;               // 1 to 64
    uint32_t family;                      // GAMD_UNSIGNED, GAMD_SIGNED or GAMD_FLOAT
    uint32_t bits;                        // 1 to 32; 16 or 32 for GAMD_FLOAT
} gamd_description;

// What the daemon knows about a signal. Texts are never NULL; see gamd_stat and gamd_list for how
// long they live.
typedef struct gamd_stat_result {
    const char *key;
    const char *kind;                     // "image", "audio", "sdf", "array" or a plugin's own
    gamd_description description;         // axis_count 0: the entry is damaged
    uint64_t raw_bytes, stored_bytes, file_bytes;
    const char *content_hash;             // 32 hex digits: XXH3-128 of the samples
    const char *order, *network_size, *prior;
    uint32_t effort;
    uint64_t shard_extents[GAMD_AXES_MAX];
    uint32_t shard_axis_count;
    uint64_t shard_count, generation;
    const char *adapter, *adapter_version, *exactness, *dtype, *media_type, *transform, *file_name;
    int64_t created_unix_ms;
    uint32_t bits;                        // per sample
    const char *quarantine;               // why the signal is not given out; "": it is sound
    uint32_t lower_bits;                  // lower bits stored apart; 0: none are
} gamd_stat_result;

// Which samples to read. All zero (or NULL) is the whole signal.
typedef struct gamd_interval { int64_t start, stop; } gamd_interval;  // half open
typedef struct gamd_selection {
    // One per axis, slowest first, in points of full resolution; below level 0 in the level's own.
    gamd_interval region[GAMD_AXES_MAX];
    uint32_t axis_count;                  // 0: everything
    // n: the points whose coordinates are multiples of 2^n; -1 and -2: 2^-level points for every
    // stored one, an estimate between them (docs/protocol.md says of which signals).
    int32_t level;
} gamd_selection;

// How to store. All zero (or NULL) is the daemon's own choice.
typedef struct gamd_put_options {
    const char *kind;                     // of samples; NULL: "array"
    const char *network_size;             // "S", "M", "L"; NULL: the daemon's choice
    uint32_t effort;                      // 0 prior only ... 9
    uint32_t shard_extents[GAMD_AXES_MAX];
    uint32_t shard_axis_count;            // 0: the daemon's choice
    bool must_not_exist;
    bool cells;                           // figures of small cells are kept
    uint32_t lower_bits;                  // so many lower bits are stored apart; 0: none
} gamd_put_options;

typedef struct gamd_client gamd_client;

// Takes the next bytes of a stream. Anything but 0 stops it: the call returns GAMD_CANCELLED and
// the handle stays open. It may not use the handle: calls on it return GAMD_BAD_REQUEST.
typedef int (*gamd_sink)(void *context, const void *bytes, size_t count);

// Takes one signal of a list; texts live until it returns. Anything but 0 stops the list with
// GAMD_CANCELLED. It may use the handle (read, delete, ...) but not close it.
typedef int (*gamd_visitor)(void *context, const gamd_stat_result *signal);

// ---- connection -----------------------------------------------------------------------------

// Connects and says Hello. `path` NULL: GAMD_SOCKET of the environment, /run/gamd/gamd.sock, then
// $XDG_RUNTIME_DIR/gamd/gamd.sock. `timeout_ms` is that of gamd_set_timeout. On an error *client
// is NULL and `error` (may be NULL) says why.
gamd_status gamd_connect(
    gamd_client **client, const char *path, uint32_t timeout_ms, gamd_error *error);

// Ends the connection and frees the handle; NULL does nothing.
void gamd_close(gamd_client *client);

// The longest wait without a byte moving, in milliseconds; 0: for ever. When it has passed the call
// returns GAMD_TIMED_OUT and the handle is closed.
void gamd_set_timeout(gamd_client *client, uint32_t timeout_ms);

// The longest time of every further call, in milliseconds; 0: none. The daemon is told, and answers
// GAMD_TIMED_OUT with the handle open; if it has not 2 seconds later, the handle is closed.
void gamd_set_deadline(gamd_client *client, uint32_t deadline_ms);

bool gamd_is_open(const gamd_client *client);
const char *gamd_server(const gamd_client *client);  // the daemon's name and version

// Of the last call on this handle; status GAMD_OK and no text after a success.
const gamd_error *gamd_last_error(const gamd_client *client);
const char *gamd_status_name(gamd_status status);     // "notFound"; never NULL

// ---- signals --------------------------------------------------------------------------------

// Bytes of one sample (1, 2 or 4), and of all of them; 0: the description is not of a signal.
uint32_t gamd_sample_bytes(const gamd_description *description);
uint64_t gamd_description_bytes(const gamd_description *description);

// What is known about a signal. The texts of *result live until the next call on this handle.
gamd_status gamd_stat(gamd_client *client, const char *key, gamd_stat_result *result);

// Calls `visit` for every signal whose key starts with `prefix` ("": all), in byte order of keys.
// GAMD_PARTIAL: all were listed, but some are damaged and known by their key alone.
gamd_status gamd_list(
    gamd_client *client, const char *prefix, gamd_visitor visit, void *context);

// Samples into memory of the caller. *description (may be NULL) is that of what was read;
// gamd_description_bytes of it were written. GAMD_TOO_LARGE, handle open: more than `capacity`.
// On any error the contents of `buffer` are not to be used.
gamd_status gamd_read(gamd_client *client, const char *key, const gamd_selection *selection,
    void *buffer, size_t capacity, gamd_description *description);

// Samples into new memory, which the caller frees with free(). On an error *samples is NULL.
gamd_status gamd_read_alloc(gamd_client *client, const char *key, const gamd_selection *selection,
    void **samples, gamd_description *description);

// Samples to a callback, as they come; *description is set before its first call. The hash comes
// last: unless the call returns GAMD_OK, what the callback has seen is not to be used.
gamd_status gamd_read_stream(gamd_client *client, const char *key, const gamd_selection *selection,
    gamd_sink sink, void *context, gamd_description *description);

// The stored file (format NULL or "") or another form of the signal ("npy", "tiff", ...) to a
// callback; the rule of gamd_read_stream about the last bytes holds here too.
gamd_status gamd_get_file(gamd_client *client, const char *key, const char *format,
    gamd_sink sink, void *context);

// Stores samples; `count` is gamd_description_bytes. When it returns GAMD_OK the signal was
// recalled, compared and is durable, and *result (may be NULL) tells about it, as of gamd_stat. On
// an error the old signal, or nothing, is in place - except where the handle was closed: the commit
// may have been under way, read the key to learn.
gamd_status gamd_put(gamd_client *client, const char *key, const gamd_description *description,
    const void *samples, size_t count, const gamd_put_options *options, gamd_stat_result *result);

// Stores a file through the daemon's adapters. `file_name` (may be NULL) helps to tell its type.
gamd_status gamd_put_file(gamd_client *client, const char *key, const char *file_name,
    const void *bytes, size_t count, const gamd_put_options *options, gamd_stat_result *result);

gamd_status gamd_delete(gamd_client *client, const char *key);

#ifdef __cplusplus
}
#endif

#endif
