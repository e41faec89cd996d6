/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The GEMM law against numbers worked by hand from its formula, and its properties over every
 * set of constants that is shipped. */
#include "sim/cost/gemm.h"

#include <math.h>
#include <string.h>

#include "sim/base/mem.h"
#include "tests/check.h"

static const char *const dirs[] = {"."};

/* H100 SXM by its datasheet. */
static struct gpu h100(void)
{
    struct gpu g = {.name = "test", .mem_bytes_per_s = 3.35e12, .n_sm = 132};
    g.flops_per_s[DTYPE_BF16] = 989e12;
    g.flops_per_s[DTYPE_FP8] = 1979e12;
    return g;
}

/* vLLM bf16 on H100, cost-model.md 2.1. */
static struct gemm_consts h100_bf16(void)
{
    return (struct gemm_consts){
        .t0_s = 3.35e-6, .ec = 0.857, .em = 0.862, .p = 6.7, .k0 = 147.0, .occ_exp = 0.32};
}

static struct gemm_unit unit_of(struct gemm_consts c, enum dtype dtype,
                                enum quant_scheme scheme)
{
    struct gpu g = h100();
    struct gemm_unit u;
    gemm_unit_init(&u, &g, &c, dtype, scheme, 128);
    return u;
}

/* 2 x 8192 x 28672 + 2 x 28672 + 2 x 8192 = 469.836 MB at 0.862 x 3.35 TB/s: 162.70 us.
 * Arithmetic of the padded 64 rows: 3.0065e10 / (0.857 x 989e12) = 35.47 us x (1 + 147/28672) x
 * (132/64)^0.32 = 44.94 us, which the norm 6.7 hides: 162.71 us. With the launch: 166.06 us. */
static void one_row_reads_its_weights(void)
{
    struct gemm_unit u = unit_of(h100_bf16(), DTYPE_BF16, QUANT_NONE);
    CHECK_NEAR(gemm_time_s(&u, 1, 8192, 28672), 166.06e-6, 1e-4);
}

/* 2 x 4096 x 8192 x 8192 = 5.4976e11 / (0.857 x 989e12) = 648.6 us x (1 + 147/8192) = 660.3 us,
 * 2048 tiles fill the GPU; memory needs 268.4 MB, 93.0 us. With the launch: 663.6 us. */
static void a_large_product_computes(void)
{
    struct gemm_unit u = unit_of(h100_bf16(), DTYPE_BF16, QUANT_NONE);
    CHECK_NEAR(gemm_time_s(&u, 4096, 8192, 8192), 663.6e-6, 1e-4);
}

/* 133 tiles on 132 SMs take two waves: 264/133 = 1.985 times as long. */
static void one_tile_too_many_costs_a_wave(void)
{
    struct gemm_consts c = {.ec = 0.8, .em = 1e6, .p = 10.0};
    struct gemm_unit smooth = unit_of(c, DTYPE_BF16, QUANT_NONE);
    c.wq_exp = 1.0;
    struct gemm_unit waves = unit_of(c, DTYPE_BF16, QUANT_NONE);
    double n = 128.0 * 133.0;
    CHECK_NEAR(gemm_law_s(&waves, 128, n, 16384) / gemm_law_s(&smooth, 128, n, 16384),
               264.0 / 133.0, 1e-9);
    CHECK_NEAR(gemm_law_s(&waves, 128, n - 128, 16384),
               gemm_law_s(&smooth, 128, n - 128, 16384), 1e-12);
}

/* 33 tiles on 132 SMs at exponent 0.5: twice as long. */
static void too_few_tiles_leave_processors_idle(void)
{
    struct gemm_consts c = {.ec = 0.8, .em = 1e6, .p = 10.0};
    struct gemm_unit full = unit_of(c, DTYPE_BF16, QUANT_NONE);
    c.occ_exp = 0.5;
    struct gemm_unit split = unit_of(c, DTYPE_BF16, QUANT_NONE);
    CHECK_NEAR(gemm_law_s(&split, 128, 33 * 128, 8192) / gemm_law_s(&full, 128, 33 * 128, 8192),
               2.0, 1e-9);
}

/* Rows are padded to 64 below 65 and to 128 above. */
static void rows_are_padded_to_tiles(void)
{
    struct gemm_consts c = {.ec = 0.8, .em = 1e6, .p = 10.0};
    struct gemm_unit u = unit_of(c, DTYPE_BF16, QUANT_NONE);
    CHECK_NEAR(gemm_law_s(&u, 1, 1024, 4096), gemm_law_s(&u, 64, 1024, 4096), 1e-9);
    CHECK_NEAR(gemm_law_s(&u, 65, 1024, 4096), 2.0 * gemm_law_s(&u, 64, 1024, 4096), 1e-9);
    CHECK_NEAR(gemm_law_s(&u, 129, 1024, 4096), 2.0 * gemm_law_s(&u, 128, 1024, 4096), 1e-9);
}

/* 1024 x 4096 activations read in bf16 and written in fp8: 3 x 4194304 / (0.34 x 3.35e12)
 * = 11.05 us. */
static void dynamic_scales_cost_a_pass_over_the_activations(void)
{
    struct gemm_consts c = {.t0_s = 5e-6, .ec = 0.692, .em = 0.788, .p = 5.4, .k0 = 514.0};
    struct gemm_unit none = unit_of(c, DTYPE_FP8, QUANT_TENSOR_DYNAMIC);
    c.eq = 0.34;
    struct gemm_unit dynamic = unit_of(c, DTYPE_FP8, QUANT_TENSOR_DYNAMIC);
    struct gemm_unit fixed = unit_of(c, DTYPE_FP8, QUANT_TENSOR_STATIC);
    double base = gemm_time_s(&none, 1024, 4096, 4096);
    CHECK_NEAR(gemm_time_s(&dynamic, 1024, 4096, 4096) - base, 11.047e-6, 1e-3);
    CHECK_NEAR(gemm_time_s(&fixed, 1024, 4096, 4096) - base, 11.047e-6 / 2.0, 1e-3);
}

static void static_scales_cap_the_launch(void)
{
    struct gemm_consts c = {.t0_s = 12.6e-6, .ec = 0.78, .em = 0.81, .p = 6.8};
    struct gemm_unit fixed = unit_of(c, DTYPE_FP8, QUANT_TENSOR_STATIC);
    c.t0_s = 5e-6;
    struct gemm_unit small = unit_of(c, DTYPE_FP8, QUANT_TENSOR_STATIC);
    CHECK_NEAR(gemm_time_s(&fixed, 8, 4096, 4096), gemm_time_s(&small, 8, 4096, 4096), 1e-12);
}

static void weights_alone_in_four_bits_compute_in_bf16(void)
{
    struct gemm_unit u = unit_of(h100_bf16(), DTYPE_INT4, QUANT_GROUP);
    CU_ASSERT_EQUAL(u.flops_per_s, 989e12);
    CU_ASSERT_EQUAL(u.act_bytes, 2.0);
    CHECK_NEAR(u.weight_bytes, 0.5 + 2.0 / 128.0, 1e-12);
    struct gemm_unit fp8 = unit_of(h100_bf16(), DTYPE_FP8, QUANT_BLOCK);
    CU_ASSERT_EQUAL(fp8.flops_per_s, 1979e12);
    CHECK_NEAR(fp8.weight_bytes, 1.0 + 4.0 / 16384.0, 1e-12);
}

static void the_row_of_constants_follows_format_and_gpu(void)
{
    struct gpu g = h100();
    struct gpu old = {.flops_per_s = {[DTYPE_BF16] = 312e12}};
    CU_ASSERT_STRING_EQUAL(gemm_dtype_key(&g, DTYPE_BF16, QUANT_NONE), "bf16");
    CU_ASSERT_STRING_EQUAL(gemm_dtype_key(&g, DTYPE_FP8, QUANT_BLOCK), "fp8_block");
    CU_ASSERT_STRING_EQUAL(gemm_dtype_key(&g, DTYPE_FP8, QUANT_TENSOR_STATIC), "fp8");
    CU_ASSERT_STRING_EQUAL(gemm_dtype_key(&old, DTYPE_FP8, QUANT_TENSOR_STATIC), "bf16");
    CU_ASSERT_STRING_EQUAL(gemm_dtype_key(&g, DTYPE_NVFP4, QUANT_GROUP), "bf16");
    CU_ASSERT_STRING_EQUAL(gemm_dtype_key(&g, DTYPE_MXFP4, QUANT_GROUP), "bf16");
    g.flops_per_s[DTYPE_NVFP4] = 9e15;
    CU_ASSERT_STRING_EQUAL(gemm_dtype_key(&g, DTYPE_NVFP4, QUANT_GROUP), "nvfp4");
}

/* Constants of small GPUs were measured with weights in L2: a fraction above 1 must not show.
 */
static void no_product_beats_the_datasheet(void)
{
    struct gemm_consts hot = {.t0_s = 1e-9, .ec = 1.7, .em = 2.5, .p = 8.0};
    struct gemm_unit u = unit_of(hot, DTYPE_BF16, QUANT_NONE);
    double read = (2.0 * 8192 * 8192 + 2.0 * 8192 + 2.0 * 8192) / 3.35e12;
    CHECK_NEAR(gemm_floor_s(&u, 1, 8192, 8192), read, 1e-12);
    CU_ASSERT_EQUAL(gemm_time_s(&u, 1, 8192, 8192), gemm_floor_s(&u, 1, 8192, 8192));
    CU_ASSERT_TRUE(gemm_law_s(&u, 1, 8192, 8192) < gemm_floor_s(&u, 1, 8192, 8192));
    CHECK_NEAR(gemm_floor_s(&u, 8192, 8192, 8192), 2.0 * 8192.0 * 8192.0 * 8192.0 / 989e12,
               1e-12);
    CU_ASSERT_EQUAL(gemm_time_s(&u, 8192, 8192, 8192), gemm_floor_s(&u, 8192, 8192, 8192));
}

/* ---- shipped constants
 * ----------------------------------------------------------------------- */

static enum dtype format_of(const char *key, enum quant_scheme *scheme)
{
    *scheme = strcmp(key, "fp8_block") == 0 ? QUANT_BLOCK : QUANT_TENSOR_DYNAMIC;
    if (strncmp(key, "fp8", 3) == 0) {
        return DTYPE_FP8;
    }
    if (strcmp(key, "nvfp4") == 0) {
        *scheme = QUANT_GROUP;
        return DTYPE_NVFP4;
    }
    *scheme = QUANT_NONE;
    return DTYPE_BF16;
}

static void check_monotone(const struct gemm_unit *u, const char *sku)
{
    static const double shapes[][2] = {{1280, 8192}, {8192, 3584}, {57344, 8192}, {512, 512}};
    for (int i = 0; i < 4; i++) {
        double n = shapes[i][0];
        double k = shapes[i][1];
        double before = 0.0;
        for (double m = 1; m <= 9000; m = floor(m * 1.07) + 1) {
            double t = gemm_time_s(u, m, n, k);
            if (t < before * (1.0 - 1e-12)) {
                CU_FAIL("more rows cost less");
                fprintf(stderr, "%s m %g n %g k %g: %g after %g\n", sku, m, n, k, t, before);
            }
            CU_ASSERT_TRUE(t >= gemm_floor_s(u, m, n, k));
            CU_ASSERT_TRUE(gemm_time_s(u, m, 2 * n, k) >= t * 0.999);
            CU_ASSERT_TRUE(gemm_time_s(u, m, n, 2 * k) >= t);
            before = t;
        }
    }
}

static void more_work_never_costs_less_with_any_shipped_constants(void)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    struct gpu_list gpus;
    struct kernel_set set;
    CU_ASSERT_TRUE_FATAL(gpu_list_load(arena, dirs, 1, &gpus, &err));
    CU_ASSERT_TRUE_FATAL(kernel_set_load(arena, dirs, 1, &set, &err));
    CU_ASSERT_TRUE(set.n_gemm > 40);
    for (int i = 0; i < set.n_gemm; i++) {
        const struct gpu *gpu = gpu_find(&gpus, set.gemm[i].key.sku, &err);
        CU_ASSERT_PTR_NOT_NULL_FATAL(gpu);
        enum quant_scheme scheme;
        enum dtype dtype = format_of(set.gemm[i].key.dtype, &scheme);
        struct gemm_unit u;
        gemm_unit_init(&u, gpu, &set.gemm[i], dtype, scheme, 16);
        check_monotone(&u, set.gemm[i].key.sku);
        struct gpu faster = *gpu;
        faster.mem_bytes_per_s *= 1.5;
        struct gemm_unit v;
        gemm_unit_init(&v, &faster, &set.gemm[i], dtype, scheme, 16);
        CU_ASSERT_TRUE(gemm_time_s(&v, 1, 28672, 8192) < gemm_time_s(&u, 1, 28672, 8192));
        CU_ASSERT_TRUE(gemm_time_s(&v, 4096, 28672, 8192) <=
                       gemm_time_s(&u, 4096, 28672, 8192));
    }
    arena_free(arena);
}

#define CASE(name)                                                                             \
    {                                                                                          \
#name, name                                                                            \
    }
static const struct check_case cases[] = {
    CASE(one_row_reads_its_weights),
    CASE(a_large_product_computes),
    CASE(one_tile_too_many_costs_a_wave),
    CASE(too_few_tiles_leave_processors_idle),
    CASE(rows_are_padded_to_tiles),
    CASE(dynamic_scales_cost_a_pass_over_the_activations),
    CASE(static_scales_cap_the_launch),
    CASE(weights_alone_in_four_bits_compute_in_bf16),
    CASE(the_row_of_constants_follows_format_and_gpu),
    CASE(no_product_beats_the_datasheet),
    CASE(more_work_never_costs_less_with_any_shipped_constants),
};

int main(void)
{
    return check_main("gemm", cases, (int)(sizeof cases / sizeof cases[0]));
}
