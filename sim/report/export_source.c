/* SPDX-License-Identifier: GPL-3.0-or-later */
/* export_source.c - what is launched: one row of a plan, or one deployment of a scenario.
 *
 * A plan's row is turned back into a scenario of one deployment, with the engine settings that
 * manifest.json keeps, and goes the same way: so the flags are those that were simulated. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "sim/base/csvio.h"
#include "sim/base/node.h"
#include "sim/experiment/prefill.h"
#include "sim/report/export_parts.h"

enum { MAX_SETS = 256, MAX_HOST_GPUS = 16, DEFAULT_HOST_GPUS = 8, NAMES_SHOWN = 8 };

/* ---- the machine ----------------------------------------------------------------------------
 */

/* GPUs under one operating system: racks hold several, price lists of single GPUs say less. */
static int host_gpus(const struct node_list *list, const struct gpu *gpu,
                     const struct node_spec *node, int needed)
{
    if (node && node->n_gpus <= MAX_HOST_GPUS && (node->n_gpus > 1 || needed == 1)) {
        return node->n_gpus;
    }
    int best = 0;
    for (int i = 0; i < list->n_nodes; i++) {
        const struct node_spec *n = &list->nodes[i];
        if (strcmp(n->gpu, gpu->name) == 0 && n->n_gpus <= MAX_HOST_GPUS && n->n_gpus > best) {
            best = n->n_gpus;
        }
    }
    return best > 0 ? best : DEFAULT_HOST_GPUS;
}

static bool set_node(const struct export_stock *stock, const char *name, struct export_job *job,
                     struct err *err)
{
    const struct node_spec *node = NULL;
    if (name[0] && !(node = node_spec_find(&stock->nodes, name, err))) {
        return false;
    }
    job->node = name;
    job->gpus_per_node = host_gpus(&stock->nodes, job->spec.gpu, node, job->n_gpus);
    return true;
}

/* The named node where it holds that GPU. */
static bool set_prefill_node(const struct export_stock *stock, const char *name,
                             struct export_job *job, struct err *err)
{
    const struct node_spec *node = name[0] ? node_spec_find(&stock->nodes, name, err) : NULL;
    bool holds = node && strcmp(node->gpu, job->spec.gpu->name) == 0;
    return set_node(stock, holds ? name : "", job, err);
}

/* ---- one deployment -------------------------------------------------------------------------
 */

static enum engine_kind engine_of(enum export_target target, enum engine_kind planned)
{
    static const enum engine_kind engines[] = {ENGINE_VLLM, ENGINE_SGLANG, ENGINE_TRTLLM};
    return target == EXPORT_KUBERNETES ? planned : engines[target];
}

/* Another engine than planned: what means something else there goes back to its default. */
static void translate(struct arena *arena, struct export_job *job, enum engine_kind engine)
{
    struct system_spec *s = &job->asked;
    if (s->engine == engine) {
        return;
    }
    export_note(
        arena, job,
        "sized for %s: capacity and latency of %s differ; engine settings are its defaults",
        engine_names[s->engine], engine_names[engine]);
    s->engine = engine;
    s->engine_version = "";
    s->mem_util_frac = NAN;
    s->max_batched_tokens = s->max_seqs = s->chunked_prefill = s->block_tokens = -1;
    s->reserve_output = -1;
    s->balance_iters = -1;
    s->moe_backend = "";
    s->corrections = NULL;
}

/* Settings that are simulated and have no option here. */
static void note_rest(struct arena *arena, struct export_job *job)
{
    const struct system_spec *s = &job->spec;
    if (s->redundant_experts > 0 || s->rebalance_s > 0.0) {
        export_note(arena, job, "redundant experts and their rebalancing are not exported");
    }
    if (s->tier_bytes[TIER_HOST] > 0 || s->tier_bytes[TIER_SSD] > 0) {
        export_note(arena, job,
                    "KV tiers are not exported: each engine has a connector of its own");
    }
    if (s->moe_backend[0]) {
        export_note(arena, job,
                    "moe_backend %s is not exported: engines name kernels otherwise",
                    s->moe_backend);
    }
    if (s->max_queue > 0 && s->engine != ENGINE_SGLANG) {
        export_note(arena, job, "%s has no limit of %lld waiting requests: set it in the proxy",
                    engine_names[s->engine], (long long)s->max_queue);
    }
    if (job->api_servers > 1 && s->engine != ENGINE_VLLM) {
        export_note(arena, job, "api_servers is an option of vLLM only");
    }
}

/* What the engine has of a resolved system. */
static void set_system(struct export_job *job, const struct system *system)
{
    job->spec = system->spec;
    job->n_gpus = system->n_gpus;
    job->checkpoint_bytes = system->footprint.weights_bytes * system->n_gpus;
}

static bool check_fits(const struct export_job *job, const struct system *system,
                       struct err *err)
{
    return system->footprint.fits ||
           err_set(err, ERR_UNFIT, "%s does not fit%s: %s", job->name,
                   job->role == ROLE_PREFILL ? " the prefill replicas" : "",
                   system->footprint.reason);
}

/* The prefill side as a job of its own. Both sides are told how tokens are drafted, since the
 * draft's state travels along; the decode side was simulated without a prefix cache. */
static bool add_prefill(struct arena *arena, const struct export_stock *stock,
                        const struct scenario *sc, const struct deployment *d,
                        struct system *decode, struct export_job *job, struct err *err)
{
    struct prefill_side side;
    struct export_job *prefill = arena_alloc(arena, 1, sizeof *prefill);
    bool ok = prefill_resolve(arena, stock->stock, sc, d, &job->asked, decode, &side, err);
    if (ok) {
        *prefill = *job;
        prefill->role = ROLE_PREFILL;
        prefill->replicas = d->prefill_replicas;
        set_system(prefill, &side.system);
        prefill->spec.draft_tokens = job->spec.draft_tokens;
        job->role = ROLE_DECODE;
        job->spec.prefix_cache = 0;
        job->prefill = prefill;
        job->other = prefill->spec;
        prefill->other = job->spec;
        ok = check_fits(prefill, &side.system, err);
    }
    prefill_fini(&side);
    return ok;
}

static bool resolve(struct arena *arena, const struct export_stock *stock,
                    const struct scenario *sc, const struct deployment *d,
                    enum export_target target, struct export_job *job, struct err *err)
{
    struct system system;
    *job = (struct export_job){.name = d->name, .running_per_replica = NAN};
    job->stream_interval = sc->engine.stream_interval;
    job->api_servers = sc->engine.api_servers;
    job->replicas = d->replicas > 0 ? d->replicas : 1;
    if (!system_spec_of(sc, d, &job->asked, err)) {
        return false;
    }
    translate(arena, job, engine_of(target, d->engine));
    bool ok = system_resolve(stock->stock, &job->asked, &system, err);
    set_system(job, &system);
    ok = ok && check_fits(job, &system, err) &&
         (d->prefill_replicas == 0 || add_prefill(arena, stock, sc, d, &system, job, err));
    system_fini(&system);
    note_rest(arena, job);
    return ok && set_node(stock, d->node, job, err) &&
           (!job->prefill || set_prefill_node(stock, d->node, job->prefill, err));
}

static bool fits(const struct export_stock *stock, const struct scenario *sc,
                 const struct deployment *d)
{
    struct system_spec spec;
    struct system system;
    if (!system_spec_of(sc, d, &spec, NULL)) {
        return false;
    }
    bool ok = system_resolve(stock->stock, &spec, &system, NULL) && system.footprint.fits;
    system_fini(&system);
    return ok;
}

static const struct deployment *find_named(const struct deployment_list *list, const char *name,
                                           struct err *err)
{
    const char *names[NAMES_SHOWN];
    for (int i = 0; i < list->n; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            return &list->items[i];
        }
        if (i < NAMES_SHOWN) {
            names[i] = list->items[i].name;
        }
    }
    err_set(err, ERR_USAGE, "the scenario has no deployment '%s'", name);
    err_suggest(err, name, names, list->n < NAMES_SHOWN ? list->n : NAMES_SHOWN);
    return NULL;
}

/* The only one that fits, of the target's engine when the scenario has any. */
static const struct deployment *find_only(struct arena *arena, const struct export_stock *stock,
                                          const struct scenario *sc,
                                          const struct deployment_list *list,
                                          enum export_target target, struct err *err)
{
    bool of_engine = false;
    for (int i = 0; i < list->n; i++) {
        of_engine =
            of_engine || engine_of(target, list->items[i].engine) == list->items[i].engine;
    }
    const struct deployment *only = NULL;
    const char *names = "";
    int n = 0;
    for (int i = 0; i < list->n; i++) {
        const struct deployment *d = &list->items[i];
        bool wanted = !of_engine || engine_of(target, d->engine) == d->engine;
        if (wanted && (list->n == 1 || fits(stock, sc, d))) {
            only = d;
            names = n < NAMES_SHOWN
                        ? arena_printf(arena, "%s%s'%s'", names, n ? ", " : "", d->name)
                        : names;
            n++;
        }
    }
    if (n > 1) {
        err_set(err, ERR_USAGE, "the scenario has %d deployments; name one with --option: %s%s",
                n, names, n > NAMES_SHOWN ? ", ..." : "");
    } else if (n == 0) {
        err_set(err, ERR_UNFIT, "no deployment of the scenario fits");
    }
    return n == 1 ? only : NULL;
}

bool export_from_scenario(struct arena *arena, const struct export_stock *stock,
                          const struct scenario *sc, const char *name,
                          enum export_target target, struct export_job *job, struct err *err)
{
    struct deployment_list list;
    if (!scenario_deployments(arena, sc, &stock->stock->catalogue, &list, err)) {
        return false;
    }
    const struct deployment *d =
        name ? find_named(&list, name, err) : find_only(arena, stock, sc, &list, target, err);
    return d && resolve(arena, stock, sc, d, target, job, err);
}

/* ---- a plan's row ---------------------------------------------------------------------------
 */

struct plan_files {
    struct arena *arena;
    const char *dir;
    struct csv_table plan;
    struct node *values; /* of the scenario in manifest.json; NULL: none */
    struct err *err;
};

static const char *cell(const struct csv_table *t, int row, const char *col)
{
    return csv_cell(t, row, csv_col(t, col));
}

static double number(const struct csv_table *t, int row, const char *col)
{
    double value = NAN;
    return csv_number(t, row, csv_col(t, col), NAN, &value, NULL) ? value : NAN;
}

static bool has_text(const struct csv_table *t, int row, const char *col, const char *text)
{
    return strcmp(cell(t, row, col), text) == 0;
}

static bool open_plan(struct plan_files *p)
{
    static const char *const needed[] = {"option", "side",     "model",  "hardware", "tp",
                                         "pp",     "ep",       "dp",     "weights",  "kv_cache",
                                         "engine", "replicas", "spares", "node",     "rank"};
    int col;
    if (!csv_load(p->arena, arena_printf(p->arena, "%s/plan.csv", p->dir), &p->plan, p->err)) {
        return false;
    }
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (!csv_col_need(&p->plan, needed[i], &col, p->err)) {
            return false;
        }
    }
    const char *path = arena_printf(p->arena, "%s/manifest.json", p->dir);
    if (access(path, F_OK) != 0) {
        return true;
    }
    struct node *root = json_load(p->arena, path, p->err);
    p->values = root ? node_get(node_get(root, "scenario"), "values") : NULL;
    return root != NULL;
}

static bool is_launchable(const struct plan_files *p, int row)
{
    return has_text(&p->plan, row, "side", "self-hosted") &&
           number(&p->plan, row, "replicas") > 0;
}

/* Text of decision.csv's answer; "" when there is none. */
static const char *chosen_option(struct plan_files *p)
{
    struct csv_table t;
    const char *path = arena_printf(p->arena, "%s/decision.csv", p->dir);
    if (access(path, F_OK) != 0 || !csv_load(p->arena, path, &t, NULL)) {
        return "";
    }
    for (int i = 0; i < t.n_rows; i++) {
        if (has_text(&t, i, "section", "decision") && has_text(&t, i, "item", "chosen")) {
            return cell(&t, i, "text");
        }
    }
    return "";
}

static int row_named(const struct plan_files *p, const char *option)
{
    for (int i = 0; i < p->plan.n_rows; i++) {
        if (has_text(&p->plan, i, "option", option) && is_launchable(p, i)) {
            return i;
        }
    }
    return -1;
}

/* Rows stand in the order of the ranking. */
static int row_best(const struct plan_files *p, const char *engine)
{
    for (int i = 0; i < p->plan.n_rows; i++) {
        if (is_launchable(p, i) && number(&p->plan, i, "rank") > 0 &&
            (!engine || has_text(&p->plan, i, "engine", engine))) {
            return i;
        }
    }
    return -1;
}

static int find_row(struct plan_files *p, const char *option, enum export_target target,
                    const char **decided)
{
    *decided = "";
    if (option) {
        int row = row_named(p, option);
        if (row < 0) {
            err_set(p->err, ERR_USAGE, "%s has no sized self-hosted option '%s'", p->plan.file,
                    option);
        }
        return row;
    }
    const char *engine = target == EXPORT_KUBERNETES ? NULL : export_target_names[target];
    const char *chosen = chosen_option(p);
    int row = row_named(p, chosen);
    if (row < 0 || (engine && !has_text(&p->plan, row, "engine", engine))) {
        *decided = chosen;
        row = row_best(p, engine);
        row = row >= 0 ? row : row_best(p, NULL);
    }
    if (row < 0) {
        err_set(p->err, ERR_UNFIT, "%s has no self-hosted option that is ranked", p->plan.file);
    }
    return row;
}

/* ---- a plan's row as a scenario -------------------------------------------------------------
 */

struct set_list {
    const char *items[MAX_SETS];
    int n;
};

/* YAML text of a value, whatever it holds. */
static const char *quoted(struct arena *arena, const char *text)
{
    char *out = arena_alloc(arena, 2 * strlen(text) + 3, 1);
    size_t n = 0;
    out[n++] = '\'';
    for (const char *c = text; *c; c++) {
        if (*c == '\'') {
            out[n++] = '\'';
        }
        out[n++] = *c;
    }
    out[n] = '\'';
    return out;
}

static void add_set(struct arena *arena, struct set_list *sets, const char *path,
                    const char *value)
{
    if (value[0] && sets->n < MAX_SETS) {
        sets->items[sets->n++] = arena_printf(arena, "%s=%s", path, value);
    }
}

/* Engine and expert settings as they ran. A calibration changes no flag. */
static void add_values(const struct plan_files *p, struct set_list *sets)
{
    for (const struct node *v = p->values ? p->values->child : NULL; v; v = v->next) {
        const struct node *value = node_get(v, "value");
        bool kept = strncmp(v->key, "engine.", 7) == 0 || strncmp(v->key, "moe.", 4) == 0;
        bool other =
            strcmp(v->key, "engine.kind") == 0 || strcmp(v->key, "engine.calibration") == 0;
        if (kept && !other && value && value->text) {
            add_set(p->arena, sets, v->key, value->text);
        }
    }
}

/* Of one unit. */
static void add_prefill_row(const struct plan_files *p, int row, struct set_list *sets)
{
    static const char *const cols[] = {"hardware", "tp", "pp", "ep", "dp"};
    add_set(p->arena, sets, "deployments.0.prefill_replicas",
            cell(&p->plan, row, "prefill_replicas"));
    for (size_t i = 0; i < sizeof cols / sizeof *cols; i++) {
        add_set(p->arena, sets, arena_printf(p->arena, "deployments.0.prefill.%s", cols[i]),
                cell(&p->plan, row, arena_printf(p->arena, "prefill_%s", cols[i])));
    }
}

static void add_row(const struct plan_files *p, int row, struct set_list *sets)
{
    static const char *const cols[] = {"tp", "pp", "ep", "dp", "node"};
    const struct csv_table *t = &p->plan;
    bool apart = number(t, row, "prefill_replicas") > 0;
    bool sglang = has_text(t, row, "engine", "sglang");
    add_set(p->arena, sets, "model.name", quoted(p->arena, cell(t, row, "model")));
    add_set(p->arena, sets, "model.weights", cell(t, row, "weights"));
    add_set(p->arena, sets, "model.kv_cache", cell(t, row, "kv_cache"));
    add_set(p->arena, sets, "engine.kind", cell(t, row, "engine"));
    add_set(p->arena, sets,
            sglang ? "engine.chunked_prefill_size" : "engine.max_num_batched_tokens",
            cell(t, row, "tokens_per_step"));
    add_set(p->arena, sets, "deployments.0.hardware", cell(t, row, "hardware"));
    for (size_t i = 0; i < sizeof cols / sizeof *cols; i++) {
        add_set(p->arena, sets, arena_printf(p->arena, "deployments.0.%s", cols[i]),
                cell(t, row, cols[i]));
    }
    add_set(p->arena, sets, "deployments.0.replicas",
            cell(t, row, apart ? "decode_replicas" : "replicas"));
    if (apart) {
        add_prefill_row(p, row, sets);
    }
}

static struct scenario *row_scenario(const struct plan_files *p, int row)
{
    static const char base[] =
        "schema: 1\nname: plan\nmodel: {name: plan}\n"
        "workload: [{class: planned, arrivals: {process: offline}, prompt: 1, "
        "output: 1}]\ndeployments: [{hardware: [plan]}]\n";
    struct set_list *sets = arena_alloc(p->arena, 1, sizeof *sets);
    struct scenario *sc = NULL;
    add_values(p, sets);
    add_row(p, row, sets);
    /* paths of plan.csv are relative to the working directory already */
    return scenario_parse(p->arena, "plan.csv", base, sizeof base - 1, sets->items, sets->n,
                          &sc, p->err)
               ? sc
               : NULL;
}

/* ---- growth ---------------------------------------------------------------------------------
 */

/* Most replicas, spares included, that the forecast has of this option. */
static int64_t most_replicas(const struct plan_files *p, const char *option)
{
    struct csv_table t;
    const char *path = arena_printf(p->arena, "%s/forecast.csv", p->dir);
    if (access(path, F_OK) != 0 || !csv_load(p->arena, path, &t, NULL)) {
        return 0;
    }
    double most = 0.0;
    for (int i = 0; i < t.n_rows; i++) {
        if (has_text(&t, i, "self_option", option)) {
            most = fmax(most, number(&t, i, "replicas") + number(&t, i, "spares"));
        }
    }
    return (int64_t)most;
}

static double value_number(const struct plan_files *p, const char *path)
{
    const struct node *v = node_get(p->values, path);
    const struct node *text = v ? node_get(v, "value") : NULL;
    double value;
    return text && text->text && quantity_parse(text->text, UNIT_FRAC, &value, NULL, 0) ? value
                                                                                        : NAN;
}

/* Mean output of all classes; NaN unless each states its mean. */
static double mean_output(const struct plan_files *p)
{
    double sum = 0.0;
    for (int i = 0; i < SCENARIO_MAX_CLASSES; i++) {
        const char *at = arena_printf(p->arena, "workload.%d", i);
        double share = value_number(p, arena_printf(p->arena, "%s.share", at));
        if (isnan(share)) {
            return i > 0 ? sum : NAN;
        }
        sum += share * value_number(p, arena_printf(p->arena, "%s.output.mean", at));
    }
    return sum;
}

/* Little's law at the peak: arrivals of one replica times the time in service.
 * 16 requests/s on 1 replica, 0.2 s to the first token, 200 more at 20 ms: 16 * 4.2 = 67. */
static double running_per_replica(const struct plan_files *p, int row)
{
    const struct csv_table *t = &p->plan;
    double rate = number(t, row, "peak_rps") / number(t, row, "replicas");
    double decode_s = number(t, row, "fleet_tpot_s_mean") * (mean_output(p) - 1.0);
    return rate * (number(t, row, "fleet_ttft_s_mean") + decode_s);
}

/* A disaggregated option is bought in units. */
static void count_units(struct export_job *job, int64_t units, int64_t spares)
{
    job->spares = spares * job->replicas;
    job->replicas *= units;
}

static bool set_counts(const struct plan_files *p, const struct export_stock *stock, int row,
                       struct export_job *job)
{
    int64_t units = (int64_t)number(&p->plan, row, "replicas");
    int64_t spares = (int64_t)fmax(0.0, number(&p->plan, row, "spares"));
    if (!job->prefill) {
        job->spares = spares;
        return true;
    }
    const char *node = cell(&p->plan, row, "prefill_node");
    count_units(job, units, spares);
    count_units(job->prefill, units, spares);
    job->prefill->name = job->name;
    return !node[0] || set_node(stock, node, job->prefill, p->err);
}

bool export_from_plan(struct arena *arena, const struct export_stock *stock, const char *dir,
                      const char *option, enum export_target target, struct export_job *job,
                      struct err *err)
{
    struct plan_files p = {.arena = arena, .dir = dir, .err = err};
    const char *decided;
    int row = open_plan(&p) ? find_row(&p, option, target, &decided) : -1;
    struct scenario *sc = row >= 0 ? row_scenario(&p, row) : NULL;
    if (!sc || !export_from_scenario(arena, stock, sc, NULL, target, job, err)) {
        return false;
    }
    job->name = cell(&p.plan, row, "option");
    if (!set_counts(&p, stock, row, job)) {
        return false;
    }
    job->most_replicas = most_replicas(&p, job->name);
    job->running_per_replica = running_per_replica(&p, row);
    if (decided[0]) {
        export_note(arena, job, "the plan decided for %s; this is %s of rank %s", decided,
                    "the self-hosted option", cell(&p.plan, row, "rank"));
    }
    if (!p.values) {
        export_note(arena, job, "%s has no manifest.json: engine settings are the defaults",
                    dir);
    }
    return true;
}
