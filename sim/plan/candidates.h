/* SPDX-License-Identifier: GPL-3.0-or-later */
/* candidates.h - the systems a plan looks at: hardware x layout x precision x engine settings.
 *
 * Lists in the scenario are taken as they are. What the scenario leaves open is filled with
 * what an engineer would try: tp         powers of two up to the scale-up domain (at most 16)
 * that divide the heads ep         MoE with attention under tensor parallelism: 1 and tp dp
 * attention data parallelism where it saves KV memory: latent attention, or fewer KV heads than
 * GPUs; its experts go over all ranks pp         2 and 4 stages of the largest tp, only where
 * that does not fit alone tokens     per step: the engine's default, and a quarter of it (four
 * times, if it is small) A key of the file or of --set closes its axis, also at the default's
 * value.
 *
 * A candidate is cut only by facts of its own, so threads and shards change nothing: its memory
 * does not suffice, or its physical floor is above a limit (candidate_bound). */
#ifndef CANDIDATES_H
#define CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>

#include "scenarios/scenario.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"
#include "sim/experiment/stock.h"
#include "sim/experiment/system.h"

struct candidate {
    const char *name;                   /* unique: "llama-4-scout fp8 h100-sxm tp8 ep8 vllm" */
    struct system_spec spec;            /* layout filled in */
    const struct scenario_model *model; /* with the user's score */
    enum router_kind router;
    /* of a disaggregated one, whose `spec` decodes: what a unit is made of; NULL: a unit is one
     * replica. Capacity, cost and fleets count units */
    const struct deployment *unit;
};

/* Decode (or only) replicas of a unit. */
static inline int candidate_replicas(const struct candidate *c)
{
    return c->unit && c->unit->replicas > 0 ? (int)c->unit->replicas : 1;
}

struct candidate_list {
    struct candidate *items;
    int n;
};

/* In a fixed order, without duplicates. Lives in the arena. False with err as
 * scenario_deployments. */
bool candidates_enumerate(struct arena *arena, const struct stock *stock,
                          const struct scenario *sc, struct candidate_list *list,
                          struct err *err);

/* Least time of one decode step: weights of the touched layers and experts read once, for one
 * token. Every step of a run takes at least as long, since each operator is clamped to its
 * floor and floors grow with the batch. */
double candidate_step_floor_s(const struct system *system);
/* Is a latency limit below what is physically possible at any load? Then why says which.
 * prefill: of a disaggregated one, whose `system` decodes; else NULL. Its first token takes a
 * step there and, where the decode side computes it, one here. */
bool candidate_bound(const struct system *system, const struct system *prefill,
                     const struct scenario_class *classes, int n_classes, char *why,
                     size_t why_size);

#endif
