/*
 * gam_plugin.h - the interface between gamd and a signal adapter, ABI 1.3.
 *
 * An adapter turns a foreign file into canonical samples and metadata, and back. It knows nothing
 * of networks or storage. One shared library exports one symbol, `gam_plugin_entry_v1`.
 *
 * What always holds
 * - Canonical samples: C order, slowest axis first, channels innermost, little endian, one
 *   container of 1, 2 or 4 bytes per sample (1...8, 9...16, 17...32 bits). Signed values are sign
 *   extended, unsigned ones zero extended; floats are IEEE 754 bit patterns.
 * - A row is one line along the fastest axis with all its channels. In a signal of one axis a row
 *   is one point. Samples travel in whole rows, first row first.
 * - Structs that start with `struct_size` (set by their owner) may grow at the end; a reader
 *   touches no field beyond the owner's `struct_size`. All others never change. What breaks this
 *   is a new major version with a new entry symbol.
 * - Strings are UTF-8 with a length, not NUL-terminated, unless an array of char says otherwise.
 * - No exception and no longjmp may cross a call. Handles are opaque and used by one thread at a
 *   time; two handles may be used by two threads at once.
 * - Sizes that a file declares are compared with `gam_limits` BEFORE memory is taken for them.
 */
#ifndef GAM_PLUGIN_H
#define GAM_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GAM_ABI_MAJOR 1
#define GAM_ABI_MINOR 3
/* The symbol a plugin exports; see gam_plugin_entry_v1 at the end. */
#define GAM_ENTRY_SYMBOL "gam_plugin_entry_v1"

#define GAM_AXES_MAX 4
#define GAM_CHANNELS_MAX 64
/* Samples along one axis. */
#define GAM_EXTENT_MAX (UINT64_C(1) << 30)
#define GAM_UNIT_BYTES 24
#define GAM_KIND_BYTES 16
#define GAM_MEDIA_TYPE_BYTES 64

/* Result of every call that can fail. With anything but GAM_OK the message says what failed and
 * what to do, as one line without a final stop. */
typedef int32_t gam_status;
enum {
    GAM_OK = 0,
    GAM_BAD_INPUT = 1,   /* the file is damaged or not what it says it is */
    GAM_UNSUPPORTED = 2, /* a valid file of a kind that this adapter cannot keep exactly */
    GAM_LIMIT = 3,       /* larger than gam_limits allow */
    GAM_IO = 4,          /* a host callback failed */
    GAM_USAGE = 5,       /* an option, or a description given to the encoder, makes no sense */
    GAM_NO_MEMORY = 6,
    GAM_INTERNAL = 7     /* a fault of the adapter */
};

/* Borrowed UTF-8; valid during the call it is given to, or as long as its owner says. */
typedef struct gam_text {
    const char *bytes;
    size_t length;
} gam_text;

/* Caller-owned room for an error text. The callee writes at most `capacity` bytes and sets
 * `length`; it may leave both alone. */
typedef struct gam_message {
    size_t struct_size;
    char *text;
    size_t capacity;
    size_t length;
} gam_message;

typedef struct gam_limits {
    size_t struct_size;
    uint64_t samples_max;        /* points times channels of one signal */
    uint64_t metadata_bytes_max; /* all metadata blobs of one signal together */
    uint64_t memory_bytes_max;   /* working memory of one handle */
    /* Since ABI 1.1. */
    uint64_t points_max;       /* points of one signal: pixels, frames, voxels */
    uint64_t channels_max;     /* channels of one signal */
    uint64_t output_bytes_max; /* bytes of an encoded file */
    /* Since ABI 1.3. Seconds in which a call must return; UINT64_MAX: any time. A plugin that
     * does not is stopped and blamed: what may take longer for a good file looks at the clock and
     * fails with GAM_LIMIT before. */
    uint64_t seconds_max;
} gam_limits;

/* The file to decode. Valid until close_decode. */
typedef struct gam_input {
    size_t struct_size;
    void *context;
    uint64_t size;      /* bytes of the file */
    gam_text file_name; /* last path component, may be empty; a hint, never to be opened */
    /* Reads up to `length` bytes at `offset` and sets `*count`; fewer only at the end of the
     * file. Reading beyond the end gives 0 bytes and GAM_OK. */
    gam_status (*read_at)(void *context, uint64_t offset, void *buffer, size_t length,
                          size_t *count);
} gam_input;

/* The file to encode into: empty, readable and writable anywhere. Valid until close_encode. */
typedef struct gam_output {
    size_t struct_size;
    void *context;
    /* Writes all `length` bytes at `offset`; a gap reads as zeros. */
    gam_status (*write_at)(void *context, uint64_t offset, const void *buffer, size_t length);
    gam_status (*read_at)(void *context, uint64_t offset, void *buffer, size_t length,
                          size_t *count);
} gam_output;

enum { GAM_LOG_DEBUG = 0, GAM_LOG_INFO = 1, GAM_LOG_WARNING = 2, GAM_LOG_ERROR = 3 };

/* What the host offers to one handle. Valid until the handle is closed. */
typedef struct gam_host {
    size_t struct_size;
    void *context;
    const gam_limits *limits;
    void (*log)(void *context, int32_t level, gam_text text);
    /* Only inside open_decode: keeps a blob that must come back when the signal is encoded. Keys
     * are 1...128 bytes and unique per signal; the blob is copied. GAM_LIMIT: too many bytes. */
    gam_status (*metadata_put)(void *context, gam_text key, const void *bytes, size_t length);
    /* Only while encoding: 1 and the blob (valid until close_encode), or 0 when absent. */
    int32_t (*metadata_get)(void *context, gam_text key, const void **bytes, size_t *length);
    /* 1 and the value of a key=value option (valid until close), or 0 when not given. */
    int32_t (*option_get)(void *context, gam_text key, gam_text *value);
} gam_host;

enum { GAM_AXIS_SPACE = 0, GAM_AXIS_TIME = 1 };

typedef struct gam_axis {
    uint64_t extent;           /* 1...GAM_EXTENT_MAX */
    uint32_t kind;             /* GAM_AXIS_... */
    uint32_t reserved;         /* 0 */
    double spacing;            /* distance of neighbours in `unit`; 1 when unknown */
    char unit[GAM_UNIT_BYTES]; /* NUL-terminated, at most 16 bytes; "" when unknown */
} gam_axis;

enum {
    GAM_CHANNEL_OTHER = 0,
    GAM_CHANNEL_GRAY = 1,
    GAM_CHANNEL_RED = 2,
    GAM_CHANNEL_GREEN = 3,
    GAM_CHANNEL_BLUE = 4,
    GAM_CHANNEL_ALPHA = 5,
    GAM_CHANNEL_PALETTE_INDEX = 6,
    GAM_CHANNEL_LEFT = 7,
    GAM_CHANNEL_RIGHT = 8,
    GAM_CHANNEL_DISTANCE = 9
};

enum { GAM_UNSIGNED = 0, GAM_SIGNED = 1, GAM_FLOAT = 2 };

/* Hint in which sequence a shard is recalled: AUTO lets the host choose from the axes. */
enum { GAM_ORDER_AUTO = 0, GAM_ORDER_WAVEFRONT = 1, GAM_ORDER_CAUSAL = 2 };

/* What comes back: all samples and declared metadata, or the very bytes of the file. */
enum { GAM_EXACT_SAMPLES = 0, GAM_EXACT_FILE = 1 };

typedef struct gam_description {
    size_t struct_size;
    uint32_t axis_count;    /* 1...4 */
    uint32_t channel_count; /* 1...64 */
    gam_axis axes[GAM_AXES_MAX];
    uint8_t channels[GAM_CHANNELS_MAX]; /* GAM_CHANNEL_... */
    uint32_t family;                    /* GAM_UNSIGNED, GAM_SIGNED, GAM_FLOAT */
    uint32_t bits;                      /* 1...32; 16 or 32 for floats */
    uint32_t order;                     /* GAM_ORDER_... */
    uint32_t exactness;                 /* GAM_EXACT_... */
    char kind[GAM_KIND_BYTES];          /* NUL-terminated: "image", "audio", "sdf", "array" ... */
    char media_type[GAM_MEDIA_TYPE_BYTES]; /* NUL-terminated: "image/png" */
    /* Since ABI 1.2. From a decoder: the offset in the input where all samples lie in canonical
     * form, in order and without gaps; the host may then read them there itself and not ask for
     * rows. Only for samples that fill their container. 0: rows must be asked for. */
    uint64_t samples_at;
} gam_description;

/* One option that the adapter understands. The texts are static. */
typedef struct gam_parameter {
    gam_text name;
    gam_text default_value;
    gam_text help;
} gam_parameter;

typedef struct gam_decoder gam_decoder;
typedef struct gam_encoder gam_encoder;

/*
 * The function table. `context` is the `context` of gam_plugin_v1.
 */
typedef struct gam_functions_v1 {
    size_t struct_size;

    /* How sure the adapter is that it understands a file that starts with these bytes:
     * 0 (not mine) ... 100. Must not allocate. */
    int32_t (*probe)(void *context, const void *head, size_t length, uint64_t file_size,
                     gam_text file_name);

    /* Reads headers, checks every declared size, puts the metadata. On GAM_OK `*decoder` is a
     * handle that the host closes; otherwise it stays NULL. */
    gam_status (*open_decode)(void *context, const gam_host *host, const gam_input *input,
                              gam_decoder **decoder, gam_message *message);
    /* Fills `*description` (its struct_size is set by the host). */
    gam_status (*describe)(gam_decoder *decoder, gam_description *description,
                           gam_message *message);
    /* Writes the next whole rows into `buffer`, as many as fit and as convenient, at least one
     * unless all were read; sets `*rows`. The host gives room for at least one row. */
    gam_status (*read_rows)(gam_decoder *decoder, void *buffer, size_t capacity, uint64_t *rows,
                            gam_message *message);
    void (*close_decode)(gam_decoder *decoder);

    /* Starts a file for a signal. The format is the option "format", else what the metadata say,
     * else one that fits the description. */
    gam_status (*open_encode)(void *context, const gam_host *host,
                              const gam_description *description, const gam_output *output,
                              gam_encoder **encoder, gam_message *message);
    /* Takes the next `rows` whole rows. */
    gam_status (*write_rows)(gam_encoder *encoder, const void *buffer, uint64_t rows,
                             gam_message *message);
    /* After the last row: completes the file. */
    gam_status (*finish)(gam_encoder *encoder, gam_message *message);
    /* Frees the handle; without a finish before it the output is worthless. */
    void (*close_encode)(gam_encoder *encoder);

    /* Optional, may be NULL: fills up to `capacity` entries, returns how many there are. */
    size_t (*parameters)(void *context, gam_parameter *entries, size_t capacity);
} gam_functions_v1;

typedef struct gam_plugin_v1 {
    size_t struct_size;
    uint32_t abi_major; /* GAM_ABI_MAJOR of the header it was built with */
    uint32_t abi_minor;
    gam_text id;          /* as in the manifest: "image" */
    gam_text version;     /* semantic version of the plugin: "1.0.0" */
    gam_text sdk_version; /* of the kit it was built with, for people: "c 1.0" */
    void *context;        /* handed to probe, open_decode, open_encode and parameters */
    const gam_functions_v1 *functions;
} gam_plugin_v1;

/* The type of the exported entry. It returns a table that lives as long as the library is
 * loaded. The host checks struct_size, abi_major, abi_minor and id before any other call. */
typedef const gam_plugin_v1 *(*gam_plugin_entry_v1_function)(void);

#ifdef __cplusplus
}
#endif

#endif
