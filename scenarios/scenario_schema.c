/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scenario_schema.c - every key of the scenario file: where it goes, its unit, range and
 * default. This is the one place where defaults live. */
#include "scenarios/field.h"

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof(array)[0]))
#define BIT(kind) (1U << (kind))

const char *const arrival_names[] = {"poisson",  "gamma",  "weibull", "mmpp",
                                     "constant", "closed", "trace",   "offline"};
const char *const trace_format_names[] = {"azure", "mooncake", "csv"};
const char *const slo_metric_names[] = {"ttft", "tpot", "itl", "e2e"};
const char *const slo_stat_names[] = {"mean", "p50", "p90", "p95", "p99"};
const double slo_stat_quantile[] = {NAN, 0.5, 0.9, 0.95, 0.99};
const char *const sched_policy_names[] = {"fcfs", "priority", "guaranteed-no-evict",
                                          "max-utilization"};
const char *const router_names[] = {"round-robin", "least-requests", "power-of-two",
                                    "prefix-affinity", "kv-aware"};
const char *const autoscale_names[] = {"off", "requests", "kv", "queue", "rate"};
const char *const kv_transfer_names[] = {"bulk", "layered"};
const char *const demand_shape_names[] = {"flat", "office-hours", "consumer", "global"};
const char *const burstiness_names[] = {"poisson", "chat-default", "code-default",
                                        "api-default"};
const char *const pricing_names[] = {"on-demand", "reserved-1y", "reserved-3y",
                                     "spot",      "purchase",    "capacity-block"};
const char *const weights_owner_names[] = {"open", "adapter", "owned"};

#define HOUR_S 3600.0
#define DAY_S 86400.0
#define YEAR_S (365.25 * DAY_S)

/* Rows of the tables. `T` is the struct the section fills. */
#define NUM(T, key_, member, dflt_, unit_, lo, hi)                                             \
    {                                                                                          \
        .key = key_, .type = FIELD_NUM, .offset = offsetof(struct T, member), .dflt = dflt_,   \
        .unit = unit_, .min = lo, .max = hi                                                    \
    }
#define INT(T, key_, member, dflt_, lo, hi)                                                    \
    {                                                                                          \
        .key = key_, .type = FIELD_INT, .offset = offsetof(struct T, member), .dflt = dflt_,   \
        .unit = UNIT_TOKENS, .min = lo, .max = hi                                              \
    }
#define SWITCH(T, key_, member, dflt_)                                                         \
    {                                                                                          \
        .key = key_, .type = FIELD_SWITCH, .offset = offsetof(struct T, member), .dflt = dflt_ \
    }
#define ENUM(T, key_, member, dflt_, names_, n_)                                               \
    {                                                                                          \
        .key = key_, .type = FIELD_ENUM, .offset = offsetof(struct T, member), .dflt = dflt_,  \
        .names = names_, .n_names = n_                                                         \
    }
#define ENUMS(T, key_, member, dflt_, names_, n_)                                              \
    {                                                                                          \
        .key = key_, .type = FIELD_ENUMS, .offset = offsetof(struct T, member), .dflt = dflt_, \
        .names = names_, .n_names = n_                                                         \
    }
/* Text of at most hi bytes. */
#define STR(T, key_, member, dflt_, hi)                                                        \
    {                                                                                          \
        .key = key_, .type = FIELD_STR, .offset = offsetof(struct T, member), .dflt = dflt_,   \
        .min = 0, .max = hi                                                                    \
    }
#define DTYPES(T, key_, member)                                                                \
    {                                                                                          \
        .key = key_, .type = FIELD_DTYPES, .offset = offsetof(struct T, member),               \
        .dflt = "auto"                                                                         \
    }
#define INTS(T, key_, member, dflt_, lo, hi)                                                   \
    {                                                                                          \
        .key = key_, .type = FIELD_INTS, .offset = offsetof(struct T, member), .dflt = dflt_,  \
        .unit = UNIT_COUNT, .min = lo, .max = hi, .may_auto = true                             \
    }
#define SUB(T, key_, member, section_)                                                         \
    {                                                                                          \
        .key = key_, .type = FIELD_SUB, .offset = offsetof(struct T, member), .sub = section_  \
    }
#define DIST(T, key_, member)                                                                  \
    {                                                                                          \
        .key = key_, .type = FIELD_DIST, .offset = offsetof(struct T, member)                  \
    }
#define SECTION(var, text, table, select)                                                      \
    const struct section var = {                                                               \
        .name = text, .fields = table, .n_fields = COUNT_OF(table), .selector = select}

/* ---- top: the scalars; the sections are read one by one ---- */

static const struct field top_fields[] = {
    INT(scenario, "schema", schema, "1", SCENARIO_SCHEMA, SCENARIO_SCHEMA),
    {.key = "name",
     .type = FIELD_STR,
     .offset = offsetof(struct scenario, name),
     .dflt = "auto",
     .min = 1,
     .max = SCENARIO_MAX_NAME_BYTES},
    STR(scenario, "question", question, "none", 2000),
};
SECTION(section_top, "scenario", top_fields, false);

/* ---- model ---- */

static const struct field model_fields[] = {
    {.key = "name",
     .type = FIELD_STR,
     .offset = offsetof(struct scenario_model, name),
     .min = 1,
     .max = 400},
    DTYPES(scenario_model, "weights", weights),
    DTYPES(scenario_model, "kv_cache", kv_cache),
    NUM(scenario_model, "quality", quality, "none", UNIT_COUNT, -1e6, 1e6),
};
SECTION(section_model, "model", model_fields, false);

/* ---- workload ---- */

#define OPEN_LOOP                                                                              \
    (BIT(ARRIVAL_POISSON) | BIT(ARRIVAL_GAMMA) | BIT(ARRIVAL_WEIBULL) | BIT(ARRIVAL_MMPP) |    \
     BIT(ARRIVAL_CONSTANT))
static const struct field arrival_fields[] = {
    ENUM(scenario_arrivals, "process", process, "poisson", arrival_names, ARRIVAL_N),
    {.key = "rate",
     .type = FIELD_NUM,
     .offset = offsetof(struct scenario_arrivals, rate_rps),
     .dflt = "none",
     .unit = UNIT_RATE,
     .min = 1e-9,
     .max = 1e9,
     .only = OPEN_LOOP},
    {.key = "cv",
     .type = FIELD_NUM,
     .offset = offsetof(struct scenario_arrivals, cv),
     .dflt = "2",
     .unit = UNIT_COUNT,
     .min = 0.05,
     .max = 50,
     .only = BIT(ARRIVAL_GAMMA) | BIT(ARRIVAL_WEIBULL)},
    {.key = "burst_ratio",
     .type = FIELD_NUM,
     .offset = offsetof(struct scenario_arrivals, burst_ratio),
     .dflt = "3",
     .unit = UNIT_COUNT,
     .min = 1,
     .max = 1000,
     .only = BIT(ARRIVAL_MMPP)},
    {.key = "burst_share",
     .type = FIELD_NUM,
     .offset = offsetof(struct scenario_arrivals, burst_share_frac),
     .dflt = "10%",
     .unit = UNIT_FRAC,
     .min = 1e-6,
     .max = 0.999,
     .only = BIT(ARRIVAL_MMPP)},
    {.key = "burst_length",
     .type = FIELD_NUM,
     .offset = offsetof(struct scenario_arrivals, burst_length_s),
     .dflt = "60 s",
     .unit = UNIT_S,
     .min = 1e-3,
     .max = 1e7,
     .only = BIT(ARRIVAL_MMPP)},
    {.key = "concurrency",
     .type = FIELD_INT,
     .offset = offsetof(struct scenario_arrivals, concurrency),
     .dflt = "none",
     .unit = UNIT_COUNT,
     .min = 1,
     .max = 1e7,
     .only = BIT(ARRIVAL_CLOSED)},
    {.key = "think",
     .type = FIELD_NUM,
     .offset = offsetof(struct scenario_arrivals, think_s),
     .dflt = "0",
     .unit = UNIT_S,
     .min = 0,
     .max = 1e7,
     .only = BIT(ARRIVAL_CLOSED)},
    {.key = "file",
     .type = FIELD_PATH,
     .offset = offsetof(struct scenario_arrivals, file),
     .dflt = "none",
     .only = BIT(ARRIVAL_TRACE)},
    {.key = "format",
     .type = FIELD_ENUM,
     .offset = offsetof(struct scenario_arrivals, format),
     .dflt = "auto",
     .names = trace_format_names,
     .n_names = TRACE_N_FORMATS,
     .only = BIT(ARRIVAL_TRACE)},
    {.key = "speed",
     .type = FIELD_NUM,
     .offset = offsetof(struct scenario_arrivals, speed),
     .dflt = "1",
     .unit = UNIT_COUNT,
     .min = 1e-6,
     .max = 1e6,
     .only = BIT(ARRIVAL_TRACE)},
    {.key = "repeat",
     .type = FIELD_INT,
     .offset = offsetof(struct scenario_arrivals, repeat),
     .dflt = "1",
     .unit = UNIT_COUNT,
     .min = 1,
     .max = 1e6,
     .only = BIT(ARRIVAL_TRACE)},
    {.key = "hourly",
     .type = FIELD_NUMS,
     .offset = offsetof(struct scenario_arrivals, hourly),
     .dflt = "none",
     .unit = UNIT_COUNT,
     .min = 0,
     .max = 1e6,
     .repeats = true,
     .only = OPEN_LOOP & ~BIT(ARRIVAL_MMPP)},
};
static SECTION(section_arrivals, "arrivals", arrival_fields, true);

static const struct field prefix_fields[] = {
    INT(scenario_prefix, "shared", shared_tokens, "0", 0, 1e8),
    INT(scenario_prefix, "groups", groups, "1", 1, 1e8),
};
static SECTION(section_prefix, "prefix", prefix_fields, false);

static const struct field session_fields[] = {
    NUM(scenario_sessions, "turns", turns, "1", UNIT_COUNT, 1, 1e4),
    NUM(scenario_sessions, "think", think_s, "0", UNIT_S, 0, 1e7),
};
static SECTION(section_sessions, "sessions", session_fields, false);

static const struct field image_fields[] = {
    NUM(scenario_images, "per_request", per_request, "0", UNIT_COUNT, 0, 1e4),
    INT(scenario_images, "tokens_per_image", tokens_per_image, "0", 0, 1e6),
};
static SECTION(section_images, "images", image_fields, false);

#define LIMIT(metric, stat, key_)                                                              \
    NUM(scenario_slo, key_, limit_s[metric][stat], "none", UNIT_S, 1e-6, 1e6)
#define LIMITS(metric, name)                                                                   \
    LIMIT(metric, SLO_MEAN, name "_mean"), LIMIT(metric, SLO_P50, name "_p50"),                \
        LIMIT(metric, SLO_P90, name "_p90"), LIMIT(metric, SLO_P95, name "_p95"),              \
        LIMIT(metric, SLO_P99, name "_p99")
static const struct field slo_fields[] = {
    LIMITS(SLO_TTFT, "ttft"),
    LIMITS(SLO_TPOT, "tpot"),
    LIMITS(SLO_ITL, "itl"),
    LIMITS(SLO_E2E, "e2e"),
    NUM(scenario_slo, "loss_max", loss_max_frac, "0.1%", UNIT_FRAC, 0, 1),
};
static SECTION(section_slo, "slo", slo_fields, false);

static const struct field class_fields[] = {
    {.key = "class",
     .type = FIELD_STR,
     .offset = offsetof(struct scenario_class, name),
     .dflt = "auto",
     .min = 1,
     .max = 64},
    NUM(scenario_class, "share", share_frac, "auto", UNIT_FRAC, 1e-9, 1),
    INT(scenario_class, "priority", priority, "0", 0, 1000),
    NUM(scenario_class, "timeout", timeout_s, "none", UNIT_S, 1e-3, 1e7),
    SUB(scenario_class, "arrivals", arrivals, &section_arrivals),
    DIST(scenario_class, "prompt", prompt),
    DIST(scenario_class, "output", output),
    SUB(scenario_class, "prefix", prefix, &section_prefix),
    SUB(scenario_class, "sessions", sessions, &section_sessions),
    SUB(scenario_class, "images", images, &section_images),
    {.key = "prompt_pool",
     .type = FIELD_INT,
     .offset = offsetof(struct scenario_class, prompt_pool),
     .dflt = "distinct",
     .zero_word = "distinct",
     .unit = UNIT_TOKENS,
     .min = 0,
     .max = 1e9},
    SUB(scenario_class, "slo", slo, &section_slo),
};
SECTION(section_class, "workload", class_fields, false);

/* ---- engine ---- */

static const struct field engine_fields[] = {
    ENUMS(scenario_engine, "kind", kind, "vllm", engine_names, ENGINE_N_KINDS),
    STR(scenario_engine, "version", version, "auto", 40),
    INT(scenario_engine, "max_model_len", max_model_len, "auto", 16, 1e8),
    NUM(scenario_engine, "gpu_mem_util", gpu_mem_util_frac, "auto", UNIT_FRAC, 0.05, 1),
    INT(scenario_engine, "max_num_seqs", max_num_seqs, "auto", 1, 1e6),
    INT(scenario_engine, "max_num_batched_tokens", max_num_batched_tokens, "auto", 16, 1e7),
    INT(scenario_engine, "chunked_prefill_size", chunked_prefill_size, "auto", 16, 1e7),
    INT(scenario_engine, "block_tokens", block_tokens, "auto", 1, 1024),
    SWITCH(scenario_engine, "prefix_cache", prefix_cache, "auto"),
    SWITCH(scenario_engine, "cuda_graphs", cuda_graphs, "on"),
    INT(scenario_engine, "stream_interval", stream_interval, "1", 1, 10000),
    INT(scenario_engine, "recv_interval", recv_interval, "1", 1, 10000),
    INT(scenario_engine, "batch_wait_iters", batch_wait_iters, "0", 0, 10000),
    NUM(scenario_engine, "batch_wait_ratio", batch_wait_ratio, "0", UNIT_FRAC, 0, 1),
    SWITCH(scenario_engine, "attention_dp", attention_dp, "auto"),
    SWITCH(scenario_engine, "two_batch_overlap", two_batch_overlap, "off"),
    STR(scenario_engine, "moe_backend", moe_backend, "auto", 40),
    STR(scenario_engine, "attention_backend", attention_backend, "auto", 40),
    INT(scenario_engine, "api_servers", api_servers, "1", 1, 1024),
    SWITCH(scenario_engine, "windowed_kv", windowed_kv, "auto"),
    ENUM(scenario_engine, "policy", policy, "auto", sched_policy_names, POLICY_N),
    INT(scenario_engine, "max_queue", max_queue, "auto", 1, 1e9),
    INT(scenario_engine, "speculative_tokens", speculative_tokens, "0", 0, DRAFT_MAX_TOKENS),
    STR(scenario_engine, "draft_model", draft_model, "none", 400),
    {.key = "acceptance",
     .type = FIELD_NUMS,
     .offset = offsetof(struct scenario_engine, acceptance_frac),
     .dflt = "auto",
     .unit = UNIT_FRAC,
     .min = 0,
     .max = 1,
     .repeats = true},
    {.key = "calibration",
     .type = FIELD_PATH,
     .offset = offsetof(struct scenario_engine, calibration),
     .dflt = "none"},
};
SECTION(section_engine, "engine", engine_fields, false);

/* ---- deployments ---- */

static const struct field prefill_fields[] = {
    {.key = "hardware",
     .type = FIELD_STRS,
     .offset = offsetof(struct scenario_prefill, hardware),
     .dflt = "auto",
     .min = 1,
     .max = 64},
    INT(scenario_prefill, "tp", tp, "auto", 1, 1024),
    INT(scenario_prefill, "pp", pp, "auto", 1, 256),
    INT(scenario_prefill, "ep", ep, "auto", 1, 1024),
    INT(scenario_prefill, "dp", dp, "auto", 1, 1024),
};
static SECTION(section_prefill, "prefill", prefill_fields, false);

#define TIER(key_, member)                                                                     \
    {                                                                                          \
        .key = key_, .type = FIELD_INTS,                                                       \
        .offset = offsetof(struct scenario_deployment, member), .dflt = "0",                   \
        .unit = UNIT_BYTES, .min = 0, .max = 1e18                                              \
    }
static const struct field deployment_fields[] = {
    {.key = "name",
     .type = FIELD_STR,
     .offset = offsetof(struct scenario_deployment, name),
     .dflt = "none",
     .min = 1,
     .max = 64},
    {.key = "hardware",
     .type = FIELD_STRS,
     .offset = offsetof(struct scenario_deployment, hardware),
     .dflt = "[h100-sxm, h200-sxm, b200, mi300x]",
     .min = 1,
     .max = 64},
    INTS(scenario_deployment, "tp", tp, "auto", 1, 1024),
    INTS(scenario_deployment, "pp", pp, "1", 1, 256),
    INTS(scenario_deployment, "ep", ep, "auto", 1, 1024),
    INTS(scenario_deployment, "dp", dp, "1", 1, 1024),
    INTS(scenario_deployment, "replicas", replicas, "auto", 1, SCENARIO_MAX_GPUS),
    {.key = "prefill_replicas",
     .type = FIELD_INTS,
     .offset = offsetof(struct scenario_deployment, prefill_replicas),
     .dflt = "0",
     .unit = UNIT_COUNT,
     .min = 0,
     .max = SCENARIO_MAX_GPUS},
    SUB(scenario_deployment, "prefill", prefill, &section_prefill),
    {.key = "network",
     .type = FIELD_STRS,
     .offset = offsetof(struct scenario_deployment, network),
     .dflt = "auto",
     .min = 1,
     .max = 64},
    NUM(scenario_deployment, "oversubscription", oversubscription, "1", UNIT_COUNT, 1, 1000),
    ENUM(scenario_deployment, "kv_transfer", kv_transfer, "bulk", kv_transfer_names,
         KV_TRANSFER_N),
    NUM(scenario_deployment, "kv_transfer_setup", kv_transfer_setup_s, "3 ms", UNIT_S, 0, 10),
    ENUMS(scenario_deployment, "router", router, "least-requests", router_names, ROUTER_N),
    TIER("kv_host", kv_host_bytes),
    TIER("kv_ssd", kv_ssd_bytes),
    STR(scenario_deployment, "node", node, "auto", 64),
};
SECTION(section_deployment, "deployments", deployment_fields, false);

/* ---- moe, sweep, simulation ---- */

static const struct field moe_fields[] = {
    NUM(scenario_moe, "skew", skew, "catalogue", UNIT_COUNT, 0, 5),
    {.key = "drift",
     .type = FIELD_NUM,
     .offset = offsetof(struct scenario_moe, drift_s),
     .dflt = "10 min",
     .zero_word = "off",
     .unit = UNIT_S,
     .min = 0,
     .max = 1e9},
    NUM(scenario_moe, "drift_share", drift_share_frac, "0.5%", UNIT_FRAC, 0, 1),
    INT(scenario_moe, "redundant_experts", redundant_experts, "0", 0, 4096),
    {.key = "rebalance",
     .type = FIELD_NUM,
     .offset = offsetof(struct scenario_moe, rebalance_s),
     .dflt = "off",
     .zero_word = "off",
     .unit = UNIT_S,
     .min = 0,
     .max = 1e9},
    NUM(scenario_moe, "rebalance_pause", rebalance_pause_s, "500 ms", UNIT_S, 0, 1e4),
};
SECTION(section_moe, "moe", moe_fields, false);

static const struct field prefill_scaling_fields[] = {
    ENUM(scenario_scaling, "metric", metric, "off", autoscale_names, AUTOSCALE_N),
    NUM(scenario_scaling, "target", target, "4", UNIT_COUNT, 1e-3, 1e6),
    INT(scenario_scaling, "min", min, "1", 1, SCENARIO_MAX_GPUS),
    NUM(scenario_scaling, "cold_start", cold_start_s, "auto", UNIT_S, 0, DAY_S),
};
static SECTION(section_prefill_scaling, "prefill", prefill_scaling_fields, false);

static const struct field autoscale_fields[] = {
    ENUM(scenario_autoscale, "metric", scaling.metric, "off", autoscale_names, AUTOSCALE_N),
    NUM(scenario_autoscale, "target", scaling.target, "32", UNIT_COUNT, 1e-3, 1e6),
    INT(scenario_autoscale, "min", scaling.min, "1", 1, SCENARIO_MAX_GPUS),
    NUM(scenario_autoscale, "interval", interval_s, "15 s", UNIT_S, 1, DAY_S),
    NUM(scenario_autoscale, "cooldown", cooldown_s, "5 min", UNIT_S, 0, DAY_S),
    NUM(scenario_autoscale, "cold_start", scaling.cold_start_s, "auto", UNIT_S, 0, DAY_S),
    SUB(scenario_autoscale, "prefill", prefill, &section_prefill_scaling),
};
SECTION(section_autoscale, "autoscale", autoscale_fields, false);

static const struct field sweep_fields[] = {
    {.key = "loads",
     .type = FIELD_NUMS,
     .offset = offsetof(struct scenario_sweep, loads),
     .dflt = "auto",
     .unit = UNIT_RATE,
     .min = 1e-9,
     .max = 1e9},
    {.key = "concurrency",
     .type = FIELD_INTS,
     .offset = offsetof(struct scenario_sweep, concurrency),
     .dflt = "none",
     .unit = UNIT_COUNT,
     .min = 1,
     .max = 1e7},
    INT(scenario_sweep, "points", points, "12", 2, 1000),
    NUM(scenario_sweep, "from", from_rps, "auto", UNIT_RATE, 1e-9, 1e9),
    NUM(scenario_sweep, "to", to_rps, "auto", UNIT_RATE, 1e-9, 1e9),
};
SECTION(section_sweep, "sweep", sweep_fields, false);

static const struct field simulation_fields[] = {
    INT(scenario_simulation, "requests", requests, "20000", 1, (double)SCENARIO_MAX_REQUESTS),
    {.key = "warmup",
     .type = FIELD_INT,
     .offset = offsetof(struct scenario_simulation, warmup),
     .dflt = "auto",
     .zero_word = "off",
     .unit = UNIT_COUNT,
     .min = 0,
     .max = (double)SCENARIO_MAX_REQUESTS},
    INT(scenario_simulation, "replications", replications, "5", 1, 10000),
    INT(scenario_simulation, "seed", seed, "1", 0, 9007199254740992.0),
};
SECTION(section_simulation, "simulation", simulation_fields, false);

/* ---- the plan's sections ---- */

static const struct field demand_fields[] = {
    NUM(scenario_demand, "requests_per_day", requests_per_day, "auto", UNIT_COUNT, 1, 1e14),
    ENUM(scenario_demand, "shape", shape, "office-hours", demand_shape_names, SHAPE_N),
    ENUM(scenario_demand, "burstiness", burstiness, "chat-default", burstiness_names, BURST_N),
    NUM(scenario_demand, "peak_to_mean", peak_to_mean, "auto", UNIT_COUNT, 1, 1000),
    NUM(scenario_demand, "growth_per_month", growth_per_month_frac, "0%", UNIT_FRAC, -0.9, 10),
    NUM(scenario_demand, "horizon", horizon_s, "36 months", UNIT_S, DAY_S, 30 * YEAR_S),
};
SECTION(section_demand, "demand", demand_fields, false);

static const struct field maintenance_fields[] = {
    NUM(scenario_maintenance, "every", every_s, "none", UNIT_S, 1, 100 * YEAR_S),
    NUM(scenario_maintenance, "first", first_s, "auto", UNIT_S, 0, 100 * YEAR_S),
    NUM(scenario_maintenance, "drain", drain_s, "5 min", UNIT_S, 0, DAY_S),
    NUM(scenario_maintenance, "duration", duration_s, "1 h", UNIT_S, 0, YEAR_S),
};
static SECTION(section_maintenance, "maintenance", maintenance_fields, false);

static const struct field reliability_fields[] = {
    SWITCH(scenario_reliability, "failures", failures, "off"),
    NUM(scenario_reliability, "gpu_mtbf", gpu_mtbf_s, "catalogue", UNIT_S, HOUR_S,
        1000 * YEAR_S),
    NUM(scenario_reliability, "node_mtbf", node_mtbf_s, "catalogue", UNIT_S, HOUR_S,
        1000 * YEAR_S),
    NUM(scenario_reliability, "link_mtbf", link_mtbf_s, "catalogue", UNIT_S, HOUR_S,
        1000 * YEAR_S),
    NUM(scenario_reliability, "repair", repair_s, "catalogue", UNIT_S, 1, YEAR_S),
    NUM(scenario_reliability, "restart", restart_s, "catalogue", UNIT_S, 0.1, DAY_S),
    NUM(scenario_reliability, "spot_mtbf", spot_mtbf_s, "catalogue", UNIT_S, 60, 1000 * YEAR_S),
    NUM(scenario_reliability, "spot_replace", spot_replace_s, "catalogue", UNIT_S, 0.1, YEAR_S),
    NUM(scenario_reliability, "availability", availability_frac, "99.9%", UNIT_FRAC, 0,
        0.9999999),
    INT(scenario_reliability, "spares", spares, "auto", 0, 100000),
    SUB(scenario_reliability, "maintenance", maintenance, &section_maintenance),
};
SECTION(section_reliability, "reliability", reliability_fields, false);

static const struct field economics_fields[] = {
    ENUMS(scenario_economics, "pricing", pricing, "[on-demand, reserved-3y, purchase]",
          pricing_names, PRICING_N),
    NUM(scenario_economics, "gpu_hour", gpu_usd_per_h, "catalogue", UNIT_USD_PER_H, 0, 1e5),
    NUM(scenario_economics, "electricity_per_kwh", electricity_usd_per_kwh, "0.12", UNIT_USD, 0,
        10),
    NUM(scenario_economics, "pue", pue, "1.3", UNIT_COUNT, 1, 5),
    NUM(scenario_economics, "amortisation", amortisation_s, "48 months", UNIT_S, DAY_S,
        30 * YEAR_S),
    NUM(scenario_economics, "cost_of_capital", cost_of_capital_frac, "8%", UNIT_FRAC, 0, 1),
    NUM(scenario_economics, "staff_per_year", staff_usd_per_year, "catalogue", UNIT_USD, 0,
        1e9),
    NUM(scenario_economics, "managed_staff_per_year", managed_staff_usd_per_year, "0", UNIT_USD,
        0, 1e9),
    NUM(scenario_economics, "software_per_gpu_year", software_usd_per_gpu_year, "0", UNIT_USD,
        0, 1e6),
    NUM(scenario_economics, "target_utilisation", target_utilisation_frac, "80%", UNIT_FRAC,
        0.01, 1),
    NUM(scenario_economics, "decision_margin", decision_margin_frac, "10%", UNIT_FRAC, 0, 0.9),
    NUM(scenario_economics, "decision_confidence", decision_confidence, "80%", UNIT_FRAC, 0.5,
        0.999),
    NUM(scenario_economics, "eur_per_usd", eur_per_usd, "none", UNIT_COUNT, 1e-3, 1e3),
};
SECTION(section_economics, "economics", economics_fields, false);

static const struct field managed_fields[] = {
    {.key = "provider",
     .type = FIELD_STR,
     .offset = offsetof(struct scenario_managed, provider),
     .min = 1,
     .max = 80},
    STR(scenario_managed, "model", model, "auto", 200),
    NUM(scenario_managed, "input", input_usd_per_mtok, "catalogue", UNIT_USD_PER_MTOK, 0, 1e4),
    NUM(scenario_managed, "cached_input", cached_input_usd_per_mtok, "catalogue",
        UNIT_USD_PER_MTOK, 0, 1e4),
    NUM(scenario_managed, "output", output_usd_per_mtok, "catalogue", UNIT_USD_PER_MTOK, 0,
        1e4),
    NUM(scenario_managed, "ttft", ttft_s, "none", UNIT_S, 1e-6, 1e6),
    NUM(scenario_managed, "tpot", tpot_s, "none", UNIT_S, 1e-6, 1e6),
};
SECTION(section_managed, "managed", managed_fields, false);

static const struct field policy_fields[] = {
    {.key = "jurisdiction",
     .type = FIELD_STRS,
     .offset = offsetof(struct scenario_policy, jurisdiction),
     .dflt = "none",
     .min = 1,
     .max = 40},
    {.key = "regions",
     .type = FIELD_STRS,
     .offset = offsetof(struct scenario_policy, regions),
     .dflt = "none",
     .min = 1,
     .max = 40},
    ENUM(scenario_policy, "weights", weights, "open", weights_owner_names, OWNER_N),
    SWITCH(scenario_policy, "managed_allowed", managed_allowed, "auto"),
    NUM(scenario_policy, "min_quality", min_quality, "none", UNIT_COUNT, -1e6, 1e6),
};
SECTION(section_policy, "policy", policy_fields, false);
