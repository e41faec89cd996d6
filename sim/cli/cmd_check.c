/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_check.c - headroom check: is the scenario valid, and what does it mean in full.
 * Everything that could stop a run later is tried: names are looked up, layouts built, traces
 * read. */
#include "sim/cli/cli.h"
#include "sim/cli/report.h"
#include "sim/experiment/workload.h"

static const char *plural(int n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

static void say_valid(const struct cli *cli, const struct experiment *e)
{
    const struct scenario *sc = e->scenario;
    int n_fit = 0;
    for (int i = 0; i < e->deployments.n; i++) {
        n_fit += e->systems[i].footprint.fits;
    }
    cli_note(cli, "%s is valid: %d %s, %d %s, %d %s of which %d %s in GPU memory", sc->file,
             sc->n_models, plural(sc->n_models, "model", "models"), sc->n_classes,
             plural(sc->n_classes, "class", "classes"), e->deployments.n,
             plural(e->deployments.n, "deployment", "deployments"), n_fit,
             plural(n_fit, "fits", "fit"));
}

bool cmd_check(struct cli *cli, struct err *err)
{
    struct scenario *sc;
    struct stock *stock;
    struct experiment_options options = cli_experiment_options(cli);
    if (!cli_load_scenario(cli, &sc, err) || !(stock = cli_load_stock(cli, err)) ||
        !workload_load(cli->arena, sc, err)) {
        return false;
    }
    struct experiment *e = experiment_new(cli->arena, stock, sc, &options, err);
    if (!e) {
        return false;
    }
    scenario_write(sc, stdout);
    report_corrections(cli, e);
    say_valid(cli, e);
    experiment_free(e);
    return true;
}
