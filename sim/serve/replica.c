/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/replica.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"
#include "sim/serve/replica_parts.h"

/* SGLang's estimate of the share of outputs still to come starts here (cost-model.md section
 * 6), and again whenever a rank has had nothing to do. */
static const double FIRST_RETRACT_RATIO = 0.7;

static void rank_rest(struct rank *k)
{
    k->retract_ratio = FIRST_RETRACT_RATIO;
    k->n_skipped = 0;
}

/* ---- life
 * ------------------------------------------------------------------------------------ */

static void rank_init(struct replica *r, struct rank *k)
{
    const struct replica_config *cfg = r->cfg;
    running_init(&k->run, cfg->model, &cfg->kv, cfg->sched.reserve_output);
    k->loaded_next_s = INFINITY;
    k->first = -1;
    k->last = -1;
    k->n_by_class = xcalloc((size_t)r->metrics->n_classes, sizeof *k->n_by_class);
    rank_rest(k);
}

static int n_slots_of(const struct replica *r)
{
    return r->pipeline ? r->pipeline->n : 1;
}

/* A rank has one pool and the tiers below it, whichever micro-batch its requests are in. */
static void renew_cache(struct replica *r, int rank)
{
    struct kv_pool *pool = kv_pool_new(&r->cfg->kv, r->cfg->kv_bytes, r->cfg->reuse);
    struct tier_stack *tiers = &r->tiers[rank];
    kv_pool_free(r->all_ranks[rank].kv);
    tier_stack_fini(tiers);
    if (r->cfg->reuse) {
        tier_stack_init(tiers, &r->cfg->kv, r->cfg->tiers);
    }
    for (int s = 0; s < n_slots_of(r); s++) {
        struct rank *k = &r->all_ranks[s * r->n_ranks + rank];
        k->kv = pool;
        k->tiers = tiers;
    }
}

/* max_num_seqs holds for all micro-batches together (vLLM V1 scheduler), is shared out (SGLang:
 * pp_max_micro_batch_size) or holds for each (TensorRT-LLM: max_batch_size). */
static void set_seats(struct replica *r, int n_slots)
{
    const struct sched_config *s = &r->cfg->sched;
    r->max_seqs = s->max_seqs;
    r->seats_shared = s->kind == ENGINE_VLLM || s->kind == ENGINE_STATIC;
    if (s->kind == ENGINE_SGLANG) {
        r->max_seqs = s->max_seqs > n_slots ? s->max_seqs / n_slots : 1;
    }
    r->all_seats = r->seats_shared ? r->max_seqs : r->max_seqs * n_slots;
}

void replica_init(struct replica *r, const struct replica_config *cfg,
                  struct request_pool *pool, struct metrics *metrics, struct timeline *timeline,
                  struct step_cache *cost)
{
    memset(r, 0, sizeof *r);
    r->cfg = cfg;
    r->pool = pool;
    r->metrics = metrics;
    r->timeline = timeline;
    r->cost = cost;
    r->n_ranks = cfg->model->cfg.dp;
    r->wake_s = INFINITY;
    r->open.bin_end_s = -INFINITY;
    r->rebalance_next_s = cfg->rebalance_s > 0.0 ? cfg->rebalance_s : INFINITY;
    int n_slots = cfg->model->stages ? cfg->model->cfg.pp : 1;
    r->all_ranks = xcalloc((size_t)n_slots * (size_t)r->n_ranks, sizeof *r->ranks);
    r->ranks = r->all_ranks;
    r->tiers = xcalloc((size_t)r->n_ranks, sizeof *r->tiers);
    r->batches = xcalloc((size_t)r->n_ranks, sizeof *r->batches);
    if (n_slots > 1) {
        r->pipeline = pipeline_new(n_slots);
    }
    set_seats(r, n_slots);
    for (int i = 0; i < n_slots * r->n_ranks; i++) {
        rank_init(r, &r->all_ranks[i]);
    }
    for (int i = 0; i < r->n_ranks; i++) {
        renew_cache(r, i);
    }
    r->extras = r->tiers[0].any || cfg->encode_s_per_token > 0.0;
    r->glides = !cfg->one_by_one && cfg->sched.draft_tokens == 0 && step_can_glide(cfg->model);
}

void replica_fini(struct replica *r)
{
    for (int i = 0; i < n_slots_of(r) * r->n_ranks; i++) {
        struct rank *k = &r->all_ranks[i];
        running_fini(&k->run);
        if (i < r->n_ranks) {
            kv_pool_free(k->kv);
            tier_stack_fini(k->tiers);
        }
        free(k->loading);
        request_queue_fini(&k->waiting);
        request_queue_fini(&k->partial);
        free(k->n_by_class);
        free(k->chunks);
        free(k->fresh);
    }
    request_queue_fini(&r->incoming);
    request_queue_fini(&r->landed);
    pipeline_free(r->pipeline);
    free(r->all_ranks);
    free(r->tiers);
    free(r->batches);
    memset(r, 0, sizeof *r);
}

const char *replica_refuses(const struct replica_config *cfg, int64_t prompt_tokens,
                            int64_t output_tokens)
{
    int64_t tokens = prompt_tokens + output_tokens;
    if (tokens > cfg->sched.max_model_len) {
        return "longer than max_model_len";
    }
    return kv_peak_bytes(&cfg->kv, tokens) > cfg->kv_bytes ? "longer than the KV pool" : NULL;
}

/* ---- the running list
 * -------------------------------------------------------------------------- */

void rank_append(struct replica *r, struct rank *k, int32_t idx)
{
    struct request *q = req_at(r, idx);
    q->prev = k->last;
    q->next = -1;
    q->stamp = ++r->pool->next_stamp;
    if (k->last >= 0) {
        req_at(r, k->last)->next = idx;
    } else {
        k->first = idx;
    }
    k->last = idx;
    k->n_running++;
    r->n_running++;
}

void rank_remove(struct replica *r, struct rank *k, int32_t idx)
{
    struct request *q = req_at(r, idx);
    if (q->prev >= 0) {
        req_at(r, q->prev)->next = q->next;
    } else {
        k->first = q->next;
    }
    if (q->next >= 0) {
        req_at(r, q->next)->prev = q->prev;
    } else {
        k->last = q->prev;
    }
    k->n_running--;
    r->n_running--;
}

/* ---- memory
 * -------------------------------------------------------------------------------------- */

static int64_t rank_held_tokens(const struct rank *k, const struct request *q)
{
    if (q->reserved_tokens > 0) {
        return q->reserved_tokens;
    }
    return q->decoding ? q->base + k->run.iter - 1 : q->computed_tokens;
}

void rank_free_memory(struct replica *r, struct rank *k, struct request *q, int64_t tokens)
{
    int64_t own =
        kv_bytes(&r->cfg->kv, tokens) - q->shared.n_blocks * r->cfg->kv.full_block_bytes;
    kv_release(k->kv, &q->shared, own);
}

static int64_t finish_iter(const struct request *q)
{
    return q->prompt_tokens + q->output_tokens - 1 - q->base;
}

static void forget_fresh(struct rank *k, int32_t idx)
{
    for (int i = 0; i < k->n_fresh; i++) {
        if (k->fresh[i] == idx) {
            k->fresh[i] = k->fresh[--k->n_fresh];
            return;
        }
    }
}

static bool is_fresh(const struct rank *k, int32_t idx)
{
    for (int i = 0; i < k->n_fresh; i++) {
        if (k->fresh[i] == idx) {
            return true;
        }
    }
    return false;
}

static void drop_partial(struct rank *k, int32_t idx)
{
    int n = k->partial.n;
    for (int i = 0; i < n; i++) {
        int32_t other = request_pop_front(&k->partial);
        if (other != idx) {
            request_push_back(&k->partial, other);
        }
    }
}

static void drop_chunk(struct rank *k, int32_t idx)
{
    int n = 0;
    for (int i = 0; i < k->n_chunks; i++) {
        if (k->chunks[i].request != idx) {
            k->chunks[n++] = k->chunks[i];
        }
    }
    k->n_chunks = n;
}

void request_start_over(struct request *q)
{
    q->target_tokens = q->prompt_tokens + q->generated;
    q->computed_tokens = 0;
    q->reserved_tokens = 0;
}

/* A running request stops where it is and waits at the head of the queue, later to compute its
 * prompt and what it had generated again. Its memory is the caller's business. */
static void withdraw(struct replica *r, struct rank *k, int32_t idx)
{
    struct request *q = req_at(r, idx);
    rank_remove(r, k, idx);
    if (q->decoding) {
        if (is_fresh(k, idx)) {
            forget_fresh(k, idx);
        } else {
            q->token_s = k->last_decode_s;
            k->n_by_class[q->class_idx]--;
        }
        q->generated = q->base + k->run.iter - q->prompt_tokens;
        running_leave(&k->run, q, finish_iter(q));
    } else {
        drop_partial(k, idx);
        drop_chunk(k, idx);
    }
    request_start_over(q);
    request_push_front(&k->waiting, idx);
    r->n_waiting++;
}

/* Preemption by recompute: as above, and the memory goes. */
static void rank_preempt(struct replica *r, struct rank *k, int32_t idx)
{
    ASSERT(idx >= 0);
    struct request *q = req_at(r, idx);
    rank_free_memory(r, k, q, rank_held_tokens(k, q));
    withdraw(r, k, idx);
    r->stats.n_preemptions++;
}

bool rank_grow_decodes(struct replica *r, struct rank *k)
{
    bool all = true;
    for (;;) {
        int64_t need = running_need_bytes(&k->run);
        if (need <= 0) {
            kv_give(k->kv, -need);
            return all;
        }
        if (kv_take(k->kv, need)) {
            return all;
        }
        all = false;
        rank_preempt(r, k, k->last);
    }
}

/* ---- scheduling pieces
 * ---------------------------------------------------------------------------- */

static void rank_clear_plan(struct rank *k)
{
    k->n_chunks = 0;
    k->decodes = false;
    k->skip_steps = 0;
}

static void add_chunk(struct replica *r, struct rank *k, int32_t idx, int64_t tokens)
{
    struct request *q = req_at(r, idx);
    ARRAY_RESERVE(k->chunks, k->cap_chunks, k->n_chunks + 1);
    k->chunks[k->n_chunks++] = (struct chunk){idx, q->computed_tokens, tokens};
    int64_t from = q->computed_tokens;
    q->computed_tokens += tokens;
    kv_offer(k->kv, &q->content, q->prompt_tokens, q->computed_tokens, &q->shared);
    if (k->tiers->any) {
        tier_stack_put(k->tiers, &q->content, q->prompt_tokens, from, q->computed_tokens);
    }
}

/* What admitting the head of the waiting queue would take. */
struct admission {
    int64_t hit_tokens;   /* in GPU memory */
    struct tier_hit tier; /* behind them */
    bool ahead;           /* waits for its load before it is computed */
    int64_t chunk_tokens, need_bytes;
};

/* Tokens whose memory an admission takes. */
static int64_t tokens_to_hold(const struct replica_config *cfg, const struct request *q,
                              const struct admission *a)
{
    if (cfg->sched.reserve_output && cfg->role != ROLE_PREFILL) {
        return q->prompt_tokens + q->output_tokens;
    }
    bool whole = a->ahead || cfg->sched.reserve_output;
    /* memory for the whole prompt, so that those loaded never wait for each other's */
    return whole ? q->target_tokens : a->hit_tokens + a->tier.all_tokens + a->chunk_tokens;
}

static void find_cached(const struct replica *r, const struct rank *k, const struct request *q,
                        struct admission *a, int64_t *pin_bytes)
{
    a->hit_tokens = kv_probe(k->kv, &q->content, q->prompt_tokens, pin_bytes);
    if (k->tiers->any) {
        a->tier = tier_stack_find(k->tiers, &q->content, q->prompt_tokens, a->hit_tokens);
        a->ahead = a->tier.tokens[TIER_SSD] > 0 ||
                   (a->tier.all_tokens > 0 && r->cfg->tier_load == TIER_LOAD_AHEAD);
    }
}

/* False when memory, places or the queue do not allow it; the cache is as it was. */
static bool admission_fits(const struct replica *r, const struct rank *k, int64_t budget,
                           struct admission *a)
{
    int32_t idx = request_front(&k->waiting);
    int64_t seated = k->n_running + (r->seats_shared ? k->n_elsewhere : 0);
    if (idx < 0 || budget <= 0 || k->hold || seated >= r->max_seqs) {
        return false;
    }
    const struct request *q = &r->pool->items[idx];
    const struct kv_layout *l = &r->cfg->kv;
    int64_t pin_bytes;
    a->ahead = false;
    a->tier = (struct tier_hit){0};
    if (q->loaded) { /* it has its memory */
        int64_t rest = q->target_tokens - q->computed_tokens;
        a->chunk_tokens = rest < budget ? rest : budget;
        return true;
    }
    find_cached(r, k, q, a, &pin_bytes);
    int64_t rest = q->target_tokens - a->hit_tokens - a->tier.all_tokens;
    a->chunk_tokens = rest < budget ? rest : budget;
    a->need_bytes = kv_bytes(l, tokens_to_hold(r->cfg, q, a)) -
                    a->hit_tokens / l->block_tokens * l->full_block_bytes;
    return a->need_bytes + pin_bytes <= kv_free_bytes(k->kv);
}

bool rank_can_admit(const struct replica *r, const struct rank *k, int64_t budget)
{
    struct admission a;
    return admission_fits(r, k, budget, &a);
}

/* The request takes what is cached and the memory for the rest. Content of a tier is on its way
 * from now on. */
static void take_cached(struct replica *r, struct rank *k, struct request *q,
                        const struct admission *a, double now_s)
{
    const struct replica_config *cfg = r->cfg;
    kv_lookup(k->kv, &q->content, q->prompt_tokens, &q->shared);
    bool took = kv_take(k->kv, a->need_bytes);
    ASSERT(took);
    if (isnan(q->scheduled_s)) {
        q->scheduled_s = now_s;
        q->hit_tokens = a->hit_tokens + a->tier.all_tokens;
        q->tier_tokens = a->tier.all_tokens;
    }
    bool reserves = a->ahead || cfg->sched.reserve_output;
    q->reserved_tokens = reserves ? tokens_to_hold(cfg, q, a) : 0;
    q->computed_tokens = a->hit_tokens + a->tier.all_tokens;
    if (k->tiers->any) {
        tier_stack_touch(k->tiers, &q->content, q->prompt_tokens, q->computed_tokens);
    }
    if (a->tier.all_tokens > 0) {
        q->loaded_s =
            tier_stack_load(k->tiers, &cfg->kv, cfg->tiers, a->hit_tokens, &a->tier, now_s);
    }
}

/* Off the queue, but not running: it comes back to the head of the queue with its content. */
static void start_loading(struct replica *r, struct rank *k, const struct admission *a,
                          double now_s)
{
    int32_t idx = request_pop_front(&k->waiting);
    struct request *q = req_at(r, idx);
    take_cached(r, k, q, a, now_s);
    ARRAY_RESERVE(k->loading, k->cap_loading, k->n_loading + 1);
    k->loading[k->n_loading++] = idx;
    k->loaded_next_s = fmin(k->loaded_next_s, q->loaded_s);
    r->n_loading++;
}

/* Nothing runs and the head of the queue does not fit beside what loaded ones hold: the first
 * of those goes before it. */
static void bring_loaded_forward(struct replica *r, struct rank *k)
{
    int n = k->waiting.n;
    int32_t first = -1;
    for (int i = 0; i < n; i++) {
        int32_t idx = request_pop_front(&k->waiting);
        if (first < 0 && req_at(r, idx)->loaded) {
            first = idx;
        } else {
            request_push_back(&k->waiting, idx);
        }
    }
    request_push_front(&k->waiting, first);
}

/* The head of the queue, once those that must load first are on their way. */
static bool next_to_admit(struct replica *r, struct rank *k, int64_t budget,
                          struct admission *a, double now_s)
{
    for (;;) {
        if (!admission_fits(r, k, budget, a)) {
            bool idle = k->n_running + k->n_elsewhere == 0;
            bool stuck = k->n_loaded > 0 && idle && budget > 0 && !k->hold &&
                         !req_at(r, request_front(&k->waiting))->loaded;
            if (!stuck) {
                return false;
            }
            bring_loaded_forward(r, k);
        } else if (a->ahead) {
            start_loading(r, k, a, now_s);
        } else {
            return true;
        }
    }
}

/* Image tokens of a prompt that are not cached, taken to stand at its end. Encoded in the step
 * that begins the prompt, and again when it has to be computed again. */
static int64_t images_to_encode(const struct request *q)
{
    int64_t fresh = q->prompt_tokens - q->computed_tokens;
    return q->image_tokens < fresh ? q->image_tokens : fresh;
}

bool rank_admit(struct replica *r, struct rank *k, int64_t budget, double now_s)
{
    struct admission a;
    if (!next_to_admit(r, k, budget, &a, now_s)) {
        return false;
    }
    int32_t idx = request_pop_front(&k->waiting);
    struct request *q = req_at(r, idx);
    if (!q->loaded) {
        take_cached(r, k, q, &a, now_s);
        if (a.tier.all_tokens > 0) {
            k->step_load_s = q->loaded_s - now_s;
        }
    }
    k->n_loaded -= q->loaded;
    q->loaded = false;
    if (q->image_tokens > 0) {
        k->step_encode_s += r->cfg->encode_s_per_token * (double)images_to_encode(q);
    }
    r->n_waiting--;
    rank_append(r, k, idx);
    add_chunk(r, k, idx, a.chunk_tokens);
    if (q->computed_tokens < q->target_tokens) {
        request_push_back(&k->partial, idx);
    }
    return true;
}

/* A prompt is left partly computed only when it took the rest of the budget, so it is the
 * newest request (but for those that landed since) and the one to go when its memory is
 * missing: the others may already hold that of the coming step. */
bool rank_continue(struct replica *r, struct rank *k, int64_t budget)
{
    int32_t idx = request_front(&k->partial);
    if (idx < 0 || budget <= 0) {
        return false;
    }
    struct request *q = req_at(r, idx);
    int64_t rest = q->target_tokens - q->computed_tokens;
    int64_t chunk = rest < budget ? rest : budget;
    int64_t now = kv_bytes(&r->cfg->kv, q->computed_tokens);
    int64_t then = kv_bytes(&r->cfg->kv, q->computed_tokens + chunk);
    int64_t need = q->reserved_tokens > 0 ? 0 : then - now;
    if (need < 0) {
        kv_give(k->kv, -need);
    } else if (!kv_take(k->kv, need)) {
        rank_preempt(r, k, idx);
        return false;
    }
    add_chunk(r, k, idx, chunk);
    if (q->computed_tokens == q->target_tokens) {
        request_pop_front(&k->partial);
    }
    return true;
}

/* ---- what the router was promised
 * ------------------------------------------------------------------ */

static void promise(struct replica *r, const struct request *q)
{
    if (q->rank >= 0) {
        struct promised *p = &r->all_ranks[q->rank].promised;
        p->n++;
        p->prompt_tokens += q->prompt_tokens;
        p->prefill_tokens += q->promised_tokens;
    }
}

static void prefill_done(struct replica *r, struct request *q)
{
    if (q->rank >= 0) {
        r->all_ranks[q->rank].promised.prefill_tokens -= q->promised_tokens;
        q->promised_tokens = 0;
    }
}

void replica_promise_over(struct replica *r, struct request *q)
{
    prefill_done(r, q);
    if (q->rank >= 0) {
        struct promised *p = &r->all_ranks[q->rank].promised;
        p->n--;
        p->prompt_tokens -= q->prompt_tokens;
    }
}

/* ---- ends
 * ------------------------------------------------------------------------------------------ */

/* A request is over; its slot is free for another. */
static void leave(struct replica *r, int32_t idx, enum outcome outcome, double now_s)
{
    struct request *q = req_at(r, idx);
    struct finished f = {
        .class_idx = q->class_idx,
        .outcome = outcome,
        .arrival_s = q->arrival_s,
        .scheduled_s = q->scheduled_s,
        .first_s = q->first_s,
        .last_s = now_s,
        .prompt_tokens = q->prompt_tokens,
        .output_tokens = q->output_tokens,
        .hit_tokens = q->hit_tokens,
        .tier_tokens = q->tier_tokens,
    };
    metrics_end(r->metrics, &f, now_s);
    replica_promise_over(r, q);
    r->n_load--;
    r->n_ended++;
    if (r->on_end) {
        r->on_end(r->on_end_ctx, q, &f);
    }
    request_drop(r->pool, idx);
}

static void end_request(struct replica *r, struct rank *k, int32_t idx, int64_t held_tokens,
                        double now_s)
{
    struct request *q = req_at(r, idx);
    bool said = q->session >= 0; /* the answer is part of the next turn's prompt */
    if (said) {
        kv_offer(k->kv, &q->content, held_tokens, held_tokens, &q->shared);
    }
    if (k->tiers->any) {
        tier_stack_put(k->tiers, &q->content, said ? held_tokens : q->prompt_tokens,
                       q->prompt_tokens, held_tokens);
    }
    rank_free_memory(r, k, q, q->reserved_tokens > 0 ? q->reserved_tokens : held_tokens);
    rank_remove(r, k, idx);
    leave(r, idx, OUTCOME_COMPLETED, now_s);
}

/* A token known one by one: the first, or the first after a stop. */
static void token_leaves(struct replica *r, struct request *q, double now_s)
{
    if (isnan(q->first_s)) {
        q->first_s = now_s;
    } else {
        metrics_gaps(r->metrics, q->class_idx, now_s - q->token_s, 1);
    }
    q->token_s = now_s;
}

void rank_record_fresh(struct replica *r, struct rank *k, double now_s)
{
    for (int i = 0; i < k->n_fresh; i++) {
        struct request *q = req_at(r, k->fresh[i]);
        k->n_by_class[q->class_idx]++;
        token_leaves(r, q, now_s);
    }
    k->n_fresh = 0;
}

/* Every decoding request gets a token; those that have all of theirs end. */
static void emit_token(struct replica *r, struct rank *k, double now_s)
{
    running_advance(&k->run);
    r->stats.output_tokens += (double)k->run.n;
    int32_t idx;
    while ((idx = running_pop_finished(&k->run, r->pool)) >= 0) {
        struct request *q = req_at(r, idx);
        int64_t held = q->base + k->run.iter - 1;
        running_leave(&k->run, q, finish_iter(q));
        k->n_by_class[q->class_idx]--;
        k->skip_steps = k->waiting.n > 0 ? 0 : k->skip_steps; /* memory for the first of them */
        end_request(r, k, idx, held, now_s);
    }
}

/* Tokens that a step emits per request: 1, or with speculative decoding a whole number whose
 * mean over steps is accepted_tokens, the same for all (mean-field: luck of single requests is
 * not modelled). */
static int64_t tokens_emitted(const struct replica *r, struct rank *k)
{
    if (r->cfg->sched.draft_tokens == 0) {
        return 1;
    }
    k->emitted += r->cfg->sched.accepted_tokens;
    int64_t n = (int64_t)k->emitted;
    k->emitted -= (double)n;
    return n > 1 ? n : 1;
}

/* The decoding requests have got their tokens. Memory of those after the first is taken as they
 * come; when it is short, what was drafted beyond is lost. */
static void complete_decodes(struct replica *r, struct rank *k, double now_s)
{
    rank_record_gaps(r, k, now_s);
    k->last_decode_s = now_s;
    int64_t n = tokens_emitted(r, k);
    emit_token(r, k, now_s);
    for (int64_t i = 1; i < n && k->run.n > 0; i++) {
        int64_t need = running_need_bytes(&k->run);
        if (need > 0 && !kv_take(k->kv, need)) {
            return;
        }
        if (need < 0) {
            kv_give(k->kv, -need);
        }
        emit_token(r, k, now_s);
    }
}

void rank_start_decoding(struct replica *r, struct rank *k, int32_t idx)
{
    struct request *q = req_at(r, idx);
    if (!r->cfg->sched.reserve_output) {
        q->reserved_tokens = 0; /* of a load: it holds what it has computed */
    }
    running_join(&k->run, q, idx, q->prompt_tokens + q->generated,
                 q->output_tokens - q->generated);
    ARRAY_RESERVE(k->fresh, k->cap_fresh, k->n_fresh + 1);
    k->fresh[k->n_fresh++] = idx;
}

void rank_emit_first(struct replica *r, struct rank *k, int32_t idx, double now_s)
{
    struct request *q = req_at(r, idx);
    if (isnan(q->first_s)) {
        prefill_done(r, q);
    }
    token_leaves(r, q, now_s);
    q->generated++;
    r->stats.output_tokens += 1.0;
    if (q->generated == q->output_tokens) {
        end_request(r, k, idx, q->target_tokens, now_s);
    } else {
        rank_start_decoding(r, k, idx);
    }
}

static void complete_rank(struct replica *r, struct rank *k, double now_s)
{
    if (k->decodes) {
        complete_decodes(r, k, now_s);
    }
    for (int i = 0; i < k->n_chunks; i++) {
        const struct chunk *c = &k->chunks[i];
        r->stats.computed_prompt_tokens += (double)c->tokens;
        if (c->done + c->tokens != req_at(r, c->request)->target_tokens) {
            continue;
        }
        if (r->cfg->role == ROLE_PREFILL) {
            rank_hand_over(r, k, c->request, now_s);
        } else {
            rank_emit_first(r, k, c->request, now_s);
        }
    }
    k->n_chunks = 0;
}

/* ---- steps
 * ------------------------------------------------------------------------------------------ */

static int least_loaded_rank(const struct replica *r)
{
    int best = 0;
    int64_t least = INT64_MAX;
    for (int i = 0; i < r->n_ranks; i++) {
        const struct rank *k = &r->ranks[i];
        int64_t load = k->n_running + k->n_elsewhere + k->waiting.n + k->n_loading;
        if (load < least) {
            least = load;
            best = i;
        }
    }
    return best;
}

/* Requests the scheduler can see by now go to the waiting queues. */
static void receive(struct replica *r, double cutoff_s)
{
    int32_t idx;
    while ((idx = request_front(&r->incoming)) >= 0 && req_at(r, idx)->visible_s <= cutoff_s) {
        request_pop_front(&r->incoming);
        int rank = req_at(r, idx)->rank;
        struct rank *k = &r->ranks[rank >= 0 ? rank : least_loaded_rank(r)];
        if (r->cfg->sched.by_priority) {
            request_push_by_priority(&k->waiting, idx, r->pool);
        } else {
            request_push_back(&k->waiting, idx);
        }
        k->skip_steps = 0;
        r->n_waiting++;
    }
}

/* Requests whose content has come go to the head of the queue, in the order of their start. */
static void receive_loaded(struct replica *r, struct rank *k, double cutoff_s)
{
    if (k->loaded_next_s > cutoff_s) {
        return;
    }
    int n = k->n_loading;
    k->loaded_next_s = INFINITY;
    for (int i = n - 1; i >= 0; i--) {
        struct request *q = req_at(r, k->loading[i]);
        if (q->loaded_s > cutoff_s) {
            k->loaded_next_s = fmin(k->loaded_next_s, q->loaded_s);
            continue;
        }
        q->loaded = true;
        k->n_loaded++;
        request_push_front(&k->waiting, k->loading[i]);
        memmove(&k->loading[i], &k->loading[i + 1],
                (size_t)(--k->n_loading - i) * sizeof *k->loading);
        r->n_loading--;
    }
    k->skip_steps = 0;
}

static void receive_all_loaded(struct replica *r, double cutoff_s)
{
    for (int i = 0; i < r->n_ranks; i++) {
        receive_loaded(r, &r->ranks[i], cutoff_s);
    }
}

/* Preempted requests were admitted once and stay. */
static bool gives_up(struct replica *r, int32_t idx, double now_s)
{
    const struct request *q = req_at(r, idx);
    return isnan(q->scheduled_s) && q->deadline_s <= now_s;
}

static void give_up(struct replica *r, struct rank *k, int32_t idx, double now_s)
{
    r->n_waiting--;
    k->skip_steps = 0;
    leave(r, idx, OUTCOME_FAILED, now_s);
}

/* In order of priority the oldest may stand anywhere: the whole queue is gone through. */
static void expire_all(struct replica *r, struct rank *k, double now_s)
{
    int n = k->waiting.n;
    for (int i = 0; i < n; i++) {
        int32_t idx = request_pop_front(&k->waiting);
        if (gives_up(r, idx, now_s)) {
            give_up(r, k, idx, now_s);
        } else {
            request_push_back(&k->waiting, idx);
        }
    }
}

/* Who waits beyond the deadline gives up. In order of arrival the head is the oldest of its
 * class; a class with a shorter timeout behind it goes a little later. */
static void expire(struct replica *r, double now_s)
{
    for (int i = 0; i < r->n_ranks; i++) {
        struct rank *k = &r->ranks[i];
        if (r->cfg->sched.by_priority) {
            expire_all(r, k, now_s);
            continue;
        }
        int32_t idx;
        while ((idx = request_front(&k->waiting)) >= 0 && gives_up(r, idx, now_s)) {
            request_pop_front(&k->waiting);
            give_up(r, k, idx, now_s);
        }
    }
}

/* The first apart: mostly it is the only one, and a copy of many would wait for its store. */
static inline void copy_contexts(const struct replica *r, struct rank *k)
{
    k->batch.ctx_tokens[0] = k->run.ctx_tokens[0];
    for (int i = 1; i < r->cfg->model->n_spans; i++) {
        k->batch.ctx_tokens[i] = k->run.ctx_tokens[i];
    }
}

static void fill_batch(struct replica *r, struct rank *k)
{
    struct step_batch *b = &k->batch;
    b->n_decode = k->decodes ? k->run.n : 0;
    b->n_sample = b->n_decode * (1 + r->cfg->sched.draft_tokens);
    copy_contexts(r, k);
    if (b->n_prefill_tokens > 0) {
        b->n_prefill_tokens = 0;
        for (int i = 0; i < r->cfg->model->n_spans; i++) {
            b->prefill[i] = (struct prefill_sums){0};
        }
    }
    for (int i = 0; i < k->n_chunks; i++) {
        const struct chunk *c = &k->chunks[i];
        step_add_chunk(r->cfg->model, b, c->done, c->tokens);
        b->n_sample += c->done + c->tokens == req_at(r, c->request)->target_tokens;
    }
}

/* Decides what the next step of a rank runs: by the scheduler, or as it said before. */
static void plan_rank(struct replica *r, struct rank *k, double now_s)
{
    if (k->skip_steps > 0 && !r->cfg->one_by_one &&
        rank_grow_quietly(k, running_need_bytes(&k->run))) {
        k->skip_steps--;
        k->n_skipped++;
        return;
    }
    rank_clear_plan(k);
    scheduler_of(&r->cfg->sched)->plan(r, k, now_s);
    k->n_skipped = 0;
}

double replica_kv_frac(const struct replica *r)
{
    return replica_frac_of(r, replica_used_bytes(r));
}

/* Attention data parallelism: a prefill on one rank stalls all, so new prefills are held, while
 * others decode, until every rank has one or balance_iters steps have passed. */
static void balance_ranks(struct replica *r)
{
    if (r->n_ranks == 1 || r->cfg->sched.balance_iters <= 0) {
        return;
    }
    int with_work = 0;
    bool decoding = false;
    for (int i = 0; i < r->n_ranks; i++) {
        with_work += r->ranks[i].waiting.n > 0 || r->ranks[i].partial.n > 0;
        decoding = decoding || r->ranks[i].run.n > 0;
    }
    bool hold = decoding && with_work > 0 && with_work < r->n_ranks &&
                r->balance_steps < r->cfg->sched.balance_iters;
    r->balance_steps = hold ? r->balance_steps + 1 : 0;
    for (int i = 0; i < r->n_ranks; i++) {
        struct rank *k = &r->ranks[i];
        if (k->hold || hold) {
            k->skip_steps = 0;
        }
        k->hold = hold;
    }
}

/* SGLang's scheduler may look only every so many decode steps; a step that prefilled is always
 * followed by a look, and an idle one never stops looking. */
static bool looks_for_requests(struct replica *r)
{
    int64_t interval = r->cfg->sched.recv_interval;
    if (interval <= 1) {
        return true;
    }
    bool prefilled = false;
    for (int i = 0; i < r->n_ranks; i++) {
        prefilled = prefilled || r->ranks[i].batch.n_prefill_tokens > 0;
    }
    r->steps_since_recv++;
    if (r->busy && !prefilled && r->steps_since_recv < interval) {
        return false;
    }
    r->steps_since_recv = 0;
    return true;
}

double replica_rebalance(struct replica *r, double now_s)
{
    double late_s = now_s - r->rebalance_next_s;
    if (!(late_s >= 0.0)) {
        return 0.0;
    }
    double period_s = r->cfg->rebalance_s;
    r->rebalance_next_s += period_s * (floor(late_s / period_s) + 1.0);
    return r->cfg->rebalance_pause_s;
}

double replica_encode_images(struct replica *r, struct step_cache *cost)
{
    double encode_s = 0.0;
    for (int i = 0; i < r->n_ranks; i++) {
        encode_s = fmax(encode_s, r->ranks[i].step_encode_s);
        r->ranks[i].step_encode_s = 0.0;
    }
    cost->encoder_s += encode_s;
    return encode_s;
}

double replica_wait_for_loads(struct replica *r, struct step_cache *cost, double dt)
{
    double load_s = 0.0;
    for (int i = 0; i < r->n_ranks; i++) {
        load_s = fmax(load_s, r->ranks[i].step_load_s);
        r->ranks[i].step_load_s = 0.0;
    }
    double extra = r->cfg->tier_load == TIER_LOAD_LAYERS ? fmax(0.0, load_s - dt) : load_s;
    cost->host_s += extra;
    return extra;
}

/* Plans the coming step of all ranks; false: nothing to run. */
static inline bool plan_ranks(struct replica *r, double now_s)
{
    bool work = false;
    balance_ranks(r);
    for (int i = 0; i < r->n_ranks; i++) {
        struct rank *k = &r->ranks[i];
        if (k->n_running + k->waiting.n > 0) {
            plan_rank(r, k, now_s);
        } else {
            rank_clear_plan(k);
            rank_rest(k);
        }
        fill_batch(r, k);
        work |= k->batch.n_sample + k->batch.n_prefill_tokens > 0;
        if (r->n_ranks > 1) {
            r->batches[i] = k->batch;
        }
    }
    return work;
}

/* ---- the books
 * ------------------------------------------------------------------------------- */

static void add_to_timeline(const struct replica *r, const struct alike_steps *a)
{
    struct timeline_step t = {
        .end_s = a->end_s,
        .duration_s = a->duration_s,
        .running = a->running,
        .waiting = a->waiting,
        .kv_frac_s = replica_frac_of(r, a->used_byte_s),
        .output_tokens = a->sequences * (double)a->n,
        .input_tokens = a->input_tokens * (double)a->n,
    };
    timeline_add(r->timeline, &t);
}

void replica_close_books(struct replica *r)
{
    struct alike_steps *a = &r->open;
    struct replica_stats *s = &r->stats;
    if (a->n > 0) {
        s->busy_s += a->duration_s;
        s->kv_byte_s += a->used_byte_s;
        s->batch_s += a->sequences * a->duration_s;
        s->kv_max_bytes = fmax(s->kv_max_bytes, a->max_bytes);
        s->n_steps += a->n;
        if (r->timeline) {
            add_to_timeline(r, a);
        }
    }
    *a = (struct alike_steps){.bin_end_s = -INFINITY}; /* none is like them */
}

void replica_open_steps(struct replica *r, const struct alike_steps *kind, double end_s)
{
    replica_close_books(r);
    r->open = *kind;
    r->open.bin_end_s = r->timeline ? timeline_bin_end_s(r->timeline, end_s) : INFINITY;
}

/* ---- the next step
 * ------------------------------------------------------------------------------- */

static void run_step(struct replica *r, double now_s)
{
    if (r->cfg->role == ROLE_PREFILL) {
        replica_announce_prompts(r, now_s);
    }
    double pause_s = replica_rebalance(r, now_s);
    r->cost->host_s += pause_s;
    double dt = pause_s + step_time_s(r->cost, r->n_ranks > 1 ? r->batches : &r->ranks[0].batch,
                                      r->n_ranks);
    if (r->extras) {
        dt += replica_encode_images(r, r->cost);
        dt += replica_wait_for_loads(r, r->cost, dt);
    }
    r->end_s = now_s + dt;
    replica_book_step(r, dt);
}

/* What the scheduler sees by the cutoff, or by now when it has nothing else to do. */
static inline void look_around(struct replica *r, double cutoff_s, double now_s)
{
    if (r->n_loading > 0) {
        receive_all_loaded(r, cutoff_s);
    }
    if (looks_for_requests(r)) {
        receive(r, cutoff_s);
    }
    if (r->landed.n > 0) {
        replica_take_landed(r, cutoff_s, now_s);
    }
    expire(r, now_s);
    if (r->n_running + r->n_waiting == r->n_loading) {
        receive_all_loaded(r, now_s);
        receive(r, now_s);
        replica_take_landed(r, now_s, now_s);
    }
}

/* Is more to be planned: the next slot of a pipeline, or what landed and found no seat while
 * others had them, who have lost them since? */
static inline bool plans_again(struct replica *r, double now_s)
{
    if (r->busy) {
        return r->pipeline && pipeline_send(r, now_s);
    }
    return r->landed.n > 0 && replica_take_landed(r, now_s, now_s) > 0;
}

/* Starts the next step at now_s (of a pipeline: as many micro-batches as there is work and
 * room for), or goes idle. */
static void begin_step(struct replica *r, double now_s)
{
    bool late = r->cfg->sched.async && r->busy && !r->pipeline;
    double cutoff = late ? r->last_begin_s : now_s;
    r->last_begin_s = now_s;
    look_around(r, cutoff, now_s);
    do {
        r->busy = plan_ranks(r, now_s);
    } while (plans_again(r, now_s));
    r->wake_s = INFINITY;
    if (r->pipeline) {
        pipeline_await(r, now_s);
    } else if (r->busy) {
        run_step(r, now_s);
    } else {
        r->end_s = now_s;
    }
    /* a prompt may wait for memory of others that is still to be let go */
    ASSERT(r->busy || r->n_running + r->n_waiting == 0 || r->n_loading > 0 ||
           r->cfg->role != ROLE_BOTH);
}

bool replica_is_empty(const struct replica *r)
{
    bool empty = r->n_load == 0 && r->n_waiting == 0 && r->n_running == 0 && r->n_held == 0;
    for (int i = 0; i < n_slots_of(r) * r->n_ranks; i++) {
        const struct rank *k = &r->all_ranks[i];
        const struct promised *p = &k->promised;
        empty = empty && k->run.n == 0 && kv_free_bytes(k->kv) == kv_capacity_bytes(k->kv) &&
                p->n == 0 && p->prompt_tokens == 0 && p->prefill_tokens == 0;
    }
    return empty;
}

static double next_loaded_s(const struct replica *r)
{
    double next = INFINITY;
    for (int i = 0; i < r->n_ranks; i++) {
        next = fmin(next, r->ranks[i].loaded_next_s);
    }
    return next;
}

double replica_next_s(const struct replica *r)
{
    if (r->busy) {
        return r->end_s;
    }
    double next = r->wake_s;
    int32_t sent = request_front(&r->incoming);
    int32_t landed = request_front(&r->landed);
    if (sent >= 0) {
        next = fmin(next, r->pool->items[sent].visible_s);
    }
    if (landed >= 0) {
        next = fmin(next, r->pool->items[landed].visible_s);
    }
    return r->n_loading > 0 ? fmax(r->end_s, fmin(next, next_loaded_s(r))) : next;
}

/* Its steps may begin transfers before the next one ends. */
static inline bool announces_ahead(const struct replica *r)
{
    return r->pipeline && r->cfg->role == ROLE_PREFILL;
}

void replica_run(struct replica *r, double until_s, bool stop_on_end)
{
    for (;;) {
        double next = replica_next_s(r);
        if (!(next <= until_s) || isinf(next)) {
            return;
        }
        enum glided glided = replica_glide(r, until_s);
        if (glided == GLIDED_SHORT) {
            begin_step(r, r->end_s);
        }
        if (glided != GLIDED_NOT) {
            continue;
        }
        int64_t ended = r->n_ended;
        if (r->busy && r->pipeline) {
            pipeline_back(r);
        }
        for (int i = 0; i < r->n_ranks && r->busy; i++) {
            complete_rank(r, &r->ranks[i], next);
        }
        begin_step(r, next);
        if (stop_on_end && (r->n_ended != ended || announces_ahead(r))) {
            return;
        }
    }
}

void replica_send(struct replica *r, int32_t idx, double now_s)
{
    struct request *q = req_at(r, idx);
    double start = fmax(now_s, r->api_free_s);
    r->api_free_s = start + r->cfg->api_per_token_s * (double)q->prompt_tokens;
    q->visible_s = r->api_free_s + r->cfg->api_s;
    request_push_back(&r->incoming, idx);
    promise(r, q);
    r->n_load++;
}

/* Loaded and not yet running when the replica fails: what it held goes with the pool. */
static void forget_load(struct request *q)
{
    q->loaded = false;
    q->computed_tokens = 0;
    q->reserved_tokens = 0;
    kv_shared_init(&q->shared);
}

void rank_withdraw_all(struct replica *r, struct rank *k)
{
    while (k->last >= 0) {
        kv_shared_init(&req_at(r, k->last)->shared);
        withdraw(r, k, k->last);
    }
    rank_clear_plan(k);
    rank_rest(k);
}

void replica_evacuate(struct replica *r, struct request_queue *out)
{
    if (r->pipeline) {
        pipeline_clear(r);
    }
    for (int i = 0; i < r->n_ranks; i++) {
        struct rank *k = &r->ranks[i];
        rank_withdraw_all(r, k);
        while (k->n_loading > 0) {
            request_push_front(&k->waiting, k->loading[--k->n_loading]);
            r->n_loading--;
        }
        int32_t idx;
        while ((idx = request_pop_front(&k->waiting)) >= 0) {
            r->n_waiting--;
            forget_load(req_at(r, idx));
            request_push_back(out, idx);
        }
        renew_cache(r, i);
        r->all_ranks[i].n_landing = 0;
        k->n_loaded = 0;
        k->step_load_s = 0.0;
        k->step_encode_s = 0.0;
        k->loaded_next_s = INFINITY;
        r->all_ranks[i].promised = (struct promised){0};
    }
    int32_t idx;
    while ((idx = request_pop_front(&r->landed)) >= 0) {
        request_start_over(req_at(r, idx));
        request_push_back(out, idx);
    }
    while ((idx = request_pop_front(&r->incoming)) >= 0) {
        request_push_back(out, idx);
    }
    r->n_load = 0;
    r->n_held = 0;
    r->busy = false;
    r->wake_s = INFINITY;
}
