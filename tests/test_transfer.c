/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Constants that stand in on another GPU: the bias of such transfers is taken out, and only
 * there. */
#include <string.h>

#include "hardware/kernel.h"
#include "sim/experiment/experiment.h"
#include "tests/check.h"
#include "tests/stock_fixture.h"

static const char *const DIRS[] = {"."};
static struct arena *shared_arena;

static const struct transfer *between(const char *from, const char *to, const char *dtype)
{
    const struct gpu_list *gpus = &stock_fixture()->gpus;
    return transfer_find(&stock_fixture()->kernels.transfers, gpu_find(gpus, from, NULL),
                         gpu_find(gpus, to, NULL), dtype);
}

static void a_gpu_of_its_own_constants_is_left_alone(void)
{
    CU_ASSERT_PTR_NULL(between("h100-sxm", "h100-sxm", "bf16"));
    CHECK_NEAR(transfer_efficiency(NULL, 0.857), 0.857, 0.0);
}

static void siblings_carry_no_bias(void)
{
    CHECK_NEAR(between("h100-sxm", "h200-sxm", "bf16")->bias_frac, 0.0, 0.0);
    CU_ASSERT_PTR_NULL(between("a100-sxm-80gb", "a100-pcie-80gb", "bf16"));
}

static void a_younger_generation_reaches_less_of_its_peak(void)
{
    CU_ASSERT(between("h100-sxm", "b200", "fp8")->bias_frac < -0.05);
    CU_ASSERT(between("h100-sxm", "b200", "bf16")->bias_frac < -0.05);
}

static void an_unmeasured_vendor_takes_what_the_giver_shows_towards_others(void)
{
    const struct transfer *t = between("h200-sxm", "mi300x", "bf16");
    CHECK_NEAR(t->bias_frac, -0.0815, 1e-12); /* the median of Hopper's seven rows */
    CU_ASSERT(t->p90_frac > 0.3);
    CU_ASSERT(between("b200", "mi355x", "bf16")->bias_frac > 0.0);
}

static void a_giver_without_pairs_takes_the_general_rule(void)
{
    struct transfer_table none;
    stock_fixture();
    transfer_without_arch(shared_arena, &stock_fixture()->kernels.transfers, "Hopper", &none);
    const struct gpu_list *gpus = &stock_fixture()->gpus;
    const struct transfer *t = transfer_find(&none, gpu_find(gpus, "h200-sxm", NULL),
                                             gpu_find(gpus, "mi300x", NULL), "bf16");
    CHECK_NEAR(t->bias_frac, -0.125, 1e-12);
}

static void without_an_architecture_its_pairs_are_unknown(void)
{
    struct transfer_table left;
    stock_fixture();
    transfer_without_arch(shared_arena, &stock_fixture()->kernels.transfers, "Blackwell",
                          &left);
    const struct gpu_list *gpus = &stock_fixture()->gpus;
    const struct gpu *h200 = gpu_find(gpus, "h200-sxm", NULL);
    const struct transfer *t = transfer_find(&left, h200, gpu_find(gpus, "b200", NULL), "fp8");
    CU_ASSERT_STRING_EQUAL(t->to_arch, "*");
    CHECK_NEAR(t->bias_frac, -0.02275, 1e-12); /* Hopper to Ampere and Ada, four rows */
    CU_ASSERT_STRING_EQUAL(
        transfer_find(&left, h200, gpu_find(gpus, "l40s", NULL), "bf16")->to_arch, "Ada");
}

static void an_unmeasured_format_takes_the_row_of_bf16(void)
{
    CU_ASSERT_PTR_EQUAL(between("l40s", "b200", "nvfp4"), between("l40s", "b200", "bf16"));
}

static void efficiency_loses_the_bias_and_never_passes_one(void)
{
    const struct transfer slow = {.bias_frac = -0.125};
    const struct transfer fast = {.bias_frac = 0.3};
    CHECK_NEAR(transfer_efficiency(&slow, 0.8), 0.7, 1e-12);
    CHECK_NEAR(transfer_efficiency(&fast, 0.9), 1.0, 0.0);
}

/* Step time of a dense model, and what the step model says of its constants. */
static double step_on(const char *gpu, struct step_model **out)
{
    struct system_spec spec = system_spec_default();
    static struct system systems[4];
    static int n;
    struct system *s = &systems[n++ % 4];
    struct err err = {0};
    stock_fixture();
    spec.name = "d";
    spec.model = model_find(shared_arena, DIRS, 1, "llama-3.1-8b", &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(spec.model);
    CU_ASSERT_TRUE_FATAL(
        model_checkpoint_named(spec.model, DTYPE_BF16, "llama-3.1-8b", &spec.checkpoint, &err));
    spec.gpu = gpu_find(&stock_fixture()->gpus, gpu, NULL);
    spec.tp = 1;
    CU_ASSERT_TRUE_FATAL(system_resolve(stock_fixture(), &spec, s, &err));
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->step);
    double parts[OP_N];
    step_token_parts(s->step, 4096, parts);
    *out = s->step;
    s->step = NULL;
    return parts[OP_DENSE];
}

static void a_gpu_without_tables_is_slower_than_its_data_sheet_and_graded_none(void)
{
    struct step_model *measured;
    struct step_model *scaled;
    double at_h200 = step_on("h200-sxm", &measured);
    double at_mi300x = step_on("mi300x", &scaled);
    double peak =
        scaled->cfg.gpu->flops_per_s[DTYPE_BF16] / measured->cfg.gpu->flops_per_s[DTYPE_BF16];
    CU_ASSERT(at_mi300x > at_h200 / peak * 1.05);
    CU_ASSERT_EQUAL(scaled->match, MATCH_SKU);
    CU_ASSERT(scaled->transfer_p90_frac > 0.3);
    CHECK_NEAR(measured->transfer_p90_frac, 0.0, 0.0);
    step_model_free(measured);
    step_model_free(scaled);
}

int main(void)
{
    static const struct check_case cases[] = {
#define CASE(f) {#f, f}
        CASE(a_gpu_of_its_own_constants_is_left_alone),
        CASE(siblings_carry_no_bias),
        CASE(a_younger_generation_reaches_less_of_its_peak),
        CASE(an_unmeasured_vendor_takes_what_the_giver_shows_towards_others),
        CASE(a_giver_without_pairs_takes_the_general_rule),
        CASE(without_an_architecture_its_pairs_are_unknown),
        CASE(an_unmeasured_format_takes_the_row_of_bf16),
        CASE(efficiency_loses_the_bias_and_never_passes_one),
        CASE(a_gpu_without_tables_is_slower_than_its_data_sheet_and_graded_none),
    };
    shared_arena = arena_new();
    int code = check_main("transfer", cases, (int)(sizeof cases / sizeof *cases));
    arena_free(shared_arena);
    return code;
}
