/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_export.c - headroom export: a plan's option or a scenario's deployment as launch commands
 * or manifests, to stdout or a file. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/cli/cli.h"
#include "sim/report/export.h"

static bool read_target(const struct options *o, enum export_target *target, struct err *err)
{
    if (!o->target) {
        return err_set(err, ERR_USAGE, "--for is missing: vllm, sglang, trtllm or kubernetes");
    }
    for (int i = 0; i < EXPORT_N_TARGETS; i++) {
        if (strcmp(o->target, export_target_names[i]) == 0) {
            *target = (enum export_target)i;
            return true;
        }
    }
    err_set(err, ERR_USAGE, "--for cannot be '%s': vllm, sglang, trtllm or kubernetes",
            o->target);
    err_suggest(err, o->target, export_target_names, EXPORT_N_TARGETS);
    return false;
}

static bool is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool read_job(struct cli *cli, const struct export_stock *stock,
                     enum export_target target, struct export_job *job, struct err *err)
{
    const struct options *o = &cli->options;
    struct scenario *sc;
    if (!is_directory(o->args.items[0])) {
        return cli_load_scenario(cli, &sc, err) &&
               export_from_scenario(cli->arena, stock, sc, o->option, target, job, err);
    }
    if (o->sets.n > 0) {
        return err_set(err, ERR_USAGE,
                       "--set changes a scenario; a plan is exported as it was made");
    }
    return export_from_plan(cli->arena, stock, o->args.items[0], o->option, target, job, err);
}

static bool write_job(struct cli *cli, const struct export_stock *stock,
                      const struct export_job *job, enum export_target target, struct err *err)
{
    const char *path = cli->options.out_dir;
    FILE *out = path ? fopen(path, "w") : stdout;
    if (!out) {
        return err_set(err, ERR_IO, "cannot write '%s': %s", path, strerror(errno));
    }
    bool ok = export_write(cli->arena, stock, job, target, out, err);
    if (fflush(out) != 0 && ok) {
        ok = err_set(err, ERR_IO, "cannot write '%s': %s", path ? path : "stdout",
                     strerror(errno));
    }
    if (path) {
        fclose(out);
    }
    if (!ok && path) {
        remove(path); /* half of a script must not be run */
    }
    return ok;
}

bool cmd_export(struct cli *cli, struct err *err)
{
    enum export_target target = EXPORT_VLLM;
    struct export_stock stock;
    struct export_job job;
    if (!read_target(&cli->options, &target, err)) {
        return false;
    }
    const struct stock *all = cli_load_stock(cli, err);
    if (!all || !export_stock_load(cli->arena, all, &stock, err) ||
        !read_job(cli, &stock, target, &job, err) ||
        !write_job(cli, &stock, &job, target, err)) {
        return false;
    }
    for (int i = 0; i < job.n_notes; i++) {
        cli_note(cli, "%s", job.notes[i]);
    }
    return true;
}
