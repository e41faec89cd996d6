/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_kv_layout.c - KV bytes of a sequence against start-up logs of real engines, and how
 * bounded and constant layers count. Logs print a token count and the GiB of the pool that
 * holds it. */
#include <string.h>

#include "sim/cost/kv_layout.h"
#include "tests/check.h"

static const double GIB = 1024.0 * 1024.0 * 1024.0;

static struct model gqa_model(int n_layers, int n_kv_heads, int head_dim)
{
    struct model m = {.n_layers = n_layers, .n_groups = 1};
    m.groups[0].n_layers = n_layers;
    m.groups[0].attn = (struct attn_spec){.kind = ATTN_GQA,
                                          .n_heads = n_kv_heads * 4,
                                          .n_kv_heads = n_kv_heads,
                                          .head_dim = head_dim,
                                          .v_head_dim = head_dim};
    return m;
}

struct log_pair {
    const char *what;
    int n_layers, n_kv_heads, head_dim, tp;
    enum dtype kv;
    int block_tokens;
    int64_t tokens;
    double gib;
    const char *source;
};

/* Not here: Qwen3-235B on vLLM (178,880 tokens, 8.11 GiB) and R1-Distill-Qwen-14B
 * (81,536, 8.69): the engine takes the smallest rank's blocks and prints another rank's GiB. */
static const struct log_pair LOGS[] = {
    {"Qwen3-235B-A22B-FP8, SGLang", 94, 4, 128, 4, DTYPE_BF16, 1, 367404, 16.46,
     "vllm-project/vllm#21348"},
    {"Llama-3.1-8B and its EAGLE layer, vLLM", 33, 8, 128, 1, DTYPE_BF16, 16, 410128, 51.63,
     "vLLM log, 2025-06-23"},
    {"granite 4.2 3b, vLLM", 41, 8, 64, 1, DTYPE_BF16, 16, 668624, 52.29,
     "generative-computing/granite-switch#128"},
    {"granite-4.0-micro, vLLM 0.11", 40, 8, 64, 1, DTYPE_BF16, 16, 463136, 35.34, "vLLM log"},
    {"GLM-4.7, fp8 KV, vLLM 0.15.1", 92, 8, 128, 4, DTYPE_FP8, 16, 729248, 31.99, "vLLM log"},
    {"Llama-3.1-8B, vLLM", 32, 8, 128, 1, DTYPE_BF16, 16, 43296, 5.29, "vLLM log"},
    {"Qwen3-8B, vLLM", 36, 8, 128, 1, DTYPE_BF16, 16, 43888, 6.03, "vLLM log"},
    {"Llama-3.1-70B, vLLM 0.14", 80, 8, 128, 1, DTYPE_BF16, 16, 126832, 38.71, "vLLM log"},
    {"Llama-7B, 8-bit KV, TensorRT-LLM", 32, 32, 128, 1, DTYPE_INT8, 64, 259840, 63.44,
     "TensorRT-LLM docs memory.md"},
    {"Llama-2-7B, TensorRT-LLM 0.8", 32, 32, 128, 1, DTYPE_BF16, 64, 132608, 64.75,
     "NVIDIA/TensorRT-LLM#1400"},
    {"Llama-3.1-8B, TensorRT-LLM", 32, 8, 128, 1, DTYPE_BF16, 32, 220480, 26.91, "dynamo log"},
    {"Qwen2-32B, SGLang", 64, 8, 128, 4, DTYPE_BF16, 1, 46611, 2.84, "SGLang log"},
    {"Qwen3-30B-A3B, vLLM", 48, 4, 128, 1, DTYPE_BF16, 16, 70944, 6.50, "vLLM log"},
};

static void logged_pools_hold_the_logged_tokens(void)
{
    for (size_t i = 0; i < sizeof LOGS / sizeof *LOGS; i++) {
        const struct log_pair *p = &LOGS[i];
        struct model m = gqa_model(p->n_layers, p->n_kv_heads, p->head_dim);
        struct kv_layout l;
        kv_layout_init(&l, &m, p->kv, p->tp, p->block_tokens, true);
        CHECK_NEAR((double)kv_bytes(&l, p->tokens) / GIB, p->gib, 0.005);
    }
}

static struct model mla_model(int n_layers)
{
    struct model m = {.n_layers = n_layers, .n_groups = 1};
    m.groups[0].n_layers = n_layers;
    m.groups[0].attn = (struct attn_spec){
        .kind = ATTN_MLA, .n_heads = 64, .kv_lora_rank = 512, .qk_rope_dim = 64};
    return m;
}

/* Kimi K2.5, fp8, TensorRT-LLM log: 5,073,376 tokens in 166.02 GiB. */
static void latent_cache_matches_the_log_and_is_not_divided_by_tp(void)
{
    struct model m = mla_model(61);
    struct kv_layout one;
    struct kv_layout eight;
    kv_layout_init(&one, &m, DTYPE_FP8, 1, 32, true);
    kv_layout_init(&eight, &m, DTYPE_FP8, 8, 32, true);
    CHECK_NEAR((double)kv_bytes(&one, 5073376) / GIB, 166.02, 0.005);
    CU_ASSERT_EQUAL(kv_bytes(&one, 4096), kv_bytes(&eight, 4096));
}

static void kv_heads_are_repeated_when_tp_exceeds_them(void)
{
    struct model m = gqa_model(94, 4, 128);
    struct kv_layout four;
    struct kv_layout eight;
    kv_layout_init(&four, &m, DTYPE_BF16, 4, 16, true);
    kv_layout_init(&eight, &m, DTYPE_BF16, 8, 16, true);
    CU_ASSERT_EQUAL(four.full_block_bytes, 94 * 2 * 128 * 2 * 16);
    CU_ASSERT_EQUAL(eight.full_block_bytes, four.full_block_bytes);
}

/* Qwen3-Next-80B, vLLM: 12 of 48 layers cache K and V, 36 keep a state. Engines print pool /
 * longest sequence * its length: 242,534 tokens at 65,536 in 5.85 GiB. */
static void constant_state_counts_once_per_sequence(void)
{
    struct model m = gqa_model(48, 2, 256);
    m.groups[0].n_layers = 12;
    m.groups[1].n_layers = 36;
    m.groups[1].attn = (struct attn_spec){.kind = ATTN_LINEAR,
                                          .lin_key_heads = 16,
                                          .lin_value_heads = 32,
                                          .lin_key_dim = 128,
                                          .lin_value_dim = 128,
                                          .lin_conv_kernel = 4};
    m.n_groups = 2;
    struct kv_layout l;
    kv_layout_init(&l, &m, DTYPE_BF16, 1, 16, true);
    CHECK_NEAR((double)kv_bytes(&l, 65536) * 242534.0 / 65536.0 / GIB, 5.85, 0.01);
    CU_ASSERT_EQUAL(kv_bytes(&l, 32) - kv_bytes(&l, 16), l.full_block_bytes);
    CU_ASSERT_EQUAL(kv_bytes(&l, 16), l.full_block_bytes + l.state_bytes);
}

static struct model windowed_model(enum attn_span span, int64_t window_tokens)
{
    struct model m = gqa_model(4, 8, 128);
    m.groups[0].n_layers = 1;
    m.groups[1] = m.groups[0];
    m.groups[1].n_layers = 3;
    m.groups[1].attn.span = span;
    m.groups[1].attn.window_tokens = window_tokens;
    m.n_groups = 2;
    return m;
}

static void sliding_layers_stop_growing_one_block_past_their_window(void)
{
    struct model m = windowed_model(SPAN_SLIDING, 1024);
    struct kv_layout l;
    kv_layout_init(&l, &m, DTYPE_BF16, 1, 16, true);
    int64_t token = 2 * 8 * 128 * 2;
    CU_ASSERT_EQUAL(kv_bytes(&l, 1040), 4 * token * 1040);
    CU_ASSERT_EQUAL(kv_bytes(&l, 4096), token * 4096 + 3 * token * 1040);
}

static void windows_that_are_not_freed_grow_like_all_layers(void)
{
    struct model m = windowed_model(SPAN_SLIDING, 1024);
    struct kv_layout l;
    kv_layout_init(&l, &m, DTYPE_BF16, 1, 16, false);
    CU_ASSERT_EQUAL(l.n_windows, 0);
    CU_ASSERT_EQUAL(kv_bytes(&l, 4096), INT64_C(4) * 2 * 8 * 128 * 2 * 4096);
}

static void chunked_layers_start_again_at_every_multiple(void)
{
    struct model m = windowed_model(SPAN_CHUNKED, 8192);
    struct kv_layout l;
    kv_layout_init(&l, &m, DTYPE_BF16, 1, 16, true);
    int64_t token = 2 * 8 * 128 * 2;
    CU_ASSERT_EQUAL(kv_bytes(&l, 8192), 4 * token * 8192);
    CU_ASSERT_EQUAL(kv_bytes(&l, 8193), token * 8208 + 3 * token * 16);
    CU_ASSERT_EQUAL(kv_peak_bytes(&l, 8193), 4 * token * 8192);
}

static void begun_block_counts_whole_and_no_token_counts_nothing(void)
{
    struct model m = gqa_model(32, 8, 128);
    struct kv_layout l;
    kv_layout_init(&l, &m, DTYPE_BF16, 1, 16, true);
    CU_ASSERT_EQUAL(kv_bytes(&l, 0), 0);
    CU_ASSERT_EQUAL(kv_bytes(&l, 1), 16 * 131072);
    CU_ASSERT_EQUAL(kv_bytes(&l, 17), 32 * 131072);
}

/* At every pool size: the longest fits all the way up to its length, one token more does not.
 */
static void check_longest(const struct kv_layout *l, int64_t bytes)
{
    int64_t longest = kv_longest(l, bytes);
    int64_t most = 0;
    for (int64_t t = 1; t <= longest; t++) {
        most = kv_bytes(l, t) > most ? kv_bytes(l, t) : most;
    }
    CU_ASSERT_TRUE(most <= bytes);
    int64_t next = kv_bytes(l, longest + 1);
    CU_ASSERT_TRUE((next > most ? next : most) > bytes);
}

static void longest_sequence_fits_while_it_grows_and_no_longer_one_does(void)
{
    static const enum attn_span SPANS[] = {SPAN_FULL, SPAN_SLIDING, SPAN_CHUNKED};
    for (size_t i = 0; i < sizeof SPANS / sizeof *SPANS; i++) {
        struct model m = windowed_model(SPANS[i], 528);
        struct kv_layout l;
        kv_layout_init(&l, &m, DTYPE_BF16, 1, 16, true);
        for (int64_t blocks = 1; blocks <= 400; blocks += 7) {
            check_longest(&l, blocks * 4096 * 16 + 1);
        }
    }
    struct model m = gqa_model(32, 8, 128);
    struct kv_layout l;
    kv_layout_init(&l, &m, DTYPE_BF16, 1, 16, true);
    CU_ASSERT_EQUAL(kv_longest(&l, 16 * 131072 - 1), 0);
    CU_ASSERT_EQUAL(kv_longest(&l, -5), 0);
}

#define CASE(fn)                                                                               \
    {                                                                                          \
#fn, fn                                                                                \
    }
int main(void)
{
    static const struct check_case cases[] = {
        CASE(logged_pools_hold_the_logged_tokens),
        CASE(latent_cache_matches_the_log_and_is_not_divided_by_tp),
        CASE(kv_heads_are_repeated_when_tp_exceeds_them),
        CASE(constant_state_counts_once_per_sequence),
        CASE(sliding_layers_stop_growing_one_block_past_their_window),
        CASE(windows_that_are_not_freed_grow_like_all_layers),
        CASE(chunked_layers_start_again_at_every_multiple),
        CASE(begun_block_counts_whole_and_no_token_counts_nothing),
        CASE(longest_sequence_fits_while_it_grows_and_no_longer_one_does),
    };
    return check_main("kv_layout", cases, (int)(sizeof cases / sizeof *cases));
}
