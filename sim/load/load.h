/* SPDX-License-Identifier: GPL-3.0-or-later */
/* load.h - where requests come from: open arrival processes, closed loops, offline batches and
 * traces, one generator per workload class, merged in time order.
 *
 * A load is one replication: it owns its random streams ("arrivals/<class>", "prompt/<class>",
 * "output/<class>", "prefix/<class>"), so two candidates see the same requests. Complexity:
 * O(log n) per request in the number of pending closed-loop clients, O(classes) otherwise. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/err.h"
#include "sim/base/mem.h"
#include "sim/core/dist.h"
#include "sim/core/rng.h"

/* What a prompt consists of, for prefix reuse: consecutive segments, each with an identity that
 * two prompts share only when everything before it is shared too. 0: content that cannot recur.
 */
struct prompt_content {
    uint64_t shared_id; /* leading shared_tokens, common to a group; 0 none */
    int64_t shared_tokens;
    uint64_t body_id; /* the rest, when prompts repeat (prompt pool); 0: unique */
    const int64_t
        *hashes; /* or: chained block identities of a trace, hash_tokens each; NULL none */
    int32_t n_hashes;
    int32_t hash_tokens;
};

struct arrival {
    double time_s;
    int32_t class_idx;
    int64_t id; /* 0, 1, 2 ... in order of issue */
    int64_t prompt_tokens, output_tokens;
    int64_t image_tokens; /* of the prompt, new with this request */
    struct prompt_content content;
    int32_t session; /* conversation it belongs to; -1: none. Its prompt then begins with all
                        earlier prompts and answers */
};

enum load_process {
    LOAD_POISSON,
    LOAD_GAMMA,
    LOAD_WEIBULL,
    LOAD_MMPP,
    LOAD_CONSTANT,
    LOAD_CLOSED,
    LOAD_TRACE,
    LOAD_OFFLINE
};

struct trace_row {
    double time_s;
    int64_t prompt_tokens, output_tokens;
    const int64_t *hashes; /* in the trace's arena */
    int32_t n_hashes;
};
struct trace {
    const struct trace_row *rows;
    int64_t n;
    int32_t hash_tokens; /* tokens per hash; 0: no hashes */
    double duration_s;
};
/* Reads a trace: Azure CSV (TIMESTAMP,ContextTokens,GeneratedTokens), Mooncake JSON Lines
 * (timestamp ms, input_length, output_length, hash_ids of 512 tokens) or CSV with arrival_s,
 * input_tokens, output_tokens. The format is told by the file's head. Requests with the same
 * timestamp are spread evenly up to the next one when `spread` (Mooncake's clock has 3 s
 * steps). Rows must not go back in time. Zero-length outputs count as 1 token. */
bool trace_load(struct arena *arena, const char *path, bool spread, struct trace *trace,
                struct err *err);

struct load_class {
    const char *name;
    enum load_process process;
    double rate_rps;                                      /* open processes */
    double cv;                                            /* gamma, weibull */
    double burst_ratio, burst_share_frac, burst_length_s; /* mmpp */
    const double *hourly;      /* [24]: rate of each hour of the day over the mean, which they
                                  average      to 1; poisson, gamma, weibull, constant. NULL: even */
    int64_t concurrency;       /* closed */
    double think_s;            /* closed: mean, exponential */
    const struct trace *trace; /* LOAD_TRACE */
    double trace_speed;
    int64_t trace_repeat;
    struct dist prompt, output;
    int64_t sequence_max_tokens; /* prompts drawn from a law without upper end are cut so that
                                    prompt and output fit; 0: none are */
    int64_t image_tokens;        /* added to every prompt */
    int64_t shared_tokens, groups;
    double turns;        /* mean turns of a conversation, geometric; up to 1: single requests.
                            An open rate counts turns, not conversations */
    double turn_think_s; /* mean pause of the user between turns, exponential */
    int64_t prompt_pool; /* distinct prompts, drawn cyclically; 0 all distinct */
    int64_t n_requests;  /* of this class; 0: no limit of its own */
};

struct load_config {
    const struct load_class *classes;
    int n_classes;
    int64_t n_requests; /* over all classes; 0: no limit (traces end by themselves) */
    uint64_t seed, replication;
};

struct load;
struct load *load_new(const struct load_config *cfg);
void load_free(struct load *load);
/* Time of the next arrival; INFINITY when none is pending. */
double load_peek_s(const struct load *load);
/* Takes it. False when none is pending. */
bool load_next(struct load *load, struct arrival *out);
/* Tells closed loops and conversations that a request ended (completed, rejected or failed). A
 * conversation whose turn was lost is over. */
void load_ended(struct load *load, int class_idx, int32_t session, bool completed,
                double time_s);
/* Does an ended request bring a new one (closed loops, conversations)? */
bool load_is_closed(const struct load *load);
/* No request can come any more, whatever ends. */
bool load_is_exhausted(const struct load *load);
/* How many prompts have been cut so far. */
int64_t load_n_cut(const struct load *load);
int64_t load_issued(const struct load *load);
/* Can two prompts share content? Then a prefix cache matters. */
bool load_has_reuse(const struct load *load);

#endif
