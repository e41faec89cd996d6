/* SPDX-License-Identifier: GPL-3.0-or-later */
/* main.c - the program: signals, streams, which command; the one place that prints errors and
 * decides the exit code. */
#include <errno.h>
#include <fcntl.h>
#include <gsl/gsl_errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/base/progress.h"
#include "sim/cli/cli.h"

/* Points that run when a stop is asked for get so long to finish; a batch system kills after
 * half a minute. */
enum { EXIT_SIGNAL_BASE = 128, GRACE_S = 3 };

/* A signal handler can reach nothing else. */
static atomic_bool stop_asked, abandon_asked;
static volatile sig_atomic_t stop_signal;

/* The first asks to stop after the points that run; the second finds the default action. */
static void on_stop(int signal_number)
{
    stop_signal = signal_number;
    atomic_store(&stop_asked, true);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    alarm(GRACE_S);
}

static void on_alarm(int signal_number)
{
    (void)signal_number;
    atomic_store(&abandon_asked, true);
}

static void catch_signals(void)
{
    struct sigaction stop = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
    struct sigaction late = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&stop.sa_mask);
    sigemptyset(&late.sa_mask);
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGALRM, &late, NULL);
    sigaction(SIGPIPE, &ignore, NULL); /* a closed pipe is a write error like any other */
}

/* A table must never be opened as descriptor 1 because the caller closed it. */
static void hold_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
            open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) {
            _exit(ERR_IO);
        }
    }
}

/* Did the reader of our output go away on purpose (`headroom ... | head`)? */
static bool reader_is_gone(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR);
}

/* Results that could not be written are a failure, with a word unless nobody wanted them. */
static int close_stdout(int code)
{
    bool failed = ferror(stdout) != 0;
    errno = 0;
    failed |= fflush(stdout) != 0;
    if (!failed) {
        return code;
    }
    if (!reader_is_gone()) {
        struct err err = {0};
        err_set(&err, ERR_IO, "cannot write to standard output%s%s", errno ? ": " : "",
                errno ? strerror(errno) : "");
        err_print(&err, stderr);
    }
    return code != 0 ? code : ERR_IO;
}

static void print_version(void)
{
    printf("headroom %s (%s)\n", HEADROOM_VERSION, HEADROOM_COMMIT);
}

static bool run_command(struct cli *cli, int argc, char **argv, struct err *err)
{
    if (!options_parse(cli->arena, cli->command, argc, argv, &cli->options, err)) {
        return false;
    }
    if (cli->options.help) {
        command_help(cli->command, stdout);
        return true;
    }
    if (cli->options.version) {
        print_version();
        return true;
    }
    if (cli->options.max_memory_bytes > 0 &&
        !mem_limit((size_t)cli->options.max_memory_bytes)) {
        return err_set(err, ERR_USAGE, "--max-memory: this system has no such limit");
    }
    return cli_resolve_as_of(cli, err) && cli_find_data(cli, err) &&
           cli->command->run(cli, err);
}

/* "headroom help [COMMAND]", "headroom --help", "headroom --version". */
static bool run_general(int argc, char **argv, bool *done, struct err *err)
{
    *done = true;
    if (strcmp(argv[1], "--version") == 0) {
        print_version();
        return true;
    }
    bool help_word = strcmp(argv[1], "help") == 0;
    if (help_word && argc > 2) {
        const struct command *command = command_find(argv[2], err);
        if (command) {
            command_help(command, stdout);
        }
        return command != NULL;
    }
    if (help_word || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        program_help(stdout);
        return true;
    }
    if (argv[1][0] == '-') {
        return err_set(err, ERR_USAGE, "unknown option '%s': options stand behind the command",
                       argv[1]);
    }
    *done = false;
    return true;
}

static bool run_program(struct cli *cli, int argc, char **argv, struct err *err)
{
    bool done = false;
    if (argc < 2) {
        err_set(err, ERR_USAGE, "no command given: `headroom --help` lists them");
        return false;
    }
    if (!run_general(argc, argv, &done, err) || done) {
        return err->code == ERR_NONE;
    }
    cli->command = command_find(argv[1], err);
    return cli->command && run_command(cli, argc - 1, argv + 1, err);
}

int main(int argc, char **argv)
{
    gsl_set_error_handler_off();
    hold_standard_streams();
    catch_signals();
    struct err err = {0};
    struct cli cli = {.arena = arena_new(),
                      .stop = &stop_asked,
                      .abandon = &abandon_asked,
                      .start_wall_s = wall_now_s()};
    int code = 0;
    if (!run_program(&cli, argc, argv, &err)) {
        code = err.code != ERR_NONE ? (int)err.code : ERR_INTERNAL;
    }
    if (cli.late.code != ERR_NONE) {
        err_print(&cli.late, stderr);
        code = code != 0 ? code : (int)cli.late.code;
    }
    if (err.code != ERR_NONE) {
        err_print(&err, stderr);
    }
    code = close_stdout(code);
    arena_free(cli.arena);
    return cli.interrupted && stop_signal ? EXIT_SIGNAL_BASE + stop_signal : code;
}
