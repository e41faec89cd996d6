/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_check.c - headroom check: is the scenario valid, and what does it mean in full. Names of
 * models, GPUs and nodes are looked up in the catalogue as well. */
#include "sim/cli/cli.h"

bool cmd_check(struct cli *cli, struct err *err)
{
    struct scenario *sc;
    struct deployment_list deployments;
    if (!cli_load_scenario(cli, &sc, err)) {
        return false;
    }
    struct stock *stock = cli_load_stock(cli, err);
    if (!stock || !scenario_deployments(cli->arena, sc, &stock->catalogue, &deployments, err)) {
        return false;
    }
    scenario_write(sc, stdout);
    cli_note(cli, "%s is valid: %d model%s, %d class%s, %d deployment%s", sc->file,
             sc->n_models, sc->n_models == 1 ? "" : "s", sc->n_classes,
             sc->n_classes == 1 ? "" : "es", deployments.n, deployments.n == 1 ? "" : "s");
    return true;
}
