/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scenario.h - the scenario file: what is asked, of which models, under which load, on which
 * hardware. A scenario is plain values and names; scenario_load reads, fills defaults and
 * checks, scenario_deployments looks the names up in the catalogue and builds the cross product
 * of all lists.
 *
 * "auto" is -1 in integers and switches, NaN in doubles, "" in strings and 0 in the integer
 * lists of a deployment (is_auto tells). The module that knows the answer resolves it: the
 * catalogue, the engine table or the footprint. Every value remembers where it came from
 * (values[]). */
#ifndef SCENARIO_H
#define SCENARIO_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "hardware/engine.h"
#include "hardware/gpu.h"
#include "models/dtype.h"
#include "models/model.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"
#include "sim/core/dist.h"

enum {
    SCENARIO_SCHEMA = 1,
    SCENARIO_AUTO = -1,
    SCENARIO_MAX_CLASSES = 64,
    SCENARIO_MAX_MODELS = 64,
    SCENARIO_MAX_DEPLOYMENTS = 100000, /* concrete ones, after the cross product */
    SCENARIO_MAX_GPUS = 1000000,       /* of one deployment */
    SCENARIO_MAX_NAME_BYTES = 120,
    SCENARIO_DEFAULT_MODEL_LEN = 32768,
};
#define SCENARIO_MAX_REQUESTS INT64_C(1000000000000)

static inline bool is_auto(double value) /* integers: is_auto((double)n) */
{
    return isnan(value) || value == (double)SCENARIO_AUTO;
}

struct int_list {
    int64_t *items;
    int n;
};
struct num_list {
    double *items;
    int n;
};
struct str_list {
    const char **items;
    int n;
};

/* ---- model ------------------------------------------------------------------------------- */

struct scenario_model {
    const char *name; /* catalogue name, Hugging Face id or path of a config.json (resolved
                         against the scenario's directory when it looks like a path) */
    struct int_list weights; /* enum dtype; DTYPE_AUTO: the checkpoint's own */
    struct int_list
        kv_cache;   /* enum dtype; DTYPE_AUTO: the engine's choice for the checkpoint */
    double quality; /* any scale, higher is better; NaN: not given */
};

/* ---- workload ---------------------------------------------------------------------------- */

enum arrival_process {
    ARRIVAL_POISSON,
    ARRIVAL_GAMMA,    /* gaps with coefficient of variation cv */
    ARRIVAL_WEIBULL,  /* gaps with coefficient of variation cv */
    ARRIVAL_MMPP,     /* calm and burst phases, exponentially long */
    ARRIVAL_CONSTANT, /* evenly spaced */
    ARRIVAL_CLOSED,   /* `concurrency` clients, each thinks think_s between its requests */
    ARRIVAL_TRACE,    /* times (and lengths, when the file has them) from a file */
    ARRIVAL_OFFLINE,  /* everything queued at t = 0 */
    ARRIVAL_N,
};
extern const char *const arrival_names[];

enum trace_format { TRACE_AUTO = -1, TRACE_AZURE, TRACE_MOONCAKE, TRACE_CSV, TRACE_N_FORMATS };
extern const char *const trace_format_names[]; /* azure mooncake csv */

struct scenario_arrivals {
    int process;     /* enum arrival_process */
    double rate_rps; /* of this class; NaN: not given (demand or sweep decides), trace, closed,
                        offline */
    double cv;       /* gamma, weibull */
    double burst_ratio;      /* mmpp: rate in a burst / mean rate */
    double burst_share_frac; /* mmpp: share of time in bursts */
    double burst_length_s;   /* mmpp: mean length of a burst */
    int64_t concurrency;     /* closed; -1: not given (the sweep decides) */
    double think_s;          /* closed: mean, exponential; 0: none */
    const char *file;        /* trace: resolved path; "" otherwise */
    int format;              /* enum trace_format */
    double speed;            /* trace: 2 plays it twice as fast */
    int64_t repeat;          /* trace: how many times it is played */
    struct num_list hourly; /* open processes but mmpp: 24 weights, one per hour of the day; n =
                               0: the same at all hours */
};

struct scenario_prefix {
    int64_t
        shared_tokens; /* leading tokens of the prompt that are common to a group; 0: none */
    int64_t groups;    /* number of distinct shared prefixes */
};
struct scenario_sessions {
    double turns;   /* mean turns of a conversation, geometric; 1: single requests */
    double think_s; /* mean pause of the user between turns, exponential */
};
struct scenario_images {
    double per_request;       /* mean number; 0: none */
    int64_t tokens_per_image; /* prompt tokens one image adds */
};

enum slo_metric { SLO_TTFT, SLO_TPOT, SLO_ITL, SLO_E2E, SLO_N_METRICS };
enum slo_stat { SLO_MEAN, SLO_P50, SLO_P90, SLO_P95, SLO_P99, SLO_N_STATS };
extern const char *const slo_metric_names[]; /* ttft tpot itl e2e */
extern const char *const slo_stat_names[];   /* mean p50 p90 p95 p99 */
extern const double slo_stat_quantile[];     /* NaN for the mean */

struct scenario_slo {
    double limit_s[SLO_N_METRICS][SLO_N_STATS]; /* NaN: no limit */
    double loss_max_frac;                       /* of offered requests */
};

struct scenario_class {
    const char *name;
    double share_frac; /* of all requests; the shares of all classes sum to 1 */
    int64_t priority;  /* lower is served first under policy `priority` */
    struct scenario_arrivals arrivals;
    struct dist prompt;      /* tokens, the shared prefix included */
    struct dist output;      /* tokens */
    bool lengths_from_trace; /* neither prompt nor output is given: the trace has both */
    struct scenario_prefix prefix;
    struct scenario_sessions sessions;
    struct scenario_images images;
    double timeout_s;    /* gives up when not admitted so long after arrival; NaN: never */
    int64_t prompt_pool; /* number of distinct prompts, drawn cyclically; 0: all distinct */
    struct scenario_slo slo;
};

/* ---- engine ------------------------------------------------------------------------------ */

enum sched_policy { POLICY_FCFS, POLICY_PRIORITY, POLICY_NO_EVICT, POLICY_MAX_UTIL, POLICY_N };
extern const char
    *const sched_policy_names[]; /* fcfs priority guaranteed-no-evict max-utilization */

struct scenario_engine {
    struct int_list kind;     /* enum engine_kind */
    const char *version;      /* "" : the newest known */
    int64_t max_model_len;    /* tokens; -1: scenario_max_model_len decides */
    double gpu_mem_util_frac; /* as the engine means it; NaN: its default */
    int64_t max_num_seqs, max_num_batched_tokens, chunked_prefill_size,
        block_tokens;         /* -1 auto */
    int prefix_cache;         /* 1 on, 0 off, -1 the engine's default */
    int cuda_graphs;          /* 1, 0 */
    int64_t stream_interval;  /* tokens per emission after the first */
    int64_t recv_interval;    /* SGLang: looks for new requests every so many decode steps */
    int64_t batch_wait_iters; /* TensorRT-LLM: iterations a new prefill may wait */
    double batch_wait_ratio;  /* ... unless scheduled tokens reach ratio * max tokens */
    int attention_dp;         /* 1, 0, -1 auto */
    int two_batch_overlap;    /* 1, 0: half of a batch computes while the other is dispatched */
    const char *moe_backend;  /* "" auto */
    const char *attention_backend; /* "" auto */
    const char *calibration;       /* resolved path of a calibration file; "" none */
    int64_t api_servers;
    int windowed_kv;   /* windowed layers give KV back: 1, 0, -1 the engine's default */
    int policy;        /* enum sched_policy; -1: the engine's default */
    int64_t max_queue; /* waiting requests per replica beyond which new ones are rejected; -1:
                          none */
    int64_t speculative_tokens; /* drafted per step; 0: off */
    const char *draft_model;    /* drafts instead of a layer or head of the model; "" none */
    /* share of drafts accepted up to each position, or the chance of every drafted token given
     * those before it, as struct draft_acceptance; n = 0: the model's, or 0.7 */
    struct num_list acceptance_frac;
};

/* ---- deployments ------------------------------------------------------------------------- */

enum router_kind {
    ROUTER_ROUND_ROBIN,
    ROUTER_LEAST_REQUESTS,
    ROUTER_POWER_OF_TWO,
    ROUTER_PREFIX_AFFINITY, /* the same conversation or prefix to the same replica */
    ROUTER_KV_AWARE,        /* what is cached there against what it has to do */
    ROUTER_N
};
extern const char *const
    router_names[]; /* round-robin least-requests power-of-two prefix-affinity kv-aware */

enum kv_transfer { KV_TRANSFER_BULK, KV_TRANSFER_LAYERED, KV_TRANSFER_N };
extern const char *const kv_transfer_names[]; /* bulk layered */

/* How prefill replicas differ from the decode ones beside them. */
struct scenario_prefill {
    struct str_list hardware; /* GPU names; n = 0 or "auto": the same */
    int64_t tp, pp, ep, dp;   /* -1: the same */
};

struct scenario_deployment {
    const char *name;                         /* "": made from what varies */
    struct str_list hardware;                 /* GPU names as written */
    struct int_list tp, pp, ep, dp, replicas; /* 0 in a list: auto */
    struct int_list router;                   /* enum router_kind */
    struct int_list prefill_replicas; /* 0: prefill and decode together; else so many prefill
                                         replicas beside `replicas` decode ones */
    struct scenario_prefill prefill;
    struct str_list network; /* links.csv name of what joins the GPUs of different servers, one
                                link each, under KV transfers and hops of a pipeline; n = 0 or
                                "auto": scale-up inside its domain, else the network cards of
                                the node */
    double oversubscription; /* the network's links together over what it can carry at once,
                                under KV transfers and dispatch to experts */
    int kv_transfer;         /* enum kv_transfer */
    double kv_transfer_setup_s;
    struct int_list kv_host_bytes, kv_ssd_bytes; /* of one replica, for KV content that left
                                                    GPU memory; 0: none */
    const char *node;                            /* nodes.csv name; "" auto */
    struct src_pos pos;
};

/* ---- the other sections ------------------------------------------------------------------ */

struct scenario_moe {
    double skew;             /* lognormal sigma of expert popularity; NaN: catalogue */
    double drift_s;          /* time in which the popularity order changes; 0: fixed */
    double drift_share_frac; /* how much of it does; the rest belongs to the model and stays */
    int64_t redundant_experts; /* per layer, over all ranks */
    double rebalance_s;        /* period of expert rebalancing; 0: never */
    double rebalance_pause_s;
};

/* Replicas come and go with the load, up to those of the deployment. */
enum autoscale_metric {
    AUTOSCALE_OFF,
    AUTOSCALE_REQUESTS,
    AUTOSCALE_KV,
    AUTOSCALE_QUEUE,
    AUTOSCALE_RATE,
    AUTOSCALE_N
};
extern const char *const autoscale_names[]; /* off requests kv queue rate */

/* What the replicas of a role follow. */
struct scenario_scaling {
    int metric;          /* enum autoscale_metric */
    double target;       /* requests, share of the KV pool or requests/s, per serving replica */
    int64_t min;         /* replicas */
    double cold_start_s; /* NaN: detection and loading of weights, as after a failure */
};
struct scenario_autoscale {
    struct scenario_scaling scaling; /* of decode replicas, where prefill is apart */
    struct scenario_scaling prefill; /* metric off: prefill replicas always stand */
    double interval_s, cooldown_s;
};

struct scenario_sweep {
    bool given;                  /* the file has the section */
    struct num_list loads;       /* total requests/s, ascending; n = 0: auto */
    struct int_list concurrency; /* closed loop: total clients; n = 0: open loop or auto */
    int64_t points;              /* how many when auto */
    double from_rps, to_rps;     /* NaN auto */
};

struct scenario_simulation {
    int64_t requests; /* per replication */
    int64_t warmup;   /* requests dropped; 0 off; -1: MSER-5 where it applies */
    int64_t replications;
    int64_t seed;
};

enum demand_shape { SHAPE_FLAT, SHAPE_OFFICE_HOURS, SHAPE_CONSUMER, SHAPE_GLOBAL, SHAPE_N };
extern const char *const demand_shape_names[]; /* flat office-hours consumer global */
enum burstiness { BURST_POISSON, BURST_CHAT, BURST_CODE, BURST_API, BURST_N };
extern const char *const burstiness_names[]; /* poisson chat-default code-default api-default */

struct scenario_demand {
    double requests_per_day; /* NaN: from the workload's rates */
    int shape;               /* enum demand_shape */
    int burstiness;          /* enum burstiness */
    double peak_to_mean;     /* NaN: from shape and burstiness */
    double growth_per_month_frac;
    double horizon_s;
};

/* Replicas taken out in turn, one at a time: sim/serve/maintenance.h. */
struct scenario_maintenance {
    double every_s; /* each replica; NaN: none */
    double first_s; /* NaN: an even share of every_s */
    double drain_s, duration_s;
};

struct scenario_reliability {
    int failures;                                        /* simulate them: 1, 0 */
    double gpu_mtbf_s, node_mtbf_s, repair_s, restart_s; /* NaN: catalogue */
    double link_mtbf_s; /* of the network link of one GPU: card, cable, port; NaN: catalogue */
    double spot_mtbf_s, spot_replace_s; /* of a spot machine: until it is taken away, until
                                           there is another; NaN: catalogue */
    double availability_frac;           /* target */
    int64_t spares;                     /* replicas; -1: what the target needs */
    struct scenario_maintenance maintenance;
};

enum pricing_kind {
    PRICING_ON_DEMAND,
    PRICING_RESERVED_1Y,
    PRICING_RESERVED_3Y,
    PRICING_SPOT,
    PRICING_PURCHASE,
    PRICING_CAPACITY_BLOCK,
    PRICING_N
};
extern const char *const pricing_names[]; /* the `kind` values of prices.csv */

struct scenario_economics {
    struct int_list pricing; /* enum pricing_kind, to compare */
    double gpu_usd_per_h;    /* overrides every price; NaN: catalogue */
    double electricity_usd_per_kwh;
    double pue;
    double amortisation_s;
    double cost_of_capital_frac;       /* per year */
    double staff_usd_per_year;         /* of machines of one's own; NaN: catalogue */
    double managed_staff_usd_per_year; /* beside a managed offer */
    double software_usd_per_gpu_year;
    double target_utilisation_frac; /* peak load / sustainable load */
    double decision_margin_frac;    /* self-hosting must be cheaper by this ... */
    double decision_confidence;     /* ... in this share of the samples */
    double eur_per_usd;             /* second currency in reports; NaN: none */
};

struct scenario_managed {
    const char *provider, *model;
    double input_usd_per_mtok, cached_input_usd_per_mtok,
        output_usd_per_mtok; /* NaN: managed.csv */
    double ttft_s, tpot_s;   /* as the user measured it, at the percentile of the service
                                levels; NaN: not known, it is not simulated */
};

enum weights_owner { OWNER_OPEN, OWNER_ADAPTER, OWNER_OWNED, OWNER_N };
extern const char *const weights_owner_names[]; /* open adapter owned */

struct scenario_policy {
    struct str_list jurisdiction; /* law of the operator, and where it runs; n = 0: any */
    struct str_list regions;      /* where it may run; n = 0: as jurisdiction */
    int weights;                  /* enum weights_owner */
    int managed_allowed;          /* 1, 0, -1: follows from the other two */
    double min_quality;           /* NaN: none */
};

/* ---- the whole --------------------------------------------------------------------------- */

enum value_origin { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_SET };

/* One line of the resolved scenario, in print order. Containers have text NULL. */
struct scenario_value {
    const char *path; /* "engine.max_num_seqs", "workload.0.slo.ttft_p95" */
    const char *key;  /* last part */
    const char *text; /* YAML text of the resolved value */
    int depth;
    bool item; /* opens a list item: printed with "- " */
    enum value_origin origin;
    struct src_pos pos; /* ORIGIN_FILE */
};

struct scenario {
    int64_t schema;
    const char *name, *question;
    const char *file; /* as given to scenario_load */
    const char *dir;  /* its directory, for relative paths */
    struct scenario_model *models;
    int n_models;
    struct scenario_class *classes;
    int n_classes;
    struct scenario_engine engine;
    struct scenario_deployment *deployments;
    int n_deployments;
    struct scenario_moe moe;
    struct scenario_autoscale autoscale;
    struct scenario_sweep sweep;
    struct scenario_simulation simulation;
    struct scenario_demand demand;
    struct scenario_reliability reliability;
    struct scenario_economics economics;
    struct scenario_managed *managed;
    int n_managed;
    struct scenario_policy policy;
    struct scenario_value *values;
    int n_values;
    const char **warnings; /* one sentence each */
    int n_warnings;
};

/* Reads path, applies sets[n_sets] ("path.to.key=value"), fills defaults, checks. Everything
 * lives in the arena. False with err (ERR_INPUT with file, line and column; ERR_USAGE for a
 * malformed set). */
bool scenario_load(struct arena *arena, const char *path, const char *const *sets, int n_sets,
                   struct scenario **out, struct err *err);
/* The same from memory; file names the text in messages and its directory anchors paths. */
bool scenario_parse(struct arena *arena, const char *file, const char *text, size_t n,
                    const char *const *sets, int n_sets, struct scenario **out,
                    struct err *err);

/* The resolved scenario as YAML, each value with "# default", "# file.yaml:12" or "# --set". It
 * loads again to the same values. */
void scenario_write(const struct scenario *sc, FILE *out);
/* The value recorded under a path; NULL when there is none. */
const struct scenario_value *scenario_value_find(const struct scenario *sc, const char *path);

/* The name as a directory name: letters, digits, '.', '_' and '-' kept, the rest '-'. Never
 * empty, never "." or "..", never starting with '-' or '.'. */
const char *scenario_dir_name(struct arena *arena, const struct scenario *sc);

/* Sum of the classes' own rates (requests/s); NaN when one has none (closed, trace, offline, or
 * left to demand and sweep). With demand.requests_per_day and no rates: the daily mean. */
double scenario_rate_rps(const struct scenario *sc);
/* Rate of class c when the total is total_rps: total * share. */
double scenario_class_rate_rps(const struct scenario *sc, int c, double total_rps);
/* engine.max_model_len, or for auto the smaller of the model's maximum and 32,768. */
int64_t scenario_max_model_len(const struct scenario *sc, const struct model *model);

/* What the names of a scenario are looked up in. */
struct catalogue {
    const char *const *dirs; /* searched in order */
    int n_dirs;
    const struct gpu_list *gpus;
};

/* One concrete deployment of the cross product. 0 in tp, pp, ep, dp, replicas: auto. */
struct deployment {
    const char *name; /* unique within the list */
    const struct scenario_model *spec;
    int model_idx, entry_idx; /* into scenario models and deployments */
    const struct model *model;
    const struct model *draft_model; /* NULL: none */
    const struct gpu *gpu;
    enum dtype weights;  /* resolved: never DTYPE_AUTO */
    enum dtype kv_cache; /* DTYPE_AUTO: engine's choice */
    enum engine_kind engine;
    int tp, pp, ep, dp;
    int64_t replicas, prefill_replicas;
    const struct gpu *prefill_gpu; /* of the prefill replicas; = gpu unless they differ */
    enum router_kind router;
    const char *network; /* links.csv name; "" auto */
    int64_t kv_host_bytes, kv_ssd_bytes;
    const char *node; /* "" auto */
};
struct deployment_list {
    struct deployment *items;
    int n;
};

/* How many deployments the lists multiply to, without building them. */
int64_t scenario_count_deployments(const struct scenario *sc);
/* Builds them in file order: entry, model, weights, kv_cache, engine, hardware, tp, pp, ep, dp,
 * replicas, prefill_replicas, prefill hardware, network, router, kv_host, kv_ssd (the last
 * varies fastest). False when a name is unknown or a combination needs more than
 * SCENARIO_MAX_GPUS. */
bool scenario_deployments(struct arena *arena, const struct scenario *sc,
                          const struct catalogue *catalogue, struct deployment_list *list,
                          struct err *err);

#endif
