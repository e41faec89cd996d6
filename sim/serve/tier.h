/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tier.h - KV content kept below GPU memory, in host memory or on SSD, for one rank.
 *
 * Written through: each full block goes to every tier as soon as it is computed, not when the
 * GPU's cache evicts it, so a tier holds what the GPU holds and more (vLLM's
 * OffloadingConnector and LMCache; SGLang's HiCache with its default write_through.
 * TensorRT-LLM moves blocks at eviction: its host memory reaches further by the size of the
 * pool). Writes run beside the computation in the link's other direction and cost nothing here.
 *
 * Least recently used content goes first. A prompt that is served makes its blocks the most
 * recent, its first block last, so a prompt loses its end first (vLLM: touch in reverse order).
 * An entry is a segment with its first n blocks, or a run of blocks whose content cannot recur.
 * What of a segment is used counts as use of all of it that is held. O(segments) per call,
 * evictions amortised. Counts the layers that keep growing; windows and state come on top of a
 * load, not of a tier's size. */
#ifndef TIER_H
#define TIER_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/cost/kv_layout.h"
#include "sim/load/load.h"

enum tier_kind { TIER_HOST, TIER_SSD, TIER_N };
extern const char *const tier_names[]; /* host ssd */

/* How a hit gets to the GPU. */
enum tier_load {
    TIER_LOAD_AHEAD,  /* the request waits for it, others run (vLLM, LMCache) */
    TIER_LOAD_LAYERS, /* layer by layer during the step that needs it: the longer of both
                         (SGLang) */
    TIER_LOAD_BEFORE, /* the step that needs it waits (TensorRT-LLM) */
};

/* A tier as one GPU sees it: its share of the bytes, its own link. */
struct tier_config {
    int64_t capacity_bytes; /* 0: no tier */
    double bytes_per_s;     /* reading */
    double latency_s;       /* of one load */
};

struct tier;
struct tier *tier_new(const struct kv_layout *layout, int64_t capacity_bytes);
void tier_free(struct tier *tier);

/* A sequence that begins with this prompt now has tokens from_tokens to to_tokens computed:
 * its full blocks up to there are held, those of recurring content to be found again. The
 * prompt's segments reach up to prompt_tokens. */
void tier_put(struct tier *tier, const struct prompt_content *content, int64_t prompt_tokens,
              int64_t from_tokens, int64_t to_tokens);
/* Tokens of the prompt held without a gap behind its first have_tokens (whole blocks); never
 * the prompt's last token. */
int64_t tier_find(const struct tier *tier, const struct prompt_content *content,
                  int64_t prompt_tokens, int64_t have_tokens);
/* The prompt's content is used: the first `tokens` become the most recent. */
void tier_touch(struct tier *tier, const struct prompt_content *content, int64_t prompt_tokens,
                int64_t tokens);
int64_t tier_used_bytes(const struct tier *tier);
/* Invariants, for tests: within capacity, the list whole, each segment found once. */
bool tier_check(const struct tier *tier);

/* The tiers of one rank, each behind its link; loads of a link follow one another. */
struct tier_stack {
    struct tier *tiers[TIER_N]; /* NULL: none */
    double free_s[TIER_N];
    bool any;
};
void tier_stack_init(struct tier_stack *stack, const struct kv_layout *layout,
                     const struct tier_config configs[TIER_N]);
void tier_stack_fini(struct tier_stack *stack);

/* Where a prompt's tokens are: the first hit_tokens in GPU memory, then so many in each tier,
 * the fastest first. */
struct tier_hit {
    int64_t tokens[TIER_N];
    int64_t all_tokens;
};
struct tier_hit tier_stack_find(const struct tier_stack *stack,
                                const struct prompt_content *content, int64_t prompt_tokens,
                                int64_t hit_tokens);
void tier_stack_put(struct tier_stack *stack, const struct prompt_content *content,
                    int64_t prompt_tokens, int64_t from_tokens, int64_t to_tokens);
void tier_stack_touch(struct tier_stack *stack, const struct prompt_content *content,
                      int64_t prompt_tokens, int64_t tokens);
/* Starts a load at now_s, on each link after what it has; returns when the last of it is there.
 * SSD content passes the host link too. Worked: 1.1 GB on SSD behind 5 GB/s and 50 GB/s with
 * 10 us: 0.22 s. A layer that windows or state bound is loaded whole. */
double tier_stack_load(struct tier_stack *stack, const struct kv_layout *layout,
                       const struct tier_config configs[TIER_N], int64_t hit_tokens,
                       const struct tier_hit *hit, double now_s);

#endif
