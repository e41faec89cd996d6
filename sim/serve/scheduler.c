/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scheduler.c - what the next step runs, as the engines decide it (cost-model.md section 6).
 * Each plan says for how many steps a decode-only answer stays the same unless a request ends
 * or becomes visible: the replica then does not ask again. */
#include <math.h>

#include "sim/base/mem.h"
#include "sim/serve/replica.h"

/* SGLang estimates a new request's output at no more than this many tokens. */
static const int64_t SGLANG_CLIP_TOKENS = 4096;
/* ... and lets its estimate of what running requests still produce decay to this share of
 * itself. */
static const double SGLANG_RATIO_DECAY = 0.7 * 0.86 / 600.0;
static const double SGLANG_RATIO_MIN = 0.7 * 0.14;
static const double SGLANG_RATIO_RETRACT = 0.05;

/* Can the head of the queue come to need less while others decode? Only where its cached prefix
 * is evicted and its first chunk then ends elsewhere among chunks that layers drop. */
static bool need_may_fall(const struct replica_config *cfg)
{
    for (int i = 0; cfg->reuse && i < cfg->kv.n_windows; i++) {
        if (cfg->kv.windows[i].span == SPAN_CHUNKED) {
            return true;
        }
    }
    return false;
}

/* With nothing partly computed and the queue empty or stuck, only an end or an arrival matters.
 */
static int64_t steps_until_change(const struct replica *r, const struct rank *k, bool stuck)
{
    bool quiet = k->waiting.n == 0 || (stuck && !need_may_fall(r->cfg));
    return k->partial.n == 0 && k->n_chunks == 0 && quiet ? INT64_MAX : 0;
}

/* Of the token budget: one per decoding request and what it verifies. */
static int64_t decode_tokens(const struct replica *r, const struct rank *k)
{
    return k->run.n * (1 + r->cfg->sched.draft_tokens);
}

/* The partly computed prompt first. Returns what is left of the budget. */
static int64_t continue_prompts(struct replica *r, struct rank *k, int64_t budget)
{
    while (budget > 0 && rank_continue(r, k, budget)) {
        budget -= k->chunks[k->n_chunks - 1].tokens;
    }
    return budget;
}

/* vLLM V1: one token budget; decodes and unfinished prompts first, then the queue in order; no
 * admission in a step that preempted. */
static void plan_vllm(struct replica *r, struct rank *k, double now_s)
{
    int64_t preempted = r->stats.n_preemptions;
    rank_grow_decodes(r, k);
    k->decodes = k->run.n > 0;
    int64_t budget =
        continue_prompts(r, k, r->cfg->sched.max_batched_tokens - decode_tokens(r, k));
    if (r->stats.n_preemptions > preempted) {
        return;
    }
    bool stuck = false;
    while (budget > 0 && k->waiting.n > 0 && !stuck) {
        stuck = !rank_admit(r, k, budget, now_s);
        if (!stuck) {
            budget -= k->chunks[k->n_chunks - 1].tokens;
        }
    }
    k->skip_steps = steps_until_change(r, k, stuck);
}

/* TensorRT-LLM holds prompts that would fit while others decode, until they have waited
 * wait_iters steps or running and waiting tokens fill wait_ratio of the budget. */
static bool holds_prefill(struct replica *r, struct rank *k, int64_t budget)
{
    const struct sched_config *s = &r->cfg->sched;
    if (s->wait_iters <= 0 || k->run.n == 0 || !rank_can_admit(r, k, budget)) {
        k->held_steps = 0;
        return false;
    }
    double tokens = (double)decode_tokens(r, k);
    double enough = s->wait_ratio * (double)s->max_batched_tokens;
    for (int i = 0; i < k->waiting.n && tokens < enough; i++) {
        int32_t idx = k->waiting.items[(k->waiting.head + i) & (k->waiting.cap - 1)];
        tokens += (double)r->pool->items[idx].target_tokens;
    }
    if (tokens >= enough || k->held_steps >= s->wait_iters) {
        k->held_steps = 0;
        return false;
    }
    k->held_steps++;
    return true;
}

/* TensorRT-LLM: context and generation in one pass, prompts whole unless longer than the
 * budget, memory for the whole output reserved (guaranteed-no-evict) when the configuration
 * says so. */
static void plan_trtllm(struct replica *r, struct rank *k, double now_s)
{
    rank_grow_decodes(r, k);
    k->decodes = k->run.n > 0;
    int64_t whole = r->cfg->sched.max_batched_tokens - decode_tokens(r, k);
    int64_t budget = continue_prompts(r, k, whole);
    if (holds_prefill(r, k, budget)) {
        return;
    }
    bool stuck = false;
    while (budget > 0 && k->waiting.n > 0 && !stuck) {
        int64_t prompt = r->pool->items[request_front(&k->waiting)].target_tokens;
        bool started = k->n_chunks > 0 || k->run.n > 0;
        if (prompt > budget && started && prompt <= whole) {
            break; /* it will have a step's budget to itself */
        }
        stuck = !rank_admit(r, k, budget, now_s);
        if (!stuck) {
            budget -= k->chunks[k->n_chunks - 1].tokens;
        }
    }
    k->skip_steps = steps_until_change(r, k, stuck);
}

/* ---- SGLang
 * ------------------------------------------------------------------------------------- */

static double token_bytes(const struct kv_layout *l)
{
    return (double)l->full_block_bytes / (double)l->block_tokens;
}

/* What a request may still produce here, as far as the estimate looks. */
static int64_t clipped_output(const struct replica *r, const struct request *q)
{
    if (r->cfg->role == ROLE_PREFILL) {
        return 0;
    }
    int64_t output = q->output_tokens - q->generated;
    return output < SGLANG_CLIP_TOKENS ? output : SGLANG_CLIP_TOKENS;
}

/* Would SGLang's estimate of future memory let the head of the queue in? promised_bytes:
 * outputs of the prompts that this step already holds. */
static bool sglang_has_room(const struct replica *r, const struct rank *k,
                            double promised_bytes)
{
    const struct request *q = &r->pool->items[request_front(&k->waiting)];
    const struct kv_layout *l = &r->cfg->kv;
    int64_t pin_bytes;
    if (q->loaded) {
        return true;
    }
    int64_t hit = kv_probe(k->kv, &q->content, q->prompt_tokens, &pin_bytes);
    double cached = (double)(hit / l->block_tokens * l->full_block_bytes - pin_bytes);
    double need = (double)kv_bytes(l, q->target_tokens + clipped_output(r, q)) - cached;
    double running = k->retract_ratio * (double)running_remaining(&k->run) * token_bytes(l);
    bool alone = k->n_running + k->n_elsewhere == 0;
    return alone || running + promised_bytes + need <= (double)kv_free_bytes(k->kv);
}

/* The estimate of what running requests still produce decays with every decode step. */
static void sglang_decay(struct rank *k, int64_t n_steps)
{
    for (; n_steps > 0 && k->retract_ratio > SGLANG_RATIO_MIN; n_steps--) {
        k->retract_ratio = fmax(SGLANG_RATIO_MIN, k->retract_ratio - SGLANG_RATIO_DECAY);
    }
}

/* Prompts of the coming step. */
static void sglang_prefill(struct replica *r, struct rank *k, double now_s)
{
    double promised_bytes = 0.0;
    int64_t budget = continue_prompts(r, k, r->cfg->sched.max_batched_tokens);
    if (k->n_chunks > 0) {
        promised_bytes = token_bytes(&r->cfg->kv) *
                         (double)clipped_output(r, &r->pool->items[k->chunks[0].request]);
    }
    while (budget > 0 && k->waiting.n > 0 && k->partial.n == 0 &&
           sglang_has_room(r, k, promised_bytes) && rank_admit(r, k, budget, now_s)) {
        const struct chunk *c = &k->chunks[k->n_chunks - 1];
        budget -= c->tokens;
        promised_bytes +=
            token_bytes(&r->cfg->kv) * (double)clipped_output(r, &r->pool->items[c->request]);
    }
}

/* SGLang: a step prefills or decodes, prefill first; memory for outputs is estimated, and when
 * it runs out the newest requests are retracted. */
static void plan_sglang(struct replica *r, struct rank *k, double now_s)
{
    sglang_decay(k, k->n_skipped);
    sglang_prefill(r, k, now_s);
    if (k->n_chunks > 0) {
        return;
    }
    if (rank_grow_decodes(r, k)) {
        sglang_decay(k, 1);
    } else {
        k->retract_ratio = fmin(1.0, k->retract_ratio + SGLANG_RATIO_RETRACT);
    }
    k->decodes = k->run.n > 0;
    /* the ratio moves every step, so a stuck queue is looked at again */
    k->skip_steps = k->waiting.n == 0 ? steps_until_change(r, k, false) : 0;
}

/* Static batching, the naive baseline: a batch is filled, run to its last end, then the next.
 */
static void plan_static(struct replica *r, struct rank *k, double now_s)
{
    rank_grow_decodes(r, k);
    k->decodes = k->run.n > 0;
    int64_t budget = continue_prompts(r, k, r->cfg->sched.max_batched_tokens);
    if (k->run.n == 0) {
        while (budget > 0 && rank_admit(r, k, budget, now_s)) {
            budget -= k->chunks[k->n_chunks - 1].tokens;
        }
    }
    k->skip_steps = steps_until_change(r, k, true);
}

const struct scheduler *scheduler_of(const struct sched_config *cfg)
{
    static const struct scheduler all[] = {
        [ENGINE_VLLM] = {"vllm", plan_vllm},
        [ENGINE_SGLANG] = {"sglang", plan_sglang},
        [ENGINE_TRTLLM] = {"trtllm", plan_trtllm},
        [ENGINE_STATIC] = {"static", plan_static},
    };
    return &all[cfg->kind];
}
