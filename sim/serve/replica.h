/* SPDX-License-Identifier: GPL-3.0-or-later */
/* replica.h - one serving replica: an API server, a scheduler and one engine whose iterations
 * advance `dp` lock-step ranks (1 unless attention data parallelism), each with its own batch
 * and KV pool.
 *
 * A replica runs in a tight loop to its horizon. A decode step in which nothing can be
 * scheduled costs O(1): the scheduler says for how many iterations its answer stays the same
 * (until an end, an arrival or a shortage). With `one_by_one` it is asked before every step
 * instead; results are equal. Steps: begin (plan, cost) at the end of the last one, complete
 * (tokens, ends) when time gets there.
 *
 * Disaggregated, a prefill replica keeps the KV of a computed prompt until told to let go of
 * it, and a decode replica takes requests whose KV has landed in memory reserved before
 * (handover.h moves it). The first token leaves where the engine lets it: on SGLang and
 * TensorRT-LLM the prefill has sampled it and the decode side hands it out on arrival; on vLLM
 * the decode side computes the last prompt token itself, in its first decode step.
 *
 * Pipeline parallelism: up to pp micro-batches are under way, each in one of pp slots with its
 * own running set; queues and KV pool are shared. A micro-batch passes the engine core and the
 * stages as a tandem queue (tandem.h); its requests are not scheduled again until it is back.
 * When one comes back its slot is planned first (its decoding requests, then what waits), then
 * idle slots while something waits: a long prompt sends chunk after chunk without waiting for
 * tokens. So a slot keeps its requests until they end, and a lone burst may travel as one
 * micro-batch, with the other stages idle, as in the engines: vLLM V1 (batch queue of pp; while
 * it waits for the oldest it sees no arrivals), SGLang (one running batch per slot,
 * max_num_seqs / pp requests each), TensorRT-LLM (max_num_seqs requests in each micro-batch).
 * Approximations: short of memory a micro-batch preempts the newest of its own requests, not
 * those under way elsewhere; hops keep no stage busy; plans are made when a micro-batch comes
 * back, also by asynchronous engines, and take the core the time known from one stage; images
 * are encoded, and loads from KV tiers waited for, on the first stage.
 *
 * A pipeline as prefill side hands its prompts over when they leave the last stage; a layered
 * transfer counts from when that stage begins, since its cards have as many bytes to send as
 * those of the stages before, which were ready earlier. As decode side it takes what has landed
 * into the slot whose turn it is, as far as that has seats, then into idle ones, as the engines
 * do: unless seats are shared out, decoding requests gather in few micro-batches. */
#ifndef REPLICA_H
#define REPLICA_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/cost/step.h"
#include "sim/serve/kv.h"
#include "sim/serve/metrics.h"
#include "sim/serve/request.h"
#include "sim/serve/running.h"
#include "sim/serve/tandem.h"
#include "sim/serve/tier.h"
#include "sim/serve/timeline.h"

struct sched_config {
    enum engine_kind kind;
    int64_t max_batched_tokens; /* token budget of one step and rank */
    int64_t max_seqs;           /* running requests of one rank */
    int64_t max_model_len;      /* prompt + output tokens */
    bool reserve_output;   /* admit only with memory for prompt and whole output (no evict); on
                              a prefill replica for the whole prompt */
    bool async;            /* a step is planned while the one before runs */
    int64_t recv_interval; /* look for new requests every so many decode steps (1: always) */
    int64_t
        wait_iters;    /* hold prefills that fit so many steps while others decode (0: never) */
    double wait_ratio; /* ... unless waiting + running tokens reach ratio * budget */
    int draft_tokens;  /* speculative decoding: drafted per step; 0: off */
    double
        accepted_tokens; /* ... tokens a step emits per request on average, 1 .. 1 + drafted */
    bool by_priority;    /* the queue is in order of priority, then of arrival */
    int64_t max_queue; /* requests sent and not admitted beyond which new ones are turned away;
                          0: no limit */
    int64_t balance_iters; /* attention data parallelism: hold new prefills up to so many steps
                              until every rank has one, since any rank's prefill stalls all */
};

/* Tokens of the largest step of one rank: the budget, or a decode step of all with their
 * drafts. */
static inline int64_t sched_most_tokens(const struct sched_config *s)
{
    int64_t decoding = s->max_seqs * (1 + s->draft_tokens);
    return s->max_batched_tokens > decoding ? s->max_batched_tokens : decoding;
}

enum replica_role { ROLE_BOTH, ROLE_PREFILL, ROLE_DECODE };

struct replica_config {
    enum replica_role role;
    const struct step_model *model;
    struct sched_config sched;
    struct kv_layout kv;
    int64_t kv_bytes;                 /* pool of one rank */
    bool reuse;                       /* prefix cache on, and prompts can share content */
    struct tier_config tiers[TIER_N]; /* below the pool of one rank; only with reuse */
    enum tier_load tier_load;
    double api_s, api_per_token_s;
    double encode_s_per_token; /* vision encoder, for each prompt token of an image */
    double rebalance_s,
        rebalance_pause_s; /* every so long the engine stops to move experts; 0: never */
    bool one_by_one;       /* ask the scheduler before every step (tests) */
};

struct chunk {
    int32_t request;
    int64_t done, tokens; /* computes [done, done + tokens) of its target */
};

/* What routers over content have sent to a rank and has not ended. */
struct promised {
    int64_t n, prompt_tokens;
    int64_t prefill_tokens; /* expected at arrival, of requests without their first token */
};

/* One attention-data-parallel rank. */
struct rank {
    struct running run;
    struct kv_pool *kv;
    struct request_queue waiting;
    int32_t first, last;          /* running list, order of admission */
    int64_t n_running;            /* decoding and prefilling */
    int64_t n_elsewhere;          /* running in other micro-batches, as of its turn */
    int64_t *n_by_class;          /* decoding requests per class, those in `fresh` left out */
    struct request_queue partial; /* admitted, prompt not wholly scheduled */
    struct chunk *chunks;         /* of the step in progress */
    int n_chunks, cap_chunks;
    int32_t *fresh; /* decoding, but not yet part of a decode iteration */
    int n_fresh, cap_fresh;
    int64_t n_landing; /* decode side: memory reserved, KV on its way or not yet taken up; in
                          the rank of the first slot, as the next */
    bool unreachable;  /* none of its network cards works: no KV is sent to it */
    struct step_batch batch;
    bool decodes;             /* the step in progress includes the decoding requests */
    double last_decode_s;     /* end of the latest decode iteration */
    int64_t skip_steps;       /* steps for which a decode-only plan stays right */
    int64_t n_skipped;        /* steps run so since the scheduler last looked at it */
    int64_t held_steps;       /* batch wait: how long prefills have been held */
    double emitted;           /* fraction of a token carried over between speculative steps */
    bool hold;                /* no admission in this step: the ranks wait for each other */
    double retract_ratio;     /* SGLang: estimated share of outputs still to come */
    struct tier_stack *tiers; /* below the pool; of the replica */
    double step_encode_s;     /* images of the coming step */
    double step_load_s;       /* loads that the coming step waits for or runs beside */
    int32_t *loading;         /* their content is on the way from a tier; in order of start */
    int n_loading, cap_loading;
    double loaded_next_s; /* when the first of them has it; INFINITY: none */
    int n_loaded;         /* in the queue, with the memory of their prompt */
    struct promised promised;
};

struct replica_stats {
    double busy_s, kv_byte_s, batch_s;
    double kv_max_bytes;
    int64_t n_steps, n_preemptions;
    double computed_prompt_tokens, output_tokens;
};

/* Steps in a row of the same requests, booked as one: most steps of a simulation have those of
 * the step before. */
struct alike_steps {
    double running, waiting;
    double sequences, input_tokens; /* of each */
    int64_t n;
    double duration_s, used_byte_s, max_bytes; /* of all */
    double end_s;                              /* of the last */
    double bin_end_s;                          /* of the timeline's bin they are in */
};

/* The micro-batches of a pipeline. */
struct microbatches {
    int n;              /* slots: stages of the pipeline */
    double *end_s;      /* [n] when it leaves the last stage; INFINITY: nothing under way */
    int *line, n_line;  /* slots under way, oldest first */
    double n_sequences; /* under way */
    double booked_s;    /* up to when busy time is booked */
    double *stage_s, *hop_s;
    struct tandem way;
};

struct replica {
    const struct replica_config *cfg;
    struct request_pool *pool; /* borrowed, shared by all replicas of a deployment */
    struct metrics *metrics;   /* borrowed */
    struct timeline *timeline; /* borrowed; NULL: none */
    struct step_cache *cost;   /* borrowed, shared */
    void (*on_end)(void *ctx, const struct request *req, const struct finished *end);
    void *on_end_ctx;
    /* prefill side: the last of a prompt is computed from at_s on (of a pipeline on the last
     * stage, later than now), or by now */
    void (*on_prompt)(void *ctx, int32_t request, int rank, bool computed, double at_s);
    void *on_prompt_ctx;
    struct rank *ranks; /* [n_ranks]; of a pipeline those of the slot whose turn it is, where
                           the queues are */
    int n_ranks;
    struct rank *all_ranks;        /* [slots][n_ranks] */
    struct tier_stack *tiers;      /* [n_ranks] */
    struct microbatches *pipeline; /* NULL: one stage */
    int64_t max_seqs;              /* running requests of one rank and slot */
    bool seats_shared;             /* ... over all slots */
    int64_t all_seats;             /* of one rank in all slots */
    struct request_queue incoming; /* sent, not yet seen by the scheduler */
    struct request_queue landed;   /* decode side: KV there, in order of time */
    double wake_s;  /* idle beside requests that nothing could be done for; INFINITY: not so */
    int64_t n_held; /* prefill side: computed prompts whose KV is still here */
    double api_free_s;
    int64_t steps_since_recv;
    int64_t balance_steps; /* how long prefills have been held for balance */
    bool extras;           /* steps may wait for loads or encode images */
    bool glides;           /* decode steps that change nothing are run in a loop of their own */
    bool busy;
    /* of the step in progress; of a pipeline the oldest micro-batch; of the last one when idle
     */
    double end_s;
    double rebalance_next_s;
    double last_begin_s; /* when the step before began: async plans see no later arrivals */
    int64_t n_load;      /* requests sent here and not ended: what routers look at */
    int64_t n_waiting, n_running; /* over ranks; incoming not included, loading waits */
    int64_t n_loading;
    int64_t n_ended;            /* so far; on the prefill side: handed over */
    struct replica_stats stats; /* without the open steps */
    struct alike_steps open;
    struct step_batch *batches; /* scratch [n_ranks] */
};

/* Shares cfg, pool, metrics, timeline and cost, which must outlive the replica. */
void replica_init(struct replica *r, const struct replica_config *cfg,
                  struct request_pool *pool, struct metrics *metrics, struct timeline *timeline,
                  struct step_cache *cost);
void replica_fini(struct replica *r);

/* Adds the open steps to stats and timeline: needed before these are read. */
void replica_close_books(struct replica *r);

/* Would this request ever fit? NULL yes, else why not. */
const char *replica_refuses(const struct replica_config *cfg, int64_t prompt_tokens,
                            int64_t output_tokens);
/* A request reaches the API server, new or again after another replica failed. They come in
 * time order, and replica_run has been called up to now_s. */
void replica_send(struct replica *r, int32_t request, double now_s);
/* The replica fails: the step in progress and all KV content are lost. Its requests go to out
 * (oldest admission first), to be sent elsewhere, where they compute prompt and answer so far
 * again. */
void replica_evacuate(struct replica *r, struct request_queue *out);
/* Completes every step that ends at or before until_s. Returns early after a step in which a
 * request ended when stop_on_end (a closed loop then sends its next one). */
void replica_run(struct replica *r, double until_s, bool stop_on_end);
/* Time of the next thing it does by itself: end of the step, or a request becoming visible to
 * an idle scheduler; INFINITY when it has nothing to do. */
double replica_next_s(const struct replica *r);
/* Share of all ranks' KV memory in use. */
double replica_kv_frac(const struct replica *r);
/* No request, no KV memory in use, nothing promised. */
bool replica_is_empty(const struct replica *r);

/* ---- disaggregation. Decode side: memory for a request's KV on the rank with the fewest
 * requests that has room (request.landing_rank); false when none has. SGLang keeps room for 512
 * more tokens of each request it holds (num_reserved_decode_tokens of
 * sglang/srt/disaggregation/decode.py). */
bool replica_reserve(struct replica *r, int32_t request);
bool replica_has_room(const struct replica *r, int32_t request);
/* Can KV be sent to that rank? A new replica's ranks are all reachable. */
void replica_reach(struct replica *r, int rank, bool reachable);
/* Gives a reservation back. */
void replica_unreserve(struct replica *r, int32_t request, double now_s);
/* The KV has landed in the reserved memory: the request decodes as soon as the scheduler looks.
 */
void replica_land(struct replica *r, int32_t request, double now_s);
/* Prefill side: the KV of a computed prompt on this rank may go. */
void replica_let_go(struct replica *r, int32_t request, int rank, double now_s);
/* A request loses all KV: it starts over, with the answer so far as part of its prompt. */
void request_start_over(struct request *q);

/* A scheduler: chooses what the next step of a rank runs. */
struct scheduler {
    const char *name;
    /* Fills rank->batch, chunks, decodes and skip_steps, taking and freeing KV memory. now_s:
     * start of the step. */
    void (*plan)(struct replica *r, struct rank *k, double now_s);
};
const struct scheduler *scheduler_of(const struct sched_config *cfg);

/* For schedulers. rank_admit: the head of the waiting queue with a chunk of at most `budget`
 * tokens; false when memory, places or the queue do not allow it, which rank_can_admit tells
 * beforehand. rank_continue: the partly computed prompt goes on; false when there is none, or
 * when it had to be preempted for want of memory. rank_grow_decodes: memory of the coming
 * decode iteration; false when some requests were preempted for it. */
bool rank_can_admit(const struct replica *r, const struct rank *k, int64_t budget);
bool rank_admit(struct replica *r, struct rank *k, int64_t budget, double now_s);
bool rank_continue(struct replica *r, struct rank *k, int64_t budget);
bool rank_grow_decodes(struct replica *r, struct rank *k);

#endif
