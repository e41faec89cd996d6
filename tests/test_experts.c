/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_experts.c - popularity, placement, drift and the table of the slowest rank: against
 * measured imbalance of DeepSeek-R1, published simulations, brute force and measured kernels
 * under skewed loads (tests/data/moe_skew.csv). */
#include "sim/cost/experts.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hardware/kernel.h"
#include "sim/base/csvio.h"
#include "sim/core/rng.h"
#include "sim/cost/moe.h"
#include "sim/cost/routings.h"
#include "tests/check.h"

/* Tokens of the group at which DeepSeek-R1 was measured: 1024 rows per rank, EP32, top-8. */
static const double R1_TOKENS = 4096.0;

static struct experts_config r1(int ep, int n_redundant)
{
    struct experts_config c = experts_config_default(256, 8, ep, 1.0);
    c.n_layers = 58;
    c.n_redundant = n_redundant;
    return c;
}

static struct experts_point point_of(const struct experts_config *c, double tokens)
{
    struct experts_table t;
    struct experts_point p;
    experts_table_build(c, &t);
    experts_table_at(&t, tokens, &p);
    return p;
}

static double static_imbalance(const struct experts_config *c)
{
    struct experts_table t;
    experts_table_build(c, &t);
    return t.static_imbalance;
}

/* NVIDIA/TensorRT-LLM tech blog 4, table 1: 32 GB200, EP32, sigma fitted to nothing else. */
static void deepseek_r1_without_spare_slots_is_as_uneven_as_measured(void)
{
    struct experts_config c = r1(32, 0);
    CHECK_NEAR(point_of(&c, R1_TOKENS).imbalance, 2.564, 0.10);
}

/* Measured per layer: 1.46 (layers 3 to 5) to 3.46 (layer 58). */
static void layers_differ_as_much_as_measured(void)
{
    struct experts_config c = r1(32, 0);
    struct experts_point p = point_of(&c, R1_TOKENS);
    CU_ASSERT_TRUE(p.imbalance_q[0] > 1.4 && p.imbalance_q[0] < 2.0);
    CU_ASSERT_TRUE(p.imbalance_q[2] > 2.8 && p.imbalance_q[2] < 4.0);
    double lo = INFINITY;
    double hi = 0.0;
    for (int l = 0; l < 58; l++) {
        lo = fmin(lo, experts_sigma(&c, l));
        hi = fmax(hi, experts_sigma(&c, l));
    }
    CU_ASSERT_TRUE(lo > 0.4 && lo < 0.6 && hi > 1.35 && hi < 1.65);
}

static void spare_slots_and_perfect_statistics_make_ranks_even(void)
{
    struct experts_config c = r1(32, 32);
    double even = static_imbalance(&c);
    CU_ASSERT_TRUE(even >= 1.0 && even <= 1.03);
    c.ep = 36;
    even = static_imbalance(&c);
    CU_ASSERT_TRUE(even >= 1.0 && even <= 1.03);
}

/* 1.109 at EP32 and 1.115 at EP36: neither noise nor drift alone gets there. */
static void the_measured_rest_needs_noise_and_drift(void)
{
    struct experts_config c = r1(32, 32);
    double noise = point_of(&c, R1_TOKENS).imbalance;
    c.drift_s = 600.0;
    double drift = static_imbalance(&c);
    double both = point_of(&c, R1_TOKENS).imbalance;
    CU_ASSERT_TRUE(noise > 1.03 && noise < 1.08);
    CU_ASSERT_TRUE(drift > 1.05 && drift < 1.109);
    CU_ASSERT_TRUE(both > noise && both > drift);
    CHECK_NEAR(both, 1.109, 0.02);
    c.ep = 36;
    CHECK_NEAR(point_of(&c, R1_TOKENS).imbalance, 1.115, 0.02);
}

static void statistics_age_with_the_rebalancing_period(void)
{
    struct experts_config c = r1(32, 32);
    c.drift_s = 600.0;
    c.drift_share_frac = 1.0;
    double before = 1.0;
    static const double periods_s[] = {1.0, 60.0, 600.0, 6000.0};
    for (int i = 0; i < 4; i++) {
        c.rebalance_s = periods_s[i];
        double now = static_imbalance(&c);
        CU_ASSERT_TRUE(now > before);
        before = now;
    }
    c.rebalance_s = 0.0; /* placed long ago: as good as at random */
    struct experts_config random = r1(32, 0);
    CHECK_NEAR(static_imbalance(&c), static_imbalance(&random), 0.12);
}

static void statistics_of_the_other_phase_serve_less_well(void)
{
    struct experts_config c = r1(32, 32);
    double own = static_imbalance(&c);
    c.phase_corr = 0.9;
    CU_ASSERT_TRUE(static_imbalance(&c) > own + 0.1);
}

/* cost-model.md section 3, simulated slowest rank / mean, E 256, top-8, Zipf popularity: in
 * order, EPLB without spare slots, with (32 up to EP32, then one per rank). Not compared: spare
 * slots at s = 1 and many tokens, where that packing leaves 1.13 and this one 1.03. */
static void the_published_simulation_comes_back(void)
{
    static const struct {
        int ep;
        double exponent;
        int placing; /* 0 in order, 1 by load, 2 with spare slots */
        double tokens, imbalance;
    } rows[] = {
        {8, 0.0, 0, 64, 1.19},    {8, 0.0, 0, 1024, 1.04},  {8, 0.0, 0, 16384, 1.01},
        {8, 0.3, 0, 64, 1.21},    {8, 0.3, 0, 1024, 1.12},  {8, 0.6, 0, 1024, 1.32},
        {8, 1.0, 0, 64, 1.69},    {8, 1.0, 0, 1024, 1.73},  {8, 0.6, 1, 64, 1.17},
        {8, 0.6, 1, 1024, 1.04},  {8, 1.0, 1, 64, 1.19},    {8, 1.0, 1, 16384, 1.04},
        {8, 0.6, 2, 64, 1.16},    {8, 1.0, 2, 16384, 1.03}, {16, 0.0, 0, 64, 1.33},
        {16, 0.0, 0, 1024, 1.07}, {16, 0.3, 0, 64, 1.36},   {16, 1.0, 1, 64, 1.78},
        {16, 1.0, 1, 4096, 1.76}, {16, 0.6, 2, 4096, 1.04}, {32, 0.0, 0, 64, 1.56},
        {32, 0.0, 0, 1024, 1.14}, {32, 0.3, 0, 64, 1.64},   {32, 0.3, 0, 1024, 1.41},
        {32, 0.6, 0, 1024, 2.27}, {32, 0.6, 1, 64, 1.73},   {32, 0.6, 1, 16384, 1.70},
        {32, 1.0, 1, 1024, 3.31}, {32, 0.6, 2, 64, 1.48},   {32, 1.0, 2, 64, 1.49},
        {64, 0.0, 0, 64, 1.97},   {64, 0.0, 0, 1024, 1.22}, {64, 0.3, 0, 1024, 1.73},
        {64, 0.6, 0, 64, 3.43},   {64, 0.6, 0, 1024, 3.36}, {64, 0.6, 1, 64, 3.08},
        {64, 0.6, 1, 4096, 2.94}, {64, 1.0, 1, 4096, 6.4},  {64, 0.6, 2, 64, 1.74},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct experts_config c = experts_config_default(256, 8, rows[i].ep, rows[i].exponent);
        c.law = EXPERTS_ZIPF;
        c.skew_spread_frac = 0.0;
        c.by_load = rows[i].placing > 0;
        c.n_redundant = rows[i].placing == 2 ? (rows[i].ep > 32 ? rows[i].ep : 32) : 0;
        double got = point_of(&c, rows[i].tokens).imbalance;
        if (fabs(got - rows[i].imbalance) > 0.1) {
            CU_FAIL("imbalance");
            fprintf(stderr, "EP %d s %g placing %d T %g: %g, published %g\n", rows[i].ep,
                    rows[i].exponent, rows[i].placing, rows[i].tokens, got, rows[i].imbalance);
        }
    }
}

/* 1 + mu sqrt((EP - 1) / rows), mu = E[max of EP normals] = 1.42 1.77 2.07 2.34; with a skew
 * both combine in quadrature. Not claimed below ten rows per rank. */
static void the_closed_forms_come_back(void)
{
    static const double mu[] = {1.42, 1.77, 2.07, 2.34};
    static const double sigmas[] = {0.0, 0.3, 0.6, 1.0};
    for (int i = 0; i < 4; i++) {
        int ep = 8 << i;
        for (int s = 0; s < 4; s++) {
            struct experts_config c = experts_config_default(256, 8, ep, sigmas[s]);
            c.skew_spread_frac = 0.0;
            struct experts_table t;
            experts_table_build(&c, &t);
            for (double tokens = 10.0 * ep / 8.0; tokens < 30000.0; tokens *= 3.7) {
                struct experts_point p;
                experts_table_at(&t, tokens, &p);
                double noise = mu[i] * sqrt((ep - 1.0) / (8.0 * tokens));
                double skew = t.static_imbalance - 1.0;
                double law = 1.0 + sqrt(noise * noise + skew * skew);
                if (fabs(p.imbalance - law) > 0.1) {
                    CU_FAIL("closed form");
                    fprintf(stderr, "EP %d sigma %g T %g: %g, closed form %g\n", ep, sigmas[s],
                            tokens, p.imbalance, law);
                }
            }
        }
    }
}

/* Tokens choose one by one, each by an exponential race with weights of these inclusion
 * probabilities. */
static void choose(struct rng *rng, const double *q, int n, int k, int *count)
{
    double key[256];
    for (int e = 0; e < n; e++) {
        key[e] = log1p(-rng_uniform(rng)) / log1p(-q[e]);
    }
    for (int i = 0; i < k; i++) {
        int best = 0;
        for (int e = 1; e < n; e++) {
            best = key[e] < key[best] ? e : best;
        }
        key[best] = INFINITY;
        count[best]++;
    }
}

struct brute {
    double distinct, distinct_rank, imbalance;
};

static struct brute brute_force(const struct experts_config *c, int layers, int tokens)
{
    struct brute sum = {0};
    struct rng rng;
    double q[256];
    double then[256];
    rng_init(&rng, 11, "test/experts", 0);
    for (int l = 0; l < layers; l++) {
        int count[256] = {0};
        experts_popularity(c, l, 0.0, then, q);
        for (int t = 0; t < tokens; t++) {
            choose(&rng, q, c->n_experts, c->top_k, count);
        }
        int per_rank = c->n_experts / c->ep;
        int most = 0;
        int widest = 0;
        for (int r = 0; r < c->ep; r++) {
            int rows = 0;
            int hit = 0;
            for (int e = r * per_rank; e < (r + 1) * per_rank; e++) {
                rows += count[e];
                hit += count[e] > 0;
            }
            sum.distinct += hit;
            most = rows > most ? rows : most;
            widest = hit > widest ? hit : widest;
        }
        sum.distinct_rank += widest;
        sum.imbalance += (double)most * c->ep / (tokens * c->top_k);
    }
    return (struct brute){sum.distinct / layers, sum.distinct_rank / layers,
                          sum.imbalance / layers};
}

static void distinct_experts_match_brute_force(void)
{
    enum { LAYERS = 144 };
    static const struct {
        int n_experts, top_k, ep, tokens;
        double sigma;
    } rows[] = {
        {256, 8, 32, 16, 1.0},  {256, 8, 32, 64, 1.0}, {256, 8, 32, 300, 1.0},
        {256, 8, 8, 100, 0.5},  {128, 8, 16, 24, 1.0}, {128, 4, 4, 128, 0.7},
        {128, 4, 16, 500, 1.4}, {64, 2, 4, 20, 0.5},   {256, 8, 64, 64, 0.0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct experts_config c =
            experts_config_default(rows[i].n_experts, rows[i].top_k, rows[i].ep, rows[i].sigma);
        c.n_layers = LAYERS;
        c.skew_spread_frac = 0.0;
        struct brute b = brute_force(&c, LAYERS, rows[i].tokens);
        struct experts_point p = point_of(&c, rows[i].tokens);
        CHECK_NEAR(p.distinct_all, b.distinct, 0.02);
        CHECK_NEAR(p.distinct_rank, b.distinct_rank, 0.05); /* noise of two maxima */
        CHECK_NEAR(p.imbalance, b.imbalance, 0.05);
    }
}

/* ---- placement --------------------------------------------------------------------------- */

/* Loads 9 4 3 2 1 1, two spare slots, four ranks: the copies are 9/3 three times and 4 3 2 1 1;
 * heaviest first: 4 | 3 | 3 | 3, then 3 (the third copy of 9 or the expert) meets the lightest.
 */
static void spare_slots_go_to_the_heaviest_copy(void)
{
    static const double load[] = {9, 4, 3, 2, 1, 1};
    struct experts_placement p;
    experts_placement_init(&p, 6, 2, 4);
    experts_place_by_load(&p, load);
    CU_ASSERT_EQUAL(p.copies[0], 3);
    int sum = 0;
    for (int e = 0; e < 6; e++) {
        sum += p.copies[e];
    }
    CU_ASSERT_EQUAL(sum, 8);
    double most = 0.0;
    for (int r = 0; r < 4; r++) {
        double rank = 0.0;
        for (int s = 2 * r; s < 2 * r + 2; s++) {
            rank += load[p.expert[s]] / p.copies[p.expert[s]];
        }
        most = fmax(most, rank);
    }
    CHECK_NEAR(most, 6.0, 1e-12);
    experts_placement_fini(&p);
}

static void every_slot_holds_one_copy(void)
{
    struct experts_config c = r1(36, 32);
    struct experts_placement p;
    double then[256];
    double now[256];
    experts_popularity(&c, 3, INFINITY, then, now);
    experts_placement_init(&p, 256, 32, 36);
    experts_place_by_load(&p, then);
    int seen[256] = {0};
    for (int s = 0; s < 288; s++) {
        CU_ASSERT_TRUE(p.copy[s] >= 0 && p.copy[s] < p.copies[p.expert[s]]);
        seen[p.expert[s]] += 1 << p.copy[s];
    }
    for (int e = 0; e < 256; e++) {
        CU_ASSERT_EQUAL(seen[e], (1 << p.copies[e]) - 1);
    }
    experts_placement_fini(&p);
}

static void popularity_adds_up_and_nobody_is_taken_twice(void)
{
    static const double sigmas[] = {0.0, 0.5, 1.4, 3.0};
    for (int i = 0; i < 4; i++) {
        struct experts_config c = experts_config_default(16, 4, 4, sigmas[i]);
        c.drift_s = 10.0;
        c.drift_share_frac = 0.5;
        for (int l = 0; l < 20; l++) {
            double then[16];
            double now[16];
            double sum = 0.0;
            experts_popularity(&c, l, 5.0, then, now);
            for (int e = 0; e < 16; e++) {
                CU_ASSERT_TRUE(now[e] > 0.0 && now[e] <= 1.0);
                sum += now[e];
            }
            CHECK_NEAR(sum, 4.0, 1e-6);
        }
    }
}

static void rank_loads_of_a_layer_average_one(void)
{
    struct experts_config c = r1(32, 32);
    c.drift_s = 600.0;
    double load[32];
    for (int l = 0; l < 58; l += 19) {
        double sum = 0.0;
        double most = experts_layer_load(&c, l, load);
        for (int r = 0; r < 32; r++) {
            sum += load[r];
            CU_ASSERT_TRUE(load[r] <= most);
        }
        CHECK_NEAR(sum, 32.0, 1e-6);
    }
}

/* Statistics are half a period old on average: over a moment the packing fits, over a period in
 * which popularity is drawn anew it does not. */
static void loads_of_a_layer_age_with_the_period(void)
{
    struct experts_config c = r1(32, 32);
    double load[32];
    double fresh = 0.0;
    double old = 0.0;
    c.drift_s = 600.0;
    c.drift_share_frac = 1.0; /* all of it */
    for (int l = 0; l < 58; l += 19) {
        c.rebalance_s = 1e-3;
        fresh += experts_layer_load(&c, l, load) / 4.0;
        c.rebalance_s = 600.0;
        old += experts_layer_load(&c, l, load) / 4.0;
    }
    CU_ASSERT_TRUE(fresh < 1.06);
    CU_ASSERT_TRUE(old > 1.5);
}

/* ---- table ------------------------------------------------------------------------------- */

static void more_tokens_are_more_even_and_touch_more(void)
{
    struct experts_config c = r1(32, 32);
    struct experts_table t;
    experts_table_build(&c, &t);
    struct experts_point before;
    experts_table_at(&t, 1.0, &before);
    CHECK_NEAR(before.distinct_all, 8.0, 1e-9);
    for (double tokens = 2.0; tokens < 1e6; tokens = floor(tokens * 1.2) + 1.0) {
        struct experts_point p;
        experts_table_at(&t, tokens, &p);
        CU_ASSERT_TRUE(p.imbalance >= 1.0 && p.imbalance <= before.imbalance + 1e-9);
        CU_ASSERT_TRUE(p.distinct_all >= before.distinct_all - 1e-9);
        CU_ASSERT_TRUE(p.distinct_rank >= before.distinct_rank - 1e-9);
        CU_ASSERT_TRUE(p.distinct_rank <= 9.0 && p.distinct_all <= 256.0);
        before = p;
    }
}

static void building_twice_gives_the_same_bytes(void)
{
    struct experts_config c = r1(144, 32);
    struct experts_table a;
    struct experts_table b;
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    experts_table_build(&c, &a);
    experts_table_build(&c, &b);
    CU_ASSERT_EQUAL(memcmp(a.points, b.points, sizeof a.points), 0);
}

/* More slots stream more weights: at 128 tokens spare slots cost time where batches are small
 * (cost-model.md section 3: 0.162 ms against 0.118 ms). */
static void spare_slots_add_weights_to_a_small_batch(void)
{
    struct experts_config without = r1(32, 0);
    without.by_load = true;
    struct experts_config with = r1(32, 32);
    CU_ASSERT_TRUE(point_of(&with, 128.0).distinct_rank >
                   point_of(&without, 128.0).distinct_rank);
}

/* ---- measured kernels under skewed loads ------------------------------------------------- */

struct bench {
    struct arena *arena;
    struct gpu_list gpus;
    struct kernel_set kernels;
    struct csv_table t;
    int row;
};

static const char *text(const struct bench *b, const char *column)
{
    return csv_cell(&b->t, b->row, csv_col(&b->t, column));
}

static double number(const struct bench *b, const char *column)
{
    double value = 0.0;
    struct err err = {0};
    CU_ASSERT_TRUE(csv_number(&b->t, b->row, csv_col(&b->t, column), 0.0, &value, &err));
    return value;
}

/* Rows and distinct experts of the busiest rank when expert loads follow the collection's
 * bounded power law: loads x ~ x^-alpha in 1 ... 0.8 tokens (0.01 ... 2 when there are fewer
 * rows than experts), scaled to all rows. Mean of a few draws. */
static void power_law_rank(const struct bench *b, double *rows, double *distinct)
{
    enum { DRAWS = 16 };
    int n = (int)number(b, "n_experts");
    int ep = (int)number(b, "ep");
    double tokens = number(b, "tokens");
    double total = tokens * number(b, "top_k");
    double a = 1.0 - number(b, "alpha");
    double lo = pow(total > n ? 1.0 : 0.01, a);
    double hi = pow(total > n ? 0.8 * tokens : 2.0, a);
    double *load = xcalloc((size_t)n, sizeof *load);
    struct rng rng;
    rng_init(&rng, 5, "test/power-law", (uint64_t)b->row);
    *rows = *distinct = 0.0;
    for (int draw = 0; draw < DRAWS; draw++) {
        double sum = 0.0;
        for (int e = 0; e < n; e++) {
            load[e] = pow((hi - lo) * rng_uniform(&rng) + lo, 1.0 / a);
            sum += load[e];
        }
        double most = 0.0;
        double hit = 0.0;
        for (int r = 0; r < ep; r++) {
            double mine = 0.0;
            double used = 0.0;
            for (int e = r * (n / ep); e < (r + 1) * (n / ep); e++) {
                mine += nearbyint(load[e] / sum * total);
                used += nearbyint(load[e] / sum * total) > 0.0;
            }
            hit = mine > most ? used : hit;
            most = fmax(most, mine);
        }
        *rows += most / DRAWS;
        *distinct += hit / DRAWS;
    }
    free(load);
}

static const struct format {
    const char *name, *key;
    enum dtype dtype;
    enum quant_scheme scheme;
    int group;
} formats[] = {
    {"bfloat16", "bf16", DTYPE_BF16, QUANT_NONE, 0},
    {"fp8", "fp8", DTYPE_FP8, QUANT_TENSOR_DYNAMIC, 0},
    {"fp8_block", "fp8_block", DTYPE_FP8, QUANT_BLOCK, 128},
    {"nvfp4", "nvfp4", DTYPE_NVFP4, QUANT_GROUP, 16},
    {"int4_wo", "int4_wo", DTYPE_INT4, QUANT_GROUP, 128},
    {"w4a16_mxfp4", "w4a16_mxfp4", DTYPE_MXFP4, QUANT_GROUP, 32},
    {"w4a8_mxfp4_mxfp8", "w4a8_mxfp4_mxfp8", DTYPE_MXFP4, QUANT_GROUP, 32},
};

static double predicted_s(const struct bench *b)
{
    const struct gpu *gpu = gpu_find(&b->gpus, text(b, "sku"), NULL);
    const struct format *f = formats;
    while (strcmp(f->name, text(b, "format")) != 0) {
        f++;
    }
    enum kernel_match match;
    struct moe_unit u;
    const struct moe_consts *c = kernel_moe(&b->kernels, &b->gpus, gpu, text(b, "engine"),
                                            f->key, text(b, "kernel"), &match);
    moe_unit_init(&u, gpu, c, f->dtype, f->scheme, f->group);
    u.hidden = number(b, "hidden");
    u.width = number(b, "width");
    u.top_k = number(b, "top_k");
    u.n_matrices = 3;
    double rows = number(b, "rows");
    double distinct = number(b, "distinct");
    if (number(b, "alpha") > 0.0) {
        power_law_rank(b, &rows, &distinct);
    }
    return moe_time_s(&u, number(b, "tokens"), rows, distinct);
}

static double median_error(struct bench *b, double alpha)
{
    double *error = xcalloc((size_t)b->t.n_rows, sizeof *error);
    size_t n = 0;
    for (b->row = 0; b->row < b->t.n_rows; b->row++) {
        if (number(b, "alpha") == alpha) {
            error[n++] = fabs(predicted_s(b) / (1e-6 * number(b, "latency_us")) - 1.0);
        }
    }
    CU_ASSERT_TRUE(n > 150);
    gsl_sort(error, 1, n);
    double median = gsl_stats_median_from_sorted_data(error, 1, n);
    free(error);
    return median;
}

/* The same shapes balanced and skewed: what the skew adds to the error is the collection's
 * unknown draw. */
static void kernels_under_skew_are_predicted_like_balanced_ones(void)
{
    static const char *const tree[] = {"."};
    struct err err = {0};
    struct bench b = {.arena = arena_new()};
    CU_ASSERT_FATAL(gpu_list_load(b.arena, tree, 1, &b.gpus, &err));
    CU_ASSERT_FATAL(kernel_set_load(b.arena, tree, 1, &b.kernels, &err));
    CU_ASSERT_FATAL(csv_load(b.arena, "tests/data/moe_skew.csv", &b.t, &err));
    double even = median_error(&b, 0.0);
    double mild = median_error(&b, 1.01);
    double strong = median_error(&b, 1.2);
    if (mild > even + 0.02 || strong > even + 0.02 || even > 0.10) {
        CU_FAIL("kernel times under skew");
        fprintf(stderr, "median error: balanced %.3f, 1.01 %.3f, 1.2 %.3f\n", even, mild,
                strong);
    }
    arena_free(b.arena);
}

static void a_routing_is_drawn_once_for_a_configuration(void)
{
    struct arena *arena = arena_new();
    struct routings *all = routings_new(arena);
    struct experts_config cfg = r1(8, 0);
    const struct moe_routing *first = routings_get(all, &cfg);
    CU_ASSERT_PTR_EQUAL(routings_get(all, &cfg), first);
    struct experts_config others[] = {cfg, cfg, cfg, cfg};
    others[0].ep = 16;
    others[1].skew = 0.5;
    others[2].n_layers = 57;
    others[3].drift_s = 60.0;
    for (int i = 0; i < 4; i++) {
        CU_ASSERT_PTR_NOT_EQUAL(routings_get(all, &others[i]), first);
    }
    struct moe_routing *fresh = moe_routing_new(&cfg);
    CU_ASSERT_EQUAL(memcmp(fresh->grid, first->grid, sizeof fresh->grid), 0);
    moe_routing_free(fresh);
    arena_free(arena);
}

#define CASE(name)                                                                             \
    {                                                                                          \
#name, name                                                                            \
    }
static const struct check_case cases[] = {
    CASE(deepseek_r1_without_spare_slots_is_as_uneven_as_measured),
    CASE(layers_differ_as_much_as_measured),
    CASE(spare_slots_and_perfect_statistics_make_ranks_even),
    CASE(the_measured_rest_needs_noise_and_drift),
    CASE(statistics_age_with_the_rebalancing_period),
    CASE(statistics_of_the_other_phase_serve_less_well),
    CASE(the_published_simulation_comes_back),
    CASE(the_closed_forms_come_back),
    CASE(distinct_experts_match_brute_force),
    CASE(spare_slots_go_to_the_heaviest_copy),
    CASE(every_slot_holds_one_copy),
    CASE(popularity_adds_up_and_nobody_is_taken_twice),
    CASE(rank_loads_of_a_layer_average_one),
    CASE(loads_of_a_layer_age_with_the_period),
    CASE(more_tokens_are_more_even_and_touch_more),
    CASE(building_twice_gives_the_same_bytes),
    CASE(spare_slots_add_weights_to_a_small_batch),
    CASE(a_routing_is_drawn_once_for_a_configuration),
    CASE(kernels_under_skew_are_predicted_like_balanced_ones),
};

int main(void)
{
    return check_main("experts", cases, (int)(sizeof cases / sizeof cases[0]));
}
