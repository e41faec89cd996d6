/* SPDX-License-Identifier: GPL-3.0-or-later */
/* replica_parts.h - what the files of a replica share: replica.c (queues, memory, steps),
 * replica_glide.c (decode steps in which nothing else happens), replica_sides.c (the prefill
 * and the decode side of a disaggregated deployment) and replica_pipeline.c (micro-batches).
 * Not for others. */
#ifndef REPLICA_PARTS_H
#define REPLICA_PARTS_H

#include "sim/base/mem.h"
#include "sim/serve/replica.h"

static inline struct request *req_at(struct replica *r, int32_t idx)
{
    return &r->pool->items[idx];
}

/* ---- replica.c */

/* The running list of a rank; a request joins as its newest. */
void rank_append(struct replica *r, struct rank *k, int32_t idx);
void rank_remove(struct replica *r, struct rank *k, int32_t idx);
/* What a request holds, tokens in all, goes back to the pool. */
void rank_free_memory(struct replica *r, struct rank *k, struct request *q, int64_t tokens);
void rank_start_decoding(struct replica *r, struct rank *k, int32_t idx);
/* The token after a wholly computed prompt (or recomputed context) leaves. */
void rank_emit_first(struct replica *r, struct rank *k, int32_t idx, double now_s);
/* All requests of a rank wait. The pool goes as a whole, so their memory is nobody's business.
 */
void rank_withdraw_all(struct replica *r, struct rank *k);
/* Its router need not reckon with the request any more. */
void replica_promise_over(struct replica *r, struct request *q);
/* Time the engine stops before a step that starts at now_s, to move experts: once however many
 * periods have passed since. */
double replica_rebalance(struct replica *r, double now_s);

/* The vision encoder runs before the step on the rank that has images: its time, booked there.
 */
double replica_encode_images(struct replica *r, struct step_cache *cost);
/* What loads of a step that takes dt add to it, booked there as host time. */
double replica_wait_for_loads(struct replica *r, struct step_cache *cost, double dt);

/* Those that now get their first token of this run of theirs: their gap is another. */
void rank_record_fresh(struct replica *r, struct rank *k, double now_s);

/* The gaps of the decoding requests, all of which get a token now. */
static inline void rank_record_gaps(struct replica *r, struct rank *k, double now_s)
{
    double gap_s = now_s - k->last_decode_s;
    for (int c = 0; c < r->metrics->n_classes; c++) {
        if (k->n_by_class[c] > 0) {
            metrics_gaps(r->metrics, c, gap_s, k->n_by_class[c]);
        }
    }
    if (UNLIKELY(k->n_fresh > 0)) {
        rank_record_fresh(r, k, now_s);
    }
}

/* The decoding requests grow by so much, unless that changes what the scheduler would say:
 * memory is short, or some comes back for which others wait. */
static inline bool rank_grow_quietly(struct rank *k, int64_t need_bytes)
{
    if (need_bytes > 0) {
        return kv_take(k->kv, need_bytes);
    }
    if (need_bytes < 0) {
        if (k->waiting.n > 0) {
            return false;
        }
        kv_give(k->kv, -need_bytes);
    }
    return true;
}

/* Over all ranks. */
static inline double replica_used_bytes(const struct replica *r)
{
    double used = 0.0;
    for (int i = 0; i < r->n_ranks; i++) {
        used += (double)(kv_capacity_bytes(r->ranks[i].kv) - kv_free_bytes(r->ranks[i].kv));
    }
    return used;
}

static inline double replica_frac_of(const struct replica *r, double used_bytes)
{
    return r->cfg->kv_bytes > 0 ? used_bytes / ((double)r->cfg->kv_bytes * r->n_ranks) : 0.0;
}

/* A step like the open ones, in the same bin. */
static inline void steps_add(struct alike_steps *open, double end_s, double dt,
                             double used_bytes)
{
    open->duration_s += dt;
    open->used_byte_s += used_bytes * dt;
    open->max_bytes = used_bytes > open->max_bytes ? used_bytes : open->max_bytes;
    open->end_s = end_s;
    open->n++;
}

static inline bool steps_alike(const struct alike_steps *a, const struct alike_steps *b)
{
    return a->sequences == b->sequences && a->input_tokens == b->input_tokens &&
           a->running == b->running && a->waiting == b->waiting;
}

/* Books the open steps and opens others like `kind`, the first of which ends at end_s. */
void replica_open_steps(struct replica *r, const struct alike_steps *kind, double end_s);

/* Busy time up to r->end_s and the tokens of the step. Inlined: 1 % of a run. */
__attribute__((always_inline)) static inline void replica_book_step(struct replica *r,
                                                                    double dt)
{
    struct alike_steps kind = {
        .running = (double)r->n_running,
        .waiting = (double)(r->n_waiting + r->incoming.n),
    };
    for (int i = 0; i < r->n_ranks; i++) {
        const struct rank *k = &r->ranks[i];
        kind.sequences += (double)k->batch.n_sample;
        kind.input_tokens += (double)k->batch.n_prefill_tokens;
    }
    if (r->end_s >= r->open.bin_end_s || !steps_alike(&kind, &r->open)) {
        replica_open_steps(r, &kind, r->end_s);
    }
    steps_add(&r->open, r->end_s, dt, replica_used_bytes(r));
}

/* ---- replica_glide.c: decode steps in which nothing but lengths changes, with the result of
 * single steps */

enum glided {
    GLIDED_NOT,  /* a request ends with the step under way, or something comes before its end */
    GLIDED_ON,   /* some steps have ended, and another is under way */
    GLIDED_SHORT /* some have ended; none is under way, since memory needs the scheduler */
};
/* Runs steps that end by until_s. */
enum glided replica_glide(struct replica *r, double until_s);

/* ---- replica_sides.c */

/* Prefill side: the prompts whose last part the coming step computes, for a
 * transfer that starts meanwhile, at at_s. */
void replica_announce_prompts(struct replica *r, double at_s);
/* Prefill side: a computed prompt leaves; its KV stays until it is let go. */
void rank_hand_over(struct replica *r, struct rank *k, int32_t idx, double now_s);
/* Decode side: what has landed by the cutoff runs, of a pipeline in the slot whose turn it is
 * while that has seats. How many. */
int replica_take_landed(struct replica *r, double cutoff_s, double now_s);

/* ---- replica_pipeline.c */

struct microbatches *pipeline_new(int n_slots);
void pipeline_free(struct microbatches *m);
/* Sends the slot whose turn it is on its way. Another idle one takes the turn; false: none. */
bool pipeline_send(struct replica *r, double now_s);
/* The next event is the return of the oldest; without one it is idle from now_s on. */
void pipeline_await(struct replica *r, double now_s);
/* The oldest micro-batch is back: its slot has the turn. */
void pipeline_back(struct replica *r);
/* The replica fails: what was under way is lost; as of a step in progress, its time is booked
 * as a whole. */
void pipeline_clear(struct replica *r);

#endif
