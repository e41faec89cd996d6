/* SPDX-License-Identifier: GPL-3.0-or-later */
/* system.h - a deployment made concrete: engine defaults and knobs resolved, layout chosen,
 * memory budget computed, cost model built. What simulate, validate and plan all start from. */
#ifndef SYSTEM_H
#define SYSTEM_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/cost/footprint.h"
#include "sim/cost/step.h"
#include "sim/experiment/correction.h"
#include "sim/experiment/network.h"
#include "sim/experiment/stock.h"
#include "sim/serve/replica.h"

/* What is asked for. -1 (integers) and NaN mean: the engine's default; 0 in the layout: choose.
 */
struct system_spec {
    const char *name;
    const struct model *model;
    struct checkpoint checkpoint;
    enum dtype kv; /* DTYPE_AUTO: system_default_kv */
    const struct gpu *gpu;
    enum engine_kind engine;
    const char *engine_version;
    const char *network, *node; /* between servers, as network_of_gpu takes them; "" auto */
    double oversubscription;    /* of that network; 1: none */
    int tp, pp, ep, dp;
    int64_t max_model_len;
    double mem_util_frac;
    int64_t max_batched_tokens, max_seqs, chunked_prefill, block_tokens;
    int prefix_cache, cuda_graphs, windowed_kv; /* 1 on, 0 off, -1 default */
    int64_t recv_interval, wait_iters;          /* 1 and 0: none */
    double wait_ratio;
    double api_servers;        /* tokenise side by side */
    bool by_priority;          /* the waiting queue is ordered by priority */
    int64_t max_queue;         /* 0: no limit */
    int draft_tokens;          /* speculative decoding, per step; 0: off */
    const struct model *draft; /* drafts instead of a layer or head of the model; NULL: none */
    struct checkpoint draft_checkpoint;
    struct draft_acceptance acceptance; /* n = 0: the model's, or ACCEPTANCE_FRAC */
    bool two_batch_overlap;             /* as in struct step_config */
    int64_t balance_iters;      /* attention data parallelism; -1: the engine's default */
    int64_t tier_bytes[TIER_N]; /* KV tiers below GPU memory, of a replica; 0: none */
    int reserve_output;         /* guaranteed-no-evict: 1, 0, -1 the engine's default */
    bool truncated_sampling;    /* by top-p or top-k, the logits sorted; else greedy or plain */
    const char *moe_backend;    /* "" auto */
    struct step_without without; /* effects left out of the cost model */
    double skew_sigma;           /* NaN: the catalogue's */
    int64_t redundant_experts;
    double drift_share_frac; /* of the popularity's variance, drawn anew over drift_s */
    double drift_s, rebalance_s,
        rebalance_pause_s;                     /* of expert popularity and placement; 0: none */
    const struct correction_list *corrections; /* the scenario's calibration; NULL: none */
    double step_scale, step_offset_s,
        api_offset_s; /* from it, or as asked for; scale 0: none */
};
/* All fields at "default"; the caller sets model, checkpoint, gpu, engine, layout. */
struct system_spec system_spec_default(void);
/* The spec of a scenario's deployment. */
bool system_spec_of(const struct scenario *sc, const struct deployment *d,
                    struct system_spec *spec, struct err *err);

/* Time of a step as the catalogue's range of expert popularity has it, over the predicted. */
struct skew_spread {
    double decode_lo, decode_hi, prefill_lo, prefill_hi; /* lo <= 1 <= hi */
};

struct system {
    struct system_spec spec; /* layout and every default filled in */
    struct engine_defaults defaults;
    struct footprint footprint;
    struct step_model *step;       /* owned; NULL when it does not fit */
    struct replica_config replica; /* points at step */
    int n_gpus;                    /* of one replica */
    /* of one GPU's network cards, over which its pipeline or its dispatch to experts was built;
     * 0: none */
    double nic_bytes_per_s;
    bool nic_named; /* the scenario says so, of whatever machine */
    struct network_ports ports;
    struct evidence_state evidence;
    struct skew_spread skew;             /* 1 unless the model was never measured */
    const struct band_table *bands;      /* borrowed from the stock */
    const struct correction *correction; /* from the calibration; NULL: not corrected */
    char correction_note[640]; /* what a named calibration did, or why nothing; "" none */
};

/* Resolves everything. A layout left open is the smallest tensor-parallel size that fits (1, 2,
 * 4, ... up to the scale-up domain, at most 16). A deployment that does not fit is no error:
 * step is NULL and footprint.reason says why. False with err when the layout cannot be built.
 * system_fini in any case. */
bool system_resolve(const struct stock *stock, const struct system_spec *spec,
                    struct system *out, struct err *err);
void system_fini(struct system *system);
/* What a measurement of this deployment is filed under. Borrows from the system. */
struct correction_id system_correction_id(const struct system *system);

/* KV type an engine uses unless told: bf16, or fp8 where TensorRT-LLM serves an fp8 or fp4
 * checkpoint on a GPU with fp8 (its quantised checkpoints carry KV scales). */
enum dtype system_default_kv(enum engine_kind engine, const struct checkpoint *checkpoint,
                             const struct gpu *gpu);

#endif
