// sd_notify, sd_listen_fds, sd_watchdog_enabled and the journal, from libsystemd.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
