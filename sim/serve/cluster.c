/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/cluster.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"

/* A load is called unsustainable when what waits, or what is in the system, has grown between
 * the middle and the end of the arrivals by more than noise explains. */
static const double WAITING_SHARE = 0.02;
static const double GROWTH = 1.3;
static const double MIN_WAITING = 10.0;
static const double MIN_RUNS_OF_E2E = 4.0;

/* Replicas that stand in for each other: those that take arrivals, or the decode ones behind.
 */
struct side {
    int first, n;
    int n_up; /* in service */
    struct autoscaler scaler;
};
enum { FRONT, BACK, MAX_SIDES };

struct cluster {
    const struct cluster_config *cfg;
    struct cluster_result *out;
    struct load *load;
    struct request_pool pool;
    struct step_cache cost;         /* of the decode side when disaggregated */
    struct step_cache prefill_cost; /* only then */
    struct replica *replicas;
    int n;                     /* replicas, of both sides */
    int n_front;               /* the first so many take arrivals */
    struct handover *handover; /* NULL: not disaggregated */
    struct router router;
    struct failure_clock *clocks; /* [n] */
    double *down_from_s;          /* [n]: of those that are down */
    struct link_failures links;
    struct maintenance maintenance;
    struct side sides[MAX_SIDES];
    int n_sides;                   /* 2 when disaggregated */
    struct request_queue homeless; /* sent while every replica was down */
    bool closed;
    int64_t expected; /* offered in all, when known; 0 unknown */
    double mid_waiting, mid_in_system, end_waiting, end_in_system;
};

/* ---- ends
 * --------------------------------------------------------------------------------------- */

struct hook {
    struct cluster *c;
    int replica;
};

static void on_end(void *ctx, const struct request *req, const struct finished *f)
{
    struct hook *hook = ctx;
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

static void on_prompt(void *ctx, int32_t request, int rank, bool computed, double at_s)
{
    struct hook *hook = ctx;
    hook->c->sides[BACK].scaler.n_given += computed;
    handover_prompt(hook->c->handover, hook->replica, rank, request, computed, at_s);
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

/* The replica with the earliest event, its time and that of the next one. */
static int first_to_act(const struct cluster *c, double *at_s, double *second_s)
{
    int first = 0;
    *at_s = INFINITY;
    *second_s = INFINITY;
    for (int i = 0; i < c->n; i++) {
        double next = replica_next_s(&c->replicas[i]);
        if (next < *at_s) {
            *second_s = *at_s;
            *at_s = next;
            first = i;
        } else if (next < *second_s) {
            *second_s = next;
        }
    }
    return first;
}

/* Where what happens on one replica matters to others, steps are taken in time order: in closed
 * loops an end anywhere may bring the next arrival, disaggregated replicas wait for each other.
 * Up to the earliest arrival known by then, at most to limit_s. */
static void run_in_order(struct cluster *c, double limit_s)
{
    for (;;) {
        double at;
        double second;
        int first = first_to_act(c, &at, &second);
        double arrival = fmin(load_peek_s(c->load), limit_s);
        double transfer = c->handover ? handover_next_s(c->handover) : INFINITY;
        double next = fmin(at, transfer);
        if (isinf(next) || next > arrival) {
            return;
        }
        if (transfer <= at) {
            handover_step(c->handover);
            continue;
        }
        replica_run(&c->replicas[first], fmin(fmin(arrival, second), transfer), true);
        if (c->handover) {
            handover_retry(c->handover, c->replicas[first].last_begin_s);
        }
    }
}

static bool is_ordered(const struct cluster *c)
{
    return c->closed || c->handover;
}

static void run_all_until(struct cluster *c, double until_s)
{
    if (is_ordered(c)) {
        run_in_order(c, until_s);
        return;
    }
    for (int i = 0; i < c->n; i++) {
        replica_run(&c->replicas[i], until_s, false);
    }
}

static void count_backlog(const struct cluster *c, double *waiting, double *in_system)
{
    *waiting = *in_system = (double)c->homeless.n;
    if (c->handover) {
        *waiting += (double)handover_waiting(c->handover);
        *in_system += (double)handover_waiting(c->handover);
    }
    for (int i = 0; i < c->n; i++) {
        const struct replica *r = &c->replicas[i];
        *waiting += (double)(r->n_waiting + r->incoming.n);
        *in_system += (double)r->n_load;
    }
}

/* Sends a request to a replica that has been run up to now_s, or keeps it until one is back. */
static void send(struct cluster *c, int32_t request, double now_s)
{
    struct side *front = &c->sides[FRONT];
    struct router_view view = {c->replicas, c->clocks,           front->n,
                               front->n_up, front->scaler.state, c->maintenance.replica};
    int i = router_pick(&c->router, &view, &c->pool.items[request]);
    if (i < 0) {
        request_push_back(&c->homeless, request);
        return;
    }
    if (!is_ordered(c)) {
        replica_run(&c->replicas[i], now_s, false);
    }
    front->scaler.n_given++;
    replica_send(&c->replicas[i], request, now_s);
}

/* ---- failures
 * -------------------------------------------------------------------------------------- */

static int next_to_turn(const struct cluster *c)
{
    int first = 0;
    for (int i = 1; i < c->n; i++) {
        if (c->clocks[i].next_s < c->clocks[first].next_s) {
            first = i;
        }
    }
    return first;
}

static bool is_prefill(const struct cluster *c, int i)
{
    return c->cfg->prefill && i < c->n_front;
}

static enum timeline_part part_of(const struct cluster *c, int i)
{
    return is_prefill(c, i) ? TIMELINE_PREFILL : TIMELINE_REPLICA;
}

static const struct failure_config *failures_of(const struct cluster *c, int i)
{
    return is_prefill(c, i) ? &c->cfg->prefill_failures : &c->cfg->failures;
}

static double next_failure_s(const struct cluster *c)
{
    bool any = c->cfg->failures.mtbf_s > 0.0 || c->cfg->prefill_failures.mtbf_s > 0.0;
    return any ? c->clocks[next_to_turn(c)].next_s : INFINITY;
}

static struct side *side_of(struct cluster *c, int i)
{
    return &c->sides[i < c->n_front ? FRONT : BACK];
}

static bool scales(const struct side *side)
{
    return side->scaler.state != NULL;
}

/* Would it take requests if it were up? */
static bool serves(struct cluster *c, int i)
{
    const struct side *side = side_of(c, i);
    return i != c->maintenance.replica &&
           (!scales(side) || side->scaler.state[i - side->first] == SCALE_SERVING);
}

/* Is a failure of it an outage? Not where it is parked, still starting or being worked on. */
static bool in_use(struct cluster *c, int i)
{
    const struct side *side = side_of(c, i);
    if (scales(side)) {
        enum scale_state state = side->scaler.state[i - side->first];
        return state == SCALE_SERVING || state == SCALE_DRAINING;
    }
    return i != c->maintenance.replica || c->maintenance.phase == MAINTENANCE_DRAINING;
}

/* The outage of a replica that is down, from when it was booked last. */
static void book_outage(struct cluster *c, int i, double now_s)
{
    if (in_use(c, i)) {
        timeline_add_down(&c->out->timeline, part_of(c, i), c->down_from_s[i], now_s);
        c->out->down_s += now_s - c->down_from_s[i];
    }
    c->down_from_s[i] = now_s;
}

/* What the replica has goes to `lost`, what it has cached goes with it. */
static void evacuate(struct cluster *c, int i, double now_s, struct request_queue *lost)
{
    if (c->handover) {
        handover_fail(c->handover, i, now_s, lost);
    }
    replica_evacuate(&c->replicas[i], lost);
    c->out->n_retries += lost->n;
}

static void go_down(struct cluster *c, int i, double now_s, struct request_queue *lost)
{
    side_of(c, i)->n_up -= serves(c, i);
    c->down_from_s[i] = now_s;
    evacuate(c, i, now_s, lost);
    c->out->n_failures += in_use(c, i);
}

static void come_back(struct cluster *c, int i, double now_s)
{
    side_of(c, i)->n_up += serves(c, i);
    book_outage(c, i, now_s);
    if (c->handover) {
        handover_return(c->handover, i, now_s);
    }
}

/* A network link of some rank fails or is repaired. */
static void turn_link(struct cluster *c)
{
    double now_s = link_failures_next_s(&c->links);
    if (!c->closed) {
        run_all_until(c, now_s);
    }
    struct link_turn turn = link_failures_turn(&c->links);
    handover_set_link(c->handover, turn.rank, turn.up_frac, now_s);
    if (isnan(turn.down_from_s)) {
        c->out->n_link_failures++;
    } else {
        timeline_add_down(&c->out->timeline, TIMELINE_LINK, turn.down_from_s, now_s);
    }
}

/* Links are the handover's: prefill ranks, then decode ranks. */
static void start_links(struct cluster *c)
{
    const struct cluster_config *cfg = c->cfg;
    int n_prefill = c->n_front * cfg->prefill->model->cfg.dp;
    int n = n_prefill + cfg->n_replicas * cfg->replica->model->cfg.dp;
    int *per_rank = xcalloc((size_t)n, sizeof *per_rank);
    for (int i = 0; i < n; i++) {
        per_rank[i] = i < n_prefill ? cfg->prefill_links_per_rank : cfg->links_per_rank;
    }
    link_failures_init(&c->links, &cfg->link_failures, per_rank, n, cfg->load.seed,
                       cfg->load.replication);
    free(per_rank);
}

/* ---- autoscaling
 * -------------------------------------------------------------------------------------- */

/* The time of replica k of the side in its state. */
static void book_state(struct cluster *c, struct side *side, int k, double now_s)
{
    const struct autoscaler *a = &side->scaler;
    int i = side->first + k;
    if (a->state[k] == SCALE_PARKED || a->state[k] == SCALE_STARTING) {
        timeline_add_down(&c->out->timeline, part_of(c, i), a->since_s[k], now_s);
    }
    if (c->clocks[i].down) {
        book_outage(c, i, now_s);
    }
}

/* Replica k of the side. */
static void scale(struct cluster *c, struct side *side, int k, enum scale_state state,
                  double now_s)
{
    struct autoscaler *a = &side->scaler;
    enum scale_state before = a->state[k];
    int i = side->first + k;
    book_state(c, side, k, now_s);
    side->n_up += !c->clocks[i].down * ((state == SCALE_SERVING) - (before == SCALE_SERVING));
    autoscale_set(a, k, state, now_s);
    if (side == &c->sides[BACK]) {
        handover_open(c->handover, i, state == SCALE_SERVING, now_s);
    }
}

/* The first (step 1) or last (-1) replica in a state changes to another; false: none. */
static bool scale_one(struct cluster *c, struct side *side, int step,
                      const enum scale_state change[2], double now_s)
{
    for (int j = 0; j < side->n; j++) {
        int k = step > 0 ? j : side->n - 1 - j;
        if (side->scaler.state[k] == change[0]) {
            scale(c, side, k, change[1], now_s);
            return true;
        }
    }
    return false;
}

/* Requests that wait where the side's replicas do not see them. */
static int64_t waiting_before(const struct cluster *c, const struct side *side)
{
    return side == &c->sides[BACK] ? handover_waiting(c->handover) : c->homeless.n;
}

static void look_at_load(struct cluster *c, struct side *side, double now_s)
{
    static const enum scale_state undrain[] = {SCALE_DRAINING, SCALE_SERVING},
                                  start[] = {SCALE_PARKED, SCALE_STARTING},
                                  call_off[] = {SCALE_STARTING, SCALE_PARKED},
                                  drain[] = {SCALE_SERVING, SCALE_DRAINING};
    struct autoscaler *a = &side->scaler;
    int n_serving;
    double mean =
        autoscale_mean(a, &c->replicas[side->first], waiting_before(c, side), &n_serving);
    int wanted = autoscale_wanted(a, n_serving, mean);
    int have = n_serving + autoscale_count(a, SCALE_STARTING);
    bool more = true;
    for (; have < wanted && more; have++) {
        more = scale_one(c, side, 1, undrain, now_s) || scale_one(c, side, 1, start, now_s);
    }
    for (; have > wanted; have--) {
        if (!scale_one(c, side, -1, call_off, now_s)) {
            scale_one(c, side, -1, drain, now_s);
        }
    }
    a->n_given = 0;
    a->next_look_s += a->cfg.interval_s;
}

/* What it has cached goes with the machine. On the prefill side KV on its way to a decode
 * replica keeps it, on the decode side memory promised to such. */
static void park_if_drained(struct cluster *c, struct side *side, int k, double now_s)
{
    struct replica *r = &c->replicas[side->first + k];
    if (r->busy || !replica_is_empty(r)) {
        return;
    }
    struct request_queue none = {0};
    replica_evacuate(r, &none);
    ASSERT(none.n == 0);
    request_queue_fini(&none);
    scale(c, side, k, SCALE_PARKED, now_s);
}

static void rescale_side(struct cluster *c, struct side *side, double now_s)
{
    struct autoscaler *a = &side->scaler;
    for (int k = 0; k < a->n; k++) {
        if (a->state[k] == SCALE_STARTING && a->since_s[k] + a->cfg.cold_start_s <= now_s) {
            scale(c, side, k, SCALE_SERVING, now_s);
        } else if (a->state[k] == SCALE_DRAINING) {
            park_if_drained(c, side, k, now_s);
        }
    }
    if (a->next_look_s <= now_s) {
        look_at_load(c, side, now_s);
    }
}

static double next_scale_s(const struct cluster *c)
{
    double next = autoscale_next_s(&c->sides[FRONT].scaler);
    return fmin(next, autoscale_next_s(&c->sides[BACK].scaler));
}

/* Cold starts end, the drained go, and every interval the load is looked at. */
static void rescale(struct cluster *c)
{
    double now_s = next_scale_s(c);
    if (!c->closed) {
        run_all_until(c, now_s);
    }
    for (int i = 0; i < c->n_sides; i++) {
        if (scales(&c->sides[i])) {
            rescale_side(c, &c->sides[i], now_s);
        }
    }
}

/* ---- what happens besides requests
 * ----------------------------------------------------------------------------------- */

static void send_home(struct cluster *c, double now_s)
{
    int32_t request;
    while (c->sides[FRONT].n_up > 0 && (request = request_pop_front(&c->homeless)) >= 0) {
        send(c, request, now_s);
    }
}

/* What a replica had goes to the others, what had nowhere to go to one that is back. */
static void send_again(struct cluster *c, struct request_queue *lost, double now_s)
{
    int32_t request;
    send_home(c, now_s);
    while ((request = request_pop_front(lost)) >= 0) {
        send(c, request, now_s);
    }
    request_queue_fini(lost);
    if (c->handover) {
        handover_retry(c->handover, now_s);
    }
}

static double next_turn_s(const struct cluster *c)
{
    double fail_s = fmin(next_failure_s(c), link_failures_next_s(&c->links));
    return fmin(fmin(fail_s, c->maintenance.next_s), next_scale_s(c));
}

static void fail_or_return(struct cluster *c)
{
    int i = next_to_turn(c);
    double now_s = c->clocks[i].next_s;
    struct request_queue lost = {0};
    if (!c->closed) {
        run_all_until(c, now_s);
    }
    failure_turn(&c->clocks[i], failures_of(c, i));
    if (c->clocks[i].down) {
        go_down(c, i, now_s, &lost);
    } else {
        come_back(c, i, now_s);
    }
    send_again(c, &lost, now_s);
}

/* The decode side takes prompts by the handover's word, the other by the router's. */
static void hold(struct cluster *c, int i, bool held, double now_s)
{
    side_of(c, i)->n_up += c->clocks[i].down ? 0 : held ? -1 : 1;
    if (c->handover && i >= c->n_front) {
        handover_open(c->handover, i, !held, now_s);
    }
}

static void take_out_if_drained(struct cluster *c, double now_s)
{
    struct maintenance *m = &c->maintenance;
    int i = m->replica;
    const struct replica *r = &c->replicas[i];
    if (now_s < m->deadline_s && (r->busy || !replica_is_empty(r))) {
        maintenance_wait(m);
        return;
    }
    struct request_queue lost = {0};
    evacuate(c, i, now_s, &lost);
    if (c->clocks[i].down) {
        book_outage(c, i, now_s);
    }
    maintenance_take_out(m, is_prefill(c, i));
    send_again(c, &lost, now_s);
}

/* The time of the replica that is being worked on. */
static void book_maintenance(struct cluster *c, double now_s)
{
    const struct maintenance *m = &c->maintenance;
    timeline_add_down(&c->out->timeline, part_of(c, m->replica), m->out_from_s, now_s);
    c->out->maintained_s += now_s - m->out_from_s;
}

/* One that failed meanwhile is still down. */
static void end_maintenance(struct cluster *c, double now_s)
{
    int i = c->maintenance.replica;
    book_maintenance(c, now_s);
    c->down_from_s[i] = now_s;
    maintenance_end(&c->maintenance);
    hold(c, i, false, now_s);
    if (c->handover && !c->clocks[i].down) {
        handover_return(c->handover, i, now_s);
    }
    send_home(c, now_s);
}

static void maintain(struct cluster *c)
{
    struct maintenance *m = &c->maintenance;
    double now_s = m->next_s;
    if (!c->closed) {
        run_all_until(c, now_s);
    }
    if (m->phase == MAINTENANCE_OUT) {
        end_maintenance(c, now_s);
        return;
    }
    if (m->phase == MAINTENANCE_NONE) {
        maintenance_begin(m);
        hold(c, m->replica, true, now_s);
    }
    take_out_if_drained(c, now_s);
}

/* What happens at next_turn_s. */
static void turn(struct cluster *c)
{
    double scale_s = next_scale_s(c);
    double link_s = link_failures_next_s(&c->links);
    double now_s = next_turn_s(c);
    if (next_failure_s(c) <= now_s) {
        fail_or_return(c);
        return;
    }
    if (link_s <= now_s) {
        turn_link(c);
        return;
    }
    if (c->maintenance.next_s <= now_s) {
        maintain(c);
        return;
    }
    rescale(c);
    send_home(c, scale_s);
}

static void turn_until(struct cluster *c, double until_s)
{
    while (next_turn_s(c) <= until_s) {
        turn(c);
    }
}

static bool is_idle(const struct cluster *c)
{
    for (int i = 0; i < c->n; i++) {
        if (!isinf(replica_next_s(&c->replicas[i]))) {
            return false;
        }
    }
    return c->homeless.n == 0 && !(c->handover && handover_underway(c->handover) > 0);
}

/* Requests cannot go on until something comes back: with a link cut that may be so for any that
 * is still to cross it. */
static bool is_stranded(const struct cluster *c)
{
    return c->homeless.n > 0 || (c->links.n_cut > 0 && !is_idle(c)) ||
           (c->handover && c->sides[BACK].n_up == 0);
}

/* After the last arrival nothing fails any more and no maintenance begins; what is down comes
 * back where requests cannot do without. */
static void bring_back(struct cluster *c)
{
    maintenance_stop(&c->maintenance);
    while (is_stranded(c)) {
        turn(c);
    }
}

/* Of the replicas that take arrivals. */
static const struct replica_config *front_config(const struct cluster *c)
{
    return c->handover ? c->cfg->prefill : c->cfg->replica;
}

/* A new request is turned away when every replica in service has its fill of waiting ones. The
 * replicas have been run up to now. */
static bool queue_is_full(struct cluster *c)
{
    int64_t most = front_config(c)->sched.max_queue;
    const struct side *front = &c->sides[FRONT];
    for (int i = 0; i < c->n_front && most > 0; i++) {
        const struct replica *r = &c->replicas[i];
        if (!c->clocks[i].down && serves(c, i) && r->n_waiting + r->incoming.n < most) {
            return false;
        }
    }
    return most > 0 && front->n_up > 0;
}

static void deliver(struct cluster *c, const struct arrival *a)
{
    struct metrics *m = &c->out->metrics;
    if (c->out->n_offered == 0) {
        m->first_arrival_s = a->time_s;
    }
    m->last_arrival_s = a->time_s;
    c->out->n_offered++;
    const char *why = replica_refuses(front_config(c), a->prompt_tokens, a->output_tokens);
    if (!why && c->handover) {
        why = replica_refuses(c->cfg->replica, a->prompt_tokens, a->output_tokens);
    }
    if (why) {
        reject(c, a, why);
        return;
    }
    /* When nobody looks at the other replicas, they may stay behind. */
    bool looks =
        c->handover || router_looks(&c->router) || c->cfg->replica->sched.max_queue > 0;
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

static void run_closed(struct cluster *c)
{
    struct arrival a;
    for (;;) {
        bool exhausted = load_is_exhausted(c->load);
        if (exhausted) {
            maintenance_stop(&c->maintenance);
        }
        bool last = exhausted && !is_stranded(c);
        double turn_s = last ? INFINITY : next_turn_s(c);
        run_in_order(c, turn_s);
        double arrival_s = load_peek_s(c->load);
        if (isinf(arrival_s) && is_idle(c)) {
            return;
        }
        if (turn_s < arrival_s) {
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

static void add_stats(struct replica_stats *sum, const struct replica_stats *s)
{
    sum->busy_s += s->busy_s;
    sum->kv_byte_s += s->kv_byte_s;
    sum->batch_s += s->batch_s;
    sum->kv_max_bytes = fmax(sum->kv_max_bytes, s->kv_max_bytes);
    sum->n_steps += s->n_steps;
    sum->n_preemptions += s->n_preemptions;
    sum->computed_prompt_tokens += s->computed_prompt_tokens;
    sum->output_tokens += s->output_tokens;
}

/* Replicas [first, last). */
static void collect_pool(struct cluster *c, int first, int last,
                         const struct replica_config *rc, const struct step_cache *cost,
                         struct pool_result *out)
{
    for (int i = first; i < last; i++) {
        replica_close_books(&c->replicas[i]);
        add_stats(&out->stats, &c->replicas[i].stats);
    }
    step_breakdown(cost, out->parts_s);
    step_work(cost, &out->work);
    comm_bytes(cost, out->comm_bytes);
    out->replica_s = c->out->end_s * (last - first);
    out->kv_capacity_bytes = (double)rc->kv_bytes * (last - first) * rc->model->cfg.dp;
}

static void add_pool(struct cluster_result *out, const struct pool_result *p)
{
    add_stats(&out->stats, &p->stats);
    for (int i = 0; i < OP_N; i++) {
        out->parts_s[i] += p->parts_s[i];
    }
    out->work.memory_s += p->work.memory_s;
    out->work.compute_s += p->work.compute_s;
    out->replica_s += p->replica_s;
    out->kv_capacity_bytes += p->kv_capacity_bytes;
}

static void collect_transfers(struct cluster *c)
{
    struct cluster_result *out = c->out;
    out->handover = *handover_stats(c->handover);
    out->n_links = handover_n_links(c->handover);
    out->links = xcalloc((size_t)out->n_links, sizeof *out->links);
    for (int i = 0; i < out->n_links; i++) {
        out->links[i] = handover_link(c->handover, i);
    }
}

/* What was provisioned counts, what was parked to the end was not in service. */
static void close_scaling(struct cluster *c, struct side *side, struct pool_result *out)
{
    struct autoscaler *a = &side->scaler;
    for (int k = 0; k < side->n && scales(side); k++) {
        if (a->since_s[k] < c->out->end_s) {
            book_state(c, side, k, c->out->end_s);
            autoscale_set(a, k, a->state[k], c->out->end_s);
        }
    }
    out->replica_s = scales(side) ? a->provisioned_s : out->replica_s;
}

static void collect(struct cluster *c)
{
    struct cluster_result *out = c->out;
    int n_prefill = c->handover ? c->n_front : 0;
    collect_pool(c, n_prefill, c->n, c->cfg->replica, &c->cost, &out->decode);
    close_scaling(c, &c->sides[c->n_sides - 1], &out->decode);
    add_pool(out, &out->decode);
    if (c->handover) {
        collect_pool(c, 0, n_prefill, c->cfg->prefill, &c->prefill_cost, &out->prefill);
        close_scaling(c, &c->sides[FRONT], &out->prefill);
        add_pool(out, &out->prefill);
        collect_transfers(c);
        for (int i = 0; i < link_failures_n(&c->links); i++) {
            if (c->links.clocks[i].down && c->links.down_from_s[i] < out->end_s) {
                timeline_add_down(&out->timeline, TIMELINE_LINK, c->links.down_from_s[i],
                                  out->end_s);
            }
        }
    }
    out->n_cut = load_n_cut(c->load);
    for (int i = 0; i < c->n; i++) {
        if (c->clocks[i].down && c->down_from_s[i] < out->end_s) {
            book_outage(c, i, out->end_s);
        }
    }
    if (c->maintenance.phase == MAINTENANCE_OUT && c->maintenance.out_from_s < out->end_s) {
        book_maintenance(c, fmin(c->maintenance.next_s, out->end_s));
    }
    out->n_events =
        out->stats.n_steps + out->n_offered + out->n_completed + 2 * out->handover.n_landed;
    bool offline = true;
    for (int i = 0; i < c->cfg->load.n_classes; i++) {
        offline = offline && c->cfg->load.classes[i].process == LOAD_OFFLINE;
    }
    out->stable = offline || !backlog_grows(c);
}

static void start_replica(struct cluster *c, int i, struct hook *hook)
{
    bool prefill = is_prefill(c, i);
    struct replica *r = &c->replicas[i];
    replica_init(r, prefill ? c->cfg->prefill : c->cfg->replica, &c->pool, &c->out->metrics,
                 &c->out->timeline, prefill ? &c->prefill_cost : &c->cost);
    *hook = (struct hook){c, i};
    r->on_end = on_end;
    r->on_end_ctx = hook;
    r->on_prompt = on_prompt;
    r->on_prompt_ctx = hook;
}

static void start_side(struct cluster *c, int which, int first, int n)
{
    struct side *side = &c->sides[which];
    const struct cluster_config *cfg = c->cfg;
    bool prefill = cfg->prefill && which == FRONT;
    *side = (struct side){.first = first, .n = n, .n_up = n};
    autoscale_init(&side->scaler, prefill ? &cfg->prefill_autoscale : &cfg->autoscale, n);
    c->n_sides++;
    if (!scales(side)) {
        return;
    }
    side->n_up = autoscale_count(&side->scaler, SCALE_SERVING);
    for (int k = 0; k < n && which == BACK; k++) {
        handover_open(c->handover, first + k, serves(c, first + k), 0.0);
    }
}

static void start(struct cluster *c, struct hook *hooks)
{
    const struct cluster_config *cfg = c->cfg;
    metrics_init(&c->out->metrics, cfg->load.n_classes, cfg->limits);
    timeline_init(&c->out->timeline, c->n);
    c->out->timeline.n_prefill = cfg->prefill ? c->n_front : 0;
    c->load = load_new(&cfg->load);
    c->closed = load_is_closed(c->load);
    c->expected = cfg->load.n_requests;
    router_init(&c->router, cfg->route, cfg->load.seed, cfg->load.replication);
    request_pool_init(&c->pool);
    step_cache_init(&c->cost, cfg->replica->model, sched_most_tokens(&cfg->replica->sched));
    if (cfg->prefill) {
        step_cache_init(&c->prefill_cost, cfg->prefill->model,
                        sched_most_tokens(&cfg->prefill->sched));
    }
    for (int i = 0; i < c->n; i++) {
        start_replica(c, i, &hooks[i]);
    }
    if (cfg->prefill) {
        c->handover = handover_new(&cfg->handover, &c->pool, c->replicas, c->n_front, c->n);
    }
    maintenance_init(&c->maintenance, &cfg->maintenance, c->n);
    start_side(c, FRONT, 0, c->n_front);
    if (cfg->prefill) {
        start_side(c, BACK, c->n_front, c->n - c->n_front);
        start_links(c);
    }
    for (int i = 0; i < c->n; i++) {
        char name[48];
        snprintf(name, sizeof name, "failures/%d", i);
        failure_init(&c->clocks[i], failures_of(c, i), name, cfg->load.seed,
                     cfg->load.replication);
    }
}

static void check_conserved(const struct cluster *c)
{
    const struct cluster_result *out = c->out;
    ASSERT(c->pool.n_live == 0);
    ASSERT(out->n_completed + out->n_rejected + out->n_failed == out->n_offered);
    for (int i = 0; i < c->n; i++) {
        ASSERT(replica_is_empty(&c->replicas[i]));
    }
}

static void stop(struct cluster *c)
{
    for (int i = 0; i < c->n; i++) {
        replica_fini(&c->replicas[i]);
    }
    handover_free(c->handover);
    step_cache_fini(&c->cost);
    if (c->cfg->prefill) {
        step_cache_fini(&c->prefill_cost);
    }
    request_pool_fini(&c->pool);
    load_free(c->load);
    free(c->replicas);
    free(c->clocks);
    free(c->down_from_s);
    link_failures_fini(&c->links);
    for (int i = 0; i < c->n_sides; i++) {
        autoscale_fini(&c->sides[i].scaler);
    }
    request_queue_fini(&c->homeless);
}

void cluster_run(const struct cluster_config *cfg, struct cluster_result *out)
{
    ASSERT(cfg->n_replicas > 0 && (!cfg->prefill || cfg->n_prefill > 0));
    ASSERT(!(cfg->maintenance.every_s > 0.0) ||
           (cfg->autoscale.metric == SCALE_OFF && cfg->prefill_autoscale.metric == SCALE_OFF));
    memset(out, 0, sizeof *out);
    struct cluster c = {.cfg = cfg, .out = out};
    c.n_front = cfg->prefill ? cfg->n_prefill : cfg->n_replicas;
    c.n = cfg->prefill ? cfg->n_prefill + cfg->n_replicas : cfg->n_replicas;
    c.sides[BACK].scaler.next_look_s = INFINITY; /* none, unless disaggregated */
    struct hook *hooks = xcalloc((size_t)c.n, sizeof *hooks);
    c.replicas = xcalloc((size_t)c.n, sizeof *c.replicas);
    c.clocks = xcalloc((size_t)c.n, sizeof *c.clocks);
    c.down_from_s = xcalloc((size_t)c.n, sizeof *c.down_from_s);
    start(&c, hooks);
    if (c.closed) {
        run_closed(&c);
    } else {
        run_open(&c);
    }
    if (!out->abandoned) {
        check_conserved(&c);
    }
    collect(&c);
    stop(&c);
    free(hooks);
}

void cluster_result_fini(struct cluster_result *result)
{
    metrics_fini(&result->metrics);
    free(result->links);
}
