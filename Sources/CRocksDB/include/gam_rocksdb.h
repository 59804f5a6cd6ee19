// A narrow C face on RocksDB (librocksdb 7.8.3): the calls the store needs, no more.
//
// What always holds here:
// - Every call that can fail fills a gam_status; its message must be released with
//   gam_status_clear. No C++ exception crosses this header.
// - Pointers handed to callbacks are lent for the call only.
// - The C API of RocksDB reports errors as text alone and lacks event listeners and
//   checks of blob files; that is why this shim is written against the C++ API.
#ifndef GAM_ROCKSDB_H
#define GAM_ROCKSDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum gam_code {
    GAM_OK = 0,
    GAM_NOT_FOUND = 1,
    GAM_CORRUPTION = 2,
    GAM_NO_SPACE = 3,
    GAM_LOCKED = 4,
    GAM_IO = 5,
};

typedef struct {
    int32_t code;   // enum gam_code
    char *message;  // NULL when code is GAM_OK
} gam_status;

void gam_status_clear(gam_status *status);

typedef struct {
    const uint8_t *bytes;
    size_t count;
} gam_slice;

enum gam_family { GAM_METADATA = 0, GAM_BLOBS = 1 };

typedef struct {
    const char *path;
    bool create_if_missing;
    // true: replay the log only up to the first damaged record instead of refusing to open.
    bool truncate_log_at_damage;
    uint64_t block_cache_bytes;  // blocks, indexes, filters and blobs together
    uint64_t blob_write_buffer_bytes;
    uint64_t metadata_write_buffer_bytes;
    uint64_t blob_bytes_min;   // smaller values stay in the sorted tables
    uint64_t blob_file_bytes;  // a blob file is closed at this size
    uint64_t log_bytes_max;    // write-ahead log kept before a flush is forced
    int32_t open_files_max;
    // A rocksdb::Env to use instead of the default one, or NULL; must outlive the handle.
    void *environment;
} gam_open_options;

typedef struct gam_db gam_db;
typedef struct gam_pin gam_pin;
typedef struct gam_batch gam_batch;

gam_db *gam_db_open(const gam_open_options *options, gam_status *status);
// Writes what is in memory to tables, unless an error stopped writing; closes the database and frees the handle in every case.
void gam_db_close(gam_db *db, gam_status *status);

// Returns NULL with GAM_NOT_FOUND when the key is absent; release with gam_pin_free.
gam_pin *gam_db_get(gam_db *db, int32_t family, gam_slice key, gam_status *status);
gam_slice gam_pin_bytes(const gam_pin *pin);
void gam_pin_free(gam_pin *pin);

gam_batch *gam_batch_new(size_t reserved_bytes);
void gam_batch_put(gam_db *db, gam_batch *batch, int32_t family, gam_slice key, gam_slice value);
void gam_batch_delete(gam_db *db, gam_batch *batch, int32_t family, gam_slice key);
void gam_batch_free(gam_batch *batch);
// Applies the batch atomically over both families; with sync, returns after the log is on disk.
void gam_db_write(gam_db *db, gam_batch *batch, bool sync, gam_status *status);

// Visits keys that start with prefix, in byte order, from the first key > after (after.bytes ==
// NULL: from the prefix itself), until visit returns false. Values are read only when asked for.
typedef bool (*gam_visit)(void *context, gam_slice key, gam_slice value);
void gam_db_scan(gam_db *db, int32_t family, gam_slice prefix, gam_slice after, bool with_values,
                 void *context, gam_visit visit, gam_status *status);

// The background error RocksDB reported last (flush, compaction, log), GAM_OK if there is none.
void gam_db_background_error(gam_db *db, gam_status *status);
// Whether the disk takes writes again: at least free_bytes are free, and a small file beside the
// database can be written and synced.
void gam_db_probe(gam_db *db, uint64_t free_bytes, gam_status *status);

void gam_db_flush(gam_db *db, gam_status *status);
// Compacts both families and rewrites every blob file that holds dead bytes.
void gam_db_reclaim(gam_db *db, bool rewrite_blobs, gam_status *status);
// Reads every table and blob file and compares it with the checksum written beside its name.
void gam_db_verify(gam_db *db, gam_status *status);
uint64_t gam_db_property(gam_db *db, int32_t family, const char *name);

#ifdef __cplusplus
}
#endif
#endif
