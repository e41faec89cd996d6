/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/experiment/system.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/cost/encoder.h"
#include "sim/experiment/evidence.h"
#include "sim/experiment/network.h"

enum {
    MAX_AUTO_TP = 16,
    /* TensorRT-LLM's attention_dp_config as its deployments set it: enable_balance,
     * timeout_iters 60 (InferenceX launch scripts, 2025-11 to 2026-02). */
    TRTLLM_BALANCE_ITERS = 60,
};

/* Of each drafted token, where nothing was measured: with it 2 and 3 drafts give 2.19 and 2.53
 * tokens a step; LMSYS measured 2.18 and 2.44 of DeepSeek V3 (2025-07-17). */
static const double ACCEPTANCE_FRAC = 0.7;

struct system_spec system_spec_default(void)
{
    return (struct system_spec){
        .name = "",
        .kv = DTYPE_AUTO,
        .engine_version = "",
        .network = "",
        .oversubscription = 1.0,
        .node = "",
        .pp = 1,
        .api_servers = 1,
        .max_model_len = 32768,
        .mem_util_frac = NAN,
        .max_batched_tokens = -1,
        .max_seqs = -1,
        .chunked_prefill = -1,
        .block_tokens = -1,
        .prefix_cache = -1,
        .cuda_graphs = -1,
        .windowed_kv = -1,
        .recv_interval = 1,
        .wait_ratio = 1.0,
        .balance_iters = -1,
        .reserve_output = -1,
        .moe_backend = "",
        .skew_sigma = NAN,
    };
}

static void spec_layout(const struct scenario *sc, const struct deployment *d,
                        struct system_spec *spec)
{
    spec->name = d->name;
    spec->model = d->model;
    spec->kv = d->kv_cache;
    spec->gpu = d->gpu;
    spec->network = d->network;
    spec->node = d->node;
    spec->oversubscription = sc->deployments[d->entry_idx].oversubscription;
    spec->tp = d->tp;
    spec->pp = d->pp > 0 ? d->pp : 1;
    spec->ep = d->ep;
    spec->dp = d->dp;
    if (sc->engine.attention_dp == 1 && d->dp == 0 &&
        d->tp > 1) { /* all ranks attend to their own requests */
        spec->dp = d->tp;
        spec->tp = 1;
    }
    spec->tier_bytes[TIER_HOST] = d->kv_host_bytes;
    spec->tier_bytes[TIER_SSD] = d->kv_ssd_bytes;
}

static void spec_engine(const struct scenario_engine *e, struct system_spec *spec)
{
    spec->engine_version = e->version;
    spec->mem_util_frac = e->gpu_mem_util_frac;
    spec->max_batched_tokens = e->max_num_batched_tokens;
    spec->max_seqs = e->max_num_seqs;
    spec->chunked_prefill = e->chunked_prefill_size;
    spec->block_tokens = e->block_tokens;
    spec->prefix_cache = e->prefix_cache;
    spec->cuda_graphs = e->cuda_graphs;
    spec->windowed_kv = e->windowed_kv;
    spec->recv_interval = e->recv_interval > 0 ? e->recv_interval : 1;
    spec->wait_iters = e->batch_wait_iters > 0 ? e->batch_wait_iters : 0;
    spec->wait_ratio = is_auto(e->batch_wait_ratio) ? 1.0 : e->batch_wait_ratio;
    spec->reserve_output = e->policy < 0 ? -1 : e->policy == POLICY_NO_EVICT;
    spec->api_servers = e->api_servers > 0 ? (double)e->api_servers : 1.0;
    spec->by_priority = e->policy == POLICY_PRIORITY;
    spec->max_queue = e->max_queue > 0 ? e->max_queue : 0;
    spec->two_batch_overlap = e->two_batch_overlap == 1;
    spec->moe_backend = e->moe_backend;
}

static bool spec_drafts(const struct scenario_engine *e, const struct deployment *d,
                        struct system_spec *spec, struct err *err)
{
    spec->draft_tokens = (int)e->speculative_tokens;
    if (e->acceptance_frac.n > 0) {
        draft_acceptance_set(&spec->acceptance, e->acceptance_frac.items, e->acceptance_frac.n);
    }
    if (!d->draft_model || spec->draft_tokens == 0) {
        return true;
    }
    spec->draft = d->draft_model;
    return model_checkpoint(spec->draft, DTYPE_AUTO, &spec->draft_checkpoint, err);
}

static void spec_experts(const struct scenario *sc, struct system_spec *spec)
{
    spec->skew_sigma = sc->moe.skew;
    spec->redundant_experts = sc->moe.redundant_experts;
    spec->drift_s = sc->moe.drift_s;
    spec->drift_share_frac = sc->moe.drift_share_frac;
    spec->rebalance_s = sc->moe.rebalance_s;
    spec->rebalance_pause_s = sc->moe.rebalance_pause_s;
}

bool system_spec_of(const struct scenario *sc, const struct deployment *d,
                    struct system_spec *spec, struct err *err)
{
    *spec = system_spec_default();
    spec->engine = d->engine;
    spec->max_model_len = scenario_max_model_len(sc, d->model);
    spec_layout(sc, d, spec);
    spec_engine(&sc->engine, spec);
    spec_experts(sc, spec);
    return spec_drafts(&sc->engine, d, spec, err) &&
           model_checkpoint_named(d->model, d->weights, d->spec->name, &spec->checkpoint, err);
}

enum dtype system_default_kv(enum engine_kind engine, const struct checkpoint *ck,
                             const struct gpu *gpu)
{
    bool quantised = ck->weights == DTYPE_FP8 || ck->weights == DTYPE_NVFP4;
    bool fp8 = engine == ENGINE_TRTLLM && quantised && gpu->flops_per_s[DTYPE_FP8] > 0.0;
    return fp8 ? DTYPE_FP8 : DTYPE_BF16;
}

static int64_t pick(int64_t asked, int64_t otherwise)
{
    return asked >= 0 ? asked : otherwise;
}

static bool has_chunked_span(const struct model *m)
{
    for (int i = 0; i < m->n_groups; i++) {
        if (m->groups[i].attn.span == SPAN_CHUNKED) {
            return true;
        }
    }
    return false;
}

/* Engine defaults under the spec's knobs. */
static bool resolve_knobs(const struct stock *stock, struct system *s, struct err *err)
{
    struct system_spec *p = &s->spec;
    struct engine_defaults *d = &s->defaults;
    if (!engine_defaults_for(stock->engines, p->engine, p->engine_version, p->gpu, p->tp, d,
                             err)) {
        return false;
    }
    if (p->kv == DTYPE_AUTO) {
        p->kv = system_default_kv(p->engine, &p->checkpoint, p->gpu);
    }
    p->max_batched_tokens = pick(p->max_batched_tokens, d->max_batched_tokens);
    p->max_seqs = pick(p->max_seqs, d->max_seqs);
    p->chunked_prefill = pick(p->chunked_prefill, d->chunked_prefill);
    p->block_tokens = pick(p->block_tokens, d->block_tokens);
    p->prefix_cache = (int)pick(p->prefix_cache, d->prefix_cache);
    p->cuda_graphs = (int)pick(p->cuda_graphs, 1);
    bool freed = has_chunked_span(p->model) ? d->chunked_kv_freed : d->windowed_kv_freed;
    p->windowed_kv = (int)pick(p->windowed_kv, freed);
    p->reserve_output = (int)pick(p->reserve_output, p->engine == ENGINE_TRTLLM);
    p->balance_iters = pick(p->balance_iters,
                            p->engine == ENGINE_TRTLLM && p->dp > 1 ? TRTLLM_BALANCE_ITERS : 0);
    if (isnan(p->mem_util_frac)) {
        p->mem_util_frac = d->mem_util;
    }
    if (isnan(p->skew_sigma)) {
        p->skew_sigma = p->model->skew.sigma;
    }
    if (p->acceptance.n == 0 && !p->draft) {
        p->acceptance = p->model->acceptance;
    }
    if (p->acceptance.n == 0) {
        draft_acceptance_set(&p->acceptance, &ACCEPTANCE_FRAC, 1);
    }
    return true;
}

static void compute_footprint(struct system *s)
{
    const struct system_spec *p = &s->spec;
    struct footprint_config f = {
        .model = p->model,
        .checkpoint = p->checkpoint,
        .kv = p->kv,
        .gpu = p->gpu,
        .engine = p->engine,
        .defaults = s->defaults,
        .tp = p->tp,
        .pp = p->pp,
        .ep = p->ep,
        .dp = p->dp,
        .max_model_len = p->max_model_len,
        .max_batched_tokens = p->max_batched_tokens,
        .max_seqs = p->max_seqs,
        .mem_util_frac = p->mem_util_frac,
        .cuda_graphs = p->cuda_graphs != 0,
        .windows_freed = p->windowed_kv != 0,
        .redundant_experts = p->redundant_experts,
        .rebalances = p->rebalance_s > 0.0,
        .draft_tokens = p->draft_tokens,
        .draft = p->draft,
        .draft_checkpoint = p->draft_checkpoint,
    };
    f.defaults.block_tokens = p->block_tokens;
    footprint_compute(&f, &s->footprint);
}

struct correction_id system_correction_id(const struct system *s)
{
    const struct system_spec *p = &s->spec;
    return (struct correction_id){.model = p->model->name,
                                  .hardware = p->gpu->name,
                                  .engine = p->engine,
                                  .engine_version = p->engine_version,
                                  .weights = p->checkpoint.weights,
                                  .kv = p->kv,
                                  .tp = p->tp,
                                  .pp = p->pp,
                                  .ep = p->ep,
                                  .dp = p->dp};
}

/* A deployment that the scenario's calibration knows is corrected; of the others it is said. */
static void apply_correction(struct system *s)
{
    struct system_spec *p = &s->spec;
    if (!p->corrections) {
        return;
    }
    struct correction_id id = system_correction_id(s);
    char why[512];
    const struct correction *c = correction_find(p->corrections, &id, why, sizeof why);
    s->correction = c;
    if (!c) {
        snprintf(s->correction_note, sizeof s->correction_note, "not corrected by %.90s: %s",
                 p->corrections->file, why);
        return;
    }
    p->step_scale = c->step_scale;
    p->step_offset_s = c->step_offset_s;
    p->api_offset_s = c->ttft_offset_s;
    snprintf(s->correction_note, sizeof s->correction_note,
             "corrected by %.200s: step time x %.4g %+.4g ms, TTFT %+.4g ms, from %d "
             "measurements",
             p->corrections->file, c->step_scale, 1e3 * c->step_offset_s,
             1e3 * c->ttft_offset_s, c->n_points);
}

static bool build_step(const struct stock *stock, struct system *s, struct err *err)
{
    const struct system_spec *p = &s->spec;
    struct network network = {.name = ""};
    bool crosses = s->n_gpus > p->gpu->scaleup_gpus;
    if ((crosses || p->pp > 1) && !network_of_gpu(&stock->fabric, &stock->nodes, p->network,
                                                  p->node, p->gpu, &network, err)) {
        return false;
    }
    s->nic_bytes_per_s = crosses ? network_cards_bytes_per_s(&network, p->gpu) : 0.0;
    s->nic_named = network.link && s->nic_bytes_per_s > 0.0;
    s->ports = network_ports_of(&stock->fabric, &network, p->gpu);
    struct step_config c = {
        .model = p->model,
        .checkpoint = p->checkpoint,
        .kv = p->kv,
        .gpu = p->gpu,
        .gpus = &stock->gpus,
        .kernels = &stock->kernels,
        .fabric = &stock->fabric,
        .engines = stock->engines,
        .routings = stock->routings,
        .engine = p->engine,
        .engine_version = p->engine_version,
        .defaults = s->defaults,
        .moe_backend = p->moe_backend,
        .tp = p->tp,
        .pp = p->pp,
        .ep = p->ep,
        .dp = p->dp,
        .network = network_path(&stock->fabric, &network, p->gpu),
        .oversubscription = p->oversubscription,
        .skew_sigma = p->skew_sigma,
        .without = p->without,
        .redundant_experts = p->redundant_experts,
        .drift_s = p->drift_s,
        .drift_share_frac = p->drift_share_frac,
        .rebalance_s = p->rebalance_s,
        .cuda_graphs = p->cuda_graphs != 0,
        .two_batch_overlap = p->two_batch_overlap,
        .truncated_sampling = p->truncated_sampling,
        .draft = p->draft,
        .draft_checkpoint = p->draft_checkpoint,
        .draft_tokens = p->draft_tokens,
        .step_scale = p->step_scale,
        .step_offset_s = p->step_offset_s,
    };
    s->step = step_model_new(&c, err);
    return s->step != NULL;
}

static enum tier_load tier_load_of(enum engine_kind engine)
{
    switch (engine) {
    case ENGINE_SGLANG:
        return TIER_LOAD_LAYERS;
    case ENGINE_TRTLLM:
        return TIER_LOAD_BEFORE;
    default:
        return TIER_LOAD_AHEAD;
    }
}

/* Each GPU of a replica has its share of the bytes and its own link. */
static void build_tiers(const struct stock *stock, struct system *s)
{
    s->replica.tier_load = tier_load_of(s->spec.engine);
    for (int i = 0; i < TIER_N; i++) {
        const struct gpu *gpu = s->spec.gpu;
        const struct kv_link *link = kv_link_find(&stock->kv_links, tier_names[i], gpu);
        s->replica.tiers[i] = (struct tier_config){
            .capacity_bytes = s->spec.tier_bytes[i] / s->n_gpus,
            .bytes_per_s = kv_link_bytes_per_s(link, gpu),
            .latency_s = link->latency_s,
        };
    }
}

static void build_replica(struct system *s)
{
    const struct system_spec *p = &s->spec;
    int64_t budget = p->max_batched_tokens;
    if (p->engine == ENGINE_SGLANG && p->chunked_prefill > 0) {
        budget = p->chunked_prefill;
    }
    s->replica = (struct replica_config){
        .model = s->step,
        .sched =
            {
                .kind = p->engine,
                .max_batched_tokens = budget,
                .max_seqs = p->max_seqs,
                .max_model_len = p->max_model_len,
                .reserve_output = p->reserve_output != 0,
                .async = s->defaults.async_scheduling,
                .recv_interval = p->recv_interval,
                .wait_iters = p->wait_iters,
                .wait_ratio = p->wait_ratio,
                .by_priority = p->by_priority,
                .max_queue = p->max_queue,
                .draft_tokens = p->draft_tokens,
                .accepted_tokens = draft_tokens_per_step(&p->acceptance, p->draft_tokens),
                .balance_iters = p->balance_iters,
            },
        .kv = s->footprint.kv,
        .kv_bytes = (int64_t)s->footprint.kv_bytes,
        .reuse = p->prefix_cache != 0,
        .rebalance_s = p->ep > 1 && model_is_moe(p->model) ? p->rebalance_s : 0.0,
        .rebalance_pause_s = p->rebalance_pause_s,
        .api_s = fmax(0.0, s->defaults.api_s + p->api_offset_s),
        .api_per_token_s = s->defaults.api_per_token_s / p->api_servers,
        .encode_s_per_token = encoder_s_per_token(p->model, p->gpu, p->tp),
    };
}

static bool resolve_layout(const struct stock *stock, const struct system_spec *spec, int tp,
                           struct system *s, struct err *err)
{
    s->spec = *spec;
    s->spec.tp = tp;
    s->spec.dp = spec->dp > 0 ? spec->dp : 1;
    s->spec.ep = spec->ep > 0 ? spec->ep : 1;
    if (spec->ep == 0 && s->spec.dp > 1 && model_is_moe(spec->model)) {
        s->spec.ep =
            tp * s->spec.dp; /* attention data parallelism shards experts over all ranks */
    }
    s->n_gpus = tp * s->spec.dp * s->spec.pp;
    if (s->spec.pp > spec->model->n_layers) {
        return err_set(err, ERR_INPUT, "pp %d is more stages than the %d layers of %s",
                       s->spec.pp, spec->model->n_layers, spec->model->name);
    }
    if (!resolve_knobs(stock, s, err)) {
        return false;
    }
    compute_footprint(s);
    return true;
}

static bool divides(const struct system_spec *spec, int tp)
{
    for (int i = 0; i < spec->model->n_groups; i++) {
        if (spec->model->groups[i].attn.n_heads % tp != 0) {
            return false;
        }
    }
    return true;
}

/* The smallest power of two that fits, else the largest allowed one (so that the reason shows).
 */
static bool choose_tp(const struct stock *stock, const struct system_spec *spec,
                      struct system *s, struct err *err)
{
    int most = spec->gpu->scaleup_gpus < MAX_AUTO_TP ? spec->gpu->scaleup_gpus : MAX_AUTO_TP;
    int last = 0;
    for (int tp = 1; tp <= most; tp *= 2) {
        if (!divides(spec, tp)) {
            continue;
        }
        last = tp;
        if (!resolve_layout(stock, spec, tp, s, err)) {
            return false;
        }
        if (s->footprint.fits) {
            return true;
        }
    }
    return resolve_layout(stock, spec, last > 0 ? last : 1, s, err);
}

bool system_resolve(const struct stock *stock, const struct system_spec *spec, struct system *s,
                    struct err *err)
{
    memset(s, 0, sizeof *s);
    bool ok = spec->tp > 0 ? resolve_layout(stock, spec, spec->tp, s, err)
                           : choose_tp(stock, spec, s, err);
    if (!ok) {
        return false;
    }
    s->bands = &stock->bands;
    s->evidence = evidence_of(s->bands, s);
    if (!s->footprint.fits) {
        return true;
    }
    apply_correction(s);
    if (!build_step(stock, s, err)) {
        return false;
    }
    build_replica(s);
    build_tiers(stock, s);
    if (sched_most_tokens(&s->replica.sched) > STEP_MAX_TOKENS) {
        system_fini(s);
        return err_set(err, ERR_INPUT,
                       "a step of %s may hold %" PRId64 " tokens; at most %d are simulated: "
                       "lower max_num_batched_tokens or max_num_seqs",
                       spec->name, sched_most_tokens(&s->replica.sched), STEP_MAX_TOKENS);
    }
    s->evidence = evidence_of(s->bands, s);
    s->skew = evidence_skew(s);
    return true;
}

void system_fini(struct system *s)
{
    step_model_free(s->step);
    s->step = NULL;
}
