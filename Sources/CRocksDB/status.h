// Shared by the files of the shim: what a handle holds, and how a rocksdb::Status is told in C.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include <rocksdb/db.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/slice.h>
#include <rocksdb/status.h>
#include <rocksdb/write_batch.h>

#include "gam_rocksdb.h"

// Remembers the background error RocksDB is in; its own accessor is not public.
class BackgroundErrorListener : public rocksdb::EventListener {
public:
    void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status *error) override {
        std::lock_guard<std::mutex> guard(mutex_);
        error_ = *error;
        errors++;
    }
    void OnStallConditionsChanged(const rocksdb::WriteStallInfo &info) override {
        if (info.condition.cur != rocksdb::WriteStallCondition::kNormal) stalls++;
    }
    // The store recovers by opening the database again; RocksDB is not to try it behind its back.
    void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                              bool *recovers_automatically) override {
        *recovers_automatically = false;
    }
    std::atomic<uint64_t> stalls{0};
    std::atomic<uint64_t> errors{0};

    rocksdb::Status error() {
        std::lock_guard<std::mutex> guard(mutex_);
        return error_;
    }

private:
    std::mutex mutex_;
    rocksdb::Status error_;
};

struct gam_db {
    // Of a backup that is read where it lies; outlives the database.
    std::shared_ptr<rocksdb::Env> environment;
    bool is_read_only = false;
    std::unique_ptr<rocksdb::DB> db;
    rocksdb::ColumnFamilyHandle *families[2] = {nullptr, nullptr};
    std::shared_ptr<BackgroundErrorListener> listener;
};

struct gam_pin {
    rocksdb::PinnableSlice slice;
};

struct gam_batch {
    explicit gam_batch(size_t reserved) : batch(reserved, 0, 8, 0) {}
    rocksdb::WriteBatch batch;
};

inline rocksdb::Slice toSlice(gam_slice slice) {
    return rocksdb::Slice(reinterpret_cast<const char *>(slice.bytes), slice.count);
}

inline gam_slice fromSlice(const rocksdb::Slice &slice) {
    return {reinterpret_cast<const uint8_t *>(slice.data()), slice.size()};
}

// Fills `out` from `status`; true when it is OK.
bool report(const rocksdb::Status &status, gam_status *out);
