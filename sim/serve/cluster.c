/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/cluster.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"

/* A load is called unsustainable when what waits, or what is in the system, has grown between
 * the middle and the end of the arrivals by more than noise explains. */
static const double WAITING_SHARE = 0.02;
static const double GROWTH = 1.3;
static const double MIN_WAITING = 10.0;
static const double MIN_RUNS_OF_E2E = 4.0;

struct cluster {
    const struct cluster_config *cfg;
    struct cluster_result *out;
    struct load *load;
    struct request_pool pool;
    struct step_cache cost;
    struct replica *replicas;
    struct router router;
    struct failure_clock *clocks;  /* [replicas] */
    struct request_queue homeless; /* sent while every replica was down */
    int n_up;
    bool closed;
    int64_t expected; /* offered in all, when known; 0 unknown */
    double mid_waiting, mid_in_system, end_waiting, end_in_system;
};

/* ---- ends
 * --------------------------------------------------------------------------------------- */

struct end_hook {
    struct cluster *c;
    int replica;
};

static void on_end(void *ctx, const struct request *req, const struct finished *f)
{
    struct end_hook *hook = ctx;
    struct cluster *c = hook->c;
    bool completed = f->outcome == OUTCOME_COMPLETED;
    c->out->n_completed += completed;
    c->out->n_failed += !completed;
    c->out->end_s = fmax(c->out->end_s, f->last_s);
    load_ended(c->load, f->class_idx, req->session, completed, f->last_s);
    if (c->cfg->sink) {
        const char *why = completed ? "" : "waited longer than its timeout";
        c->cfg->sink(c->cfg->sink_ctx, req->id, hook->replica, f, why);
    }
}

static void reject(struct cluster *c, const struct arrival *a, const char *why)
{
    struct finished f = {
        .class_idx = a->class_idx,
        .outcome = OUTCOME_REJECTED,
        .arrival_s = a->time_s,
        .scheduled_s = NAN,
        .first_s = NAN,
        .last_s = a->time_s,
        .prompt_tokens = a->prompt_tokens,
        .output_tokens = a->output_tokens,
    };
    metrics_end(&c->out->metrics, &f, a->time_s);
    c->out->n_rejected++;
    c->out->end_s = fmax(c->out->end_s, a->time_s);
    load_ended(c->load, a->class_idx, a->session, false, a->time_s);
    if (c->cfg->sink) {
        c->cfg->sink(c->cfg->sink_ctx, a->id, -1, &f, why);
    }
}

/* ---- the event loop
 * -------------------------------------------------------------------------------- */

static void run_all_until(struct cluster *c, double until_s)
{
    for (int i = 0; i < c->cfg->n_replicas; i++) {
        replica_run(&c->replicas[i], until_s, false);
    }
}

/* Closed loops: an end anywhere may bring the next arrival, so steps are taken in time order,
 * up to the earliest arrival known by then, at most to limit_s. */
static void run_to_arrival(struct cluster *c, double limit_s)
{
    for (;;) {
        int first = 0;
        double at = INFINITY;
        double second = INFINITY;
        for (int i = 0; i < c->cfg->n_replicas; i++) {
            double next = replica_next_s(&c->replicas[i]);
            if (next < at) {
                second = at;
                at = next;
                first = i;
            } else if (next < second) {
                second = next;
            }
        }
        double arrival = fmin(load_peek_s(c->load), limit_s);
        if (isinf(at) || at > arrival) {
            return;
        }
        replica_run(&c->replicas[first], fmin(arrival, second), true);
    }
}

static void count_backlog(const struct cluster *c, double *waiting, double *in_system)
{
    *waiting = *in_system = (double)c->homeless.n;
    for (int i = 0; i < c->cfg->n_replicas; i++) {
        const struct replica *r = &c->replicas[i];
        *waiting += (double)(r->n_waiting + r->incoming.n);
        *in_system += (double)r->n_load;
    }
}

/* Sends a request to a replica that has been run up to now_s, or keeps it until one is back. */
static void send(struct cluster *c, int32_t request, double now_s)
{
    struct router_view view = {c->replicas, c->clocks, c->cfg->n_replicas, c->n_up};
    int i = router_pick(&c->router, &view);
    if (i < 0) {
        request_push_back(&c->homeless, request);
        return;
    }
    if (!c->closed) {
        replica_run(&c->replicas[i], now_s, false);
    }
    replica_send(&c->replicas[i], request, now_s);
}

/* ---- failures
 * -------------------------------------------------------------------------------------- */

static int next_to_turn(const struct cluster *c)
{
    int first = 0;
    for (int i = 1; i < c->cfg->n_replicas; i++) {
        if (c->clocks[i].next_s < c->clocks[first].next_s) {
            first = i;
        }
    }
    return first;
}

static double next_failure_s(const struct cluster *c)
{
    return c->cfg->failures.mtbf_s > 0.0 ? c->clocks[next_to_turn(c)].next_s : INFINITY;
}

/* What a failed replica had goes to the others, what had nowhere to go to one that is back. */
static void turn(struct cluster *c)
{
    int i = next_to_turn(c);
    double now_s = c->clocks[i].next_s;
    struct request_queue lost = {0};
    if (!c->closed) {
        run_all_until(c, now_s);
    }
    failure_turn(&c->clocks[i], &c->cfg->failures);
    if (c->clocks[i].down) {
        c->n_up--;
        replica_evacuate(&c->replicas[i], &lost);
        c->out->n_failures++;
        c->out->n_retries += lost.n;
    } else {
        c->n_up++;
    }
    int32_t request;
    while (c->n_up > 0 && (request = request_pop_front(&c->homeless)) >= 0) {
        send(c, request, now_s);
    }
    while ((request = request_pop_front(&lost)) >= 0) {
        send(c, request, now_s);
    }
    request_queue_fini(&lost);
}

static void turn_until(struct cluster *c, double until_s)
{
    while (next_failure_s(c) <= until_s) {
        turn(c);
    }
}

/* After the last arrival nothing fails any more; what is down comes back for those without a
 * home. */
static void bring_back(struct cluster *c)
{
    while (c->homeless.n > 0) {
        turn(c);
    }
}

/* A new request is turned away when every replica in service has its fill of waiting ones. The
 * replicas have been run up to now. */
static bool queue_is_full(const struct cluster *c)
{
    int64_t most = c->cfg->replica->sched.max_queue;
    for (int i = 0; i < c->cfg->n_replicas && most > 0; i++) {
        const struct replica *r = &c->replicas[i];
        if (!c->clocks[i].down && r->n_waiting + r->incoming.n < most) {
            return false;
        }
    }
    return most > 0 && c->n_up > 0;
}

static void deliver(struct cluster *c, const struct arrival *a)
{
    struct metrics *m = &c->out->metrics;
    if (c->out->n_offered == 0) {
        m->first_arrival_s = a->time_s;
    }
    m->last_arrival_s = a->time_s;
    c->out->n_offered++;
    const char *why = replica_refuses(c->cfg->replica, a->prompt_tokens, a->output_tokens);
    if (why) {
        reject(c, a, why);
        return;
    }
    /* When nobody looks at the other replicas, they may stay behind. */
    bool looks = router_looks(&c->router) || c->cfg->replica->sched.max_queue > 0;
    if (!c->closed && looks) {
        run_all_until(c, a->time_s);
    }
    if (queue_is_full(c)) {
        reject(c, a, "the queue is full");
        return;
    }
    int32_t request = request_new(&c->pool, a);
    if (c->cfg->rules) {
        const struct class_rules *rules = &c->cfg->rules[a->class_idx];
        struct request *q = &c->pool.items[request];
        q->priority = rules->priority;
        q->deadline_s = rules->timeout_s > 0.0 ? a->time_s + rules->timeout_s : INFINITY;
    }
    send(c, request, a->time_s);
}

static void note_backlog(struct cluster *c)
{
    bool middle = c->expected > 0 && c->out->n_offered == c->expected / 2;
    if (!middle) {
        return;
    }
    run_all_until(c, c->out->metrics.last_arrival_s);
    count_backlog(c, &c->mid_waiting, &c->mid_in_system);
}

static bool stopped(const struct cluster *c)
{
    return c->cfg->stop && atomic_load_explicit(c->cfg->stop, memory_order_relaxed);
}

static void run_open(struct cluster *c)
{
    struct arrival a;
    while (load_next(c->load, &a)) {
        turn_until(c, a.time_s);
        deliver(c, &a);
        note_backlog(c);
        if ((c->out->n_offered & 1023) == 0 && stopped(c)) {
            c->out->abandoned = true;
            return;
        }
    }
    run_all_until(c, c->out->metrics.last_arrival_s);
    count_backlog(c, &c->end_waiting, &c->end_in_system);
    bring_back(c);
    run_all_until(c, INFINITY);
}

static bool is_idle(const struct cluster *c)
{
    for (int i = 0; i < c->cfg->n_replicas; i++) {
        if (!isinf(replica_next_s(&c->replicas[i]))) {
            return false;
        }
    }
    return c->homeless.n == 0;
}

static void run_closed(struct cluster *c)
{
    struct arrival a;
    for (;;) {
        bool last = c->homeless.n == 0 && load_is_exhausted(c->load);
        double failure_s = last ? INFINITY : next_failure_s(c);
        run_to_arrival(c, failure_s);
        double arrival_s = load_peek_s(c->load);
        if (isinf(arrival_s) && is_idle(c)) {
            return;
        }
        if (failure_s < arrival_s) {
            turn(c);
            continue;
        }
        load_next(c->load, &a);
        deliver(c, &a);
        if ((c->out->n_offered & 1023) == 0 && stopped(c)) {
            c->out->abandoned = true;
            return;
        }
    }
}

/* ---- results
 * ---------------------------------------------------------------------------------------- */

static bool backlog_grows(const struct cluster *c)
{
    if (c->closed || c->expected < 20) {
        return false;
    }
    double waiting_limit = fmax(MIN_WAITING, WAITING_SHARE * (double)c->out->n_offered);
    if (c->end_waiting > waiting_limit && c->end_waiting > GROWTH * c->mid_waiting) {
        return true;
    }
    struct histo h;
    metrics_histo(&c->out->metrics, 0, -1, LAT_E2E, &h);
    double e2e = histo_mean(&h);
    histo_fini(&h);
    double span = c->out->metrics.last_arrival_s - c->out->metrics.first_arrival_s;
    double noise = 4.0 * sqrt(c->mid_in_system) + MIN_WAITING;
    return span > MIN_RUNS_OF_E2E * e2e && c->end_in_system > GROWTH * c->mid_in_system + noise;
}

static void collect(struct cluster *c)
{
    struct cluster_result *out = c->out;
    for (int i = 0; i < c->cfg->n_replicas; i++) {
        const struct replica_stats *s = &c->replicas[i].stats;
        out->stats.busy_s += s->busy_s;
        out->stats.kv_byte_s += s->kv_byte_s;
        out->stats.batch_s += s->batch_s;
        out->stats.kv_max_bytes = fmax(out->stats.kv_max_bytes, s->kv_max_bytes);
        out->stats.n_steps += s->n_steps;
        out->stats.n_preemptions += s->n_preemptions;
        out->stats.computed_prompt_tokens += s->computed_prompt_tokens;
        out->stats.output_tokens += s->output_tokens;
    }
    for (int i = 0; i < c->cfg->n_replicas; i++) {
        out->down_s += failure_down_s(&c->clocks[i], out->end_s);
    }
    step_breakdown(&c->cost, out->parts_s);
    step_work(&c->cost, &out->work);
    out->replica_s = out->end_s * c->cfg->n_replicas;
    out->kv_capacity_bytes =
        (double)c->cfg->replica->kv_bytes * c->cfg->n_replicas * c->cfg->replica->model->cfg.dp;
    out->n_events = out->stats.n_steps + out->n_offered + out->n_completed;
    bool offline = true;
    for (int i = 0; i < c->cfg->load.n_classes; i++) {
        offline = offline && c->cfg->load.classes[i].process == LOAD_OFFLINE;
    }
    out->stable = offline || !backlog_grows(c);
}

static void start(struct cluster *c, struct end_hook *hooks)
{
    const struct replica_config *rc = c->cfg->replica;
    metrics_init(&c->out->metrics, c->cfg->load.n_classes, c->cfg->limits);
    timeline_init(&c->out->timeline, c->cfg->n_replicas);
    c->load = load_new(&c->cfg->load);
    c->closed = load_is_closed(c->load);
    c->expected = c->cfg->load.n_requests;
    router_init(&c->router, c->cfg->route, c->cfg->load.seed, c->cfg->load.replication);
    request_pool_init(&c->pool);
    step_cache_init(&c->cost, rc->model, sched_most_tokens(&rc->sched));
    for (int i = 0; i < c->cfg->n_replicas; i++) {
        struct replica *r = &c->replicas[i];
        replica_init(r, rc, &c->pool, &c->out->metrics, &c->out->timeline, &c->cost);
        hooks[i] = (struct end_hook){c, i};
        r->on_end = on_end;
        r->on_end_ctx = &hooks[i];
        failure_init(&c->clocks[i], &c->cfg->failures, i, c->cfg->load.seed,
                     c->cfg->load.replication);
    }
}

void cluster_run(const struct cluster_config *cfg, struct cluster_result *out)
{
    ASSERT(cfg->n_replicas > 0);
    memset(out, 0, sizeof *out);
    struct cluster c = {.cfg = cfg, .out = out};
    size_t n = (size_t)cfg->n_replicas;
    struct end_hook *hooks = xcalloc(n, sizeof *hooks);
    c.replicas = xcalloc(n, sizeof *c.replicas);
    c.clocks = xcalloc(n, sizeof *c.clocks);
    c.n_up = cfg->n_replicas;
    start(&c, hooks);
    if (c.closed) {
        run_closed(&c);
    } else {
        run_open(&c);
    }
    if (!out->abandoned) {
        ASSERT(c.pool.n_live == 0);
        ASSERT(out->n_completed + out->n_rejected + out->n_failed == out->n_offered);
        for (int i = 0; i < cfg->n_replicas; i++) {
            ASSERT(replica_is_empty(&c.replicas[i]));
        }
    }
    collect(&c);
    for (int i = 0; i < cfg->n_replicas; i++) {
        replica_fini(&c.replicas[i]);
    }
    step_cache_fini(&c.cost);
    request_pool_fini(&c.pool);
    load_free(c.load);
    free(c.replicas);
    free(c.clocks);
    request_queue_fini(&c.homeless);
    free(hooks);
}

void cluster_result_fini(struct cluster_result *result)
{
    metrics_fini(&result->metrics);
}
