/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_router.c - the choice of a replica by what a router sees of them. */
#include <string.h>

#include "sim/serve/router.h"
#include "tests/check.h"

enum { MAX_REPLICAS = 64 };

/* Replicas that only have a load and perhaps caches, some of them down. */
struct fleet {
    struct replica replicas[MAX_REPLICAS];
    struct rank ranks[MAX_REPLICAS];
    struct tier_stack tiers[MAX_REPLICAS];
    struct failure_clock clocks[MAX_REPLICAS];
    struct router_view view;
    struct router router;
};

static void fleet_init(struct fleet *f, enum route kind, int n)
{
    memset(f, 0, sizeof *f);
    f->view = (struct router_view){f->replicas, f->clocks, n, n, NULL, -1};
    router_init(&f->router, kind, 1, 0);
}

static void take_down(struct fleet *f, int i)
{
    f->clocks[i].down = true;
    f->view.n_up--;
}

static int pick(struct fleet *f)
{
    struct request q = {.session = -1, .prompt_tokens = 1};
    return router_pick(&f->router, &f->view, &q);
}

enum { BLOCK_TOKENS = 16, POOL_BLOCKS = 1000 };

/* Each replica with n_ranks ranks, each with an empty prefix cache. */
static void fleet_init_caches(struct fleet *f, enum route kind, int n, int n_ranks)
{
    static const struct kv_layout layout = {.block_tokens = BLOCK_TOKENS,
                                            .full_block_bytes = 1};
    fleet_init(f, kind, n);
    for (int i = 0; i < n; i++) {
        f->replicas[i].n_ranks = n_ranks;
        f->replicas[i].ranks = &f->ranks[i * n_ranks];
        f->replicas[i].all_ranks = f->replicas[i].ranks;
        for (int k = 0; k < n_ranks; k++) {
            f->replicas[i].ranks[k].kv = kv_pool_new(&layout, POOL_BLOCKS, true);
            f->replicas[i].ranks[k].tiers = &f->tiers[i * n_ranks + k];
        }
    }
}

static void fleet_fini_caches(struct fleet *f)
{
    for (int i = 0; i < MAX_REPLICAS; i++) {
        kv_pool_free(f->ranks[i].kv);
    }
}

/* Turn of a conversation of which `tokens` have been said. */
static struct request turn_of(uint64_t conversation, int64_t tokens)
{
    return (struct request){
        .session = (int32_t)conversation,
        .prompt_tokens = tokens,
        .content = {.body_id = conversation},
    };
}

/* A rank has served this prompt. */
static void serve(struct rank *k, const struct request *q)
{
    struct kv_shared shared;
    kv_shared_init(&shared);
    int64_t blocks = q->prompt_tokens / BLOCK_TOKENS;
    CU_ASSERT_EQUAL(kv_lookup(k->kv, &q->content, q->prompt_tokens, &shared), 0);
    CU_ASSERT_TRUE(kv_take(k->kv, blocks));
    kv_offer(k->kv, &q->content, q->prompt_tokens, q->prompt_tokens, &shared);
    kv_release(k->kv, &shared, blocks - shared.n_blocks);
}

static void nobody_is_picked_while_all_are_down(void)
{
    for (int kind = ROUTE_ROUND_ROBIN; kind <= ROUTE_KV_AWARE; kind++) {
        struct fleet f;
        fleet_init(&f, (enum route)kind, 2);
        take_down(&f, 0);
        take_down(&f, 1);
        CU_ASSERT_EQUAL(pick(&f), -1);
    }
}

static void the_only_one_that_is_up_gets_everything(void)
{
    for (int kind = ROUTE_ROUND_ROBIN; kind <= ROUTE_KV_AWARE; kind++) {
        struct fleet f;
        fleet_init_caches(&f, (enum route)kind, 3, 1);
        take_down(&f, 0);
        take_down(&f, 2);
        for (int i = 0; i < 20; i++) {
            CU_ASSERT_EQUAL(pick(&f), 1);
            f.replicas[1].n_load += 5;
            f.ranks[1].promised.prompt_tokens += 5;
        }
        fleet_fini_caches(&f);
    }
}

static void round_robin_goes_on_past_one_that_is_down(void)
{
    static const int expected[] = {0, 2, 3, 0, 2, 3};
    struct fleet f;
    fleet_init(&f, ROUTE_ROUND_ROBIN, 4);
    take_down(&f, 1);
    for (int i = 0; i < 6; i++) {
        CU_ASSERT_EQUAL(pick(&f), expected[i]);
    }
    CU_ASSERT_FALSE(router_looks(&f.router));
}

static void least_requests_takes_the_first_of_the_least(void)
{
    static const int64_t loads[] = {7, 2, 4, 2, 0};
    struct fleet f;
    fleet_init(&f, ROUTE_LEAST_REQUESTS, 5);
    for (int i = 0; i < 5; i++) {
        f.replicas[i].n_load = loads[i];
    }
    CU_ASSERT_TRUE(router_looks(&f.router));
    CU_ASSERT_EQUAL(pick(&f), 4);
    take_down(&f, 4);
    CU_ASSERT_EQUAL(pick(&f), 1);
}

/* n balls into n bins: with two choices the fullest has about log2(log2 n) + O(1), with one
 * several more (Mitzenmacher 2001); 64 balls into 64 bins: at most 4. */
static void power_of_two_keeps_the_fullest_low(void)
{
    struct fleet f;
    fleet_init(&f, ROUTE_POWER_OF_TWO, MAX_REPLICAS);
    int64_t most = 0;
    for (int i = 0; i < MAX_REPLICAS; i++) {
        int64_t load = ++f.replicas[pick(&f)].n_load;
        most = load > most ? load : most;
    }
    CU_ASSERT_TRUE(most >= 2 && most <= 4);
}

/* ---- over content
 * ---------------------------------------------------------------------------------- */

enum { N_CONVERSATIONS = 4000 };

static void where_conversations_go(struct fleet *f, int *where)
{
    for (int i = 0; i < N_CONVERSATIONS; i++) {
        struct request q = turn_of((uint64_t)i + 1, 100);
        where[i] = router_pick(&f->router, &f->view, &q);
    }
}

/* Conversations spread evenly; one replica less moves only those it had. */
static void affinity_moves_only_what_a_lost_replica_had(void)
{
    static int before[N_CONVERSATIONS], after[N_CONVERSATIONS];
    struct fleet f;
    int count[8] = {0};
    fleet_init_caches(&f, ROUTE_PREFIX_AFFINITY, 8, 1);
    where_conversations_go(&f, before);
    take_down(&f, 5);
    where_conversations_go(&f, after);
    for (int i = 0; i < N_CONVERSATIONS; i++) {
        count[before[i]]++;
        CU_ASSERT_TRUE(before[i] == 5 ? after[i] != 5 : after[i] == before[i]);
    }
    for (int i = 0; i < 8; i++) { /* 500 each, deviation 21 */
        CU_ASSERT_TRUE(count[i] > 415 && count[i] < 585);
    }
    CU_ASSERT_TRUE(router_looks(&f.router));
    fleet_fini_caches(&f);
}

/* All share one prefix: its place takes a quarter more than its share, then others do. */
static void a_hot_prefix_spills_over_within_the_bound(void)
{
    struct fleet f;
    int64_t most = 0;
    fleet_init_caches(&f, ROUTE_PREFIX_AFFINITY, 4, 1);
    for (int n = 1; n <= 400; n++) {
        struct request q = {.session = -1, .prompt_tokens = 100};
        q.content = (struct prompt_content){.shared_id = 77, .shared_tokens = 50};
        int i = router_pick(&f.router, &f.view, &q);
        int64_t load = ++f.ranks[i].promised.n;
        CU_ASSERT_TRUE((double)load < 1.25 * n / 4.0 + 1.0);
        most = load > most ? load : most;
    }
    CU_ASSERT_EQUAL(most, 125);
    fleet_fini_caches(&f);
}

static void affinity_spreads_what_has_nothing_in_common(void)
{
    struct fleet f;
    fleet_init_caches(&f, ROUTE_PREFIX_AFFINITY, 4, 1);
    for (int n = 0; n < 40; n++) {
        f.ranks[pick(&f)].promised.n++;
    }
    for (int i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(f.ranks[i].promised.n, 10);
    }
    fleet_fini_caches(&f);
}

/* The example of router.h, 600 rounded down to 592 = 37 blocks: the holder costs 408 when it
 * has nothing to do, 4108 with its promises; the idle one 1000. */
static void kv_aware_weighs_what_is_cached_against_what_is_promised(void)
{
    struct fleet f;
    fleet_init_caches(&f, ROUTE_KV_AWARE, 3, 1);
    struct request said = turn_of(9, 600);
    struct request next = turn_of(9, 1000);
    serve(&f.ranks[1], &said);
    CU_ASSERT_EQUAL(router_pick(&f.router, &f.view, &next), 1);
    CU_ASSERT_EQUAL(next.rank, 0);
    CU_ASSERT_EQUAL(next.promised_tokens, 408);
    f.ranks[1].promised = (struct promised){3, 591, 0};
    CU_ASSERT_EQUAL(router_pick(&f.router, &f.view, &next), 1);
    f.ranks[1].promised = (struct promised){3, 593, 0};
    CU_ASSERT_EQUAL(router_pick(&f.router, &f.view, &next), 0);
    CU_ASSERT_EQUAL(next.promised_tokens, 1000);
    f.ranks[1].promised = (struct promised){3, 3000, 700};
    f.ranks[0].promised.prefill_tokens = 1;
    CU_ASSERT_EQUAL(router_pick(&f.router, &f.view, &next), 2);
    fleet_fini_caches(&f);
}

/* GPU memory before host memory before SSD before nothing, all else equal. */
static void kv_aware_credits_tiers_by_their_speed(void)
{
    static const struct kv_layout layout = {.block_tokens = BLOCK_TOKENS,
                                            .full_block_bytes = 1};
    struct fleet f;
    fleet_init_caches(&f, ROUTE_KV_AWARE, 4, 1);
    struct request said = turn_of(9, 600);
    struct request next = turn_of(9, 1000);
    for (int i = 1; i <= 2; i++) {
        struct tier_config tiers[TIER_N] = {{0}};
        tiers[i == 2 ? TIER_HOST : TIER_SSD].capacity_bytes = 100;
        tier_stack_init(f.ranks[i].tiers, &layout, tiers);
        tier_stack_put(f.ranks[i].tiers, &said.content, 600, 0, 600);
    }
    serve(&f.ranks[3], &said);
    CU_ASSERT_EQUAL(router_pick(&f.router, &f.view, &next), 3);
    take_down(&f, 3);
    CU_ASSERT_EQUAL(router_pick(&f.router, &f.view, &next), 2); /* host: 592 * 0.75 */
    CU_ASSERT_EQUAL(next.promised_tokens, 408);
    f.ranks[2].promised.prompt_tokens = 443;
    f.ranks[1].promised.prompt_tokens = 149; /* SSD: 148 */
    CU_ASSERT_EQUAL(router_pick(&f.router, &f.view, &next), 2);
    f.ranks[2].promised.prompt_tokens = 445;
    CU_ASSERT_EQUAL(router_pick(&f.router, &f.view, &next), 0);
    for (int i = 1; i <= 2; i++) {
        tier_stack_fini(f.ranks[i].tiers);
    }
    fleet_fini_caches(&f);
}

static void routers_over_content_choose_the_rank(void)
{
    struct fleet f;
    fleet_init_caches(&f, ROUTE_KV_AWARE, 2, 4);
    struct request said = turn_of(9, 600);
    struct request next = turn_of(9, 1000);
    serve(&f.ranks[6], &said);
    CU_ASSERT_EQUAL(router_pick(&f.router, &f.view, &next), 1);
    CU_ASSERT_EQUAL(next.rank, 2);
    take_down(&f, 1);
    CU_ASSERT_EQUAL(router_pick(&f.router, &f.view, &next), 0);
    fleet_fini_caches(&f);
}

int main(void)
{
    const struct check_case cases[] = {
        {"nobody is picked while all are down", nobody_is_picked_while_all_are_down},
        {"the only one that is up gets everything", the_only_one_that_is_up_gets_everything},
        {"round robin goes on past one that is down",
         round_robin_goes_on_past_one_that_is_down},
        {"least requests takes the first of the least",
         least_requests_takes_the_first_of_the_least},
        {"power of two keeps the fullest low", power_of_two_keeps_the_fullest_low},
        {"affinity moves only what a lost replica had",
         affinity_moves_only_what_a_lost_replica_had},
        {"a hot prefix spills over within the bound",
         a_hot_prefix_spills_over_within_the_bound},
        {"affinity spreads what has nothing in common",
         affinity_spreads_what_has_nothing_in_common},
        {"kv-aware weighs what is cached against what is promised",
         kv_aware_weighs_what_is_cached_against_what_is_promised},
        {"kv-aware credits tiers by their speed", kv_aware_credits_tiers_by_their_speed},
        {"routers over content choose the rank", routers_over_content_choose_the_rank},
    };
    return check_main("router", cases, sizeof cases / sizeof cases[0]);
}
