/* SPDX-License-Identifier: GPL-3.0-or-later */
/* outfile.c - see outfile.h. */
#include "sim/base/outfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/base/mem.h"

enum { MAX_TRIES = 100, NAME_EXTRA = 48 };

/* Process numbers repeat, on other hosts of a shared file system and after a restart: a name
 * that is taken gets a count. */
static int create_beside(struct outfile *f)
{
    size_t n = strlen(f->path) + NAME_EXTRA;
    f->tmp = xmalloc(n);
    snprintf(f->tmp, n, "%s.tmp.%ld", f->path, (long)getpid());
    for (int i = 1;; i++) {
        int fd = open(f->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST || i == MAX_TRIES) {
            return fd;
        }
        snprintf(f->tmp, n, "%s.tmp.%ld-%d", f->path, (long)getpid(), i);
    }
}

static void free_names(struct outfile *f)
{
    free(f->path);
    free(f->tmp);
    *f = (struct outfile){0};
}

bool outfile_open(struct outfile *f, const char *path, struct err *err)
{
    struct stat st;
    char *real = realpath(path, NULL);
    *f = (struct outfile){.path = real ? real : xstrdup(path)};
    bool exists = stat(path, &st) == 0;
    if (exists && !S_ISREG(st.st_mode)) {
        f->out = fopen(f->path, "wbe");
    } else {
        int fd = create_beside(f);
        f->out = fd >= 0 ? fdopen(fd, "wb") : NULL;
    }
    if (!f->out) {
        err_set(err, ERR_IO, "cannot write '%s': %s", path, strerror(errno));
        free_names(f);
        return false;
    }
    return true;
}

static void note_error(struct outfile *f, bool failed)
{
    if (failed && f->error == 0) {
        f->error = errno ? errno : EIO;
    }
}

void outfile_sync_folder(const char *path)
{
    char *dir = xstrdup(path);
    char *slash = strrchr(dir, '/');
    if (slash) {
        slash[slash == dir] = '\0';
    }
    int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(dir);
}

bool outfile_close(struct outfile *f, struct err *err)
{
    errno = 0;
    note_error(f, fflush(f->out) != 0 || ferror(f->out));
    if (f->tmp) {
        note_error(f, fsync(fileno(f->out)) != 0);
    }
    note_error(f, fclose(f->out) != 0);
    if (f->tmp && f->error == 0) {
        note_error(f, rename(f->tmp, f->path) != 0);
    }
    if (f->tmp && f->error != 0) {
        unlink(f->tmp);
    } else if (f->tmp) {
        outfile_sync_folder(f->path);
    }
    bool ok = f->error == 0;
    if (!ok) {
        err_set(err, ERR_IO, "cannot write '%s': %s", f->path, strerror(f->error));
    }
    free_names(f);
    return ok;
}

void outfile_abandon(struct outfile *f)
{
    fclose(f->out);
    if (f->tmp) {
        unlink(f->tmp);
    }
    free_names(f);
}

/* ---- what killed writers left ---- */

static bool is_leftover(const char *name)
{
    static const char *const kinds[] = {".csv.tmp.", ".json.tmp.", ".html.tmp."};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const char *at = strstr(name, kinds[i]);
        const char *number = at ? at + strlen(kinds[i]) : "";
        if (*number && strspn(number, "0123456789-") == strlen(number)) {
            return true;
        }
    }
    return false;
}

void outfile_sweep(const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (is_leftover(e->d_name)) {
            unlinkat(dirfd(d), e->d_name, 0);
        }
    }
    if (d) {
        closedir(d);
    }
}
