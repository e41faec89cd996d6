/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kv.h - the KV cache of one rank: a pool of bytes handed out in blocks, layers whose cache
 * stops growing (windows, chunks) accounted apart, and a prefix cache over what was freed.
 *
 * Prefix cache: freed memory stays in one least-recently-freed queue. Content that can recur is
 * an entry per segment of a prompt (a shared prefix, a repeated prompt, a trace's hash block)
 * counted in blocks; content that cannot recur is a run of bytes. Allocation takes from the
 * head, a segment loses its last blocks first, as vLLM's free queue does block by block (a test
 * compares the two). Hits are full blocks only and never the last prompt token. All operations
 * O(1) amortised per segment. Ignores: block-level fragmentation, second copies of the same
 * content (they cannot hit). */
#ifndef KV_H
#define KV_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/cost/kv_layout.h"
#include "sim/load/load.h"

/* Recurring content of a prompt, from its start: one segment after the other. Blocks on the
 * border of two belong to the later one. */
struct kv_segment {
    uint64_t id;
    int64_t end_tokens; /* where it ends in the prompt */
};
/* The i-th segment; false after the last. */
bool kv_segment_at(const struct prompt_content *content, int64_t prompt_tokens, int i,
                   struct kv_segment *out);

struct kv_pool;
/* reuse: whether prompts can share content (else the prefix cache costs nothing and does
 * nothing). */
struct kv_pool *kv_pool_new(const struct kv_layout *layout, int64_t capacity_bytes, bool reuse);
void kv_pool_free(struct kv_pool *pool);
int64_t kv_free_bytes(const struct kv_pool *pool); /* evictable cached content included */
int64_t kv_capacity_bytes(const struct kv_pool *pool);

/* Takes bytes for content that cannot recur. False, and nothing taken, when they are not free.
 */
bool kv_take(struct kv_pool *pool, int64_t bytes);
void kv_give(struct kv_pool *pool, int64_t bytes);

/* What one request holds of shared segments. */
struct kv_shared {
    int32_t first_ref; /* list of segment references in the pool, -1 none */
    int64_t n_blocks;  /* blocks of the segments it uses, not its own */
    int64_t
        cached_blocks; /* prompt blocks already offered to the cache; more than n_blocks: some
                          had been cached by another, what follows is the request's own */
};
void kv_shared_init(struct kv_shared *shared);

/* Prompt tokens found in the cache; references them (they are no longer evictable). */
int64_t kv_lookup(struct kv_pool *pool, const struct prompt_content *content,
                  int64_t prompt_tokens, struct kv_shared *shared);
/* How many tokens kv_lookup would find, without taking them; *pin_bytes: how much less would be
 * free if it did. */
int64_t kv_probe(const struct kv_pool *pool, const struct prompt_content *content,
                 int64_t prompt_tokens, int64_t *pin_bytes);
/* The request has computed its first `tokens` prompt tokens into memory it took: full blocks of
 * recurring content become the cache's, shared with whoever comes next. Blocks that another
 * request computed at the same time stay its own, and so do those after them. */
void kv_offer(struct kv_pool *pool, const struct prompt_content *content, int64_t prompt_tokens,
              int64_t tokens, struct kv_shared *shared);
/* Lets go of all segments and of own_bytes. */
void kv_release(struct kv_pool *pool, struct kv_shared *shared, int64_t own_bytes);
/* Counted invariants: free = queue, no negative reference, queue consistent. For tests. */
bool kv_check(const struct kv_pool *pool);

#endif
