/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gnuplot.c - see gnuplot.h. Script and messages go through unlinked temporary files, not
 * pipes: a long script and a long message cannot block each other, and a dying gnuplot raises
 * no SIGPIPE. */
#include "plots/gnuplot.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/base/mem.h"

static bool is_harmless(unsigned char c)
{
    return c < 0x80 && (isalnum(c) || (c != '\0' && strchr(" .,-_/:()=+", c)));
}

void gnuplot_put_text(FILE *script, const char *text)
{
    bool escaped = false;
    putc('"', script);
    for (const char *s = text; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c < 0x20 || c == 0x7f) {
            c = ' ';
        }
        /* gnuplot reads a digit behind an escape as part of it, so it is escaped as well. */
        escaped = !is_harmless(c) || (escaped && isdigit(c));
        if (escaped) {
            fprintf(script, "\\%03o", c);
        } else {
            putc(c, script);
        }
    }
    putc('"', script);
}

void gnuplot_put_path(FILE *script, const char *path)
{
    size_t n = strlen(path) + 3;
    char *safe = xmalloc(n);
    snprintf(safe, n, "%s%s", path[0] == '/' ? "" : "./", path);
    gnuplot_put_text(script, safe);
    free(safe);
}

/* The environment of the child: settings that would change a chart (locale, gnuplot's own
 * variables) are left out. The strings are borrowed; the caller frees the list. */
static char **child_environ(void)
{
    static char locale[] = "LC_ALL=C.UTF-8";
    static const char *const dropped[] = {"LC_", "LANG", "GNU", "GDFONTPATH", "FIT_"};
    size_t n = 0, kept = 0;
    while (environ && environ[n]) {
        n++;
    }
    char **list = xcalloc(n + 2, sizeof *list);
    for (size_t i = 0; i < n; i++) {
        bool drop = false;
        for (size_t k = 0; k < sizeof dropped / sizeof *dropped; k++) {
            drop = drop || strncmp(environ[i], dropped[k], strlen(dropped[k])) == 0;
        }
        if (!drop) {
            list[kept++] = environ[i];
        }
    }
    list[kept] = locale;
    return list;
}

/* Starts gnuplot reading from `in`, with both outputs in `out`. Returns an errno value. */
static int start(const char *program, FILE *in, FILE *out, pid_t *pid)
{
    static char option[] = "-d", from_stdin[] = "-";
    char *name = xstrdup(program);
    char *argv[] = {name, option, from_stdin, NULL};
    char **env = child_environ();
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t defaults;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fileno(in), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(out), STDERR_FILENO);
    /* This program ignores SIGPIPE; the child gets the usual behaviour back. */
    posix_spawnattr_init(&attr);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigdefault(&attr, &defaults);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
    int rc = posix_spawnp(pid, program, &actions, &attr, argv, env);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    free(env);
    free(name);
    return rc;
}

/* gnuplot's message is the first line of the form `"file" line 12: what`; else the first line
 * that says anything. */
static void first_message(FILE *out, char *text, size_t n)
{
    char line[512];
    text[0] = '\0';
    rewind(out);
    while (fgets(line, sizeof line, out)) {
        char *s = line + strspn(line, " \t\r\n");
        s[strcspn(s, "\r\n")] = '\0';
        const char *at = strstr(s, "line ");
        bool is_message = at && isdigit((unsigned char)at[5]) && strchr(at, ':');
        if (*s && (is_message || !text[0])) {
            snprintf(text, n, "%s", s);
        }
        if (is_message) {
            return;
        }
    }
}

static bool check_status(const char *program, int status, FILE *out, struct err *err)
{
    char text[400];
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return true;
    }
    if (WIFSIGNALED(status)) {
        return err_set(err, ERR_IO, "%s was stopped by signal %d", program, WTERMSIG(status));
    }
    first_message(out, text, sizeof text);
    return err_set(err, ERR_IO, "%s failed (status %d): %s", program, WEXITSTATUS(status),
                   text[0] ? text : "no message");
}

static bool run_with_files(const char *program, FILE *in, FILE *out, struct err *err)
{
    pid_t pid = 0;
    int status = 0;
    int rc = start(program, in, out, &pid);
    if (rc == ENOENT) {
        return err_set(err, ERR_IO,
                       "charts need gnuplot and '%s' was not found: install the Debian package "
                       "gnuplot-nox, or use --no-plots",
                       program);
    }
    if (rc != 0) {
        return err_set(err, ERR_IO, "cannot start %s: %s", program, strerror(rc));
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return err_set(err, ERR_IO, "cannot wait for %s: %s", program, strerror(errno));
        }
    }
    return check_status(program, status, out, err);
}

bool gnuplot_run(const char *program, const char *script, size_t n, struct err *err)
{
    FILE *in = tmpfile();
    FILE *out = tmpfile();
    bool ok = in && out;
    if (ok) {
        ok = fwrite(script, 1, n, in) == n && fflush(in) == 0;
        rewind(in);
    }
    if (!ok) {
        err_set(err, ERR_IO, "cannot write a temporary file: %s", strerror(errno));
    } else {
        ok = run_with_files(program ? program : "gnuplot", in, out, err);
    }
    if (in) {
        fclose(in);
    }
    if (out) {
        fclose(out);
    }
    return ok;
}
