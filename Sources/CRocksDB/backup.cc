// Backups with RocksDB's backup engine: tables and blob files are shared between backups of one
// folder, so a further backup copies only what is new.

#include <rocksdb/utilities/backup_engine.h>

#include "status.h"

using namespace rocksdb;

static BackupEngineOptions engineOptions(const char *folder) {
    BackupEngineOptions options(folder);
    options.share_table_files = true;
    options.share_files_with_checksum = true;
    options.sync = true;
    return options;
}

uint32_t gam_backup_create(gam_db *handle, const char *folder, const char *note,
                           gam_status *status) {
    BackupEngine *opened = nullptr;
    const Status made =
        BackupEngine::Open(handle->db->GetEnv(), engineOptions(folder), &opened);
    if (!report(made, status)) return 0;
    std::unique_ptr<BackupEngine> engine(opened);
    CreateBackupOptions options;
    // The log is copied with the tables: a flush would only cost time.
    options.flush_before_backup = false;
    BackupID id = 0;
    const Status done =
        engine->CreateNewBackupWithMetadata(options, handle->db.get(), note, &id);
    return report(done, status) ? id : 0;
}

void gam_backup_keep(const char *folder, uint32_t count, gam_status *status) {
    BackupEngine *opened = nullptr;
    const Status made = BackupEngine::Open(Env::Default(), engineOptions(folder), &opened);
    if (!report(made, status)) return;
    std::unique_ptr<BackupEngine> engine(opened);
    const Status purged = engine->PurgeOldBackups(count);
    if (!report(purged, status)) return;
    report(engine->GarbageCollect(), status);
}

static std::unique_ptr<BackupEngineReadOnly> openToRead(const char *folder, gam_status *status) {
    BackupEngineReadOnly *opened = nullptr;
    const Status made =
        BackupEngineReadOnly::Open(Env::Default(), engineOptions(folder), &opened);
    if (!report(made, status)) return nullptr;
    return std::unique_ptr<BackupEngineReadOnly>(opened);
}

void gam_backup_list(const char *folder, void *context, gam_visit_backup visit,
                     gam_status *status) {
    const auto engine = openToRead(folder, status);
    if (!engine) return;
    std::vector<BackupInfo> infos;
    engine->GetBackupInfo(&infos);
    for (const auto &info : infos) {
        visit(context, info.backup_id, info.timestamp, info.size, info.number_files,
              info.app_metadata.c_str());
    }
}

void gam_backup_check(const char *folder, uint32_t id, gam_status *status) {
    const auto engine = openToRead(folder, status);
    if (!engine) return;
    report(engine->VerifyBackup(id, true), status);
}

void gam_backup_restore(const char *folder, uint32_t id, const char *target, gam_status *status) {
    const auto engine = openToRead(folder, status);
    if (!engine) return;
    const RestoreOptions options;
    report(engine->RestoreDBFromBackup(options, id, target, target), status);
}

gam_db *gam_backup_open(const char *folder, uint32_t id, const gam_open_options *from,
                        gam_status *status) {
    const auto engine = openToRead(folder, status);
    if (!engine) return nullptr;
    BackupInfo info;
    if (!report(engine->GetBackupInfo(id, &info, true), status)) return nullptr;
    gam_open_options options = *from;
    options.path = info.name_for_open.c_str();
    options.create_if_missing = false;
    options.environment = info.env_for_open.get();
    gam_db *handle = gam_db_open_read_only(&options, status);
    if (handle != nullptr) handle->environment = info.env_for_open;
    return handle;
}
