/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scenario_check.c - what no single key can tell: values that contradict each other, limits on
 * the whole, and the defaults that depend on other values (names, shares). */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scenarios/field.h"

static const double SHARE_TOLERANCE = 1e-6;

/* Place of "<section>.<idx>.<key>" when the file states it, else of the entry's first stated
 * value, else of the section. */
static struct src_pos item_pos(const struct reader *r, const char *section, int idx,
                               const char *key)
{
    char prefix[64];
    char path[128];
    struct src_pos pos = value_pos(r->sc, section, (struct src_pos){r->sc->file, 0, 0});
    int n = snprintf(prefix, sizeof prefix, "%s.%d.", section, idx);
    for (int i = 0; i < r->sc->n_values; i++) {
        const struct scenario_value *value = &r->sc->values[i];
        if (value->origin != ORIGIN_DEFAULT && strncmp(value->path, prefix, (size_t)n) == 0) {
            pos = value->pos;
            break;
        }
    }
    snprintf(path, sizeof path, "%s%s", prefix, key);
    return value_pos(r->sc, path, pos);
}

static struct src_pos class_pos(const struct reader *r, int c, const char *key)
{
    return item_pos(r, "workload", c, key);
}

/* Replaces the printed text of a derived default. */
static void set_text(struct reader *r, const char *path, const char *text)
{
    for (int i = 0; i < r->sc->n_values; i++) {
        if (strcmp(r->sc->values[i].path, path) == 0) {
            r->sc->values[i].text = text;
            return;
        }
    }
}

/* ---- names ---- */

static const char *file_stem(struct arena *arena, const char *file)
{
    const char *slash = strrchr(file, '/');
    const char *base = slash ? slash + 1 : file;
    const char *dot = strrchr(base, '.');
    size_t n = dot && dot != base ? (size_t)(dot - base) : strlen(base);
    size_t max = SCENARIO_MAX_NAME_BYTES;
    return arena_strndup(arena, base, n < max ? n : max);
}

static void name_scenario(struct reader *r)
{
    if (r->sc->name[0] == '\0') {
        r->sc->name = file_stem(r->arena, r->sc->file);
        set_text(r, "name", yaml_text(r->arena, r->sc->name));
    }
}

static bool name_classes(struct reader *r)
{
    struct scenario *sc = r->sc;
    for (int c = 0; c < sc->n_classes; c++) {
        struct scenario_class *class = &sc->classes[c];
        if (class->name[0] == '\0') {
            class->name =
                sc->n_classes == 1 ? "default" : arena_printf(r->arena, "class-%d", c + 1);
            set_text(r, arena_printf(r->arena, "workload.%d.class", c), class->name);
        }
        if (strcmp(class->name, "all") == 0) {
            return err_at(r->err, class_pos(r, c, "class"),
                          "a class cannot be named 'all': results use it for the total");
        }
        for (int other = 0; other < c; other++) {
            if (strcmp(class->name, sc->classes[other].name) == 0) {
                return err_at(r->err, class_pos(r, c, "class"), "two classes are named '%s'",
                              class->name);
            }
        }
    }
    return true;
}

/* ---- shares ---- */

static double sum_rates(const struct scenario *sc)
{
    double sum = 0;
    for (int c = 0; c < sc->n_classes; c++) {
        sum += sc->classes[c].arrivals.rate_rps; /* NaN spreads: one class without a rate */
    }
    return sum;
}

/* Without shares the classes' own rates give them; without rates all are equal. */
static void derive_shares(struct reader *r)
{
    struct scenario *sc = r->sc;
    double sum = sum_rates(sc);
    for (int c = 0; c < sc->n_classes; c++) {
        struct scenario_class *class = &sc->classes[c];
        class->share_frac = isnan(sum) ? 1.0 / sc->n_classes : class->arrivals.rate_rps / sum;
        set_text(r, arena_printf(r->arena, "workload.%d.share", c),
                 arena_printf(r->arena, "%.17g", class->share_frac));
    }
}

static void warn_share_mismatch(struct reader *r)
{
    struct scenario *sc = r->sc;
    double sum = sum_rates(sc);
    for (int c = 0; c < sc->n_classes && !isnan(sum); c++) {
        double by_rate = sc->classes[c].arrivals.rate_rps / sum;
        if (fabs(by_rate - sc->classes[c].share_frac) > 0.01) {
            reader_warn(
                r,
                "class '%s' has share %.3g but %.3g of the requests by its rate: run uses "
                "the rates, sweep and demand use the shares",
                sc->classes[c].name, sc->classes[c].share_frac, by_rate);
        }
    }
}

static bool check_shares(struct reader *r)
{
    struct scenario *sc = r->sc;
    double sum = 0;
    int n_given = 0;
    int missing = 0;
    for (int c = 0; c < sc->n_classes; c++) {
        bool given = !isnan(sc->classes[c].share_frac);
        n_given += given;
        missing = given ? missing : c;
        sum += given ? sc->classes[c].share_frac : 0;
    }
    if (n_given == 0) {
        derive_shares(r);
        return true;
    }
    if (n_given < sc->n_classes) {
        return err_at(r->err, class_pos(r, missing, "class"),
                      "class '%s' has no share: give one to every class or to none",
                      sc->classes[missing].name);
    }
    if (sc->n_classes == 1 && sum < 1 - SHARE_TOLERANCE) {
        reader_warn(r, "the only class '%s' has share %.3g: it is taken as the whole load",
                    sc->classes[0].name, sum);
        sc->classes[0].share_frac = 1;
        return true;
    }
    if (fabs(sum - 1) > SHARE_TOLERANCE) {
        return err_at(r->err, class_pos(r, sc->n_classes - 1, "share"),
                      "the shares of all classes must sum to 1, they sum to %.7g", sum);
    }
    warn_share_mismatch(r);
    return true;
}

/* ---- arrivals and lengths ---- */

static bool check_readable(struct reader *r, const char *path, struct src_pos pos)
{
    if (access(path, R_OK) == 0) {
        return true;
    }
    err_at(r->err, pos, "cannot read %s", path);
    if (r->err) {
        r->err->code = ERR_IO;
    }
    return false;
}

/* A rate may be missing when demand or a sweep says how much arrives. */
static bool check_open_loop(struct reader *r, int c, const struct scenario_arrivals *arrivals)
{
    const struct scenario *sc = r->sc;
    if (isnan(arrivals->rate_rps) && isnan(sc->demand.requests_per_day) && !sc->sweep.given) {
        return err_at(r->err, class_pos(r, c, "arrivals"),
                      "class '%s' has no rate: give arrivals a rate, or add demand or sweep",
                      sc->classes[c].name);
    }
    if (arrivals->process == ARRIVAL_MMPP &&
        arrivals->burst_ratio * arrivals->burst_share_frac >= 1) {
        return err_at(
            r->err, class_pos(r, c, "arrivals"),
            "bursts of %g times the mean for %g of the time leave nothing for the calm "
            "phases: burst_ratio * burst_share must be below 1",
            arrivals->burst_ratio, arrivals->burst_share_frac);
    }
    return true;
}

static bool check_hourly(struct reader *r, int c, const struct num_list *hourly)
{
    double sum = 0.0;
    for (int i = 0; i < hourly->n; i++) {
        sum += hourly->items[i];
    }
    return hourly->n == 0 || (hourly->n == 24 && sum > 0.0) ||
           err_at(
               r->err, class_pos(r, c, "arrivals.hourly"),
               "hourly has %d weights; it takes 24, one for each hour of the day, that are not "
               "all 0",
               hourly->n);
}

static bool check_arrivals(struct reader *r, int c)
{
    const struct scenario *sc = r->sc;
    const struct scenario_arrivals *arrivals = &sc->classes[c].arrivals;
    switch ((enum arrival_process)arrivals->process) {
    case ARRIVAL_CLOSED:
        if (arrivals->concurrency == SCENARIO_AUTO && sc->sweep.concurrency.n == 0) {
            return err_at(r->err, class_pos(r, c, "arrivals"),
                          "a closed loop needs its concurrency");
        }
        return true;
    case ARRIVAL_TRACE:
        if (arrivals->file[0] == '\0') {
            return err_at(r->err, class_pos(r, c, "arrivals"), "a trace needs its file");
        }
        return check_readable(r, arrivals->file, class_pos(r, c, "arrivals.file"));
    case ARRIVAL_OFFLINE:
        return true;
    default:
        return check_open_loop(r, c, arrivals) && check_hourly(r, c, &arrivals->hourly);
    }
}

static bool is_given(const struct dist *dist)
{
    return dist->kind != DIST_CONSTANT || dist->a > 0;
}

/* Largest value a length can take; infinite when nothing bounds it. */
static double longest(const struct dist *dist)
{
    double bound = dist->max > 0 ? dist->max : INFINITY;
    if (dist->kind == DIST_CONSTANT) {
        return fmin(dist->a, bound);
    }
    if (dist->kind == DIST_UNIFORM) {
        return fmin(dist->b, bound);
    }
    if (dist->kind == DIST_EMPIRICAL) {
        return fmin(dist->values[dist->n_values - 1], bound);
    }
    return bound;
}

static bool check_context(struct reader *r, int c)
{
    const struct scenario_class *class = &r->sc->classes[c];
    double longest_tokens = (double)r->sc->engine.max_model_len;
    double mean_tokens = dist_mean(&class->prompt) + dist_mean(&class->output);
    if (longest_tokens > 0 && mean_tokens > longest_tokens) {
        return err_at(r->err, class_pos(r, c, "prompt"),
                      "prompt and output of class '%s' have %.0f tokens on average, more than "
                      "engine.max_model_len (%.0f)",
                      class->name, mean_tokens, longest_tokens);
    }
    return true;
}

static bool check_lengths(struct reader *r, int c)
{
    struct scenario_class *class = &r->sc->classes[c];
    bool prompt = is_given(&class->prompt);
    bool output = is_given(&class->output);
    bool is_trace = class->arrivals.process == ARRIVAL_TRACE;
    class->lengths_from_trace = is_trace && !prompt && !output;
    if (class->lengths_from_trace) {
        return true;
    }
    if (!prompt || !output) {
        return err_at(r->err, class_pos(r, c, "class"), "class '%s' has no %s length%s",
                      class->name, prompt ? "output" : "prompt",
                      is_trace ? ": give both to replace those of the trace, or neither" : "");
    }
    if ((double)class->prefix.shared_tokens > longest(&class->prompt)) {
        return err_at(
            r->err, class_pos(r, c, "prefix.shared"),
            "a shared prefix of %lld tokens is longer than any prompt of class '%s' (%.0f)",
            (long long)class->prefix.shared_tokens, class->name, longest(&class->prompt));
    }
    return check_context(r, c);
}

static bool check_classes(struct reader *r)
{
    for (int c = 0; c < r->sc->n_classes; c++) {
        const struct scenario_images *images = &r->sc->classes[c].images;
        if (!check_arrivals(r, c) || !check_lengths(r, c)) {
            return false;
        }
        if (images->per_request > 0 && images->tokens_per_image == 0) {
            return err_at(r->err, class_pos(r, c, "images"), "images need tokens_per_image");
        }
    }
    return true;
}

/* ---- models and deployments ---- */

static bool check_kv_formats(struct reader *r)
{
    for (int i = 0; i < r->sc->n_models; i++) {
        const struct int_list *kv = &r->sc->models[i].kv_cache;
        for (int k = 0; k < kv->n; k++) {
            if (kv->items[k] == DTYPE_MXFP4 || kv->items[k] == DTYPE_INT4 ||
                kv->items[k] == DTYPE_FP32) {
                return err_at(
                    r->err, item_pos(r, "model", i, "kv_cache"),
                    "no engine keeps its KV cache in %s; use auto, bf16, fp8, int8 or nvfp4",
                    dtype_name((enum dtype)kv->items[k]));
            }
        }
    }
    return true;
}

static double largest(const struct int_list *list)
{
    double max = 1;
    for (int i = 0; i < list->n; i++) {
        max = fmax(max, (double)list->items[i]);
    }
    return max;
}

static double given_or(int64_t given, const struct int_list *otherwise)
{
    return given > 0 ? (double)given : largest(otherwise);
}

/* Of one prefill replica. */
static double prefill_gpus(const struct scenario_deployment *entry)
{
    const struct scenario_prefill *p = &entry->prefill;
    return given_or(p->tp, &entry->tp) * given_or(p->pp, &entry->pp) *
           given_or(p->dp, &entry->dp);
}

static double most_prefill(const struct scenario_deployment *entry)
{
    double most = 0;
    for (int i = 0; i < entry->prefill_replicas.n; i++) {
        most = fmax(most, (double)entry->prefill_replicas.items[i]);
    }
    return most;
}

static bool check_gpu_ceiling(struct reader *r, const struct scenario_deployment *entry)
{
    double n_gpus = largest(&entry->tp) * largest(&entry->pp) * largest(&entry->dp) *
                        largest(&entry->replicas) +
                    most_prefill(entry) * prefill_gpus(entry);
    if (n_gpus > SCENARIO_MAX_GPUS) {
        return err_at(r->err, entry->pos,
                      "this deployment has up to %.0f GPUs; the limit is %d", n_gpus,
                      SCENARIO_MAX_GPUS);
    }
    return true;
}

static bool check_deployments(struct reader *r)
{
    const struct scenario *sc = r->sc;
    for (int i = 0; i < sc->n_deployments; i++) {
        if (!check_gpu_ceiling(r, &sc->deployments[i])) {
            return false;
        }
    }
    int64_t n = scenario_count_deployments(sc);
    if (n > SCENARIO_MAX_DEPLOYMENTS) {
        return err_at(r->err, sc->deployments[0].pos,
                      "the lists multiply to %lld deployments; the limit is %d", (long long)n,
                      SCENARIO_MAX_DEPLOYMENTS);
    }
    return true;
}

/* ---- the rest ---- */

static bool check_sweep(struct reader *r)
{
    const struct scenario_sweep *sweep = &r->sc->sweep;
    struct src_pos pos = value_pos(r->sc, "sweep", (struct src_pos){r->sc->file, 0, 0});
    for (int i = 1; i < sweep->loads.n; i++) {
        if (sweep->loads.items[i] <= sweep->loads.items[i - 1]) {
            return err_at(r->err, value_pos(r->sc, "sweep.loads", pos), "loads must ascend");
        }
    }
    for (int i = 1; i < sweep->concurrency.n; i++) {
        if (sweep->concurrency.items[i] <= sweep->concurrency.items[i - 1]) {
            return err_at(r->err, value_pos(r->sc, "sweep.concurrency", pos),
                          "concurrency must ascend");
        }
    }
    if (sweep->loads.n > 0 && sweep->concurrency.n > 0) {
        return err_at(r->err, value_pos(r->sc, "sweep.concurrency", pos),
                      "a sweep goes over loads or over concurrency, not both");
    }
    if (sweep->loads.n > 0 && (!isnan(sweep->from_rps) || !isnan(sweep->to_rps))) {
        return err_at(r->err, value_pos(r->sc, "sweep.loads", pos),
                      "a sweep lists its loads or goes from..to, not both");
    }
    if (sweep->from_rps >= sweep->to_rps) {
        return err_at(r->err, value_pos(r->sc, "sweep.to", pos),
                      "to (%g/s) must exceed from (%g/s)", sweep->to_rps, sweep->from_rps);
    }
    return true;
}

static bool check_scaling(struct reader *r, const struct scenario_scaling *s, const char *path,
                          struct src_pos pos)
{
    return s->metric != AUTOSCALE_KV || s->target <= 1.0 ||
           err_at(r->err, value_pos(r->sc, path, pos),
                  "the target of metric kv is a share of the KV pool, at most 1, got %g",
                  s->target);
}

static bool check_autoscale(struct reader *r)
{
    const struct scenario *sc = r->sc;
    const struct scenario_autoscale *a = &sc->autoscale;
    struct src_pos pos = value_pos(sc, "autoscale", (struct src_pos){sc->file, 0, 0});
    bool follows = a->prefill.metric == AUTOSCALE_OFF;
    for (int i = 0; i < sc->n_deployments; i++) {
        follows = follows || most_prefill(&sc->deployments[i]) > 0;
    }
    if (!follows) {
        return err_at(r->err, value_pos(sc, "autoscale.prefill.metric", pos),
                      "no deployment has prefill replicas that could come and go: give one "
                      "prefill_replicas");
    }
    return check_scaling(r, &a->scaling, "autoscale.target", pos) &&
           check_scaling(r, &a->prefill, "autoscale.prefill.target", pos);
}

/* Which of the replicas that come and go is due would be a guess. */
static bool check_maintenance(struct reader *r)
{
    const struct scenario *sc = r->sc;
    const struct scenario_autoscale *a = &sc->autoscale;
    bool scales = a->scaling.metric != AUTOSCALE_OFF || a->prefill.metric != AUTOSCALE_OFF;
    struct src_pos pos = value_pos(sc, "reliability", (struct src_pos){sc->file, 0, 0});
    return isnan(sc->reliability.maintenance.every_s) || !scales ||
           err_at(r->err, value_pos(sc, "reliability.maintenance.every", pos),
                  "maintenance takes replicas that always stand: it cannot be combined with "
                  "autoscale");
}

static bool check_simulation(struct reader *r)
{
    const struct scenario_simulation *sim = &r->sc->simulation;
    struct src_pos pos = value_pos(r->sc, "simulation", (struct src_pos){r->sc->file, 0, 0});
    if (sim->warmup >= sim->requests) {
        return err_at(r->err, value_pos(r->sc, "simulation.warmup", pos),
                      "a warm-up of %lld requests leaves none of %lld", (long long)sim->warmup,
                      (long long)sim->requests);
    }
    return true;
}

static bool check_acceptance(struct reader *r)
{
    const struct num_list *rates = &r->sc->engine.acceptance_frac;
    struct src_pos pos =
        value_pos(r->sc, "engine.acceptance", (struct src_pos){r->sc->file, 0, 0});
    if (rates->n > DRAFT_MAX_TOKENS) {
        return err_at(r->err, pos, "acceptance has %d positions; at most %d tokens are drafted",
                      rates->n, (int)DRAFT_MAX_TOKENS);
    }
    struct draft_acceptance unused;
    return rates->n == 0 || draft_acceptance_set(&unused, rates->items, rates->n) ||
           err_at(r->err, pos,
                  "acceptance by position must not rise: each is the share of drafts accepted "
                  "up to there");
}

bool scenario_check(struct reader *r)
{
    name_scenario(r);
    return name_classes(r) && check_classes(r) && check_shares(r) && check_kv_formats(r) &&
           check_deployments(r) && check_sweep(r) && check_autoscale(r) &&
           check_maintenance(r) && check_simulation(r) && check_acceptance(r);
}
