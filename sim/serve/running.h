/* SPDX-License-Identifier: GPL-3.0-or-later */
/* running.h - the decoding requests of one rank as running sums: how many, their summed context
 * inside every span, the KV bytes the next iteration needs, and who finishes when. One decode
 * iteration costs O(spans + windows), whatever the batch: block borders, chunk borders and
 * window saturation are counters by phase. Joining and leaving cost O(log n) for the finish
 * heap.
 *
 * Iterations are counted from 0; a request's context at iteration i is base + i tokens (the new
 * token included), so a phase is a residue of base. */
#ifndef RUNNING_H
#define RUNNING_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/cost/step.h"
#include "sim/serve/kv.h"
#include "sim/serve/request.h"

enum { RUNNING_MAX_RINGS = STEP_MAX_SPANS + KV_MAX_WINDOWS };

/* Counters of one bounded span. */
struct ring {
    enum attn_span span;
    int64_t window_tokens;
    int64_t block_bytes; /* KV bytes per block of its layers; 0: only context is counted */
    int span_idx;        /* whose context sum it keeps; -1: only KV bytes are counted */
    int64_t n_growing;   /* sliding: contexts still below the window */
    int32_t *cross;      /* sliding: how many saturate at iteration i (index i mod size);
                            chunked: how many start a new chunk at i (index i mod window) */
    int64_t size, at;    /* at = current iteration mod size */
    int32_t *phase;      /* block borders of those that grow, by iteration mod block_tokens */
};

struct finish {
    int64_t iter;
    uint32_t stamp;
    int32_t request;
};

struct running {
    const struct kv_layout *layout;
    int64_t iter; /* next decode iteration */
    int64_t n;    /* decoding requests */
    double ctx_tokens[STEP_MAX_SPANS];
    int n_spans;
    int32_t *phase; /* block borders by iteration mod block_tokens */
    int64_t phase_at;
    struct ring rings[RUNNING_MAX_RINGS];
    int n_rings;
    struct finish *heap;
    int n_heap, cap_heap;
    int64_t sum_finish; /* sum of finish iterations of all decoding requests */
    bool reserved;      /* memory is reserved up front: iterations need none */
};

void running_init(struct running *r, const struct step_model *model,
                  const struct kv_layout *layout, bool reserved);
void running_fini(struct running *r);

/* The request starts (or resumes) decoding: its context is context_tokens at the coming
 * iteration, which it runs together with `remaining` - 1 more. */
void running_join(struct running *r, struct request *req, int32_t idx, int64_t context_tokens,
                  int64_t remaining);
/* Leaves between iterations; its heap entry turns stale. */
void running_leave(struct running *r, struct request *req, int64_t finish_iter);

/* One bounded span of the two functions below. */
int64_t ring_need_bytes(const struct running *r, const struct ring *g);
void ring_advance(struct running *r, struct ring *g);
/* KV bytes that iteration `iter` takes, net of chunks given back at chunk borders (may be < 0).
 */
static inline int64_t running_need_bytes(const struct running *r)
{
    if (r->reserved) {
        return 0;
    }
    int64_t need = r->phase[r->phase_at] * r->layout->full_block_bytes;
    for (int i = 0; i < r->n_rings; i++) {
        need += ring_need_bytes(r, &r->rings[i]);
    }
    return need;
}
/* Iteration `iter` has run: contexts grow, borders are crossed. */
static inline void running_advance(struct running *r)
{
    r->iter++;
    r->phase_at = r->phase_at + 1 == r->layout->block_tokens ? 0 : r->phase_at + 1;
    r->ctx_tokens[0] += (double)r->n;
    for (int i = 0; i < r->n_rings; i++) {
        ring_advance(r, &r->rings[i]);
    }
}
/* How many of the next iterations, the one that comes first not counted, take no KV memory and
 * change nothing but contexts; as far as it looks: a block's length, and not at all with
 * bounded spans. */
int64_t running_scan_ahead(const struct running *r);
static inline int64_t running_plain_ahead(const struct running *r)
{
    int64_t next = r->phase_at + 1 == r->layout->block_tokens ? 0 : r->phase_at + 1;
    return r->phase[next] != 0 || r->n_rings > 0 ? 0 : running_scan_ahead(r);
}
/* n of them have run, the contexts counted already. */
static inline void running_pass(struct running *r, int64_t n)
{
    r->iter += n;
    r->phase_at = (r->phase_at + n) % r->layout->block_tokens;
}
/* Iteration at which the next request ends (after running it); INT64_MAX when none. Drops stale
 * entries. */
int64_t running_next_finish(struct running *r, const struct request_pool *pool);
/* Takes the request that ends at next_finish; -1 when none ends before iteration `iter`. */
int32_t running_pop_finished(struct running *r, const struct request_pool *pool);
/* Tokens all decoding requests still have to produce. */
int64_t running_remaining(const struct running *r);

#endif
