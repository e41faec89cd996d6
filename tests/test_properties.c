/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_properties.c - what must hold in every run, over random engines, models, loads and
 * shortages: skipping steps changes no result, nothing is lost (turns of conversations and
 * failing replicas included), time goes forward, work fits into busy time. */
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"
#include "sim/experiment/system.h"
#include "tests/check.h"
#include "tests/toy.h"

/* ---- one random case
 * ---------------------------------------------------------------------------- */

enum { N_TRACE = 60, MAX_HASHES = 8 };

struct scene {
    struct toy toy;
    struct load_class classes[3];
    struct class_rules rules[3];
    struct cluster_config cfg;
    struct trace trace;
    struct trace_row rows[N_TRACE];
    int64_t hashes[N_TRACE][MAX_HASHES];
};

static int64_t between(struct rng *rng, int64_t lo, int64_t hi)
{
    return lo + (int64_t)rng_below(rng, (uint64_t)(hi - lo + 1));
}

static struct dist draw_lengths(struct rng *rng, double most)
{
    switch (rng_below(rng, 3)) {
    case 0:
        return (struct dist){.kind = DIST_CONSTANT,
                             .a = (double)between(rng, 1, (int64_t)most)};
    case 1:
        return (struct dist){.kind = DIST_UNIFORM, .a = 1.0, .b = most};
    default:
        return (struct dist){.kind = DIST_EXPONENTIAL, .a = most / 3.0, .max = most};
    }
}

/* Prompts that are paths through a tree, as conversations that share their beginnings. */
static void draw_trace(struct rng *rng, struct scene *s)
{
    double at = 0.0;
    for (int i = 0; i < N_TRACE; i++) {
        struct trace_row *row = &s->rows[i];
        int64_t n = between(rng, 1, MAX_HASHES);
        int64_t last = between(rng, 1, 32);
        uint64_t id = 1;
        for (int64_t k = 0; k < n; k++) {
            bool end = k == n - 1;
            id = rng_hash(id * 5 + rng_below(rng, 2) + (end ? 100 * (uint64_t)last : 0)) >> 1;
            s->hashes[i][k] = (int64_t)id;
        }
        at += rng_below(rng, 3) ? rng_exponential(rng, 0.02) : 0.0;
        *row = (struct trace_row){.time_s = at,
                                  .prompt_tokens = (n - 1) * 32 + last,
                                  .output_tokens = between(rng, 1, 60),
                                  .hashes = s->hashes[i],
                                  .n_hashes = (int32_t)n};
    }
    s->trace = (struct trace){
        .rows = s->rows, .n = N_TRACE, .hash_tokens = 32, .duration_s = at + 0.01};
}

static void draw_class(struct rng *rng, struct scene *s, int i, bool offline)
{
    static const char *const names[] = {"a", "b", "c"};
    static const enum load_process open[] = {LOAD_POISSON, LOAD_GAMMA,  LOAD_WEIBULL,
                                             LOAD_MMPP,    LOAD_CLOSED, LOAD_CONSTANT,
                                             LOAD_CLOSED,  LOAD_TRACE};
    struct load_class *c = &s->classes[i];
    *c = toy_class(offline ? LOAD_OFFLINE : open[rng_below(rng, 8)], 1, 1);
    c->name = names[i];
    c->rate_rps = (double)between(rng, 5, 300);
    c->cv = 0.5 + 2.0 * rng_uniform(rng);
    c->burst_ratio = 4.0;
    c->burst_share_frac = 0.2;
    c->burst_length_s = 0.3;
    c->concurrency = between(rng, 1, 30);
    c->think_s = rng_below(rng, 2) ? 0.0 : 0.05 * rng_uniform(rng);
    c->trace = &s->trace;
    c->trace_repeat = between(rng, 1, 3);
    c->prompt = draw_lengths(rng, (double)between(rng, 2, 300));
    c->output = draw_lengths(rng, (double)between(rng, 1, 150));
    if (rng_below(rng, 2)) {
        c->shared_tokens = between(rng, 1, 120);
        c->groups = between(rng, 1, 5);
    }
    c->prompt_pool = rng_below(rng, 3) == 0 ? between(rng, 1, 20) : 0;
    c->turns = rng_below(rng, 3) ? 0.0 : 1.0 + 4.0 * rng_uniform(rng);
    c->turn_think_s = 0.2 * rng_uniform(rng);
    c->n_requests = between(rng, 10, 120);
    s->rules[i].timeout_s = rng_below(rng, 3) ? 0.0 : 0.2 * rng_uniform(rng);
    s->rules[i].priority = (int32_t)rng_below(rng, 3);
}

static void draw_sched(struct rng *rng, struct sched_config *s)
{
    s->kind = (enum engine_kind)rng_below(rng, ENGINE_N_KINDS);
    s->max_batched_tokens = between(rng, 20, 400);
    s->max_seqs = between(rng, 1, rng_below(rng, 2) ? 8 : 60);
    s->max_model_len = rng_below(rng, 4) ? 1000 : 200;
    s->reserve_output = s->kind == ENGINE_TRTLLM && rng_below(rng, 3) > 0;
    s->async = rng_below(rng, 2) == 0;
    s->recv_interval = s->kind == ENGINE_SGLANG && rng_below(rng, 2) ? between(rng, 2, 12) : 1;
    s->wait_iters = s->kind == ENGINE_TRTLLM && rng_below(rng, 2) ? between(rng, 1, 20) : 0;
    s->wait_ratio = 0.2 + 0.8 * rng_uniform(rng);
    s->by_priority = rng_below(rng, 4) == 0;
    s->max_queue = rng_below(rng, 4) ? 0 : between(rng, 1, 30);
}

static void draw_scene(uint64_t seed, struct scene *s)
{
    struct rng rng;
    rng_init(&rng, seed, "scene", 0);
    memset(s, 0, sizeof *s);
    enum toy_spans spans = (enum toy_spans)rng_below(&rng, 4);
    int dp = (int)(rng_below(&rng, 3) ? 1 : between(&rng, 2, 4));
    toy_init(&s->toy, spans, dp, between(&rng, 150, 2500));
    struct replica_config *r = &s->toy.replica;
    draw_sched(&rng, &r->sched);
    bool freed = rng_below(&rng, 4) > 0;
    kv_layout_init(&r->kv, &s->toy.model, DTYPE_BF16, 1, TOY_BLOCK_TOKENS, freed);
    r->reuse = rng_below(&rng, 3) > 0;
    for (int i = 0; i < TIER_N && rng_below(&rng, 3) > 0; i++) {
        r->tiers[i] = (struct tier_config){.capacity_bytes = between(&rng, 1, 200) * 4096,
                                           .bytes_per_s = 1e7 * (double)between(&rng, 1, 100),
                                           .latency_s = 1e-5};
    }
    r->tier_load = (enum tier_load)rng_below(&rng, 3);
    r->api_s = rng_below(&rng, 2) ? 0.0 : 0.002;
    r->api_per_token_s = rng_below(&rng, 2) ? 0.0 : 2e-5;
    draw_trace(&rng, s);
    int n_classes = (int)between(&rng, 1, 3);
    bool offline = rng_below(&rng, 6) == 0;
    for (int i = 0; i < n_classes; i++) {
        draw_class(&rng, s, i, offline);
    }
    s->cfg = (struct cluster_config){
        .replica = r,
        .n_replicas = (int)between(&rng, 1, 4),
        .route = (enum route)rng_below(&rng, ROUTE_KV_AWARE + 1),
        .load = {.classes = s->classes, .n_classes = n_classes, .seed = seed, .replication = 1},
        .limits = toy_limits,
        .rules = s->rules,
    };
    if (rng_below(&rng, 3) == 0) {
        s->cfg.failures = (struct failure_config){.mtbf_s = 0.1 + rng_uniform(&rng),
                                                  .restart_s = 0.2 * rng_uniform(&rng),
                                                  .permanent_frac = 0.2,
                                                  .replace_s = 0.5};
    }
    if (rng_below(&rng, 4) == 0) {
        double each_s = 0.05 + 0.3 * rng_uniform(&rng);
        s->cfg.maintenance = (struct maintenance_config){.every_s = 4.0 * (3.0 * each_s + 0.5),
                                                         .first_s = 0.2,
                                                         .drain_s = each_s,
                                                         .duration_s = each_s,
                                                         .restart_s = 0.5 * each_s};
    }
    if (rng_below(&rng, 3) == 0) {
        toy_stages(&s->toy, (int)between(&rng, 2, s->toy.model.n_layers));
    }
}

/* ---- what a run leaves behind
 * --------------------------------------------------------------------- */

/* Every per-request record as bytes, and the record's own checks. */
struct record {
    unsigned char *bytes;
    int n, cap;
    int64_t n_ends;
    bool sane;
};

static void put(struct record *r, const void *value, size_t n)
{
    ARRAY_RESERVE(r->bytes, r->cap, r->n + (int)n);
    memcpy(&r->bytes[r->n], value, n);
    r->n += (int)n;
}

static void keep(void *ctx, int64_t id, int replica, const struct finished *f, const char *why)
{
    struct record *r = ctx;
    double times[4] = {f->arrival_s, f->scheduled_s, f->first_s, f->last_s};
    int64_t counts[7] = {id,
                         replica,
                         f->class_idx,
                         f->prompt_tokens,
                         f->output_tokens,
                         f->hit_tokens,
                         f->tier_tokens};
    put(r, times, sizeof times);
    put(r, counts, sizeof counts);
    put(r, why, strlen(why) + 1);
    r->n_ends++;
    bool completed = f->outcome == OUTCOME_COMPLETED;
    r->sane =
        r->sane &&
        (completed ? f->arrival_s <= f->scheduled_s && f->scheduled_s < f->first_s &&
                         f->first_s <= f->last_s &&
                         (f->output_tokens == 1) == (f->first_s == f->last_s) &&
                         f->hit_tokens < f->prompt_tokens && f->tier_tokens <= f->hit_tokens
                   : why[0] != '\0');
}

static void run(struct scene *s, bool one_by_one, struct record *rec,
                struct cluster_result *out)
{
    *rec = (struct record){.sane = true};
    s->toy.replica.one_by_one = one_by_one;
    s->cfg.sink = keep;
    s->cfg.sink_ctx = rec;
    cluster_run(&s->cfg, out);
}

static bool same_bytes(const void *a, const void *b, size_t n)
{
    return memcmp(a, b, n) == 0;
}

static bool same_result(const struct cluster_result *a, const struct cluster_result *b)
{
    struct class_summary *x = xcalloc(8, sizeof *x);
    int n = a->metrics.n_classes + 1;
    metrics_summary(&a->metrics, 0, x);
    metrics_summary(&b->metrics, 0, x + 4);
    bool same = same_bytes(x, x + 4, (size_t)n * sizeof *x) &&
                same_bytes(&a->timeline, &b->timeline, sizeof a->timeline) &&
                same_bytes(&a->stats, &b->stats, sizeof a->stats) &&
                same_bytes(a->parts_s, b->parts_s, sizeof a->parts_s) &&
                same_bytes(&a->work, &b->work, sizeof a->work) && a->end_s == b->end_s &&
                a->n_offered == b->n_offered && a->n_completed == b->n_completed &&
                a->n_rejected == b->n_rejected && a->n_failed == b->n_failed &&
                a->n_events == b->n_events && a->stable == b->stable &&
                a->n_failures == b->n_failures && a->n_retries == b->n_retries &&
                a->down_s == b->down_s && a->maintained_s == b->maintained_s;
    free(x);
    return same;
}

static int64_t limits_sum(const struct scene *s)
{
    int64_t n = 0;
    for (int i = 0; i < s->cfg.load.n_classes; i++) {
        const struct load_class *c = &s->classes[i];
        int64_t most = c->process == LOAD_TRACE ? N_TRACE * c->trace_repeat : c->n_requests;
        n += most < c->n_requests ? most : c->n_requests;
    }
    return n;
}

enum { N_SCENES = 400 };

/* Counts what the scenes reached, so that a change of the generator cannot empty the test. */
struct reached {
    int64_t preemptions, rejected, hits, tier_hits, multi_rank, failures, turns, timeouts,
        staged, staged_tier_hits, maintained;
};

/* Every token after the first of a request is one gap, and the gaps add up to last - first. */
static bool gaps_add_up(const struct cluster_result *r)
{
    struct class_summary sum[4];
    struct histo itl;
    struct histo e2e;
    struct histo ttft;
    metrics_summary(&r->metrics, 0, sum);
    metrics_histo(&r->metrics, 0, -1, LAT_ITL, &itl);
    metrics_histo(&r->metrics, 0, -1, LAT_E2E, &e2e);
    metrics_histo(&r->metrics, 0, -1, LAT_TTFT, &ttft);
    const struct class_summary *all = &sum[r->metrics.n_classes];
    bool ok = (double)itl.n == all->output_tokens - (double)all->n_completed &&
              fabs(itl.sum - (e2e.sum - ttft.sum)) <= 1e-9 * e2e.sum &&
              r->stats.output_tokens == all->output_tokens;
    histo_fini(&itl);
    histo_fini(&e2e);
    histo_fini(&ttft);
    return ok;
}

static bool floor_holds(const struct cluster_result *r)
{
    return r->work.memory_s <= r->stats.busy_s && r->work.compute_s <= r->stats.busy_s;
}

/* No link carried more than its bandwidth in the time in which steps ran. */
static bool links_hold(const struct system *sys, const struct cluster_result *r)
{
    double busy_s = r->decode.stats.busy_s;
    return !(network_port_use(&sys->ports, false, r->decode.comm_bytes, busy_s) > 1.0) &&
           !(network_port_use(&sys->ports, true, r->decode.comm_bytes, busy_s) > 1.0);
}

static void count_reached(const struct scene *s, const struct cluster_result *r,
                          struct reached *got)
{
    struct class_summary sum[4];
    metrics_summary(&r->metrics, 0, sum);
    got->hits += sum[s->cfg.load.n_classes].hit_tokens > 0.0;
    got->tier_hits += sum[s->cfg.load.n_classes].tier_tokens > 0.0;
    got->preemptions += r->stats.n_preemptions > 0;
    got->rejected += r->n_rejected > 0;
    got->multi_rank += s->toy.step->cfg.dp > 1;
    bool staged = s->toy.step->cfg.pp > 1;
    got->staged += staged;
    got->staged_tier_hits += staged && sum[s->cfg.load.n_classes].tier_tokens > 0.0;
    got->failures += r->n_failures > 0;
    got->maintained += r->maintained_s > 0.0;
    got->turns += s->classes[0].turns > 1.0;
    got->timeouts += r->n_failed > 0;
}

static void check_scene(uint64_t seed, struct scene *s, struct reached *got)
{
    struct record fast_rec;
    struct record slow_rec;
    struct cluster_result fast;
    struct cluster_result slow;
    draw_scene(seed, s);
    run(s, false, &fast_rec, &fast);
    run(s, true, &slow_rec, &slow);
    bool same = fast_rec.n == slow_rec.n &&
                same_bytes(fast_rec.bytes, slow_rec.bytes, (size_t)fast_rec.n) &&
                same_result(&fast, &slow);
    bool whole = fast.n_completed + fast.n_rejected + fast.n_failed == fast.n_offered &&
                 fast_rec.n_ends == fast.n_offered && fast.n_offered == limits_sum(s);
    bool gaps = gaps_add_up(&fast);
    bool reserved = s->toy.replica.sched.reserve_output && fast.n_failures == 0;
    bool fits = fast.stats.kv_max_bytes <= fast.kv_capacity_bytes &&
                (!reserved || fast.stats.n_preemptions == 0);
    if (!same || !whole || !fast_rec.sane || !gaps || !fits || !floor_holds(&fast)) {
        fprintf(stderr, "scene %d (%s): same %d whole %d sane %d gaps %d fits %d floor %d\n",
                (int)seed, scheduler_of(&s->toy.replica.sched)->name, same, whole,
                fast_rec.sane, gaps, fits, floor_holds(&fast));
        CU_FAIL("scene");
    }
    count_reached(s, &fast, got);
    cluster_result_fini(&fast);
    cluster_result_fini(&slow);
    free(fast_rec.bytes);
    free(slow_rec.bytes);
    toy_fini(&s->toy);
}

static void skipping_steps_changes_no_result_and_nothing_is_lost(void)
{
    static const uint64_t once_wrong[] = {435, 10582};
    struct reached got = {0};
    struct scene *s = xmalloc(sizeof *s);
    for (uint64_t seed = 1; seed <= N_SCENES; seed++) {
        check_scene(seed, s, &got);
    }
    for (size_t i = 0; i < sizeof once_wrong / sizeof *once_wrong; i++) {
        check_scene(once_wrong[i], s, &got);
    }
    CU_ASSERT_TRUE(got.preemptions > N_SCENES / 10);
    CU_ASSERT_TRUE(got.rejected > N_SCENES / 20);
    CU_ASSERT_TRUE(got.hits > N_SCENES / 5);
    CU_ASSERT_TRUE(got.tier_hits > N_SCENES / 20);
    CU_ASSERT_TRUE(got.multi_rank > N_SCENES / 5);
    CU_ASSERT_TRUE(got.staged > N_SCENES / 5);
    CU_ASSERT_TRUE(got.staged_tier_hits > 5);
    CU_ASSERT_TRUE(got.failures > N_SCENES / 10);
    CU_ASSERT_TRUE(got.maintained > N_SCENES / 10);
    CU_ASSERT_TRUE(got.turns > N_SCENES / 5);
    CU_ASSERT_TRUE(got.timeouts > N_SCENES / 10);
    free(s);
}

/* ---- real systems
 * ----------------------------------------------------------------------------------- */

/* A random deployment of the catalogue; false when it does not exist or does not fit. */
static bool draw_system(struct rng *rng, struct arena *arena, const struct stock *stock,
                        struct system *sys, struct err *err)
{
    static const char *const models[] = {"llama-3.1-8b",  "llama-4-scout", "gpt-oss-120b",
                                         "deepseek-v3.2", "gemma-3-27b",   "qwen3-235b-a22b"};
    static const char *const gpus[] = {"h100-sxm",      "h200-sxm", "b200",
                                       "a100-sxm-80gb", "mi300x",   "l40s"};
    static const char *const dirs[] = {"."};
    const char *model = models[rng_below(rng, 6)];
    const char *gpu = gpus[rng_below(rng, 6)];
    struct system_spec spec = system_spec_default();
    spec.engine = (enum engine_kind)rng_below(rng, 3);
    spec.tp = 1 << rng_below(rng, 4);
    spec.max_model_len = 16384;
    spec.model = model_find(arena, dirs, 1, model, err);
    spec.gpu = gpu_find(&stock->gpus, gpu, err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(spec.model);
    CU_ASSERT_PTR_NOT_NULL_FATAL(spec.gpu);
    enum dtype weights = rng_below(rng, 2) ? DTYPE_AUTO : DTYPE_FP8;
    return model_checkpoint(spec.model, weights, &spec.checkpoint, err) &&
           system_resolve(stock, &spec, sys, err) && sys->step != NULL;
}

static void no_system_beats_the_physical_floor(void)
{
    static const char *const dirs[] = {"."};
    struct arena *arena = arena_new();
    struct err err = {0};
    struct stock *stock = stock_load(arena, dirs, 1, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(stock);
    struct rng rng;
    rng_init(&rng, 4, "systems", 0);
    int n = 0;
    for (int i = 0; i < 60; i++) {
        struct system sys = {0};
        struct cluster_result r;
        err = (struct err){0};
        if (draw_system(&rng, arena, stock, &sys, &err)) {
            struct load_class c = toy_class(LOAD_CLOSED, between(&rng, 50, 4000), 1);
            c.output = (struct dist){.kind = DIST_UNIFORM, .a = 1.0, .b = 300.0};
            c.concurrency = between(&rng, 1, 100);
            struct cluster_config cfg = {
                .replica = &sys.replica,
                .n_replicas = 1,
                .load = {.classes = &c, .n_classes = 1, .n_requests = 100, .seed = 1},
                .limits = toy_limits};
            cluster_run(&cfg, &r);
            if (!floor_holds(&r) || !(r.work.memory_s > 0.0) || !links_hold(&sys, &r)) {
                fprintf(stderr, "%s on %s: memory %g compute %g busy %g\n",
                        sys.spec.model->name, sys.spec.gpu->name, r.work.memory_s,
                        r.work.compute_s, r.stats.busy_s);
                CU_FAIL("floor");
            }
            cluster_result_fini(&r);
            n++;
        }
        system_fini(&sys);
    }
    CU_ASSERT_TRUE(n >= 20);
    arena_free(arena);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"skipping steps changes no result, nothing is lost",
         skipping_steps_changes_no_result_and_nothing_is_lost},
        {"no system beats the physical floor", no_system_beats_the_physical_floor},
    };
    return check_main("properties", cases, (int)(sizeof cases / sizeof *cases));
}
