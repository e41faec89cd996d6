/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/replica_parts.h"

/* Memory that SGLang's decode side keeps for each request it holds. */
static const int64_t SGLANG_KEPT_TOKENS = 512;

/* vLLM's decode side computes the last prompt token itself; a prompt of one token leaves it
 * nothing to receive and is taken as computed. */
static bool decode_computes_last(const struct replica *r, const struct request *q)
{
    return r->cfg->sched.kind == ENGINE_VLLM && q->target_tokens > 1;
}

static int64_t landing_tokens(const struct replica *r, const struct request *q)
{
    if (r->cfg->sched.reserve_output) {
        return q->prompt_tokens + q->output_tokens;
    }
    return q->target_tokens - decode_computes_last(r, q);
}

/* Requests on a rank, or on their way to it. */
static int64_t held_on(const struct replica *r, int rank)
{
    const struct rank *k = &r->ranks[rank];
    return k->n_running + k->n_elsewhere + r->all_ranks[rank].n_landing;
}

/* Beside so many held. Preempted requests of a rank come before new ones, else they might wait
 * for ever. */
static bool rank_has_room(const struct replica *r, const struct rank *k, int64_t held,
                          int64_t bytes)
{
    if (k->waiting.n > 0 || held >= r->all_seats) {
        return false;
    }
    int64_t kept = r->cfg->sched.kind == ENGINE_SGLANG
                       ? held * kv_bytes(&r->cfg->kv, SGLANG_KEPT_TOKENS)
                       : 0;
    return bytes + kept <= kv_free_bytes(k->kv);
}

static int64_t landing_bytes(const struct replica *r, int32_t idx)
{
    return kv_bytes(&r->cfg->kv, landing_tokens(r, &r->pool->items[idx]));
}

/* The reachable rank with the fewest requests that has room; -1: none. */
static int landing_rank(const struct replica *r, int32_t idx)
{
    int best = -1;
    int64_t fewest = INT64_MAX;
    int64_t bytes = landing_bytes(r, idx);
    for (int i = 0; i < r->n_ranks; i++) {
        int64_t held = held_on(r, i);
        if (held < fewest && !r->all_ranks[i].unreachable &&
            rank_has_room(r, &r->ranks[i], held, bytes)) {
            best = i;
            fewest = held;
        }
    }
    return best;
}

bool replica_has_room(const struct replica *r, int32_t idx)
{
    return landing_rank(r, idx) >= 0;
}

bool replica_reserve(struct replica *r, int32_t idx)
{
    int rank = landing_rank(r, idx);
    if (rank < 0) {
        return false;
    }
    struct rank *k = &r->ranks[rank];
    bool took = kv_take(k->kv, landing_bytes(r, idx));
    ASSERT(took);
    req_at(r, idx)->landing_rank = rank;
    r->all_ranks[rank].n_landing++;
    r->n_load++;
    return true;
}

void replica_reach(struct replica *r, int rank, bool reachable)
{
    r->all_ranks[rank].unreachable = !reachable;
}

/* Memory has come free: an idle replica looks again at those that wait for it. */
static void wake(struct replica *r, struct rank *k, double now_s)
{
    k->skip_steps = 0;
    if (!r->busy && r->n_waiting > 0) {
        r->wake_s = now_s;
    }
}

void replica_unreserve(struct replica *r, int32_t idx, double now_s)
{
    int rank = req_at(r, idx)->landing_rank;
    struct rank *k = &r->ranks[rank];
    kv_give(k->kv, landing_bytes(r, idx));
    r->all_ranks[rank].n_landing--;
    r->n_load--;
    wake(r, k, now_s);
}

void replica_land(struct replica *r, int32_t idx, double now_s)
{
    req_at(r, idx)->visible_s = now_s;
    request_push_back(&r->landed, idx);
}

void replica_let_go(struct replica *r, int32_t idx, int rank, double now_s)
{
    struct request *q = req_at(r, idx);
    struct rank *k = &r->ranks[rank];
    rank_free_memory(r, k, q, q->target_tokens);
    r->n_held--;
    wake(r, k, now_s);
}

/* A landed request runs. */
static void take_up(struct replica *r, struct rank *k, int32_t idx, double now_s)
{
    struct request *q = req_at(r, idx);
    r->all_ranks[q->landing_rank].n_landing--;
    k->skip_steps = 0;
    q->computed_tokens = q->target_tokens;
    q->reserved_tokens = r->cfg->sched.reserve_output ? q->prompt_tokens + q->output_tokens : 0;
    rank_append(r, k, idx);
    if (decode_computes_last(r, q)) {
        rank_start_decoding(r, k, idx);
    } else {
        rank_emit_first(r, k, idx, now_s);
    }
}

/* One stage has them by reservation. */
static bool slot_has_seat(const struct replica *r, const struct rank *k)
{
    return !r->pipeline || r->seats_shared || k->n_running < r->max_seqs;
}

int replica_take_landed(struct replica *r, double cutoff_s, double now_s)
{
    int n = r->landed.n;
    int taken = 0;
    for (int i = 0; i < n; i++) {
        int32_t idx = request_pop_front(&r->landed);
        const struct request *q = req_at(r, idx);
        struct rank *k = &r->ranks[q->landing_rank];
        if (q->visible_s <= cutoff_s && slot_has_seat(r, k)) {
            take_up(r, k, idx, now_s);
            taken++;
        } else {
            request_push_back(&r->landed, idx);
        }
    }
    return taken;
}

void replica_announce_prompts(struct replica *r, double at_s)
{
    for (int i = 0; i < r->n_ranks; i++) {
        const struct rank *k = &r->ranks[i];
        for (int j = 0; j < k->n_chunks; j++) {
            const struct chunk *c = &k->chunks[j];
            struct request *q = req_at(r, c->request);
            if (c->done + c->tokens == q->target_tokens) {
                r->on_prompt(r->on_prompt_ctx, c->request, i, false, at_s);
            }
        }
    }
}

void rank_hand_over(struct replica *r, struct rank *k, int32_t idx, double now_s)
{
    struct request *q = req_at(r, idx);
    rank_remove(r, k, idx);
    replica_promise_over(r, q);
    q->rank = -1;
    r->n_load--;
    r->n_ended++;
    r->n_held++;
    r->on_prompt(r->on_prompt_ctx, idx, (int)(k - r->ranks), true, now_s);
}
