/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/experiment/correction.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/base/node.h"
#include "sim/base/outfile.h"

/* Bounds of a correction: beyond them something else is wrong. */
static const double SCALE_MIN = 0.2;
static const double SCALE_MAX = 5.0;
static const double OFFSET_MAX_S = 1.0;
static const double TTFT_MAX_S = 10.0;
enum { MAX_RANKS = 1024 };

static const char *const file_keys[] = {"schema", "deployments"};
static const char *const keys[] = {
    "model",
    "hardware",
    "engine",
    "engine_version",
    "weights",
    "kv_cache",
    "tp",
    "pp",
    "ep",
    "dp",
    "step_scale",
    "step_offset",
    "ttft_offset",
    "points",
    "tpot_error_before",
    "tpot_error_after",
    "ttft_error_before",
    "ttft_error_after",
    "measured_from",
    "measured_to",
    "fitted",
    "source",
};
#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* ---- reading ---- */

struct reader {
    const struct node *map;
    struct err *err;
    bool ok;
};

static const struct node *need(struct reader *r, const char *key)
{
    const struct node *node = node_get(r->map, key);
    if (!node && r->ok) {
        r->ok = err_at(r->err, r->map->pos, "the key '%s' is missing", key);
    }
    return r->ok ? node : NULL;
}

static const char *text(struct reader *r, const char *key, bool may_miss)
{
    const char *value = "";
    const struct node *node = may_miss ? node_get(r->map, key) : need(r, key);
    if (r->ok && node && node->kind != NODE_NULL) {
        r->ok = node_string(node, &value, r->err);
    }
    return value;
}

static double number(struct reader *r, const char *key, enum unit unit, double min, double max)
{
    double value = NAN;
    const struct node *node = need(r, key);
    r->ok = node && node_quantity(node, unit, min, max, &value, r->err);
    return value;
}

/* NaN when absent. */
static double share(struct reader *r, const char *key)
{
    return node_get(r->map, key) ? number(r, key, UNIT_FRAC, 0.0, 1e6) : NAN;
}

static int count(struct reader *r, const char *key, int min, int max)
{
    int64_t value = 0;
    const struct node *node = need(r, key);
    r->ok = node && node_int(node, min, max, &value, r->err);
    return (int)value;
}

static enum dtype dtype_of(struct reader *r, const char *key)
{
    enum dtype value = DTYPE_AUTO;
    const struct node *node = need(r, key);
    const char *word = node ? text(r, key, false) : "";
    if (r->ok && !dtype_parse(word, &value)) {
        r->ok = err_at(r->err, node->pos, "'%s' is no number format", word);
    }
    return value;
}

static void read_id(struct reader *r, struct correction_id *id)
{
    int engine = 0;
    id->model = text(r, "model", false);
    id->hardware = text(r, "hardware", false);
    const struct node *node = need(r, "engine");
    r->ok = node && node_enum(node, engine_names, ENGINE_N_KINDS, &engine, r->err);
    id->engine = (enum engine_kind)engine;
    id->engine_version = text(r, "engine_version", true);
    id->weights = dtype_of(r, "weights");
    id->kv = dtype_of(r, "kv_cache");
    id->tp = count(r, "tp", 1, MAX_RANKS);
    id->pp = count(r, "pp", 1, MAX_RANKS);
    id->ep = count(r, "ep", 1, MAX_RANKS);
    id->dp = count(r, "dp", 1, MAX_RANKS);
}

static bool read_one(const struct node *map, struct correction *c, struct err *err)
{
    struct reader r = {map, err, true};
    if (!node_expect(map, NODE_MAP, err) || !node_check_keys(map, keys, COUNT(keys), err)) {
        return false;
    }
    read_id(&r, &c->id);
    c->step_scale = number(&r, "step_scale", UNIT_COUNT, SCALE_MIN, SCALE_MAX);
    c->step_offset_s = number(&r, "step_offset", UNIT_S, -OFFSET_MAX_S, OFFSET_MAX_S);
    c->ttft_offset_s = number(&r, "ttft_offset", UNIT_S, -TTFT_MAX_S, TTFT_MAX_S);
    c->n_points = count(&r, "points", CORRECTION_MIN_POINTS, 1000000);
    c->tpot_before_frac = share(&r, "tpot_error_before");
    c->tpot_after_frac = share(&r, "tpot_error_after");
    c->ttft_before_frac = share(&r, "ttft_error_before");
    c->ttft_after_frac = share(&r, "ttft_error_after");
    c->measured_from = text(&r, "measured_from", true);
    c->measured_to = text(&r, "measured_to", true);
    c->fitted = text(&r, "fitted", true);
    c->source = text(&r, "source", true);
    return r.ok;
}

static bool check_schema(const struct node *root, struct err *err)
{
    int64_t schema = 0;
    const struct node *node = node_get(root, "schema");
    if (!node) {
        return err_at(err, root->pos, "the key 'schema' is missing");
    }
    return node_int(node, CORRECTION_SCHEMA, CORRECTION_SCHEMA, &schema, err);
}

bool correction_load(struct arena *arena, const char *path, struct correction_list *list,
                     struct err *err)
{
    const struct node *root = yaml_load(arena, path, err);
    *list = (struct correction_list){.file = arena_strdup(arena, path)};
    if (!root || !node_expect(root, NODE_MAP, err) || !check_schema(root, err) ||
        !node_check_keys(root, file_keys, COUNT(file_keys), err)) {
        return false;
    }
    const struct node *all = node_get(root, "deployments");
    if (!all) {
        return err_at(err, root->pos, "the key 'deployments' is missing");
    }
    if (!node_expect(all, NODE_LIST, err)) {
        return false;
    }
    list->items = arena_alloc(arena, (size_t)all->n_children + 1, sizeof *list->items);
    for (const struct node *at = all->child; at; at = at->next) {
        if (!read_one(at, &list->items[list->n++], err)) {
            return false;
        }
    }
    return true;
}

bool correction_of_scenario(struct arena *arena, const struct scenario *sc,
                            const struct correction_list **list, struct err *err)
{
    *list = NULL;
    if (!sc->engine.calibration[0]) {
        return true;
    }
    struct correction_list *loaded = arena_alloc(arena, 1, sizeof *loaded);
    *list = loaded;
    return correction_load(arena, sc->engine.calibration, loaded, err);
}

/* ---- writing ---- */

static void put_text(FILE *out, const char *key, const char *value)
{
    fprintf(out, "    %s: '", key);
    for (const char *c = value; *c; c++) {
        fputs(*c == '\'' ? "''" : (char[]){*c, '\0'}, out);
    }
    fputs("'\n", out);
}

static void put_share(FILE *out, const char *key, double frac)
{
    if (!isnan(frac)) {
        fprintf(out, "    %s: %.3g%%\n", key, 100.0 * frac);
    }
}

static void put_one(FILE *out, const struct correction *c)
{
    const struct correction_id *id = &c->id;
    fprintf(out, "  - hardware: %s\n    engine: %s\n", id->hardware, engine_names[id->engine]);
    put_text(out, "model", id->model);
    put_text(out, "engine_version", id->engine_version);
    fprintf(
        out,
        "    weights: %s\n    kv_cache: %s\n    tp: %d\n    pp: %d\n    ep: %d\n    dp: %d\n",
        dtype_name(id->weights), dtype_name(id->kv), id->tp, id->pp, id->ep, id->dp);
    fprintf(out, "    step_scale: %.6g\n    step_offset: %.6g ms\n    ttft_offset: %.6g ms\n",
            c->step_scale, 1e3 * c->step_offset_s, 1e3 * c->ttft_offset_s);
    fprintf(out, "    points: %d\n", c->n_points);
    put_share(out, "tpot_error_before", c->tpot_before_frac);
    put_share(out, "tpot_error_after", c->tpot_after_frac);
    put_share(out, "ttft_error_before", c->ttft_before_frac);
    put_share(out, "ttft_error_after", c->ttft_after_frac);
    put_text(out, "measured_from", c->measured_from);
    put_text(out, "measured_to", c->measured_to);
    put_text(out, "fitted", c->fitted);
    put_text(out, "source", c->source);
}

bool correction_write(const struct correction_list *list, const char *path, struct err *err)
{
    struct outfile file;
    if (!outfile_open(&file, path, err)) {
        return false;
    }
    fputs("# Corrections of step times fitted to measurements: T' = step_scale x T + "
          "step_offset.\n"
          "# A scenario uses them by `engine: {calibration: FILE}`. Errors are medians; those\n"
          "# after are of points that the fit had not seen.\n"
          "schema: 1\ndeployments:\n",
          file.out);
    for (int i = 0; i < list->n; i++) {
        put_one(file.out, &list->items[i]);
    }
    return outfile_close(&file, err);
}

/* ---- finding ---- */

struct difference {
    char *text;
    size_t n, used;
    int count;
};

static void differ(struct difference *d, const char *what, const char *asked, const char *has)
{
    if (strcmp(asked, has) == 0) {
        return;
    }
    int more = snprintf(d->text + d->used, d->n - d->used, "%s%s %s (measured: %s)",
                        d->count ? ", " : "", what, *asked ? asked : "not stated", has);
    d->used += more > 0 ? (size_t)more : 0;
    d->used = d->used < d->n ? d->used : d->n - 1;
    d->count++;
}

static void differ_int(struct difference *d, const char *what, int asked, int has)
{
    char a[16];
    char b[16];
    snprintf(a, sizeof a, "%d", asked);
    snprintf(b, sizeof b, "%d", has);
    differ(d, what, a, b);
}

static int differences(const struct correction_id *asked, const struct correction_id *has,
                       char *text_out, size_t n)
{
    struct difference d = {text_out, n, 0, 0};
    text_out[0] = '\0';
    differ(&d, "model", asked->model, has->model);
    differ(&d, "hardware", asked->hardware, has->hardware);
    differ(&d, "engine", engine_names[asked->engine], engine_names[has->engine]);
    differ(&d, "weights", dtype_name(asked->weights), dtype_name(has->weights));
    differ(&d, "KV cache", dtype_name(asked->kv), dtype_name(has->kv));
    differ_int(&d, "tp", asked->tp, has->tp);
    differ_int(&d, "pp", asked->pp, has->pp);
    differ_int(&d, "ep", asked->ep, has->ep);
    differ_int(&d, "dp", asked->dp, has->dp);
    if (*has->engine_version) {
        differ(&d, "engine version", asked->engine_version, has->engine_version);
    }
    return d.count;
}

bool correction_same(const struct correction_id *a, const struct correction_id *b)
{
    char unused[512];
    return differences(a, b, unused, sizeof unused) == 0 &&
           strcmp(a->engine_version, b->engine_version) == 0;
}

const struct correction *correction_find(const struct correction_list *list,
                                         const struct correction_id *id, char *why, size_t n)
{
    char text_of[512];
    int least = 0;
    snprintf(why, n, "it is empty");
    for (int i = 0; i < list->n; i++) {
        int count_of = differences(id, &list->items[i].id, text_of, sizeof text_of);
        if (count_of == 0) {
            why[0] = '\0';
            return &list->items[i];
        }
        if (least == 0 || count_of < least) {
            least = count_of;
            snprintf(why, n, "%s", text_of);
        }
    }
    return NULL;
}
