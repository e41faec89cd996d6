/* SPDX-License-Identifier: GPL-3.0-or-later */
/* node.c - reads hardware/nodes.csv and hardware/prices.csv. Prices are a history: a new price
 * is a new row, and the newest of a node and kind is the current one. */
#include "hardware/node.h"

#include <math.h>
#include <string.h>

#include "hardware/catalog.h"

#define GIB 1073741824.0
#define GBIT 0.125e9 /* Gb/s to bytes/s */

/* Rows as the files have them: counts and flags that may be empty arrive as numbers. */
struct node_row {
    struct node_spec node; /* first: rows are named by their first member */
    double n_nics;
};

struct price_row {
    struct price price;
    double estimated;
};

static const struct row_field node_fields[] = {
    NAME_FIELD(struct node_row, "name", node.name),
    NAME_FIELD(struct node_row, "provider", node.provider),
    NAME_FIELD(struct node_row, "gpu", node.gpu),
    INT_FIELD(struct node_row, "n_gpus", node.n_gpus, 1, 10000),
    MAYBE_FIELD(struct node_row, "n_nics", n_nics, 1, 0, 10000),
    MAYBE_FIELD(struct node_row, "nic_gbps", node.nic_bytes_per_s, GBIT, 1, 10000),
    MAYBE_FIELD(struct node_row, "host_mem_gib", node.host_mem_bytes, GIB, 1, 1e6),
    MAYBE_FIELD(struct node_row, "power_max_kw", node.power_max_w, 1000, 0.1, 1000),
    NAME_FIELD(struct node_row, "source", node.source),
    NAME_FIELD(struct node_row, "as_of", node.as_of),
    TEXT_FIELD(struct node_row, "estimated", node.estimated),
};

static const struct row_field price_fields[] = {
    NAME_FIELD(struct price_row, "node", price.node),
    NAME_FIELD(struct price_row, "kind", price.kind),
    NAME_FIELD(struct price_row, "region", price.region),
    MAYBE_FIELD(struct price_row, "usd_per_h", price.usd_per_h, 1, 0.01, 1e6),
    MAYBE_FIELD(struct price_row, "usd", price.usd, 1, 100, 1e9),
    NAME_FIELD(struct price_row, "source", price.source),
    NAME_FIELD(struct price_row, "as_of", price.as_of),
    FLAG_FIELD(struct price_row, "estimated", estimated),
};

static const struct row_layout node_layout = {
    .file = "nodes.csv",
    .fields = node_fields,
    .n_fields = sizeof node_fields / sizeof node_fields[0],
    .row_size = sizeof(struct node_row),
};

static const struct row_layout price_layout = {
    .file = "prices.csv",
    .fields = price_fields,
    .n_fields = sizeof price_fields / sizeof price_fields[0],
    .row_size = sizeof(struct price_row),
};

static const char *const price_kinds[] = {
    "on-demand", "reserved-1y", "reserved-3y",    "reserved",
    "spot",      "community",   "capacity-block", "purchase",
};

static double zero_if_unknown(double value)
{
    return isnan(value) ? 0 : value;
}

static const struct node_spec *node_named(const struct node_list *list, const char *name)
{
    for (int i = 0; i < list->n_nodes; i++) {
        if (catalog_same_name(list->nodes[i].name, name)) {
            return &list->nodes[i];
        }
    }
    return NULL;
}

static bool load_nodes(struct arena *arena, const char *const *dirs, int n_dirs,
                       struct node_list *list, struct err *err)
{
    struct row_list rows;
    if (!rows_load(arena, dirs, n_dirs, &node_layout, &rows, err) ||
        !catalog_overlay(&rows, sizeof(struct node_row), "node", err)) {
        return false;
    }
    const struct node_row *row = rows.rows;
    list->nodes = arena_alloc(arena, (size_t)rows.n + 1, sizeof *list->nodes);
    for (int i = 0; i < rows.n; i++) {
        struct node_spec *node = &list->nodes[i];
        *node = row[i].node;
        node->n_nics = (int)zero_if_unknown(row[i].n_nics);
        node->nic_bytes_per_s = zero_if_unknown(node->nic_bytes_per_s);
        node->host_mem_bytes = zero_if_unknown(node->host_mem_bytes);
        node->power_max_w = zero_if_unknown(node->power_max_w);
        if (!catalog_check_date(node->as_of, "as_of", rows.pos[i], err)) {
            return false;
        }
    }
    list->n_nodes = rows.n;
    return true;
}

static bool check_price(const struct node_list *list, const struct price *price,
                        struct src_pos pos, struct err *err)
{
    int n_kinds = (int)(sizeof price_kinds / sizeof price_kinds[0]);
    int kind = 0;
    while (kind < n_kinds && strcmp(price->kind, price_kinds[kind]) != 0) {
        kind++;
    }
    if (kind == n_kinds) {
        err_at(err, pos, "unknown kind of price '%s'", price->kind);
        err_suggest(err, price->kind, price_kinds, n_kinds);
        return false;
    }
    bool purchase = strcmp(price->kind, "purchase") == 0;
    if ((price->usd > 0) != purchase || (price->usd_per_h > 0) == purchase) {
        return err_at(err, pos, "a purchase has usd and no usd_per_h, a rent the reverse");
    }
    if (!node_named(list, price->node)) {
        return err_at(err, pos, "price of an unknown node '%s'", price->node);
    }
    return catalog_check_date(price->as_of, "as_of", pos, err);
}

static bool load_prices(struct arena *arena, const char *const *dirs, int n_dirs,
                        struct node_list *list, struct err *err)
{
    struct row_list rows;
    if (!rows_load(arena, dirs, n_dirs, &price_layout, &rows, err)) {
        return false;
    }
    const struct price_row *row = rows.rows;
    list->prices = arena_alloc(arena, (size_t)rows.n + 1, sizeof *list->prices);
    for (int i = 0; i < rows.n; i++) {
        struct price *price = &list->prices[i];
        *price = row[i].price;
        price->usd = zero_if_unknown(price->usd);
        price->usd_per_h = zero_if_unknown(price->usd_per_h);
        price->estimated = zero_if_unknown(row[i].estimated) > 0;
        if (!check_price(list, price, rows.pos[i], err)) {
            return false;
        }
    }
    list->n_prices = rows.n;
    return true;
}

bool node_list_load(struct arena *arena, const char *const *dirs, int n_dirs,
                    struct node_list *list, struct err *err)
{
    *list = (struct node_list){0};
    return load_nodes(arena, dirs, n_dirs, list, err) &&
           load_prices(arena, dirs, n_dirs, list, err);
}

const struct node_spec *node_spec_find(const struct node_list *list, const char *name,
                                       struct err *err)
{
    const struct node_spec *node = node_named(list, name);
    if (node) {
        return node;
    }
    const char *names[512];
    int n = list->n_nodes < 512 ? list->n_nodes : 512;
    for (int i = 0; i < n; i++) {
        names[i] = list->nodes[i].name;
    }
    catalog_find("node", name, names, n, err);
    return NULL;
}

double price_per_gpu_usd(const struct node_list *list, const struct price *price)
{
    const struct node_spec *node = node_named(list, price->node);
    ASSERT(node);
    return (price->usd + price->usd_per_h) / node->n_gpus;
}

const struct price *price_find(const struct node_list *list, const char *node, const char *kind)
{
    const struct price *newest = NULL;
    for (int i = 0; i < list->n_prices; i++) {
        const struct price *price = &list->prices[i];
        if (strcmp(price->kind, kind) == 0 && catalog_same_name(price->node, node) &&
            (!newest || strcmp(price->as_of, newest->as_of) > 0)) {
            newest = price;
        }
    }
    return newest;
}
