/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_comm.c - what the GPUs of a replica send one another: bytes worked by hand, the network
 * that expert dispatch crosses, and that no link carries more than it can. */
#include "sim/cost/comm.h"

#include <math.h>

#include "sim/experiment/network.h"
#include "sim/experiment/stock.h"
#include "sim/experiment/system.h"
#include "tests/check.h"

static const char *const dirs[] = {"."};
static struct arena *arena;
static struct stock *stock;

/* A deployment of the catalogue on a network shared so many times; the caller ends it. */
static void resolve_over(const char *model, const char *gpu, enum dtype weights, int tp, int pp,
                         int dp, const char *network, double oversubscription,
                         struct system *out)
{
    struct err err = {0};
    struct system_spec spec = system_spec_default();
    spec.model = model_find(arena, dirs, 1, model, &err);
    spec.gpu = gpu_find(&stock->gpus, gpu, &err);
    CU_ASSERT_TRUE_FATAL(spec.model && spec.gpu);
    CU_ASSERT_TRUE_FATAL(model_checkpoint(spec.model, weights, &spec.checkpoint, &err));
    spec.name = "";
    spec.engine = ENGINE_SGLANG;
    spec.tp = tp;
    spec.pp = pp;
    spec.dp = dp;
    spec.ep = tp * dp;
    spec.network = network;
    spec.oversubscription = oversubscription;
    bool ok = system_resolve(stock, &spec, out, &err);
    if (!ok || !out->step) {
        fprintf(stderr, "%s: %s %s\n", model, err.text, out->footprint.reason);
    }
    CU_ASSERT_TRUE_FATAL(ok && out->step);
}

static void resolve(const char *model, const char *gpu, enum dtype weights, int tp, int pp,
                    int dp, const char *network, struct system *out)
{
    resolve_over(model, gpu, weights, tp, pp, dp, network, 1.0, out);
}

/* One step of n decodes on each rank, context 1000: its time, and the bytes it counts. */
static double one_step(const struct system *s, int64_t n, double *bytes)
{
    struct step_batch b[64] = {{.n_decode = n, .n_sample = n}};
    struct step_cache cache;
    for (int i = 0; i < s->step->n_spans; i++) {
        b[0].ctx_tokens[i] = (double)n * span_tokens(&s->step->spans[i], 1000);
    }
    for (int r = 1; r < s->spec.dp; r++) {
        b[r] = b[0];
    }
    step_cache_init(&cache, s->step, 1024);
    double t = step_time_s(&cache, b, s->spec.dp);
    comm_bytes(&cache, bytes);
    step_cache_fini(&cache);
    return t;
}

/* 80 layers: 160 all-reduces and the embedding's, 2 x 8192 x 104 bytes each, once up and once
 * down the switch that adds up; 3/4 of the logits, 2 x 128,256 x 104 bytes. */
static void tensor_parallel_bytes_are_those_worked_by_hand(void)
{
    struct system s;
    double bytes[COMM_N];
    resolve("llama-3.1-70b", "h100-sxm", DTYPE_BF16, 4, 1, 1, "", &s);
    one_step(&s, 104, bytes);
    CHECK_NEAR(bytes[COMM_TENSOR], 161.0 * 1703936.0 + 0.75 * 26677248.0, 1e-12);
    for (int i = 0; i < COMM_N; i++) {
        CU_ASSERT_TRUE(i == COMM_TENSOR || bytes[i] == 0.0);
    }
    system_fini(&s);
    /* PCIe adds nothing up: 2 x 3/4 of each */
    resolve("llama-3.1-70b", "l40s", DTYPE_FP8, 4, 1, 1, "", &s);
    one_step(&s, 104, bytes);
    CHECK_NEAR(bytes[COMM_TENSOR], 161.0 * 1.5 * 1703936.0 + 0.75 * 26677248.0, 1e-12);
    system_fini(&s);
}

/* 16 H200 are two nodes. 58 of 61 layers have experts; of a token's 8 copies half go to the
 * other node (low latency), 7168 x (1 + 4/128) + 16 bytes there and 2 x 7168 back; 24 tokens a
 * GPU. */
static void dispatch_between_nodes_counts_copies_over_the_network(void)
{
    struct system s;
    double bytes[COMM_N];
    resolve("deepseek-v3", "h200-sxm", DTYPE_FP8, 1, 1, 16, "", &s);
    one_step(&s, 24, bytes);
    CHECK_NEAR(bytes[COMM_EXPERTS_NETWORK], 58.0 * 24.0 * 4.0 * (7408.0 + 14336.0), 1e-12);
    CU_ASSERT_EQUAL(bytes[COMM_EXPERTS], 0.0);
    CU_ASSERT_EQUAL(bytes[COMM_TENSOR], 0.0);
    system_fini(&s);
    /* eight in one node gather and scatter over NVLink: 7/8 of 2 x 7168 x 192 bytes, twice */
    resolve("deepseek-v3", "h200-sxm", DTYPE_FP8, 1, 1, 8, "", &s);
    one_step(&s, 24, bytes);
    CHECK_NEAR(bytes[COMM_EXPERTS], 58.0 * 2.0 * 0.875 * 2.0 * 7168.0 * 192.0, 1e-12);
    CU_ASSERT_EQUAL(bytes[COMM_EXPERTS_NETWORK], 0.0);
    system_fini(&s);
}

/* Two stages over two nodes: a GPU of the first sends two messages of 2 x 8192 / 8 bytes a
 * token, one of the second none: on average half of 104 x 4096 bytes. */
static void hops_are_counted_on_the_link_they_cross(void)
{
    struct system s;
    struct step_batch b = {.n_decode = 104, .n_sample = 104, .ctx_tokens = {1e5}};
    struct step_cache cache;
    double stage_s[2];
    double bytes[COMM_N];
    resolve("llama-3.1-70b", "h100-sxm", DTYPE_BF16, 8, 2, 1, "", &s);
    step_cache_init(&cache, s.step, 1024);
    step_stages_s(&cache, &b, 1, stage_s);
    comm_bytes(&cache, bytes);
    CHECK_NEAR(bytes[COMM_STAGES_NETWORK], 0.5 * 104.0 * 4096.0, 1e-12);
    CU_ASSERT_EQUAL(bytes[COMM_STAGES], 0.0);
    CU_ASSERT_TRUE(bytes[COMM_TENSOR] > 0.0);
    step_cache_fini(&cache);
    system_fini(&s);
}

/* The library was measured over 400 Gbit/s: a network of half that takes twice as long for the
 * bytes, and as long for the rest. */
static void dispatch_slows_with_the_network_between_nodes(void)
{
    static const char *const networks[] = {"", "ib-ndr-400g", "ib-hdr-200g", "roce-100g"};
    double t[4];
    double bytes[COMM_N];
    for (int i = 0; i < 4; i++) {
        struct system s;
        resolve("deepseek-v3", "h200-sxm", DTYPE_FP8, 1, 1, 16, networks[i], &s);
        t[i] = one_step(&s, 200, bytes);
        system_fini(&s);
    }
    CHECK_NEAR(t[1], t[0], 1e-12); /* the nodes of the catalogue have 400 Gbit/s a GPU */
    CU_ASSERT_TRUE(t[2] > t[1] && t[3] > t[2]);
    /* reachable 0.9 of 25, 0.85 of 12.5 and 0.93 of 50 GB/s */
    double at_200 = 46.5 / 22.5 - 1.0;
    double at_100 = 46.5 / 10.625 - 1.0;
    CHECK_NEAR((t[3] - t[1]) / (t[2] - t[1]), at_100 / at_200, 1e-6);
}

/* The time for the bytes is multiplied: twice and four times as long are one and three times
 * more. Inside one server there is no network to share. */
static void dispatch_slows_with_an_oversubscribed_network(void)
{
    static const double over[] = {1.0, 2.0, 4.0};
    double t[3];
    double inside[3];
    double bytes[COMM_N];
    for (int i = 0; i < 3; i++) {
        struct system s;
        resolve_over("deepseek-v3", "h200-sxm", DTYPE_FP8, 1, 1, 16, "ib-ndr-400g", over[i],
                     &s);
        t[i] = one_step(&s, 200, bytes);
        system_fini(&s);
        resolve_over("deepseek-v3", "h200-sxm", DTYPE_FP8, 1, 1, 8, "ib-ndr-400g", over[i], &s);
        inside[i] = one_step(&s, 20, bytes);
        system_fini(&s);
    }
    CU_ASSERT_TRUE(t[1] > t[0]);
    CHECK_NEAR((t[2] - t[0]) / (t[1] - t[0]), 3.0, 1e-6);
    CU_ASSERT_TRUE(inside[1] == inside[0] && inside[2] == inside[0]);
}

static void no_link_carries_more_than_its_bandwidth(void)
{
    static const struct {
        const char *model, *gpu;
        enum dtype weights;
        int tp, pp, dp;
    } cases[] = {
        {"llama-3.1-70b", "h100-sxm", DTYPE_BF16, 8, 1, 1},
        {"llama-3.1-70b", "l40s", DTYPE_FP8, 4, 1, 1},
        {"llama-3.1-8b", "mi300x", DTYPE_BF16, 4, 1, 1},
        {"deepseek-v3", "h200-sxm", DTYPE_FP8, 1, 1, 8},
        {"deepseek-v3", "h200-sxm", DTYPE_FP8, 1, 1, 32},
        {"deepseek-v3", "gb200", DTYPE_FP8, 1, 1, 16},
        {"qwen3-30b-a3b", "b200", DTYPE_BF16, 2, 1, 2},
    };
    static const int64_t sizes[] = {1, 16, 128, 1000};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct system s;
        resolve(cases[i].model, cases[i].gpu, cases[i].weights, cases[i].tp, cases[i].pp,
                cases[i].dp, "", &s);
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            double bytes[COMM_N];
            double t = one_step(&s, sizes[k], bytes);
            double up = network_port_use(&s.ports, false, bytes, t);
            double out = network_port_use(&s.ports, true, bytes, t);
            CU_ASSERT_TRUE(!(up >= 1.0) && !(out >= 1.0));
            CU_ASSERT_TRUE(up > 0.0 || out > 0.0);
        }
        system_fini(&s);
    }
}

int main(void)
{
    static const struct check_case cases[] = {
        {"tensor-parallel bytes are those worked by hand",
         tensor_parallel_bytes_are_those_worked_by_hand},
        {"dispatch between nodes counts copies over the network",
         dispatch_between_nodes_counts_copies_over_the_network},
        {"hops are counted on the link they cross", hops_are_counted_on_the_link_they_cross},
        {"dispatch slows with the network between nodes",
         dispatch_slows_with_the_network_between_nodes},
        {"dispatch slows with an oversubscribed network",
         dispatch_slows_with_an_oversubscribed_network},
        {"no link carries more than its bandwidth", no_link_carries_more_than_its_bandwidth},
    };
    struct err err = {0};
    arena = arena_new();
    stock = stock_load(arena, dirs, 1, &err);
    int failed = stock ? check_main("comm", cases, sizeof cases / sizeof *cases) : 1;
    arena_free(arena);
    return failed;
}
