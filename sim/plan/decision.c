/* SPDX-License-Identifier: GPL-3.0-or-later */
/* decision.c - picks the best of each side, compares them under uncertainty, searches the
 * flips. */
#include "sim/plan/decision.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_roots.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/pool.h"
#include "sim/base/text.h"

const char *const decision_side_names[] = {"none", "managed", "self-hosted"};
const char *const decision_reason_names[] = {
    "managed is cheaper",
    "self-hosting is not cheaper by the margin",
    "self-hosting is not cheaper with the confidence",
    "self-hosting is cheaper by margin and confidence",
    "the policy excludes managed inference",
    "no managed offer keeps the service levels by the latency given",
    "no managed offer is to be had at list terms",
    "no self-hosted system is left",
    "nothing is left",
};
const char *const decision_confidence_names[] = {"low", "medium", "high"};

/* What stands for "infinitely dear" in a root search. */
#define SCORE_MAX 1e3

struct decision_rule decision_default_rule(uint64_t seed, int n_threads)
{
    return (struct decision_rule){
        .margin_frac = DECISION_MARGIN_FRAC,
        .confidence = DECISION_CONFIDENCE,
        .n_samples = DECISION_SAMPLES,
        .seed = seed,
        .n_threads = n_threads,
    };
}

/* ---- the best of each side --------------------------------------------------------------- */

static double cost_of(const struct decision_candidate *candidate)
{
    struct forecast fc;
    forecast_run(&candidate->c, NULL, &fc);
    return candidate->c.has_self ? fc.self_usd : fc.managed_usd;
}

/* The cheapest allowed candidate of a side, of equal ones the first; -1: none has a price. Its
 * cost goes to *usd; *second, of either side, is left to the caller. */
static int cheapest(const struct decision_candidate *candidates, const double *usd, int n,
                    bool self, int other_than)
{
    int best = -1;
    for (int i = 0; i < n; i++) {
        if (candidates[i].c.has_self != self || candidates[i].excluded != RULE_NONE ||
            isnan(usd[i]) || i == other_than) {
            continue;
        }
        if (best < 0 || usd[i] < usd[best]) {
            best = i;
        }
    }
    return best;
}

static bool any_managed_under(const struct decision_candidate *candidates, int n,
                              enum policy_rule rule)
{
    for (int i = 0; i < n; i++) {
        if (candidates[i].c.has_managed && candidates[i].excluded == rule) {
            return true;
        }
    }
    return false;
}

/* Why no managed offer has a price: all are excluded, or those left have none. */
static enum decision_reason reason_without_managed(const struct decision_candidate *candidates,
                                                   int n)
{
    enum decision_reason reason = REASON_NO_OFFER;
    for (int i = 0; i < n; i++) {
        bool excluded = candidates[i].c.has_managed && candidates[i].excluded != RULE_NONE;
        reason = excluded ? REASON_POLICY : reason;
    }
    if (any_managed_under(candidates, n, RULE_LATENCY)) {
        reason = REASON_TOO_SLOW;
    }
    return any_managed_under(candidates, n, RULE_NONE) ? REASON_NO_OFFER : reason;
}

struct plan_case decision_pair(const struct decision_candidate *self,
                               const struct decision_candidate *managed)
{
    struct plan_case pair = self->c;
    pair.offer = managed->c.offer;
    pair.has_managed = true;
    return pair;
}

/* ---- the decision ------------------------------------------------------------------------ */

/* Draws and room for their results, shared by all evaluations of one decision. */
struct scratch {
    const double *design;
    double *ratios; /* [n_samples], of one thread */
    double *usd;    /* [n candidates] */
};

static void one_sided(const struct decision_candidate *candidates, int n, struct decision *out)
{
    if (out->best_self >= 0) {
        out->side = SIDE_SELF;
        out->reason = reason_without_managed(candidates, n);
    } else if (out->best_managed >= 0) {
        out->side = SIDE_MANAGED;
        out->reason = REASON_NO_SYSTEM;
    } else {
        out->side = SIDE_NONE;
        out->reason = REASON_NOTHING;
    }
    out->wins_frac = NAN;
    out->ratio = NAN;
}

static double share_at_most(const double *sorted, int n, double limit)
{
    int k = 0;
    while (k < n && sorted[k] <= limit) {
        k++;
    }
    return (double)k / n;
}

static void compare(const struct decision_candidate *candidates,
                    const struct decision_rule *rule, const struct scratch *s,
                    struct decision *out)
{
    struct plan_case pair =
        decision_pair(&candidates[out->best_self], &candidates[out->best_managed]);
    double limit = 1 - rule->margin_frac;
    out->ratio =
        uncertainty_ratio(&pair, s->design, rule->n_samples, rule->confidence, s->ratios);
    out->wins_frac = share_at_most(s->ratios, rule->n_samples, limit);
    if (out->ratio <= limit) {
        out->side = SIDE_SELF;
        out->reason = REASON_SELF_WINS;
        return;
    }
    out->side = SIDE_MANAGED;
    if (out->self_usd <= limit * out->managed_usd) {
        out->reason = REASON_UNSURE;
    } else {
        out->reason = out->self_usd < out->managed_usd ? REASON_MARGIN : REASON_CHEAPER;
    }
}

static enum decision_confidence grade(const struct decision_candidate *candidates,
                                      const struct decision *d)
{
    if (d->best_self >= 0 && candidates[d->best_self].c.option.evidence == PLAN_EVIDENCE_NONE) {
        return CONFIDENCE_LOW;
    }
    if (isnan(d->wins_frac)) { /* nothing to compare: as sure as the exclusion */
        bool sure = d->reason == REASON_POLICY || d->reason == REASON_TOO_SLOW ||
                    d->reason == REASON_NO_SYSTEM;
        return sure ? CONFIDENCE_MEDIUM : CONFIDENCE_LOW;
    }
    double agree = d->side == SIDE_SELF ? d->wins_frac : 1 - d->wins_frac;
    if (agree >= DECISION_HIGH) {
        return CONFIDENCE_HIGH;
    }
    return agree >= DECISION_CONFIDENCE ? CONFIDENCE_MEDIUM : CONFIDENCE_LOW;
}

static int runner_up(const struct decision_candidate *candidates, const double *usd, int n,
                     int chosen)
{
    int self = cheapest(candidates, usd, n, true, chosen);
    int managed = cheapest(candidates, usd, n, false, chosen);
    if (self < 0 || managed < 0) {
        return self < 0 ? managed : self;
    }
    return usd[self] < usd[managed] ? self : managed;
}

/* The best of each side at the central values. */
static void choose(const struct decision_candidate *candidates, int n, const struct scratch *s,
                   struct decision *out)
{
    *out = (struct decision){.self_usd = NAN, .managed_usd = NAN};
    for (int i = 0; i < n; i++) {
        s->usd[i] = candidates[i].excluded == RULE_NONE ? cost_of(&candidates[i]) : NAN;
    }
    out->best_self = cheapest(candidates, s->usd, n, true, -1);
    out->best_managed = cheapest(candidates, s->usd, n, false, -1);
    out->self_usd = out->best_self >= 0 ? s->usd[out->best_self] : NAN;
    out->managed_usd = out->best_managed >= 0 ? s->usd[out->best_managed] : NAN;
}

static void decide(const struct decision_candidate *candidates, int n,
                   const struct decision_rule *rule, const struct scratch *s,
                   struct decision *out)
{
    choose(candidates, n, s, out);
    if (out->best_self >= 0 && out->best_managed >= 0) {
        compare(candidates, rule, s, out);
    } else {
        one_sided(candidates, n, out);
    }
    out->chosen = out->side == SIDE_SELF      ? out->best_self
                  : out->side == SIDE_MANAGED ? out->best_managed
                                              : -1;
    out->runner_up = runner_up(candidates, s->usd, n, out->chosen);
    out->confidence = grade(candidates, out);
}

void decision_side_of(const struct decision_candidate *candidates, int n,
                      const struct decision_rule *rule, struct decision *out)
{
    struct arena *arena = arena_new();
    struct scratch s = {
        .design = uncertainty_design(arena, rule->seed, 0, rule->n_samples),
        .ratios = arena_alloc(arena, (size_t)rule->n_samples, sizeof(double)),
        .usd = arena_alloc(arena, (size_t)n + 1, sizeof(double)),
    };
    decide(candidates, n, rule, &s, out);
    arena_free(arena);
}

/* ---- variations -------------------------------------------------------------------------- */

static bool same_gpus(const struct plan_option *a, const struct plan_option *b)
{
    const char *beside_a = a->prefill.gpu ? a->prefill.gpu : "";
    const char *beside_b = b->prefill.gpu ? b->prefill.gpu : "";
    return strcmp(a->gpu, b->gpu) == 0 && strcmp(beside_a, beside_b) == 0;
}

static bool moves_with(const struct plan_case *c, const struct plan_case *reference,
                       enum input_id id)
{
    if (id == INPUT_MANAGED_PRICE) {
        return c->has_managed;
    }
    bool dedicated = id == INPUT_CAPACITY && c->has_managed && c->offer.kind == OFFER_DEDICATED;
    if (!(c->has_self || dedicated) || !reference->has_self ||
        !same_gpus(&c->option, &reference->option)) {
        return false;
    }
    return id == INPUT_CAPACITY
               ? strcmp(c->option.model, reference->option.model) == 0
               : (c->hosting.kind == HOSTING_RENT) == (reference->hosting.kind == HOSTING_RENT);
}

void decision_vary(struct decision_candidate *candidates, int n, int reference,
                   enum input_id id, double value)
{
    bool scaled = id == INPUT_NODE_PRICE || id == INPUT_CAPACITY || id == INPUT_MANAGED_PRICE;
    struct plan_case from = candidates[reference].c;
    double factor = scaled ? value / input_get(&from, id) : 1;
    for (int i = 0; i < n; i++) {
        struct plan_case *c = &candidates[i].c;
        if (!scaled) {
            input_set(c, id, value);
        } else if (moves_with(c, &from, id)) {
            input_set(c, id, input_get(c, id) * factor);
        }
    }
}

/* ---- flips ------------------------------------------------------------------------------- */

struct probe {
    const struct decision_candidate *candidates;
    int n;
    const struct decision_rule *rule;
    int reference;
    enum input_id id;
    double now;
    enum decision_side base;
    double spread; /* quantile of the ratio over the ratio at the centre, today */
    struct decision_candidate *varied; /* [n], overwritten by each try */
    struct scratch scratch;
};

static enum decision_side try_value(struct probe *p, double value, double *score)
{
    struct decision d;
    memcpy(p->varied, p->candidates, (size_t)p->n * sizeof *p->varied);
    decision_vary(p->varied, p->n, p->reference, p->id, value);
    decide(p->varied, p->n, p->rule, &p->scratch, &d);
    double s = d.ratio - (1 - p->rule->margin_frac);
    if (isnan(s)) {
        s = d.side == SIDE_SELF ? -SCORE_MAX : SCORE_MAX;
    }
    s = fmin(s, SCORE_MAX);
    *score = d.side == SIDE_SELF ? fmin(s, -1e-12) : s;
    return d.side;
}

/* How far the comparison is from the threshold, guessed from the central values alone; NaN when
 * one side is missing. */
static double guess(struct probe *p, double value)
{
    struct decision d;
    memcpy(p->varied, p->candidates, (size_t)p->n * sizeof *p->varied);
    decision_vary(p->varied, p->n, p->reference, p->id, value);
    choose(p->varied, p->n, &p->scratch, &d);
    return d.self_usd / d.managed_usd * p->spread / (1 - p->rule->margin_frac) - 1;
}

/* Is it worth the samples? Not when the guess is clearly on today's side. */
static bool worth_trying(struct probe *p, double value)
{
    enum { FAR_PERCENT = 35 };
    double g = guess(p, value);
    bool self = p->base == SIDE_SELF;
    return isnan(g) || isinf(g) || isnan(p->spread) ||
           (self ? g > -FAR_PERCENT / 100.0 : g < FAR_PERCENT / 100.0);
}

static double score_fn(double value, void *ctx)
{
    double score;
    try_value(ctx, value, &score);
    return score;
}

/* From nothing: a tenth of an engineer for people; 0: no such step, the input is left at 0. */
static double first_step(const struct probe *p)
{
    const struct econ *econ = &p->candidates[p->reference].c.econ;
    return p->id == INPUT_MANAGED_STAFF ? econ_value(econ, ECON_FTE_COST) / 10 : 0;
}

/* Values further and further from today's; false when the range of the input ends. */
static bool next_value(const struct probe *p, const struct input_spec *spec, int step,
                       bool upward, double *value)
{
    static const double factors[] = {1.05, 1.15, 1.35, 1.75, 2.5, 4, 8, 20, 100, 1000};
    static const double growths[] = {0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32};
    bool growth = p->id == INPUT_GROWTH;
    int n = growth ? (int)(sizeof growths / sizeof growths[0])
                   : (int)(sizeof factors / sizeof factors[0]);
    double end = upward ? spec->max : spec->min;
    double from = p->now == 0 && upward ? first_step(p) : p->now;
    double previous = *value;
    if (step > n || previous == end || (from == 0 && !growth)) {
        return false;
    }
    if (step == n) { /* at last nothing at all: a price of 0 */
        *value = upward || growth ? previous : end;
    } else if (growth) {
        *value = p->now + (upward ? growths[step] : -growths[step]);
    } else {
        *value = upward ? from * factors[step] : from / factors[step];
    }
    *value = fmin(fmax(*value, spec->min), spec->max);
    return *value != previous;
}

/* Narrows a bracket whose ends have different sides; leaves in *flipped the end that differs
 * from today. */
static bool narrow(struct probe *p, double same, double other, double *flipped)
{
    gsl_function fn = {.function = score_fn, .params = p};
    gsl_root_fsolver *solver = gsl_root_fsolver_alloc(gsl_root_fsolver_brent);
    double lo = fmin(same, other);
    double hi = fmax(same, other);
    if (!solver || gsl_root_fsolver_set(solver, &fn, lo, hi) != GSL_SUCCESS) {
        gsl_root_fsolver_free(solver);
        return false;
    }
    for (int i = 0; i < 40; i++) {
        if (gsl_root_fsolver_iterate(solver) != GSL_SUCCESS) {
            break;
        }
        lo = gsl_root_fsolver_x_lower(solver);
        hi = gsl_root_fsolver_x_upper(solver);
        if (gsl_root_test_interval(lo, hi, 1e-9, 5e-4) == GSL_SUCCESS) {
            break;
        }
    }
    gsl_root_fsolver_free(solver);
    *flipped = other > same ? hi : lo;
    return true;
}

/* To so many significant digits, away from today's value. */
static double round_away(double value, int digits, bool upward)
{
    if (value == 0) {
        return 0;
    }
    double unit = pow(10, floor(log10(fabs(value))) - (digits - 1));
    return (upward ? ceil(value / unit) : floor(value / unit)) * unit;
}

/* The shortest value that flips, or NaN when none was found near the root. */
static double shortest_flip(struct probe *p, const struct input_spec *spec, double flipped,
                            bool upward)
{
    double score;
    for (int digits = 3; digits <= 6; digits++) {
        double rounded = fmin(fmax(round_away(flipped, digits, upward), spec->min), spec->max);
        enum decision_side side = try_value(p, rounded, &score);
        if (side != p->base && side != SIDE_NONE) {
            return rounded;
        }
    }
    enum decision_side side = try_value(p, flipped, &score);
    return side != p->base && side != SIDE_NONE ? flipped : NAN;
}

/* Searches one direction; NaN: no value in the range of the input flips. */
static double search_flip(struct probe *p, const struct input_spec *spec, bool upward,
                          enum decision_side *to)
{
    double previous = p->now;
    double value = p->now;
    double score;
    for (int step = 0; next_value(p, spec, step, upward, &value); step++) {
        if (!worth_trying(p, value)) {
            continue; /* previous stays: the bracket's ends have been tried */
        }
        enum decision_side side = try_value(p, value, &score);
        if (side != p->base && side != SIDE_NONE) {
            double flipped = value;
            *to = side;
            if (!narrow(p, previous, value, &flipped)) {
                return NAN;
            }
            return shortest_flip(p, spec, flipped, upward);
        }
        previous = value;
    }
    return NAN;
}

/* One task per input and direction; each writes its own slot. */
struct flip_search {
    const struct decision_candidate *candidates;
    int n;
    const struct decision_rule *rule;
    const struct decision *base;
    const double *design;
    struct plan_case pair;
    struct decision_flip found[DECISION_MAX_FLIPS]; /* value NaN: none */
};

static int reference_of(const struct decision *base, enum input_id id)
{
    int managed = base->best_managed >= 0 ? base->best_managed : base->best_self;
    int self = base->best_self >= 0 ? base->best_self : base->best_managed;
    return id == INPUT_MANAGED_PRICE || id == INPUT_MANAGED_STAFF ? managed : self;
}

static void search_task(void *ctx, int item, int thread)
{
    struct flip_search *search = ctx;
    enum input_id id = (enum input_id)(item / 2);
    struct decision_flip *flip = &search->found[item];
    (void)thread;
    *flip = (struct decision_flip){.id = id, .upward = item % 2, .value = NAN};
    if (!input_matters(&search->pair, id)) {
        return;
    }
    struct input_spec spec = input_spec_of(&search->pair, id);
    struct probe p = {
        .candidates = search->candidates,
        .n = search->n,
        .rule = search->rule,
        .reference = reference_of(search->base, id),
        .id = id,
        .base = search->base->side,
        .spread = search->base->ratio * search->base->managed_usd / search->base->self_usd,
        .varied = xcalloc((size_t)search->n, sizeof *p.varied),
        .scratch = {.design = search->design,
                    .ratios = xcalloc((size_t)search->rule->n_samples, sizeof(double)),
                    .usd = xcalloc((size_t)search->n, sizeof(double))},
    };
    p.now = flip->now = input_get(&search->candidates[p.reference].c, id);
    flip->value = search_flip(&p, &spec, flip->upward, &flip->to);
    free(p.varied);
    free(p.scratch.ratios);
    free(p.scratch.usd);
}

/* The managed offer to compare with when none has a price today: at another volume one may. */
static int first_managed(const struct decision_candidate *candidates, int n)
{
    for (int i = 0; i < n; i++) {
        if (candidates[i].c.has_managed && candidates[i].excluded == RULE_NONE) {
            return i;
        }
    }
    return -1;
}

static double distance(const struct decision_flip *flip)
{
    double step = flip->value - flip->now;
    return flip->id == INPUT_GROWTH || flip->now == 0 ? fabs(step) : fabs(step / flip->now);
}

/* Nearest first: what is most likely to change the decision. */
static int compare_flips(const void *a, const void *b)
{
    const struct decision_flip *x = a;
    const struct decision_flip *y = b;
    double dx = distance(x);
    double dy = distance(y);
    return dx != dy ? (dx > dy) - (dx < dy)
                    : ((int)x->id - (int)y->id) * 2 + (int)x->upward - (int)y->upward;
}

static const char *grouped(struct arena *arena, double value)
{
    char buf[TEXT_GROUPED_BYTES];
    return arena_strdup(arena, text_grouped(buf, value));
}

/* A number as people write it; percent where one speaks of percent. */
static const char *amount(struct arena *arena, double value, bool percent)
{
    if (percent) {
        return arena_printf(arena, "%.4g %%", 100 * value);
    }
    return fabs(value) >= 1000 ? grouped(arena, value) : arena_printf(arena, "%.4g", value);
}

/* Of a volume of the first month: what its growth makes of it on average, since that is what
 * the costs are a mean of; "" without growth. */
static const char *mean_text(struct arena *arena, const struct plan_case *pair,
                             const struct decision_flip *flip)
{
    double grown = demand_horizon_rps(&pair->demand) / demand_mean_rps(&pair->demand, 0);
    if (flip->id != INPUT_VOLUME || fabs(grown - 1) < 1e-9) {
        return "";
    }
    return arena_printf(arena, ", on average %s over the plan",
                        grouped(arena, flip->value * grown));
}

/* "self-hosted if growth exceeds 12.76 % per month (now 3 %)". */
static const char *flip_text(struct arena *arena, const struct plan_case *pair,
                             const struct decision_flip *flip)
{
    struct input_spec spec = input_spec_of(pair, flip->id);
    bool bare = strcmp(spec.unit, "fraction") == 0 || strcmp(spec.unit, "ratio") == 0;
    bool percent = flip->id == INPUT_GROWTH || flip->id == INPUT_CAPITAL ||
                   flip->id == INPUT_RESIDUAL || flip->id == INPUT_UTILISATION;
    return arena_printf(arena, "%s if %s %s %s%s%s%s (now %s)", decision_side_names[flip->to],
                        spec.name, flip->upward ? "exceeds" : "falls under",
                        amount(arena, flip->value, percent), bare ? "" : " ",
                        bare ? "" : spec.unit, mean_text(arena, pair, flip),
                        amount(arena, flip->now, percent));
}

static void search_flips(struct arena *arena, const struct decision_candidate *candidates,
                         int n, const struct decision_rule *rule, struct decision *out)
{
    struct decision base = *out;
    if (base.best_managed < 0) {
        base.best_managed = first_managed(candidates, n);
    }
    if (base.best_self < 0 || base.best_managed < 0) {
        return;
    }
    struct flip_search *search = arena_alloc(arena, 1, sizeof *search);
    *search = (struct flip_search){
        .candidates = candidates,
        .n = n,
        .rule = rule,
        .base = &base,
        .design = uncertainty_design(arena, rule->seed, 0, rule->n_samples),
        .pair = decision_pair(&candidates[base.best_self], &candidates[base.best_managed]),
    };
    pool_run(rule->n_threads, DECISION_MAX_FLIPS, search_task, search, NULL);
    for (int i = 0; i < DECISION_MAX_FLIPS; i++) {
        struct decision_flip flip = search->found[i];
        if (isnan(flip.value)) {
            continue;
        }
        flip.text = flip_text(arena, &search->pair, &flip);
        out->flips[out->n_flips++] = flip;
    }
    for (int id = 0; id < INPUT_N; id++) {
        bool flips =
            !isnan(search->found[2 * id].value) || !isnan(search->found[2 * id + 1].value);
        if (!flips && input_matters(&search->pair, (enum input_id)id)) {
            out->firm[out->n_firm++] = (enum input_id)id;
        }
    }
    qsort(out->flips, (size_t)out->n_flips, sizeof out->flips[0], compare_flips);
}

/* ---- the sentence ------------------------------------------------------------------------ */

static const char *compared_text(struct arena *arena, const struct decision_rule *rule,
                                 const struct decision *d, const char *chosen, const char *self,
                                 const char *managed)
{
    return arena_printf(
        arena,
        "%s: %s. %s costs %s USD a month and %s %s, a ratio of %.2f; self-hosting is at "
        "least %.0f %% cheaper in %.0f %% of the samples and needs %.0f %%.",
        chosen, decision_reason_names[d->reason], self, grouped(arena, d->self_usd), managed,
        grouped(arena, d->managed_usd), d->self_usd / d->managed_usd, 100 * rule->margin_frac,
        100 * d->wins_frac, 100 * rule->confidence);
}

static const char *describe(struct arena *arena, const struct decision_candidate *candidates,
                            const struct decision_rule *rule, const struct decision *d)
{
    if (d->side == SIDE_NONE) {
        return arena_printf(arena, "No option survives: every one is excluded by the policy or "
                                   "has no price.");
    }
    const char *chosen = candidates[d->chosen].name;
    if (isnan(d->wins_frac)) {
        return arena_printf(
            arena, "%s: %s. It costs %s USD a month.", chosen, decision_reason_names[d->reason],
            grouped(arena, d->side == SIDE_SELF ? d->self_usd : d->managed_usd));
    }
    return compared_text(arena, rule, d, chosen, candidates[d->best_self].name,
                         candidates[d->best_managed].name);
}

void decision_run(struct arena *arena, const struct decision_candidate *candidates, int n,
                  const struct decision_rule *rule, struct decision *out)
{
    decision_side_of(candidates, n, rule, out);
    search_flips(arena, candidates, n, rule, out);
    out->text = describe(arena, candidates, rule, out);
}
