/* SPDX-License-Identifier: GPL-3.0-or-later */
/* replica_parts.h - what the files of a replica share: replica.c (queues, memory, steps) and
 * glide.c (decode steps in which nothing else happens). Not for others. */
#ifndef REPLICA_PARTS_H
#define REPLICA_PARTS_H

#include "sim/serve/replica.h"

static inline struct request *req_at(struct replica *r, int32_t idx)
{
    return &r->pool->items[idx];
}

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
    if (k->n_fresh > 0) {
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

static inline double kv_frac(const struct replica *r, double used_bytes)
{
    return r->cfg->kv_bytes > 0 ? used_bytes / ((double)r->cfg->kv_bytes * r->n_ranks) : 0.0;
}

/* A step with so much memory in use and so many sequences. */
static inline void book_time(struct replica_stats *s, double dt, double used_bytes,
                             double n_sequences)
{
    s->busy_s += dt;
    s->kv_byte_s += used_bytes * dt;
    s->batch_s += n_sequences * dt;
    s->kv_max_bytes = used_bytes > s->kv_max_bytes ? used_bytes : s->kv_max_bytes;
    s->n_steps++;
}

/* Gliding: decode steps in which nothing but lengths changes, with the same result as step by
 * step. */
enum glided {
    GLIDED_NOT,  /* a request ends with the step under way, or something comes before its end */
    GLIDED_ON,   /* some steps have ended, and another is under way */
    GLIDED_SHORT /* some have ended; none is under way, since memory needs the scheduler */
};
/* Runs steps that end by until_s. */
enum glided glide(struct replica *r, double until_s);

#endif
