/* Preloaded into the server under test: every fdatasync and fsync takes SLOW_SYNC_MILLIS longer, as on a
 * slow disk. The delay comes first, so that nothing is on the disk while it lasts. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static void delay(void) {
    const char *text = getenv("SLOW_SYNC_MILLIS");
    long millis = text ? atol(text) : 0;
    struct timespec pause = {millis / 1000, millis % 1000 * 1000000L};
    nanosleep(&pause, NULL);
}

int fdatasync(int file) {
    delay();
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(file);
}

int fsync(int file) {
    delay();
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(file);
}
