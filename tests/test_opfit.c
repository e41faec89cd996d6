/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_opfit.c - kernel calibration recovers constants it can know, and rejects what is no
 * kernel time. Tables are synthesised from the laws themselves with noise from a fixed stream.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hardware/kernel.h"
#include "sim/core/rng.h"
#include "sim/cost/attention.h"
#include "sim/cost/gemm.h"
#include "sim/cost/moe.h"
#include "sim/fit/opfit.h"
#include "tests/check.h"

static const char *const tree[] = {"."};
enum { MAX_POINTS = 400 };

struct fixture {
    struct arena *arena;
    struct gpu_list gpus;
    const struct gpu *gpu;
    struct op_set set;
    struct rng rng;
};

static struct fixture fixture_new(enum op_law law, const char *format, const char *key)
{
    struct fixture f = {.arena = arena_new()};
    struct err err = {0};
    CU_ASSERT_FATAL(gpu_list_load(f.arena, tree, 1, &f.gpus, &err));
    f.gpu = gpu_find(&f.gpus, "h100-sxm", &err);
    f.set = (struct op_set){.law = law,
                            .gpu = f.gpu,
                            .table_dtype = format,
                            .kernel_full = "k",
                            .key = {.sku = "h100-sxm",
                                    .engine = "vllm",
                                    .version = "1",
                                    .dtype = key,
                                    .kernel = "",
                                    .source = "synthetic"}};
    f.set.points = arena_alloc(f.arena, MAX_POINTS, sizeof *f.set.points);
    rng_init(&f.rng, 1, "test/opfit", 0);
    return f;
}

static void fixture_free(struct fixture *f)
{
    arena_free(f->arena);
}

/* Within 5 %; one in 20 measurements is twice too slow. */
static double noisy(struct fixture *f, double time_s)
{
    double noise = 1.0 + 0.1 * (rng_uniform(&f->rng) - 0.5);
    return time_s * noise * (rng_uniform(&f->rng) < 0.05 ? 2.0 : 1.0);
}

static double pick(struct fixture *f, double lo, double hi)
{
    return round(exp(log(lo) + log(hi / lo) * rng_uniform(&f->rng)));
}

static struct gemm_unit gemm_truth(const struct fixture *f)
{
    const struct gemm_consts c = {.t0_s = 4e-6,
                                  .ec = 0.7,
                                  .em = 0.8,
                                  .p = 4.0,
                                  .k0 = 150.0,
                                  .wq_exp = 0.4,
                                  .occ_exp = 0.4,
                                  .eq = 0.0};
    struct gemm_unit u;
    gemm_unit_init(&u, f->gpu, &c, DTYPE_BF16, QUANT_NONE, 0);
    return u;
}

static struct fixture gemm_table(double t0_s)
{
    struct fixture f = fixture_new(OP_GEMM, "bfloat16", "bf16");
    struct gemm_unit u = gemm_truth(&f);
    u.consts.t0_s = 0.0;
    for (int i = 0; i < 300; i++) {
        double n = 512.0 * pick(&f, 1, 32);
        double k = 512.0 * pick(&f, 1, 32);
        struct op_point p = {.m = pick(&f, 1, 8192), .n = n, .k = k};
        p.latency_s = noisy(&f, t0_s + gemm_law_s(&u, p.m, n, k));
        p.latency_s = fmax(p.latency_s, gemm_floor_s(&u, p.m, n, k));
        f.set.points[f.set.n++] = p;
    }
    return f;
}

static void gemm_constants_are_recovered_from_noisy_rows(void)
{
    struct fixture f = gemm_table(4e-6);
    struct opfit_row row;
    opfit_set(&f.set, &row);
    CU_ASSERT_EQUAL_FATAL(row.state, OPFIT_FITTED);
    CHECK_NEAR(row.x[0], 4.0, 0.08); /* t0 in us */
    CHECK_NEAR(row.x[1], 0.7, 0.04); /* ec */
    CHECK_NEAR(row.x[2], 0.8, 0.04); /* em */
    CU_ASSERT_TRUE(row.heldout.median < 0.05);
    CU_ASSERT_TRUE(row.heldout.median > 0.01); /* it saw the noise */
    CU_ASSERT_TRUE(fabs(row.heldout.bias) < 0.01);
    fixture_free(&f);
}

static void rows_faster_than_the_floor_are_dropped_and_change_nothing(void)
{
    struct fixture f = gemm_table(4e-6);
    struct opfit_row clean, row;
    opfit_set(&f.set, &clean);
    for (int i = 0; i < 60; i++) {
        struct op_point p = f.set.points[i];
        struct gemm_unit u = gemm_truth(&f);
        p.latency_s = 0.5 * gemm_floor_s(&u, p.m, p.n, p.k);
        f.set.points[f.set.n++] = p;
    }
    opfit_set(&f.set, &row);
    CU_ASSERT_EQUAL(row.n_floor, 60);
    CU_ASSERT_EQUAL(row.n_used, clean.n_used);
    for (int j = 0; j < row.n_params; j++) {
        CU_ASSERT_EQUAL(row.x[j], clean.x[j]);
    }
    fixture_free(&f);
}

static void gemm_table_of_interpreter_launches_is_not_fitted(void)
{
    struct fixture f = gemm_table(59e-6);
    struct opfit_row row;
    opfit_set(&f.set, &row);
    CU_ASSERT_EQUAL(row.state, OPFIT_LAUNCH_BOUND);
    fixture_free(&f);
}

static void too_few_rows_are_not_fitted(void)
{
    struct fixture f = gemm_table(4e-6);
    struct opfit_row row;
    f.set.n = 15;
    opfit_set(&f.set, &row);
    CU_ASSERT_EQUAL(row.state, OPFIT_TOO_FEW);
    fixture_free(&f);
}

static void kernel_of_another_law_is_reported_as_such(void)
{
    struct fixture f = gemm_table(4e-6);
    struct opfit_row row;
    for (int i = 0; i < f.set.n; i++) {
        f.set.points[i].latency_s = 1e-5 * pick(&f, 1, 1000); /* nothing to do with the shape */
        f.set.points[i].latency_s += 2e-3;
        f.set.points[i].latency_s *= rng_uniform(&f.rng) < 0.5 ? 1.0 : 6.0;
    }
    f.set.points[0] = (struct op_point){.m = 1, .n = 512, .k = 512, .latency_s = 5e-6};
    opfit_set(&f.set, &row);
    CU_ASSERT_EQUAL(row.state, OPFIT_NO_LAW);
    fixture_free(&f);
}

static void same_table_gives_the_same_constants_to_the_bit(void)
{
    struct fixture f = gemm_table(4e-6);
    struct opfit_row a, b;
    opfit_set(&f.set, &a);
    opfit_set(&f.set, &b);
    CU_ASSERT_EQUAL(memcmp(a.x, b.x, sizeof a.x), 0);
    CU_ASSERT_EQUAL(a.heldout.p90, b.heldout.p90);
    fixture_free(&f);
}

/* ---- attention ---- */

static const struct attn_consts decode_truth = {
    .t0_s = 12e-6, .em = 0.85, .ec = 0.5, .p = 2.0, .occ_exp = 0.5, .tw_s = 1.5e-6};

static struct attn_spec spec_of(const struct op_point *p)
{
    return (struct attn_spec){
        .kind = ATTN_GQA, .n_heads = p->heads, .n_kv_heads = p->kv_heads, .head_dim = 128};
}

static struct fixture decode_table(void)
{
    struct fixture f = fixture_new(OP_DECODE, "bfloat16/bfloat16", "bf16");
    for (int i = 0; i < 300; i++) {
        int kv = 1 << rng_below(&f.rng, 4);
        struct op_point p = {.batch = pick(&f, 1, 512),
                             .ctx_tokens = pick(&f, 128, 65536),
                             .kv_heads = kv,
                             .heads = 8 * kv,
                             .head_dim = 128};
        struct attn_spec spec = spec_of(&p);
        struct attn_shape shape;
        attn_shape_of(&spec, 1, DTYPE_BF16, &shape);
        p.latency_s =
            attn_decode_law_s(&shape, f.gpu, &decode_truth, p.batch, p.batch * p.ctx_tokens);
        p.latency_s = noisy(&f, p.latency_s);
        f.set.points[f.set.n++] = p;
    }
    return f;
}

static void decode_bandwidth_and_launch_are_recovered(void)
{
    struct fixture f = decode_table();
    struct opfit_row row;
    opfit_set(&f.set, &row);
    CU_ASSERT_EQUAL_FATAL(row.state, OPFIT_FITTED);
    CHECK_NEAR(row.x[0], 12.0, 0.08);
    CU_ASSERT_TRUE(row.heldout.median < 0.05);
    CU_ASSERT_TRUE(row.n_skipped > 0); /* those a repeated benchmark would find in L2 */
    fixture_free(&f);
}

static void ungrouped_heads_are_left_out_of_the_decode_fit(void)
{
    struct fixture f = decode_table();
    struct opfit_row row;
    for (int i = 0; i < f.set.n; i++) {
        f.set.points[i].heads = f.set.points[i].kv_heads;
    }
    opfit_set(&f.set, &row);
    CU_ASSERT_EQUAL(row.n_used, 0);
    CU_ASSERT_EQUAL(row.n_skipped, f.set.n);
    fixture_free(&f);
}

/* The tables of a resolved unit and the law that calibration fits are one function. */
static void resolved_decode_unit_equals_the_fitted_law(void)
{
    struct fixture f = decode_table();
    for (int i = 0; i < 50; i++) {
        const struct op_point *p = &f.set.points[i];
        struct attn_spec spec = spec_of(p);
        struct attn_shape shape;
        struct attn_unit u;
        const struct attn_resolve in = {
            .spec = &spec,
            .gpu = f.gpu,
            .tp = 1,
            .kv = DTYPE_BF16,
            .decode = &decode_truth,
            .prefill = &(struct attn_consts){.key.dtype = "bf16", .em = 1, .ec = 1, .p = 1}};
        attn_shape_of(&spec, 1, DTYPE_BF16, &shape);
        attn_resolve(&in, &u);
        double ctx = p->batch * p->ctx_tokens;
        CHECK_NEAR(attn_decode_s(&u, p->batch, ctx),
                   attn_decode_law_s(&shape, f.gpu, &decode_truth, p->batch, ctx), 1e-12);
    }
    fixture_free(&f);
}

static struct fixture prefill_table(void)
{
    static const struct attn_consts truth = {.key.dtype = "bf16",
                                             .t0_s = 11e-6,
                                             .em = 0.5,
                                             .ec = 0.6,
                                             .p = 1.2,
                                             .occ_exp = 0.5,
                                             .k0 = 20.0};
    struct fixture f = fixture_new(OP_PREFILL, "bfloat16/bfloat16", "bf16");
    for (int i = 0; i < 300; i++) {
        int kv = 1 << rng_below(&f.rng, 4);
        struct op_point p = {.batch = pick(&f, 1, 16),
                             .ctx_tokens = pick(&f, 64, 16384),
                             .kv_heads = kv,
                             .heads = 4 * kv,
                             .head_dim = 128};
        struct attn_spec spec = spec_of(&p);
        struct attn_shape shape;
        struct attn_unit u = {0};
        struct prefill_sums sums = {0};
        attn_shape_of(&spec, 1, DTYPE_BF16, &shape);
        attn_resolve_prefill(&shape, f.gpu, &truth, &u);
        for (int b = 0; b < (int)p.batch; b++) {
            attn_chunk_sums(SPAN_FULL, 0, 0, (int64_t)p.ctx_tokens, &sums);
        }
        p.latency_s = noisy(&f, attn_prefill_s(&u, &sums));
        f.set.points[f.set.n++] = p;
    }
    return f;
}

static void prefill_arithmetic_and_last_tile_are_recovered(void)
{
    struct fixture f = prefill_table();
    struct opfit_row row;
    opfit_set(&f.set, &row);
    CU_ASSERT_EQUAL_FATAL(row.state, OPFIT_FITTED);
    CHECK_NEAR(row.x[0], 11.0, 0.1); /* t0 in us */
    CHECK_NEAR(row.x[2], 0.6, 0.05); /* ec */
    CHECK_NEAR(row.x[4], 0.5, 0.15); /* weight of the last tile */
    CU_ASSERT_TRUE(row.heldout.median < 0.05);
    fixture_free(&f);
}

/* ---- experts ---- */

static struct fixture moe_table(int ep)
{
    const struct moe_consts truth = {.key.dtype = "fp8_block",
                                     .t0_s = 30e-6,
                                     .ec = 0.5,
                                     .em = 0.85,
                                     .p = 2.0,
                                     .ea = 0.8,
                                     .b0 = 20.0,
                                     .td_s = 0.1e-6,
                                     .i0 = 100.0,
                                     .et = 50.0};
    struct fixture f = fixture_new(OP_MOE, "fp8_block", "fp8_block");
    struct moe_unit u;
    moe_unit_init(&u, f.gpu, &truth, DTYPE_FP8, QUANT_BLOCK, 128);
    u.n_matrices = 3;
    for (int i = 0; i < 300; i++) {
        struct op_point p = {.tokens = 128.0 * pick(&f, 1, 128),
                             .top_k = 8,
                             .n_experts = 128,
                             .ep = ep,
                             .hidden = 1024.0 * pick(&f, 2, 7),
                             .width = 256.0 * pick(&f, 1, 8)};
        u.hidden = p.hidden;
        u.width = p.width;
        u.top_k = p.top_k;
        /* enough tokens to reach every expert evenly */
        p.latency_s = noisy(&f, moe_law_s(&u, p.tokens, p.tokens * 8 / ep, 128.0 / ep));
        f.set.points[f.set.n++] = p;
    }
    return f;
}

static void expert_constants_are_recovered_and_tokens_are_those_of_the_group(void)
{
    for (int ep = 1; ep <= 8; ep *= 8) {
        struct fixture f = moe_table(ep);
        struct opfit_row row;
        opfit_set(&f.set, &row);
        CU_ASSERT_EQUAL_FATAL(row.state, OPFIT_FITTED);
        CU_ASSERT_TRUE(row.heldout.median < 0.06);
        CU_ASSERT_TRUE(fabs(row.heldout.bias) < 0.015);
        CHECK_NEAR(row.x[2], 0.85, 0.15); /* em */
        fixture_free(&f);
    }
}

static void expert_rows_of_large_groups_are_left_out(void)
{
    struct fixture f = moe_table(16);
    struct opfit_row row;
    opfit_set(&f.set, &row);
    CU_ASSERT_EQUAL(row.n_used, 0);
    CU_ASSERT_EQUAL(row.state, OPFIT_TOO_FEW);
    fixture_free(&f);
}

/* ---- files ---- */

static const char gemm_header[] =
    "system,framework,version,device,op_name,kernel_source,gemm_dtype,"
    "m,n,k,latency,source_table\n";

static const char *gemm_file(const struct fixture *f, int idx, const char *system,
                             const char *version, double scale)
{
    const char *path = check_tmp(idx, ".csv");
    FILE *out = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    fputs(gemm_header, out);
    for (int i = 0; i < f->set.n; i++) {
        const struct op_point *p = &f->set.points[i];
        fprintf(out, "%s,VLLM,%s,GPU,gemm,torch,bfloat16,%g,%g,%g,%.9g,t/%s\n", system, version,
                p->m, p->n, p->k, 1e3 * scale * p->latency_s, version);
    }
    fclose(out);
    return path;
}

static struct opfit_config config(const struct fixture *f, const char *const *tables, int n,
                                  const char *out)
{
    return (struct opfit_config){.tables = tables,
                                 .n_tables = n,
                                 .out = out,
                                 .source = "lab",
                                 .as_of = "2026-11-22",
                                 .gpus = &f->gpus};
}

static void written_file_is_what_the_catalogue_reads(void)
{
    struct fixture f = gemm_table(4e-6);
    const char *table = gemm_file(&f, 0, "h100_sxm", "7.1", 1.0);
    const char *dir = check_tmp(1, "-data");
    char path[512];
    mkdir(dir, 0777);
    snprintf(path, sizeof path, "%s/hardware", dir);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/hardware/kernels", dir);
    mkdir(path, 0777);
    struct opfit_config cfg = config(&f, &table, 1, path); /* a directory: gemm.csv in it */
    struct opfit_report report;
    struct err err = {0};
    CU_ASSERT_FATAL(opfit_run(f.arena, &cfg, &report, &err));
    CU_ASSERT_EQUAL(report.n, 1);
    const char *dirs[] = {dir, "."};
    struct kernel_set set;
    CU_ASSERT_FATAL(kernel_set_load(f.arena, dirs, 2, &set, &err));
    const struct gemm_consts *c = kernel_gemm(&set, &f.gpus, f.gpu, "vllm", "bf16", NULL);
    CU_ASSERT_STRING_EQUAL(c->key.version, "7.1");
    CHECK_NEAR(c->t0_s, 1e-6 * report.rows[0].x[0], 1e-3);
    CHECK_NEAR(c->em, report.rows[0].x[2], 1e-3);
    CHECK_NEAR(c->key.err_median_frac, report.rows[0].heldout.median, 1e-3);
    CU_ASSERT_PTR_NOT_NULL(strstr(c->key.source, "lab t/7.1"));
    fixture_free(&f);
}

static void only_the_newest_version_of_a_kernel_is_fitted(void)
{
    struct fixture f = gemm_table(4e-6);
    const char *tables[] = {gemm_file(&f, 0, "h100_sxm", "0.9.1", 3.0),
                            gemm_file(&f, 1, "h100_sxm", "0.14.0rc2", 2.0),
                            gemm_file(&f, 2, "h100_sxm", "0.14.0", 1.0)};
    struct opfit_config cfg = config(&f, tables, 3, check_tmp(3, "-out.csv"));
    struct opfit_report report;
    struct err err = {0};
    CU_ASSERT_FATAL(opfit_run(f.arena, &cfg, &report, &err));
    CU_ASSERT_EQUAL_FATAL(report.n, 1);
    CU_ASSERT_STRING_EQUAL(report.rows[0].key.version, "0.14.0");
    fixture_free(&f);
}

static void fails(const struct fixture *f, const char *table, const char *out,
                  enum err_code code, const char *word)
{
    struct opfit_config cfg = config(f, &table, 1, out);
    struct opfit_report report;
    struct err err = {0};
    CU_ASSERT_FALSE(opfit_run(f->arena, &cfg, &report, &err));
    CU_ASSERT_EQUAL(err.code, code);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, word));
}

static const char *text_file(int idx, const char *text)
{
    const char *path = check_tmp(idx, ".csv");
    FILE *out = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    fputs(text, out);
    fclose(out);
    return path;
}

static void bad_tables_are_errors_that_name_the_cause(void)
{
    struct fixture f = gemm_table(4e-6);
    const char *out = check_tmp(5, "-bad.csv");
    fails(&f, text_file(0, "a,b\n1,2\n"), out, ERR_INPUT, "gemm_dtype");
    fails(&f, gemm_file(&f, 1, "z80", "1", 1.0), out, ERR_INPUT, "z80");
    fails(&f,
          text_file(2, "system,framework,version,kernel_source,gemm_dtype,latency\n"
                       "h100_sxm,VLLM,1,k,bfloat16,1\n"),
          out, ERR_INPUT, "'m'");
    f.set.n = 3;
    fails(&f, gemm_file(&f, 3, "h100_sxm", "1", 1.0), out, ERR_UNFIT, "fitted");
    f.set.n = 300;
    fails(&f, gemm_file(&f, 4, "h100_sxm", "1", 1.0), "/nonexistent/dir/out.csv", ERR_IO, "");
    fixture_free(&f);
}

#define CASE(fn)                                                                               \
    {                                                                                          \
#fn, fn                                                                                \
    }

int main(void)
{
    static const struct check_case cases[] = {
        CASE(gemm_constants_are_recovered_from_noisy_rows),
        CASE(rows_faster_than_the_floor_are_dropped_and_change_nothing),
        CASE(gemm_table_of_interpreter_launches_is_not_fitted),
        CASE(too_few_rows_are_not_fitted),
        CASE(kernel_of_another_law_is_reported_as_such),
        CASE(same_table_gives_the_same_constants_to_the_bit),
        CASE(decode_bandwidth_and_launch_are_recovered),
        CASE(ungrouped_heads_are_left_out_of_the_decode_fit),
        CASE(resolved_decode_unit_equals_the_fitted_law),
        CASE(prefill_arithmetic_and_last_tile_are_recovered),
        CASE(expert_constants_are_recovered_and_tokens_are_those_of_the_group),
        CASE(expert_rows_of_large_groups_are_left_out),
        CASE(written_file_is_what_the_catalogue_reads),
        CASE(only_the_newest_version_of_a_kernel_is_fitted),
        CASE(bad_tables_are_errors_that_name_the_cause),
    };
    return check_main("opfit", cases, (int)(sizeof cases / sizeof *cases));
}
