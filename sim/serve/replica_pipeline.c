/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"
#include "sim/serve/replica_parts.h"

struct microbatches *pipeline_new(int n)
{
    struct microbatches *m = xcalloc(1, sizeof *m);
    m->n = n;
    m->line = xcalloc((size_t)n, sizeof *m->line);
    m->end_s = xcalloc((size_t)n, sizeof *m->end_s);
    m->stage_s = xcalloc((size_t)n, sizeof *m->stage_s);
    m->hop_s = xcalloc((size_t)n, sizeof *m->hop_s);
    for (int s = 0; s < n; s++) {
        m->end_s[s] = INFINITY;
    }
    tandem_init(&m->way, n);
    return m;
}

void pipeline_free(struct microbatches *m)
{
    if (!m) {
        return;
    }
    tandem_fini(&m->way);
    free(m->line);
    free(m->end_s);
    free(m->stage_s);
    free(m->hop_s);
    free(m);
}

/* With the queue goes what loads from a tier on behalf of it. */
static void pass_loads(struct rank *from, struct rank *to)
{
    int32_t *spare = to->loading;
    int cap = to->cap_loading;
    to->loading = from->loading;
    to->cap_loading = from->cap_loading;
    to->n_loading = from->n_loading;
    to->n_loaded = from->n_loaded;
    to->loaded_next_s = from->loaded_next_s;
    from->loading = spare;
    from->cap_loading = cap;
    from->n_loading = 0;
    from->n_loaded = 0;
    from->loaded_next_s = INFINITY;
}

/* The queues go to the slot that plans next. A prompt whose chunks follow each other goes
 * along, as the newest of its requests: only its last chunk brings a token. */
static void pass_queues(struct replica *r, struct rank *from, struct rank *to)
{
    to->waiting = from->waiting;
    to->partial = from->partial;
    to->held_steps = from->held_steps;
    to->retract_ratio = from->retract_ratio;
    from->waiting = (struct request_queue){0};
    from->partial = (struct request_queue){0};
    pass_loads(from, to);
    for (int i = 0; i < to->partial.n; i++) {
        int32_t idx = to->partial.items[(to->partial.head + i) & (to->partial.cap - 1)];
        rank_remove(r, from, idx);
        rank_append(r, to, idx);
    }
}

static void take_turn(struct replica *r, int slot)
{
    struct rank *from = r->ranks;
    r->ranks = &r->all_ranks[slot * r->n_ranks];
    for (int i = 0; i < r->n_ranks; i++) {
        struct rank *k = &r->ranks[i];
        if (r->ranks != from) {
            pass_queues(r, &from[i], k);
        }
        k->skip_steps = 0; /* what the other slots do may change any plan */
        k->n_elsewhere = -k->n_running;
        for (int s = 0; s < r->pipeline->n; s++) {
            k->n_elsewhere += r->all_ranks[s * r->n_ranks + i].n_running;
        }
    }
}

static double batch_sequences(const struct replica *r)
{
    double n = 0.0;
    for (int i = 0; i < r->n_ranks; i++) {
        n += (double)r->ranks[i].batch.n_sample;
    }
    return n;
}

/* Time with something under way since it was last booked; the slot whose turn it is leaves. */
static void book_pipeline(struct replica *r)
{
    struct microbatches *m = r->pipeline;
    double dt = r->end_s - m->booked_s;
    replica_book_step(r, dt);
    m->n_sequences -= batch_sequences(r);
    r->stats.batch_s += m->n_sequences * dt;
    r->cost->pipeline_busy_s += dt;
    m->booked_s = r->end_s;
}

void pipeline_back(struct replica *r)
{
    struct microbatches *m = r->pipeline;
    int slot = m->line[0];
    m->n_line--;
    memmove(m->line, m->line + 1, (size_t)m->n_line * sizeof *m->line);
    m->end_s[slot] = INFINITY;
    take_turn(r, slot);
    book_pipeline(r);
}

/* The first stage encodes images and waits for what comes from a KV tier: the other stages load
 * their layers at the same time. */
static void add_extras(struct replica *r)
{
    double *first_s = &r->pipeline->stage_s[0];
    struct step_cache *cost = &r->cost->stages[0];
    *first_s += replica_encode_images(r, cost);
    *first_s += replica_wait_for_loads(r, cost, *first_s);
}

/* What a micro-batch with the batches of the ranks takes on its way. */
static struct tandem_way way_of(struct replica *r, double now_s)
{
    struct microbatches *m = r->pipeline;
    int64_t tokens = 0;
    for (int i = 0; i < r->n_ranks; i++) {
        const struct step_batch *b = &r->ranks[i].batch;
        int64_t n = b->n_decode + b->n_prefill_tokens;
        tokens = n > tokens ? n : tokens;
        r->batches[i] = *b;
    }
    for (int s = 0; s + 1 < m->n; s++) {
        const struct pipeline_hop *h = &r->cfg->model->hops[s];
        m->hop_s[s] = h->latency_s + h->s_per_token * (double)tokens;
    }
    double core_s = step_core_s(r->cost, r->batches, r->n_ranks) + replica_rebalance(r, now_s);
    step_stages_s(r->cost, r->batches, r->n_ranks, m->stage_s);
    if (r->extras) {
        add_extras(r);
    }
    return tandem_join(&m->way, now_s, core_s, m->stage_s, m->hop_s);
}

bool pipeline_send(struct replica *r, double now_s)
{
    struct microbatches *m = r->pipeline;
    int slot = (int)((r->ranks - r->all_ranks) / r->n_ranks);
    struct tandem_way way = way_of(r, now_s);
    r->cost->host_s += way.waited_s / m->n;
    m->booked_s = m->n_line == 0 ? now_s : m->booked_s;
    m->line[m->n_line++] = slot;
    m->end_s[slot] = way.end_s;
    m->n_sequences += batch_sequences(r);
    if (r->cfg->role == ROLE_PREFILL) {
        replica_announce_prompts(r, way.end_s - m->stage_s[m->n - 1]);
    }
    for (int s = 0; s < m->n; s++) {
        if (isinf(m->end_s[s])) {
            take_turn(r, s);
            replica_take_landed(r, now_s, now_s);
            return true;
        }
    }
    return false;
}

void pipeline_await(struct replica *r, double now_s)
{
    const struct microbatches *m = r->pipeline;
    r->busy = m->n_line > 0;
    r->end_s = r->busy ? m->end_s[m->line[0]] : now_s;
}

void pipeline_clear(struct replica *r)
{
    struct microbatches *m = r->pipeline;
    if (m->n_line > 0) {
        r->end_s = m->end_s[m->line[m->n_line - 1]];
        book_pipeline(r);
    }
    for (int s = 0; s < m->n; s++) {
        take_turn(r, s);
        for (int i = 0; i < r->n_ranks; i++) {
            rank_withdraw_all(r, &r->ranks[i]);
        }
        m->end_s[s] = INFINITY;
    }
    m->n_line = 0;
    m->n_sequences = 0.0;
    tandem_clear(&m->way);
}
