/* Preloaded into the server under test: every fdatasync and fsync is noted in the file that SYNC_LOG names, one
 * line each: which call, its beginning and its end on the monotonic clock in nanoseconds, the path. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int note(const char *name, int file) {
    long long begun = now();
    int result = ((int (*)(int))dlsym(RTLD_NEXT, name))(file);
    long long ended = now();
    const char *log_path = getenv("SYNC_LOG");
    int log = log_path ? open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (log >= 0) {
        char link[64], path[512] = "";
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        ssize_t size = readlink(link, path, sizeof path - 1);
        path[size > 0 ? size : 0] = 0;
        dprintf(log, "%s %lld %lld %s\n", name, begun, ended, path);
        close(log);
    }
    return result;
}

int fdatasync(int file) { return note("fdatasync", file); }

int fsync(int file) { return note("fsync", file); }
