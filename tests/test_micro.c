/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Micro-measurements: known constants are found again, and the folder that is written makes the
 * GPU one with constants of its own. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/cost/gemm.h"
#include "sim/fit/micro.h"
#include "tests/check.h"
#include "tests/stock_fixture.h"

static struct arena *shared_arena;

static const char *write_file(const char *text)
{
    const char *path = check_tmp(0, ".csv");
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static bool run(const char *table, const char *gpu, struct micro_report *report,
                struct err *err)
{
    const char *out = check_tmp(1, "-micro");
    struct micro_options o = {.table = table,
                              .gpu = gpu,
                              .out = out,
                              .as_of = "2026-11-22",
                              .stock = stock_fixture()};
    mkdir(out, 0777);
    return micro_run(shared_arena, &o, report, err);
}

/* An MI300X that reaches 0.45 of its arithmetic, 0.6 of its bandwidth, launches in 9 us. */
static double truth_us(double m, double n, double k)
{
    enum kernel_match match;
    const struct gpu *gpu = gpu_find(&stock_fixture()->gpus, "mi300x", NULL);
    const struct gemm_consts *base = kernel_gemm(
        &stock_fixture()->kernels, &stock_fixture()->gpus, gpu, "vllm", "bf16", &match);
    struct gemm_unit unit;
    gemm_unit_init(&unit, gpu, base, DTYPE_BF16, QUANT_NONE, 0);
    unit.consts.ec = 0.45;
    unit.consts.em = 0.6;
    unit.consts.t0_s = 9e-6;
    return 1e6 * gemm_law_s(&unit, m, n, k);
}

static const char *mi300x_table(bool tiny)
{
    static char text[1024];
    stock_fixture();
    int n = snprintf(text, sizeof text,
                     "kind,m,n,k,bytes,n_gpus,latency_us,dtype\n"
                     "gemm,8192,8192,8192,,,%.9g,bf16\n"
                     "gemm,1,16384,16384,,,%.9g,bf16\n"
                     "all_reduce,,,,8192,8,40,\n"
                     "all_reduce,,,,268435456,8,2500,\n",
                     truth_us(8192, 8192, 8192), truth_us(1, 16384, 16384));
    if (tiny) {
        snprintf(text + n, sizeof text - (size_t)n, "gemm,1,1024,1024,,,%.9g,bf16\n",
                 truth_us(1, 1024, 1024));
    }
    return write_file(text);
}

static void known_constants_are_found_again(void)
{
    struct micro_report r;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(run(mi300x_table(true), "mi300x", &r, &err));
    CHECK_NEAR(r.ec, 0.45, 0.01);
    CHECK_NEAR(r.em, 0.6, 0.01);
    CHECK_NEAR(r.t0_s, 9e-6, 0.02);
    CU_ASSERT(r.n_gemm > 0 && r.n_attn > 0 && r.n_moe > 0);
}

static void without_a_tiny_product_the_launch_stays(void)
{
    struct micro_report r;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(run(mi300x_table(false), "mi300x", &r, &err));
    CU_ASSERT(isnan(r.t0_s));
    CHECK_NEAR(r.ec, 0.45, 0.03);
}

static void the_folder_gives_the_gpu_constants_of_its_own(void)
{
    struct micro_report r;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(run(mi300x_table(true), "mi300x", &r, &err));
    const char *dirs[] = {check_tmp(1, "-micro"), "."};
    const struct stock *own = stock_load(shared_arena, dirs, 2, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(own);
    enum kernel_match match = MATCH_SKU;
    const struct gpu *gpu = gpu_find(&own->gpus, "mi300x", NULL);
    const struct gemm_consts *g =
        kernel_gemm(&own->kernels, &own->gpus, gpu, "vllm", "bf16", &match);
    CU_ASSERT_EQUAL(match, MATCH_EXACT);
    CHECK_NEAR(g->ec, 0.45, 0.01);
    CHECK_NEAR(collective_time_s(&own->fabric, &own->gpus, gpu, "vllm", "all_reduce", 8, 8192),
               40e-6, 0.01);
    CHECK_NEAR(
        collective_time_s(&own->fabric, &own->gpus, gpu, "vllm", "all_reduce", 8, 268435456),
        2500e-6, 0.01);
}

static void refuse(const char *rows, const char *gpu, const char *because)
{
    struct micro_report r;
    struct err err = {0};
    char text[512];
    stock_fixture();
    snprintf(text, sizeof text, "kind,m,n,k,bytes,n_gpus,latency_us,dtype\n%s", rows);
    CU_ASSERT_FALSE(run(write_file(text), gpu, &r, &err));
    if (!strstr(err.text, because)) {
        printf("'%s' does not say '%s'\n", err.text, because);
        CU_FAIL("another reason");
    }
}

static void bad_tables_are_refused(void)
{
    refuse("", "mi300x", "no product");
    refuse("gemm,8192,8192,8192,,,0,bf16\n", "mi300x", "latency_us");
    refuse("gemm,8192,8192,8192,,,1,bf16\n", "mi300x", "physical floor");
    refuse("gemm,8192,8192,,,,900,bf16\n", "mi300x", "'k'");
    refuse("gemm,8192,8192,8192,,,9000,fp8\n", "a100-sxm-80gb", "does not compute in 'fp8'");
    refuse("gem,8192,8192,8192,,,9000,bf16\n", "mi300x", "kind must be");
    refuse("all_reduce,,,,8192,99,40,\n", "mi300x", "n_gpus must be");
    refuse("gemm,8192,8192,8192,,,9000,bf16\nall_reduce,,,,268435456,8,1,\n", "mi300x",
           "physical floor");
    refuse("gemm,8192,8192,8192,,,9000,bf16\n", "mi300y", "mi300y");
}

int main(void)
{
    static const struct check_case cases[] = {
#define CASE(f) {#f, f}
        CASE(known_constants_are_found_again),
        CASE(without_a_tiny_product_the_launch_stays),
        CASE(the_folder_gives_the_gpu_constants_of_its_own),
        CASE(bad_tables_are_refused),
    };
    shared_arena = arena_new();
    int code = check_main("micro", cases, (int)(sizeof cases / sizeof *cases));
    arena_free(shared_arena);
    return code;
}
