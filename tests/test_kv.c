/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_kv.c - the KV pool; its prefix cache against the block-by-block reference below, which
 * keeps a free queue as vLLM does: blocks are freed last first, allocated from the head, and
 * lose their hash when they are allocated again. */
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"
#include "sim/core/rng.h"
#include "sim/serve/kv.h"
#include "tests/check.h"

enum { BLOCK = 16, BLOCK_BYTES = 100, HASH_TOKENS = 64 };

static const struct kv_layout plain = {.block_tokens = BLOCK, .full_block_bytes = BLOCK_BYTES};

/* ---- the reference --------------------------------------------------------------------------
 */

enum { REF_BLOCKS = 96, REF_MAX_REQUEST = 64 };

struct ref_block {
    uint64_t key; /* content, 0: none that can recur */
    int refs;
};
struct ref_pool {
    struct ref_block blocks[REF_BLOCKS];
    int queue[REF_BLOCKS]; /* free blocks, next to be allocated first */
    int n_free;
};
struct ref_request {
    int blocks[REF_MAX_REQUEST];
    int n;
    int n_keyed; /* leading blocks whose content is in the cache under its key */
    int n_offered;
};

static void ref_init(struct ref_pool *p, int n_blocks)
{
    memset(p, 0, sizeof *p);
    for (int i = 0; i < n_blocks; i++) {
        p->queue[p->n_free++] = i;
    }
}

/* Content of the b-th block: 0 when it cannot recur. */
static uint64_t ref_key(const struct prompt_content *c, int64_t prompt_tokens, int64_t b)
{
    int64_t end = (b + 1) * BLOCK;
    uint64_t id = 0;
    if (end > prompt_tokens) {
        return 0;
    }
    if (c->hashes) {
        int64_t seg = (end - 1) / c->hash_tokens;
        id = seg < c->n_hashes ? (uint64_t)c->hashes[seg] : 0;
    } else if (c->shared_id != 0 && end <= c->shared_tokens) {
        id = c->shared_id;
    } else {
        id = c->body_id;
    }
    return id ? rng_hash(id * 1000003 + (uint64_t)b) : 0;
}

static int ref_find(const struct ref_pool *p, uint64_t key)
{
    for (int i = 0; key != 0 && i < REF_BLOCKS; i++) {
        if (p->blocks[i].key == key) {
            return i;
        }
    }
    return -1;
}

static int ref_hits(const struct ref_pool *p, const struct prompt_content *c,
                    int64_t prompt_tokens, int *pinned)
{
    int n = 0;
    *pinned = 0;
    for (; n < (prompt_tokens - 1) / BLOCK; n++) {
        int i = ref_find(p, ref_key(c, prompt_tokens, n));
        if (i < 0) {
            break;
        }
        *pinned += p->blocks[i].refs == 0;
    }
    return n;
}

static void ref_touch(struct ref_pool *p, int i)
{
    if (p->blocks[i].refs++ > 0) {
        return;
    }
    int at = 0;
    while (p->queue[at] != i) {
        at++;
    }
    memmove(&p->queue[at], &p->queue[at + 1], (size_t)(p->n_free - at - 1) * sizeof(int));
    p->n_free--;
}

static void ref_allocate(struct ref_pool *p, struct ref_request *r)
{
    int i = p->queue[0];
    ref_touch(p, i);
    p->blocks[i].key = 0;
    r->blocks[r->n++] = i;
}

static bool ref_grow(struct ref_pool *p, struct ref_request *r, int64_t tokens)
{
    int64_t need = (tokens + BLOCK - 1) / BLOCK - r->n;
    if (need > p->n_free) {
        return false;
    }
    while (need-- > 0) {
        ref_allocate(p, r);
    }
    return true;
}

static void ref_offer(struct ref_pool *p, struct ref_request *r, const struct prompt_content *c,
                      int64_t prompt_tokens, int64_t tokens)
{
    for (; r->n_offered < tokens / BLOCK; r->n_offered++) {
        uint64_t key = ref_key(c, prompt_tokens, r->n_offered);
        if (key != 0 && r->n_keyed == r->n_offered && ref_find(p, key) < 0) {
            p->blocks[r->blocks[r->n_offered]].key = key;
            r->n_keyed++;
        }
    }
}

static bool ref_admit(struct ref_pool *p, struct ref_request *r, const struct prompt_content *c,
                      int64_t prompt_tokens, int64_t tokens)
{
    int pinned;
    int hits = ref_hits(p, c, prompt_tokens, &pinned);
    memset(r, 0, sizeof *r);
    if ((tokens + BLOCK - 1) / BLOCK - hits + pinned > p->n_free) {
        return false;
    }
    for (int b = 0; b < hits; b++) {
        int i = ref_find(p, ref_key(c, prompt_tokens, b));
        ref_touch(p, i);
        r->blocks[r->n++] = i;
    }
    r->n_keyed = hits;
    r->n_offered = hits;
    return ref_grow(p, r, tokens);
}

static void ref_release(struct ref_pool *p, struct ref_request *r)
{
    while (r->n > 0) {
        int i = r->blocks[--r->n];
        if (--p->blocks[i].refs == 0) {
            p->queue[p->n_free++] = i;
        }
    }
}

/* ---- one request in both
 * --------------------------------------------------------------------- */

struct twin {
    struct prompt_content content;
    int64_t hashes[16];
    int64_t prompt_tokens;
    int64_t held_tokens;
    struct kv_shared shared;
    struct ref_request ref;
};

static int64_t blocks_for(int64_t tokens)
{
    return (tokens + BLOCK - 1) / BLOCK;
}

/* Admission of a first chunk, as the replica does it. False: neither has room. */
static bool twin_admit(struct kv_pool *p, struct ref_pool *ref, struct twin *t, int64_t chunk)
{
    int64_t pin;
    int pinned;
    int64_t hit = kv_probe(p, &t->content, t->prompt_tokens, &pin);
    CU_ASSERT_EQUAL_FATAL(hit, (int64_t)ref_hits(ref, &t->content, t->prompt_tokens, &pinned) *
                                   BLOCK);
    CU_ASSERT_EQUAL_FATAL(pin, (int64_t)pinned * BLOCK_BYTES);
    int64_t tokens = hit + chunk < t->prompt_tokens ? hit + chunk : t->prompt_tokens;
    int64_t need = (blocks_for(tokens) - hit / BLOCK) * BLOCK_BYTES;
    bool fits = need + pin <= kv_free_bytes(p);
    CU_ASSERT_EQUAL_FATAL(ref_admit(ref, &t->ref, &t->content, t->prompt_tokens, tokens), fits);
    if (!fits) {
        return false;
    }
    kv_shared_init(&t->shared);
    CU_ASSERT_EQUAL(kv_lookup(p, &t->content, t->prompt_tokens, &t->shared), hit);
    CU_ASSERT_TRUE(kv_take(p, need));
    t->held_tokens = tokens;
    kv_offer(p, &t->content, t->prompt_tokens, tokens, &t->shared);
    ref_offer(ref, &t->ref, &t->content, t->prompt_tokens, tokens);
    return true;
}

/* More prompt, then output. */
static void twin_grow(struct kv_pool *p, struct ref_pool *ref, struct twin *t, int64_t tokens)
{
    int64_t then = t->held_tokens + tokens;
    if (t->held_tokens < t->prompt_tokens && then > t->prompt_tokens) {
        then = t->prompt_tokens;
    }
    if (blocks_for(then) > REF_MAX_REQUEST) {
        return;
    }
    bool took = kv_take(p, (blocks_for(then) - blocks_for(t->held_tokens)) * BLOCK_BYTES);
    CU_ASSERT_EQUAL_FATAL(ref_grow(ref, &t->ref, then), took);
    if (took) {
        t->held_tokens = then;
        int64_t computed = then < t->prompt_tokens ? then : t->prompt_tokens;
        kv_offer(p, &t->content, t->prompt_tokens, computed, &t->shared);
        ref_offer(ref, &t->ref, &t->content, t->prompt_tokens, computed);
    }
}

static void twin_release(struct kv_pool *p, struct ref_pool *ref, struct twin *t)
{
    kv_release(p, &t->shared, (blocks_for(t->held_tokens) - t->shared.n_blocks) * BLOCK_BYTES);
    ref_release(ref, &t->ref);
    t->held_tokens = 0;
}

/* Contents of every kind: shared prefixes longer and shorter than the prompt, repeated prompts
 * whole multiples of a block or not, paths through a tree of hashes. */
static void draw_content(struct rng *rng, struct twin *t)
{
    memset(&t->content, 0, sizeof t->content);
    t->prompt_tokens = 1 + (int64_t)rng_below(rng, 300);
    uint64_t kind = rng_below(rng, 5);
    if (kind == 0) {
        return; /* nothing recurs */
    }
    if (kind <= 2) {
        uint64_t item = rng_below(rng, 6);
        if (kind == 2) {
            t->prompt_tokens = 16 + (int64_t)item * 40;
            t->content.body_id = 500 + item;
        }
        t->content.shared_id = 100 + item % 3;
        int64_t shared = 40 + (int64_t)(item % 3) * 53;
        t->content.shared_tokens = shared < t->prompt_tokens ? shared : t->prompt_tokens;
        return;
    }
    if (kind == 3) {
        uint64_t item = rng_below(rng, 8);
        t->prompt_tokens = 10 + (int64_t)item * 30;
        t->content.body_id = 900 + item;
        return;
    }
    uint64_t at = 77;
    int64_t n = 1 + (int64_t)rng_below(rng, 4);
    int64_t last = 1 + (int64_t)rng_below(rng, HASH_TOKENS);
    t->prompt_tokens = (n - 1) * HASH_TOKENS + last;
    for (int64_t i = 0; i < n; i++) {
        at = rng_hash(at * 3 + rng_below(rng, 2) + (i == n - 1 ? 50 * (uint64_t)last : 0)) >> 1;
        t->hashes[i] = (int64_t)at;
    }
    t->content.hashes = t->hashes;
    t->content.n_hashes = (int32_t)n;
    t->content.hash_tokens = HASH_TOKENS;
}

enum { N_TWINS = 12 };

static void run_twins(uint64_t seed, int n_blocks, int n_steps, bool chunks)
{
    struct kv_pool *p = kv_pool_new(&plain, (int64_t)n_blocks * BLOCK_BYTES, true);
    struct ref_pool ref;
    struct twin *twins = xcalloc(N_TWINS, sizeof *twins);
    struct rng rng;
    rng_init(&rng, seed, "twins", 0);
    ref_init(&ref, n_blocks);
    for (int step = 0; step < n_steps; step++) {
        struct twin *t = &twins[rng_below(&rng, N_TWINS)];
        if (t->held_tokens == 0) {
            draw_content(&rng, t);
            if (!twin_admit(p, &ref, t, chunks ? 1 + (int64_t)rng_below(&rng, 200) : 1000)) {
                t->held_tokens = 0;
            }
        } else if (rng_below(&rng, 3) > 0) {
            twin_grow(p, &ref, t, 1 + (int64_t)rng_below(&rng, 40));
        } else {
            twin_release(p, &ref, t);
        }
        CU_ASSERT_EQUAL_FATAL(kv_free_bytes(p), (int64_t)ref.n_free * BLOCK_BYTES);
        CU_ASSERT_TRUE_FATAL(kv_check(p));
    }
    for (int i = 0; i < N_TWINS; i++) {
        if (twins[i].held_tokens > 0) {
            twin_release(p, &ref, &twins[i]);
        }
    }
    CU_ASSERT_EQUAL(kv_free_bytes(p), kv_capacity_bytes(p));
    CU_ASSERT_TRUE(kv_check(p));
    free(twins);
    kv_pool_free(p);
}

static void the_cache_equals_vllms_free_queue_block_by_block(void)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        run_twins(seed, 30 + 3 * (int)seed, 3000, false);
    }
}

static void prompts_computed_in_chunks_equal_the_reference_too(void)
{
    for (uint64_t seed = 100; seed < 120; seed++) {
        run_twins(seed, 30 + 3 * (int)(seed - 100), 3000, true);
    }
}

/* ---- one behaviour each
 * ------------------------------------------------------------------------ */

static struct prompt_content body(uint64_t id)
{
    return (struct prompt_content){.body_id = id};
}
static struct prompt_content prefix(uint64_t id, int64_t tokens)
{
    return (struct prompt_content){.shared_id = id, .shared_tokens = tokens};
}

/* Admits, computes and releases a prompt alone. */
static void compute(struct kv_pool *p, const struct prompt_content *c, int64_t prompt_tokens)
{
    struct kv_shared s;
    kv_shared_init(&s);
    int64_t hit = kv_lookup(p, c, prompt_tokens, &s);
    CU_ASSERT_TRUE(kv_take(p, (blocks_for(prompt_tokens) - hit / BLOCK) * BLOCK_BYTES));
    kv_offer(p, c, prompt_tokens, prompt_tokens, &s);
    kv_release(p, &s, (blocks_for(prompt_tokens) - s.n_blocks) * BLOCK_BYTES);
}

static int64_t hits(const struct kv_pool *p, const struct prompt_content *c,
                    int64_t prompt_tokens)
{
    int64_t pin;
    return kv_probe(p, c, prompt_tokens, &pin);
}

static void taking_and_giving_count_bytes(void)
{
    struct kv_pool *p = kv_pool_new(&plain, 1000, false);
    CU_ASSERT_TRUE(kv_take(p, 600));
    CU_ASSERT_FALSE(kv_take(p, 401));
    CU_ASSERT_EQUAL(kv_free_bytes(p), 400);
    CU_ASSERT_TRUE(kv_take(p, 400));
    kv_give(p, 1000);
    CU_ASSERT_EQUAL(kv_free_bytes(p), 1000);
    CU_ASSERT_EQUAL(kv_capacity_bytes(p), 1000);
    kv_pool_free(p);
}

static void without_reuse_nothing_is_found(void)
{
    struct kv_pool *p = kv_pool_new(&plain, 5000, false);
    struct prompt_content c = body(1);
    compute(p, &c, 160);
    CU_ASSERT_EQUAL(hits(p, &c, 160), 0);
    kv_pool_free(p);
}

static void only_full_blocks_hit_and_never_the_last_token(void)
{
    struct kv_pool *p = kv_pool_new(&plain, 100000, true);
    static const struct {
        int64_t prompt, hit;
    } want[] = {{1, 0}, {15, 0}, {16, 0}, {17, 16}, {32, 16}, {33, 32}, {160, 144}, {170, 160}};
    for (int i = 0; i < 8; i++) {
        struct prompt_content c = body(10 + (uint64_t)i);
        CU_ASSERT_EQUAL(hits(p, &c, want[i].prompt), 0);
        compute(p, &c, want[i].prompt);
        CU_ASSERT_EQUAL(hits(p, &c, want[i].prompt), want[i].hit);
    }
    kv_pool_free(p);
}

static void a_group_shares_the_full_blocks_of_its_prefix(void)
{
    struct kv_pool *p = kv_pool_new(&plain, 100000, true);
    struct prompt_content c = prefix(5, 100); /* 6 blocks and 4 tokens */
    struct prompt_content other = prefix(6, 100);
    compute(p, &c, 400);
    CU_ASSERT_EQUAL(hits(p, &c, 300), 96);
    CU_ASSERT_EQUAL(hits(p, &c, 97), 96);
    CU_ASSERT_EQUAL(hits(p, &c, 96), 80);
    CU_ASSERT_EQUAL(hits(p, &other, 300), 0);
    kv_pool_free(p);
}

static void eviction_takes_the_least_recent_and_the_end_of_a_prompt_first(void)
{
    struct kv_pool *p = kv_pool_new(&plain, 20 * BLOCK_BYTES, true);
    struct prompt_content a = body(1);
    struct prompt_content b = body(2);
    compute(p, &a, 161);                         /* 11 blocks, 10 of them can hit */
    compute(p, &b, 129);                         /* 9 blocks */
    CU_ASSERT_TRUE(kv_take(p, 4 * BLOCK_BYTES)); /* a's own block and its last three */
    CU_ASSERT_EQUAL(hits(p, &a, 161), 7 * BLOCK);
    CU_ASSERT_EQUAL(hits(p, &b, 129), 8 * BLOCK);
    CU_ASSERT_TRUE(kv_take(p, 9 * BLOCK_BYTES)); /* the rest of a, b's own block and its last */
    CU_ASSERT_EQUAL(hits(p, &a, 161), 0);
    CU_ASSERT_EQUAL(hits(p, &b, 129), 7 * BLOCK);
    kv_pool_free(p);
}

static void what_is_held_is_not_evicted(void)
{
    struct kv_pool *p = kv_pool_new(&plain, 20 * BLOCK_BYTES, true);
    struct prompt_content a = body(1);
    struct kv_shared s;
    compute(p, &a, 161);
    kv_shared_init(&s);
    CU_ASSERT_EQUAL(kv_lookup(p, &a, 161, &s), 160);
    CU_ASSERT_EQUAL(kv_free_bytes(p), 10 * BLOCK_BYTES);
    CU_ASSERT_FALSE(kv_take(p, 11 * BLOCK_BYTES));
    CU_ASSERT_TRUE(kv_take(p, 10 * BLOCK_BYTES));
    CU_ASSERT_EQUAL(hits(p, &a, 161), 160);
    kv_release(p, &s, 10 * BLOCK_BYTES);
    CU_ASSERT_EQUAL(kv_free_bytes(p), 20 * BLOCK_BYTES);
    kv_pool_free(p);
}

static void a_prompt_shorter_than_the_shared_prefix_holds_only_its_part(void)
{
    struct kv_pool *p = kv_pool_new(&plain, 10 * BLOCK_BYTES, true);
    struct prompt_content whole = prefix(1, 160);
    struct prompt_content part = prefix(1, 50);
    struct kv_shared s;
    compute(p, &whole, 160);
    kv_shared_init(&s);
    CU_ASSERT_EQUAL(kv_lookup(p, &part, 50, &s), 48);
    CU_ASSERT_EQUAL(kv_free_bytes(p), 7 * BLOCK_BYTES);
    CU_ASSERT_TRUE(kv_take(p, 7 * BLOCK_BYTES));
    CU_ASSERT_EQUAL(hits(p, &whole, 160), 48);
    kv_release(p, &s, 7 * BLOCK_BYTES);
    CU_ASSERT_TRUE(kv_check(p));
    kv_pool_free(p);
}

/* A prompt of exactly the pool's size must fit again after it has been there. */
static void a_repeated_prompt_fits_in_the_pool_it_fitted_before(void)
{
    struct kv_pool *p = kv_pool_new(&plain, 10 * BLOCK_BYTES, true);
    struct prompt_content c = prefix(1, 160);
    int64_t pin;
    compute(p, &c, 160);
    int64_t hit = kv_probe(p, &c, 160, &pin);
    CU_ASSERT_EQUAL(hit, 144);
    CU_ASSERT_EQUAL(pin, 9 * BLOCK_BYTES);
    compute(p, &c, 160);
    CU_ASSERT_EQUAL(kv_free_bytes(p), kv_capacity_bytes(p));
    kv_pool_free(p);
}

static void probing_changes_nothing(void)
{
    struct kv_pool *p = kv_pool_new(&plain, 20 * BLOCK_BYTES, true);
    struct prompt_content a = body(1);
    struct prompt_content b = body(2);
    compute(p, &a, 100);
    compute(p, &b, 100);
    CU_ASSERT_EQUAL(hits(p, &a, 100), 96);
    CU_ASSERT_TRUE(
        kv_take(p, 12 * BLOCK_BYTES));     /* 6 never used, then a's 7 first, though a was */
    CU_ASSERT_EQUAL(hits(p, &a, 100), 16); /* looked at last */
    CU_ASSERT_EQUAL(hits(p, &b, 100), 96);
    kv_pool_free(p);
}

static void two_computing_the_same_prompt_keep_one_copy_in_the_cache(void)
{
    struct kv_pool *p = kv_pool_new(&plain, 40 * BLOCK_BYTES, true);
    struct prompt_content c = body(1);
    struct kv_shared s[2];
    for (int i = 0; i < 2; i++) {
        kv_shared_init(&s[i]);
        CU_ASSERT_EQUAL(kv_lookup(p, &c, 100, &s[i]), 0);
        CU_ASSERT_TRUE(kv_take(p, 7 * BLOCK_BYTES));
    }
    kv_offer(p, &c, 100, 100, &s[0]);
    kv_offer(p, &c, 100, 100, &s[1]);
    CU_ASSERT_EQUAL(s[0].n_blocks, 6);
    CU_ASSERT_EQUAL(s[1].n_blocks, 0);
    kv_release(p, &s[1], 7 * BLOCK_BYTES);
    kv_release(p, &s[0], 1 * BLOCK_BYTES);
    CU_ASSERT_EQUAL(kv_free_bytes(p), kv_capacity_bytes(p));
    CU_ASSERT_TRUE(kv_check(p));
    kv_pool_free(p);
}

/* Windows and state make own bytes that are no whole blocks of the growing layers. */
static void odd_sizes_are_conserved(void)
{
    const struct kv_layout layout = {
        .block_tokens = BLOCK,
        .full_block_bytes = 96,
        .windows = {{SPAN_SLIDING, 64, 37}, {SPAN_CHUNKED, 48, 11}},
        .n_windows = 2,
        .state_bytes = 13};
    struct kv_pool *p = kv_pool_new(&layout, 20000, true);
    struct twin *twins = xcalloc(N_TWINS, sizeof *twins);
    struct rng rng;
    rng_init(&rng, 5, "odd", 0);
    for (int step = 0; step < 20000; step++) {
        struct twin *t = &twins[rng_below(&rng, N_TWINS)];
        if (t->held_tokens > 0) {
            int64_t own = kv_bytes(&layout, t->held_tokens) - t->shared.n_blocks * 96;
            kv_release(p, &t->shared, own);
            t->held_tokens = 0;
            CU_ASSERT_TRUE_FATAL(kv_check(p));
            continue;
        }
        int64_t pin;
        draw_content(&rng, t);
        int64_t hit = kv_probe(p, &t->content, t->prompt_tokens, &pin);
        int64_t need = kv_bytes(&layout, t->prompt_tokens) - hit / BLOCK * 96;
        int64_t before = kv_free_bytes(p);
        if (need + pin > before) {
            continue;
        }
        kv_shared_init(&t->shared);
        CU_ASSERT_EQUAL_FATAL(kv_lookup(p, &t->content, t->prompt_tokens, &t->shared), hit);
        CU_ASSERT_TRUE_FATAL(kv_take(p, need));
        CU_ASSERT_EQUAL_FATAL(kv_free_bytes(p), before - need - pin);
        kv_offer(p, &t->content, t->prompt_tokens, t->prompt_tokens, &t->shared);
        t->held_tokens = t->prompt_tokens;
        CU_ASSERT_TRUE_FATAL(kv_check(p));
    }
    for (int i = 0; i < N_TWINS; i++) {
        if (twins[i].held_tokens > 0) {
            kv_release(p, &twins[i].shared,
                       kv_bytes(&layout, twins[i].held_tokens) - twins[i].shared.n_blocks * 96);
        }
    }
    CU_ASSERT_EQUAL(kv_free_bytes(p), 20000);
    free(twins);
    kv_pool_free(p);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"taking and giving count bytes", taking_and_giving_count_bytes},
        {"without reuse nothing is found", without_reuse_nothing_is_found},
        {"only full blocks hit, never the last token",
         only_full_blocks_hit_and_never_the_last_token},
        {"a group shares its prefix", a_group_shares_the_full_blocks_of_its_prefix},
        {"eviction order", eviction_takes_the_least_recent_and_the_end_of_a_prompt_first},
        {"what is held is not evicted", what_is_held_is_not_evicted},
        {"a short prompt holds only its part",
         a_prompt_shorter_than_the_shared_prefix_holds_only_its_part},
        {"a repeated prompt fits again", a_repeated_prompt_fits_in_the_pool_it_fitted_before},
        {"probing changes nothing", probing_changes_nothing},
        {"one copy in the cache", two_computing_the_same_prompt_keep_one_copy_in_the_cache},
        {"odd sizes are conserved", odd_sizes_are_conserved},
        {"equals vLLM's free queue", the_cache_equals_vllms_free_queue_block_by_block},
        {"equals it in chunks", prompts_computed_in_chunks_equal_the_reference_too},
    };
    return check_main("kv", cases, (int)(sizeof cases / sizeof *cases));
}
