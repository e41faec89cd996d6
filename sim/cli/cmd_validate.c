/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_validate.c - headroom validate: predict measured results, report the error. */
#include "sim/base/pool.h"
#include "sim/base/progress.h"
#include "sim/cli/cli.h"
#include "sim/fit/validate.h"

enum { DEFAULT_SEED = 1 };

static void write_footer(const struct cli *cli, const struct validate_options *v)
{
    struct footer footer = {
        .version = HEADROOM_VERSION,
        .command = arena_printf(cli->arena, "validate %s", v->table),
        .seed = v->seed,
        .n_events = v->totals->n_events,
        .n_requests = v->totals->n_requests,
        .start_wall_s = cli->start_wall_s,
    };
    if (!cli->options.quiet) {
        footer_write(&footer, stderr);
    }
}

bool cmd_validate(struct cli *cli, struct err *err)
{
    const struct options *o = &cli->options;
    struct validate_totals totals = {0};
    struct validate_options v = {
        .table = o->args.items[0],
        .csv = o->csv,
        .explain = o->explain,
        .markdown = o->markdown,
        .quiet = o->quiet,
        .n_threads = o->n_jobs > 0 ? (int)o->n_jobs : pool_cpu_count(),
        .seed = (uint64_t)(o->seed >= 0 ? o->seed : DEFAULT_SEED),
        .replications = o->replications > 0 ? (int)o->replications : 0,
        .stop = cli->stop,
        .totals = &totals,
    };
    struct stock *stock = cli_load_stock(cli, err);
    if (!stock || !validate_run(&v, stock, stdout, err)) {
        return false;
    }
    cli->interrupted = totals.interrupted;
    write_footer(cli, &v);
    return true;
}
