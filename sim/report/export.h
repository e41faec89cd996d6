/* SPDX-License-Identifier: GPL-3.0-or-later */
/* export.h - a sized deployment as something to launch: a shell script with the engine's own
 * command, or Kubernetes manifests. The layout is translated: vLLM multiplies tensor and data
 * parallel sizes, SGLang and TensorRT-LLM divide the first by the second. What an engine cannot
 * express is an error, never left out in silence.
 *
 * With prefill and decode apart there is a command for each role and one for the router before
 * them, which is given the address of every replica. */
#ifndef EXPORT_H
#define EXPORT_H

#include <stdio.h>

#include "hardware/engine_flags.h"
#include "hardware/node.h"
#include "scenarios/scenario.h"
#include "sim/experiment/system.h"

enum export_target {
    EXPORT_VLLM,
    EXPORT_SGLANG,
    EXPORT_TRTLLM,
    EXPORT_KUBERNETES,
    EXPORT_N_TARGETS
};
extern const char *const export_target_names[]; /* vllm sglang trtllm kubernetes */

enum { EXPORT_MAX_NOTES = 16 };

/* Everything that is written; lives in the arena. */
struct export_job {
    const char *name;         /* of the plan's option or the deployment */
    struct system_spec asked; /* what the scenario states; the rest is the engine's default */
    struct system_spec spec;  /* with every default */
    double checkpoint_bytes;
    int n_gpus; /* of one replica */
    int64_t replicas, spares;
    const char *node;           /* kind of machine; "" unknown */
    int gpus_per_node;          /* in one operating system */
    enum replica_role role;     /* ROLE_BOTH; with prefill apart one of the others */
    struct export_job *prefill; /* ROLE_DECODE: the prefill side, of as many units; else NULL */
    struct system_spec other;   /* of the other side */
    int64_t stream_interval, api_servers;
    int64_t most_replicas;      /* over the horizon, spares included; 0: not planned */
    double running_per_replica; /* requests in service at the planned load; NaN: unknown */
    const char *notes[EXPORT_MAX_NOTES]; /* what the reader must know; one sentence each */
    int n_notes;
};

/* Catalogue that both sources need. */
struct export_stock {
    const struct stock *stock;
    struct node_list nodes;
    struct engine_flags flags;
};
bool export_stock_load(struct arena *arena, const struct stock *stock, struct export_stock *out,
                       struct err *err);

/* One option of a plan's directory: plan.csv, forecast.csv, decision.csv and the engine
 * settings of manifest.json. option NULL: what was decided, else the cheapest self-hosted one,
 * of the target's engine where there is one. False with err: no such option, or files are
 * missing. */
bool export_from_plan(struct arena *arena, const struct export_stock *stock, const char *dir,
                      const char *option, enum export_target target, struct export_job *job,
                      struct err *err);
/* One deployment of a scenario; name NULL: the only one that fits (of the target's engine). */
bool export_from_scenario(struct arena *arena, const struct export_stock *stock,
                          const struct scenario *sc, const char *name,
                          enum export_target target, struct export_job *job, struct err *err);

/* Shell script or manifests. Nothing is written on failure. */
bool export_write(struct arena *arena, const struct export_stock *stock,
                  const struct export_job *job, enum export_target target, FILE *out,
                  struct err *err);

#endif
