/* SPDX-License-Identifier: GPL-3.0-or-later */
/* prefill.h - the prefill side of a disaggregated deployment, and the network that joins it to
 * the decode side. */
#ifndef PREFILL_H
#define PREFILL_H

#include "sim/experiment/system.h"
#include "sim/serve/handover.h"

struct prefill_side {
    int n_replicas; /* 0: not disaggregated */
    struct system system;
    struct handover_config handover;
    const char *network; /* links.csv name, or "NICs of dgx-h100" */
    bool in_one_domain;  /* KV travels inside the scale-up domain of all GPUs */
    bool over_network;   /* ... over network links, one of each GPU, which can fail */
    /* of one GPU's network cards, where KV travels over such; else 0 */
    double nic_bytes_per_s, decode_nic_bytes_per_s;
    bool nic_named; /* they are of the network that the scenario names */
};

/* Resolves the prefill replicas of deployment d: what was asked of the decode side with what
 * `prefill` changes. Engines as they are: a decode replica keeps no prefix cache (SGLang turns
 * it off there; vLLM's is left out) nor tiers below it, a prefill replica drafts
 * nothing and reserves memory for prompts only. Sets the role of decode, and its evidence to
 * the weaker of both sides' and to "same SKU only" at best: no disaggregated deployment is
 * among the measured ones. False with err: unknown network, or none known for the hardware.
 * prefill_fini in any case. */
bool prefill_resolve(struct arena *arena, const struct stock *stock, const struct scenario *sc,
                     const struct deployment *d, const struct system_spec *asked,
                     struct system *decode, struct prefill_side *out, struct err *err);
void prefill_fini(struct prefill_side *side);

#endif
