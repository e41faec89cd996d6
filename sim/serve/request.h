/* SPDX-License-Identifier: GPL-3.0-or-later */
/* request.h - a live request inside a deployment, and the pool they live in. Only live requests
 * are held; a slot is reused when its request ends. */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/load/load.h"
#include "sim/serve/kv.h"

struct request {
    double arrival_s;   /* at the API server */
    double visible_s;   /* when the scheduler can see it */
    double scheduled_s; /* first admitted; NaN before */
    double first_s;     /* first token; NaN before */
    double token_s;     /* latest token known one by one (first, or at a resume) */
    double loaded_s;    /* when its load from a tier is done */
    int64_t id;
    int64_t prompt_tokens, output_tokens;
    int64_t image_tokens;    /* of the prompt, new with this request */
    int64_t target_tokens;   /* to compute before (more) tokens come: prompt + generated */
    int64_t computed_tokens; /* of target, in the cache */
    int64_t generated;       /* tokens emitted up to the last (re)start of decoding */
    int64_t base;            /* decoding: context at decode iteration i is base + i */
    int64_t hit_tokens;      /* prompt tokens found in a cache at first admission */
    int64_t tier_tokens;     /* of them in tiers below GPU memory */
    int64_t reserved_tokens; /* guaranteed-no-evict, or loaded: tokens whose memory is held */
    int64_t promised_tokens; /* prefill that its router expects at `rank` */
    struct prompt_content content;
    struct kv_shared shared;
    int32_t class_idx;
    int32_t session;      /* -1: none */
    int32_t rank;         /* data-parallel rank its router chose; -1: the replica chooses */
    int32_t priority;     /* lower is served first where the scheduler looks at it */
    double deadline_s;    /* fails when not admitted by then; INFINITY: never */
    int32_t prev, next;   /* running list in order of admission */
    int32_t landing_rank; /* disaggregated: of the decode replica that its KV goes to */
    int32_t transfer;     /* ... and its place in the handover; -1: none */
    uint32_t stamp;       /* which stay in a running set; stale heap entries differ */
    bool decoding;
    bool loaded; /* waits to be admitted with computed_tokens loaded from a tier */
};

struct request_pool {
    struct request *items;
    int n, cap;
    int32_t spare;       /* list through next */
    uint32_t next_stamp; /* the pool's, since replicas reuse each other's slots */
    int64_t n_live;
};
void request_pool_init(struct request_pool *pool);
void request_pool_fini(struct request_pool *pool);
int32_t request_new(struct request_pool *pool, const struct arrival *arrival);
void request_drop(struct request_pool *pool, int32_t idx);

/* A double-ended queue of request indexes. */
struct request_queue {
    int32_t *items;
    int cap, head, n;
};
void request_queue_fini(struct request_queue *q);
void request_push_back(struct request_queue *q, int32_t idx);
void request_push_front(struct request_queue *q, int32_t idx);
/* Behind every request of its priority or a better one. O(requests behind it). */
void request_push_by_priority(struct request_queue *q, int32_t idx,
                              const struct request_pool *pool);
int32_t request_pop_front(struct request_queue *q);                /* -1 when empty */
static inline int32_t request_front(const struct request_queue *q) /* -1 when empty */
{
    return q->n > 0 ? q->items[q->head] : -1;
}

#endif
