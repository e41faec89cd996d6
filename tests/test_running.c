/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_running.c - the running sums against a recount of every request in every iteration. */
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"
#include "sim/core/rng.h"
#include "sim/serve/running.h"
#include "tests/check.h"
#include "tests/toy.h"

enum { MAX_LIVE = 40 };

/* One decoding request as the recount sees it. */
struct live {
    int32_t idx;
    int64_t context; /* at the coming iteration */
    int64_t left;    /* iterations, the coming one included */
};
struct bench {
    struct toy toy;
    struct running run;
    struct request_pool pool;
    struct live live[MAX_LIVE];
    int n;
    int64_t held_bytes; /* KV by summing what the running set asks for */
};

static void bench_init(struct bench *b, enum toy_spans spans, bool reserved)
{
    memset(b, 0, sizeof *b);
    toy_init(&b->toy, spans, 1, 100000);
    running_init(&b->run, b->toy.step, &b->toy.replica.kv, reserved);
    request_pool_init(&b->pool);
}

static void bench_fini(struct bench *b)
{
    running_fini(&b->run);
    request_pool_fini(&b->pool);
    toy_fini(&b->toy);
}

static void join(struct bench *b, int64_t context, int64_t left)
{
    struct arrival a = {.prompt_tokens = context - 1, .output_tokens = left + 1};
    int32_t idx = request_new(&b->pool, &a);
    b->pool.items[idx].stamp = ++b->pool.next_stamp;
    running_join(&b->run, &b->pool.items[idx], idx, context, left);
    b->live[b->n++] = (struct live){idx, context, left};
    b->held_bytes += kv_bytes(&b->toy.replica.kv, context - 1);
}

static void forget(struct bench *b, int i)
{
    b->held_bytes -= kv_bytes(&b->toy.replica.kv, b->live[i].context - 1);
    request_drop(&b->pool, b->live[i].idx);
    b->live[i] = b->live[--b->n];
}

/* Preemption: leaves between iterations. */
static void leave(struct bench *b, int i)
{
    struct request *q = &b->pool.items[b->live[i].idx];
    running_leave(&b->run, q, b->run.iter + b->live[i].left - 1);
    forget(b, i);
}

static void check_sums(struct bench *b)
{
    double ctx[STEP_MAX_SPANS] = {0.0};
    int64_t held = 0;
    int64_t after = 0;
    int64_t left = 0;
    for (int i = 0; i < b->n; i++) {
        const struct live *l = &b->live[i];
        for (int s = 0; s < b->toy.step->n_spans; s++) {
            ctx[s] += span_tokens(&b->toy.step->spans[s], l->context);
        }
        held += kv_bytes(&b->toy.replica.kv, l->context - 1);
        after += kv_bytes(&b->toy.replica.kv, l->context);
        left += l->left;
    }
    CU_ASSERT_EQUAL_FATAL(b->run.n, b->n);
    CU_ASSERT_EQUAL_FATAL(running_remaining(&b->run), left);
    for (int s = 0; s < b->toy.step->n_spans; s++) {
        CU_ASSERT_EQUAL_FATAL(b->run.ctx_tokens[s], ctx[s]);
    }
    CU_ASSERT_EQUAL_FATAL(b->held_bytes, held);
    CU_ASSERT_EQUAL_FATAL(running_need_bytes(&b->run), b->run.reserved ? 0 : after - held);
}

/* One iteration; those that end are told by the finish heap, in order, and by the recount. */
static void iterate(struct bench *b)
{
    for (int i = 0; i < b->n; i++) {
        b->held_bytes += kv_bytes(&b->toy.replica.kv, b->live[i].context) -
                         kv_bytes(&b->toy.replica.kv, b->live[i].context - 1);
        b->live[i].context++;
        b->live[i].left--;
    }
    int64_t next = running_next_finish(&b->run, &b->pool);
    int64_t iter = b->run.iter;
    running_advance(&b->run);
    int32_t idx;
    int ended = 0;
    while ((idx = running_pop_finished(&b->run, &b->pool)) >= 0) {
        int i = 0;
        while (i < b->n && b->live[i].idx != idx) {
            i++;
        }
        CU_ASSERT_FATAL(i < b->n && b->live[i].left == 0);
        running_leave(&b->run, &b->pool.items[idx], b->run.iter - 1);
        forget(b, i);
        ended++;
    }
    CU_ASSERT_EQUAL((next == iter), (ended > 0));
    for (int i = 0; i < b->n; i++) {
        CU_ASSERT_FATAL(b->live[i].left > 0);
    }
}

static void random_run(enum toy_spans spans, uint64_t seed)
{
    struct bench b;
    struct rng rng;
    rng_init(&rng, seed, "running", 0);
    bench_init(&b, spans, false);
    for (int step = 0; step < 2000; step++) {
        while (b.n < MAX_LIVE && rng_below(&rng, 3) == 0) {
            int64_t context = 2 + (int64_t)rng_below(&rng, 200);
            int64_t left = 1 + (int64_t)rng_below(&rng, 300);
            join(&b, context, left);
        }
        if (b.n > 0 && rng_below(&rng, 8) == 0) {
            leave(&b, (int)rng_below(&rng, (uint64_t)b.n));
        }
        check_sums(&b);
        iterate(&b);
    }
    while (b.n > 0) {
        leave(&b, 0);
    }
    check_sums(&b);
    bench_fini(&b);
}

static void full_contexts_equal_a_recount(void)
{
    for (uint64_t seed = 0; seed < 3; seed++) {
        random_run(TOY_FULL, seed);
    }
}
static void sliding_windows_equal_a_recount(void)
{
    for (uint64_t seed = 0; seed < 3; seed++) {
        random_run(TOY_SLIDING, seed);
    }
}
static void chunks_equal_a_recount(void)
{
    for (uint64_t seed = 0; seed < 3; seed++) {
        random_run(TOY_CHUNKED, seed);
    }
}
static void windows_and_chunks_together_equal_a_recount(void)
{
    for (uint64_t seed = 0; seed < 5; seed++) {
        random_run(TOY_BOTH, seed);
    }
}

static void reserved_memory_needs_nothing_per_iteration(void)
{
    struct bench b;
    bench_init(&b, TOY_BOTH, true);
    join(&b, 16, 100);
    join(&b, 33, 100);
    for (int i = 0; i < 50; i++) {
        check_sums(&b);
        iterate(&b);
    }
    bench_fini(&b);
}

static void a_block_is_needed_when_the_context_enters_it(void)
{
    struct bench b;
    bench_init(&b, TOY_FULL, false);
    int64_t block = b.toy.replica.kv.full_block_bytes;
    join(&b, 16, 100); /* 15 tokens held, the 16th still fits */
    CU_ASSERT_EQUAL(running_need_bytes(&b.run), 0);
    iterate(&b);
    CU_ASSERT_EQUAL(running_need_bytes(&b.run), block);
    iterate(&b);
    CU_ASSERT_EQUAL(running_need_bytes(&b.run), 0);
    bench_fini(&b);
}

static void a_chunk_gives_its_blocks_back_at_its_end(void)
{
    struct bench b;
    bench_init(&b, TOY_CHUNKED, false);
    const struct kv_layout *l = &b.toy.replica.kv;
    join(&b, TOY_CHUNK_TOKENS + 1, 10);
    int64_t blocks = TOY_CHUNK_TOKENS / TOY_BLOCK_TOKENS;
    CU_ASSERT_EQUAL(running_need_bytes(&b.run),
                    l->full_block_bytes - (blocks - 1) * l->windows[0].block_bytes);
    bench_fini(&b);
}

static void those_that_end_together_leave_in_order_of_admission(void)
{
    struct bench b;
    bench_init(&b, TOY_FULL, false);
    join(&b, 50, 3);
    join(&b, 10, 3);
    join(&b, 30, 2);
    running_advance(&b.run);
    CU_ASSERT_EQUAL(running_pop_finished(&b.run, &b.pool), -1);
    running_advance(&b.run);
    CU_ASSERT_EQUAL(running_pop_finished(&b.run, &b.pool), 2);
    CU_ASSERT_EQUAL(running_pop_finished(&b.run, &b.pool), -1);
    running_advance(&b.run);
    CU_ASSERT_EQUAL(running_pop_finished(&b.run, &b.pool), 0);
    CU_ASSERT_EQUAL(running_pop_finished(&b.run, &b.pool), 1);
    bench_fini(&b);
}

/* A preempted request leaves an entry in the heap. It must not come back to life when its slot
 * is reused, by whichever replica shares the pool. */
static void a_stale_finish_does_not_match_the_next_user_of_the_slot(void)
{
    struct bench b;
    bench_init(&b, TOY_FULL, false);
    struct running other;
    running_init(&other, b.toy.step, &b.toy.replica.kv, false);
    join(&b, 50, 3);
    leave(&b, 0);
    struct arrival a = {.prompt_tokens = 9, .output_tokens = 50};
    int32_t idx = request_new(&b.pool, &a);
    CU_ASSERT_EQUAL(idx, 0);
    b.pool.items[idx].stamp = ++b.pool.next_stamp;
    running_join(&other, &b.pool.items[idx], idx, 10, 49);
    for (int i = 0; i < 5; i++) {
        running_advance(&b.run);
        CU_ASSERT_EQUAL(running_pop_finished(&b.run, &b.pool), -1);
    }
    CU_ASSERT_EQUAL(running_next_finish(&b.run, &b.pool), INT64_MAX);
    CU_ASSERT_EQUAL(running_next_finish(&other, &b.pool), 48);
    running_fini(&other);
    bench_fini(&b);
}

static void queues_keep_their_order_at_both_ends(void)
{
    struct request_queue q = {0};
    int32_t model[300];
    int n = 0;
    struct rng rng;
    rng_init(&rng, 1, "queue", 0);
    CU_ASSERT_EQUAL(request_front(&q), -1);
    CU_ASSERT_EQUAL(request_pop_front(&q), -1);
    for (int32_t i = 0; i < 20000; i++) {
        uint64_t what = rng_below(&rng, i / 2000 % 2 ? 5 : 4);
        if (what == 0 && n < 300) {
            memmove(&model[1], &model[0], (size_t)n * sizeof *model);
            model[0] = i;
            n++;
            request_push_front(&q, i);
        } else if (what <= 1 && n < 300) {
            model[n++] = i;
            request_push_back(&q, i);
        } else if (n > 0) {
            CU_ASSERT_EQUAL(request_front(&q), model[0]);
            CU_ASSERT_EQUAL(request_pop_front(&q), model[0]);
            memmove(&model[0], &model[1], (size_t)--n * sizeof *model);
        }
        CU_ASSERT_EQUAL_FATAL(q.n, n);
    }
    request_queue_fini(&q);
}

static void slots_of_the_request_pool_are_reused(void)
{
    struct request_pool p;
    struct arrival a = {.prompt_tokens = 3, .output_tokens = 4, .id = 9};
    request_pool_init(&p);
    int32_t x = request_new(&p, &a);
    int32_t y = request_new(&p, &a);
    request_drop(&p, x);
    CU_ASSERT_EQUAL(p.n_live, 1);
    CU_ASSERT_EQUAL(request_new(&p, &a), x);
    CU_ASSERT_NOT_EQUAL(x, y);
    CU_ASSERT_EQUAL(p.items[x].target_tokens, 3);
    CU_ASSERT_TRUE(isnan(p.items[x].first_s));
    CU_ASSERT_EQUAL(p.n_live, 2);
    request_pool_fini(&p);
}

/* Two requests at different places in their blocks: what is said to need no memory needs none,
 * and the iteration behind it does. Passed at once they leave what single ones leave. */
static void plain_iterations_end_where_a_block_is_entered(void)
{
    struct bench b;
    struct bench fast;
    bench_init(&b, TOY_FULL, false);
    bench_init(&fast, TOY_FULL, false);
    int64_t block = b.toy.replica.kv.block_tokens;
    int64_t longest = 0;
    for (int i = 0; i < 2; i++) {
        join(&b, 100 + 7 * i, 500);
        join(&fast, 100 + 7 * i, 500);
    }
    for (int i = 0; i < 30; i++) {
        int64_t plain = running_plain_ahead(&b.run);
        longest = plain > longest ? plain : longest;
        for (int64_t k = 0; k < plain; k++) {
            running_advance(&b.run);
            CU_ASSERT_EQUAL_FATAL(running_need_bytes(&b.run), 0);
            fast.run.ctx_tokens[0] += 2.0;
        }
        running_pass(&fast.run, plain);
        running_advance(&b.run);
        running_advance(&fast.run);
        CU_ASSERT_TRUE(running_need_bytes(&b.run) > 0);
        CU_ASSERT_EQUAL(running_need_bytes(&fast.run), running_need_bytes(&b.run));
        CU_ASSERT_EQUAL(fast.run.ctx_tokens[0], b.run.ctx_tokens[0]);
        CU_ASSERT_EQUAL(fast.run.iter, b.run.iter);
    }
    CU_ASSERT_EQUAL(longest,
                    block - 7 - 1); /* the longer way from one's border to the other's */
    bench_fini(&b);
    bench_fini(&fast);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"full contexts equal a recount", full_contexts_equal_a_recount},
        {"sliding windows equal a recount", sliding_windows_equal_a_recount},
        {"chunks equal a recount", chunks_equal_a_recount},
        {"windows and chunks equal a recount", windows_and_chunks_together_equal_a_recount},
        {"reserved memory needs nothing", reserved_memory_needs_nothing_per_iteration},
        {"a block is needed on entry", a_block_is_needed_when_the_context_enters_it},
        {"plain iterations end where a block is entered",
         plain_iterations_end_where_a_block_is_entered},
        {"a chunk gives its blocks back", a_chunk_gives_its_blocks_back_at_its_end},
        {"ends leave in order of admission",
         those_that_end_together_leave_in_order_of_admission},
        {"a stale finish stays stale", a_stale_finish_does_not_match_the_next_user_of_the_slot},
        {"queues keep their order", queues_keep_their_order_at_both_ends},
        {"slots are reused", slots_of_the_request_pool_are_reused},
    };
    return check_main("running", cases, (int)(sizeof cases / sizeof *cases));
}
