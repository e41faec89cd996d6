/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/load/load.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_sf_gamma.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/core/event.h"

/* One class's generator. */
struct generator {
    const struct load_class *spec;
    struct rng arrivals, prompt, output, prefix, sessions;
    double next_s;           /* INFINITY: none by itself (closed loop waits for an end) */
    double rate_rps;         /* of first turns */
    int64_t issued, started; /* started: without later turns of conversations */
    double even_s;           /* arrivals by the hour: the time of an even load */
    int64_t n_cut;           /* prompts */
    int64_t n_pending;       /* closed: sends in load.pending */
    int64_t trace_row, trace_round;
    double weibull_shape;
    bool in_burst; /* mmpp */
    double phase_end_s;
    int64_t *pool_prompt; /* closed set of prompts: their lengths, drawn once */
};

/* A conversation that waits for its next turn or for an answer. */
struct session {
    uint64_t content;   /* identity of what has been said in it */
    uint64_t shared_id; /* the prefix it began with */
    int64_t shared_tokens;
    int64_t said_tokens; /* prompts and answers so far */
    int32_t next;        /* spare list */
};

struct load {
    struct session *sessions;
    int n_sessions, cap_sessions;
    int32_t spare_session;
    uint64_t next_content;
    struct generator *gens;
    int n_gens;
    int64_t limit, issued;
    struct event_list *pending; /* closed loops: next sends; target = class */
};

static uint64_t content_id(int class_idx, uint64_t kind, uint64_t item)
{
    uint64_t id = rng_hash(rng_hash((uint64_t)class_idx * 4 + kind) ^ (item + 1));
    return id ? id : 1;
}

/* ---- arrival processes --------------------------------------------------------------------
 */

/* Shape k of a Weibull law with this coefficient of variation, by bisection on
 * cv^2 = Gamma(1+2/k) / Gamma(1+1/k)^2 - 1. cv 1 -> k 1. */
static double weibull_shape_of(double cv)
{
    double lo = log(0.1);
    double hi = log(50.0);
    for (int i = 0; i < 60; i++) {
        double k = exp(0.5 * (lo + hi));
        double g1 = gsl_sf_lngamma(1.0 + 1.0 / k);
        double g2 = gsl_sf_lngamma(1.0 + 2.0 / k);
        double now = sqrt(expm1(g2 - 2.0 * g1));
        if (now > cv) {
            lo = log(k);
        } else {
            hi = log(k);
        }
    }
    return exp(0.5 * (lo + hi));
}

/* Two-phase Markov-modulated Poisson: rates so that the mean is rate_rps. */
static double mmpp_next(struct generator *g, double now_s)
{
    const struct load_class *c = g->spec;
    double share = c->burst_share_frac;
    double high = g->rate_rps * c->burst_ratio;
    double low = g->rate_rps * fmax(0.0, 1.0 - share * c->burst_ratio) / (1.0 - share);
    for (;;) {
        double rate = g->in_burst ? high : low;
        double gap = rate > 0.0 ? rng_exponential(&g->arrivals, 1.0 / rate) : INFINITY;
        if (now_s + gap <= g->phase_end_s) {
            return now_s + gap;
        }
        now_s = g->phase_end_s;
        g->in_burst = !g->in_burst;
        double calm = c->burst_length_s * (1.0 - share) / share;
        double length = rng_exponential(&g->arrivals, g->in_burst ? c->burst_length_s : calm);
        g->phase_end_s = now_s + length;
    }
}

static double trace_next(struct generator *g)
{
    const struct load_class *c = g->spec;
    if (g->trace_row >= c->trace->n) {
        g->trace_row = 0;
        g->trace_round++;
    }
    if (g->trace_round >= c->trace_repeat || c->trace->n == 0) {
        return INFINITY;
    }
    double at =
        c->trace->rows[g->trace_row].time_s + (double)g->trace_round * c->trace->duration_s;
    return at / c->trace_speed;
}

static bool has_sessions(const struct load_class *c)
{
    return c->turns > 1.0 && c->process != LOAD_TRACE && c->process != LOAD_OFFLINE;
}

static double next_even(struct generator *g, double now_s)
{
    const struct load_class *c = g->spec;
    if (c->n_requests > 0 && g->issued + g->n_pending >= c->n_requests) {
        return INFINITY;
    }
    switch (c->process) {
    case LOAD_POISSON:
        return now_s + rng_exponential(&g->arrivals, 1.0 / g->rate_rps);
    case LOAD_GAMMA: {
        double shape = 1.0 / (c->cv * c->cv);
        return now_s + gsl_ran_gamma(rng_gsl(&g->arrivals), shape, 1.0 / (g->rate_rps * shape));
    }
    case LOAD_WEIBULL: {
        double scale = exp(-gsl_sf_lngamma(1.0 + 1.0 / g->weibull_shape)) / g->rate_rps;
        return now_s + gsl_ran_weibull(rng_gsl(&g->arrivals), scale, g->weibull_shape);
    }
    case LOAD_MMPP:
        return mmpp_next(g, now_s);
    case LOAD_CONSTANT:
        return (double)g->started / g->rate_rps;
    case LOAD_TRACE:
        return trace_next(g);
    case LOAD_OFFLINE:
        return 0.0;
    case LOAD_CLOSED:
        break;
    }
    return INFINITY;
}

enum { HOURS = 24 };
static const double HOUR_S = 3600.0;

/* When a load that follows the hours of the day has brought as much as an even one by even_s:
 * the inverse of its cumulated rate. */
static double follow_hours(const double *hourly, double even_s)
{
    double day_s = HOURS * HOUR_S;
    double days = floor(even_s / day_s);
    double left_s = even_s - days * day_s;
    int h = 0;
    while (h < HOURS - 1 && left_s > hourly[h] * HOUR_S) {
        left_s -= hourly[h++] * HOUR_S;
    }
    return days * day_s + h * HOUR_S + (hourly[h] > 0.0 ? left_s / hourly[h] : HOUR_S);
}

static double next_after(struct generator *g, double now_s)
{
    if (!g->spec->hourly) {
        return next_even(g, now_s);
    }
    g->even_s = next_even(g, g->even_s);
    return isinf(g->even_s) ? g->even_s : follow_hours(g->spec->hourly, g->even_s);
}

/* A client sends its next request then (session -1: a new one, else the next turn). False when
 * the requests that are sure to come already are all that its class may send. */
static bool send_at(struct load *load, int class_idx, double time_s, int32_t session)
{
    struct generator *g = &load->gens[class_idx];
    int64_t most = g->spec->n_requests;
    int64_t sure = g->issued + g->n_pending + (isinf(g->next_s) ? 0 : 1);
    if (most > 0 && sure >= most) {
        return false;
    }
    g->n_pending++;
    event_push(load->pending, time_s, 0, 0, class_idx, session);
    return true;
}

/* ---- construction -------------------------------------------------------------------------
 */

static void stream(struct rng *rng, const struct load_config *cfg, const char *kind,
                   const struct load_class *c)
{
    char name[160];
    snprintf(name, sizeof name, "%s/%s", kind, c->name);
    rng_init(rng, cfg->seed, name, cfg->replication);
}

/* The upper end of a fitted law is nobody's prompt: clients keep to what the model takes. A
 * length that was given (constant, uniform, a sample, a trace) is meant and stays. */
static bool has_tail(const struct dist *d)
{
    return d->kind != DIST_CONSTANT && d->kind != DIST_UNIFORM && d->kind != DIST_EMPIRICAL;
}

static int64_t cut(struct generator *g, int64_t prompt_tokens, int64_t output_tokens)
{
    const struct load_class *c = g->spec;
    int64_t most = c->sequence_max_tokens - output_tokens;
    if (c->sequence_max_tokens == 0 || !has_tail(&c->prompt) || most < 1 ||
        prompt_tokens <= most) {
        return prompt_tokens;
    }
    g->n_cut++;
    return most;
}

static void generator_init(struct load *load, const struct load_config *cfg, int idx)
{
    struct generator *g = &load->gens[idx];
    const struct load_class *c = &cfg->classes[idx];
    g->spec = c;
    stream(&g->arrivals, cfg, "arrivals", c);
    stream(&g->prompt, cfg, "prompt", c);
    stream(&g->output, cfg, "output", c);
    stream(&g->prefix, cfg, "prefix", c);
    stream(&g->sessions, cfg, "sessions", c);
    g->weibull_shape = c->process == LOAD_WEIBULL ? weibull_shape_of(c->cv) : 1.0;
    if (c->prompt_pool > 0) {
        g->pool_prompt = xcalloc((size_t)c->prompt_pool, sizeof *g->pool_prompt);
        for (int64_t i = 0; i < c->prompt_pool; i++) {
            g->pool_prompt[i] = dist_draw_tokens(&c->prompt, &g->prompt);
        }
    }
    if (c->process == LOAD_MMPP) {
        g->phase_end_s =
            rng_exponential(&g->arrivals, c->burst_length_s * (1.0 - c->burst_share_frac) /
                                              c->burst_share_frac);
    }
    g->rate_rps = has_sessions(c) ? c->rate_rps / c->turns : c->rate_rps;
    g->next_s = next_after(g, 0.0);
    for (int64_t i = 0; c->process == LOAD_CLOSED && i < c->concurrency; i++) {
        send_at(load, idx, 0.0, -1);
    }
}

struct load *load_new(const struct load_config *cfg)
{
    struct load *load = xcalloc(1, sizeof *load);
    load->n_gens = cfg->n_classes;
    load->gens = xcalloc((size_t)cfg->n_classes, sizeof *load->gens);
    load->limit = cfg->n_requests > 0 ? cfg->n_requests : INT64_MAX;
    load->pending = event_list_new();
    load->spare_session = -1;
    for (int i = 0; i < cfg->n_classes; i++) {
        generator_init(load, cfg, i);
    }
    return load;
}

void load_free(struct load *load)
{
    if (!load) {
        return;
    }
    for (int i = 0; i < load->n_gens; i++) {
        free(load->gens[i].pool_prompt);
    }
    free(load->gens);
    event_list_free(load->pending);
    free(load->sessions);
    free(load);
}

/* ---- taking arrivals ----------------------------------------------------------------------
 */

/* The class whose open process is next, -1 when a closed client is (ties: the open one). */
static int next_class(const struct load *load, double *time_s)
{
    int best = -1;
    double at = INFINITY;
    for (int i = 0; i < load->n_gens; i++) {
        if (load->gens[i].next_s < at) {
            at = load->gens[i].next_s;
            best = i;
        }
    }
    const struct event *e = event_peek(load->pending);
    if (e && e->time_s < at) {
        at = e->time_s;
        best = -1;
    }
    *time_s = at;
    return best;
}

double load_peek_s(const struct load *load)
{
    double at;
    if (load->issued >= load->limit) {
        return INFINITY;
    }
    next_class(load, &at);
    return at;
}

static void draw_lengths(struct generator *g, struct arrival *a)
{
    const struct load_class *c = g->spec;
    a->output_tokens = dist_draw_tokens(&c->output, &g->output);
    int64_t text = c->prompt_pool > 0 ? g->pool_prompt[g->issued % c->prompt_pool]
                                      : dist_draw_tokens(&c->prompt, &g->prompt);
    a->prompt_tokens = cut(g, text + c->image_tokens, a->output_tokens);
    a->image_tokens = c->image_tokens < a->prompt_tokens ? c->image_tokens : a->prompt_tokens;
}

static void draw_content(struct generator *g, struct arrival *a)
{
    const struct load_class *c = g->spec;
    int64_t item = c->prompt_pool > 0 ? g->issued % c->prompt_pool : 0;
    if (c->shared_tokens > 0 && c->groups > 0) {
        uint64_t group = c->prompt_pool > 0 ? (uint64_t)(item % c->groups)
                                            : rng_below(&g->prefix, (uint64_t)c->groups);
        a->content.shared_id = content_id(a->class_idx, 1, group);
        a->content.shared_tokens =
            c->shared_tokens < a->prompt_tokens ? c->shared_tokens : a->prompt_tokens;
    }
    if (c->prompt_pool > 0) {
        a->content.body_id = content_id(a->class_idx, 2, (uint64_t)item);
    }
}

static void take_trace(struct generator *g, struct arrival *a)
{
    const struct trace *t = g->spec->trace;
    const struct trace_row *row = &t->rows[g->trace_row];
    a->prompt_tokens = row->prompt_tokens;
    a->output_tokens = row->output_tokens;
    a->content.hashes = row->hashes;
    a->content.n_hashes = row->n_hashes;
    a->content.hash_tokens = t->hash_tokens;
    g->trace_row++;
}

/* ---- conversations -------------------------------------------------------------------------
 */

static int32_t session_new(struct load *load, const struct arrival *first)
{
    int32_t i = load->spare_session;
    if (i >= 0) {
        load->spare_session = load->sessions[i].next;
    } else {
        ARRAY_RESERVE(load->sessions, load->cap_sessions, load->n_sessions + 1);
        i = load->n_sessions++;
    }
    load->sessions[i] = (struct session){
        .content = content_id(first->class_idx, 3, load->next_content++),
        .shared_id = first->content.shared_id,
        .shared_tokens = first->content.shared_tokens,
    };
    return i;
}

static void session_end(struct load *load, int32_t i)
{
    load->sessions[i].next = load->spare_session;
    load->spare_session = i;
}

/* A turn: what was said before, then what the user adds. A prompt that would not fit any more
 * begins the conversation anew. */
static void say(struct load *load, const struct load_class *c, struct arrival *a)
{
    struct session *s = &load->sessions[a->session];
    int64_t added = a->prompt_tokens;
    if (s->said_tokens > 0) {
        added = added > s->shared_tokens ? added - s->shared_tokens : 1;
    }
    int64_t prompt = s->said_tokens + added;
    if (c->sequence_max_tokens > 0 && prompt + a->output_tokens > c->sequence_max_tokens) {
        s->content = content_id(a->class_idx, 3, load->next_content++);
        prompt = a->prompt_tokens;
    }
    a->prompt_tokens = prompt;
    a->content.shared_id = s->shared_id;
    a->content.shared_tokens = s->shared_tokens;
    a->content.body_id = s->content;
    s->said_tokens = prompt + a->output_tokens;
}

bool load_next(struct load *load, struct arrival *out)
{
    double at;
    if (load->issued >= load->limit) {
        return false;
    }
    int idx = next_class(load, &at);
    if (isinf(at)) {
        return false;
    }
    bool closed = idx < 0;
    int32_t session = -1;
    if (closed) {
        struct event e;
        event_pop(load->pending, &e);
        idx = e.target;
        session = (int32_t)e.data;
        load->gens[idx].n_pending--;
    }
    struct generator *g = &load->gens[idx];
    *out = (struct arrival){
        .time_s = at, .class_idx = idx, .id = load->issued, .session = session};
    if (g->spec->process == LOAD_TRACE) {
        take_trace(g, out);
    } else {
        draw_lengths(g, out);
        draw_content(g, out);
    }
    if (has_sessions(g->spec)) {
        out->session = session >= 0 ? session : session_new(load, out);
        say(load, g->spec, out);
    }
    load->issued++;
    g->issued++;
    g->started += session < 0;
    if (!closed) {
        g->next_s = next_after(g, at);
    }
    return true;
}

/* True when the user goes on after a pause. */
static bool next_turn(struct load *load, struct generator *g, int class_idx, int32_t session,
                      bool completed, double time_s)
{
    if (session < 0) {
        return false;
    }
    double goes_on = rng_uniform(&g->sessions);
    if (!completed || goes_on >= 1.0 - 1.0 / g->spec->turns) {
        session_end(load, session);
        return false;
    }
    double pause = g->spec->turn_think_s;
    double think = pause > 0.0 ? rng_exponential(&g->sessions, pause) : 0.0;
    if (!send_at(load, class_idx, time_s + think, session)) {
        session_end(load, session);
    }
    return true;
}

void load_ended(struct load *load, int class_idx, int32_t session, bool completed,
                double time_s)
{
    struct generator *g = &load->gens[class_idx];
    const struct load_class *c = g->spec;
    if (next_turn(load, g, class_idx, session, completed, time_s) ||
        c->process != LOAD_CLOSED) {
        return;
    }
    double think = c->think_s > 0.0 ? rng_exponential(&g->arrivals, c->think_s) : 0.0;
    send_at(load, class_idx, time_s + think, -1);
}

bool load_is_closed(const struct load *load)
{
    for (int i = 0; i < load->n_gens; i++) {
        const struct load_class *c = load->gens[i].spec;
        if (c->process == LOAD_CLOSED || has_sessions(c)) {
            return true;
        }
    }
    return false;
}

int64_t load_n_cut(const struct load *load)
{
    int64_t n = 0;
    for (int i = 0; i < load->n_gens; i++) {
        n += load->gens[i].n_cut;
    }
    return n;
}

bool load_is_exhausted(const struct load *load)
{
    if (load->issued >= load->limit) {
        return true;
    }
    bool exhausted = event_count(load->pending) == 0;
    for (int i = 0; i < load->n_gens; i++) {
        const struct generator *g = &load->gens[i];
        const struct load_class *c = g->spec;
        bool had_all = c->n_requests > 0 && g->issued >= c->n_requests;
        bool feeds_back = c->process == LOAD_CLOSED || has_sessions(c);
        exhausted = exhausted && isinf(g->next_s) && (had_all || !feeds_back);
    }
    return exhausted;
}

int64_t load_issued(const struct load *load)
{
    return load->issued;
}

bool load_has_reuse(const struct load *load)
{
    for (int i = 0; i < load->n_gens; i++) {
        const struct load_class *c = load->gens[i].spec;
        if ((c->shared_tokens > 0 && c->groups > 0) || c->prompt_pool > 0 || has_sessions(c) ||
            (c->trace && c->trace->hash_tokens > 0)) {
            return true;
        }
    }
    return false;
}
