/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/request.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"

void request_pool_init(struct request_pool *p)
{
    *p = (struct request_pool){.spare = -1};
}

void request_pool_fini(struct request_pool *p)
{
    free(p->items);
    request_pool_init(p);
}

int32_t request_new(struct request_pool *p, const struct arrival *a)
{
    int32_t i = p->spare;
    if (i >= 0) {
        p->spare = p->items[i].next;
    } else {
        ARRAY_RESERVE(p->items, p->cap, p->n + 1);
        i = p->n++;
    }
    p->n_live++;
    p->items[i] = (struct request){
        .arrival_s = a->time_s,
        .visible_s = a->time_s,
        .scheduled_s = NAN,
        .first_s = NAN,
        .id = a->id,
        .prompt_tokens = a->prompt_tokens,
        .output_tokens = a->output_tokens,
        .image_tokens = a->image_tokens,
        .target_tokens = a->prompt_tokens,
        .content = a->content,
        .class_idx = a->class_idx,
        .session = a->session,
        .rank = -1,
        .deadline_s = INFINITY,
        .prev = -1,
        .next = -1,
        .landing_rank = -1,
        .transfer = -1,
    };
    kv_shared_init(&p->items[i].shared);
    return i;
}

void request_drop(struct request_pool *p, int32_t idx)
{
    p->items[idx].next = p->spare;
    p->spare = idx;
    p->n_live--;
}

static void queue_grow(struct request_queue *q)
{
    int cap = q->cap ? q->cap * 2 : 64;
    int32_t *items = xrealloc(NULL, (size_t)cap, sizeof *items);
    for (int i = 0; i < q->n; i++) {
        items[i] = q->items[(q->head + i) & (q->cap - 1)];
    }
    free(q->items);
    q->items = items;
    q->cap = cap;
    q->head = 0;
}

void request_queue_fini(struct request_queue *q)
{
    free(q->items);
    memset(q, 0, sizeof *q);
}

void request_push_back(struct request_queue *q, int32_t idx)
{
    if (q->n == q->cap) {
        queue_grow(q);
    }
    q->items[(q->head + q->n++) & (q->cap - 1)] = idx;
}

void request_push_front(struct request_queue *q, int32_t idx)
{
    if (q->n == q->cap) {
        queue_grow(q);
    }
    q->head = (q->head - 1) & (q->cap - 1);
    q->items[q->head] = idx;
    q->n++;
}

void request_push_by_priority(struct request_queue *q, int32_t idx,
                              const struct request_pool *pool)
{
    request_push_back(q, idx);
    int mask = q->cap - 1;
    for (int i = q->n - 1; i > 0; i--) {
        int32_t *behind = &q->items[(q->head + i) & mask];
        int32_t *before = &q->items[(q->head + i - 1) & mask];
        if (pool->items[*before].priority <= pool->items[*behind].priority) {
            return;
        }
        int32_t swap = *before;
        *before = *behind;
        *behind = swap;
    }
}

int32_t request_pop_front(struct request_queue *q)
{
    if (q->n == 0) {
        return -1;
    }
    int32_t idx = q->items[q->head];
    q->head = (q->head + 1) & (q->cap - 1);
    q->n--;
    return idx;
}
