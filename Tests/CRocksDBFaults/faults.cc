// Wraps the default file system; every writable file looks at the shared fault before it acts.

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include "rocksdb_faults.h"

using namespace rocksdb;

namespace {

struct Faults {
    std::atomic<int32_t> fault{ROCKSDB_FAULT_NONE};
    std::atomic<int32_t> syncDelay{0};
    std::atomic<int64_t> logSyncs{0};
};

class FaultyFile : public FSWritableFileOwnerWrapper {
public:
    FaultyFile(std::unique_ptr<FSWritableFile> file, std::shared_ptr<Faults> faults, bool isLog)
        : FSWritableFileOwnerWrapper(std::move(file)), faults_(std::move(faults)), isLog_(isLog) {}

    IOStatus Append(const Slice &data, const IOOptions &options, IODebugContext *debug) override {
        if (isFull()) return IOStatus::NoSpace("injected");
        return FSWritableFileOwnerWrapper::Append(data, options, debug);
    }
    IOStatus Append(const Slice &data, const IOOptions &options,
                    const DataVerificationInfo &info, IODebugContext *debug) override {
        if (isFull()) return IOStatus::NoSpace("injected");
        return FSWritableFileOwnerWrapper::Append(data, options, info, debug);
    }
    IOStatus Sync(const IOOptions &options, IODebugContext *debug) override {
        if (isLog_) {
            faults_->logSyncs++;
            std::this_thread::sleep_for(std::chrono::milliseconds(faults_->syncDelay));
            if (faults_->fault == ROCKSDB_FAULT_LOG_SYNC) return IOStatus::IOError("injected");
        }
        return FSWritableFileOwnerWrapper::Sync(options, debug);
    }

private:
    bool isFull() const { return faults_->fault == ROCKSDB_FAULT_NO_SPACE; }

    std::shared_ptr<Faults> faults_;
    bool isLog_;
};

class FaultyFileSystem : public FileSystemWrapper {
public:
    explicit FaultyFileSystem(std::shared_ptr<Faults> faults)
        : FileSystemWrapper(FileSystem::Default()), faults_(std::move(faults)) {}

    const char *Name() const override { return "FaultyFileSystem"; }

    IOStatus NewWritableFile(const std::string &name, const FileOptions &options,
                             std::unique_ptr<FSWritableFile> *result,
                             IODebugContext *debug) override {
        std::unique_ptr<FSWritableFile> file;
        const IOStatus made = FileSystemWrapper::NewWritableFile(name, options, &file, debug);
        if (!made.ok()) return made;
        const bool isLog = name.size() > 4 && name.compare(name.size() - 4, 4, ".log") == 0;
        result->reset(new FaultyFile(std::move(file), faults_, isLog));
        return made;
    }

private:
    std::shared_ptr<Faults> faults_;
};

struct Environment {
    std::shared_ptr<Faults> faults = std::make_shared<Faults>();
    std::unique_ptr<Env> env = NewCompositeEnv(std::make_shared<FaultyFileSystem>(faults));
};

Environment *of(void *environment) { return static_cast<Environment *>(environment); }

}  // namespace

void *rocksdb_faults_new(void) { return new Environment; }

void *rocksdb_faults_env(void *environment) { return of(environment)->env.get(); }

void rocksdb_faults_set(void *environment, int32_t fault) { of(environment)->faults->fault = fault; }

void rocksdb_faults_delay_syncs(void *environment, int32_t milliseconds) {
    of(environment)->faults->syncDelay = milliseconds;
}

int64_t rocksdb_faults_log_syncs(void *environment) { return of(environment)->faults->logSyncs; }
