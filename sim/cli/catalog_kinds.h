/* SPDX-License-Identifier: GPL-3.0-or-later */
/* catalog_kinds.h - what `headroom catalog KIND` lists: each kind fills rows, and one thing in
 * full when a name is given. Private to sim/cli. */
#ifndef CATALOG_KINDS_H
#define CATALOG_KINDS_H

#include "sim/cli/cli.h"

/* All of a kind as an array of rows; with a name (not NULL) one object. NULL with err. */
json_t *catalog_models(struct cli *cli, const char *name, struct err *err);
json_t *catalog_gpus(struct cli *cli, const char *name, struct err *err);
json_t *catalog_nodes(struct cli *cli, const char *name, struct err *err);
json_t *catalog_prices(struct cli *cli, const char *name, struct err *err);
json_t *catalog_managed(struct cli *cli, const char *name, struct err *err);

#endif
