// Reading, writing and upkeep of an open database. Each function is one RocksDB call or a short
// fixed sequence of them; policy lives in GAMStore.

#include <string>
#include <vector>

#include <rocksdb/env.h>

#include "status.h"

using namespace rocksdb;

gam_pin *gam_db_get(gam_db *handle, int32_t family, gam_slice key, gam_status *status) {
    auto pin = std::make_unique<gam_pin>();
    ReadOptions options;  // verify_checksums is on by default
    const Status got =
        handle->db->Get(options, handle->families[family], toSlice(key), &pin->slice);
    return report(got, status) ? pin.release() : nullptr;
}

gam_slice gam_pin_bytes(const gam_pin *pin) { return fromSlice(pin->slice); }

void gam_pin_free(gam_pin *pin) { delete pin; }

gam_batch *gam_batch_new(size_t reserved_bytes) { return new gam_batch(reserved_bytes); }

// Put and Delete of a batch without size limit fail only for a key or value of 4 GiB and more,
// which the limits of the store rule out.
void gam_batch_put(gam_db *handle, gam_batch *batch, int32_t family, gam_slice key,
                   gam_slice value) {
    batch->batch.Put(handle->families[family], toSlice(key), toSlice(value))
        .PermitUncheckedError();
}

void gam_batch_delete(gam_db *handle, gam_batch *batch, int32_t family, gam_slice key) {
    batch->batch.Delete(handle->families[family], toSlice(key)).PermitUncheckedError();
}

void gam_batch_free(gam_batch *batch) { delete batch; }

void gam_db_write(gam_db *handle, gam_batch *batch, bool sync, gam_status *status) {
    WriteOptions options;
    options.sync = sync;
    report(handle->db->Write(options, &batch->batch), status);
}

// The smallest key greater than every key that starts with `prefix`; empty when there is none.
static std::string endOfPrefix(std::string prefix) {
    while (!prefix.empty() && static_cast<uint8_t>(prefix.back()) == 0xFF) prefix.pop_back();
    if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<uint8_t>(prefix.back()) + 1);
    return prefix;
}

void gam_db_scan(gam_db *handle, int32_t family, gam_slice prefix, gam_slice after,
                 bool with_values, void *context, gam_visit visit, gam_status *status) {
    const std::string first = toSlice(prefix).ToString();
    const std::string end = endOfPrefix(first);
    const Slice bound(end);
    ReadOptions options;
    if (!end.empty()) options.iterate_upper_bound = &bound;
    std::unique_ptr<Iterator> it(handle->db->NewIterator(options, handle->families[family]));
    const bool resumes = after.bytes != nullptr && toSlice(after).compare(Slice(first)) >= 0;
    it->Seek(resumes ? toSlice(after) : Slice(first));
    if (resumes && it->Valid() && it->key() == toSlice(after)) it->Next();
    for (; it->Valid(); it->Next()) {
        const Slice value = with_values ? it->value() : Slice();
        if (!visit(context, fromSlice(it->key()), fromSlice(value))) break;
    }
    report(it->status(), status);
}

void gam_db_background_error(gam_db *handle, gam_status *status) {
    report(handle->listener->error(), status);
}

static Status probe(Env *env, const std::string &folder, uint64_t free_bytes) {
    uint64_t free = 0;
    Status status = env->GetFreeSpace(folder, &free);
    if (status.ok() && free < free_bytes) {
        status = Status::NoSpace(std::to_string(free) + " bytes free, " +
                                 std::to_string(free_bytes) + " needed");
    }
    if (!status.ok()) return status;
    const std::string name = folder + "/probe.tmp";
    std::unique_ptr<WritableFile> file;
    status = env->NewWritableFile(name, &file, EnvOptions());
    if (status.ok()) status = file->Append(std::string(64 << 10, 'p'));
    if (status.ok()) status = file->Sync();
    if (file) file->Close().PermitUncheckedError();
    env->DeleteFile(name).PermitUncheckedError();
    return status;
}

void gam_db_probe(gam_db *handle, uint64_t free_bytes, gam_status *status) {
    report(probe(handle->db->GetEnv(), handle->db->GetName(), free_bytes), status);
}

void gam_db_flush(gam_db *handle, gam_status *status) {
    // Debian builds RocksDB with assertions: touching a log that has failed would abort.
    if (!report(handle->listener->error(), status)) return;
    report(handle->db->Flush(FlushOptions(), {handle->families[0], handle->families[1]}), status);
}

void gam_db_reclaim(gam_db *handle, bool rewrite_blobs, gam_status *status) {
    CompactRangeOptions options;
    options.bottommost_level_compaction = BottommostLevelCompaction::kForce;
    options.blob_garbage_collection_policy = rewrite_blobs ? BlobGarbageCollectionPolicy::kForce
                                                           : BlobGarbageCollectionPolicy::kDisable;
    options.blob_garbage_collection_age_cutoff = 1.0;
    for (auto *family : {handle->families[GAM_BLOBS], handle->families[GAM_METADATA]}) {
        if (!report(handle->db->CompactRange(options, family, nullptr, nullptr), status)) return;
    }
}

void gam_db_verify(gam_db *handle, gam_status *status) {
    ReadOptions options;
    report(handle->db->VerifyFileChecksums(options), status);
}

uint64_t gam_db_property(gam_db *handle, int32_t family, const char *name) {
    uint64_t value = 0;
    return handle->db->GetIntProperty(handle->families[family], name, &value) ? value : 0;
}
