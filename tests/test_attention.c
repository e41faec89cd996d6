/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Attention laws against numbers worked by hand, the sums over prompt chunks against counting
 * pairs one by one, and the shapes of every attention kind. */
#include "sim/cost/attention.h"

#include <math.h>
#include <string.h>

#include "tests/check.h"

static struct gpu h100(void)
{
    struct gpu g = {.name = "test", .mem_bytes_per_s = 3.35e12, .n_sm = 132};
    g.flops_per_s[DTYPE_BF16] = 989e12;
    g.flops_per_s[DTYPE_FP8] = 1979e12;
    return g;
}

/* vLLM FA3 on H100, cost-model.md 2.2. */
static struct attn_consts h100_decode(void)
{
    return (struct attn_consts){.key = {.dtype = "bf16"},
                                .t0_s = 11.3e-6,
                                .em = 0.966,
                                .ec = 0.689,
                                .p = 1.0,
                                .occ_exp = 0.63,
                                .tw_s = 2.02e-6};
}
static struct attn_consts h100_prefill(void)
{
    return (struct attn_consts){.key = {.dtype = "bf16"},
                                .is_prefill = true,
                                .t0_s = 11e-6,
                                .em = 0.546,
                                .ec = 0.691,
                                .p = 1.0};
}

static const struct attn_spec llama70 = {
    .kind = ATTN_GQA, .n_heads = 64, .n_kv_heads = 8, .head_dim = 128, .v_head_dim = 128};
static const struct attn_spec deepseek = {.kind = ATTN_MLA,
                                          .n_heads = 128,
                                          .n_kv_heads = 1,
                                          .head_dim = 192,
                                          .v_head_dim = 128,
                                          .q_lora_rank = 1536,
                                          .kv_lora_rank = 512,
                                          .qk_nope_dim = 128,
                                          .qk_rope_dim = 64};

static struct attn_unit resolve_drafted(const struct attn_spec *spec, int tp, enum dtype kv,
                                        int drafted)
{
    struct gpu g = h100();
    struct attn_consts d = h100_decode();
    struct attn_consts p = h100_prefill();
    struct attn_resolve in = {spec, &g, tp, kv, &d, &p, drafted};
    struct attn_unit u;
    attn_resolve(&in, &u);
    return u;
}

static struct attn_unit resolve(const struct attn_spec *spec, int tp, enum dtype kv)
{
    return resolve_drafted(spec, tp, kv, 0);
}

/* ---- shapes
 * ---------------------------------------------------------------------------------- */

/* TP8 of Llama 70B: one KV head, eight query heads padded to 16 rows of the matrix unit. A
 * cached token is 2 x 2 x 128 = 512 B and 4 x 16 x 128 = 8192 FLOP; a query 4 x 8 x 128 = 4096
 * of both. */
static void grouped_heads_divide_over_ranks(void)
{
    struct attn_shape s;
    attn_shape_of(&llama70, 8, DTYPE_BF16, &s);
    CU_ASSERT_EQUAL(s.kv_heads, 1.0);
    CU_ASSERT_EQUAL(s.heads, 8.0);
    CU_ASSERT_EQUAL(s.dec_bytes, 512.0);
    CU_ASSERT_EQUAL(s.dec_flops, 8192.0);
    CU_ASSERT_EQUAL(s.seq_bytes, 4096.0);
    CU_ASSERT_EQUAL(s.pair_flops, 4096.0);
    CU_ASSERT_EQUAL(s.query_bytes, 4096.0);
    CU_ASSERT_EQUAL(s.key_bytes, 512.0);
    attn_shape_of(&llama70, 8, DTYPE_FP8, &s);
    CU_ASSERT_EQUAL(s.dec_bytes, 256.0);
}

static void kv_heads_are_replicated_beyond_their_number(void)
{
    struct attn_shape s8;
    struct attn_shape s16;
    attn_shape_of(&llama70, 8, DTYPE_BF16, &s8);
    attn_shape_of(&llama70, 16, DTYPE_BF16, &s16);
    CU_ASSERT_EQUAL(s16.kv_heads, 1.0);
    CU_ASSERT_EQUAL(s16.dec_bytes, s8.dec_bytes);
    CU_ASSERT_EQUAL(s16.heads, 4.0);
}

/* DeepSeek V3 at TP8: 16 heads padded to 64 rows, 2 x 64 x 1088 = 139,264 FLOP and 576 x 2 B a
 * token, whatever TP; prefill expands: 2 x 16 x (192 + 128) = 10,240 FLOP a pair. */
static void latent_decode_is_absorbed_and_not_divided(void)
{
    struct attn_shape s;
    attn_shape_of(&deepseek, 8, DTYPE_BF16, &s);
    CU_ASSERT_EQUAL(s.dec_flops, 139264.0);
    CU_ASSERT_EQUAL(s.dec_bytes, 1152.0);
    CU_ASSERT_EQUAL(s.seq_bytes, 2.0 * 16 * 1088);
    CU_ASSERT_EQUAL(s.pair_flops, 10240.0);
    CU_ASSERT_EQUAL(s.query_bytes, 2.0 * 16 * 320);
    CU_ASSERT_EQUAL(s.key_bytes, 2.0 * 16 * 320);
    attn_shape_of(&deepseek, 1, DTYPE_FP8, &s);
    CU_ASSERT_EQUAL(s.dec_flops, 2.0 * 128 * 1088);
    CU_ASSERT_EQUAL(s.dec_bytes, 576.0);
}

/* Sparse prefill attends to the latent: 2 x 128 x 1088 FLOP a pair, every query gathering 576 x
 * 2 B each. */
static void sparse_prefill_is_absorbed_and_gathers(void)
{
    struct attn_spec sparse = deepseek;
    sparse.index_n_heads = 64;
    sparse.index_head_dim = 128;
    sparse.index_topk_tokens = 2048;
    struct attn_shape s;
    attn_shape_of(&sparse, 1, DTYPE_BF16, &s);
    CU_ASSERT_EQUAL(s.pair_flops, 278528.0);
    CU_ASSERT_EQUAL(s.gather_bytes, 1152.0);
    CU_ASSERT_EQUAL(s.key_bytes, 1152.0);
    struct attn_unit u = resolve(&sparse, 1, DTYPE_BF16);
    /* 278528 / (0.691 x 989e12) = 0.4076 ns hides 1152 / 3.35e12 = 0.3439 ns; with 16 heads,
     * padded to 64, the gathering shows */
    CHECK_NEAR(u.pre_per_pair_s, 0.4076e-9, 1e-3);
    u = resolve(&sparse, 8, DTYPE_BF16);
    CHECK_NEAR(u.pre_per_pair_s, 0.3439e-9, 1e-3);
}

/* DeepSeek V4: the cached entry of 448 + 64 is K and V itself. */
static void a_cache_that_is_k_and_v_is_read_as_it_is(void)
{
    struct attn_spec v4 = {.kind = ATTN_MLA,
                           .n_heads = 64,
                           .n_kv_heads = 1,
                           .head_dim = 512,
                           .v_head_dim = 512,
                           .q_lora_rank = 1024,
                           .kv_lora_rank = 448,
                           .qk_nope_dim = 448,
                           .qk_rope_dim = 64,
                           .latent_only = true};
    struct attn_shape s;
    attn_shape_of(&v4, 1, DTYPE_FP8, &s);
    CU_ASSERT_EQUAL(s.dec_bytes, 512.0);
    CU_ASSERT_EQUAL(s.dec_flops, 2.0 * 64 * 1024);
    CU_ASSERT_EQUAL(s.pair_flops, 2.0 * 64 * 1024);
    CU_ASSERT_EQUAL(s.gather_bytes, 0.0);
}

/* ---- decode
 * ---------------------------------------------------------------------------------- */

/* 64 sequences of 4096 tokens, Llama 70B at TP8. Per token 512 / (0.966 x 3.35e12) = 158.2 ps
 * plus 8192 / (0.689 x 989e12) = 12.0 ps (norm 1): 262,144 x 170.2 ps = 44.63 us. Per
 * sequence 2.02 us / 132 = 15.3 ns plus 4096 B = 1.27 ns: 1.06 us. With the launch: 56.98 us.
 */
static void decode_reads_the_cache(void)
{
    struct attn_unit u = resolve(&llama70, 8, DTYPE_BF16);
    CHECK_NEAR(attn_decode_s(&u, 64, 64.0 * 4096), 56.98e-6, 2e-4);
}

/* One sequence of 1000 tokens is 8 work items on 132 SMs: bytes take (132/8)^0.63 = 5.849 times
 * as long: 1000 x (925.4 + 12.0) ps = 0.937 us, 16.6 ns of its own, launch 11.3: 12.254 us. */
static void a_short_context_leaves_processors_idle(void)
{
    struct attn_unit u = resolve(&llama70, 8, DTYPE_BF16);
    CHECK_NEAR(attn_decode_s(&u, 1, 1000), 12.254e-6, 1e-3);
}

static void tables_equal_the_decode_law(void)
{
    static const int tps[] = {1, 2, 8};
    struct gpu g = h100();
    struct attn_consts d = h100_decode();
    for (int i = 0; i < 3; i++) {
        struct attn_unit u = resolve(&llama70, tps[i], DTYPE_BF16);
        struct attn_shape s;
        attn_shape_of(&llama70, tps[i], DTYPE_BF16, &s);
        for (double n = 1; n < 300; n = floor(n * 1.7) + 1) {
            for (double l = 1; l < 200000; l = floor(l * 1.9) + 1) {
                CHECK_NEAR(attn_decode_s(&u, n, n * l), attn_decode_law_s(&s, &g, &d, n, n * l),
                           1e-12);
            }
        }
    }
}

static void decode_never_beats_the_bandwidth(void)
{
    struct gpu g = h100();
    struct attn_consts hot = {.key = {.dtype = "bf16"}, .em = 3.0, .ec = 1.0, .p = 9.0};
    struct attn_consts p = h100_prefill();
    struct attn_resolve in = {&llama70, &g, 1, DTYPE_BF16, &hot, &p, 0};
    struct attn_unit u;
    attn_resolve(&in, &u);
    CU_ASSERT_TRUE(attn_decode_s(&u, 64, 64.0 * 4096) >= 64.0 * 4096 * 4096.0 / 3.35e12);
    CHECK_NEAR(u.dec_floor_per_ctx_s, 4096.0 / 3.35e12, 1e-12);
}

/* fp8 KV halves the bytes, not the time: launch and arithmetic stay. */
static void half_the_bytes_take_more_than_half_the_time(void)
{
    struct attn_unit bf16 = resolve(&llama70, 8, DTYPE_BF16);
    struct attn_unit fp8 = resolve(&llama70, 8, DTYPE_FP8);
    double a = attn_decode_s(&bf16, 64, 64.0 * 4096);
    double b = attn_decode_s(&fp8, 64, 64.0 * 4096);
    CU_ASSERT_TRUE(b < a && b > 0.5 * a);
}

static void more_context_never_costs_less_per_batch(void)
{
    struct attn_unit u = resolve(&llama70, 1, DTYPE_BF16);
    double before = 0.0;
    for (double l = 1024; l < 200000; l *= 1.05) {
        double t = attn_decode_s(&u, 32, 32.0 * floor(l));
        CU_ASSERT_TRUE(t > before);
        before = t;
    }
}

/* ---- prefill sums
 * ---------------------------------------------------------------------------- */

static struct prefill_sums chunk(enum attn_span span, int64_t w, int64_t p, int64_t c)
{
    struct prefill_sums s = {0};
    attn_chunk_sums(span, w, p, c, &s);
    return s;
}

/* 1000 tokens round to 1024: 1024 x 1152 / 2 = 589,824 pairs, and 1024 x 500 more after 500
 * cached ones. */
static void causal_chunks_count_whole_tiles(void)
{
    struct prefill_sums s = chunk(SPAN_FULL, 0, 0, 1000);
    CU_ASSERT_EQUAL(s.pairs, 589824.0);
    CU_ASSERT_EQUAL(s.queries, 1000.0);
    CU_ASSERT_EQUAL(s.keys, 1000.0);
    CU_ASSERT_EQUAL(s.tiles, 8.0);
    s = chunk(SPAN_FULL, 0, 500, 1000);
    CU_ASSERT_EQUAL(s.pairs, 589824.0 + 512000.0);
    CU_ASSERT_EQUAL(s.keys, 1500.0);
}

/* c W - W^2 / 2 and half a tile: 10000 x 1024 - 524,288 + 64 x 10000 = 10,355,712. */
static void a_window_bounds_the_pairs(void)
{
    CU_ASSERT_EQUAL(chunk(SPAN_SLIDING, 1024, 0, 10000).pairs, 10355712.0);
    CU_ASSERT_EQUAL(chunk(SPAN_SLIDING, 1024, 50000, 128).pairs, 128.0 * 1088);
    CU_ASSERT_EQUAL(chunk(SPAN_SLIDING, 1024, 50000, 128).keys, 1152.0);
    CU_ASSERT_EQUAL(chunk(SPAN_SLIDING, 1024, 100, 200).pairs,
                    chunk(SPAN_FULL, 0, 100, 200).pairs);
}

/* After 8000 tokens 192 more fill the chunk of 8192 (256 x 8000 + 256 x 384 / 2 pairs), 308
 * start another (384 x 512 / 2). */
static void chunked_attention_starts_again_at_borders(void)
{
    struct prefill_sums s = chunk(SPAN_CHUNKED, 8192, 8000, 500);
    CU_ASSERT_EQUAL(s.pairs, 2048000.0 + 49152.0 + 98304.0);
    CU_ASSERT_EQUAL(s.keys, 8192.0 + 308.0);
    CU_ASSERT_EQUAL(s.queries, 500.0);
}

/* Pairs one by one: query i of n after p sees min(p + i + 1, w) keys, or those of its chunk. */
static double counted(enum attn_span span, int64_t w, int64_t p, int64_t c)
{
    double pairs = 0.0;
    for (int64_t i = p; i < p + c; i++) {
        int64_t seen = i + 1;
        if (span == SPAN_SLIDING) {
            seen = seen < w ? seen : w;
        } else if (span == SPAN_CHUNKED) {
            seen = i % w + 1;
        }
        pairs += (double)seen;
    }
    return pairs;
}

static void sums_are_counts_of_pairs_up_to_tile_padding(void)
{
    static const int64_t chunks[][2] = {
        {0, 1024}, {0, 8192}, {4096, 2048}, {1000, 4096}, {9000, 8192}};
    for (int span = SPAN_FULL; span <= SPAN_CHUNKED; span++) {
        for (int i = 0; i < 5; i++) {
            int64_t w = span == SPAN_FULL ? 0 : 2048;
            double sum = chunk((enum attn_span)span, w, chunks[i][0], chunks[i][1]).pairs;
            double count = counted((enum attn_span)span, w, chunks[i][0], chunks[i][1]);
            CU_ASSERT_TRUE(sum >= count);
            CU_ASSERT_TRUE(sum <= count * 1.14 + 128.0 * 128.0);
        }
    }
}

/* ---- prefill
 * --------------------------------------------------------------------------------- */

/* 8192 tokens of Llama 70B at TP8: 8192 x 8320 / 2 = 34,078,720 pairs x 4096 / (0.691 x 989e12)
 * = 204.25 us; 8192 x (4096 + 512) B at 0.546 x 3.35 TB/s = 20.64 us; with the launch 235.9 us.
 */
static void prefill_computes_its_pairs(void)
{
    struct attn_unit u = resolve(&llama70, 8, DTYPE_BF16);
    struct prefill_sums s = chunk(SPAN_FULL, 0, 0, 8192);
    CHECK_NEAR(attn_prefill_s(&u, &s), 235.9e-6, 1e-3);
}

static void no_queries_take_no_time(void)
{
    struct attn_unit u = resolve(&llama70, 8, DTYPE_BF16);
    struct prefill_sums s = {0};
    CU_ASSERT_EQUAL(attn_prefill_s(&u, &s), 0.0);
}

/* A prompt in chunks costs at least as much as whole: launches, and keys read again. */
static void cutting_a_prompt_never_helps(void)
{
    struct attn_unit u = resolve(&llama70, 8, DTYPE_BF16);
    struct prefill_sums whole = chunk(SPAN_FULL, 0, 0, 16384);
    double parts = 0.0;
    for (int64_t p = 0; p < 16384; p += 2048) {
        struct prefill_sums s = chunk(SPAN_FULL, 0, p, 2048);
        parts += attn_prefill_s(&u, &s);
    }
    CU_ASSERT_TRUE(parts > attn_prefill_s(&u, &whole));
}

static void prefill_never_beats_the_peak(void)
{
    struct gpu g = h100();
    struct attn_consts d = h100_decode();
    struct attn_consts hot = {
        .key = {.dtype = "bf16"}, .is_prefill = true, .em = 9, .ec = 9, .p = 9};
    struct attn_resolve in = {&llama70, &g, 8, DTYPE_BF16, &d, &hot, 0};
    struct attn_unit u;
    attn_resolve(&in, &u);
    struct prefill_sums s = chunk(SPAN_FULL, 0, 0, 8192);
    CU_ASSERT_TRUE(attn_prefill_s(&u, &s) >= s.pairs * 4096.0 / 989e12);
}

/* ---- other kinds
 * ----------------------------------------------------------------------------- */

/* V3.2 on H100: 132 B a cached key at half of 3.35 TB/s is 78.8 ps; 2 x 64 x 128 FLOP of a pair
 * at 0.4 of 1979 TFLOP/s 20.7 ps; selection 10 us. */
static void the_indexer_reads_every_key_and_scores_every_pair(void)
{
    struct attn_spec sparse = deepseek;
    sparse.index_n_heads = 64;
    sparse.index_head_dim = 128;
    sparse.index_topk_tokens = 2048;
    struct attn_unit u = resolve(&sparse, 8, DTYPE_BF16);
    CHECK_NEAR(attn_index_s(&u, 4, 1e6, 0), 10e-6 + 78.8e-6, 1e-3);
    CHECK_NEAR(attn_index_s(&u, 0, 0, 1e6), 10e-6 + 20.7e-6, 1e-3);
    CU_ASSERT_EQUAL(attn_index_s(&u, 0, 0, 0), 0.0);
}

static void a_reused_selection_has_no_indexer(void)
{
    struct attn_spec shared = deepseek;
    shared.index_topk_tokens = 2048;
    struct attn_unit u = resolve(&shared, 8, DTYPE_BF16);
    CU_ASSERT_EQUAL(attn_index_s(&u, 4, 1e6, 1e6), 0.0);
}

/* Qwen3.5: state of 4,268,032 B read and written at 0.6 of 3.35 TB/s: 4.247 us a sequence. */
static void linear_attention_costs_its_state_whatever_the_context(void)
{
    struct attn_spec lin = {.kind = ATTN_LINEAR,
                            .lin_key_heads = 16,
                            .lin_value_heads = 64,
                            .lin_key_dim = 128,
                            .lin_value_dim = 128,
                            .lin_conv_kernel = 4};
    struct attn_unit u = resolve(&lin, 1, DTYPE_BF16);
    CHECK_NEAR(u.lin_per_seq_s, 2.0 * 4268032.0 / (0.6 * 3.35e12), 1e-9);
    CHECK_NEAR(attn_decode_s(&u, 8, 8.0 * 100), 11.3e-6 + 8.0 * 4.247e-6, 1e-3);
    CU_ASSERT_EQUAL(attn_decode_s(&u, 8, 8.0 * 100), attn_decode_s(&u, 8, 8.0 * 100000));
    struct attn_unit half = resolve(&lin, 2, DTYPE_BF16);
    CHECK_NEAR(half.lin_per_seq_s, u.lin_per_seq_s / 2.0, 1e-9);
    /* a prompt is linear in its tokens */
    struct prefill_sums one = chunk(SPAN_FULL, 0, 0, 1024);
    struct prefill_sums two = chunk(SPAN_FULL, 0, 0, 2048);
    CHECK_NEAR(attn_prefill_s(&u, &two) - 11e-6, 2.0 * (attn_prefill_s(&u, &one) - 11e-6),
               1e-9);
}

/* Sequences of no context cost their queries: 1 + drafted of them. */
static double queries_s(const struct attn_unit *u)
{
    return u->dec_per_seq_s + u->lin_per_seq_s;
}

/* TP8 of Llama 70B: 2 x 8 query heads still fill one tile of 16 rows, 4 x 8 take two; the cache
 * is read once. Latent attention of 128 heads multiplies for each query. */
static void verified_tokens_share_one_read_of_the_cache(void)
{
    double bw = h100().mem_bytes_per_s;
    double em = h100_decode().em;
    struct attn_unit one = resolve(&llama70, 8, DTYPE_BF16);
    struct attn_unit two = resolve_drafted(&llama70, 8, DTYPE_BF16, 1);
    struct attn_unit four = resolve_drafted(&llama70, 8, DTYPE_BF16, 3);
    double tile = 8192.0 / (h100().flops_per_s[DTYPE_BF16] * h100_decode().ec);
    CHECK_NEAR(two.dec_per_ctx_s, one.dec_per_ctx_s, 1e-12);
    CHECK_NEAR(four.dec_per_ctx_s - one.dec_per_ctx_s, tile, 1e-9);
    CHECK_NEAR(queries_s(&four) - queries_s(&one), 3.0 * 4096.0 / (bw * em), 1e-9);
    CHECK_NEAR(four.dec_floor_per_ctx_s, one.dec_floor_per_ctx_s, 0.0);
    CHECK_NEAR(four.pre_per_pair_s, one.pre_per_pair_s, 0.0);
    struct attn_unit latent = resolve(&deepseek, 1, DTYPE_BF16);
    struct attn_unit wide = resolve_drafted(&deepseek, 1, DTYPE_BF16, 3);
    double heads = 2.0 * 128.0 * (576.0 + 512.0) * tile / 8192.0;
    CHECK_NEAR(wide.dec_per_ctx_s - latent.dec_per_ctx_s, 3.0 * heads, 1e-9);
}

/* Each query of sparse attention gathers its own selection, all score the indexer's keys; the
 * state of linear attention is read once and written behind each token. */
static void verified_tokens_select_and_store_for_themselves(void)
{
    struct attn_spec sparse = deepseek;
    sparse.index_n_heads = 64;
    sparse.index_head_dim = 128;
    sparse.index_topk_tokens = 2048;
    struct attn_unit one = resolve(&sparse, 1, DTYPE_BF16);
    struct attn_unit two = resolve_drafted(&sparse, 1, DTYPE_BF16, 1);
    CHECK_NEAR(two.dec_per_ctx_s, 2.0 * one.dec_per_ctx_s, 1e-12);
    CHECK_NEAR(two.dec_floor_per_ctx_s, one.dec_floor_per_ctx_s, 0.0);
    CU_ASSERT_TRUE(two.idx_per_ctx_s >= one.idx_per_ctx_s &&
                   two.idx_per_ctx_s <= 2.0 * one.idx_per_ctx_s);
    struct attn_spec lin = {.kind = ATTN_LINEAR,
                            .lin_key_heads = 16,
                            .lin_value_heads = 64,
                            .lin_key_dim = 128,
                            .lin_value_dim = 128};
    struct attn_unit state = resolve(&lin, 1, DTYPE_BF16);
    struct attn_unit states = resolve_drafted(&lin, 1, DTYPE_BF16, 3);
    CHECK_NEAR(queries_s(&states), 2.5 * queries_s(&state), 1e-12);
}

#define CASE(name)                                                                             \
    {                                                                                          \
#name, name                                                                            \
    }
static const struct check_case cases[] = {
    CASE(grouped_heads_divide_over_ranks),
    CASE(kv_heads_are_replicated_beyond_their_number),
    CASE(latent_decode_is_absorbed_and_not_divided),
    CASE(sparse_prefill_is_absorbed_and_gathers),
    CASE(verified_tokens_share_one_read_of_the_cache),
    CASE(verified_tokens_select_and_store_for_themselves),
    CASE(a_cache_that_is_k_and_v_is_read_as_it_is),
    CASE(decode_reads_the_cache),
    CASE(a_short_context_leaves_processors_idle),
    CASE(tables_equal_the_decode_law),
    CASE(decode_never_beats_the_bandwidth),
    CASE(half_the_bytes_take_more_than_half_the_time),
    CASE(more_context_never_costs_less_per_batch),
    CASE(causal_chunks_count_whole_tiles),
    CASE(a_window_bounds_the_pairs),
    CASE(chunked_attention_starts_again_at_borders),
    CASE(sums_are_counts_of_pairs_up_to_tile_padding),
    CASE(prefill_computes_its_pairs),
    CASE(no_queries_take_no_time),
    CASE(cutting_a_prompt_never_helps),
    CASE(prefill_never_beats_the_peak),
    CASE(the_indexer_reads_every_key_and_scores_every_pair),
    CASE(a_reused_selection_has_no_indexer),
    CASE(linear_attention_costs_its_state_whatever_the_context),
};

int main(void)
{
    return check_main("attention", cases, (int)(sizeof cases / sizeof cases[0]));
}
