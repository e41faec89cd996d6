/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The prefix cache on real block hashes: with memory without end the hit rates of the Mooncake
 * traces are those of their publication's method (37.4 % and 65.1 %), and the same when GPU
 * memory holds little more than one prompt and a tier below it everything. The traces are not
 * part of the project: without them beside it only the synthetic case runs. */
#include <stdio.h>
#include <unistd.h>

#include "sim/load/load.h"
#include "sim/serve/kv.h"
#include "sim/serve/tier.h"
#include "tests/check.h"

static const struct kv_layout LAYOUT = {.block_tokens = 16, .full_block_bytes = 1};

/* Blocks, room for any one prompt. */
enum { SMALL_POOL = 20000 };

/* Share of prompt tokens found in a pool with a tier below it, requests one after another. */
static double hit_frac(const struct trace *t, int64_t pool_bytes, int64_t tier_bytes)
{
    struct kv_pool *pool = kv_pool_new(&LAYOUT, pool_bytes, true);
    const struct tier_config host[TIER_N] = {{.capacity_bytes = tier_bytes}};
    struct tier_stack tiers;
    tier_stack_init(&tiers, &LAYOUT, host);
    double hit = 0.0;
    double all = 0.0;
    for (int64_t i = 0; i < t->n; i++) {
        const struct trace_row *row = &t->rows[i];
        struct prompt_content c = {
            .hashes = row->hashes, .n_hashes = row->n_hashes, .hash_tokens = t->hash_tokens};
        struct kv_shared shared;
        kv_shared_init(&shared);
        int64_t found = kv_lookup(pool, &c, row->prompt_tokens, &shared);
        int64_t bytes = kv_bytes(&LAYOUT, row->prompt_tokens) - shared.n_blocks;
        CU_ASSERT_TRUE(kv_take(pool, bytes));
        kv_offer(pool, &c, row->prompt_tokens, row->prompt_tokens, &shared);
        found += tier_stack_find(&tiers, &c, row->prompt_tokens, found).all_tokens;
        tier_stack_touch(&tiers, &c, row->prompt_tokens, found);
        tier_stack_put(&tiers, &c, row->prompt_tokens, found, row->prompt_tokens);
        hit += (double)found;
        all += (double)row->prompt_tokens;
        kv_release(pool, &shared, kv_bytes(&LAYOUT, row->prompt_tokens) - shared.n_blocks);
    }
    CU_ASSERT_TRUE(kv_check(pool));
    CU_ASSERT_EQUAL(kv_free_bytes(pool), kv_capacity_bytes(pool));
    kv_pool_free(pool);
    tier_stack_fini(&tiers);
    return hit / all;
}

static double ideal_hit_frac(const struct trace *t)
{
    return hit_frac(t, INT64_C(1) << 50, 0);
}

static void expect_hits(const char *path, double expected_frac)
{
    if (access(path, R_OK) != 0) {
        fprintf(stderr, "%s is not there: not compared\n", path);
        return;
    }
    struct arena *arena = arena_new();
    struct trace trace;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(trace_load(arena, path, true, &trace, &err));
    double hit = ideal_hit_frac(&trace);
    printf("%s: %.2f %% of prompt tokens\n", path, 100.0 * hit);
    CU_ASSERT_TRUE(hit > expected_frac - 0.005 && hit < expected_frac + 0.005);
    double small = hit_frac(&trace, SMALL_POOL, 0);
    double half = hit_frac(&trace, SMALL_POOL, 20 * SMALL_POOL);
    CU_ASSERT_TRUE(small < half && half < hit);
    CU_ASSERT_EQUAL(hit_frac(&trace, SMALL_POOL, INT64_C(1) << 50), hit);
    printf("pool of %d blocks: %.2f %%, with a tier of twenty times that: %.2f %%\n",
           SMALL_POOL, 100.0 * small, 100.0 * half);
    arena_free(arena);
}

static void conversation_trace_hits_as_published(void)
{
    expect_hits("../shared/data/traces/mooncake_conversation_trace.jsonl", 0.374);
}

static void synthetic_trace_hits_as_published(void)
{
    expect_hits("../shared/data/traces/mooncake_synthetic_trace.jsonl", 0.651);
}

/* Two prompts of 1024 tokens that share their first hash: of the second, 512 tokens are found.
 */
static void a_shared_first_block_is_found(void)
{
    const int64_t a[] = {1, 2};
    const int64_t b[] = {1, 3};
    const struct trace_row rows[] = {
        {.prompt_tokens = 1024, .hashes = a, .n_hashes = 2},
        {.prompt_tokens = 1024, .hashes = b, .n_hashes = 2},
    };
    struct trace t = {.rows = rows, .n = 2, .hash_tokens = 512};
    CHECK_NEAR(ideal_hit_frac(&t), 512.0 / 2048.0, 1e-12);
    CHECK_NEAR(hit_frac(&t, 64, 0), 512.0 / 2048.0, 1e-12);
    CHECK_NEAR(hit_frac(&t, 64, 1000), 512.0 / 2048.0, 1e-12);
}

int main(void)
{
    const struct check_case cases[] = {
        {"a shared first block is found", a_shared_first_block_is_found},
        {"the conversation trace hits as published", conversation_trace_hits_as_published},
        {"the synthetic trace hits as published", synthetic_trace_hits_as_published},
    };
    return check_main("mooncake", cases, sizeof cases / sizeof cases[0]);
}
