/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job_dir.c - see job_dir.h. */
#include "sim/cli/job_dir.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/outfile.h"

enum { MAX_WORDS = 10000 };

/* What job.csv says beyond the job. */
struct recall {
    const char *as_of;
    int64_t n_shards; /* 1: not shared out */
    const char *scenario;
    int64_t seed, requests, replications;
    bool per_request;
    struct option_list sets, data_dirs;
};

static void put_list(struct part_writer *w, const char *count, const char *name,
                     const struct option_list *list)
{
    part_put_int(w, count, list->n);
    for (int i = 0; i < list->n; i++) {
        part_put_text(w, name, list->items[i]);
    }
}

static const char *absolute(struct arena *arena, const char *path)
{
    char *real = realpath(path, NULL);
    const char *kept = arena_strdup(arena, real ? real : path);
    free(real);
    return kept;
}

static bool write_job(const struct cli *cli, const struct parts *parts, struct err *err)
{
    const struct options *o = &cli->options;
    struct option_list dirs = {
        arena_alloc(cli->arena, (size_t)o->data_dirs.n + 1, sizeof *dirs.items),
        o->data_dirs.n};
    for (int i = 0; i < dirs.n; i++) {
        dirs.items[i] = absolute(cli->arena, o->data_dirs.items[i]);
    }
    struct part_writer *w = part_create(parts, "job", -1, err);
    if (!w) {
        return false;
    }
    part_put_text(w, "as_of", cli->as_of);
    part_put_int(w, "shards", parts->n_shards);
    part_put_text(w, "file", absolute(cli->arena, o->args.items[0]));
    part_put_int(w, "given_seed", o->seed);
    part_put_int(w, "given_requests", o->requests);
    part_put_int(w, "given_replications", o->replications);
    part_put_int(w, "per_request", o->per_request);
    put_list(w, "sets", "set", &o->sets);
    put_list(w, "data_dirs", "data", &dirs);
    return part_commit(w, err);
}

static struct option_list get_list(struct arena *arena, struct part_reader *r,
                                   const char *count, const char *name)
{
    struct option_list list = {NULL, (int)part_int(r, count, 0, MAX_WORDS)};
    list.items = arena_alloc(arena, (size_t)list.n + 1, sizeof *list.items);
    for (int i = 0; i < list.n; i++) {
        list.items[i] = arena_strdup(arena, part_text(r, name));
    }
    return list;
}

static bool read_job(struct arena *arena, const char *path, struct job *job,
                     struct recall *recall, struct err *err)
{
    struct part_reader *r = part_open_any(arena, path, job, err);
    if (!r) {
        return false;
    }
    recall->as_of = arena_strdup(arena, part_text(r, "as_of"));
    recall->n_shards = part_int(r, "shards", 1, INT32_MAX);
    recall->scenario = arena_strdup(arena, part_text(r, "file"));
    recall->seed = part_int(r, "given_seed", -1, INT64_MAX);
    recall->requests = part_int(r, "given_requests", -1, INT64_MAX);
    recall->replications = part_int(r, "given_replications", -1, INT32_MAX);
    recall->per_request = part_int(r, "per_request", 0, 1) != 0;
    recall->sets = get_list(arena, r, "sets", "set");
    recall->data_dirs = get_list(arena, r, "data_dirs", "data");
    return part_close(r, err);
}

/* ---- one process or one shard ---- */

static bool refuse_to_repeat(const struct parts *parts, struct err *err)
{
    return err_set(err, ERR_USAGE,
                   "'%s' holds finished points of this very run: add --resume to go on, or "
                   "remove it to begin anew",
                   parts->dirs[0]);
}

/* A folder with parts: false with err when they are in the way; *goes_on false: they make way.
 */
static bool take_over(struct cli *cli, const struct parts *parts, const char *path,
                      bool *goes_on, struct err *err)
{
    struct job job;
    struct recall recall;
    struct err why = {0};
    bool readable = read_job(cli->arena, path, &job, &recall, &why);
    bool same = readable && parts_same_job(&parts->job, &job, path, &why);
    bool must = cli->options.resume || parts->n_shards > 1 || (readable && recall.n_shards > 1);
    *goes_on = same;
    if (!same && must) {
        *err = why;
        return false;
    }
    if (same && !cli->options.resume && parts->n_shards == 1) {
        return refuse_to_repeat(parts, err);
    }
    if (same && !cli->options.as_of) {
        cli->as_of = recall.as_of;
    }
    if (!same) {
        cli_note(cli, "finished points of another run in '%s' make way", parts->dirs[0]);
    }
    return true;
}

/* The lock comes before a look at what is there, and again on a folder that is made anew. */
static bool begin(struct cli *cli, struct parts *parts, struct err *err)
{
    bool goes_on = false;
    if (!parts_lock(parts, err)) {
        return false;
    }
    const char *path = parts_find(cli->arena, parts, "job", -1);
    if (path && !take_over(cli, parts, path, &goes_on, err)) {
        return false;
    }
    if (goes_on && parts->n_shards == 1) {
        /* of shards, another may be writing */
        outfile_sweep(cli->out_dir);
        outfile_sweep(parts->dirs[0]);
    }
    if (goes_on) {
        return true;
    }
    if (parts->n_shards == 1) {
        parts_remove(parts);
    }
    parts_unlock(parts);
    return parts_make(parts, err) && parts_lock(parts, err) && write_job(cli, parts, err);
}

/* ---- merge ---- */

static const char *part_dir(const struct cli *cli, int i)
{
    return arena_printf(cli->arena, "%s/parts", cli->merge_dirs.items[i]);
}

static bool begin_merge(struct cli *cli, struct parts *parts, struct err *err)
{
    for (int i = 0; i < parts->n_dirs; i++) {
        struct job job;
        struct recall recall;
        const char *path = arena_printf(cli->arena, "%s/job.csv", parts->dirs[i]);
        if (!read_job(cli->arena, path, &job, &recall, err) ||
            !parts_same_job(&parts->job, &job, path, err)) {
            return false;
        }
        /* an array of jobs may run over midnight: the day of the first */
        if (strcmp(recall.as_of, cli->as_of) < 0) {
            cli->as_of = recall.as_of;
        }
    }
    return true;
}

bool job_dir_recall(struct cli *cli, const char **command, struct err *err)
{
    struct job job;
    struct recall r;
    struct options *o = &cli->options;
    cli->merge_dirs = o->args;
    const char *path = arena_printf(cli->arena, "%s/job.csv", part_dir(cli, 0));
    if (!read_job(cli->arena, path, &job, &r, err)) {
        return false;
    }
    *command = job.command;
    cli->as_of = r.as_of;
    o->args = (struct option_list){arena_alloc(cli->arena, 1, sizeof(char *)), 1};
    o->args.items[0] = r.scenario;
    o->seed = r.seed;
    o->requests = r.requests;
    o->replications = r.replications;
    o->per_request = r.per_request;
    o->sets = r.sets;
    if (o->data_dirs.n == 0) {
        o->data_dirs = r.data_dirs;
    }
    if (!o->out_dir) {
        o->out_dir = cli->merge_dirs.items[0];
    }
    return true;
}

/* ---- both ---- */

bool job_dir_open(struct cli *cli, const struct scenario *sc, struct parts *parts,
                  struct err *err)
{
    const struct options *o = &cli->options;
    bool merge = cli->merge_dirs.n > 0;
    int n = merge ? cli->merge_dirs.n : 1;
    const char **dirs = arena_alloc(cli->arena, (size_t)n, sizeof *dirs);
    for (int i = 0; i < n; i++) {
        dirs[i] = merge ? part_dir(cli, i) : cli_out_path(cli, "parts");
    }
    *parts = (struct parts){.dirs = dirs,
                            .n_dirs = n,
                            .n_shards = o->n_shards > 0 ? (int)o->n_shards : 1,
                            .shard_idx = o->n_shards > 0 ? (int)o->shard - 1 : 0,
                            .merge = merge};
    if (!job_init(cli->arena, sc, cli->paths.dirs, cli->paths.n_dirs, &parts->job, err)) {
        return false;
    }
    parts->job.command = cli->command->name;
    parts->job.version = HEADROOM_VERSION " " HEADROOM_COMMIT;
    return merge ? begin_merge(cli, parts, err) : begin(cli, parts, err);
}

void job_dir_finish(struct parts *parts, bool whole)
{
    bool is_ours = !parts->merge && parts->n_shards == 1;
    if (is_ours && (whole || parts_is_empty(parts))) {
        parts_remove(parts);
    }
    parts_unlock(parts);
}

void job_dir_hint(const char *pieces, int n_done, int n_mine, struct err *err)
{
    if (err && err->code == ERR_IO && err->hint[0] == '\0' && n_done > 0) {
        snprintf(err->hint, sizeof err->hint,
                 "%d of %d %s are kept: the same command with --resume goes on", n_done, n_mine,
                 pieces);
    }
}

void job_dir_note_stop(struct cli *cli, const char *pieces, int n_done, int n_mine)
{
    cli_note(cli,
             "stopped by a signal: %d of %d %s are finished; the same command with --resume "
             "goes on",
             n_done, n_mine, pieces);
    cli->interrupted = true;
}

void job_dir_note_shard(const struct cli *cli, const struct parts *parts, const char *pieces,
                        int n_done, int n_all)
{
    cli_note(
        cli,
        "shard %d of %d: %d of %d %s are in %s; `headroom merge` makes the tables when all "
        "shards are done",
        parts->shard_idx + 1, parts->n_shards, n_done, n_all, pieces, parts->dirs[0]);
}
