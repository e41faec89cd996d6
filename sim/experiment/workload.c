/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/experiment/workload.h"

#include <math.h>

static enum load_process process_of(int arrival)
{
    static const enum load_process of[ARRIVAL_N] = {
        [ARRIVAL_POISSON] = LOAD_POISSON,   [ARRIVAL_GAMMA] = LOAD_GAMMA,
        [ARRIVAL_WEIBULL] = LOAD_WEIBULL,   [ARRIVAL_MMPP] = LOAD_MMPP,
        [ARRIVAL_CONSTANT] = LOAD_CONSTANT, [ARRIVAL_CLOSED] = LOAD_CLOSED,
        [ARRIVAL_TRACE] = LOAD_TRACE,       [ARRIVAL_OFFLINE] = LOAD_OFFLINE,
    };
    return of[arrival];
}

/* The loosest limit of a metric: a request beyond it misses every percentile's limit. */
static double loosest(const double *limits)
{
    double most = -INFINITY;
    for (int s = 0; s < SLO_N_STATS; s++) {
        if (!isnan(limits[s]) && limits[s] > most) {
            most = limits[s];
        }
    }
    return isinf(most) ? INFINITY : most;
}

static const double *mean_of_one(struct arena *arena, const struct num_list *weights)
{
    double sum = 0.0;
    double *out = weights->n > 0 ? arena_alloc(arena, (size_t)weights->n, sizeof *out) : NULL;
    for (int i = 0; i < weights->n; i++) {
        sum += weights->items[i];
    }
    for (int i = 0; i < weights->n; i++) {
        out[i] = weights->items[i] * weights->n / sum;
    }
    return out;
}

struct workload *workload_load(struct arena *arena, const struct scenario *sc, struct err *err)
{
    struct workload *w = arena_alloc(arena, 1, sizeof *w);
    w->scenario = sc;
    w->traces = arena_alloc(arena, (size_t)sc->n_classes, sizeof *w->traces);
    w->limits = arena_alloc(arena, (size_t)sc->n_classes, sizeof *w->limits);
    w->rules = arena_alloc(arena, (size_t)sc->n_classes, sizeof *w->rules);
    w->hourly = arena_alloc(arena, (size_t)sc->n_classes, sizeof *w->hourly);
    for (int i = 0; i < sc->n_classes; i++) {
        const struct scenario_class *c = &sc->classes[i];
        w->limits[i] = (struct request_limits){loosest(c->slo.limit_s[SLO_TTFT]),
                                               loosest(c->slo.limit_s[SLO_TPOT]),
                                               loosest(c->slo.limit_s[SLO_E2E])};
        w->rules[i] =
            (struct class_rules){.timeout_s = is_auto(c->timeout_s) ? 0.0 : c->timeout_s,
                                 .priority = (int32_t)c->priority};
        w->hourly[i] = mean_of_one(arena, &c->arrivals.hourly);
        w->has_hours = w->has_hours || w->hourly[i];
        switch (process_of(c->arrivals.process)) {
        case LOAD_TRACE:
            w->has_trace = true;
            if (!trace_load(arena, c->arrivals.file, true, &w->traces[i], err)) {
                return NULL;
            }
            w->n_trace_requests += w->traces[i].n * c->arrivals.repeat;
            break;
        case LOAD_CLOSED:
            w->has_closed = true;
            break;
        case LOAD_OFFLINE:
            w->has_offline = true;
            break;
        default:
            w->has_open = true;
        }
    }
    return w;
}

static int64_t clients(const struct scenario_class *c, int64_t total)
{
    if (total <= 0) {
        return c->arrivals.concurrency > 0 ? c->arrivals.concurrency : 1;
    }
    int64_t n = (int64_t)((double)total * c->share_frac + 0.5);
    return n > 0 ? n : 1;
}

void workload_classes(const struct workload *w, double rate_rps, int64_t concurrency,
                      int64_t max_model_len, struct load_class *classes)
{
    const struct scenario *sc = w->scenario;
    for (int i = 0; i < sc->n_classes; i++) {
        const struct scenario_class *c = &sc->classes[i];
        const struct scenario_arrivals *a = &c->arrivals;
        classes[i] = (struct load_class){
            .name = c->name,
            .process = process_of(a->process),
            .rate_rps =
                isnan(rate_rps) ? a->rate_rps : scenario_class_rate_rps(sc, i, rate_rps),
            .cv = a->cv,
            .hourly = w->hourly[i],
            .burst_ratio = a->burst_ratio,
            .burst_share_frac = a->burst_share_frac,
            .burst_length_s = a->burst_length_s,
            .concurrency = clients(c, concurrency),
            .think_s = a->think_s,
            .trace = &w->traces[i],
            .trace_speed = a->speed,
            .trace_repeat = a->repeat,
            .prompt = c->prompt,
            .output = c->output,
            .sequence_max_tokens = max_model_len,
            .shared_tokens = c->prefix.shared_tokens,
            .groups = c->prefix.groups,
            .image_tokens =
                (int64_t)(c->images.per_request * (double)c->images.tokens_per_image + 0.5),
            .prompt_pool = c->prompt_pool,
            .turns = c->sessions.turns,
            .turn_think_s = c->sessions.think_s,
        };
        if (classes[i].process != LOAD_TRACE) {
            classes[i].trace = NULL;
        }
    }
}

bool workload_is_stationary(const struct workload *w)
{
    return !w->has_trace && !w->has_offline && !w->has_hours;
}
