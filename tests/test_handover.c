/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_handover.c - prefill and decode on separate replicas: when the first token leaves, who
 * shares a link, that nothing is lost, stuck or faster than its links. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"
#include "sim/core/output.h"
#include "sim/core/rng.h"
#include "sim/serve/cluster.h"
#include "tests/check.h"
#include "tests/toy.h"

enum { MAX_ENDS = 4000 };
struct lab {
    struct toy toy, prefill_toy;
    struct replica_config prefill, decode;
    struct load_class c;
    struct cluster_config cfg;
    struct cluster_result out;
    struct finished ends[MAX_ENDS];
    int replica[MAX_ENDS];
};

static void keep(void *ctx, int64_t id, int replica, const struct finished *f, const char *why)
{
    struct lab *l = ctx;
    (void)why;
    CU_ASSERT_FATAL(id < MAX_ENDS);
    l->ends[id] = *f;
    l->replica[id] = replica;
}

/* One prefill replica and one decode replica, n requests of a constant load; the caller changes
 * what it wants otherwise before cluster_run. */
static struct lab *lab_new(enum engine_kind kind, int64_t prompt, int64_t output, int64_t n)
{
    struct lab *l = xcalloc(1, sizeof *l);
    toy_init(&l->toy, TOY_FULL, 1, 100000);
    toy_init(&l->prefill_toy, TOY_FULL, 1, 100000);
    l->decode = l->toy.replica;
    l->decode.role = ROLE_DECODE;
    l->decode.sched.kind = kind;
    l->prefill = l->decode;
    l->prefill.role = ROLE_PREFILL;
    l->prefill.model = l->prefill_toy.step;
    l->c = toy_class(LOAD_CONSTANT, prompt, output);
    l->c.rate_rps = 1.0;
    l->cfg = (struct cluster_config){
        .replica = &l->decode,
        .n_replicas = 1,
        .prefill = &l->prefill,
        .n_prefill = 1,
        .handover = {.kv = l->toy.replica.kv,
                     .out_bytes_per_s = 1e6,
                     .in_bytes_per_s = 2e6,
                     .setup_s = 0.003,
                     .copies = 1,
                     .n_layers = 4},
        .route = ROUTE_LEAST_REQUESTS,
        .load = {.classes = &l->c, .n_classes = 1, .n_requests = n, .seed = 1},
        .limits = toy_limits,
        .sink = keep,
        .sink_ctx = l,
    };
    return l;
}

static void lab_free(struct lab *l)
{
    cluster_result_fini(&l->out);
    toy_fini(&l->toy);
    toy_fini(&l->prefill_toy);
    free(l);
}

/* Pipelines of so many stages. */
static void lab_stages(struct lab *l, int prefill_pp, int decode_pp)
{
    if (prefill_pp > 1) {
        toy_stages(&l->prefill_toy, prefill_pp);
        l->prefill.model = l->prefill_toy.step;
    }
    if (decode_pp > 1) {
        toy_stages(&l->toy, decode_pp);
        l->decode.model = l->toy.step;
    }
}

/* The same request on one replica of so many stages that does both. */
static struct finished together_in_stages(enum engine_kind kind, int64_t prompt, int64_t output,
                                          int pp)
{
    struct lab *l = lab_new(kind, prompt, output, 1);
    lab_stages(l, 1, pp);
    l->decode.role = ROLE_BOTH;
    l->cfg.prefill = NULL;
    l->cfg.n_prefill = 0;
    cluster_run(&l->cfg, &l->out);
    struct finished f = l->ends[0];
    lab_free(l);
    return f;
}

static struct finished together(enum engine_kind kind, int64_t prompt, int64_t output)
{
    return together_in_stages(kind, prompt, output, 1);
}

/* 160 tokens are 10 blocks; at 1 MB/s out of the prefill replica that is what the transfer
 * takes, 3 ms of handshake on top. */
static double transfer_s(const struct lab *l, int64_t prompt)
{
    return (double)kv_bytes(&l->decode.kv, prompt) / 1e6 + 0.003;
}

static void on_sglang_the_first_token_comes_with_the_kv(void)
{
    struct lab *l = lab_new(ENGINE_SGLANG, 160, 20, 1);
    cluster_run(&l->cfg, &l->out);
    struct finished one = together(ENGINE_SGLANG, 160, 20);
    CHECK_NEAR(l->ends[0].first_s, one.first_s + transfer_s(l, 160), 1e-9);
    /* the other 19 tokens take as long as ever */
    CHECK_NEAR(l->ends[0].last_s - l->ends[0].first_s, one.last_s - one.first_s, 1e-9);
    CU_ASSERT_EQUAL(l->replica[0], 1);
    CHECK_NEAR(l->out.handover.wait_s, transfer_s(l, 160), 1e-9);
    CU_ASSERT_EQUAL(l->out.handover.n_landed, 1);
    lab_free(l);
}

/* vLLM's decode side computes the last prompt token: the first token costs a decode step more,
 * the answer as a whole one step of context 160 more than the 19 after the prefill. */
static void on_vllm_the_first_token_takes_a_decode_step_more(void)
{
    struct lab *l = lab_new(ENGINE_VLLM, 160, 20, 1);
    cluster_run(&l->cfg, &l->out);
    struct finished one = together(ENGINE_VLLM, 160, 20);
    double step_s = l->ends[0].first_s - one.first_s - transfer_s(l, 160);
    double mean_step_s = (one.last_s - one.first_s) / 19.0;
    CU_ASSERT_TRUE(step_s > 0.0);
    CHECK_NEAR(step_s, mean_step_s, 0.02);
    CHECK_NEAR(l->ends[0].last_s - l->ends[0].first_s, one.last_s - one.first_s, 1e-9);
    lab_free(l);
}

static void prompts_and_answers_of_one_token_go_the_same_way(void)
{
    for (int kind = ENGINE_VLLM; kind <= ENGINE_TRTLLM; kind++) {
        for (int64_t output = 1; output <= 2; output++) {
            struct lab *l = lab_new((enum engine_kind)kind, 1, output, 3);
            cluster_run(&l->cfg, &l->out);
            CU_ASSERT_EQUAL(l->out.n_completed, 3);
            CU_ASSERT_EQUAL(l->out.handover.n_landed, 3);
            lab_free(l);
        }
    }
}

/* Layered, what the last step of the prompt could not hide is left: at least one layer. */
static void layered_leaves_between_the_last_layer_and_all_of_it(void)
{
    struct lab *bulk = lab_new(ENGINE_SGLANG, 160, 20, 1);
    struct lab *layered = lab_new(ENGINE_SGLANG, 160, 20, 1);
    layered->cfg.handover.mode = HANDOVER_LAYERED;
    cluster_run(&bulk->cfg, &bulk->out);
    cluster_run(&layered->cfg, &layered->out);
    double layer_s = (double)kv_bytes(&bulk->decode.kv, 160) / 4.0 / 1e6 + 0.003;
    CU_ASSERT_TRUE(layered->out.handover.wait_s < bulk->out.handover.wait_s);
    CU_ASSERT_TRUE(layered->out.handover.wait_s >= layer_s * (1.0 - 1e-9));
    CHECK_NEAR(layered->out.links[0].bytes, bulk->out.links[0].bytes, 1e-9);
    lab_free(bulk);
    lab_free(layered);
}

/* ---- pipelines
 * ----------------------------------------------------------------------------------- */

/* Prompt, transfer and answer take what the pipelines of either side take for them. */
static void a_pipeline_may_stand_on_either_side(void)
{
    for (int i = 1; i < 4; i++) {
        int stages[] = {1 + i % 2, 1 + i / 2};
        struct lab *l = lab_new(ENGINE_SGLANG, 160, 20, 1);
        lab_stages(l, stages[0], stages[1]);
        cluster_run(&l->cfg, &l->out);
        struct finished prompt = together_in_stages(ENGINE_SGLANG, 160, 20, stages[0]);
        struct finished answer = together_in_stages(ENGINE_SGLANG, 160, 20, stages[1]);
        CHECK_NEAR(l->ends[0].first_s, prompt.first_s + transfer_s(l, 160), 1e-9);
        CHECK_NEAR(l->ends[0].last_s - l->ends[0].first_s, answer.last_s - answer.first_s,
                   1e-9);
        CHECK_NEAR(l->out.links[0].bytes, (double)kv_bytes(&l->decode.kv, 160), 1e-12);
        lab_free(l);
    }
}

/* What the last stage takes for a prompt that is computed in one go. */
static double last_stage_s(const struct lab *l, int64_t prompt)
{
    struct step_cache cost;
    struct step_batch b = {.n_sample = 1};
    double stage_s[4];
    int pp = l->prefill.model->cfg.pp;
    step_cache_init(&cost, l->prefill.model, 512);
    step_add_chunk(l->prefill.model, &b, 0, prompt);
    step_stages_s(&cost, &b, 1, stage_s);
    step_cache_fini(&cost);
    return stage_s[pp - 1];
}

static struct lab *layered_lab(int prefill_pp, int decode_pp)
{
    struct lab *l = lab_new(ENGINE_SGLANG, 160, 20, 1);
    lab_stages(l, prefill_pp, decode_pp);
    l->cfg.handover.mode = HANDOVER_LAYERED;
    return l;
}

/* A slow link is still busy when the prompt is done: it began with the last stage. */
static void a_layered_transfer_begins_with_the_last_stage(void)
{
    struct lab *l = layered_lab(2, 1);
    cluster_run(&l->cfg, &l->out);
    CHECK_NEAR(l->out.handover.wait_s, transfer_s(l, 160) - last_stage_s(l, 160), 1e-9);
    lab_free(l);
}

/* A fast link has the last of four layers left to send, over the cards of one stage. */
static void the_last_layer_has_the_cards_of_one_stage(void)
{
    for (int i = 0; i < 4; i++) {
        struct lab *l = layered_lab(1 + i % 2, 1 + i / 2);
        l->cfg.handover.out_bytes_per_s = 1e10;
        l->cfg.handover.in_bytes_per_s = 0.7e10;
        cluster_run(&l->cfg, &l->out);
        double rate = fmin(1e10 / (1 + i % 2), 0.7e10 / (1 + i / 2));
        double layer_s = (double)kv_bytes(&l->decode.kv, 160) / 4.0 / rate;
        CHECK_NEAR(l->out.handover.wait_s, layer_s + 0.003, 1e-12);
        lab_free(l);
    }
}

/* ---- shared links, full pools
 * --------------------------------------------------------------------- */

/* Two prompts end together on two prefill replicas and go to one decode replica: its link of
 * 2 MB/s is what two of 1 MB/s can fill, at 1 MB/s they get half each. */
static void transfers_to_one_replica_share_its_link(void)
{
    for (int slow = 0; slow < 2; slow++) {
        struct lab *l = lab_new(ENGINE_SGLANG, 160, 20, 2);
        l->c.process = LOAD_OFFLINE;
        l->c.n_requests = 2;
        l->cfg.n_prefill = 2;
        l->prefill.api_per_token_s = 0.0;
        l->cfg.handover.in_bytes_per_s = slow ? 1e6 : 2e6;
        cluster_run(&l->cfg, &l->out);
        double alone_s = transfer_s(l, 160) - 0.003;
        CHECK_NEAR(l->out.handover.wait_s / 2.0, alone_s * (slow ? 2.0 : 1.0) + 0.003, 1e-9);
        lab_free(l);
    }
}

/* A decode replica with memory for three requests at a time: prompts wait on the prefill side,
 * whose memory fills up in turn, and all are served. */
static void a_full_decode_side_holds_the_prefill_side_back(void)
{
    struct lab *l = lab_new(ENGINE_VLLM, 160, 40, 300);
    l->c.process = LOAD_OFFLINE;
    l->c.n_requests = 300;
    l->decode.kv_bytes = kv_bytes(&l->decode.kv, 640);
    l->prefill.kv_bytes = kv_bytes(&l->decode.kv, 640);
    cluster_run(&l->cfg, &l->out);
    CU_ASSERT_EQUAL(l->out.n_completed, 300);
    CU_ASSERT_TRUE(l->out.handover.wait_s > 10.0 * 300.0 * transfer_s(l, 160) / 300.0);
    CU_ASSERT_TRUE(l->out.decode.stats.kv_max_bytes <= (double)l->decode.kv_bytes);
    CU_ASSERT_TRUE(l->out.prefill.stats.kv_max_bytes <= (double)l->prefill.kv_bytes);
    lab_free(l);
}

/* ---- any deployment
 * ------------------------------------------------------------------------------ */

static double pick(struct rng *rng, const double *from, int n)
{
    return from[rng_below(rng, (uint64_t)n)];
}

/* Other spans of attention, data-parallel ranks and pipeline stages of either side. */
static void draw_sides(struct rng *rng, struct lab *l)
{
    enum toy_spans spans = (enum toy_spans)rng_below(rng, 4);
    struct toy *toys[] = {&l->prefill_toy, &l->toy};
    struct replica_config *sides[] = {&l->prefill, &l->decode};
    for (int i = 0; i < 2; i++) {
        toy_fini(toys[i]);
        toy_init(toys[i], spans, rng_below(rng, 3) ? 1 : 2, 100000);
        sides[i]->model = toys[i]->step;
        sides[i]->kv = toys[i]->replica.kv;
        sides[i]->sched.max_seqs = rng_below(rng, 2) ? 64 : 2 + (int64_t)rng_below(rng, 10);
    }
    l->cfg.handover.kv = l->decode.kv;
    int pp[2];
    for (int i = 0; i < 2; i++) {
        int most = toys[i]->model.n_layers;
        pp[i] = rng_below(rng, 2) ? 1 : 2 + (int)rng_below(rng, (uint64_t)most - 1);
    }
    lab_stages(l, pp[0], pp[1]);
}

static struct lab *random_lab(struct rng *rng)
{
    static const double rates[] = {20.0, 100.0, 400.0};
    static const double links[] = {2e5, 2e6, 1e8};
    struct lab *l = lab_new((enum engine_kind)rng_below(rng, 3), 100, 30, 400);
    l->decode.sched.reserve_output = l->decode.sched.kind == ENGINE_TRTLLM;
    l->prefill.sched.reserve_output = l->decode.sched.reserve_output;
    draw_sides(rng, l);
    l->c.process = rng_below(rng, 2) ? LOAD_POISSON : LOAD_CLOSED;
    l->c.concurrency = 60;
    l->c.rate_rps = pick(rng, rates, 3);
    l->c.prompt = (struct dist){.kind = DIST_EXPONENTIAL, .a = 100.0};
    l->c.output = (struct dist){.kind = DIST_EXPONENTIAL, .a = 30.0};
    l->cfg.route = (enum route)rng_below(rng, ROUTE_KV_AWARE + 1);
    l->cfg.n_prefill = 1 + (int)rng_below(rng, 3);
    l->cfg.n_replicas = 1 + (int)rng_below(rng, 3);
    l->cfg.handover.mode = (enum handover_mode)rng_below(rng, 2);
    l->cfg.handover.out_bytes_per_s = pick(rng, links, 3);
    l->cfg.handover.spine_bytes_per_s = rng_below(rng, 2) ? 3e6 : 0.0;
    l->decode.kv_bytes = kv_bytes(&l->decode.kv, 1500 + (int64_t)rng_below(rng, 3000));
    l->prefill.kv_bytes = kv_bytes(&l->decode.kv, 1500 + (int64_t)rng_below(rng, 3000));
    if (rng_below(rng, 2)) { /* time for some transfers between failures */
        double mtbf_s = l->cfg.handover.out_bytes_per_s < 1e6 ? 60.0 : 3.0;
        l->cfg.failures = (struct failure_config){.mtbf_s = mtbf_s, .restart_s = 0.5};
        l->cfg.prefill_failures = (struct failure_config){.mtbf_s = mtbf_s, .restart_s = 0.3};
    }
    if (rng_below(rng, 2)) {
        l->cfg.link_failures = (struct failure_config){.mtbf_s = 4.0, .restart_s = 0.7};
        l->cfg.links_per_rank = 1 + (int)rng_below(rng, 4);
        l->cfg.prefill_links_per_rank = (int)rng_below(rng, 3);
    }
    l->cfg.load.seed = rng_below(rng, 1000);
    return l;
}

/* Replica after replica, some without time to drain; between turns there is time for some
 * transfers. */
static struct maintenance_config random_maintenance(struct rng *rng, const struct lab *l)
{
    int n_replicas = l->cfg.n_prefill + l->cfg.n_replicas;
    double between_s = l->cfg.handover.out_bytes_per_s < 1e6 ? 20.0 : 1.0;
    static const double drains_s[] = {0.0, 0.1, 2.5};
    struct maintenance_config m = {.first_s = rng_uniform(rng),
                                   .drain_s = pick(rng, drains_s, 3),
                                   .duration_s = rng_uniform(rng),
                                   .restart_s = 0.2,
                                   .prefill_restart_s = 0.1};
    m.every_s = n_replicas * (m.drain_s + m.duration_s + 0.2 + between_s);
    return m;
}

/* cluster_run itself asserts that requests and memory are conserved. */
static void nothing_is_lost_stuck_or_faster_than_its_link(void)
{
    struct rng rng;
    rng_init(&rng, 7, "handover", 0);
    int64_t failures = 0;
    int64_t link_failures = 0;
    int64_t preemptions = 0;
    int staged[2] = {0, 0};
    for (int i = 0; i < 160; i++) {
        struct lab *l = random_lab(&rng);
        cluster_run(&l->cfg, &l->out);
        CU_ASSERT_EQUAL(l->out.n_completed + l->out.n_rejected, 400);
        CU_ASSERT_TRUE(l->out.n_completed > 300);
        for (int k = 0; k < l->out.n_links; k++) {
            const struct link_use *link = &l->out.links[k];
            CU_ASSERT_TRUE(link->bytes <= link->bytes_per_s * l->out.end_s * (1.0 + 1e-9));
        }
        for (int id = 0; id < 400; id++) {
            const struct finished *f = &l->ends[id];
            CU_ASSERT_TRUE(f->outcome != OUTCOME_COMPLETED ||
                           (f->arrival_s < f->first_s && f->first_s <= f->last_s &&
                            l->replica[id] >= l->cfg.n_prefill));
        }
        failures += l->out.n_failures;
        link_failures += l->out.n_link_failures;
        preemptions += l->out.stats.n_preemptions;
        staged[0] += l->prefill.model->cfg.pp > 1;
        staged[1] += l->decode.model->cfg.pp > 1;
        lab_free(l);
    }
    CU_ASSERT_TRUE(failures > 100 && preemptions > 50 && link_failures > 100);
    CU_ASSERT_TRUE(staged[0] > 40 && staged[1] > 40);
}

static void maintenance_loses_nothing(void)
{
    struct rng rng;
    rng_init(&rng, 17, "maintenance", 0);
    int n_maintained = 0;
    int64_t failures = 0;
    int64_t retries = 0;
    for (int i = 0; i < 160; i++) {
        struct lab *l = random_lab(&rng);
        int n = l->cfg.n_prefill + l->cfg.n_replicas;
        l->cfg.maintenance = random_maintenance(&rng, l);
        cluster_run(&l->cfg, &l->out);
        CU_ASSERT_EQUAL(l->out.n_completed + l->out.n_rejected, 400);
        CU_ASSERT_TRUE(l->out.n_completed > 300);
        CU_ASSERT_TRUE(l->out.maintained_s <= l->out.end_s); /* one at a time */
        CU_ASSERT_TRUE(l->out.down_s + l->out.maintained_s <= n * l->out.end_s);
        n_maintained += l->out.maintained_s > 0.0;
        failures += l->out.n_failures;
        retries += l->out.n_retries;
        lab_free(l);
    }
    CU_ASSERT_TRUE(n_maintained > 140 && failures > 100 && retries > 1000);
}

/* ---- pools that come and go
 * --------------------------------------------------------------------- */

static struct autoscale_config random_scaling(struct rng *rng)
{
    static const double targets[] = {[SCALE_OFF] = 1.0,
                                     [SCALE_REQUESTS] = 8.0,
                                     [SCALE_KV] = 0.3,
                                     [SCALE_QUEUE] = 2.0,
                                     [SCALE_RATE] = 20.0};
    static const double cold_starts_s[] = {0.0, 0.2, 5.0};
    enum scale_metric metric = (enum scale_metric)rng_below(rng, SCALE_RATE + 1);
    return (struct autoscale_config){.metric = metric,
                                     .target = targets[metric],
                                     .min = 1 + (int)rng_below(rng, 2),
                                     .interval_s = 0.1,
                                     .cooldown_s = 0.3,
                                     .cold_start_s = pick(rng, cold_starts_s, 3)};
}

/* Provisioned: at least the least, at most the pool, and all that was worked. */
static void check_provisioned(const struct lab *l, const struct autoscale_config *scaling,
                              const struct pool_result *pool, int n)
{
    double least = scaling->metric == SCALE_OFF || scaling->min > n ? n : scaling->min;
    CU_ASSERT_TRUE(pool->replica_s >= least * l->out.end_s * (1.0 - 1e-9));
    CU_ASSERT_TRUE(pool->replica_s <= n * l->out.end_s * (1.0 + 1e-9));
    CU_ASSERT_TRUE(pool->stats.busy_s <= pool->replica_s * (1.0 + 1e-9));
}

static void pools_come_and_go_without_loss(void)
{
    struct rng rng;
    rng_init(&rng, 13, "pools", 0);
    int parked[2] = {0, 0};
    int64_t failures = 0;
    for (int i = 0; i < 120; i++) {
        struct lab *l = random_lab(&rng);
        const struct pool_result *pools[] = {&l->out.prefill, &l->out.decode};
        l->cfg.n_prefill = 1 + (int)rng_below(&rng, 4);
        l->cfg.n_replicas = 1 + (int)rng_below(&rng, 4);
        l->cfg.prefill_autoscale = random_scaling(&rng);
        l->cfg.autoscale = random_scaling(&rng);
        cluster_run(&l->cfg, &l->out);
        CU_ASSERT_EQUAL(l->out.n_completed + l->out.n_rejected, 400);
        CU_ASSERT_TRUE(l->out.n_completed > 300);
        check_provisioned(l, &l->cfg.prefill_autoscale, pools[0], l->cfg.n_prefill);
        check_provisioned(l, &l->cfg.autoscale, pools[1], l->cfg.n_replicas);
        CHECK_NEAR(l->out.replica_s, pools[0]->replica_s + pools[1]->replica_s, 1e-12);
        parked[0] += pools[0]->replica_s < l->cfg.n_prefill * l->out.end_s * 0.999;
        parked[1] += pools[1]->replica_s < l->cfg.n_replicas * l->out.end_s * 0.999;
        failures += l->out.n_failures;
        lab_free(l);
    }
    CU_ASSERT_TRUE(parked[0] > 40 && parked[1] > 40 && failures > 100);
}

/* A decode pool of four of which one stands: the others start only for what waits. */
static struct lab *cold_decode_lab(enum scale_metric metric, double target)
{
    struct lab *l = lab_new(ENGINE_SGLANG, 160, 40, 300);
    l->c.rate_rps = 60.0;
    l->decode.kv_bytes = kv_bytes(&l->decode.kv, 1280);
    l->cfg.n_replicas = 4;
    l->cfg.autoscale = (struct autoscale_config){.metric = metric,
                                                 .target = target,
                                                 .min = 1,
                                                 .interval_s = 0.2,
                                                 .cooldown_s = 1.0,
                                                 .cold_start_s = 0.2};
    return l;
}

static int most_used_replica(const struct lab *l)
{
    int most = -1;
    for (int id = 0; id < 300; id++) {
        most = l->replica[id] > most ? l->replica[id] : most;
    }
    return most;
}

static void a_cold_decode_pool_grows_by_what_it_holds_back(void)
{
    for (int queue = 0; queue < 2; queue++) {
        struct lab *l =
            queue ? cold_decode_lab(SCALE_QUEUE, 1.0) : cold_decode_lab(SCALE_REQUESTS, 8.0);
        struct lab *alone = cold_decode_lab(SCALE_REQUESTS, 1e6);
        cluster_run(&l->cfg, &l->out);
        cluster_run(&alone->cfg, &alone->out);
        CU_ASSERT_EQUAL(l->out.n_completed, 300);
        CU_ASSERT_EQUAL(alone->out.n_completed, 300);
        CU_ASSERT_EQUAL(most_used_replica(alone), 1); /* parked ones are given nothing */
        CU_ASSERT_TRUE(most_used_replica(l) > 1);
        CU_ASSERT_TRUE(l->out.end_s < alone->out.end_s);
        CHECK_NEAR(alone->out.decode.replica_s, alone->out.end_s, 1e-12);
        lab_free(l);
        lab_free(alone);
    }
}

/* ---- links that fail
 * ----------------------------------------------------------------------------- */

/* A prompt every second for five minutes, its KV 10 ms of the link out. */
static struct lab *failing_link_lab(int links_per_rank)
{
    struct lab *l = lab_new(ENGINE_SGLANG, 160, 20, 300);
    l->cfg.handover.out_bytes_per_s = (double)kv_bytes(&l->decode.kv, 160) / 0.01;
    l->cfg.handover.in_bytes_per_s = 100.0 * l->cfg.handover.out_bytes_per_s;
    l->cfg.link_failures = (struct failure_config){.mtbf_s = 40.0, .restart_s = 10.0};
    l->cfg.prefill_links_per_rank = links_per_rank;
    return l;
}

static double link_down_s(const struct lab *l)
{
    double down_s = 0.0;
    for (int i = 0; i < TIMELINE_BINS; i++) {
        down_s += l->out.timeline.bins[i].link_down_s;
    }
    return down_s;
}

/* Of the only link of a rank: what is computed while it is down waits for its repair. */
static void without_a_link_transfers_wait_for_its_repair(void)
{
    struct lab *l = failing_link_lab(1);
    cluster_run(&l->cfg, &l->out);
    CU_ASSERT_EQUAL(l->out.n_completed, 300);
    CU_ASSERT_TRUE(l->out.n_link_failures >= 2);
    CHECK_NEAR(link_down_s(l), 10.0 * (double)l->out.n_link_failures, 0.2);
    double longest_s = 0.0;
    for (int id = 0; id < 300; id++) {
        longest_s = fmax(longest_s, l->ends[id].first_s - l->ends[id].arrival_s);
    }
    CU_ASSERT_TRUE(longest_s > 9.0 && longest_s < 10.5);
    lab_free(l);
}

/* Of three decode replicas those that are cut off are given nothing: who waits was on the way
 * to one when it was cut, or all were. */
static void prompts_go_where_a_link_works(void)
{
    struct lab *l = failing_link_lab(0);
    l->cfg.links_per_rank = 1;
    l->cfg.n_replicas = 3;
    cluster_run(&l->cfg, &l->out);
    CU_ASSERT_EQUAL(l->out.n_completed, 300);
    CU_ASSERT_TRUE(l->out.n_link_failures > 10);
    int n_waited = 0;
    int n_elsewhere = 0;
    for (int id = 0; id < 300; id++) {
        n_waited += l->ends[id].first_s - l->ends[id].arrival_s > 0.5;
        n_elsewhere += l->replica[id] > 1;
    }
    CU_ASSERT_EQUAL(n_waited, 0);
    CU_ASSERT_TRUE(n_elsewhere > 10);
    lab_free(l);
}

/* Of four of a rank: transfers take 4/3 as long while one is down. */
static void the_links_that_are_left_carry_on(void)
{
    struct lab *l = failing_link_lab(4);
    struct lab *sound = failing_link_lab(4);
    sound->cfg.link_failures.mtbf_s = 0.0;
    cluster_run(&l->cfg, &l->out);
    cluster_run(&sound->cfg, &sound->out);
    CU_ASSERT_EQUAL(l->out.n_completed, 300);
    CU_ASSERT_EQUAL(sound->out.n_link_failures, 0);
    int n_slower = 0;
    int n_whole = 0; /* nothing failed during the transfer */
    for (int id = 0; id < 300; id++) {
        double more_s = l->ends[id].first_s - sound->ends[id].first_s;
        double cards_up = 4.0 / (1.0 + more_s / 0.01);
        n_slower += more_s > 1e-9;
        n_whole += fabs(cards_up - round(cards_up)) < 1e-6;
        CU_ASSERT_TRUE(cards_up > 1.0 - 1e-6 && cards_up < 4.0 + 1e-6);
    }
    CU_ASSERT_TRUE(n_slower > 30 && n_slower < 270 && n_whole > 290);
    CHECK_NEAR(l->out.links[0].bytes_per_s, l->cfg.handover.out_bytes_per_s, 1e-12);
    lab_free(l);
    lab_free(sound);
}

/* ... also when the schedulers are asked before every step. */
static void a_run_repeats_to_the_byte(void)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct lab *runs[2];
        for (int i = 0; i < 2; i++) {
            struct rng rng;
            rng_init(&rng, seed, "repeated", 0);
            runs[i] = random_lab(&rng);
            runs[i]->prefill.one_by_one = i == 1 && seed > 10;
            runs[i]->decode.one_by_one = runs[i]->prefill.one_by_one;
            cluster_run(&runs[i]->cfg, &runs[i]->out);
        }
        CU_ASSERT_EQUAL(memcmp(runs[0]->ends, runs[1]->ends, sizeof runs[0]->ends), 0);
        lab_free(runs[0]);
        lab_free(runs[1]);
    }
}

/* ---- more of something, paired by common random numbers
 * ------------------------------------------------------------------------- */

enum { N_SEEDS = 6 };
static const double SURE = 0.99;

/* What a deployment has more of. */
enum more { MORE_NOTHING, MORE_BANDWIDTH, MORE_MEMORY };

static void give_more(struct lab *l, enum more what, double factor)
{
    struct handover_config *h = &l->cfg.handover;
    if (what == MORE_BANDWIDTH) {
        h->out_bytes_per_s *= factor;
        h->in_bytes_per_s *= factor;
        h->spine_bytes_per_s *= factor;
    } else if (what == MORE_MEMORY) {
        l->decode.kv_bytes = (int64_t)((double)l->decode.kv_bytes * factor);
        l->prefill.kv_bytes = (int64_t)((double)l->prefill.kv_bytes * factor);
    }
}

/* A decode pool of one request at a time behind a link of 1 MB/s. */
static struct lab *scarce_lab(uint64_t unused)
{
    struct lab *l = lab_new(ENGINE_SGLANG, 160, 40, 300);
    (void)unused;
    l->c.process = LOAD_POISSON;
    l->c.rate_rps = 10.0;
    l->decode.kv_bytes = kv_bytes(&l->decode.kv, 250);
    return l;
}

/* Any cluster that stays up, the same for the same number. */
static struct lab *steady_lab(uint64_t number)
{
    struct rng rng;
    rng_init(&rng, number, "steady", 0);
    struct lab *l = random_lab(&rng);
    l->cfg.failures.mtbf_s = 0.0;
    l->cfg.prefill_failures.mtbf_s = 0.0;
    l->cfg.link_failures.mtbf_s = 0.0;
    return l;
}

/* ... of one replica on each side, all requests there at once. What a router sees changes with
 * what replicas can hold, and more of it may well unbalance them. */
static struct lab *single_lab(uint64_t number)
{
    struct lab *l = steady_lab(number);
    l->cfg.n_prefill = 1;
    l->cfg.n_replicas = 1;
    l->c.process = LOAD_OFFLINE;
    l->c.n_requests = 400;
    return l;
}

/* Until the last request has ended, under each seed. Not the mean time of a request: with more
 * memory more transfers share a link that would else have taken them one after another. */
static void time_seeds(struct lab *(*new_lab)(uint64_t), uint64_t number, enum more what,
                       double factor, double end_s[N_SEEDS])
{
    for (int k = 0; k < N_SEEDS; k++) {
        struct lab *l = new_lab(number);
        l->cfg.load.seed = 100 + (uint64_t)k;
        give_more(l, what, factor);
        cluster_run(&l->cfg, &l->out);
        end_s[k] = l->out.end_s;
        lab_free(l);
    }
}

/* What more of it saves. */
static struct interval saved_s(struct lab *(*new_lab)(uint64_t), uint64_t number,
                               const double *before_s, enum more what, double factor)
{
    double after_s[N_SEEDS];
    time_seeds(new_lab, number, what, factor, after_s);
    return paired_interval(before_s, after_s, N_SEEDS, SURE);
}

static void more_of_what_is_scarce_saves_time(void)
{
    double before_s[N_SEEDS];
    time_seeds(scarce_lab, 0, MORE_NOTHING, 1.0, before_s);
    CU_ASSERT_TRUE(saved_s(scarce_lab, 0, before_s, MORE_BANDWIDTH, 10.0).lo > 0.0);
    CU_ASSERT_TRUE(saved_s(scarce_lab, 0, before_s, MORE_MEMORY, 10.0).lo > 0.0);
}

/* No interval lies below 0. Some lie above it, so that the test could fail. */
static void more_bandwidth_never_slows_a_cluster_nor_memory_a_batch(void)
{
    int n_faster[] = {[MORE_BANDWIDTH] = 0, [MORE_MEMORY] = 0};
    for (uint64_t number = 0; number < 20; number++) {
        for (enum more what = MORE_BANDWIDTH; what <= MORE_MEMORY; what++) {
            double before_s[N_SEEDS];
            struct lab *(*new_lab)(uint64_t) = what == MORE_MEMORY ? single_lab : steady_lab;
            time_seeds(new_lab, number, MORE_NOTHING, 1.0, before_s);
            struct interval saved = saved_s(new_lab, number, before_s, what, 2.0);
            CU_ASSERT_TRUE(saved.hi >= 0.0);
            n_faster[what] += saved.lo > 0.0;
        }
    }
    CU_ASSERT_TRUE(n_faster[MORE_BANDWIDTH] > 10 && n_faster[MORE_MEMORY] > 1);
}

int main(void)
{
    const struct check_case cases[] = {
        {"on SGLang the first token comes with the KV",
         on_sglang_the_first_token_comes_with_the_kv},
        {"on vLLM the first token takes a decode step more",
         on_vllm_the_first_token_takes_a_decode_step_more},
        {"prompts and answers of one token go the same way",
         prompts_and_answers_of_one_token_go_the_same_way},
        {"layered leaves between the last layer and all of it",
         layered_leaves_between_the_last_layer_and_all_of_it},
        {"a pipeline may stand on either side", a_pipeline_may_stand_on_either_side},
        {"a layered transfer begins with the last stage",
         a_layered_transfer_begins_with_the_last_stage},
        {"the last layer has the cards of one stage",
         the_last_layer_has_the_cards_of_one_stage},
        {"transfers to one replica share its link", transfers_to_one_replica_share_its_link},
        {"a full decode side holds the prefill side back",
         a_full_decode_side_holds_the_prefill_side_back},
        {"nothing is lost, stuck or faster than its link",
         nothing_is_lost_stuck_or_faster_than_its_link},
        {"maintenance loses nothing", maintenance_loses_nothing},
        {"pools come and go without loss", pools_come_and_go_without_loss},
        {"a cold decode pool grows by what it holds back",
         a_cold_decode_pool_grows_by_what_it_holds_back},
        {"without a link transfers wait for its repair",
         without_a_link_transfers_wait_for_its_repair},
        {"prompts go where a link works", prompts_go_where_a_link_works},
        {"the links that are left carry on", the_links_that_are_left_carry_on},
        {"a run repeats to the byte", a_run_repeats_to_the_byte},
        {"more of what is scarce saves time", more_of_what_is_scarce_saves_time},
        {"more bandwidth never slows a cluster, nor memory a batch",
         more_bandwidth_never_slows_a_cluster_nor_memory_a_batch},
    };
    return check_main("handover", cases, sizeof cases / sizeof cases[0]);
}
