/* SPDX-License-Identifier: GPL-3.0-or-later */
/* parts.h - the finished pieces of a run, each in a file of its own, so that a run can be
 * stopped at any moment, continued, and shared out over machines.
 *
 * A piece is named by its kind and number: "point-000012.csv". It is written whole, forced to
 * disk and renamed before it counts. A part is a CSV table with the columns name and value:
 * first the job it belongs to (job.h), then what its owner puts, read back in the same order,
 * last the number of rows. Doubles are hexadecimal, every bit kept. A part of another job, a
 * damaged one or one cut short is refused with its place.
 *
 * All functions may be called from several threads. */
#ifndef PARTS_H
#define PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/err.h"
#include "sim/base/mem.h"
#include "sim/experiment/job.h"

struct parts {
    const char *const *dirs; /* searched in order; new parts go to the first */
    int n_dirs;
    struct job job;
    /* of pieces 0, 1, 2, ... this process makes those with idx % n_shards == shard_idx */
    int shard_idx, n_shards; /* n_shards 1: all */
    bool merge;              /* make none: what is missing is an error */
    int lock_fd;             /* 0: none */
};

/* Makes the first folder. */
bool parts_make(const struct parts *parts, struct err *err);
/* Keeps others out until parts_unlock or the end of the process: alone, or beside other shards.
 * False with err (ERR_IO) when another process works there. A file system without locks lets
 * everybody in. */
bool parts_lock(struct parts *parts, struct err *err);
void parts_unlock(struct parts *parts);
bool parts_has(const struct parts *parts, const char *kind, int64_t idx);
/* Is it this process that makes the piece? */
bool parts_is_mine(const struct parts *parts, int64_t idx);
/* Path of a piece in the first folder; in the arena. idx < 0: "<kind>.csv". */
const char *parts_path(struct arena *arena, const struct parts *parts, const char *kind,
                       int64_t idx);
/* Where a piece is: NULL when it is in no folder. In the arena. */
const char *parts_find(struct arena *arena, const struct parts *parts, const char *kind,
                       int64_t idx);
/* The first folder holds nothing but what says whose it is. */
bool parts_is_empty(const struct parts *parts);
/* Removes the first folder and the parts in it; anything else in it stays. */
void parts_remove(const struct parts *parts);

/* ---- writing ---- */

struct part_writer;
/* NULL with err (ERR_IO). */
struct part_writer *part_create(const struct parts *parts, const char *kind, int64_t idx,
                                struct err *err);
void part_put_text(struct part_writer *w, const char *name, const char *value);
void part_put_int(struct part_writer *w, const char *name, int64_t value);
void part_put_nums(struct part_writer *w, const char *name, const double *values, int n);
/* On disk when true. Frees w in any case. */
bool part_commit(struct part_writer *w, struct err *err);

/* ---- reading ---- */

struct part_reader;
/* NULL with err: missing, unreadable, or of another job. */
struct part_reader *part_open(const struct parts *parts, const char *kind, int64_t idx,
                              struct err *err);
/* The same for a file whose job is not known yet: *job is filled from it, its texts live in the
 * arena. */
struct part_reader *part_open_any(struct arena *arena, const char *path, struct job *job,
                                  struct err *err);
/* In the order in which they were put. After the first mismatch all return nothing ("", 0,
 * NaN), and part_close fails with its place. Texts live until part_close. */
const char *part_text(struct part_reader *r, const char *name);
int64_t part_int(struct part_reader *r, const char *name, int64_t min, int64_t max);
void part_nums(struct part_reader *r, const char *name, double *values, int n);
/* False with err when anything did not match or is left over. Frees r in any case. */
bool part_close(struct part_reader *r, struct err *err);

/* False with err (ERR_INPUT) at `pos` when the jobs differ in anything. */
bool parts_same_job(const struct job *job, const struct job *part, const char *file,
                    struct err *err);

#endif
