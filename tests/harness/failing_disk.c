/* Preloaded into the server under test: from SIGUSR1 on, the system call that FAILING_CALL names (pwritev or
 * fdatasync) fails with the number FAILING_ERROR (EIO if there is none) on every thread, whoever makes it and however:
 * the kernel is told so (seccomp). */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int failing_call, failing_error = EIO;

static void begin_to_fail(int signal_number) {
    (void)signal_number;
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, failing_call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | failing_error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof program / sizeof *program, program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) != 0)
        _exit(99); /* The test sees that it tests nothing here. */
}

__attribute__((constructor)) static void prepare(void) {
    const char *name = getenv("FAILING_CALL");
    if (name == NULL)
        return;
    failing_call = strcmp(name, "fdatasync") == 0 ? SYS_fdatasync : SYS_pwritev;
    const char *error = getenv("FAILING_ERROR");
    if (error != NULL)
        failing_error = atoi(error);
    struct sigaction action = {.sa_handler = begin_to_fail, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
}
