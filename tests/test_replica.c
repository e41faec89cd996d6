/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_replica.c - one replica step by step: what the schedulers of the engines decide, when
 * requests become visible, and that a request costs the steps it takes. */
#include <stdlib.h>
#include <string.h>

#include "sim/serve/replica.h"
#include "tests/check.h"
#include "tests/toy.h"

enum { MAX_ENDS = 64 };

struct rig {
    struct toy toy;
    struct request_pool pool;
    struct metrics metrics;
    struct step_cache cost;
    struct replica rep;
    struct finished ends[MAX_ENDS];
    int64_t end_ids[MAX_ENDS];
    int n_ends;
    int64_t next_id;
};

static void on_end(void *ctx, const struct request *req, const struct finished *f)
{
    struct rig *g = ctx;
    CU_ASSERT_FATAL(g->n_ends < MAX_ENDS);
    g->end_ids[g->n_ends] = req->id;
    g->ends[g->n_ends++] = *f;
}

static void rig_init(struct rig *g, enum engine_kind engine, int dp, int64_t n_kv_tokens)
{
    memset(g, 0, sizeof *g);
    toy_init(&g->toy, TOY_FULL, dp, n_kv_tokens);
    g->toy.replica.sched.kind = engine;
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

static int32_t send_as(struct rig *g, double at, int64_t prompt, int64_t output,
                       struct prompt_content content)
{
    struct arrival a = {.time_s = at,
                        .id = g->next_id++,
                        .prompt_tokens = prompt,
                        .output_tokens = output,
                        .content = content};
    int32_t idx = request_new(&g->pool, &a);
    replica_send(&g->rep, idx, g->pool.items[idx].arrival_s);
    return idx;
}

static int32_t send(struct rig *g, double at, int64_t prompt, int64_t output)
{
    return send_as(g, at, prompt, output, (struct prompt_content){0});
}

/* Begins the next step; what it runs then stands in the ranks. */
static void step(struct rig *g)
{
    replica_run(&g->rep, replica_next_s(&g->rep), false);
}

static struct rank *rank0(struct rig *g)
{
    return &g->rep.ranks[0];
}

/* The step in progress: decoding sequences and the tokens of each chunk. */
static void check_step(struct rig *g, int64_t n_decode, int n_chunks, int64_t first,
                       int64_t second)
{
    const struct rank *k = rank0(g);
    CU_ASSERT_EQUAL(k->batch.n_decode, n_decode);
    CU_ASSERT_EQUAL(k->n_chunks, n_chunks);
    if (n_chunks > 0 && k->n_chunks > 0) {
        CU_ASSERT_EQUAL(k->chunks[0].tokens, first);
    }
    if (n_chunks > 1 && k->n_chunks > 1) {
        CU_ASSERT_EQUAL(k->chunks[1].tokens, second);
    }
}

static const struct finished *end_of(const struct rig *g, int64_t id)
{
    for (int i = 0; i < g->n_ends; i++) {
        if (g->end_ids[i] == id) {
            return &g->ends[i];
        }
    }
    return NULL;
}

/* ---- costs and times
 * ------------------------------------------------------------------------------ */

static void a_lone_request_costs_the_steps_it_takes(void)
{
    struct rig g;
    struct step_cache cost;
    rig_init(&g, ENGINE_VLLM, 1, 10000);
    rig_start(&g);
    step_cache_init(&cost, g.toy.step, 512);
    send(&g, 2.0, 100, 5);
    struct step_batch b = {.n_sample = 1};
    step_add_chunk(g.toy.step, &b, 0, 100);
    double at = 2.0 + step_time_s(&cost, &b, 1);
    double first = at;
    for (int i = 0; i < 4; i++) {
        b = (struct step_batch){.n_decode = 1, .n_sample = 1, .ctx_tokens = {101.0 + i}};
        at += step_time_s(&cost, &b, 1);
    }
    replica_run(&g.rep, INFINITY, false);
    CU_ASSERT_EQUAL(g.ends[0].scheduled_s, 2.0);
    CU_ASSERT_EQUAL(g.ends[0].first_s, first);
    CU_ASSERT_EQUAL(g.ends[0].last_s, at);
    replica_close_books(&g.rep);
    CU_ASSERT_EQUAL(g.rep.stats.n_steps, 5);
    CHECK_NEAR(g.rep.stats.busy_s, at - 2.0, 1e-12);
    step_cache_fini(&cost);
    rig_fini(&g);
}

/* 2.5 tokens a step: 25 tokens behind the first leave in 10 steps, two or three at a time. A
 * client sees 10 gaps; per token it is the time of all of them over 25. */
static void accepted_drafts_leave_together(void)
{
    struct rig g;
    rig_init(&g, ENGINE_VLLM, 1, 10000);
    g.toy.replica.sched.draft_tokens = 2;
    g.toy.replica.sched.accepted_tokens = 2.5;
    rig_start(&g);
    send(&g, 0.0, 100, 26);
    replica_run(&g.rep, INFINITY, false);
    replica_close_books(&g.rep);
    CU_ASSERT_EQUAL(g.rep.stats.n_steps, 11);
    CHECK_NEAR(g.rep.stats.output_tokens, 26.0, 0.0);
    double all_s = g.ends[0].last_s - g.ends[0].first_s;
    struct class_summary s[2];
    metrics_summary(&g.metrics, 0, s);
    CHECK_NEAR(s[0].lat[LAT_ITL][STAT_MEAN], all_s / 10.0, 1e-12);
    CHECK_NEAR(s[0].lat[LAT_TPOT][STAT_MEAN], all_s / 25.0, 1e-12);
    rig_fini(&g);
}

static void the_api_server_tokenises_in_series(void)
{
    struct rig g;
    rig_init(&g, ENGINE_VLLM, 1, 10000);
    g.toy.replica.api_s = 0.5;
    g.toy.replica.api_per_token_s = 0.01;
    rig_start(&g);
    int32_t a = send(&g, 1.0, 100, 1);
    int32_t b = send(&g, 1.5, 10, 1);
    int32_t c = send(&g, 9.0, 10, 1);
    CHECK_NEAR(g.pool.items[a].visible_s, 2.5, 1e-12);
    CHECK_NEAR(g.pool.items[b].visible_s, 2.6, 1e-12);
    CHECK_NEAR(g.pool.items[c].visible_s, 9.6, 1e-12);
    CHECK_NEAR(replica_next_s(&g.rep), 2.5, 1e-12);
    rig_fini(&g);
}

static void requests_that_can_never_fit_are_refused(void)
{
    struct toy t;
    toy_init(&t, TOY_CHUNKED, 1, 0);
    t.replica.kv_bytes = kv_peak_bytes(&t.replica.kv, 70);
    t.replica.sched.max_model_len = 70;
    CU_ASSERT_PTR_NULL(replica_refuses(&t.replica, 60, 10));
    CU_ASSERT_STRING_EQUAL(replica_refuses(&t.replica, 60, 11), "longer than max_model_len");
    /* 65 tokens hold less than 64 did just before the chunk ended */
    t.replica.kv_bytes = kv_bytes(&t.replica.kv, TOY_CHUNK_TOKENS + 1);
    CU_ASSERT_TRUE(t.replica.kv_bytes < kv_bytes(&t.replica.kv, TOY_CHUNK_TOKENS));
    CU_ASSERT_STRING_EQUAL(replica_refuses(&t.replica, 60, 5), "longer than the KV pool");
    toy_fini(&t);
}

static void a_synchronous_engine_sees_arrivals_at_the_next_step(void)
{
    struct rig g;
    rig_init(&g, ENGINE_VLLM, 1, 10000);
    rig_start(&g);
    send(&g, 0.0, 100, 50);
    step(&g);
    send(&g, 0.5 * g.rep.end_s, 10, 1);
    step(&g);
    check_step(&g, 1, 1, 10, 0);
    rig_fini(&g);
}

static void an_asynchronous_engine_sees_them_one_step_later(void)
{
    struct rig g;
    rig_init(&g, ENGINE_VLLM, 1, 10000);
    g.toy.replica.sched.async = true;
    rig_start(&g);
    send(&g, 0.0, 100, 50);
    step(&g);
    send(&g, 0.5 * g.rep.end_s, 10, 1);
    step(&g);
    check_step(&g, 1, 0, 0, 0);
    step(&g);
    check_step(&g, 1, 1, 10, 0);
    rig_fini(&g);
}

static void ranks_share_requests_and_the_slowest_sets_the_pace(void)
{
    struct rig g;
    struct step_cache cost;
    rig_init(&g, ENGINE_VLLM, 2, 10000);
    rig_start(&g);
    step_cache_init(&cost, g.toy.step, 512);
    send(&g, 0.0, 200, 5);
    send(&g, 0.0, 20, 5);
    step(&g);
    CU_ASSERT_EQUAL(g.rep.ranks[0].batch.n_prefill_tokens, 200);
    CU_ASSERT_EQUAL(g.rep.ranks[1].batch.n_prefill_tokens, 20);
    struct step_batch b[2] = {{.n_sample = 1}, {0}};
    step_add_chunk(g.toy.step, &b[0], 0, 200);
    CU_ASSERT_EQUAL(g.rep.end_s, step_time_s(&cost, b, 2));
    step_cache_fini(&cost);
    rig_fini(&g);
}

/* ---- vLLM
 * -------------------------------------------------------------------------------------------
 */

static void one_token_budget_is_shared_with_running_requests_first(void)
{
    struct rig g;
    rig_init(&g, ENGINE_VLLM, 1, 10000);
    g.toy.replica.sched.max_batched_tokens = 100;
    rig_start(&g);
    send(&g, 0.0, 60, 50);
    send(&g, 0.0, 60, 50);
    send(&g, 0.0, 200, 50);
    step(&g);
    check_step(&g, 0, 2, 60, 40); /* the second prompt is cut */
    step(&g);
    check_step(&g, 1, 2, 20, 79); /* a decode, the rest of the second, a part of the third */
    step(&g);
    check_step(&g, 2, 1, 98, 0);
    step(&g);
    check_step(&g, 2, 1, 23, 0);
    step(&g);
    check_step(&g, 3, 0, 0, 0);
    rig_fini(&g);
}

static void places_limit_admission(void)
{
    struct rig g;
    rig_init(&g, ENGINE_VLLM, 1, 10000);
    g.toy.replica.sched.max_seqs = 2;
    rig_start(&g);
    for (int i = 0; i < 3; i++) {
        send(&g, 0.0, 10, 4);
    }
    step(&g);
    check_step(&g, 0, 2, 10, 10);
    for (int i = 0; i < 4; i++) {
        step(&g);
    }
    check_step(&g, 0, 1, 10, 0); /* both have ended */
    rig_fini(&g);
}

/* Two requests outgrow ten blocks: the newer one goes, nobody comes in that step, and it comes
 * back in chunks of what the budget leaves. */
static void the_newest_is_preempted_and_that_step_admits_nobody(void)
{
    struct rig g;
    rig_init(&g, ENGINE_VLLM, 1, 160);
    rig_start(&g);
    send(&g, 0.0, 70, 60);
    send(&g, 0.0, 70, 60);
    while (g.rep.stats.n_preemptions == 0) {
        step(&g);
        g.toy.replica.sched.max_batched_tokens =
            20; /* a chunk of this size would fit at once */
    }
    check_step(&g, 1, 0, 0, 0);
    CU_ASSERT_EQUAL(rank0(&g)->waiting.n, 1);
    step(&g);
    check_step(&g, 1, 1, 19, 0);
    rig_fini(&g);
}

static void a_preempted_request_computes_again_and_takes_longer(void)
{
    double e2e[2];
    double computed[2];
    for (int i = 0; i < 2; i++) {
        struct rig g;
        rig_init(&g, ENGINE_VLLM, 1, i == 0 ? 10000 : 160);
        rig_start(&g);
        send(&g, 0.0, 70, 60);
        send(&g, 0.0, 70, 60);
        replica_run(&g.rep, INFINITY, false);
        CU_ASSERT_EQUAL(g.rep.stats.n_preemptions > 0, i == 1);
        CU_ASSERT_EQUAL(g.rep.stats.output_tokens, 120.0);
        e2e[i] = end_of(&g, 1)->last_s;
        computed[i] = g.rep.stats.computed_prompt_tokens;
        rig_fini(&g);
    }
    CU_ASSERT_TRUE(e2e[1] > 1.3 * e2e[0]);
    CU_ASSERT_EQUAL(computed[0], 140.0);
    CU_ASSERT_TRUE(computed[1] > 140.0 + 70.0);
}

static void a_cached_prefix_is_not_computed_again(void)
{
    struct rig g;
    struct prompt_content c = {.shared_id = 5, .shared_tokens = 64};
    rig_init(&g, ENGINE_VLLM, 1, 10000);
    g.toy.replica.reuse = true;
    rig_start(&g);
    send_as(&g, 0.0, 100, 2, c);
    send_as(&g, 0.0, 90, 2, c); /* in the same step: blocks count as cached once scheduled */
    step(&g);
    check_step(&g, 0, 2, 100, 26);
    replica_run(&g.rep, INFINITY, false);
    CU_ASSERT_EQUAL(end_of(&g, 0)->hit_tokens, 0);
    CU_ASSERT_EQUAL(end_of(&g, 1)->hit_tokens, 64);
    rig_fini(&g);
}

/* The encoder's time comes once, before the step that begins the prompt. */
static void images_are_encoded_with_the_first_chunk(void)
{
    double first_s[2];
    double parts[2][OP_N];
    for (int i = 0; i < 2; i++) {
        struct rig g;
        rig_init(&g, ENGINE_VLLM, 1, 10000);
        g.toy.replica.sched.max_batched_tokens = 60;
        g.toy.replica.encode_s_per_token = 0.001;
        rig_start(&g);
        int32_t idx = send(&g, 0.0, 100, 3);
        g.pool.items[idx].image_tokens = i == 0 ? 0 : 50;
        step(&g);
        double begun_s = g.rep.end_s;
        replica_run(&g.rep, INFINITY, false);
        first_s[i] = end_of(&g, 0)->first_s;
        CU_ASSERT_TRUE(i == 0 || begun_s > 0.05);
        step_breakdown(&g.cost, parts[i]);
        rig_fini(&g);
    }
    CHECK_NEAR(first_s[1], first_s[0] + 0.05, 1e-12);
    CHECK_NEAR(parts[1][OP_DENSE], parts[0][OP_DENSE] + 0.05, 1e-12);
}

static void cached_images_are_not_encoded(void)
{
    struct rig g;
    rig_init(&g, ENGINE_VLLM, 1, 10000);
    g.toy.replica.reuse = true;
    g.toy.replica.encode_s_per_token = 1.0;
    rig_start(&g);
    for (int i = 0; i < 2; i++) {
        int32_t idx = send_as(&g, 1000.0 * i, 100, 1, (struct prompt_content){.body_id = 5});
        g.pool.items[idx].image_tokens = 50;
        replica_run(&g.rep, INFINITY, false);
    }
    double first = end_of(&g, 0)->last_s;
    double second = end_of(&g, 1)->last_s - 1000.0;
    CU_ASSERT_TRUE(first > 50.0 && first < 51.0);
    CU_ASSERT_TRUE(second > 4.0 && second < 5.0); /* 96 of 100 are cached */
    rig_fini(&g);
}

/* ---- tiers
 * ------------------------------------------------------------------------------------------ */

enum { PREFIX = 4800, PROMPT = 5000, POOL = 8000 };

/* A prompt is served, another takes its memory, and then the first comes again to an idle
 * replica: what its tier makes of that. */
struct second_time {
    int64_t hit_tokens, tier_tokens;
    double ttft_s, step_s; /* step_s: computing what is not in the tier */
    double load_s;
};

static struct second_time come_again(enum engine_kind engine, enum tier_load how,
                                     double bytes_per_s, int64_t capacity_bytes)
{
    struct rig g;
    struct second_time out;
    struct prompt_content c = {.body_id = 5};
    rig_init(&g, engine, 1, POOL);
    struct replica_config *r = &g.toy.replica;
    r->reuse = true;
    r->sched.max_batched_tokens = 16384;
    r->tier_load = how;
    r->tiers[TIER_HOST] = (struct tier_config){capacity_bytes, bytes_per_s, 0.001};
    rig_start(&g);
    send_as(&g, 0.0, PROMPT, 1, c);
    replica_run(&g.rep, INFINITY, false);
    send(&g, 100.0, 7000, 1);
    replica_run(&g.rep, INFINITY, false);
    int64_t hit = kv_probe(rank0(&g)->kv, &c, PROMPT, &(int64_t){0});
    send_as(&g, 200.0, PROMPT, 1, c);
    replica_run(&g.rep, INFINITY, false);
    const struct finished *f = end_of(&g, 2);
    struct step_batch b = {.n_sample = 1};
    step_add_chunk(g.toy.step, &b, f->hit_tokens, PROMPT - f->hit_tokens);
    out = (struct second_time){.hit_tokens = f->hit_tokens,
                               .tier_tokens = f->tier_tokens,
                               .ttft_s = f->first_s - 200.0,
                               .step_s = step_time_s(&g.cost, &b, 1)};
    CU_ASSERT_EQUAL(f->hit_tokens - f->tier_tokens, hit);
    out.load_s = 0.001 + (double)(f->tier_tokens / TOY_BLOCK_TOKENS * r->kv.full_block_bytes) /
                             bytes_per_s;
    rig_fini(&g);
    return out;
}

static void a_tier_gives_back_what_gpu_memory_lost(void)
{
    struct second_time none = come_again(ENGINE_VLLM, TIER_LOAD_AHEAD, 1e9, 0);
    struct second_time all = come_again(ENGINE_VLLM, TIER_LOAD_AHEAD, 1e9, INT64_C(1) << 40);
    struct second_time slow = come_again(ENGINE_VLLM, TIER_LOAD_AHEAD, 1e6, INT64_C(1) << 40);
    CU_ASSERT_EQUAL(none.tier_tokens, 0);
    CU_ASSERT_TRUE(none.hit_tokens < PREFIX);
    CU_ASSERT_EQUAL(all.hit_tokens, 4992); /* never the last token */
    CHECK_NEAR(none.ttft_s, none.step_s, 1e-9);
    CU_ASSERT_TRUE(all.ttft_s < 0.8 * none.ttft_s);
    CU_ASSERT_TRUE(slow.ttft_s > 2.0 * none.ttft_s); /* not weighed against computing it */
}

/* Ahead: the load, then the step. Layers: the longer of both. Before: both in one step. */
static void engines_wait_for_a_load_in_their_way(void)
{
    for (int i = 0; i < 2; i++) {
        double rate = i == 0 ? 1e10 : 1e8;
        struct second_time ahead =
            come_again(ENGINE_VLLM, TIER_LOAD_AHEAD, rate, INT64_C(1) << 40);
        struct second_time layers =
            come_again(ENGINE_SGLANG, TIER_LOAD_LAYERS, rate, INT64_C(1) << 40);
        struct second_time before =
            come_again(ENGINE_TRTLLM, TIER_LOAD_BEFORE, rate, INT64_C(1) << 40);
        CHECK_NEAR(ahead.ttft_s, ahead.load_s + ahead.step_s, 1e-9);
        CHECK_NEAR(layers.ttft_s, fmax(layers.load_s, layers.step_s), 1e-9);
        CHECK_NEAR(before.ttft_s, before.load_s + before.step_s, 1e-9);
    }
}

/* Others run while a request waits for its load, and it is computed in the first step after. */
static void others_run_while_a_request_loads(void)
{
    struct rig g;
    struct prompt_content c = {.body_id = 5};
    rig_init(&g, ENGINE_VLLM, 1, POOL);
    struct replica_config *r = &g.toy.replica;
    r->reuse = true;
    r->sched.max_batched_tokens = 16384;
    r->tiers[TIER_HOST] = (struct tier_config){INT64_C(1) << 40, 1e7, 0.0};
    rig_start(&g);
    send_as(&g, 0.0, PROMPT, 1, c);
    replica_run(&g.rep, INFINITY, false);
    send(&g, 100.0, 7000, 1);
    replica_run(&g.rep, INFINITY, false);
    send_as(&g, 200.0, PROMPT, 1, c);
    send(&g, 200.0, 20, 2000);
    step(&g);
    CU_ASSERT_EQUAL(g.rep.n_loading, 1);
    check_step(&g, 0, 1, 20, 0);
    replica_run(&g.rep, INFINITY, false);
    const struct finished *loaded = end_of(&g, 2);
    CU_ASSERT_TRUE(loaded->tier_tokens > 0);
    CU_ASSERT_EQUAL(loaded->scheduled_s, 200.0);
    CU_ASSERT_TRUE(end_of(&g, 3)->first_s < loaded->first_s);
    CU_ASSERT_TRUE(end_of(&g, 3)->last_s > loaded->last_s);
    rig_fini(&g);
}

/* ---- TensorRT-LLM
 * ----------------------------------------------------------------------------------- */

static void guaranteed_no_evict_reserves_the_whole_output(void)
{
    struct rig g;
    rig_init(&g, ENGINE_TRTLLM, 1, 160);
    g.toy.replica.sched.reserve_output = true;
    rig_start(&g);
    send(&g, 0.0, 30, 50);
    send(&g, 0.0, 30, 50);
    send(&g, 0.0, 30, 50);
    step(&g);
    check_step(&g, 0, 2, 30, 30); /* five blocks each: the pool is full */
    CU_ASSERT_EQUAL(kv_free_bytes(rank0(&g)->kv), 0);
    replica_run(&g.rep, INFINITY, false);
    CU_ASSERT_EQUAL(g.rep.stats.n_preemptions, 0);
    CU_ASSERT_EQUAL(end_of(&g, 2)->scheduled_s, end_of(&g, 0)->last_s);
    rig_fini(&g);
}

static void prompts_are_not_cut_unless_longer_than_the_budget(void)
{
    struct rig g;
    rig_init(&g, ENGINE_TRTLLM, 1, 10000);
    g.toy.replica.sched.max_batched_tokens = 100;
    rig_start(&g);
    send(&g, 0.0, 60, 50);
    send(&g, 0.0, 60, 50);
    send(&g, 0.0, 150, 50);
    step(&g);
    check_step(&g, 0, 1, 60, 0);
    step(&g);
    check_step(&g, 1, 2, 60, 39); /* the third is cut in any case */
    rig_fini(&g);
}

/* Steps until a second prompt of 20 tokens is scheduled while the first decodes. */
static int steps_held(int64_t wait_iters, double ratio)
{
    struct rig g;
    rig_init(&g, ENGINE_TRTLLM, 1, 10000);
    g.toy.replica.sched.max_batched_tokens = 100;
    g.toy.replica.sched.wait_iters = wait_iters;
    g.toy.replica.sched.wait_ratio = ratio;
    rig_start(&g);
    send(&g, 0.0, 20, 60);
    step(&g);
    check_step(&g, 0, 1, 20, 0); /* nobody decodes: not held */
    send(&g, 0.0, 20, 5);
    int n = 0;
    for (step(&g); rank0(&g)->n_chunks == 0; step(&g)) {
        n++;
    }
    rig_fini(&g);
    return n;
}

static void batch_wait_holds_a_prompt_for_its_iterations(void)
{
    CU_ASSERT_EQUAL(steps_held(0, 1.0), 0);
    CU_ASSERT_EQUAL(steps_held(7, 1.0), 7);
    CU_ASSERT_EQUAL(steps_held(20, 0.9), 20);
    CU_ASSERT_EQUAL(steps_held(20, 0.21), 0); /* 1 + 20 tokens reach 0.21 of 100 */
}

/* A prompt that does not fit is not held: the wait begins once it does. */
static void batch_wait_counts_only_while_the_prompt_would_fit(void)
{
    struct rig g;
    rig_init(&g, ENGINE_TRTLLM, 1, 192);
    g.toy.replica.sched.wait_iters = 5;
    g.toy.replica.sched.reserve_output = true;
    rig_start(&g);
    send(&g, 0.0, 30, 90);
    send(&g, 0.0, 16, 16);
    step(&g);
    send(&g, 0.0, 30, 20);
    while (g.n_ends < 1) {
        step(&g);
    }
    int n = 0;
    for (; rank0(&g)->n_chunks == 0; step(&g)) {
        n++;
    }
    CU_ASSERT_EQUAL(n, 5); /* four blocks were wanted, two had been free, two came back */
    rig_fini(&g);
}

/* ---- SGLang
 * ------------------------------------------------------------------------------------------ */

static void a_prefill_stalls_decoding_in_sglang_but_not_in_vllm(void)
{
    static const enum engine_kind engines[] = {ENGINE_SGLANG, ENGINE_VLLM};
    for (int i = 0; i < 2; i++) {
        struct rig g;
        rig_init(&g, engines[i], 1, 10000);
        rig_start(&g);
        send(&g, 0.0, 20, 50);
        step(&g);
        step(&g);
        send(&g, 0.0, 30, 50);
        step(&g);
        check_step(&g, i, 1, 30, 0);
        step(&g);
        check_step(&g, 2, 0, 0, 0);
        rig_fini(&g);
    }
}

static void sglang_estimates_the_memory_of_outputs(void)
{
    struct rig g;
    rig_init(&g, ENGINE_SGLANG, 1, 320);
    rig_start(&g);
    send(&g, 0.0, 32, 160); /* 12 of 20 blocks with its output */
    send(&g, 0.0, 32, 160); /* would need 12 more, and 8 are left */
    step(&g);
    check_step(&g, 0, 1, 32, 0);
    rig_fini(&g);
    rig_init(&g, ENGINE_VLLM, 1, 320);
    rig_start(&g);
    send(&g, 0.0, 32, 160);
    send(&g, 0.0, 32, 160);
    step(&g);
    check_step(&g, 0, 2, 32, 32); /* vLLM looks at prompts only */
    rig_fini(&g);
}

/* 192 + 142 tokens in a pool of 320: at 0.7 of what the first still had to produce they seemed
 * to fit. */
static void sglang_retracts_the_newest_when_the_estimate_was_too_low(void)
{
    struct rig g;
    rig_init(&g, ENGINE_SGLANG, 1, 320);
    rig_start(&g);
    send(&g, 0.0, 32, 160);
    for (int i = 0; i < 50; i++) {
        step(&g);
    }
    send(&g, 0.0, 32, 110);
    while (g.rep.stats.n_preemptions == 0 && g.rep.busy) {
        step(&g);
    }
    CU_ASSERT_EQUAL_FATAL(g.rep.stats.n_preemptions, 1);
    CU_ASSERT_EQUAL(g.pool.items[rank0(&g)->first].id, 0);
    rig_fini(&g);
}

static void the_recv_interval_delays_a_prompt_to_the_next_look(void)
{
    struct rig g;
    rig_init(&g, ENGINE_SGLANG, 1, 10000);
    g.toy.replica.sched.recv_interval = 10;
    rig_start(&g);
    send(&g, 0.0, 20, 100);
    step(&g); /* idle: seen at once; the step after its prefill looks again */
    step(&g);
    for (int i = 0; i < 4; i++) {
        step(&g);
        check_step(&g, 1, 0, 0, 0);
    }
    send(&g, 0.0, 20, 100); /* four decode steps into the interval */
    for (int i = 4; i < 9; i++) {
        step(&g);
        check_step(&g, 1, 0, 0, 0);
    }
    send(&g, 0.0, 20, 100);
    step(&g);
    check_step(&g, 0, 2, 20, 20);
    send(&g, 0.0, 20, 100);
    step(&g);
    check_step(&g, 0, 1, 20, 0); /* after a prefill it looks at once */
    rig_fini(&g);
}

/* ---- static batching
 * ------------------------------------------------------------------------------- */

static void a_static_batch_runs_to_its_last_end(void)
{
    struct rig g;
    rig_init(&g, ENGINE_STATIC, 1, 10000);
    g.toy.replica.sched.max_seqs = 2;
    rig_start(&g);
    send(&g, 0.0, 20, 2);
    send(&g, 0.0, 20, 30);
    send(&g, 0.0, 20, 5);
    send(&g, 0.0, 20, 5);
    replica_run(&g.rep, INFINITY, false);
    CU_ASSERT_TRUE(end_of(&g, 0)->last_s < end_of(&g, 1)->last_s);
    CU_ASSERT_EQUAL(end_of(&g, 2)->scheduled_s, end_of(&g, 1)->last_s);
    CU_ASSERT_EQUAL(end_of(&g, 3)->scheduled_s, end_of(&g, 1)->last_s);
    rig_fini(&g);
}

/* One request from 2.0 on, rebalanced every second: the first step that starts after each full
 * second is late by the pause, periods without a step cost nothing. */
static double last_with_pauses(double period_s, double pause_s, double *host_s)
{
    struct rig g;
    rig_init(&g, ENGINE_VLLM, 1, 10000);
    g.toy.replica.rebalance_s = period_s;
    g.toy.replica.rebalance_pause_s = pause_s;
    rig_start(&g);
    send(&g, 2.0, 100, 5);
    replica_run(&g.rep, INFINITY, false);
    double last_s = g.ends[0].last_s;
    *host_s = g.cost.host_s;
    rig_fini(&g);
    return last_s;
}

static void rebalancing_stops_the_engine_once_a_period(void)
{
    double host;
    double host_paused;
    double plain = last_with_pauses(0.0, 0.0, &host);
    CU_ASSERT_TRUE(plain < 2.5);
    CHECK_NEAR(last_with_pauses(1.0, 0.25, &host_paused), plain + 0.25, 1e-12);
    CHECK_NEAR(host_paused, host + 0.25, 1e-12);
    /* a pause as long as the period: before each of the five steps */
    CHECK_NEAR(last_with_pauses(1.0, 1.0, &host_paused), plain + 5.0, 1e-12);
    CU_ASSERT_EQUAL(last_with_pauses(100.0, 1.0, &host_paused), plain);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"rebalancing pauses the engine", rebalancing_stops_the_engine_once_a_period},
        {"a lone request costs its steps", a_lone_request_costs_the_steps_it_takes},
        {"accepted drafts leave together", accepted_drafts_leave_together},
        {"the API server works in series", the_api_server_tokenises_in_series},
        {"what can never fit is refused", requests_that_can_never_fit_are_refused},
        {"sync sees arrivals at the next step",
         a_synchronous_engine_sees_arrivals_at_the_next_step},
        {"async sees them one step later", an_asynchronous_engine_sees_them_one_step_later},
        {"ranks share, the slowest sets the pace",
         ranks_share_requests_and_the_slowest_sets_the_pace},
        {"vLLM: one budget, running first",
         one_token_budget_is_shared_with_running_requests_first},
        {"vLLM: places limit admission", places_limit_admission},
        {"vLLM: preemption admits nobody", the_newest_is_preempted_and_that_step_admits_nobody},
        {"vLLM: recompute takes longer", a_preempted_request_computes_again_and_takes_longer},
        {"vLLM: a cached prefix", a_cached_prefix_is_not_computed_again},
        {"images are encoded with the first chunk", images_are_encoded_with_the_first_chunk},
        {"cached images are not encoded", cached_images_are_not_encoded},
        {"a tier gives back what GPU memory lost", a_tier_gives_back_what_gpu_memory_lost},
        {"engines wait for a load in their way", engines_wait_for_a_load_in_their_way},
        {"others run while a request loads", others_run_while_a_request_loads},
        {"TRT: no evict reserves", guaranteed_no_evict_reserves_the_whole_output},
        {"TRT: prompts are whole", prompts_are_not_cut_unless_longer_than_the_budget},
        {"TRT: batch wait", batch_wait_holds_a_prompt_for_its_iterations},
        {"TRT: batch wait only if it fits", batch_wait_counts_only_while_the_prompt_would_fit},
        {"SGLang: prefill stalls decoding",
         a_prefill_stalls_decoding_in_sglang_but_not_in_vllm},
        {"SGLang: estimates outputs", sglang_estimates_the_memory_of_outputs},
        {"SGLang: retracts", sglang_retracts_the_newest_when_the_estimate_was_too_low},
        {"SGLang: recv interval", the_recv_interval_delays_a_prompt_to_the_next_look},
        {"static: runs to the last end", a_static_batch_runs_to_its_last_end},
    };
    return check_main("replica", cases, (int)(sizeof cases / sizeof *cases));
}
