/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_tier.c - KV content below GPU memory: what is held, for how long, and what a load takes.
 */
#include <string.h>

#include "sim/core/rng.h"
#include "sim/serve/kv.h"
#include "sim/serve/tier.h"
#include "tests/check.h"

enum { BLOCK = 16 };
static const struct kv_layout LAYOUT = {.block_tokens = BLOCK, .full_block_bytes = 100};

static struct prompt_content said(uint64_t id)
{
    return (struct prompt_content){.body_id = id};
}

static void put(struct tier *t, uint64_t id, int64_t tokens)
{
    struct prompt_content c = said(id);
    tier_put(t, &c, tokens, 0, tokens);
    CU_ASSERT_TRUE(tier_check(t));
}

static int64_t find(const struct tier *t, uint64_t id, int64_t tokens, int64_t have_tokens)
{
    struct prompt_content c = said(id);
    return tier_find(t, &c, tokens, have_tokens);
}

/* Full blocks only, never the last token, and only behind what the GPU has. */
static void what_was_put_is_found(void)
{
    struct tier *t = tier_new(&LAYOUT, 10000);
    put(t, 5, 100); /* 6 blocks */
    CU_ASSERT_EQUAL(tier_used_bytes(t), 600);
    CU_ASSERT_EQUAL(find(t, 5, 200, 0), 96);
    CU_ASSERT_EQUAL(find(t, 5, 200, 32), 64);
    CU_ASSERT_EQUAL(find(t, 5, 200, 96), 0);
    CU_ASSERT_EQUAL(find(t, 5, 200, 160), 0);
    CU_ASSERT_EQUAL(find(t, 5, 96, 0), 80);
    CU_ASSERT_EQUAL(find(t, 6, 200, 0), 0);
    tier_free(t);
}

/* Segments follow one another: a gap in one ends the hit, whatever the next holds. */
static void a_gap_ends_the_hit(void)
{
    static const int64_t hashes[] = {11, 12, 13};
    struct prompt_content c = {.hashes = hashes, .n_hashes = 3, .hash_tokens = 32};
    struct prompt_content tail = {.hashes = hashes + 1, .n_hashes = 2, .hash_tokens = 32};
    struct tier *t = tier_new(&LAYOUT, 10000);
    tier_put(t, &tail, 64, 0, 64);
    CU_ASSERT_EQUAL(tier_find(t, &c, 200, 0), 0);
    CU_ASSERT_EQUAL(tier_find(t, &c, 200, 32), 64); /* the GPU has the first */
    tier_put(t, &c, 96, 0, 32);
    CU_ASSERT_EQUAL(tier_find(t, &c, 200, 0), 96);
    CU_ASSERT_TRUE(tier_check(t));
    tier_free(t);
}

/* Content that cannot recur takes room too, and is the first to go when it is the oldest. */
static void the_least_recently_used_goes_first_from_its_end(void)
{
    struct prompt_content unique = {0};
    struct tier *t = tier_new(&LAYOUT, 1000); /* 10 blocks */
    put(t, 1, 64);
    put(t, 2, 64);
    struct prompt_content one = said(1);
    tier_touch(t, &one, 64, 64);
    tier_put(t, &unique, 64, 0, 64); /* two blocks too many: 2 loses its end */
    CU_ASSERT_EQUAL(find(t, 1, 200, 0), 64);
    CU_ASSERT_EQUAL(find(t, 2, 200, 0), 32);
    put(t, 3, 96); /* 1 and the newest of 3 stay, 2 and all of the run but nothing of 3 go */
    CU_ASSERT_EQUAL(find(t, 2, 200, 0), 0);
    CU_ASSERT_EQUAL(find(t, 3, 200, 0), 96);
    CU_ASSERT_EQUAL(tier_used_bytes(t), 1000);
    put(t, 4, 16 * 30); /* longer than the tier: its beginning is kept */
    CU_ASSERT_EQUAL(find(t, 4, 16 * 30, 0), 160);
    CU_ASSERT_EQUAL(find(t, 1, 200, 0), 0);
    tier_free(t);
}

/* The first segment is the most recent of a prompt: what follows it goes first. */
static void a_prompt_loses_its_end_first(void)
{
    struct prompt_content c = {.shared_id = 70, .shared_tokens = 64, .body_id = 71};
    struct tier *t = tier_new(&LAYOUT, 800);
    tier_put(t, &c, 128, 0, 64);
    tier_put(t, &c, 128, 64, 128);
    put(t, 9, 32);
    CU_ASSERT_EQUAL(tier_find(t, &c, 200, 0), 96);
    tier_free(t);
}

/* Random prompts: used bytes never above capacity, the structure whole, and a larger tier never
 * finds less (least recently used has no anomaly). */
static void more_room_never_finds_less(void)
{
    enum { TIERS = 4, STEPS = 4000 };
    struct tier *t[TIERS];
    double found[TIERS] = {0};
    struct rng rng;
    rng_init(&rng, 3, "tiers", 0);
    for (int i = 0; i < TIERS; i++) {
        t[i] = tier_new(&LAYOUT, 100 * (20 << (2 * i)));
    }
    for (int n = 0; n < STEPS; n++) {
        struct prompt_content c = {.shared_id = 1 + rng_below(&rng, 5), .shared_tokens = 50};
        c.body_id = 100 + rng_below(&rng, 60);
        int64_t tokens = 60 + 10 * (int64_t)(c.body_id % 30);
        for (int i = 0; i < TIERS; i++) {
            found[i] += (double)tier_find(t[i], &c, tokens, 0);
            tier_touch(t[i], &c, tokens, tokens);
            tier_put(t[i], &c, tokens, 0, tokens);
            CU_ASSERT_TRUE_FATAL(tier_check(t[i]));
        }
    }
    for (int i = 1; i < TIERS; i++) {
        CU_ASSERT_TRUE(found[i] > found[i - 1]);
    }
    for (int i = 0; i < TIERS; i++) {
        tier_free(t[i]);
    }
}

/* ---- the tiers of a rank
 * -------------------------------------------------------------------------- */

static const struct tier_config BOTH[TIER_N] = {{1000, 50e9, 10e-6}, {100000, 5e9, 10e-6}};

static void host_answers_before_ssd(void)
{
    struct tier_stack s;
    struct prompt_content a = said(1);
    struct prompt_content b = said(2);
    tier_stack_init(&s, &LAYOUT, BOTH);
    tier_stack_put(&s, &a, 160, 0, 160); /* both are full of it */
    tier_stack_put(&s, &b, 64, 0, 64);   /* host has 4 blocks of b, 6 of a */
    struct tier_hit hit = tier_stack_find(&s, &a, 200, 32);
    CU_ASSERT_EQUAL(hit.tokens[TIER_HOST], 64);
    CU_ASSERT_EQUAL(hit.tokens[TIER_SSD], 64);
    CU_ASSERT_EQUAL(hit.all_tokens, 128);
    tier_stack_fini(&s);
}

/* The example of tier.h; loads queue on their link; windows are loaded beside full layers. */
static void loads_take_their_links_one_after_the_other(void)
{
    struct kv_layout l = {.block_tokens = 16, .full_block_bytes = 1100000};
    struct tier_stack s;
    struct tier_hit ssd = {.tokens = {0, 16000}, .all_tokens = 16000};
    struct tier_hit host = {.tokens = {16000, 0}, .all_tokens = 16000};
    tier_stack_init(&s, &l, BOTH);
    CHECK_NEAR(tier_stack_load(&s, &l, BOTH, 0, &ssd, 7.0), 7.0 + 0.22 + 1e-5, 1e-12);
    CHECK_NEAR(tier_stack_load(&s, &l, BOTH, 0, &host, 7.0), 7.0 + 2 * 0.022 + 1e-5, 1e-12);
    CHECK_NEAR(tier_stack_load(&s, &l, BOTH, 0, &ssd, 7.0), 7.0 + 0.44 + 1e-5, 1e-12);
    l.state_bytes = 50000000000;
    CHECK_NEAR(tier_stack_load(&s, &l, BOTH, 160, &host, 10.0), 10.0 + 1.022 + 1e-5, 1e-12);
    tier_stack_fini(&s);
}

static void nothing_configured_is_nothing(void)
{
    static const struct tier_config none[TIER_N] = {{0, 50e9, 0}, {0, 5e9, 0}};
    struct tier_stack s;
    tier_stack_init(&s, &LAYOUT, none);
    CU_ASSERT_FALSE(s.any);
    struct prompt_content a = said(1);
    CU_ASSERT_EQUAL(tier_stack_find(&s, &a, 200, 0).all_tokens, 0);
    tier_stack_fini(&s);
}

int main(void)
{
    const struct check_case cases[] = {
        {"what was put is found", what_was_put_is_found},
        {"a gap ends the hit", a_gap_ends_the_hit},
        {"the least recently used goes first, from its end",
         the_least_recently_used_goes_first_from_its_end},
        {"a prompt loses its end first", a_prompt_loses_its_end_first},
        {"more room never finds less", more_room_never_finds_less},
        {"host answers before SSD", host_answers_before_ssd},
        {"loads take their links one after the other",
         loads_take_their_links_one_after_the_other},
        {"nothing configured is nothing", nothing_configured_is_nothing},
    };
    return check_main("tier", cases, sizeof cases / sizeof cases[0]);
}
