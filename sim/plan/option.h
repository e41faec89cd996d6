/* SPDX-License-Identifier: GPL-3.0-or-later */
/* option.h - what the capacity search tells the economics about one self-hosted system: how
 * much one replica sustains within the service levels, what it draws and how its GPU time is
 * spent. Plain facts, no simulation. Strings are borrowed and outlive the plan. */
#ifndef OPTION_H
#define OPTION_H

#include <stdbool.h>

/* How near to the measured systems the prediction is, weakest first. */
enum plan_evidence {
    PLAN_EVIDENCE_NONE,     /* nothing of the kind was measured: never high confidence */
    PLAN_EVIDENCE_SKU,      /* other models on the same GPU */
    PLAN_EVIDENCE_FAMILY,   /* the same model family on the same GPU */
    PLAN_EVIDENCE_MEASURED, /* this system */
    PLAN_EVIDENCE_N,
};
extern const char *const plan_evidence_names[]; /* none, same SKU only, same family,
                                                measured */

/* Mean tokens of one request as a provider bills them. */
struct plan_tokens {
    double input;  /* prompt tokens, cached ones included */
    double cached; /* ... of which come from a prefix cache */
    double output;
};

/* The instances of a unit that stand on one kind of GPU. */
struct plan_share {
    const char *gpu; /* catalogue name */
    int gpus;        /* of one unit */
    int instances;   /* of equal size, that may stand on different nodes; 0: one */
    int node_gpus;   /* of those, that must share one node; 0: all that a node can take */
    double nic_bytes_per_s; /* of one GPU's network cards, at which KV to the other instances,
                               or a pipeline, was simulated; 0: not over such */
    bool nic_named; /* by the scenario, which is believed where a node's are not known */
    double power_w, idle_power_w;
};

/* gpu to idle_power_w: of the whole unit, but for `prefill`. */
struct plan_option {
    const char *name;       /* unique: "llama-4-scout fp8 h100-sxm tp8 vllm" */
    const char *model;      /* catalogue name */
    const char *gpu;        /* catalogue name */
    int gpus_per_replica;   /* prefill and decode instances of one unit together */
    int instances;          /* as of a share */
    int node_gpus;          /* GPUs of a replica that must share one node: the scale-up group it
                               was simulated with; 0: all that a node can take */
    double nic_bytes_per_s; /* as of a share */
    bool nic_named;         /* as of a share */
    struct plan_share prefill; /* prefill instances on GPUs of another kind; gpu NULL: none */
    double rps_per_replica;    /* sustainable requests/s, every class inside its service levels,
                                  under Poisson arrivals; 0: none */
    double rps_lo, rps_hi;     /* prediction 80 % band; both equal: no band */
    double prefill_time_frac;  /* share of busy GPU time in prefill; the rest is decode */
    double e2e_s;              /* mean time of a request at rps_per_replica; 0: not known */
    double power_w;            /* one replica's GPUs with their share of the host, IT load, at
                                  rps_per_replica */
    double idle_power_w;       /* the same without load */
    enum plan_evidence evidence;
    struct plan_tokens tokens; /* per request, as served by this system */
    double quality;            /* user's score of the model; NaN: none */
};

/* All GPUs of one unit. */
static inline int option_gpus(const struct plan_option *option)
{
    return option->gpus_per_replica + (option->prefill.gpu ? option->prefill.gpus : 0);
}

#endif
