/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/cost/step.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/quant.h"
#include "sim/base/mem.h"
#include "sim/cost/comm.h"
#include "sim/cost/launches.h"
#include "sim/cost/standin.h"
#include "sim/cost/step_group.h"

const char *const op_group_names[] = {"attention", "dense",     "experts",
                                      "imbalance", "allreduce", "alltoall",
                                      "bubble",    "host",      "other"};

/* Fixed costs of cost-model.md section 0 ("the E2E composition") and 2.4; composed before any
 * comparison with measured results and not tuned afterwards. */
static const double SMALL_KERNEL_S =
    1.8e-6; /* fused norm, rope, activation, residual kernels */
static const double SMALL_KERNELS_PER_LAYER = 3.0;
static const double STREAM_EFF = 0.8; /* bandwidth fraction of elementwise kernels */
static const double SAMPLING_S = 30e-6;
static const double SAMPLING_PASSES = 6.0;
/* Sorting the vocabulary, summing it up and putting it back (vllm-project/vllm
 * apply_top_k_top_p): traffic per logit, from published decode steps of Llama 3.1 70B under
 * vLLM 0.15.1 on H100 at four loads, 3.7e9 logits a second. */
static const double SORT_BYTES = 720.0;
static const double ROUTER_FLOOR_S = 5e-6;  /* softmax and top-k of the router */
static const double EAGER_LAYER_S = 125e-6; /* 25 launches of 5 us: a layer without graphs */
/* TensorRT-LLM takes its min-latency MoE kernel up to this many tokens. */
static const double MIN_LATENCY_TOKENS = 128.0;
static const int64_t GRAPH_MAX_BATCH = 512;
static const double UP_KEYS = 8192.0; /* keys at which the time of re-expanding one is taken */

/* ---- building ---------------------------------------------------------------------------- */

/* How a part of this format is scaled. Checkpoints with 4-bit experts keep other parts in fp8:
 * blocks beside mxfp4 (DeepSeek V4), one static scale beside nvfp4 (ModelOpt). */
static enum quant_scheme scheme_of(const struct checkpoint *ck, enum dtype dtype)
{
    if (dtype == DTYPE_BF16) {
        return QUANT_NONE;
    }
    if (dtype == DTYPE_FP8 && ck->scheme == QUANT_GROUP) {
        return ck->weights == DTYPE_NVFP4 ? QUANT_TENSOR_STATIC : QUANT_BLOCK;
    }
    return ck->scheme;
}

/* The nvfp4 product tables hold the product alone; TensorRT-LLM fuses the quantisation of its
 * input into the norm before it, vLLM and SGLang launch a kernel of its own. */
static const double FP4_QUANT_S = 1.8e-6;

/* Notes a row for the manifest; the worst match decides the evidence grade. */
static void note_constant(struct step_model *sm, const char *law, const struct kernel_key *key,
                          enum kernel_match match)
{
    sm->match = match > sm->match ? match : sm->match;
    for (int i = 0; i < sm->n_constants; i++) {
        if (sm->constants[i].key == key) {
            return;
        }
    }
    if (sm->n_constants < STEP_MAX_CONSTANTS) {
        sm->constants[sm->n_constants++] = (struct step_constant){law, key, match};
    }
}

/* Constants of another GPU stand in with the bias that such transfers show taken out. */
static const struct transfer *transfer_of(struct step_model *sm, const struct kernel_key *key,
                                          const char *dtype)
{
    const struct step_config *c = &sm->cfg;
    const struct gpu *from = gpu_find(c->gpus, key->sku, NULL);
    const struct transfer *t = transfer_find(&c->kernels->transfers, from, c->gpu, dtype);
    sm->transfer_p90_frac = fmax(sm->transfer_p90_frac, t ? t->p90_frac : 0.0);
    return t;
}

/* What stands in for products and experts of a format without tables: the next wider one, for
 * the share of the peak that is reached falls as the peak rises. NULL: nothing. */
static const char *wider_format(const char *key)
{
    if (strcmp(key, "bf16") == 0) {
        return NULL;
    }
    return strcmp(key, "nvfp4") == 0 ? "fp8" : "bf16";
}

static bool resolve_gemm(struct step_model *sm, enum dtype dtype, struct gemm_unit *unit,
                         struct err *err)
{
    const struct step_config *c = &sm->cfg;
    enum quant_scheme scheme = scheme_of(&c->checkpoint, dtype);
    enum kernel_match match;
    const char *key = gemm_dtype_key(c->gpu, dtype, scheme);
    const struct gemm_consts *k =
        kernel_gemm(c->kernels, c->gpus, c->gpu, engine_names[c->engine], key, &match);
    for (const char *wider = key; !k && (wider = wider_format(wider));) {
        k = kernel_gemm(c->kernels, c->gpus, c->gpu, engine_names[c->engine], wider, &match);
        match = MATCH_SKU;
    }
    if (!k) {
        return err_set(err, ERR_INPUT, "no GEMM constants for %s in hardware/kernels/gemm.csv",
                       c->gpu->name);
    }
    note_constant(sm, "gemm", &k->key, match);
    const struct transfer *t = transfer_of(sm, &k->key, key);
    gemm_unit_init(unit, c->gpu, k, dtype, scheme, c->checkpoint.group);
    unit->unpadded = c->without.tile_padding;
    unit->consts.ec = transfer_efficiency(t, k->ec);
    unit->consts.em = transfer_efficiency(t, k->em);
    if (strcmp(key, "nvfp4") == 0) {
        unit->static_scale = c->engine == ENGINE_TRTLLM;
        unit->quant_s = unit->static_scale ? 0.0 : FP4_QUANT_S;
    }
    return true;
}

/* Windows from here on take the kernels' ordinary path (the chunks of Llama 4). */
static const int64_t LONG_WINDOW_TOKENS = 4096;

static const struct attn_consts *find_phase(const struct step_config *c,
                                            const struct attn_spec *a, bool is_prefill,
                                            enum kernel_match *match)
{
    struct attn_want want = {.is_prefill = is_prefill,
                             .is_mla = a->kind == ATTN_MLA,
                             .is_windowed = a->span == SPAN_SLIDING &&
                                            a->window_tokens < LONG_WINDOW_TOKENS,
                             .head_dim = a->head_dim,
                             .kv_dtype = c->kv == DTYPE_INT8 ? "fp8" : dtype_name(c->kv)};
    const char *engine = engine_names[c->engine];
    const struct attn_consts *k =
        kernel_attn_for(c->kernels, c->gpus, c->gpu, engine, &want, match);
    if (!k) {
        want.kv_dtype = "bf16";
        k = kernel_attn_for(c->kernels, c->gpus, c->gpu, engine, &want, match);
    }
    return k;
}

static bool find_attention(struct step_model *sm, struct attn_resolve *r, struct err *err)
{
    enum kernel_match decode = MATCH_EXACT;
    enum kernel_match prefill = MATCH_EXACT;
    r->decode = find_phase(&sm->cfg, r->spec, false, &decode);
    r->prefill = find_phase(&sm->cfg, r->spec, true, &prefill);
    if (!r->decode || !r->prefill) {
        return err_set(err, ERR_INPUT,
                       "no attention constants for %s in hardware/kernels/attention.csv",
                       sm->cfg.gpu->name);
    }
    if (standin_is_foreign(sm->cfg.gpus, sm->cfg.gpu, &r->decode->key)) {
        r->decode = standin_attention(sm->cfg.kernels, r->decode, r);
    }
    if (standin_is_foreign(sm->cfg.gpus, sm->cfg.gpu, &r->prefill->key)) {
        r->prefill = standin_attention(sm->cfg.kernels, r->prefill, r);
    }
    note_constant(sm, "attention", &r->decode->key, decode);
    note_constant(sm, "attention", &r->prefill->key, prefill);
    return true;
}

/* Measured transfers are of products: attention takes those of bf16, the plainest. */
static struct attn_consts transferred_attention(struct step_model *sm,
                                                const struct attn_consts *consts)
{
    struct attn_consts out = *consts;
    const struct transfer *t = transfer_of(sm, &consts->key, "bf16");
    out.ec = transfer_efficiency(t, consts->ec);
    out.em = transfer_efficiency(t, consts->em);
    return out;
}

static int span_index(struct step_model *sm, enum attn_span span, int64_t window)
{
    for (int i = 0; i < sm->n_spans; i++) {
        if (sm->spans[i].span == span && sm->spans[i].window_tokens == window) {
            return i;
        }
    }
    ASSERT(sm->n_spans < STEP_MAX_SPANS);
    sm->spans[sm->n_spans] = (struct span_class){span, window};
    return sm->n_spans++;
}

/* The absorbed products of MLA decode, in bf16 whatever the checkpoint (engines keep a
 * dequantised copy), and the re-expansion of the latent cache at prefill (cost-model.md section
 * 1, rows "MLA absorb BMMs" and "MLA prefill"). Sparse prefill attends to the latent itself and
 * expands nothing. */
static bool add_mla_products(struct step_model *sm, const struct attn_spec *a,
                             const struct gemm_unit *gemm, struct step_kind *kind,
                             struct err *err)
{
    struct gemm_unit bf16;
    if (!resolve_gemm(sm, DTYPE_BF16, &bf16, err)) {
        return false;
    }
    double heads = fmax(1.0, (double)a->n_heads / sm->cfg.tp);
    double bw = bf16.bytes_per_s * bf16.consts.em;
    double dims = a->qk_nope_dim + a->v_head_dim;
    double cells = heads * dims * a->kv_lora_rank;
    kind->unit.dec_t0_s += 2.0 * bf16.consts.t0_s + 2.0 * cells / bw;
    kind->unit.dec_per_seq_s += 2.0 * cells / (bf16.flops_per_s * bf16.consts.ec) +
                                2.0 * heads * (dims + 2.0 * a->kv_lora_rank) / bw;
    if (a->index_topk_tokens == 0) {
        double t = gemm_time_s(gemm, UP_KEYS, heads * dims, a->kv_lora_rank);
        kind->prefill_up_s = gemm->consts.t0_s;
        kind->prefill_up_per_key_s = (t - gemm->consts.t0_s) / UP_KEYS;
    }
    return true;
}

/* What the layer attends to: everything, a window, the selected entries, and beside a
 * compressed cache the last tokens as they are. */
static void add_spans(struct step_model *sm, const struct attn_spec *a, struct step_kind *kind)
{
    int ratio = a->compress_ratio > 1 ? a->compress_ratio : 1;
    kind->ctx_scale = 1.0 / ratio;
    kind->topk_tokens = a->index_topk_tokens * ratio;
    kind->indexed = a->index_topk_tokens > 0 && a->index_n_heads > 0;
    kind->span = a->index_topk_tokens > 0 ? span_index(sm, SPAN_SLIDING, kind->topk_tokens)
                 : a->span == SPAN_FULL   ? 0
                                          : span_index(sm, a->span, a->window_tokens);
    kind->recent = -1;
    if (ratio > 1 && a->window_tokens > 0) {
        kind->recent = span_index(sm, SPAN_SLIDING, a->window_tokens);
    }
}

static bool add_kind(struct step_model *sm, const struct layer_group *g,
                     struct step_group *group, struct err *err)
{
    const struct attn_spec *a = &g->attn;
    for (int i = 0; i < sm->n_groups; i++) {
        if (attn_spec_same(sm->groups[i].attn, a)) {
            group->kind = sm->groups[i].kind;
            sm->kinds[group->kind].n_layers += group->n_layers;
            return true;
        }
    }
    ASSERT(sm->n_kinds < STEP_MAX_KINDS);
    sm->kinds = xrealloc(sm->kinds, (size_t)sm->n_kinds + 1, sizeof *sm->kinds);
    struct step_kind *kind = &sm->kinds[sm->n_kinds];
    memset(kind, 0, sizeof *kind);
    struct attn_resolve r = {.spec = a,
                             .gpu = sm->cfg.gpu,
                             .tp = sm->cfg.tp,
                             .kv = sm->cfg.kv,
                             .drafted = sm->cfg.draft_tokens};
    if (!find_attention(sm, &r, err)) {
        return false;
    }
    struct attn_consts decode = transferred_attention(sm, r.decode);
    struct attn_consts prefill = transferred_attention(sm, r.prefill);
    r.decode = &decode;
    r.prefill = &prefill;
    attn_resolve(&r, &kind->unit);
    kind->n_layers = group->n_layers;
    add_spans(sm, a, kind);
    if (a->kind == ATTN_MLA && !a->latent_only &&
        !add_mla_products(sm, a, &group->attn_gemm, kind, err)) {
        return false;
    }
    group->kind = sm->n_kinds++;
    return true;
}

/* format: what the engine computes in. Efficiencies of another format may stand in for it; the
 * peaks they count from stay its own, as with products. */
static void fill_experts(struct step_model *sm, const struct mlp_spec *mlp,
                         const struct moe_consts *consts, const char *format, enum dtype dtype,
                         struct moe_unit *u)
{
    const struct step_config *c = &sm->cfg;
    const struct transfer *t = transfer_of(sm, &consts->key, consts->key.dtype);
    struct moe_consts own = *consts;
    own.key.dtype = format;
    moe_unit_init(u, c->gpu, &own, dtype, scheme_of(&c->checkpoint, dtype),
                  c->checkpoint.group);
    u->consts.ec = transfer_efficiency(t, consts->ec);
    u->consts.em = transfer_efficiency(t, consts->em);
    u->hidden = (double)(mlp->expert_hidden > 0 ? mlp->expert_hidden : c->model->hidden);
    u->width = fmax(1.0, (double)mlp->intermediate * c->ep / (c->tp * c->dp));
    u->top_k = mlp->top_k;
    u->n_matrices = mlp->n_matrices;
    u->unpadded = c->without.tile_padding;
}

static bool same_routing(const struct mlp_spec *a, const struct mlp_spec *b)
{
    return a->is_moe && b->is_moe && a->n_experts == b->n_experts && a->top_k == b->top_k;
}

/* One routing for all layers with as many experts: their popularities are drawn together, of
 * all stages of a pipeline too. */
static const struct moe_routing *routing_for(const struct step_model *sm,
                                             const struct mlp_spec *mlp)
{
    if (sm->whole) {
        return routing_for(sm->whole, mlp);
    }
    const struct step_config *c = &sm->cfg;
    struct experts_config experts =
        experts_config_default(mlp->n_experts, mlp->top_k, c->ep, c->skew_sigma);
    experts.n_layers = 0;
    for (int i = 0; i < c->model->n_groups; i++) {
        const struct layer_group *lg = &c->model->groups[i];
        experts.n_layers += same_routing(&lg->mlp, mlp) ? lg->n_layers : 0;
    }
    for (int i = 0; i < sm->n_groups; i++) {
        if (same_routing(sm->groups[i].mlp, mlp)) {
            return sm->groups[i].routing;
        }
    }
    experts.n_redundant = c->ep > 1 ? (int)c->redundant_experts : 0;
    experts.by_load = experts.n_redundant > 0 || c->rebalance_s > 0.0;
    experts.drift_s = c->drift_s;
    experts.drift_share_frac = c->drift_share_frac;
    experts.rebalance_s = c->rebalance_s;
    return routings_get(c->routings ? c->routings : sm->own_routings, &experts);
}

static bool add_experts(struct step_model *sm, struct step_group *g, enum dtype dtype,
                        struct err *err)
{
    const struct step_config *c = &sm->cfg;
    const struct mlp_spec *mlp = g->mlp;
    const char *kernel = "";
    const char *key = "bf16";
    struct moe_backend_key asked = {
        c->engine, c->engine_version, c->gpu, dtype, scheme_of(&c->checkpoint, dtype), c->ep};
    engine_moe_backend(c->engines, &asked, &kernel, &key);
    if (c->moe_backend && c->moe_backend[0]) {
        kernel = c->moe_backend;
    }
    enum kernel_match match = MATCH_EXACT;
    const struct moe_consts *k =
        kernel_moe(c->kernels, c->gpus, c->gpu, engine_names[c->engine], key, kernel, &match);
    if (!k) {
        k = kernel_moe(c->kernels, c->gpus, c->gpu, engine_names[c->engine], key, "", &match);
    }
    for (const char *wider = key; !k && (wider = wider_format(wider));) {
        k = kernel_moe(c->kernels, c->gpus, c->gpu, engine_names[c->engine], wider, "", &match);
    }
    if (!k) {
        return err_set(err, ERR_INPUT, "no MoE constants for %s in hardware/kernels/moe.csv",
                       c->gpu->name);
    }
    fill_experts(sm, mlp, k, key, dtype, &g->moe);
    if (standin_is_foreign(c->gpus, c->gpu, &k->key) && !kernel_moe_is(k->key.kernel, kernel)) {
        k = standin_experts(c->kernels, k, &g->moe, mlp->n_experts, c->ep);
        fill_experts(sm, mlp, k, key, dtype, &g->moe);
    }
    note_constant(sm, "moe", &k->key, match);
    sm->moe_kernel = k->key.kernel;
    const char *other = kernel_moe_other(kernel);
    const struct moe_consts *k2 = other
                                      ? kernel_moe(c->kernels, c->gpus, c->gpu,
                                                   engine_names[c->engine], key, other, &match)
                                      : NULL;
    g->two_kernels = k2 != NULL && strcmp(k2->key.kernel, other) == 0;
    if (g->two_kernels) {
        note_constant(sm, "moe", &k2->key, match);
        fill_experts(sm, mlp, k2, key, dtype, &g->moe_other);
    }
    g->routing = routing_for(sm, mlp);
    return true;
}

/* n_layers of a group; is_edge: those a checkpoint leaves unquantised. */
static bool add_group(struct step_model *sm, const struct layer_group *lg, int n_layers,
                      bool is_edge, struct err *err)
{
    const struct checkpoint *ck = &sm->cfg.checkpoint;
    struct step_group *g = &sm->groups[sm->n_groups];
    g->n_layers = n_layers;
    g->attn = &lg->attn;
    g->mlp = &lg->mlp;
    g->dense_width = lg->mlp.is_moe ? 0.0 : (double)lg->mlp.intermediate / sm->cfg.tp;
    g->shared_width = (double)lg->mlp.shared_intermediate / sm->cfg.tp;
    if (!resolve_gemm(sm, is_edge ? DTYPE_BF16 : ck->attn, &g->attn_gemm, err) ||
        !resolve_gemm(sm, is_edge ? DTYPE_BF16 : ck->dense, &g->mlp_gemm, err) ||
        !resolve_gemm(sm, is_edge ? DTYPE_BF16 : ck->shared, &g->shared_gemm, err) ||
        !add_kind(sm, lg, g, err)) {
        return false;
    }
    if (lg->mlp.is_moe && !add_experts(sm, g, is_edge ? DTYPE_BF16 : ck->experts, err)) {
        return false;
    }
    sm->n_groups++;
    return true;
}

/* The unquantised layers at both ends count as layers of the largest group. */
static bool add_groups(struct step_model *sm, struct err *err)
{
    const struct model *m = sm->cfg.model;
    int most = 0;
    for (int i = 1; i < m->n_groups; i++) {
        most = m->groups[i].n_layers > m->groups[most].n_layers ? i : most;
    }
    int edge = sm->cfg.checkpoint.n_bf16_edge_layers;
    edge = edge < m->groups[most].n_layers ? edge : m->groups[most].n_layers;
    for (int i = 0; i < m->n_groups; i++) {
        int n = m->groups[i].n_layers - (i == most ? edge : 0);
        if (n > 0 && !add_group(sm, &m->groups[i], n, false, err)) {
            return false;
        }
    }
    return edge == 0 || add_group(sm, &m->groups[most], edge, true, err);
}

static bool layout_fits(const struct step_config *c, struct err *err)
{
    const struct model *m = c->model;
    if (c->pp > 1 && c->draft_tokens > 0) {
        return err_set(err, ERR_INPUT,
                       "speculative decoding over pipeline stages (pp %d) is not simulated: "
                       "use pp: 1 or leave speculative_tokens out",
                       c->pp);
    }
    if (c->two_batch_overlap && (c->dp <= 1 || c->ep <= 1)) {
        return err_set(
            err, ERR_INPUT,
            "two_batch_overlap hides the way of tokens to the experts of other ranks: "
            "it needs dp and ep above 1");
    }
    for (int i = 0; i < m->n_groups; i++) {
        const struct attn_spec *a = &m->groups[i].attn;
        if (a->n_heads % c->tp != 0) {
            return err_set(err, ERR_INPUT, "tp %d does not divide the %d attention heads of %s",
                           c->tp, a->n_heads, m->name);
        }
        const struct mlp_spec *p = &m->groups[i].mlp;
        int64_t slots = p->n_experts + (c->ep > 1 ? c->redundant_experts : 0);
        if (p->is_moe && (slots % c->ep != 0 || (c->tp * c->dp) % c->ep != 0)) {
            return err_set(err, ERR_INPUT,
                           "ep %d must divide tp x dp = %d and the %d experts of %s with "
                           "%" PRId64 " redundant ones",
                           c->ep, c->tp * c->dp, p->n_experts, m->name, slots - p->n_experts);
        }
    }
    return true;
}

static bool build(struct step_model *sm, struct err *err)
{
    const struct step_config *c = &sm->cfg;
    sm->moe_kernel = "";
    sm->groups = xcalloc((size_t)c->model->n_groups + 1, sizeof *sm->groups);
    if (!c->routings && !sm->whole) {
        sm->own = arena_new();
        sm->own_routings = routings_new(sm->own);
    }
    sm->pass_launches = launches_of_pass(c->model, &c->checkpoint, c->engine, c->tp);
    span_index(sm, SPAN_FULL, 0);
    return resolve_gemm(sm, sm->cfg.checkpoint.lm_head, &sm->head, err) && add_groups(sm, err);
}

/* A stage: its layers, with the spans of the whole model in their order, so that a batch means
 * the same to all. The engine's own time is the pipeline's; a correction of the whole step is
 * shared out. */
static bool add_stage(struct step_model *whole, int stage, struct err *err)
{
    const struct step_config *c = &whole->cfg;
    struct step_model *sm = xcalloc(1, sizeof *sm);
    whole->stages[stage] = sm;
    sm->whole = whole;
    sm->stage = stage;
    sm->part = xmalloc(sizeof *sm->part);
    sm->cfg = *c;
    pipeline_part(c->model, c->engine, c->pp, stage, sm->part);
    pipeline_checkpoint(&c->checkpoint, c->pp, stage, &sm->cfg.checkpoint);
    sm->cfg.model = sm->part;
    sm->cfg.defaults.host_s = 0.0;
    sm->cfg.defaults.host_per_seq_s = 0.0;
    sm->cfg.step_offset_s = c->step_offset_s / c->pp;
    memcpy(sm->spans, whole->spans, sizeof sm->spans);
    sm->n_spans = whole->n_spans;
    return build(sm, err);
}

static bool add_stages(struct step_model *sm, struct err *err)
{
    const struct step_config *c = &sm->cfg;
    sm->stages = xcalloc((size_t)c->pp, sizeof *sm->stages);
    sm->hops = xcalloc((size_t)c->pp, sizeof *sm->hops);
    struct link_path network =
        c->network.bytes_per_s > 0.0 ? c->network : fabric_path(c->fabric, c->gpu, false);
    for (int i = 0; i < c->pp; i++) {
        if (!add_stage(sm, i, err)) {
            return false;
        }
        sm->hops[i] = pipeline_hop_behind(c->fabric, c->gpu, network, c->model->hidden, c->tp,
                                          c->tp * c->dp, i);
    }
    return true;
}

static bool draft_fits(const struct step_config *target, const struct model *draft,
                       struct err *err)
{
    if (draft->vocab != target->model->vocab) {
        return err_set(err, ERR_INPUT,
                       "%s cannot draft for %s: their vocabularies differ (%" PRId64
                       " and %" PRId64 " tokens)",
                       draft->name, target->model->name, draft->vocab, target->model->vocab);
    }
    return !model_is_moe(draft) ||
           err_set(err, ERR_INPUT, "drafting by a model of experts (%s) is not simulated",
                   draft->name);
}

/* Layers that draft: those of the checkpoint (MTP) have its formats, a head trained beside the
 * model (EAGLE) is in bf16. */
static void set_draft_layer(const struct step_config *target, struct step_model *sm)
{
    sm->part = xmalloc(sizeof *sm->part);
    model_draft_layer(target->model, sm->part);
    sm->cfg.model = sm->part;
    if (target->model->mtp_layers == 0) {
        sm->cfg.checkpoint = quant_uniform(DTYPE_BF16);
        sm->cfg.checkpoint.lm_head = target->checkpoint.lm_head;
    }
    sm->cfg.checkpoint.n_bf16_edge_layers = 0;
}

/* What drafts, in the layout of what it drafts for, with the same spans. Its tokens are the
 * best ones: nothing is sorted. */
static bool add_draft(struct step_model *target, struct err *err)
{
    const struct step_config *c = &target->cfg;
    struct step_model *sm = xcalloc(1, sizeof *sm);
    target->draft = sm;
    sm->whole = target;
    sm->cfg = *c;
    sm->cfg.draft = NULL;
    sm->cfg.draft_tokens = 0;
    sm->cfg.truncated_sampling = false;
    sm->cfg.two_batch_overlap = false;
    sm->cfg.step_scale = 0.0;
    memcpy(sm->spans, target->spans, sizeof sm->spans);
    sm->n_spans = target->n_spans;
    if (c->draft) {
        sm->cfg.model = c->draft;
        sm->cfg.checkpoint = c->draft_checkpoint;
        sm->cfg.ep = 1;
    } else {
        set_draft_layer(c, sm);
    }
    if ((c->draft && !draft_fits(c, c->draft, err)) || !layout_fits(&sm->cfg, err) ||
        !build(sm, err)) {
        return false;
    }
    return sm->n_spans == target->n_spans ||
           err_set(err, ERR_INPUT,
                   "%s cannot draft for %s: it attends to windows that the other has not",
                   sm->cfg.model->name, c->model->name);
}

struct step_model *step_model_new(const struct step_config *cfg, struct err *err)
{
    if (!layout_fits(cfg, err)) {
        return NULL;
    }
    struct step_model *sm = xcalloc(1, sizeof *sm);
    sm->cfg = *cfg;
    if (!build(sm, err) || (cfg->pp > 1 && !add_stages(sm, err)) ||
        (cfg->draft_tokens > 0 && !add_draft(sm, err))) {
        step_model_free(sm);
        return NULL;
    }
    return sm;
}

void step_model_free(struct step_model *sm)
{
    if (!sm) {
        return;
    }
    for (int i = 0; sm->stages && i < sm->cfg.pp; i++) {
        step_model_free(sm->stages[i]);
    }
    step_model_free(sm->draft);
    arena_free(sm->own);
    free(sm->stages);
    free(sm->hops);
    free(sm->part);
    free(sm->groups);
    free(sm->kinds);
    free(sm);
}

const struct moe_routing *step_routing(const struct step_model *sm, int idx)
{
    for (int i = 0; i < sm->n_groups; i++) {
        bool shared = false;
        for (int j = 0; j < i; j++) {
            shared = shared || sm->groups[j].routing == sm->groups[i].routing;
        }
        if (sm->groups[i].routing && !shared && idx-- == 0) {
            return sm->groups[i].routing;
        }
    }
    return NULL;
}

/* ---- operators that depend on the token count ---------------------------------------------
 */

/* One GEMM of an operator list: shape per layer. */
struct gemm_shape {
    const struct gemm_unit *unit;
    double m, n, k;
};
enum { MAX_SHAPES = 16 };

/* Indexer of sparse attention, whole on every rank: queries from the Q latent where there is
 * one, one key (compressed: two overlapping groups with a gate each) and for latent attention a
 * weight per head. */
static int indexer_shapes(const struct step_model *sm, const struct step_group *g, double m,
                          struct gemm_shape *s)
{
    const struct attn_spec *a = g->attn;
    if (a->index_n_heads == 0) {
        return 0;
    }
    double h = (double)sm->cfg.model->hidden;
    double wide = (double)a->index_n_heads * a->index_head_dim;
    double key = (a->compress_ratio > 1 ? 4.0 : 1.0) * a->index_head_dim;
    double weights = a->kind == ATTN_MLA ? a->index_n_heads : 0.0;
    s[0] = (struct gemm_shape){&g->attn_gemm, m, wide, a->q_lora_rank > 0 ? a->q_lora_rank : h};
    s[1] = (struct gemm_shape){&g->attn_gemm, m, key + weights, h};
    return 2;
}

static int mla_shapes(const struct step_model *sm, const struct step_group *g, double m,
                      struct gemm_shape *s)
{
    const struct attn_spec *a = g->attn;
    double h = (double)sm->cfg.model->hidden;
    double heads = fmax(1.0, (double)a->n_heads / sm->cfg.tp);
    double out = heads * a->v_head_dim;
    double down = a->q_lora_rank + a->kv_lora_rank + a->qk_rope_dim;
    if (a->latent_only && a->compress_ratio > 1) { /* value and gate of the compressor */
        down += (a->index_n_heads > 0 ? 4.0 : 2.0) * a->head_dim;
    }
    int n = 0;
    s[n++] = (struct gemm_shape){&g->attn_gemm, m, down, h};
    s[n++] = (struct gemm_shape){&g->attn_gemm, m, heads * a->head_dim,
                                 a->q_lora_rank > 0 ? a->q_lora_rank : h};
    if (a->output_gate) {
        s[n++] = (struct gemm_shape){&g->attn_gemm, m, out, h};
    }
    if (a->o_groups > 0) { /* block-diagonal down, then up: cells of a plain product */
        double groups = fmax(1.0, (double)a->o_groups / sm->cfg.tp);
        s[n++] = (struct gemm_shape){&g->attn_gemm, m, a->o_lora_rank, out};
        s[n++] = (struct gemm_shape){&g->attn_gemm, m, h, groups * a->o_lora_rank};
    } else {
        s[n++] = (struct gemm_shape){&g->attn_gemm, m, h, out};
    }
    return n + indexer_shapes(sm, g, m, s + n);
}

static int gqa_shapes(const struct step_model *sm, const struct step_group *g, double m,
                      struct gemm_shape *s)
{
    const struct attn_spec *a = g->attn;
    double h = (double)sm->cfg.model->hidden;
    double heads = fmax(1.0, (double)a->n_heads / sm->cfg.tp);
    double kv = fmax(1.0, (double)a->n_kv_heads / sm->cfg.tp);
    double out = heads * a->v_head_dim;
    double wide = heads * a->head_dim + (a->output_gate ? out : 0.0) + kv * a->head_dim +
                  (a->k_eq_v ? 0.0 : kv * a->v_head_dim);
    s[0] = (struct gemm_shape){&g->attn_gemm, m, wide, h};
    s[1] = (struct gemm_shape){&g->attn_gemm, m, h, out};
    return 2 + indexer_shapes(sm, g, m, s + 2);
}

/* q, k, v, output gate, beta and decay in one product; Kimi's decay per channel has a low rank.
 */
static int linear_shapes(const struct step_model *sm, const struct step_group *g, double m,
                         struct gemm_shape *s)
{
    const struct attn_spec *a = g->attn;
    double h = (double)sm->cfg.model->hidden;
    double tp = sm->cfg.tp;
    double keys = (double)a->lin_key_heads * a->lin_key_dim / tp;
    double values = (double)a->lin_value_heads * a->lin_value_dim / tp;
    double decay = a->lin_decay_rank > 0 ? a->lin_decay_rank : a->lin_value_heads / tp;
    double wide = 2.0 * keys + 2.0 * values + a->lin_value_heads / tp + decay;
    int n = 0;
    s[n++] = (struct gemm_shape){&g->attn_gemm, m, wide, h};
    s[n++] = (struct gemm_shape){&g->attn_gemm, m, h, values};
    if (a->lin_decay_rank > 0) {
        s[n++] = (struct gemm_shape){&g->attn_gemm, m, keys, a->lin_decay_rank};
    }
    return n;
}

static int attn_shapes(const struct step_model *sm, const struct step_group *g, double m,
                       struct gemm_shape *s)
{
    switch (g->attn->kind) {
    case ATTN_MLA:
        return mla_shapes(sm, g, m, s);
    case ATTN_LINEAR:
        return linear_shapes(sm, g, m, s);
    case ATTN_GQA:
        break;
    }
    return gqa_shapes(sm, g, m, s);
}

/* Gate-up and down projections of a dense or shared MLP of this width per rank. */
static int mlp_shapes(const struct gemm_unit *unit, double hidden, double width, int n_matrices,
                      double m, struct gemm_shape *s)
{
    if (width <= 0.0) {
        return 0;
    }
    s[0] = (struct gemm_shape){unit, m, (n_matrices - 1) * width, hidden};
    s[1] = (struct gemm_shape){unit, m, hidden, width};
    return 2;
}

static int group_shapes(const struct step_model *sm, const struct step_group *g, double m,
                        struct gemm_shape *s)
{
    double h = (double)sm->cfg.model->hidden;
    int n = attn_shapes(sm, g, m, s);
    n += mlp_shapes(&g->mlp_gemm, h, g->dense_width, g->mlp->n_matrices, m, s + n);
    n += mlp_shapes(&g->shared_gemm, h, g->shared_width, g->mlp->n_matrices, m, s + n);
    if (g->mlp->is_moe &&
        g->mlp->expert_hidden > 0) { /* in front of and behind narrowed experts */
        double narrow = (double)g->mlp->expert_hidden / sm->cfg.tp;
        s[n++] = (struct gemm_shape){&g->shared_gemm, m, narrow, h};
        s[n++] = (struct gemm_shape){&g->shared_gemm, m, h, narrow};
    }
    ASSERT(n <= MAX_SHAPES);
    return n;
}

/* Two norms with the residual, and rope: three launches a layer and their traffic. The
 * activation of a dense or shared MLP is a fourth; that of experts is in the time of their
 * kernel. */
static double elementwise_s(const struct step_model *sm, const struct step_group *g, double m)
{
    const struct attn_spec *a = g->attn;
    double h = (double)sm->cfg.model->hidden;
    double tp = sm->cfg.tp;
    double qkv = ((double)a->n_heads + 2.0 * a->n_kv_heads) * a->head_dim / tp;
    if (a->kind == ATTN_MLA) {
        qkv = (double)a->n_heads * a->head_dim / tp + a->kv_lora_rank + a->qk_rope_dim;
    } else if (a->kind == ATTN_LINEAR) {
        qkv = (2.0 * a->lin_key_heads * a->lin_key_dim +
               (double)a->lin_value_heads * a->lin_value_dim) /
              tp;
    }
    double width = g->dense_width + g->shared_width;
    double launches = SMALL_KERNELS_PER_LAYER + (width > 0.0 ? 1.0 : 0.0);
    double bytes = 12.0 * m * h + 4.0 * m * qkv + 6.0 * m * width;
    return launches * SMALL_KERNEL_S + bytes / (STREAM_EFF * sm->cfg.gpu->mem_bytes_per_s);
}

/* Of a matrix that no checkpoint quantises and every rank has whole. */
static double bf16_gemm_s(const struct step_model *sm, double m, double n, double k)
{
    struct gemm_unit unit = sm->head;
    unit.weight_bytes = 2.0;
    unit.act_bytes = 2.0;
    return gemm_time_s(&unit, m, n, k);
}

/* A draft layer projects the embedding of a token and the hidden state behind it to one. */
static bool is_draft_layer(const struct step_model *sm)
{
    return sm->whole && sm->whole->draft == sm && !sm->whole->cfg.draft;
}

void step_token_parts(const struct step_model *sm, double m, double *parts)
{
    memset(parts, 0, OP_N * sizeof *parts);
    for (int i = 0; i < sm->n_groups; i++) {
        const struct step_group *g = &sm->groups[i];
        struct gemm_shape shapes[MAX_SHAPES];
        int n = group_shapes(sm, g, m, shapes);
        double dense = 0.0;
        for (int s = 0; s < n; s++) {
            dense += gemm_time_s(shapes[s].unit, shapes[s].m, shapes[s].n, shapes[s].k);
        }
        parts[OP_DENSE] += g->n_layers * dense;
        parts[OP_OTHER] += g->n_layers * elementwise_s(sm, g, m);
    }
    parts[OP_ALLREDUCE] = comm_tensor_s(sm, m);
    if (sm->stage == 0) { /* embedding */
        parts[OP_OTHER] += 4.0 * m * (double)sm->cfg.model->hidden /
                           (STREAM_EFF * sm->cfg.gpu->mem_bytes_per_s);
    }
    if (is_draft_layer(sm)) {
        double h = (double)sm->cfg.model->hidden;
        parts[OP_DENSE] += bf16_gemm_s(sm, m, h, 2.0 * h);
    }
}

static double router_s(const struct step_model *sm, const struct step_group *g, double m)
{
    double hidden = (double)sm->cfg.model->hidden;
    return bf16_gemm_s(sm, m, g->mlp->n_experts, hidden) + ROUTER_FLOOR_S;
}

/* Tokens that a rank's expert kernels sort and permute: with a dispatch library those sent to
 * it, m (1 - (1 - 1/ep)^k); after an all-gather those of all ranks. 12,672 tokens, top-8 of 144
 * ranks: 687. */
static double tokens_seen(const struct step_model *sm, const struct step_group *g,
                          double m_group)
{
    if (sm->cfg.dp <= 1 || !comm_dispatch_kernel(sm, m_group / (sm->cfg.tp * sm->cfg.dp))) {
        return m_group;
    }
    return -m_group * expm1(g->mlp->top_k * log1p(-1.0 / sm->cfg.ep));
}

static double experts_s(const struct step_group *g, double tokens, double rows, double distinct)
{
    double t = moe_time_s(&g->moe, tokens, rows, distinct);
    bool both = g->two_kernels && tokens <= MIN_LATENCY_TOKENS;
    return both ? fmin(t, moe_time_s(&g->moe_other, tokens, rows, distinct)) : t;
}

void step_moe_parts(const struct step_model *sm, double m_group, double *parts)
{
    memset(parts, 0, OP_N * sizeof *parts);
    for (int i = 0; i < sm->n_groups; i++) {
        const struct step_group *g = &sm->groups[i];
        if (!g->routing) {
            continue;
        }
        struct moe_load load;
        moe_routing_at(g->routing, (int64_t)m_group, &load);
        if (sm->cfg.without.distinct_experts) {
            load.distinct_all = g->mlp->n_experts;
            load.distinct_rank = (double)g->mlp->n_experts / sm->cfg.ep;
        }
        double tokens = tokens_seen(sm, g, m_group);
        double even = experts_s(g, tokens, load.rows_mean,
                                fmin(load.distinct_all / sm->cfg.ep, load.distinct_rank));
        double slow = experts_s(g, tokens, load.rows_mean * load.imbalance, load.distinct_rank);
        parts[OP_EXPERTS] += g->n_layers * fmin(even, slow);
        parts[OP_IMBALANCE] += g->n_layers * fmax(0.0, slow - even);
        parts[OP_DENSE] += g->n_layers * router_s(sm, g, m_group / sm->cfg.dp);
        parts[OP_ALLTOALL] += g->n_layers * comm_dispatch_s(sm, g, m_group, load.imbalance);
    }
}

void step_alltoall_parts(const struct step_model *sm, double m_group, double *parts)
{
    memset(parts, 0, OP_N * sizeof *parts);
    for (int i = 0; i < sm->n_groups; i++) {
        const struct step_group *g = &sm->groups[i];
        struct moe_load load;
        if (g->routing) {
            moe_routing_at(g->routing, (int64_t)m_group, &load);
            parts[OP_ALLTOALL] += g->n_layers * comm_dispatch_s(sm, g, m_group, load.imbalance);
        }
    }
}

void step_head_parts(const struct step_model *sm, double n_sample, double *parts)
{
    const struct model *m = sm->cfg.model;
    double vocab = (double)m->vocab;
    memset(parts, 0, OP_N * sizeof *parts);
    parts[OP_DENSE] = gemm_time_s(&sm->head, n_sample, vocab / sm->cfg.tp, (double)m->hidden);
    parts[OP_OTHER] = SAMPLING_S + SAMPLING_PASSES * 4.0 * n_sample * vocab /
                                       (STREAM_EFF * sm->cfg.gpu->mem_bytes_per_s);
    if (sm->cfg.truncated_sampling) {
        parts[OP_OTHER] +=
            SORT_BYTES * n_sample * vocab / (STREAM_EFF * sm->cfg.gpu->mem_bytes_per_s);
    }
    parts[OP_ALLREDUCE] = comm_head_s(sm, n_sample);
}

/* ---- tables ------------------------------------------------------------------------------ */

static double *nan_table(int64_t n)
{
    double *t = xcalloc((size_t)n, sizeof *t);
    for (int64_t i = 0; i < n; i++) {
        t[i] = NAN;
    }
    return t;
}

void step_cache_init(struct step_cache *c, const struct step_model *model, int64_t max_tokens)
{
    memset(c, 0, sizeof *c);
    ASSERT(max_tokens > 0 && max_tokens <= STEP_MAX_TOKENS);
    int64_t group = max_tokens * model->cfg.dp;
    c->model = model;
    c->max_tokens = max_tokens;
    c->token_s = nan_table(max_tokens + 1);
    c->head_s = nan_table(max_tokens + 1);
    c->moe_s = nan_table(group + 1);
    c->alltoall_s = model->cfg.two_batch_overlap ? nan_table(group + 1) : NULL;
    c->token_n = xcalloc((size_t)max_tokens + 1, sizeof *c->token_n);
    c->head_n = xcalloc((size_t)max_tokens + 1, sizeof *c->head_n);
    c->moe_n = xcalloc((size_t)group + 1, sizeof *c->moe_n);
    c->graph_limit = model->cfg.cuda_graphs ? GRAPH_MAX_BATCH : 0;
    c->n_stages = model->stages ? model->cfg.pp : 0;
    c->stages = xcalloc((size_t)c->n_stages + 1, sizeof *c->stages);
    for (int i = 0; i < c->n_stages; i++) {
        step_cache_init(&c->stages[i], model->stages[i], max_tokens);
    }
    if (model->draft) {
        c->draft = xmalloc(sizeof *c->draft);
        step_cache_init(c->draft, model->draft, max_tokens);
    }
}

void step_cache_fini(struct step_cache *c)
{
    for (int i = 0; i < c->n_stages; i++) {
        step_cache_fini(&c->stages[i]);
    }
    if (c->draft) {
        step_cache_fini(c->draft);
        free(c->draft);
    }
    free(c->stages);
    free(c->token_s);
    free(c->head_s);
    free(c->moe_s);
    free(c->alltoall_s);
    free(c->token_n);
    free(c->head_n);
    free(c->moe_n);
    memset(c, 0, sizeof *c);
}

typedef void parts_fn(const struct step_model *sm, double m, double *parts);

static double parts_sum(parts_fn *fn, const struct step_model *sm, double m)
{
    double parts[OP_N];
    fn(sm, m, parts);
    double sum = 0.0;
    for (int i = 0; i < OP_N; i++) {
        sum += parts[i];
    }
    return sum;
}

/* The laws step at 128-token tiles and are smooth inside one: above STEP_EXACT_TOKENS the two
 * ends of a tile are computed and what lies between is linear. lo and hi are the ends, share
 * the weight. Experts have steps of their own, where their tile changes, and are computed at
 * every size. */
static double tile_ends(parts_fn *fn, int64_t m, int64_t *lo, int64_t *hi)
{
    if (m <= STEP_EXACT_TOKENS || fn == step_moe_parts || fn == step_alltoall_parts) {
        *lo = m;
        *hi = m;
        return 0.0;
    }
    *lo = (m - 1) / 128 * 128 + 1;
    *hi = *lo + 127;
    return (double)(m - *lo) / 127.0;
}

static double table_fill(double *table, int64_t n, parts_fn *fn, const struct step_model *sm,
                         int64_t m)
{
    int64_t lo;
    int64_t hi;
    double share = tile_ends(fn, m, &lo, &hi);
    if (share == 0.0 || m == hi) {
        table[m] = parts_sum(fn, sm, (double)m);
        return table[m];
    }
    if (isnan(table[lo])) {
        table[lo] = parts_sum(fn, sm, (double)lo);
    }
    double end = hi < n ? table[hi] : NAN;
    if (isnan(end)) {
        end = parts_sum(fn, sm, (double)hi);
        if (hi < n) {
            table[hi] = end;
        }
    }
    table[m] = table[lo] + share * (end - table[lo]);
    return table[m];
}

static inline double table_get(double *table, int64_t n, parts_fn *fn,
                               const struct step_model *sm, int64_t m)
{
    DASSERT(m >= 0 && m < n);
    double t = table[m];
    return isnan(t) ? table_fill(table, n, fn, sm, m) : t;
}

/* vLLM and kin capture graphs at 1, 2, 4 and multiples of 8: a decode batch is padded up. */
static inline int64_t graph_padded(const struct step_cache *c, int64_t n)
{
    if (n > c->graph_limit || n <= 2) {
        return n;
    }
    return n <= 4 ? 4 : (n + 7) & ~INT64_C(7);
}

/* ---- one step ---------------------------------------------------------------------------- */

/* Cached entries that the decoding sequences attend to in a layer of this kind. */
static inline double decode_entries(const struct step_kind *k, const struct step_batch *b)
{
    double entries = b->ctx_tokens[k->span] * k->ctx_scale;
    return k->recent < 0 ? entries : entries + b->ctx_tokens[k->recent];
}

static struct prefill_sums prefill_entries(const struct step_kind *k,
                                           const struct step_batch *b)
{
    struct prefill_sums p = b->prefill[k->span];
    p.pairs *= k->ctx_scale;
    p.keys *= k->ctx_scale;
    if (k->recent >= 0) {
        p.pairs += b->prefill[k->recent].pairs;
        p.keys += b->prefill[k->recent].keys;
    }
    return p;
}

/* The indexer scores every cached key once there are more of them than it may select. */
static double index_s(const struct step_kind *k, const struct step_batch *b)
{
    double n = (double)b->n_decode;
    double topk = (double)k->topk_tokens;
    bool decode = b->ctx_tokens[0] > n * topk;
    bool prefill = b->prefill[0].keys > b->prefill[0].chunks * topk;
    return attn_index_s(&k->unit, decode ? n : 0.0,
                        decode ? b->ctx_tokens[0] * k->ctx_scale : 0.0,
                        prefill ? b->prefill[0].pairs * k->ctx_scale : 0.0);
}

/* A call would cost every rank of every step. */
__attribute__((always_inline)) static inline double attention_s(const struct step_model *sm,
                                                                const struct step_batch *b)
{
    double total = 0.0;
    double n = (double)b->n_decode;
    for (int i = 0; i < sm->n_kinds; i++) {
        const struct step_kind *k = &sm->kinds[i];
        double t = 0.0;
        if (b->n_decode > 0) {
            t += attn_decode_s(&k->unit, n, decode_entries(k, b));
        }
        if (b->n_prefill_tokens > 0) {
            struct prefill_sums p = prefill_entries(k, b);
            t += attn_prefill_s(&k->unit, &p) + k->prefill_up_s +
                 p.keys * k->prefill_up_per_key_s;
            t -= b->n_decode > 0 ? k->unit.pre_t0_s : 0.0; /* one launch serves both */
        }
        if (k->indexed) {
            t += index_s(k, b);
        }
        total += k->n_layers * t;
    }
    return total;
}

/* KV cache of the decoding sequences read once at peak bandwidth. */
static inline double kv_floor_s(const struct step_model *sm, const struct step_batch *b)
{
    double total = 0.0;
    for (int i = 0; b->n_decode > 0 && i < sm->n_kinds; i++) {
        const struct step_kind *k = &sm->kinds[i];
        total += k->n_layers * k->unit.dec_floor_per_ctx_s * decode_entries(k, b);
    }
    return total;
}

/* Sequences that a step gives tokens: verified ones are sampled beside the next. */
static inline int64_t sequences_of(const struct step_model *sm, const struct step_batch *b)
{
    return b->n_sample - b->n_decode * sm->cfg.draft_tokens;
}

/* Planning, sampling and handing on the tokens of a step. */
static double engine_s(const struct step_cache *c, const struct step_batch *b)
{
    const struct engine_defaults *e = &c->model->cfg.defaults;
    return e->host_s + e->host_per_seq_s * (double)sequences_of(c->model, b);
}

/* The next token of each decoding sequence and those that are verified with it. */
static inline int64_t decode_tokens(const struct step_cache *c, const struct step_batch *b)
{
    return b->n_decode * (1 + c->model->cfg.draft_tokens);
}

/* Launching its kernels, which the GPU's work hides as far as it goes. */
static double launch_s(const struct step_cache *c, const struct step_batch *b)
{
    const struct step_model *sm = c->model;
    if (!sm->cfg.cuda_graphs) {
        return EAGER_LAYER_S * sm->cfg.model->n_layers;
    }
    bool captured = b->n_prefill_tokens == 0 && decode_tokens(c, b) <= c->graph_limit;
    return captured ? 0.0 : sm->cfg.defaults.prefill_launch_s * sm->pass_launches;
}

static inline double beyond(double launch_s, double gpu_s)
{
    return launch_s > gpu_s ? launch_s - gpu_s : 0.0;
}

/* Tokens a rank computes: its batch, padded to a captured graph when it only decodes. */
static inline int64_t computed_tokens(const struct step_cache *c, const struct step_batch *b)
{
    int64_t m = decode_tokens(c, b) + b->n_prefill_tokens;
    m = b->n_prefill_tokens == 0 ? graph_padded(c, m) : m;
    return m < c->max_tokens ? m : c->max_tokens;
}

/* The larger of 1 or 2 parts; a division would cost every step. */
static inline int64_t part_of(int64_t tokens, int n_parts)
{
    return n_parts == 1 ? tokens : (tokens + 1) / 2;
}

/* Attention, projections and head of one rank whose m tokens run in so many equal parts.
 * *attention: the first of them. */
__attribute__((always_inline)) static inline double rank_s(struct step_cache *c,
                                                           const struct step_batch *b,
                                                           int64_t m, int n_parts,
                                                           double *attention)
{
    const struct step_model *sm = c->model;
    int64_t part = part_of(m, n_parts);
    *attention = attention_s(sm, b);
    double t = *attention +
               n_parts * table_get(c->token_s, c->max_tokens + 1, step_token_parts, sm, part);
    if (b->n_sample > 0) {
        t += table_get(c->head_s, c->max_tokens + 1, step_head_parts, sm, b->n_sample);
    }
    return t;
}

/* Experts of the group in so many equal parts, dispatch included. */
static double experts_of_group_s(struct step_cache *c, int64_t group_tokens, int n_parts)
{
    const struct step_model *sm = c->model;
    if (!sm->moe_kernel[0] || group_tokens == 0) {
        return 0.0;
    }
    int64_t part = part_of(group_tokens, n_parts);
    c->moe_n[part] += (uint32_t)n_parts;
    return n_parts *
           table_get(c->moe_s, c->max_tokens * sm->cfg.dp + 1, step_moe_parts, sm, part);
}

/* One pass of what drafts over m tokens of the rank that sets the pace. */
static double draft_pass_s(struct step_cache *d, const struct step_batch *b, int64_t m,
                           int64_t group_tokens)
{
    double attention = 0.0;
    double t = rank_s(d, b, m, 1, &attention) + experts_of_group_s(d, group_tokens, 1);
    d->attention_s += attention;
    d->kv_floor_s += kv_floor_s(d->model, b);
    d->token_n[m]++;
    d->head_n[b->n_sample]++;
    return t;
}

/* Drafting for the next step. The first pass takes all tokens of this one with their hidden
 * states and proposes a token for each sequence, the others go on from that token by token
 * (vllm/v1/spec_decode/eagle.py propose, SGLang's draft extend and draft forward). Each pass
 * reads the draft layer's own cache; the host's part between passes is not counted, nor the
 * arithmetic of more than one query of a sequence in the first. */
__attribute__((noinline)) static double draft_s(struct step_cache *c,
                                                const struct step_batch *batches, int n_ranks,
                                                const struct step_batch *busiest, int64_t most,
                                                int64_t group_tokens)
{
    struct step_batch b = *busiest;
    b.n_sample = sequences_of(c->model, busiest);
    double first = draft_pass_s(c->draft, &b, most, group_tokens);
    int n_more = c->model->cfg.draft_tokens - 1;
    if (n_more == 0 || b.n_sample == 0) {
        return first;
    }
    int64_t group = 0;
    for (int r = 0; r < n_ranks; r++) {
        group += graph_padded(c->draft, sequences_of(c->model, &batches[r]));
    }
    b.n_prefill_tokens = 0;
    int64_t m = graph_padded(c->draft, b.n_sample);
    double more = 0.0;
    for (int i = 0; i < n_more; i++) {
        more += draft_pass_s(c->draft, &b, m, group);
    }
    return first + more;
}

/* Of two halves that take so long one after the other, what runs at the same time: the
 * all-to-all of one and the layers of the other. */
static double hidden_s(struct step_cache *c, int64_t group_tokens, double both_s)
{
    const struct step_model *sm = c->model;
    double alltoall = 2.0 * table_get(c->alltoall_s, c->max_tokens * sm->cfg.dp + 1,
                                      step_alltoall_parts, sm, (group_tokens + 1) / 2);
    return fmin(alltoall, both_s - alltoall);
}

static double step_floor_s(const struct step_model *sm, double m, double n_sample,
                           double m_group, double kv_s);

/* A deployment that was measured: T' = scale x T + offset, never below the physical floor. */
static double corrected_s(struct step_cache *c, double law_s, double floor_s)
{
    const struct step_config *cfg = &c->model->cfg;
    double t = fmax(cfg->step_scale * law_s + cfg->step_offset_s, floor_s);
    c->law_s += law_s;
    c->corrected_s += t;
    return t;
}

/* How many parts a step runs in: two halves when every rank has something for both. */
static inline int halves(const struct step_cache *c, const struct step_batch *batches,
                         int n_ranks)
{
    if (!c->model->cfg.two_batch_overlap) {
        return 1;
    }
    for (int r = 0; r < n_ranks; r++) {
        if (computed_tokens(c, &batches[r]) < 2) {
            return 1;
        }
    }
    return 2;
}

double step_time_s(struct step_cache *c, const struct step_batch *batches, int n_ranks)
{
    const struct step_model *sm = c->model;
    double t = 0.0;
    double attention = 0.0;
    int64_t group_tokens = 0;
    int64_t most = 0;
    const struct step_batch *busiest = batches;
    int n_parts = halves(c, batches, n_ranks);
    for (int r = 0; r < n_ranks; r++) {
        int64_t m = computed_tokens(c, &batches[r]);
        group_tokens += m;
        double a = 0.0;
        double rank = m > 0 ? rank_s(c, &batches[r], m, n_parts, &a) : 0.0;
        if (rank > t) {
            t = rank;
            attention = a;
            most = m;
            busiest = &batches[r];
        }
    }
    /* only the rank that sets the pace counts: the breakdown adds up to the time */
    c->token_n[part_of(most, n_parts)] += (uint32_t)n_parts;
    c->head_n[busiest->n_sample]++;
    t += experts_of_group_s(c, group_tokens, n_parts);
    if (n_parts > 1 && group_tokens > 0) {
        double hidden = hidden_s(c, group_tokens, t);
        c->hidden_s += hidden;
        t -= hidden;
    }
    if (c->draft && most > 0) {
        t += draft_s(c, batches, n_ranks, busiest, most, group_tokens);
    }
    double host = engine_s(c, busiest) + beyond(launch_s(c, busiest), t);
    c->attention_s += attention;
    double kv = kv_floor_s(sm, busiest);
    c->kv_floor_s += kv;
    c->host_s += host;
    c->n_steps++;
    if (sm->cfg.step_scale > 0.0) {
        double floor =
            step_floor_s(sm, (double)most, (double)busiest->n_sample, (double)group_tokens, kv);
        return corrected_s(c, t + host, floor);
    }
    return t + host;
}

bool step_can_glide(const struct step_model *model)
{
    return model->cfg.dp == 1 && !model->stages && !model->cfg.two_batch_overlap &&
           model->cfg.draft_tokens == 0;
}

static struct glide_kind glide_kind_of(const struct step_kind *k)
{
    return (struct glide_kind){
        .law = {.until_tokens = -INFINITY}, /* none yet */
        .n_layers = k->n_layers,
        .ctx_scale = k->ctx_scale,
        .floor_per_ctx_s = k->n_layers * k->unit.dec_floor_per_ctx_s,
        .span = k->span,
        .recent = k->recent,
        .indexed = k->indexed,
    };
}

void step_glide_begin(struct step_glide *g, struct step_cache *c, const struct step_batch *b)
{
    const struct step_model *sm = c->model;
    DASSERT(step_can_glide(sm) && b->n_decode > 0 && b->n_prefill_tokens == 0);
    int64_t m = computed_tokens(c, b);
    int64_t size = c->max_tokens + 1;
    g->cache = c;
    g->n_kinds = sm->n_kinds;
    g->n = (double)b->n_decode;
    g->tokens = m;
    g->token_s = table_get(c->token_s, size, step_token_parts, sm, m);
    g->head_s = table_get(c->head_s, size, step_head_parts, sm, b->n_sample);
    g->moe_s = sm->moe_kernel[0] ? table_get(c->moe_s, size, step_moe_parts, sm, m) : 0.0;
    g->host_s = engine_s(c, b);
    g->launch_s = launch_s(c, b);
    g->corrected = sm->cfg.step_scale > 0.0;
    g->n_steps = 0;
    for (int i = 0; i < sm->n_kinds; i++) {
        g->kinds[i] = glide_kind_of(&sm->kinds[i]);
    }
}

void step_glide_piece(struct step_glide *g, int kind, double entries)
{
    const struct step_kind *k = &g->cache->model->kinds[kind];
    g->kinds[kind].law = attn_decode_piece(&k->unit, g->n, entries);
}

double step_glide_index_s(const struct step_glide *g, int kind, const double *ctx_tokens)
{
    struct step_batch b = {.n_decode = (int64_t)g->n, .ctx_tokens = {ctx_tokens[0]}};
    return index_s(&g->cache->model->kinds[kind], &b);
}

double step_glide_corrected_s(struct step_glide *g, double law_s, double kv_floor_s)
{
    double m = (double)g->tokens;
    return corrected_s(g->cache, law_s, step_floor_s(g->cache->model, m, g->n, m, kv_floor_s));
}

void step_glide_end(const struct step_glide *g)
{
    struct step_cache *c = g->cache;
    c->token_n[g->tokens] += g->n_steps;
    c->head_n[(int64_t)g->n] += g->n_steps;
    if (c->model->moe_kernel[0]) {
        c->moe_n[g->tokens] += g->n_steps;
    }
    c->n_steps += g->n_steps;
}

void step_stages_s(struct step_cache *c, struct step_batch *batches, int n_ranks,
                   double *stage_s)
{
    int last = c->n_stages - 1;
    stage_s[last] = step_time_s(&c->stages[last], batches, n_ranks);
    for (int r = 0; r < n_ranks; r++) {
        batches[r].n_sample = 0; /* the others have no head */
    }
    for (int i = 0; i < last; i++) {
        stage_s[i] = step_time_s(&c->stages[i], batches, n_ranks);
    }
}

double step_core_s(const struct step_cache *c, const struct step_batch *batches, int n_ranks)
{
    const struct step_config *cfg = &c->model->cfg;
    int64_t most = 0;
    for (int r = 0; r < n_ranks; r++) {
        most = batches[r].n_sample > most ? batches[r].n_sample : most;
    }
    double t = cfg->defaults.host_s + cfg->defaults.host_per_seq_s * (double)most;
    return cfg->step_scale > 0.0 ? cfg->step_scale * t : t;
}

void step_add_chunk(const struct step_model *model, struct step_batch *b, int64_t p, int64_t n)
{
    b->n_prefill_tokens += n;
    for (int i = 0; i < model->n_spans; i++) {
        attn_chunk_sums(model->spans[i].span, model->spans[i].window_tokens, p, n,
                        &b->prefill[i]);
    }
}

/* ---- after the run ----------------------------------------------------------------------- */

static void add_parts(parts_fn *fn, const struct step_model *sm, const uint32_t *count,
                      int64_t n, double *parts)
{
    for (int64_t m = 1; m < n; m++) {
        if (count[m] == 0) {
            continue;
        }
        int64_t lo;
        int64_t hi;
        double share = tile_ends(fn, m, &lo, &hi);
        double at_lo[OP_N];
        double at_hi[OP_N];
        fn(sm, (double)lo, at_lo);
        fn(sm, (double)hi, at_hi);
        for (int i = 0; i < OP_N; i++) {
            parts[i] += count[m] * (at_lo[i] + share * (at_hi[i] - at_lo[i]));
        }
    }
}

/* Adds the mean over the stages and what is left of their time. */
static void add_stage_parts(const struct step_cache *c, double *parts)
{
    double stage[OP_N];
    double rest = c->pipeline_busy_s;
    for (int s = 0; s < c->n_stages; s++) {
        step_breakdown(&c->stages[s], stage);
        for (int i = 0; i < OP_N; i++) {
            parts[i] += stage[i] / c->n_stages;
        }
    }
    for (int i = 0; i < OP_N; i++) {
        rest -= parts[i];
    }
    parts[OP_BUBBLE] += fmax(0.0, rest);
}

void step_breakdown(const struct step_cache *c, double *parts)
{
    const struct step_model *sm = c->model;
    memset(parts, 0, OP_N * sizeof *parts);
    add_parts(step_token_parts, sm, c->token_n, c->max_tokens + 1, parts);
    add_parts(step_head_parts, sm, c->head_n, c->max_tokens + 1, parts);
    if (sm->moe_kernel[0]) {
        add_parts(step_moe_parts, sm, c->moe_n, c->max_tokens * sm->cfg.dp + 1, parts);
    }
    parts[OP_ATTENTION] += c->attention_s;
    parts[OP_HOST] += c->host_s;
    parts[OP_DENSE] += c->encoder_s;
    parts[OP_ALLTOALL] -= c->hidden_s;
    if (c->draft) {
        double draft[OP_N];
        step_breakdown(c->draft, draft);
        for (int i = 0; i < OP_N; i++) {
            parts[i] += draft[i];
        }
    }
    /* a correction does not say which part it belongs to: all alike, so that they add up */
    for (int i = 0; i < OP_N && c->law_s > 0.0; i++) {
        parts[i] *= c->corrected_s / c->law_s;
    }
    if (c->n_stages > 0) {
        add_stage_parts(c, parts);
    }
}

/* Bytes (as seconds at peak bandwidth) and arithmetic (as seconds at peak rate) of the weights
 * that a step of m tokens must read and use. */
struct work {
    double memory_s, compute_s;
};

static struct work token_work(const struct step_model *sm, double m)
{
    struct work w = {0.0, 0.0};
    for (int i = 0; i < sm->n_groups; i++) {
        const struct step_group *g = &sm->groups[i];
        struct gemm_shape s[MAX_SHAPES];
        int n = group_shapes(sm, g, m, s);
        for (int j = 0; j < n; j++) {
            double cells = g->n_layers * s[j].n * s[j].k;
            w.memory_s += s[j].unit->weight_bytes * cells / s[j].unit->bytes_per_s;
            w.compute_s += 2.0 * m * cells / s[j].unit->flops_per_s;
        }
    }
    return w;
}

static struct work head_work(const struct step_model *sm, double m)
{
    double cells = (double)sm->cfg.model->vocab / sm->cfg.tp * (double)sm->cfg.model->hidden;
    return (struct work){sm->head.weight_bytes * cells / sm->head.bytes_per_s,
                         2.0 * m * cells / sm->head.flops_per_s};
}

static struct work moe_work(const struct step_model *sm, double m)
{
    struct work w = {0.0, 0.0};
    for (int i = 0; i < sm->n_groups; i++) {
        const struct step_group *g = &sm->groups[i];
        if (!g->routing) {
            continue;
        }
        struct moe_load load;
        moe_routing_at(g->routing, (int64_t)m, &load);
        double cells = g->moe.n_matrices * g->moe.hidden * g->moe.width * g->n_layers;
        w.memory_s +=
            load.distinct_all / sm->cfg.ep * cells * g->moe.weight_bytes / g->moe.bytes_per_s;
        w.compute_s += 2.0 * load.rows_mean * cells / g->moe.flops_per_s;
    }
    return w;
}

static double step_floor_s(const struct step_model *sm, double m, double n_sample,
                           double m_group, double kv_s)
{
    struct work w = m > 0.0 ? token_work(sm, m) : (struct work){0.0, 0.0};
    struct work head = n_sample > 0.0 ? head_work(sm, n_sample) : (struct work){0.0, 0.0};
    bool experts = sm->moe_kernel[0] && m_group > 0.0;
    struct work moe = experts ? moe_work(sm, m_group) : (struct work){0.0, 0.0};
    return fmax(w.memory_s + head.memory_s + moe.memory_s + kv_s,
                w.compute_s + head.compute_s + moe.compute_s);
}

static void add_work(struct work (*fn)(const struct step_model *, double),
                     const struct step_model *sm, const uint32_t *count, int64_t n,
                     struct step_work *out)
{
    for (int64_t m = 1; m < n; m++) {
        if (count[m] > 0) {
            struct work w = fn(sm, (double)m);
            out->memory_s += count[m] * w.memory_s;
            out->compute_s += count[m] * w.compute_s;
        }
    }
}

void step_work(const struct step_cache *c, struct step_work *out)
{
    const struct step_model *sm = c->model;
    *out = (struct step_work){.memory_s = c->kv_floor_s};
    add_work(token_work, sm, c->token_n, c->max_tokens + 1, out);
    add_work(head_work, sm, c->head_n, c->max_tokens + 1, out);
    if (sm->moe_kernel[0]) {
        add_work(moe_work, sm, c->moe_n, c->max_tokens * sm->cfg.dp + 1, out);
    }
    if (c->draft) {
        struct step_work draft;
        step_work(c->draft, &draft);
        out->memory_s += draft.memory_s;
        out->compute_s += draft.compute_s;
    }
    for (int s = 0; s < c->n_stages; s++) {
        struct step_work stage;
        step_work(&c->stages[s], &stage);
        out->memory_s += stage.memory_s / c->n_stages;
        out->compute_s += stage.compute_s / c->n_stages;
    }
}
