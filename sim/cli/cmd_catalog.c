/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_catalog.c - headroom catalog: what models, GPUs, nodes and prices are known, and from
 * where. */
#include <string.h>

#include "sim/cli/catalog_kinds.h"
#include "sim/cli/rows.h"

struct catalog_kind {
    const char *name;
    json_t *(*read)(struct cli *cli, const char *name, struct err *err);
};

static const struct catalog_kind kinds[] = {
    {"models", catalog_models}, {"gpus", catalog_gpus},       {"nodes", catalog_nodes},
    {"prices", catalog_prices}, {"managed", catalog_managed},
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static const struct catalog_kind *find_kind(const char *word, struct err *err)
{
    const char *names[N_KINDS];
    for (int i = 0; i < N_KINDS; i++) {
        names[i] = kinds[i].name;
        if (strcmp(word, names[i]) == 0) {
            return &kinds[i];
        }
    }
    err_set(err, ERR_USAGE,
            "the catalogue has no '%s': use models, gpus, nodes, prices or managed", word);
    err_suggest(err, word, names, N_KINDS);
    return NULL;
}

static void print(const struct cli *cli, const char *kind, json_t *found)
{
    if (cli->options.json) {
        json_t *doc = cli_json_new(cli, NULL);
        json_object_set_new(doc, "kind", json_string(kind));
        json_object_set(doc, json_is_array(found) ? "rows" : "entry", found);
        cli_json_print(doc);
    } else if (json_is_array(found)) {
        rows_print(found, stdout);
    } else {
        record_print(found, stdout);
    }
}

bool cmd_catalog(struct cli *cli, struct err *err)
{
    const struct option_list *args = &cli->options.args;
    const struct catalog_kind *kind = find_kind(args->items[0], err);
    if (!kind) {
        return false;
    }
    const char *name = args->n > 1 ? args->items[1] : NULL;
    json_t *found = kind->read(cli, name, err);
    if (!found) {
        /* a name nobody knows stands on the command line; a bad file says where it is */
        if (name && err->code == ERR_INPUT && err->file[0] == '\0') {
            err->code = ERR_USAGE;
        }
        return false;
    }
    print(cli, kind->name, found);
    json_decref(found);
    return true;
}
