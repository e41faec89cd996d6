/* SPDX-License-Identifier: GPL-3.0-or-later */
/* catalog_hardware.c - rows of `headroom catalog gpus|nodes|prices|managed`. Keys are the
 * column names of the catalogue's files, so that a file's list of estimated columns marks them.
 */
#include <math.h>
#include <string.h>

#include "hardware/catalog.h"
#include "hardware/managed.h"
#include "hardware/node.h"
#include "sim/base/date.h"
#include "sim/cli/catalog_kinds.h"
#include "sim/cli/rows.h"

static const double GIB = 1073741824.0;
static const double MIB = 1048576.0;
static const double GB = 1e9;
static const double TERA = 1e12;
static const double GBIT_BYTES = 1.25e8;
static const double KILO = 1e3;

/* 0 means unknown or not offered in the hardware tables. */
static double positive(double value)
{
    return value > 0 ? value : NAN;
}

/* Words of a blank-separated list. */
static json_t *words(struct arena *arena, const char *text)
{
    json_t *list = json_array();
    char *rest = arena_strdup(arena, text);
    for (char *word = strtok_r(rest, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        json_array_append_new(list, json_string(word));
    }
    return list;
}

/* ---- gpus ---- */

static double tflops(const struct gpu *g, enum dtype d)
{
    return positive(g->flops_per_s[d] / TERA);
}

static json_t *gpu_row(const struct gpu *g)
{
    json_t *row = json_object();
    row_text(row, "name", g->name);
    row_text(row, "label", g->label);
    row_text(row, "arch", g->arch);
    row_num(row, "mem_gib", g->mem_bytes / GIB);
    row_num(row, "mem_gb_per_s", g->mem_bytes_per_s / GB);
    row_num(row, "bf16_tflops", tflops(g, DTYPE_BF16));
    row_num(row, "fp8_tflops", tflops(g, DTYPE_FP8));
    row_num(row, "nvfp4_tflops", tflops(g, DTYPE_NVFP4));
    row_num(row, "mxfp4_tflops", tflops(g, DTYPE_MXFP4));
    row_text(row, "link", g->link);
    row_num(row, "link_gb_per_s", g->link_bytes_per_s / GB);
    row_int(row, "scaleup_gpus", g->scaleup_gpus);
    row_num(row, "tdp_w", g->tdp_w);
    return row;
}

static json_t *gpu_in_full(struct arena *arena, const struct gpu *g)
{
    json_t *one = gpu_row(g);
    row_text(one, "vendor", g->vendor);
    row_num(one, "fp32_tflops", tflops(g, DTYPE_FP32));
    row_num(one, "int8_tops", tflops(g, DTYPE_INT8));
    row_int(one, "n_sm", g->n_sm);
    row_num(one, "l2_mib", g->l2_bytes / MIB);
    row_num(one, "pcie_gb_per_s", g->pcie_bytes_per_s / GB);
    row_num(one, "idle_w", g->idle_w);
    row_text(one, "nearest", g->nearest);
    row_text(one, "source", g->source);
    row_text(one, "as_of", g->as_of);
    json_object_set_new(one, "estimated", words(arena, g->estimated));
    return one;
}

json_t *catalog_gpus(struct cli *cli, const char *name, struct err *err)
{
    struct gpu_list list;
    if (!gpu_list_load(cli->arena, cli->paths.dirs, cli->paths.n_dirs, &list, err)) {
        return NULL;
    }
    if (name) {
        const struct gpu *gpu = gpu_find(&list, name, err);
        return gpu ? gpu_in_full(cli->arena, gpu) : NULL;
    }
    json_t *rows = json_array();
    for (int i = 0; i < list.n; i++) {
        json_array_append_new(rows, gpu_row(&list.items[i]));
    }
    return rows;
}

/* ---- prices ---- */

/* Days from one date to another. */
static double days_between(const char *from, const char *to)
{
    int first = date_day_number(from);
    int last = date_day_number(to);
    return first < 0 || last < 0 ? (double)NAN : (double)(last - first);
}

static const char *gpu_of(const struct node_list *list, const char *node)
{
    const struct node_spec *spec = node_spec_find(list, node, NULL);
    return spec ? spec->gpu : "";
}

static json_t *price_row(const struct cli *cli, const struct node_list *list,
                         const struct price *p)
{
    json_t *row = json_object();
    bool bought = p->usd > 0;
    row_text(row, "node", p->node);
    row_text(row, "gpu", gpu_of(list, p->node));
    row_text(row, "kind", p->kind);
    row_text(row, "region", p->region);
    row_num(row, "usd_per_h", positive(p->usd_per_h));
    row_num(row, "usd_per_gpu_h", bought ? NAN : price_per_gpu_usd(list, p));
    row_num(row, "usd", positive(p->usd));
    row_text(row, "as_of", p->as_of);
    row_num(row, "age_days", days_between(p->as_of, cli->as_of));
    json_object_set_new(row, "estimated", json_boolean(p->estimated));
    return row;
}

/* A price belongs to a name when its node or its GPU is called so; NULL: any. */
static bool price_is_of(const struct node_list *list, const struct price *p, const char *name)
{
    return !name || catalog_same_name(p->node, name) ||
           catalog_same_name(gpu_of(list, p->node), name);
}

static json_t *price_rows(const struct cli *cli, const struct node_list *list, const char *name)
{
    json_t *rows = json_array();
    for (int i = 0; i < list->n_prices; i++) {
        const struct price *p = &list->prices[i];
        if (price_is_of(list, p, name)) {
            json_t *row = price_row(cli, list, p);
            if (name) {
                row_text(row, "source", p->source);
            }
            json_array_append_new(rows, row);
        }
    }
    return rows;
}

json_t *catalog_prices(struct cli *cli, const char *name, struct err *err)
{
    struct node_list list;
    if (!node_list_load(cli->arena, cli->paths.dirs, cli->paths.n_dirs, &list, err)) {
        return NULL;
    }
    json_t *rows = price_rows(cli, &list, name);
    if (name && json_array_size(rows) == 0) {
        json_decref(rows);
        if (node_spec_find(&list, name, err)) {
            err_set(err, ERR_INPUT, "no price is known for '%s'", name);
        }
        return NULL;
    }
    return rows;
}

/* ---- nodes ---- */

static json_t *node_row(const struct node_list *list, const struct node_spec *n)
{
    json_t *row = json_object();
    const struct price *p = price_find(list, n->name, "on-demand");
    row_text(row, "name", n->name);
    row_text(row, "provider", n->provider);
    row_text(row, "gpu", n->gpu);
    row_int(row, "n_gpus", n->n_gpus);
    row_num(row, "n_nics", positive(n->n_nics));
    row_num(row, "nic_gbps", positive(n->nic_bytes_per_s / GBIT_BYTES));
    row_num(row, "host_mem_gib", positive(n->host_mem_bytes / GIB));
    row_num(row, "power_max_kw", positive(n->power_max_w / KILO));
    row_num(row, "on_demand_usd_per_h", p ? p->usd_per_h : NAN);
    return row;
}

json_t *catalog_nodes(struct cli *cli, const char *name, struct err *err)
{
    struct node_list list;
    if (!node_list_load(cli->arena, cli->paths.dirs, cli->paths.n_dirs, &list, err)) {
        return NULL;
    }
    if (name) {
        const struct node_spec *n = node_spec_find(&list, name, err);
        if (!n) {
            return NULL;
        }
        json_t *one = node_row(&list, n);
        row_text(one, "source", n->source);
        row_text(one, "as_of", n->as_of);
        json_object_set_new(one, "estimated", words(cli->arena, n->estimated));
        json_object_set_new(one, "prices", price_rows(cli, &list, n->name));
        return one;
    }
    json_t *rows = json_array();
    for (int i = 0; i < list.n_nodes; i++) {
        json_array_append_new(rows, node_row(&list, &list.nodes[i]));
    }
    return rows;
}

/* ---- managed ---- */

static json_t *offer_row(const struct cli *cli, const struct managed_price *p)
{
    json_t *row = json_object();
    row_text(row, "provider", p->provider);
    row_text(row, "model", p->model);
    row_text(row, "catalogue", p->catalogue);
    row_text(row, "offer", p->offer);
    row_num(row, "usd_in_per_mtok", p->usd_in_per_mtok);
    row_num(row, "usd_cached_per_mtok", p->usd_cached_per_mtok);
    row_num(row, "usd_out_per_mtok", p->usd_out_per_mtok);
    row_num(row, "entry_usd_per_h", p->entry_usd_per_h);
    row_text(row, "status", p->status);
    row_text(row, "as_of", p->as_of);
    row_num(row, "age_days", days_between(p->as_of, cli->as_of));
    return row;
}

static bool offer_is_of(const struct managed_price *p, const char *name)
{
    return !name || catalog_same_name(p->provider, name) || catalog_same_name(p->model, name) ||
           catalog_same_name(p->catalogue, name);
}

static json_t *offer_rows(const struct cli *cli, const struct managed_list *list,
                          const char *name)
{
    json_t *rows = json_array();
    for (int i = 0; i < list->n_prices; i++) {
        const struct managed_price *p = &list->prices[i];
        if (offer_is_of(p, name)) {
            json_t *row = offer_row(cli, p);
            if (name) {
                row_text(row, "region", p->region);
                row_text(row, "source", p->source);
            }
            json_array_append_new(rows, row);
        }
    }
    return rows;
}

static json_t *limit_row(const struct managed_limit *l)
{
    json_t *row = json_object();
    row_text(row, "provider", l->provider);
    row_text(row, "product", l->product);
    row_text(row, "model", l->model);
    row_text(row, "kind", l->kind);
    row_num(row, "value", l->value);
    row_text(row, "unit", l->unit);
    row_text(row, "text", l->text);
    row_text(row, "conditions", l->conditions);
    row_text(row, "evidence", l->evidence);
    row_text(row, "as_of", l->as_of);
    row_text(row, "source", l->source);
    return row;
}

static json_t *limit_rows(const struct managed_list *list, const char *name)
{
    json_t *rows = json_array();
    for (int i = 0; i < list->n_limits; i++) {
        const struct managed_limit *l = &list->limits[i];
        if (catalog_same_name(l->provider, name) || catalog_same_name(l->catalogue, name)) {
            json_array_append_new(rows, limit_row(l));
        }
    }
    return rows;
}

static void fail_unknown_offer(struct arena *arena, const struct managed_list *list,
                               const char *name, struct err *err)
{
    const char **names = arena_alloc(arena, (size_t)list->n_prices * 2 + 1, sizeof *names);
    int n = 0;
    for (int i = 0; i < list->n_prices; i++) {
        names[n++] = list->prices[i].provider;
        if (list->prices[i].catalogue[0]) {
            names[n++] = list->prices[i].catalogue;
        }
    }
    err_set(err, ERR_USAGE, "no managed offer has provider or model '%s'", name);
    err_suggest(err, name, names, n);
}

json_t *catalog_managed(struct cli *cli, const char *name, struct err *err)
{
    struct managed_list list;
    if (!managed_load(cli->arena, cli->paths.dirs, cli->paths.n_dirs, &list, err)) {
        return NULL;
    }
    json_t *offers = offer_rows(cli, &list, name);
    if (!name) {
        return offers;
    }
    json_t *limits = limit_rows(&list, name);
    if (json_array_size(offers) + json_array_size(limits) == 0) {
        json_decref(offers);
        json_decref(limits);
        fail_unknown_offer(cli->arena, &list, name, err);
        return NULL;
    }
    json_t *one = json_object();
    row_text(one, "name", name);
    json_object_set_new(one, "offers", offers);
    json_object_set_new(one, "limits", limits);
    return one;
}
