// A RocksDB environment whose disk fails on command, for tests.
// What always holds: a fault once set stays until it is changed; reads are never touched.
#ifndef ROCKSDB_FAULTS_H
#define ROCKSDB_FAULTS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum rocksdb_fault {
    ROCKSDB_FAULT_NONE = 0,
    ROCKSDB_FAULT_NO_SPACE = 1,    // appending to any file fails with "no space"
    ROCKSDB_FAULT_LOG_SYNC = 2,    // syncing a write-ahead log fails, after it was written
};

// Makes a switchboard of faults that lasts as long as the process.
void *rocksdb_faults_new(void);
// The rocksdb::Env to open a store with.
void *rocksdb_faults_env(void *environment);
void rocksdb_faults_set(void *environment, int32_t fault);
// Every sync of a log takes at least this long.
void rocksdb_faults_delay_syncs(void *environment, int32_t milliseconds);
// Syncs of logs so far.
int64_t rocksdb_faults_log_syncs(void *environment);

#ifdef __cplusplus
}
#endif
#endif
