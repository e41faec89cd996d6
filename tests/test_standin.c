/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Kernels that stand in on a GPU of another architecture. */
#include <string.h>

#include "sim/cost/standin.h"
#include "tests/check.h"
#include "tests/stock_fixture.h"

static bool foreign(const char *gpu, const char *from)
{
    const struct kernel_key key = {.sku = from};
    return standin_is_foreign(&stock_fixture()->gpus, stock_fixture_gpu(gpu), &key);
}

static void a_refresh_and_a_sibling_are_of_one_architecture(void)
{
    CU_ASSERT_FALSE(foreign("h200-sxm", "h100-sxm"));
    CU_ASSERT_FALSE(foreign("b300", "b200"));
    CU_ASSERT_FALSE(foreign("b200", "b200"));
    CU_ASSERT_TRUE(foreign("mi300x", "h200-sxm"));
    CU_ASSERT_TRUE(foreign("rtx-pro-6000", "l40s"));
}

static double layer_s(const struct moe_unit *like, const struct moe_consts *k)
{
    struct moe_unit u = *like;
    u.consts = *k;
    return moe_time_s(&u, 64.0, 64.0 * u.top_k, 128.0);
}

static void experts_take_the_fastest_set_of_the_giver_in_its_format(void)
{
    const struct kernel_set *set = &stock_fixture()->kernels;
    const struct gpu *gpu = stock_fixture_gpu("mi300x");
    const struct moe_consts *found =
        kernel_moe(set, &stock_fixture()->gpus, gpu, "vllm", "fp8", "triton", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    struct moe_unit like;
    moe_unit_init(&like, gpu, found, DTYPE_FP8, QUANT_TENSOR_DYNAMIC, 0);
    like.hidden = 4096;
    like.width = 1536;
    like.top_k = 8;
    like.n_matrices = 3;
    const struct moe_consts *best = standin_experts(set, found, &like, 128, 1);
    CU_ASSERT_STRING_EQUAL(best->key.sku, found->key.sku);
    CU_ASSERT_STRING_EQUAL(best->key.dtype, found->key.dtype);
    for (int i = 0; i < set->n_moe; i++) {
        const struct moe_consts *m = &set->moe[i];
        if (strcmp(m->key.sku, found->key.sku) == 0 && strcmp(m->key.dtype, "fp8") == 0 &&
            !kernel_moe_by_name_only(&m->key)) {
            CU_ASSERT_TRUE(layer_s(&like, best) <= layer_s(&like, m));
        }
    }
    CU_ASSERT_FALSE(kernel_moe_by_name_only(&best->key));
}

static void attention_takes_the_fastest_set_of_the_giver_in_its_phase_and_shape(void)
{
    const struct kernel_set *set = &stock_fixture()->kernels;
    const struct gpu *gpu = stock_fixture_gpu("mi300x");
    const struct attn_spec spec = {.kind = ATTN_MLA,
                                   .n_heads = 128,
                                   .n_kv_heads = 1,
                                   .head_dim = 192,
                                   .v_head_dim = 128,
                                   .kv_lora_rank = 512,
                                   .qk_nope_dim = 128,
                                   .qk_rope_dim = 64};
    const struct attn_resolve r = {.spec = &spec, .gpu = gpu, .tp = 1, .kv = DTYPE_FP8};
    struct attn_shape shape;
    attn_shape_of(&spec, 1, DTYPE_FP8, &shape);
    /* SGLang's kernel of H200 reads an 8-bit latent cache at 6 to 8 % of the bandwidth */
    const struct attn_consts *found =
        kernel_attn(set, &stock_fixture()->gpus, gpu, "sglang", false, true, "fp8", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    const struct attn_consts *best = standin_attention(set, found, &r);
    CU_ASSERT_STRING_EQUAL(best->key.sku, found->key.sku);
    CU_ASSERT_EQUAL(best->is_prefill, found->is_prefill);
    CU_ASSERT_EQUAL(best->head_dim, found->head_dim);
    CU_ASSERT_TRUE(attn_decode_law_s(&shape, gpu, best, 64.0, 64.0 * 4096.0) <
                   0.5 * attn_decode_law_s(&shape, gpu, found, 64.0, 64.0 * 4096.0));
}

int main(void)
{
    static const struct check_case cases[] = {
#define CASE(f) {#f, f}
        CASE(a_refresh_and_a_sibling_are_of_one_architecture),
        CASE(experts_take_the_fastest_set_of_the_giver_in_its_format),
        CASE(attention_takes_the_fastest_set_of_the_giver_in_its_phase_and_shape),
    };
    return check_main("standin", cases, (int)(sizeof cases / sizeof *cases));
}
