/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_microbatches.c - a replica that is a pipeline: what travels together, when tokens come
 * back, where the time goes. Times are compared with stage times computed apart. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/serve/cluster.h"
#include "tests/check.h"
#include "tests/toy.h"

enum { MAX_STAGES = 4 };

struct rig {
    struct toy toy;
    struct request_pool pool;
    struct metrics metrics;
    struct step_cache cost;
    struct replica rep;
    struct finished ends[16]; /* by id */
    int64_t next_id;
};

static void on_end(void *ctx, const struct request *req, const struct finished *f)
{
    struct rig *g = ctx;
    g->ends[req->id] = *f;
}

static void rig_init(struct rig *g, enum engine_kind engine, int pp, int64_t budget)
{
    memset(g, 0, sizeof *g);
    toy_init(&g->toy, TOY_BOTH, 1, 10000);
    toy_stages(&g->toy, pp);
    g->toy.replica.sched.kind = engine;
    g->toy.replica.sched.max_batched_tokens = budget;
}

static void rig_start(struct rig *g)
{
    request_pool_init(&g->pool);
    metrics_init(&g->metrics, 1, toy_limits);
    step_cache_init(&g->cost, g->toy.step, 512);
    replica_init(&g->rep, &g->toy.replica, &g->pool, &g->metrics, NULL, &g->cost);
    g->rep.on_end = on_end;
    g->rep.on_end_ctx = g;
}

static void rig_fini(struct rig *g)
{
    replica_run(&g->rep, INFINITY, false);
    CU_ASSERT_TRUE(replica_is_empty(&g->rep));
    CU_ASSERT_EQUAL(g->pool.n_live, 0);
    replica_fini(&g->rep);
    step_cache_fini(&g->cost);
    metrics_fini(&g->metrics);
    request_pool_fini(&g->pool);
    toy_fini(&g->toy);
}

static void send(struct rig *g, double at, int64_t prompt, int64_t output)
{
    struct arrival a = {
        .time_s = at, .id = g->next_id++, .prompt_tokens = prompt, .output_tokens = output};
    replica_send(&g->rep, request_new(&g->pool, &a), at);
}

/* Takes the next event: a micro-batch comes back, or a request is seen. */
static void step(struct rig *g)
{
    replica_run(&g->rep, replica_next_s(&g->rep), false);
}

static int64_t running_in(const struct rig *g, int slot)
{
    return g->rep.all_ranks[slot].n_running;
}

/* The parts of one micro-batch's way. */
struct way {
    double core_s, stage_s[MAX_STAGES], hop_s[MAX_STAGES];
};

static struct way way_of(struct rig *g, struct step_cache *cost, struct step_batch b)
{
    struct way w;
    w.core_s = step_core_s(cost, &b, 1);
    for (int i = 0; i + 1 < g->toy.step->cfg.pp; i++) {
        const struct pipeline_hop *h = &g->toy.step->hops[i];
        w.hop_s[i] = h->latency_s + h->s_per_token * (double)(b.n_decode + b.n_prefill_tokens);
    }
    step_stages_s(cost, &b, 1, w.stage_s);
    return w;
}

static double length_s(const struct rig *g, const struct way *w)
{
    double sum = w->core_s;
    for (int i = 0; i < g->toy.step->cfg.pp; i++) {
        sum += w->stage_s[i] + (i + 1 < g->toy.step->cfg.pp ? w->hop_s[i] : 0.0);
    }
    return sum;
}

static struct step_batch one_decode(const struct rig *g, int64_t context)
{
    struct step_batch b = {.n_decode = 1, .n_sample = 1};
    for (int i = 0; i < g->toy.step->n_spans; i++) {
        b.ctx_tokens[i] = span_tokens(&g->toy.step->spans[i], context);
    }
    return b;
}

/* ---- times
 * --------------------------------------------------------------------------------------- */

static void a_lone_request_passes_core_stages_and_hops_for_each_token(void)
{
    for (int pp = 2; pp <= MAX_STAGES; pp++) {
        struct rig g;
        struct step_cache cost;
        rig_init(&g, ENGINE_VLLM, pp, 256);
        rig_start(&g);
        step_cache_init(&cost, g.toy.step, 512);
        send(&g, 2.0, 100, 5);
        struct step_batch b = {.n_sample = 1};
        step_add_chunk(g.toy.step, &b, 0, 100);
        struct way w = way_of(&g, &cost, b);
        double first = 2.0 + length_s(&g, &w);
        double last = first;
        for (int i = 0; i < 4; i++) {
            w = way_of(&g, &cost, one_decode(&g, 101 + i));
            last += length_s(&g, &w);
        }
        replica_run(&g.rep, INFINITY, false);
        CHECK_NEAR(g.ends[0].first_s, first, 1e-12);
        CHECK_NEAR(g.ends[0].last_s, last, 1e-12);
        replica_close_books(&g.rep);
        CHECK_NEAR(g.rep.stats.busy_s, last - 2.0, 1e-9);
        CU_ASSERT_EQUAL(g.rep.stats.n_steps, 5);
        step_cache_fini(&cost);
        rig_fini(&g);
    }
}

/* One request in each slot: a token per way of it, or per round of the slowest stage. */
static void full_slots_go_at_the_pace_of_the_way_or_of_the_slowest_stage(void)
{
    enum { TOKENS = 200 };
    bool way_ruled = false;
    bool stage_ruled = false;
    for (int pp = 2; pp <= MAX_STAGES; pp++) {
        struct rig g;
        struct step_cache cost;
        rig_init(&g, ENGINE_VLLM, pp, 100); /* a prompt fills a micro-batch */
        rig_start(&g);
        step_cache_init(&cost, g.toy.step, 512);
        for (int i = 0; i < pp; i++) {
            send(&g, 0.0, 100, TOKENS);
        }
        replica_run(&g.rep, INFINITY, false);
        struct way w = way_of(&g, &cost, one_decode(&g, 100 + TOKENS / 2));
        double slowest = w.core_s;
        for (int i = 0; i < pp; i++) {
            slowest = fmax(slowest, w.stage_s[i]);
        }
        double gap = (g.ends[0].last_s - g.ends[0].first_s) / (TOKENS - 1);
        CHECK_NEAR(gap, fmax(length_s(&g, &w), pp * slowest), 0.01);
        way_ruled |= length_s(&g, &w) > 1.01 * pp * slowest;
        stage_ruled |= pp * slowest > 1.01 * length_s(&g, &w);
        step_cache_fini(&cost);
        rig_fini(&g);
    }
    CU_ASSERT_TRUE(way_ruled && stage_ruled);
}

/* The chunks of a prompt need no tokens of each other: they follow as fast as stages allow. */
static void chunks_of_a_prompt_follow_each_other(void)
{
    struct rig g;
    struct step_cache cost;
    struct tandem t;
    rig_init(&g, ENGINE_VLLM, 4, 100);
    rig_start(&g);
    step_cache_init(&cost, g.toy.step, 512);
    tandem_init(&t, 4);
    send(&g, 0.0, 400, 2);
    double end = 0.0;
    for (int i = 0; i < 4; i++) {
        struct step_batch b = {.n_sample = i == 3};
        step_add_chunk(g.toy.step, &b, 100 * i, 100);
        struct way w = way_of(&g, &cost, b);
        end = tandem_join(&t, 0.0, w.core_s, w.stage_s, w.hop_s).end_s;
    }
    step(&g);
    CU_ASSERT_EQUAL(g.rep.pipeline->n_line, 4);
    CU_ASSERT_EQUAL(g.rep.n_running, 1);
    replica_run(&g.rep, INFINITY, false);
    CHECK_NEAR(g.ends[0].first_s, end, 1e-12);
    CU_ASSERT_EQUAL(g.rep.stats.computed_prompt_tokens, 400.0);
    tandem_fini(&t);
    step_cache_fini(&cost);
    rig_fini(&g);
}

/* ---- who travels together
 * ------------------------------------------------------------------------ */

static void what_is_under_way_is_not_scheduled_again(void)
{
    struct rig g;
    rig_init(&g, ENGINE_VLLM, 4, 256);
    rig_start(&g);
    send(&g, 0.0, 50, 20);
    for (int i = 0; i < 10; i++) {
        step(&g);
        CU_ASSERT_EQUAL(g.rep.pipeline->n_line, 1);
        CU_ASSERT_EQUAL(running_in(&g, 0), 1);
    }
    rig_fini(&g);
}

/* While the engine waits for the only micro-batch it sees nothing; then both share one slot,
 * with the other stages idle. */
static void an_arrival_joins_the_micro_batch_that_comes_back(void)
{
    struct rig g;
    rig_init(&g, ENGINE_VLLM, 2, 256);
    rig_start(&g);
    send(&g, 0.0, 50, 20);
    step(&g);
    double back = g.rep.end_s;
    send(&g, 0.5 * back, 50, 20);
    CU_ASSERT_EQUAL(g.rep.pipeline->n_line, 1);
    step(&g);
    CU_ASSERT_EQUAL(g.rep.pipeline->n_line, 1);
    CU_ASSERT_EQUAL(running_in(&g, 0), 2);
    replica_run(&g.rep, INFINITY, false);
    CU_ASSERT_EQUAL(g.ends[1].scheduled_s, back);
    rig_fini(&g);
}

static void what_one_micro_batch_cannot_hold_fills_the_next(void)
{
    struct rig g;
    rig_init(&g, ENGINE_VLLM, 2, 100);
    rig_start(&g);
    for (int i = 0; i < 3; i++) {
        send(&g, 0.0, 60, 20);
    }
    step(&g); /* 60 + 40, then 20 + 60 */
    CU_ASSERT_EQUAL(running_in(&g, 0), 1);
    CU_ASSERT_EQUAL(running_in(&g, 1), 2);
    CU_ASSERT_EQUAL(g.rep.all_ranks[0].batch.n_prefill_tokens, 100);
    CU_ASSERT_EQUAL(g.rep.all_ranks[1].batch.n_prefill_tokens, 80);
    CU_ASSERT_EQUAL(g.rep.all_ranks[0].batch.n_sample, 1);
    rig_fini(&g);
}

/* Four seats: over all micro-batches, two in each of two, four in each. */
static void seats_are_shared_as_each_engine_shares_them(void)
{
    static const struct {
        enum engine_kind engine;
        int64_t in_all, in_one;
    } rows[] = {{ENGINE_VLLM, 4, 4}, {ENGINE_SGLANG, 4, 2}, {ENGINE_TRTLLM, 8, 4}};
    for (int i = 0; i < 3; i++) {
        struct rig g;
        int64_t most = 0;
        int64_t most_in_one = 0;
        rig_init(&g, rows[i].engine, 2, 40);
        g.toy.replica.sched.max_seqs = 4;
        rig_start(&g);
        for (int k = 0; k < 12; k++) {
            send(&g, 0.0, 20, 30);
        }
        for (int k = 0; k < 60; k++) {
            step(&g);
            most = g.rep.n_running > most ? g.rep.n_running : most;
            for (int s = 0; s < 2; s++) {
                most_in_one = running_in(&g, s) > most_in_one ? running_in(&g, s) : most_in_one;
            }
        }
        CU_ASSERT_EQUAL(most, rows[i].in_all);
        CU_ASSERT_TRUE(most_in_one <= rows[i].in_one);
        rig_fini(&g);
    }
}

/* What landed together on a decode side: seats for all in one micro-batch, or shared out. */
static void what_landed_takes_the_seats_of_the_slot_then_of_the_next(void)
{
    static const enum engine_kind engines[] = {ENGINE_VLLM, ENGINE_SGLANG};
    static const int64_t in_first[] = {4, 2};
    for (int i = 0; i < 2; i++) {
        struct rig g;
        rig_init(&g, engines[i], 2, 256);
        g.toy.replica.role = ROLE_DECODE;
        g.toy.replica.sched.max_seqs = 4;
        rig_start(&g);
        for (int64_t id = 0; id < 5; id++) {
            struct arrival a = {.id = id, .prompt_tokens = 50, .output_tokens = 20};
            int32_t request = request_new(&g.pool, &a);
            bool reserved = replica_reserve(&g.rep, request);
            CU_ASSERT_EQUAL(reserved, id < 4);
            g.pool.items[request].scheduled_s = 0.0; /* on the prefill side */
            if (reserved) {
                replica_land(&g.rep, request, 0.0);
            } else {
                request_drop(&g.pool, request);
            }
        }
        step(&g);
        CU_ASSERT_EQUAL(running_in(&g, 0), in_first[i]);
        CU_ASSERT_EQUAL(running_in(&g, 1), 4 - in_first[i]);
        CU_ASSERT_EQUAL(g.rep.pipeline->n_line, in_first[i] < 4 ? 2 : 1);
        rig_fini(&g);
    }
}

/* Short of memory the newest of its own goes; those under way elsewhere stay. */
static void a_micro_batch_preempts_its_own(void)
{
    struct rig g;
    rig_init(&g, ENGINE_VLLM, 2, 40);
    g.toy.replica.kv_bytes = kv_bytes(&g.toy.replica.kv, 160);
    rig_start(&g);
    send(&g, 0.0, 40, 60);
    send(&g, 0.0, 40, 60);
    step(&g);
    CU_ASSERT_EQUAL(g.rep.pipeline->n_line, 2);
    while (g.rep.stats.n_preemptions == 0 && g.rep.busy) {
        step(&g);
    }
    CU_ASSERT_EQUAL(running_in(&g, 0) + running_in(&g, 1), 1);
    CU_ASSERT_EQUAL(g.rep.pipeline->n_line, 1);
    CU_ASSERT_EQUAL(g.rep.n_waiting, 1);
    replica_run(&g.rep, INFINITY, false);
    CU_ASSERT_EQUAL(g.rep.stats.output_tokens, 120.0);
    rig_fini(&g);
}

/* ---- where the time goes
 * ------------------------------------------------------------------------- */

/* Of a lone request's time each stage works its own share; the rest of the mean is bubble, but
 * for what the first stage waits for the core. */
static void a_lone_requests_bubble_is_what_the_stages_do_not_work(void)
{
    struct rig g;
    struct step_cache cost;
    double parts[OP_N];
    double work = 0.0;
    double core = 0.0;
    double sum = 0.0;
    rig_init(&g, ENGINE_VLLM, 4, 256);
    rig_start(&g);
    step_cache_init(&cost, g.toy.step, 512);
    send(&g, 0.0, 100, 30);
    for (int i = 0; i < 30; i++) {
        struct step_batch b = {.n_sample = 1};
        if (i == 0) {
            step_add_chunk(g.toy.step, &b, 0, 100);
        } else {
            b = one_decode(&g, 100 + i);
        }
        struct way w = way_of(&g, &cost, b);
        core += w.core_s;
        for (int s = 0; s < 4; s++) {
            work += w.stage_s[s];
        }
    }
    replica_run(&g.rep, INFINITY, false);
    step_breakdown(&g.cost, parts);
    for (int i = 0; i < OP_N; i++) {
        sum += parts[i];
    }
    replica_close_books(&g.rep);
    double busy = g.rep.stats.busy_s;
    CHECK_NEAR(sum, busy, 1e-9);
    CHECK_NEAR(parts[OP_HOST], core / 4.0, 1e-9);
    CHECK_NEAR(parts[OP_BUBBLE], busy - (work + core) / 4.0, 1e-9);
    CU_ASSERT_TRUE(parts[OP_BUBBLE] > 0.74 * busy && parts[OP_BUBBLE] < 0.8 * busy);
    step_cache_fini(&cost);
    rig_fini(&g);
}

/* More stages: more throughput under load, never beyond the sum of what the stages can do. */
static void stages_add_throughput_below_their_number(void)
{
    double end_s[MAX_STAGES + 1];
    double bubble[MAX_STAGES + 1];
    for (int pp = 1; pp <= MAX_STAGES; pp++) {
        struct toy toy;
        struct cluster_result r;
        struct load_class c = toy_class(LOAD_OFFLINE, 100, 50);
        toy_init(&toy, TOY_BOTH, 1, 100000);
        toy_stages(&toy, pp);
        c.n_requests = 400;
        struct cluster_config cfg = {
            .replica = &toy.replica,
            .n_replicas = 1,
            .load = {.classes = &c, .n_classes = 1, .n_requests = 400, .seed = 1},
            .limits = toy_limits};
        cluster_run(&cfg, &r);
        CU_ASSERT_EQUAL(r.n_completed, 400);
        CU_ASSERT_TRUE(r.work.memory_s <= r.stats.busy_s && r.work.compute_s <= r.stats.busy_s);
        CU_ASSERT_TRUE(r.stats.kv_max_bytes <= r.kv_capacity_bytes);
        end_s[pp] = r.end_s;
        bubble[pp] = r.parts_s[OP_BUBBLE] / r.stats.busy_s;
        cluster_result_fini(&r);
        toy_fini(&toy);
    }
    CU_ASSERT_EQUAL(bubble[1], 0.0);
    for (int pp = 2; pp <= MAX_STAGES; pp++) {
        CU_ASSERT_TRUE(end_s[pp] < end_s[pp - 1]);
        CU_ASSERT_TRUE(end_s[pp] > end_s[1] / pp);
        CU_ASSERT_TRUE(bubble[pp] > 0.0 && bubble[pp] < 0.4);
    }
}

#define CASE(name)                                                                             \
    {                                                                                          \
#name, name                                                                            \
    }
/* The first stage encodes, and nobody else waits longer than that. */
static void images_are_encoded_on_the_first_stage(void)
{
    double last_s[2];
    double parts[2][OP_N];
    for (int i = 0; i < 2; i++) {
        struct rig g;
        rig_init(&g, ENGINE_VLLM, 2, 400);
        g.toy.replica.encode_s_per_token = 0.001;
        rig_start(&g);
        send(&g, 0.0, 100, 3);
        g.pool.items[0].image_tokens = i == 0 ? 0 : 50;
        replica_run(&g.rep, INFINITY, false);
        last_s[i] = g.ends[0].last_s;
        step_breakdown(&g.cost, parts[i]);
        rig_fini(&g);
    }
    CHECK_NEAR(last_s[1], last_s[0] + 0.05, 1e-12);
    CHECK_NEAR(parts[1][OP_DENSE], parts[0][OP_DENSE] + 0.05 / 2, 1e-12); /* mean of stages */
}

/* A prompt comes back after another took its memory: what it hits, and when it has its token.
 */
static struct finished come_again(enum engine_kind engine, enum tier_load how,
                                  double bytes_per_s, int64_t *loaded_bytes)
{
    static const struct prompt_content content = {.body_id = 5};
    struct rig g;
    rig_init(&g, engine, 2, 10000);
    struct replica_config *r = &g.toy.replica;
    r->reuse = true;
    r->tier_load = how;
    r->tiers[TIER_HOST] = (struct tier_config){1 << 30, bytes_per_s, 0.001};
    rig_start(&g);
    send(&g, 0.0, 5000, 1);
    g.pool.items[0].content = content;
    replica_run(&g.rep, INFINITY, false);
    send(&g, 100.0, 9000, 1);
    replica_run(&g.rep, INFINITY, false);
    send(&g, 200.0, 5000, 1);
    g.pool.items[0].content = content;
    replica_run(&g.rep, INFINITY, false);
    struct finished f = g.ends[2];
    int64_t on_gpu = (f.hit_tokens - f.tier_tokens) / TOY_BLOCK_TOKENS * r->kv.full_block_bytes;
    *loaded_bytes = kv_bytes(&r->kv, f.hit_tokens) - on_gpu;
    rig_fini(&g);
    return f;
}

/* At half the speed the token is later by the time of the load, in each way of loading. */
static void tiers_below_a_pipeline_give_back_what_its_memory_lost(void)
{
    static const enum tier_load ways[] = {TIER_LOAD_AHEAD, TIER_LOAD_BEFORE, TIER_LOAD_LAYERS};
    for (int i = 0; i < 3; i++) {
        int64_t bytes;
        struct finished slow = come_again(ENGINE_VLLM, ways[i], 5e3, &bytes);
        struct finished slower = come_again(ENGINE_VLLM, ways[i], 2.5e3, &bytes);
        CU_ASSERT_TRUE(slow.tier_tokens > 3000);
        CU_ASSERT_EQUAL(slow.tier_tokens, slower.tier_tokens);
        CHECK_NEAR(slower.first_s - slow.first_s, (double)bytes / 5e3, 1e-9);
    }
}

static const struct check_case cases[] = {
    CASE(images_are_encoded_on_the_first_stage),
    CASE(tiers_below_a_pipeline_give_back_what_its_memory_lost),
    CASE(a_lone_request_passes_core_stages_and_hops_for_each_token),
    CASE(full_slots_go_at_the_pace_of_the_way_or_of_the_slowest_stage),
    CASE(chunks_of_a_prompt_follow_each_other),
    CASE(what_is_under_way_is_not_scheduled_again),
    CASE(an_arrival_joins_the_micro_batch_that_comes_back),
    CASE(what_one_micro_batch_cannot_hold_fills_the_next),
    CASE(seats_are_shared_as_each_engine_shares_them),
    CASE(what_landed_takes_the_seats_of_the_slot_then_of_the_next),
    CASE(a_micro_batch_preempts_its_own),
    CASE(a_lone_requests_bubble_is_what_the_stages_do_not_work),
    CASE(stages_add_throughput_below_their_number),
};

int main(void)
{
    return check_main("microbatches", cases, (int)(sizeof cases / sizeof cases[0]));
}
