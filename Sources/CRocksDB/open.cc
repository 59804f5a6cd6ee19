// Opening and closing: every RocksDB setting is chosen here; docs/store.md gives the reasons.

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <vector>

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/sst_file_manager.h>
#include <rocksdb/table.h>

#include "status.h"

using namespace rocksdb;

bool report(const Status &status, gam_status *out) {
    out->message = nullptr;
    if (status.ok()) {
        out->code = GAM_OK;
        return true;
    }
    const std::string text = status.ToString();
    if (status.IsNotFound()) {
        out->code = GAM_NOT_FOUND;
    } else if (status.IsNoSpace() || status.subcode() == Status::SubCode::kSpaceLimit) {
        out->code = GAM_NO_SPACE;
    } else if (status.IsCorruption()) {
        out->code = GAM_CORRUPTION;
    } else if (status.IsIOError() && text.find("lock") != std::string::npos &&
               text.find("LOCK") != std::string::npos) {
        out->code = GAM_LOCKED;
    } else {
        out->code = GAM_IO;
    }
    out->message = strdup(text.c_str());
    return false;
}

void gam_status_clear(gam_status *status) {
    free(status->message);
    status->message = nullptr;
    status->code = GAM_OK;
}

namespace {
/// RocksDB's warnings and errors, to stderr. Its own log would be a file beside the data: when the disk
/// fills up, an assertion of Debian's build ends the process at the second line that does not fit.
class Warnings final : public Logger {
public:
    Warnings() : Logger(InfoLogLevel::WARN_LEVEL) {}

    using Logger::Logv;
    void Logv(const char *format, va_list arguments) override {
        char text[1024];
        std::vsnprintf(text, sizeof text, format, arguments);
        std::fprintf(stderr, "rocksdb: %s\n", text);
    }
    void LogHeader(const char *, va_list) override {}
};
} // namespace

static DBOptions databaseOptions(const gam_open_options &from) {
    DBOptions options;
    if (from.environment != nullptr) options.env = static_cast<Env *>(from.environment);
    options.create_if_missing = from.create_if_missing;
    options.create_missing_column_families = from.create_if_missing;
    options.paranoid_checks = true;
    options.verify_sst_unique_id_in_manifest = true;
    options.track_and_verify_wals_in_manifest = true;
    options.file_checksum_gen_factory = GetFileChecksumGenCrc32cFactory();
    options.wal_recovery_mode = from.truncate_log_at_damage
                                    ? WALRecoveryMode::kPointInTimeRecovery
                                    : WALRecoveryMode::kTolerateCorruptedTailRecords;
    options.recycle_log_file_num = 0;
    options.max_bgerror_resume_count = 0;
    options.max_total_wal_size = from.log_bytes_max;
    options.max_open_files = from.open_files_max;
    options.max_background_jobs = 2;
    options.bytes_per_sync = 1 << 20;
    options.wal_bytes_per_sync = 1 << 20;
    options.stats_dump_period_sec = 0;
    options.stats_persist_period_sec = 0;
    options.info_log_level = InfoLogLevel::WARN_LEVEL;
    options.info_log = std::make_shared<Warnings>();
    return options;
}

static ColumnFamilyOptions commonFamily(const std::shared_ptr<Cache> &cache) {
    BlockBasedTableOptions table;
    table.block_cache = cache;
    table.checksum = ChecksumType::kXXH3;
    table.cache_index_and_filter_blocks = true;
    table.pin_l0_filter_and_index_blocks_in_cache = true;
    table.filter_policy.reset(NewBloomFilterPolicy(10));
    table.format_version = 5;
    ColumnFamilyOptions options;
    options.table_factory.reset(NewBlockBasedTableFactory(table));
    options.memtable_protection_bytes_per_key = 8;
    options.paranoid_file_checks = true;
    options.max_write_buffer_number = 2;
    return options;
}

static ColumnFamilyOptions metadataFamily(const gam_open_options &from, ColumnFamilyOptions common) {
    common.write_buffer_size = from.metadata_write_buffer_bytes;
    common.compression = kZSTD;
    return common;
}

static ColumnFamilyOptions blobFamily(const gam_open_options &from, ColumnFamilyOptions common,
                                      const std::shared_ptr<Cache> &cache) {
    common.blob_cache = cache;
    common.write_buffer_size = from.blob_write_buffer_bytes;
    common.compression = kNoCompression;
    common.enable_blob_files = true;
    common.min_blob_size = from.blob_bytes_min;
    common.blob_file_size = from.blob_file_bytes;
    common.blob_compression_type = kNoCompression;
    common.enable_blob_garbage_collection = true;
    common.blob_garbage_collection_age_cutoff = 0.5;
    common.blob_garbage_collection_force_threshold = 0.5;
    return common;
}

static gam_db *open(const gam_open_options *from, bool read_only, gam_status *status) {
    auto handle = std::make_unique<gam_db>();
    handle->listener = std::make_shared<BackgroundErrorListener>();
    DBOptions options = databaseOptions(*from);
    options.listeners.push_back(handle->listener);
    // Four shards: a blob has to fit into one of them to stay.
    const std::shared_ptr<Cache> cache = NewLRUCache(from->block_cache_bytes, 2);
    const auto common = commonFamily(cache);
    const std::vector<ColumnFamilyDescriptor> descriptors = {
        {kDefaultColumnFamilyName, metadataFamily(*from, common)},
        {"blobs", blobFamily(*from, common, cache)},
    };
    std::vector<ColumnFamilyHandle *> families;
    DB *db = nullptr;
    const Status opened =
        read_only ? DB::OpenForReadOnly(options, from->path, descriptors, &families, &db)
                  : DB::Open(options, from->path, descriptors, &families, &db);
    if (!report(opened, status)) return nullptr;
    handle->is_read_only = read_only;
    handle->db.reset(db);
    handle->families[GAM_METADATA] = families[0];
    handle->families[GAM_BLOBS] = families[1];
    return handle.release();
}

gam_db *gam_db_open(const gam_open_options *from, gam_status *status) {
    return open(from, false, status);
}

gam_db *gam_db_open_read_only(const gam_open_options *from, gam_status *status) {
    return open(from, true, status);
}

void gam_db_close(gam_db *handle, gam_status *status) {
    std::unique_ptr<gam_db> owned(handle);
    report(Status::OK(), status);
    if (!handle->is_read_only) gam_db_flush(handle, status);
    CancelAllBackgroundWork(owned->db.get(), true);
    for (auto *family : owned->families) {
        owned->db->DestroyColumnFamilyHandle(family).PermitUncheckedError();
    }
    const Status closed = owned->db->Close();
    if (status->code == GAM_OK) report(closed, status);
}
