/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fabric.c - links.csv and the measured collectives.
 *
 * Curves are made monotone by the smallest time of any larger message: kernels switch
 * algorithms, and one that is slower than a larger message (vLLM on B200, 8 GPUs, 256 KiB) is
 * an artefact of the switch that engines tune away. Look-ups are linear over some hundred
 * curves; callers tabulate. */
#include "hardware/fabric.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "hardware/rows.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))
#define TEXT(type, column, kind, name)                                                         \
    {                                                                                          \
        column, kind, offsetof(struct type, name), 0, 0, 0                                     \
    }
#define NUM(type, column, name, scale, min, max)                                               \
    {                                                                                          \
        column, ROW_NUMBER, offsetof(struct type, name), scale, min, max                       \
    }
#define WHOLE(type, name, min, max)                                                            \
    {                                                                                          \
#name, ROW_INT, offsetof(struct type, name), 1, min, max                               \
    }

struct link_row {
    struct link_spec spec;
    double is_scaleout;
};
struct point_row {
    struct kernel_key key;
    const char *operation;
    int n_gpus;
    double bytes, time_s;
};

static const struct row_field link_fields[] = {
    TEXT(link_row, "name", ROW_NAME, spec.name),
    NUM(link_row, "gb_per_s", spec.bytes_per_s, 1e9, 0.01, 1e5),
    NUM(link_row, "latency_us", spec.latency_s, 1e-6, 0, 1e4),
    NUM(link_row, "efficiency", spec.efficiency, 1, 0.01, 1),
    {"mesh_peers", ROW_INT, offsetof(struct link_row, spec.mesh_peers), 1, 0, 64},
    {"is_scaleout", ROW_FLAG, offsetof(struct link_row, is_scaleout), 1, 0, 1},
    TEXT(link_row, "estimated", ROW_TEXT, spec.estimated),
    TEXT(link_row, "source", ROW_NAME, spec.source),
    TEXT(link_row, "as_of", ROW_NAME, spec.as_of),
};
static const struct row_field point_fields[] = {
    TEXT(point_row, "sku", ROW_NAME, key.sku),
    TEXT(point_row, "engine", ROW_NAME, key.engine),
    TEXT(point_row, "version", ROW_TEXT, key.version),
    TEXT(point_row, "kernel", ROW_NAME, key.kernel),
    TEXT(point_row, "operation", ROW_NAME, operation),
    WHOLE(point_row, n_gpus, 2, 1e5),
    NUM(point_row, "bytes", bytes, 1, 1, 1e13),
    NUM(point_row, "time_us", time_s, 1e-6, 0.01, 1e9),
    TEXT(point_row, "source", ROW_NAME, key.source),
};
static const struct row_field alltoall_fields[] = {
    TEXT(alltoall_consts, "sku", ROW_NAME, key.sku),
    TEXT(alltoall_consts, "engine", ROW_NAME, key.engine),
    TEXT(alltoall_consts, "version", ROW_TEXT, key.version),
    TEXT(alltoall_consts, "kernel", ROW_NAME, key.kernel),
    WHOLE(alltoall_consts, n_nodes, 1, 1e4),
    WHOLE(alltoall_consts, gpus_per_node, 1, 1e4),
    NUM(alltoall_consts, "dispatch_alpha_us", dispatch_alpha_s, 1e-6, 0, 1e5),
    NUM(alltoall_consts, "dispatch_gb_per_s", dispatch_bytes_per_s, 1e9, 0.01, 1e5),
    NUM(alltoall_consts, "combine_alpha_us", combine_alpha_s, 1e-6, 0, 1e5),
    NUM(alltoall_consts, "combine_gb_per_s", combine_bytes_per_s, 1e9, 0.01, 1e5),
    {"err_median_frac", ROW_MAYBE, offsetof(struct alltoall_consts, key.err_median_frac), 1, 0,
     10},
    TEXT(alltoall_consts, "source", ROW_NAME, key.source),
};

static bool load_links(struct arena *arena, const char *const *dirs, int n_dirs,
                       struct fabric *fabric, struct err *err)
{
    const struct row_layout layout = {"links.csv", link_fields, COUNT(link_fields),
                                      sizeof(struct link_row)};
    struct row_list list;
    if (!rows_load(arena, dirs, n_dirs, &layout, &list, err)) {
        return false;
    }
    const struct link_row *rows = list.rows;
    fabric->links = arena_alloc(arena, (size_t)list.n + 1, sizeof *fabric->links);
    fabric->n_links = list.n;
    for (int i = 0; i < list.n; i++) {
        fabric->links[i] = rows[i].spec;
        fabric->links[i].is_scaleout = rows[i].is_scaleout > 0;
    }
    return true;
}

static const char *const operations[] = {"all_reduce", "all_gather", "reduce_scatter",
                                         "all_to_all"};

static bool check_operation(const char *name, struct src_pos pos, struct err *err)
{
    for (int i = 0; i < COUNT(operations); i++) {
        if (strcmp(name, operations[i]) == 0) {
            return true;
        }
    }
    err_at(err, pos, "unknown operation '%s'", name);
    err_suggest(err, name, operations, COUNT(operations));
    return false;
}

static bool same_curve(const struct point_row *a, const struct point_row *b)
{
    return a->n_gpus == b->n_gpus && strcmp(a->key.sku, b->key.sku) == 0 &&
           strcmp(a->key.engine, b->key.engine) == 0 &&
           strcmp(a->key.kernel, b->key.kernel) == 0 && strcmp(a->operation, b->operation) == 0;
}

static int by_bytes(const void *a, const void *b)
{
    double x = ((const struct point_row *)a)->bytes, y = ((const struct point_row *)b)->bytes;
    return (x > y) - (x < y);
}

/* One curve from n neighbouring rows, which it sorts. */
static struct collective_curve curve_of(struct arena *arena, struct point_row *rows, int n)
{
    qsort(rows, (size_t)n, sizeof *rows, by_bytes);
    double *bytes = arena_alloc(arena, (size_t)n, sizeof *bytes);
    double *time_s = arena_alloc(arena, (size_t)n, sizeof *time_s);
    for (int i = n - 1; i >= 0; i--) {
        bytes[i] = rows[i].bytes;
        time_s[i] = i + 1 < n ? fmin(rows[i].time_s, time_s[i + 1]) : rows[i].time_s;
    }
    struct kernel_key key = rows[0].key;
    key.dtype = "";
    key.err_median_frac = NAN;
    return (struct collective_curve){.key = key,
                                     .operation = rows[0].operation,
                                     .n_gpus = rows[0].n_gpus,
                                     .n_points = n,
                                     .bytes = bytes,
                                     .time_s = time_s};
}

static bool load_curves(struct arena *arena, const char *const *dirs, int n_dirs,
                        const char *file, struct fabric *fabric, struct err *err)
{
    const struct row_layout layout = {file, point_fields, COUNT(point_fields),
                                      sizeof(struct point_row)};
    struct row_list list;
    if (!rows_load(arena, dirs, n_dirs, &layout, &list, err)) {
        return false;
    }
    struct point_row *rows = list.rows;
    struct collective_curve *all =
        arena_alloc(arena, (size_t)(fabric->n_curves + list.n) + 1, sizeof *all);
    for (int i = 0; i < fabric->n_curves; i++) {
        all[i] = fabric->curves[i];
    }
    fabric->curves = all;
    for (int first = 0, i = 0; i < list.n; i++) {
        if (!check_operation(rows[i].operation, list.pos[i], err)) {
            return false;
        }
        if (i + 1 == list.n || !same_curve(&rows[i], &rows[i + 1])) {
            all[fabric->n_curves++] = curve_of(arena, rows + first, i + 1 - first);
            first = i + 1;
        }
    }
    return true;
}

static bool load_alltoall(struct arena *arena, const char *const *dirs, int n_dirs,
                          struct fabric *fabric, struct err *err)
{
    const struct row_layout layout = {"collectives/alltoall.csv", alltoall_fields,
                                      COUNT(alltoall_fields), sizeof(struct alltoall_consts)};
    struct row_list list;
    if (!rows_load(arena, dirs, n_dirs, &layout, &list, err)) {
        return false;
    }
    fabric->alltoall = list.rows;
    fabric->n_alltoall = list.n;
    for (int i = 0; i < list.n; i++) {
        fabric->alltoall[i].key.dtype = "";
    }
    return true;
}

bool fabric_load(struct arena *arena, const char *const *dirs, int n_dirs,
                 struct fabric *fabric, struct err *err)
{
    *fabric = (struct fabric){0};
    return load_links(arena, dirs, n_dirs, fabric, err) &&
           load_curves(arena, dirs, n_dirs, "collectives/allreduce.csv", fabric, err) &&
           load_curves(arena, dirs, n_dirs, "collectives/nccl.csv", fabric, err) &&
           load_alltoall(arena, dirs, n_dirs, fabric, err);
}

const struct link_spec *link_find(const struct fabric *fabric, const char *name,
                                  struct err *err)
{
    enum { MAX_NAMES = 64 };
    const char *names[MAX_NAMES];
    for (int i = 0; i < fabric->n_links; i++) {
        if (strcmp(fabric->links[i].name, name) == 0) {
            return &fabric->links[i];
        }
        names[i < MAX_NAMES ? i : MAX_NAMES - 1] = fabric->links[i].name;
    }
    err_set(err, ERR_INPUT, "unknown link '%s'", name);
    err_suggest(err, name, names, fabric->n_links < MAX_NAMES ? fabric->n_links : MAX_NAMES);
    return NULL;
}

/* ---- look-up ---- */

struct want {
    const char *sku, *engine, *operation;
    int n_gpus;
};

/* engine NULL: any. */
static const struct collective_curve *curve_find(const struct fabric *fabric,
                                                 const struct want *want, const char *kernel,
                                                 const char *engine)
{
    for (int i = 0; i < fabric->n_curves; i++) {
        const struct collective_curve *c = &fabric->curves[i];
        if (c->n_gpus == want->n_gpus && strcmp(c->key.sku, want->sku) == 0 &&
            strcmp(c->operation, want->operation) == 0 && strcmp(c->key.kernel, kernel) == 0 &&
            (!engine || strcmp(c->key.engine, engine) == 0)) {
            return c;
        }
    }
    return NULL;
}

/* On one SKU: own kernel, another engine's, NCCL. NCCL is what engines call for everything but
 * all-reduce, so there it is an exact match. */
static const struct collective_curve *
find_on_sku(const struct fabric *fabric, const struct want *want, enum kernel_match *match)
{
    const struct collective_curve *c = curve_find(fabric, want, "custom", want->engine);
    *match = MATCH_EXACT;
    if (!c) {
        c = curve_find(fabric, want, "custom", NULL);
        *match = MATCH_ENGINE;
    }
    if (!c) {
        c = curve_find(fabric, want, "nccl", NULL);
        *match = strcmp(want->operation, "all_reduce") == 0 ? MATCH_ENGINE : MATCH_EXACT;
    }
    return c;
}

static bool same_link(const struct gpu *a, const struct gpu *b)
{
    double ratio = a->link_bytes_per_s / b->link_bytes_per_s;
    return strcmp(a->link, b->link) == 0 && ratio > 0.9 && ratio < 1.1;
}

static const struct collective_curve *find_with_n(const struct fabric *fabric,
                                                  const struct gpu_list *gpus,
                                                  const struct gpu *gpu, struct want want,
                                                  enum kernel_match *match)
{
    const struct gpu *at = gpu;
    for (int hop = 0; at && hop <= gpus->n; hop++) {
        want.sku = at->name;
        const struct collective_curve *c =
            same_link(at, gpu) ? find_on_sku(fabric, &want, match) : NULL;
        if (c) {
            *match = hop > 0 ? MATCH_SKU : *match;
            return c;
        }
        at = at->nearest && at->nearest[0] ? gpu_find(gpus, at->nearest, NULL) : NULL;
    }
    for (int i = 0; i < gpus->n; i++) {
        want.sku = gpus->items[i].name;
        const struct collective_curve *c =
            same_link(&gpus->items[i], gpu) ? find_on_sku(fabric, &want, match) : NULL;
        if (c) {
            *match = MATCH_SKU;
            return c;
        }
    }
    return NULL;
}

const struct collective_curve *
collective_find(const struct fabric *fabric, const struct gpu_list *gpus, const struct gpu *gpu,
                const char *engine, const char *operation, int n_gpus, enum kernel_match *match)
{
    enum kernel_match unused;
    match = match ? match : &unused;
    struct want want = {.engine = engine, .operation = operation, .n_gpus = n_gpus};
    const struct collective_curve *c = find_with_n(fabric, gpus, gpu, want, match);
    if (c) {
        return c;
    }
    int larger = 0;
    for (int i = 0; i < fabric->n_curves; i++) {
        int n = fabric->curves[i].n_gpus;
        if (n > n_gpus && (larger == 0 || n < larger)) {
            larger = n;
        }
    }
    want.n_gpus = larger;
    c = larger > 0 ? find_with_n(fabric, gpus, gpu, want, match) : NULL;
    if (c) {
        *match = MATCH_SKU;
    }
    return c;
}

double collective_curve_time_s(const struct collective_curve *curve, double bytes)
{
    int last = curve->n_points - 1;
    if (bytes <= curve->bytes[0]) {
        return curve->time_s[0];
    }
    if (bytes >= curve->bytes[last]) {
        return curve->time_s[last] * bytes / curve->bytes[last];
    }
    int lo = 0, hi = last;
    while (hi - lo > 1) {
        int mid = (lo + hi) / 2;
        if (curve->bytes[mid] <= bytes) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    double part = log(bytes / curve->bytes[lo]) / log(curve->bytes[hi] / curve->bytes[lo]);
    return curve->time_s[lo] * pow(curve->time_s[hi] / curve->time_s[lo], part);
}

/* ---- time ---- */

double collective_wire_bytes(const char *operation, int n_gpus, double bytes)
{
    double n = n_gpus;
    double share = n > 1 ? (n - 1) / n : 0.0;
    return (strcmp(operation, "all_reduce") == 0 ? 2.0 : 1.0) * share * bytes;
}

/* NVSwitch reduces in the network since NVLink 4 (NVLS): the payload goes up and comes down
 * once. */
static bool reduces_in_network(const struct gpu *gpu)
{
    return strcmp(gpu->link, "nvlink4") == 0 || strcmp(gpu->link, "nvlink5") == 0;
}

double collective_least_bytes(const struct gpu *gpu, const char *operation, int n_gpus,
                              double bytes)
{
    double wire = collective_wire_bytes(operation, n_gpus, bytes);
    return reduces_in_network(gpu) ? fmin(wire, bytes) : wire;
}

double collective_floor_s(const struct gpu *gpu, const char *operation, int n_gpus,
                          double bytes)
{
    double least = collective_least_bytes(gpu, operation, n_gpus, bytes);
    return gpu->link_bytes_per_s > 0 ? least / gpu->link_bytes_per_s : 0.0;
}

/* The scale-up link of a GPU; one missing from links.csv is taken as PCIe-like. */
static const struct link_spec *scaleup_link(const struct fabric *fabric, const struct gpu *gpu)
{
    static const struct link_spec unknown = {.latency_s = 5e-6, .efficiency = 0.4};
    const struct link_spec *link = link_find(fabric, gpu->link, NULL);
    return link ? link : &unknown;
}

/* Without a measurement: log2(n) hops each way and the wire bytes at the link's reachable
 * share. H100, all-reduce over 8: 2 x 3 x 2.6 us = 15.6 us as NCCL shows. */
static double link_model_s(const struct fabric *fabric, const struct gpu *gpu,
                           const char *operation, int n_gpus, double bytes)
{
    const struct link_spec *link = scaleup_link(fabric, gpu);
    double phases = strcmp(operation, "all_reduce") == 0 ? 2.0 : 1.0;
    double mesh = link->mesh_peers > 0 ? fmin(1.0, (n_gpus - 1.0) / link->mesh_peers) : 1.0;
    double rate = link->efficiency * mesh * gpu->link_bytes_per_s;
    double wire = collective_wire_bytes(operation, n_gpus, bytes);
    return phases * link->latency_s * log2(n_gpus) + (rate > 0 ? wire / rate : 0.0);
}

/* Above the largest message of an engine's own kernel NCCL takes over; never faster than that
 * one. */
static double curve_or_nccl_s(const struct fabric *fabric, const struct collective_curve *curve,
                              double bytes)
{
    double last_bytes = curve->bytes[curve->n_points - 1];
    struct want want = {
        .sku = curve->key.sku, .operation = curve->operation, .n_gpus = curve->n_gpus};
    const struct collective_curve *nccl =
        bytes > last_bytes ? curve_find(fabric, &want, "nccl", NULL) : NULL;
    if (!nccl) {
        return collective_curve_time_s(curve, bytes);
    }
    return fmax(curve->time_s[curve->n_points - 1], collective_curve_time_s(nccl, bytes));
}

double collective_time_s(const struct fabric *fabric, const struct gpu_list *gpus,
                         const struct gpu *gpu, const char *engine, const char *operation,
                         int n_gpus, double bytes)
{
    if (n_gpus <= 1 || !(bytes > 0)) {
        return 0.0;
    }
    const struct collective_curve *curve =
        collective_find(fabric, gpus, gpu, engine, operation, n_gpus, NULL);
    double time_s = curve ? curve_or_nccl_s(fabric, curve, bytes)
                          : link_model_s(fabric, gpu, operation, n_gpus, bytes);
    return fmax(time_s, collective_floor_s(gpu, operation, n_gpus, bytes));
}

/* ---- point to point ---- */

static const char NETWORK_LINK[] = "ib-ndr-400g";

struct link_path fabric_path(const struct fabric *fabric, const struct gpu *gpu,
                             bool same_domain)
{
    if (same_domain) {
        const struct link_spec *link = scaleup_link(fabric, gpu);
        double peers = link->mesh_peers > 0 ? link->mesh_peers : 1.0;
        return (struct link_path){link->latency_s,
                                  link->efficiency * gpu->link_bytes_per_s / peers};
    }
    return fabric_network_path(fabric, gpu, NULL, 0.0);
}

static const struct link_spec *network_link(const struct fabric *fabric,
                                            const struct link_spec *link)
{
    static const struct link_spec unknown = {
        .latency_s = 10e-6, .efficiency = 0.93, .bytes_per_s = 50e9, .is_scaleout = true};
    link = link ? link : link_find(fabric, NETWORK_LINK, NULL);
    return link ? link : &unknown;
}

double fabric_network_line(const struct fabric *fabric, const struct gpu *gpu,
                           const struct link_spec *link, double bytes_per_s)
{
    link = network_link(fabric, link);
    double line = bytes_per_s > 0.0 ? bytes_per_s : link->bytes_per_s;
    return link->is_scaleout ? fmin(line, gpu->pcie_bytes_per_s) : line;
}

struct link_path fabric_network_path(const struct fabric *fabric, const struct gpu *gpu,
                                     const struct link_spec *link, double bytes_per_s)
{
    double line = fabric_network_line(fabric, gpu, link, bytes_per_s);
    link = network_link(fabric, link);
    return (struct link_path){link->latency_s, link->efficiency * line};
}

/* ---- expert-parallel all-to-all ---- */

/* How far a measured group is from the wanted one: nodes first, then GPUs of a node. */
static double group_distance(const struct alltoall_consts *c, int n_nodes, int gpus_per_node)
{
    return 10.0 * fabs(log2((double)c->n_nodes / n_nodes)) +
           fabs(log2((double)c->gpus_per_node / gpus_per_node));
}

static const struct alltoall_consts *alltoall_on_sku(const struct fabric *fabric,
                                                     const char *sku, const char *kernel,
                                                     int n_nodes, int gpus_per_node)
{
    const struct alltoall_consts *best = NULL;
    for (int i = 0; i < fabric->n_alltoall; i++) {
        const struct alltoall_consts *c = &fabric->alltoall[i];
        if (strcmp(c->key.sku, sku) != 0 || strcmp(c->key.kernel, kernel) != 0 ||
            (c->n_nodes > 1) != (n_nodes > 1)) {
            continue;
        }
        if (!best || group_distance(c, n_nodes, gpus_per_node) <
                         group_distance(best, n_nodes, gpus_per_node)) {
            best = c;
        }
    }
    return best;
}

const struct alltoall_consts *alltoall_find(const struct fabric *fabric,
                                            const struct gpu_list *gpus, const struct gpu *gpu,
                                            const char *kernel, int n_nodes, int gpus_per_node,
                                            enum kernel_match *match)
{
    enum kernel_match unused;
    match = match ? match : &unused;
    *match = MATCH_EXACT;
    const struct gpu *at = gpu;
    for (int hop = 0; at && hop <= gpus->n; hop++) {
        const struct alltoall_consts *c =
            alltoall_on_sku(fabric, at->name, kernel, n_nodes, gpus_per_node);
        if (c) {
            return c;
        }
        *match = MATCH_SKU;
        at = at->nearest && at->nearest[0] ? gpu_find(gpus, at->nearest, NULL) : NULL;
    }
    /* Between nodes the network limits, not the GPU: any SKU measured over the network will do.
     */
    for (int i = 0; i < gpus->n && n_nodes > 1; i++) {
        const struct alltoall_consts *c =
            alltoall_on_sku(fabric, gpus->items[i].name, kernel, n_nodes, gpus_per_node);
        if (c) {
            return c;
        }
    }
    return NULL;
}

double alltoall_copies(const struct alltoall_consts *consts, int top_k)
{
    double n = consts->n_nodes > 1 ? consts->n_nodes : consts->gpus_per_node;
    if (n <= 1) {
        return 0.0;
    }
    if (strcmp(consts->key.kernel, "deepep-ll") == 0) {
        return top_k * (1.0 - 1.0 / n);
    }
    return (n - 1.0) * (1.0 - pow(1.0 - 1.0 / n, top_k));
}

double alltoall_time_s(const struct alltoall_consts *consts, bool is_combine, double tokens,
                       double payload_bytes, int top_k)
{
    double bytes = tokens * payload_bytes * alltoall_copies(consts, top_k);
    return is_combine ? consts->combine_alpha_s + bytes / consts->combine_bytes_per_s
                      : consts->dispatch_alpha_s + bytes / consts->dispatch_bytes_per_s;
}
