/* SPDX-License-Identifier: GPL-3.0-or-later */
/* parts.c - see parts.h. */
#include "sim/experiment/parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/base/csvio.h"
#include "sim/base/outfile.h"

enum { PART_SCHEMA = 1, HEAD_ROWS = 7, DIGITS_HASH = 17 };

/* ---- folders ---- */

bool parts_is_mine(const struct parts *parts, int64_t idx)
{
    return !parts->merge && idx % parts->n_shards == parts->shard_idx;
}

static const char *path_in(struct arena *arena, const char *dir, const char *kind, int64_t idx)
{
    return idx < 0 ? arena_printf(arena, "%s/%s.csv", dir, kind)
                   : arena_printf(arena, "%s/%s-%06" PRId64 ".csv", dir, kind, idx);
}

const char *parts_path(struct arena *arena, const struct parts *parts, const char *kind,
                       int64_t idx)
{
    return path_in(arena, parts->dirs[0], kind, idx);
}

const char *parts_find(struct arena *arena, const struct parts *parts, const char *kind,
                       int64_t idx)
{
    for (int i = 0; i < parts->n_dirs; i++) {
        const char *path = path_in(arena, parts->dirs[i], kind, idx);
        if (access(path, F_OK) == 0) {
            return path;
        }
    }
    return NULL;
}

bool parts_has(const struct parts *parts, const char *kind, int64_t idx)
{
    struct arena *arena = arena_new();
    bool found = parts_find(arena, parts, kind, idx) != NULL;
    arena_free(arena);
    return found;
}

bool parts_make(const struct parts *parts, struct err *err)
{
    const char *dir = parts->dirs[0];
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        return err_set(err, ERR_IO, "cannot make directory '%s': %s", dir, strerror(errno));
    }
    outfile_sync_folder(dir);
    return true;
}

bool parts_lock(struct parts *parts, struct err *err)
{
    const char *dir = parts->dirs[0];
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int how = parts->n_shards > 1 ? LOCK_SH : LOCK_EX;
    if (fd >= 0 && flock(fd, how | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        close(fd);
        return err_set(err, ERR_IO, "another process works in '%s'", dir);
    }
    parts->lock_fd = fd > 0 ? fd : 0;
    return true;
}

void parts_unlock(struct parts *parts)
{
    if (parts->lock_fd > 0) {
        close(parts->lock_fd);
        parts->lock_fd = 0;
    }
}

static bool is_part(const char *name)
{
    size_t n = strlen(name);
    return (n > 4 && strcmp(name + n - 4, ".csv") == 0) || strstr(name, ".csv.tmp.");
}

bool parts_is_empty(const struct parts *parts)
{
    int n = 0;
    DIR *d = opendir(parts->dirs[0]);
    for (struct dirent *e; d && (e = readdir(d));) {
        n += e->d_name[0] != '.' && strcmp(e->d_name, "job.csv") != 0;
    }
    if (d) {
        closedir(d);
    }
    return n == 0;
}

/* What says whose parts they are goes last: a kill half-way leaves a run to go on with. */
void parts_remove(const struct parts *parts)
{
    DIR *d = opendir(parts->dirs[0]);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (is_part(e->d_name) && strcmp(e->d_name, "job.csv") != 0) {
            unlinkat(dirfd(d), e->d_name, 0);
        }
    }
    if (d) {
        unlinkat(dirfd(d), "job.csv", 0);
        closedir(d);
        rmdir(parts->dirs[0]);
    }
}

/* ---- the job of a part ---- */

static const char *hash_digits(uint64_t hash, char *buf)
{
    snprintf(buf, DIGITS_HASH, "%016" PRIx64, hash);
    return buf;
}

static bool differs(struct src_pos pos, const char *what, const char *theirs, const char *ours,
                    struct err *err)
{
    if (strcmp(theirs, ours) == 0) {
        return false;
    }
    err_at(err, pos, "a part of another run: its %s is %s, not %s", what, theirs, ours);
    return true;
}

bool parts_same_job(const struct job *job, const struct job *part, const char *file,
                    struct err *err)
{
    char a[32];
    char b[32];
    int line = 3; /* below the header and the schema, in the order of put_job */
    if (differs((struct src_pos){file, line++, 0}, "command", part->command, job->command,
                err) ||
        differs((struct src_pos){file, line++, 0}, "version", part->version, job->version,
                err)) {
        return false;
    }
    snprintf(a, sizeof a, "%" PRId64, part->seed);
    snprintf(b, sizeof b, "%" PRId64, job->seed);
    if (differs((struct src_pos){file, line++, 0}, "seed", a, b, err)) {
        return false;
    }
    const char *const names[] = {"scenario", "catalogue", "mathematical library"};
    const uint64_t theirs[] = {part->scenario, part->catalogue, part->libm};
    const uint64_t ours[] = {job->scenario, job->catalogue, job->libm};
    for (int i = 0; i < 3; i++) {
        if (differs((struct src_pos){file, line++, 0}, names[i], hash_digits(theirs[i], a),
                    hash_digits(ours[i], b), err)) {
            return false;
        }
    }
    return true;
}

/* ---- writing ---- */

struct part_writer {
    struct csv_writer *csv;
    char *text; /* scratch for lists of numbers */
    size_t cap;
    int n_rows;
};

static void put_job(struct part_writer *w, const struct job *job)
{
    char buf[DIGITS_HASH];
    part_put_int(w, "schema", PART_SCHEMA);
    part_put_text(w, "command", job->command);
    part_put_text(w, "version", job->version);
    part_put_int(w, "seed", job->seed);
    part_put_text(w, "scenario", hash_digits(job->scenario, buf));
    part_put_text(w, "catalogue", hash_digits(job->catalogue, buf));
    part_put_text(w, "libm", hash_digits(job->libm, buf));
}

struct part_writer *part_create(const struct parts *parts, const char *kind, int64_t idx,
                                struct err *err)
{
    struct arena *arena = arena_new();
    struct csv_writer *csv = csv_create(parts_path(arena, parts, kind, idx), err);
    arena_free(arena);
    if (!csv) {
        return NULL;
    }
    struct part_writer *w = xcalloc(1, sizeof *w);
    w->csv = csv;
    csv_put_all(csv, (const char *const[]){"name", "value"}, 2);
    csv_end_row(csv);
    put_job(w, &parts->job);
    return w;
}

void part_put_text(struct part_writer *w, const char *name, const char *value)
{
    csv_put(w->csv, name);
    csv_put(w->csv, value);
    csv_end_row(w->csv);
    w->n_rows++;
}

void part_put_int(struct part_writer *w, const char *name, int64_t value)
{
    char buf[24];
    snprintf(buf, sizeof buf, "%" PRId64, value);
    part_put_text(w, name, buf);
}

void part_put_nums(struct part_writer *w, const char *name, const double *values, int n)
{
    enum { MAX_WIDTH = 32 };
    size_t need = (size_t)n * MAX_WIDTH + 1;
    if (need > w->cap) {
        w->text = xrealloc(w->text, need, 1);
        w->cap = need;
    }
    char *at = w->text;
    *at = '\0';
    for (int i = 0; i < n; i++) {
        /* a NaN has a sign that means nothing */
        at += isnan(values[i]) ? sprintf(at, "%snan", i ? " " : "")
                               : sprintf(at, "%s%a", i ? " " : "", values[i]);
    }
    part_put_text(w, name, w->text);
}

bool part_commit(struct part_writer *w, struct err *err)
{
    part_put_int(w, "rows", w->n_rows);
    bool ok = csv_close(w->csv, err);
    free(w->text);
    free(w);
    return ok;
}

/* ---- reading ---- */

struct part_reader {
    struct arena *arena;
    struct csv_table table;
    int row;
    struct err err; /* the first mismatch */
};

static bool fail(struct part_reader *r, const char *text)
{
    int last = r->table.n_rows - 1;
    struct src_pos pos = last < 0 ? (struct src_pos){r->table.file, 1, 0}
                                  : csv_pos(&r->table, r->row < last ? r->row : last);
    return err_at(&r->err, pos, "%s", text);
}

/* The value of the next row, which must have that name; NULL: it has not. */
static const char *next(struct part_reader *r, const char *name)
{
    char text[160];
    if (r->err.code != ERR_NONE) {
        return NULL;
    }
    if (r->row >= r->table.n_rows) {
        snprintf(text, sizeof text, "the part ends before '%s'", name);
        fail(r, text);
        return NULL;
    }
    const char *found = csv_cell(&r->table, r->row, 0);
    if (strcmp(found, name) != 0) {
        snprintf(text, sizeof text, "'%s' is wanted here, not '%.60s'", name, found);
        fail(r, text);
        return NULL;
    }
    return csv_cell(&r->table, r->row++, 1);
}

const char *part_text(struct part_reader *r, const char *name)
{
    const char *text = next(r, name);
    return text ? text : "";
}

static void fail_value(struct part_reader *r, const char *name, const char *what)
{
    char text[160];
    r->row--;
    snprintf(text, sizeof text, "'%s' is no %s", name, what);
    fail(r, text);
}

int64_t part_int(struct part_reader *r, const char *name, int64_t min, int64_t max)
{
    const char *text = next(r, name);
    if (!text) {
        return 0;
    }
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < min || value > max) {
        fail_value(r, name, "number that is possible here");
        return 0;
    }
    return value;
}

static uint64_t part_hash(struct part_reader *r, const char *name)
{
    const char *text = next(r, name);
    if (!text) {
        return 0;
    }
    if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16) {
        fail_value(r, name, "fingerprint of 16 digits");
        return 0;
    }
    return strtoull(text, NULL, 16);
}

void part_nums(struct part_reader *r, const char *name, double *values, int n)
{
    const char *at = next(r, name);
    for (int i = 0; i < n; i++) {
        char *end = NULL;
        values[i] = at ? strtod(at, &end) : NAN;
        bool ends_well = at && end != at && *end == (i + 1 < n ? ' ' : '\0');
        if (at && !ends_well) {
            fail_value(r, name, "list of as many numbers as belong here");
            at = NULL;
            values[i] = NAN;
        }
        at = at ? end + (i + 1 < n) : NULL;
    }
    if (n == 0 && at && *at) {
        fail_value(r, name, "empty list");
    }
}

static void get_job(struct part_reader *r, struct job *job)
{
    part_int(r, "schema", PART_SCHEMA, PART_SCHEMA);
    job->command = part_text(r, "command");
    job->version = part_text(r, "version");
    job->seed = part_int(r, "seed", INT64_MIN, INT64_MAX);
    job->scenario = part_hash(r, "scenario");
    job->catalogue = part_hash(r, "catalogue");
    job->libm = part_hash(r, "libm");
}

static void free_reader(struct part_reader *r)
{
    arena_free(r->arena);
    free(r);
}

/* Cut short or not, and whose: false with err, and r is gone. */
static struct part_reader *open_file(const char *path, struct job *job, struct err *err)
{
    struct part_reader *r = xcalloc(1, sizeof *r);
    r->arena = arena_new();
    if (!csv_load(r->arena, path, &r->table, err)) {
        free_reader(r);
        return NULL;
    }
    if (r->table.n_cols != 2) {
        fail(r, "a part has the columns name and value");
    } else {
        get_job(r, job);
    }
    if (r->err.code != ERR_NONE) {
        *err = r->err;
        free_reader(r);
        return NULL;
    }
    return r;
}

struct part_reader *part_open_any(struct arena *arena, const char *path, struct job *job,
                                  struct err *err)
{
    struct part_reader *r = open_file(path, job, err);
    if (r) {
        job->command = arena_strdup(arena, job->command);
        job->version = arena_strdup(arena, job->version);
    }
    return r;
}

struct part_reader *part_open(const struct parts *parts, const char *kind, int64_t idx,
                              struct err *err)
{
    struct job job;
    struct arena *arena = arena_new();
    const char *path = parts_find(arena, parts, kind, idx);
    struct part_reader *r =
        open_file(path ? path : parts_path(arena, parts, kind, idx), &job, err);
    if (r && !parts_same_job(&parts->job, &job, r->table.file, err)) {
        free_reader(r);
        r = NULL;
    }
    arena_free(arena);
    return r;
}

bool part_close(struct part_reader *r, struct err *err)
{
    int n_rows = r->row;
    part_int(r, "rows", n_rows, n_rows);
    if (r->err.code == ERR_NONE && r->row != r->table.n_rows) {
        fail(r, "nothing is wanted below the number of rows");
    }
    bool ok = r->err.code == ERR_NONE;
    if (!ok && err) {
        *err = r->err;
    }
    free_reader(r);
    return ok;
}
