/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ops.c - the shipped kernel constants against a frozen sample of measured kernel times
 * (tests/data/op_sample.csv: one random point of every set, or of every few), along the path
 * that simulation takes: look-up by GPU, engine and format, unit, law. A change of a law, a
 * look-up rule or a constant that makes predictions worse fails here. */
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <stdlib.h>
#include <string.h>

#include "hardware/kernel.h"
#include "sim/base/csvio.h"
#include "sim/cost/attention.h"
#include "sim/cost/gemm.h"
#include "sim/cost/moe.h"
#include "tests/check.h"

static const char *const tree[] = {"."};

struct bench {
    struct arena *arena;
    struct gpu_list gpus;
    struct kernel_set kernels;
    struct csv_table t;
    int row;
};

static struct bench *bench_new(void)
{
    struct err err = {0};
    struct bench *b = xcalloc(1, sizeof *b);
    b->arena = arena_new();
    CU_ASSERT_FATAL(gpu_list_load(b->arena, tree, 1, &b->gpus, &err));
    CU_ASSERT_FATAL(kernel_set_load(b->arena, tree, 1, &b->kernels, &err));
    CU_ASSERT_FATAL(csv_load(b->arena, "tests/data/op_sample.csv", &b->t, &err));
    return b;
}

static void bench_free(struct bench *b)
{
    arena_free(b->arena);
    free(b);
}

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

static const struct gpu *gpu_of(const struct bench *b)
{
    const struct gpu *gpu = gpu_find(&b->gpus, text(b, "sku"), NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(gpu);
    return gpu;
}

/* The collections' formats as the catalogue has them. */
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
    {"sq", "int8", DTYPE_INT8, QUANT_TENSOR_DYNAMIC, 0},
    {"w4a16_mxfp4", "w4a16_mxfp4", DTYPE_MXFP4, QUANT_GROUP, 32},
    {"w4a8_mxfp4_mxfp8", "w4a8_mxfp4_mxfp8", DTYPE_MXFP4, QUANT_GROUP, 32},
};

static const struct format *format_of(const struct bench *b)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(formats[i].name, text(b, "format")) == 0) {
            return &formats[i];
        }
    }
    CU_FAIL_FATAL("unknown format in op_sample.csv");
    return NULL;
}

static double gemm_s(const struct bench *b)
{
    const struct gpu *gpu = gpu_of(b);
    const struct format *f = format_of(b);
    enum kernel_match match = MATCH_SKU;
    struct gemm_unit u;
    const struct gemm_consts *c =
        kernel_gemm(&b->kernels, &b->gpus, gpu, text(b, "engine"), f->key, &match);
    CU_ASSERT_EQUAL_FATAL(match, MATCH_EXACT);
    gemm_unit_init(&u, gpu, c, f->dtype, f->scheme, f->group);
    /* the tables are partly collected launch by launch, which the law caps for CUDA graphs */
    u.consts.t0_s = 0.0;
    return c->t0_s + gemm_time_s(&u, number(b, "m"), number(b, "n"), number(b, "k"));
}

static double moe_s(const struct bench *b)
{
    const struct gpu *gpu = gpu_of(b);
    const struct format *f = format_of(b);
    enum kernel_match match = MATCH_SKU;
    struct moe_unit u;
    const struct moe_consts *c = kernel_moe(&b->kernels, &b->gpus, gpu, text(b, "engine"),
                                            f->key, text(b, "kernel"), &match);
    CU_ASSERT_EQUAL_FATAL(match, MATCH_EXACT);
    moe_unit_init(&u, gpu, c, f->dtype, f->scheme, f->group);
    u.hidden = number(b, "hidden");
    u.width = number(b, "width");
    u.top_k = number(b, "top_k");
    u.n_matrices = (int)number(b, "n_matrices");
    return moe_time_s(&u, number(b, "tokens"), number(b, "rows"), number(b, "distinct"));
}

static struct attn_spec spec_of(const struct bench *b, bool is_mla)
{
    struct attn_spec a = {.kind = is_mla ? ATTN_MLA : ATTN_GQA,
                          .n_heads = (int)number(b, "heads"),
                          .n_kv_heads = (int)number(b, "kv_heads"),
                          .head_dim = (int)number(b, "head_dim"),
                          .window_tokens = (int64_t)number(b, "window_tokens")};
    a.span = a.window_tokens > 0 ? SPAN_SLIDING : SPAN_FULL;
    if (is_mla) {
        a.v_head_dim = 128;
        a.kv_lora_rank = 512;
        a.qk_nope_dim = 128;
        a.qk_rope_dim = 64;
    }
    return a;
}

static double attention_s(const struct bench *b, bool is_mla, bool is_prefill)
{
    struct attn_unit u;
    struct attn_spec a = spec_of(b, is_mla);
    bool fp8 = strcmp(text(b, "format"), "fp8") == 0;
    struct attn_want want = {.is_mla = is_mla,
                             .is_windowed = a.span == SPAN_SLIDING,
                             .head_dim = a.head_dim,
                             .kv_dtype = text(b, "format")};
    struct attn_resolve r = {
        .spec = &a, .gpu = gpu_of(b), .tp = 1, .kv = fp8 ? DTYPE_FP8 : DTYPE_BF16};
    r.decode = kernel_attn_for(&b->kernels, &b->gpus, r.gpu, text(b, "engine"), &want, NULL);
    want.is_prefill = true;
    r.prefill = kernel_attn_for(&b->kernels, &b->gpus, r.gpu, text(b, "engine"), &want, NULL);
    CU_ASSERT_STRING_EQUAL((is_prefill ? r.prefill : r.decode)->key.kernel, text(b, "kernel"));
    attn_resolve(&r, &u);
    double n = number(b, "batch");
    double ctx = number(b, "ctx_tokens");
    if (!is_prefill) {
        double seen = a.span == SPAN_SLIDING ? fmin(ctx, (double)a.window_tokens) : ctx;
        return attn_decode_s(&u, n, n * seen);
    }
    struct prefill_sums sums = {0};
    for (int i = 0; i < (int)n; i++) {
        attn_chunk_sums(a.span, a.window_tokens, 0, (int64_t)ctx, &sums);
    }
    return attn_prefill_s(&u, &sums);
}

static double law_s(const struct bench *b)
{
    const char *law = text(b, "law");
    if (strcmp(law, "gemm") == 0) {
        return gemm_s(b);
    }
    if (strcmp(law, "moe") == 0) {
        return moe_s(b);
    }
    return attention_s(b, strncmp(law, "mla", 3) == 0, strstr(law, "prefill") != NULL);
}

/* Median within 10 %, nine tenths within 30 % of the measurement. */
static void check_law(const char *law, int n_least)
{
    struct bench *b = bench_new();
    double *error = xcalloc((size_t)b->t.n_rows + 1, sizeof *error);
    size_t n = 0;
    for (b->row = 0; b->row < b->t.n_rows; b->row++) {
        if (strcmp(text(b, "law"), law) == 0) {
            error[n++] = fabs(law_s(b) / (1e-6 * number(b, "latency_us")) - 1.0);
        }
    }
    CU_ASSERT_TRUE_FATAL(n >= (size_t)n_least);
    gsl_sort(error, 1, n);
    double median = gsl_stats_median_from_sorted_data(error, 1, n);
    double p90 = gsl_stats_quantile_from_sorted_data(error, 1, n, 0.9);
    if (median > 0.10 || p90 > 0.30) {
        printf("%s: median error %.1f %%, p90 %.1f %% of %zu points\n", law, 100.0 * median,
               100.0 * p90, n);
    }
    CU_ASSERT_TRUE(median <= 0.10);
    CU_ASSERT_TRUE(p90 <= 0.30);
    free(error);
    bench_free(b);
}

static void dense_products_match_the_measured_sample(void)
{
    check_law("gemm", 80);
}

static void decode_attention_matches_the_measured_sample(void)
{
    check_law("decode", 50);
}

static void prefill_attention_matches_the_measured_sample(void)
{
    check_law("prefill", 40);
}

static void latent_decode_attention_matches_the_measured_sample(void)
{
    check_law("mla_decode", 15);
}

static void latent_prefill_attention_matches_the_measured_sample(void)
{
    check_law("mla_prefill", 15);
}

static void grouped_products_match_the_measured_sample(void)
{
    check_law("moe", 80);
}

static void sample_covers_every_engine_and_measured_gpu(void)
{
    static const char *const skus[] = {"h100-sxm", "h200-sxm",      "b200",
                                       "gb200",    "a100-sxm-80gb", "l40s"};
    static const char *const engines[] = {"vllm", "sglang", "trtllm"};
    struct bench *b = bench_new();
    for (int i = 0; i < 18; i++) {
        int n = 0;
        for (b->row = 0; b->row < b->t.n_rows; b->row++) {
            n += strcmp(text(b, "sku"), skus[i / 3]) == 0 &&
                 strcmp(text(b, "engine"), engines[i % 3]) == 0;
        }
        CU_ASSERT_TRUE(n >= 3);
    }
    bench_free(b);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"dense_products_match_the_measured_sample", dense_products_match_the_measured_sample},
        {"decode_attention_matches_the_measured_sample",
         decode_attention_matches_the_measured_sample},
        {"prefill_attention_matches_the_measured_sample",
         prefill_attention_matches_the_measured_sample},
        {"latent_decode_attention_matches_the_measured_sample",
         latent_decode_attention_matches_the_measured_sample},
        {"latent_prefill_attention_matches_the_measured_sample",
         latent_prefill_attention_matches_the_measured_sample},
        {"grouped_products_match_the_measured_sample",
         grouped_products_match_the_measured_sample},
        {"sample_covers_every_engine_and_measured_gpu",
         sample_covers_every_engine_and_measured_gpu},
    };
    return check_main("ops", cases, (int)(sizeof cases / sizeof *cases));
}
