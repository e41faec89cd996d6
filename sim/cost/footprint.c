/* SPDX-License-Identifier: GPL-3.0-or-later */
/* footprint.c - what a rank needs besides weights, and what each engine's rule leaves for the
 * KV cache (cost-model.md section 5.2). Constants are logged or published, dated beside each.
 *
 * vLLM      KV = util * total - weights - activation peak - graphs - what the libraries took
 * since its first measurement. CUDA context and NCCL are older than that, so they lie in the
 * share it leaves free (vllm-project/vllm#25359, 2025-09; releases before 0.11 counted NCCL).
 * SGLang    KV = fraction * (total - context - NCCL) - weights; activations and graphs use the
 * rest. TRT-LLM   KV = fraction * (total - all else). Ignores: allocator fragmentation, the
 * larger peak of a first start that still compiles. */
#include "sim/cost/footprint.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/cost/pipeline.h"

static const double GIB = 1024.0 * 1024.0 * 1024.0;
static const double MIB = 1024.0 * 1024.0;

/* Activation bytes per token over 2 * heads * head width at tp 1, 2, 4, 8 (aiconfigurator,
 * 2026-08; a logged Llama 3 8B at 8192 tokens peaks at 1.19 to 1.26 GiB, this gives 1.06). */
static const double ACTIVATIONS_DENSE[] = {11.0, 6.5, 5.0, 5.0};
static const double ACTIVATIONS_MOE[] = {22.0, 13.0, 10.0, 10.0};
static const double ACTIVATIONS_SGLANG = 14.0 / 11.0 * 1.15;

static int tp_class(int tp)
{
    return tp >= 8 ? 3 : tp >= 4 ? 2 : tp >= 2 ? 1 : 0;
}

static double widest_attention(const struct model *m)
{
    double widest = 0.0;
    for (int i = 0; i < m->n_groups; i++) {
        const struct attn_spec *a = &m->groups[i].attn;
        double width = a->kind == ATTN_LINEAR ? (double)a->lin_value_heads * a->lin_value_dim
                                              : (double)a->n_heads * a->v_head_dim;
        widest = fmax(widest, width);
    }
    return widest;
}

/* Token copies sorted by expert, in tiles of 128 rows, fp32 (aiconfigurator). */
static double moe_workspace_bytes(const struct footprint_config *cfg)
{
    const struct mlp_spec *p = model_moe_spec(cfg->model);
    if (p == NULL) {
        return 0.0;
    }
    double copies =
        (double)cfg->max_batched_tokens * cfg->dp * p->n_experts * p->top_k / cfg->ep;
    return copies / 128.0 * (double)cfg->model->hidden * 4.0;
}

static double layers_bytes(const struct footprint_config *cfg)
{
    bool moe = model_is_moe(cfg->model);
    double factor = (moe ? ACTIVATIONS_MOE : ACTIVATIONS_DENSE)[tp_class(cfg->tp)];
    double width = fmin(widest_attention(cfg->model), 2.0 * (double)cfg->model->hidden);
    double bytes = 2.0 * (double)cfg->max_batched_tokens * width * factor;
    return bytes * (cfg->engine == ENGINE_SGLANG ? ACTIVATIONS_SGLANG : 1.0) +
           moe_workspace_bytes(cfg);
}

/* Of the last stage. Engines probe their sampler with every slot in use while the hidden states
 * of the step still stand: fp32 logits, their sorted copy with 8-byte indices, and
 * probabilities: 20 bytes per vocabulary entry. */
static double sampler_bytes(const struct footprint_config *cfg)
{
    const struct model *m = cfg->model;
    if (cfg->stage < cfg->pp - 1) {
        return 0.0;
    }
    return 20.0 * (double)cfg->max_seqs * (double)m->vocab +
           2.0 * (double)cfg->max_batched_tokens * (double)m->hidden;
}

/* The layers' peak is over when the sampler runs. */
static double activations_bytes(const struct footprint_config *cfg)
{
    return fmax(layers_bytes(cfg), sampler_bytes(cfg));
}

/* NCCL and custom all-reduce buffers of one rank. Multicast (NVLS) on NVSwitch generations 4
 * and 5 takes most: sgl-project/sglang#11716 logs 1.77 to 2.01 GB at TP8 on H200 (2025-10); 0.2
 * GiB on PCIe boards (vllm-project/vllm#14447, #13061); 0.38 GiB otherwise (aiconfigurator
 * systems, 2026-08). */
static double nccl_bytes(const struct footprint_config *cfg)
{
    const char *link = cfg->gpu->link;
    if (cfg->tp * cfg->dp * cfg->pp == 1) {
        return 0.0;
    }
    if (strcmp(link, "nvlink4") == 0 || strcmp(link, "nvlink5") == 0) {
        return 1.8 * GIB;
    }
    return (strncmp(link, "pcie", 4) == 0 ? 0.2 : 0.38) * GIB;
}

/* DeepEP low-latency buffers: send and receive slots for 128 tokens of every expert, bf16,
 * doubled so that two calls overlap. Experts divided among attention data-parallel ranks need
 * all-to-all. */
static double all_to_all_bytes(const struct footprint_config *cfg)
{
    const struct mlp_spec *p = model_moe_spec(cfg->model);
    if (p == NULL || cfg->ep <= 1 || cfg->dp <= 1) {
        return 0.0;
    }
    return 4.0 * p->n_experts * 128.0 * (2.0 * (double)cfg->model->hidden + 16.0);
}

/* The share SGLang 0.5.16 leaves to weights and KV unless told (server_args.py, 2026-08). */
static double sglang_fraction(const struct footprint_config *cfg)
{
    double total_mib = cfg->gpu->mem_bytes / MIB;
    double gib = total_mib / 1024.0;
    bool wide = cfg->tp >= 4;
    double graph_seqs = gib < 35.0    ? (wide ? 80.0 : 24.0)
                        : gib < 60.0  ? (wide ? 160.0 : 32.0)
                        : gib < 160.0 ? (wide ? 512.0 : 256.0)
                                      : 512.0;
    int64_t chunk = cfg->defaults.chunked_prefill > 0 ? cfg->defaults.chunked_prefill
                                                      : cfg->max_batched_tokens;
    double reserved_mib = 512.0 + 1.5 * (double)chunk + 2.0 * graph_seqs;
    reserved_mib += cfg->tp * cfg->pp / 8.0 * 1024.0;
    if (cfg->dp > 1) {
        reserved_mib += (graph_seqs > 300.0 ? 4.5 : 3.0) * graph_seqs * cfg->dp;
    }
    reserved_mib = gib > 60.0 ? fmax(reserved_mib, 10240.0) : reserved_mib;
    return fmax(0.0, (total_mib - reserved_mib) / total_mib);
}

static double share_of_memory(const struct footprint_config *cfg)
{
    if (!isnan(cfg->mem_util_frac)) {
        return cfg->mem_util_frac;
    }
    return isnan(cfg->defaults.mem_util) ? sglang_fraction(cfg) : cfg->defaults.mem_util;
}

/* vLLM logs 0.05 to 0.12 GiB of libraries on one GPU, 0.20 to 0.25 on several (2025). */
static double vllm_kv_bytes(const struct footprint_config *cfg, const struct footprint *f)
{
    double share = share_of_memory(cfg) * f->total_bytes;
    double own = f->weights_bytes + f->activations_bytes + f->graphs_bytes;
    double before = f->context_bytes + nccl_bytes(cfg);
    double since = (cfg->tp * cfg->dp * cfg->pp > 1 ? 0.2 : 0.1) * GIB + all_to_all_bytes(cfg);
    return fmin(share - own - since, f->total_bytes - before - own - all_to_all_bytes(cfg));
}

static double sglang_kv_bytes(const struct footprint_config *cfg, const struct footprint *f)
{
    double at_start = f->total_bytes - f->context_bytes - f->comm_bytes;
    return share_of_memory(cfg) * at_start - f->weights_bytes;
}

static double trtllm_kv_bytes(const struct footprint_config *cfg, const struct footprint *f)
{
    double rest = f->total_bytes - f->weights_bytes - f->activations_bytes - f->graphs_bytes -
                  f->comm_bytes - f->context_bytes;
    return rest > 0.0 ? share_of_memory(cfg) * rest : rest;
}

/* Bytes the engine would give to the KV cache; negative when it cannot even hold the rest. */
static double left_for_kv(const struct footprint_config *cfg, const struct footprint *f)
{
    switch (cfg->engine) {
    case ENGINE_SGLANG:
        return sglang_kv_bytes(cfg, f);
    case ENGINE_TRTLLM:
        return trtllm_kv_bytes(cfg, f);
    case ENGINE_VLLM:
    case ENGINE_STATIC:
        break;
    }
    return vllm_kv_bytes(cfg, f);
}

/* A draft model caches the same tokens in blocks of the same size; its windows give nothing
 * back. */
static void add_draft_model(const struct footprint_config *cfg, struct kv_layout *layout)
{
    struct kv_layout own;
    kv_layout_init(&own, cfg->draft, cfg->kv, cfg->tp, layout->block_tokens, false);
    layout->full_block_bytes += own.full_block_bytes;
    layout->state_bytes += own.state_bytes;
}

/* Draft layers cache as the model's last layer does. State of constant size is kept behind each
 * token that is verified, to go on from the last accepted one. */
static void layout_of_rank(const struct footprint_config *cfg, struct kv_layout *layout)
{
    struct model m = *cfg->model;
    int64_t block = cfg->defaults.block_tokens > 0 ? cfg->defaults.block_tokens : 16;
    if (cfg->draft_tokens > 0 && !cfg->draft) {
        m.groups[m.group_of[m.n_layers - 1]].n_layers += m.mtp_layers > 0 ? m.mtp_layers : 1;
    }
    kv_layout_init(layout, &m, cfg->kv, cfg->tp, block, cfg->windows_freed);
    if (cfg->draft) {
        add_draft_model(cfg, layout);
    }
    layout->state_bytes *= 1 + cfg->draft_tokens;
}

/* Tokens in the pool when sequences are max_model_len long, as engines report it. */
static int64_t capacity_tokens(const struct footprint_config *cfg, const struct footprint *f)
{
    const struct kv_layout *l = &f->kv;
    if (l->n_windows == 0 && l->state_bytes == 0 && l->full_block_bytes > 0) {
        return (int64_t)f->kv_bytes / l->full_block_bytes * l->block_tokens;
    }
    double longest = (double)kv_peak_bytes(l, cfg->max_model_len);
    return longest > 0.0 ? (int64_t)(f->kv_bytes / longest * (double)cfg->max_model_len) : 0;
}

/* 22100 as "22,100". */
static const char *with_commas(int64_t n, char buf[32])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRId64, n);
    int at = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            buf[at++] = ',';
        }
        buf[at++] = digits[i];
    }
    buf[at] = '\0';
    return buf;
}

static void explain(const struct footprint_config *cfg, struct footprint *f, double left,
                    double sequence)
{
    double total = f->total_bytes / GIB;
    double missing = f->missing_bytes / GIB;
    if (f->weights_bytes > f->total_bytes) {
        snprintf(f->reason, sizeof f->reason,
                 "weights need %.1f GiB of %.1f GiB per GPU; with overheads and one sequence "
                 "%.1f GiB are missing",
                 f->weights_bytes / GIB, total, missing);
    } else if (left <= 0.0) {
        snprintf(f->reason, sizeof f->reason,
                 "weights of %.1f GiB and overheads leave nothing of %.1f GiB per GPU for KV: "
                 "%.1f GiB are missing",
                 f->weights_bytes / GIB, total, missing);
    } else {
        char wanted[32];
        char longest[32];
        snprintf(
            f->reason, sizeof f->reason,
            "one sequence of %s tokens needs %.1f GiB of KV, %.1f GiB are left; the longest "
            "that fits is %s tokens",
            with_commas(cfg->max_model_len, wanted), sequence / GIB, left / GIB,
            with_commas(f->longest_tokens, longest));
    }
}

static void add_overheads(const struct footprint_config *cfg, struct footprint *f)
{
    f->activations_bytes = activations_bytes(cfg) + footprint_staging_bytes(cfg);
    f->graphs_bytes = cfg->cuda_graphs ? cfg->defaults.graph_bytes : 0.0;
    f->comm_bytes = nccl_bytes(cfg) + all_to_all_bytes(cfg);
    f->context_bytes = cfg->defaults.context_bytes;
}

static void fill_pool(const struct footprint_config *cfg, struct footprint *f, double left,
                      int64_t sequence)
{
    f->kv_bytes = floor(left);
    f->kv_tokens = capacity_tokens(cfg, f);
    f->max_sequences = sequence > 0 ? (int64_t)f->kv_bytes / sequence : 0;
    f->free_bytes =
        fmax(0.0, f->total_bytes - f->weights_bytes - f->activations_bytes - f->graphs_bytes -
                      f->comm_bytes - f->context_bytes - f->kv_bytes);
}

static void compute_stage(const struct footprint_config *cfg, struct footprint *out)
{
    memset(out, 0, sizeof *out);
    out->total_bytes = cfg->gpu->mem_bytes;
    footprint_weights(cfg, out);
    add_overheads(cfg, out);
    layout_of_rank(cfg, &out->kv);
    double left = left_for_kv(cfg, out);
    int64_t sequence = kv_peak_bytes(&out->kv, cfg->max_model_len);
    out->longest_tokens = kv_longest(&out->kv, (int64_t)floor(left));
    out->fits = left > 0.0 && left >= (double)sequence;
    if (out->fits) {
        fill_pool(cfg, out, left, sequence);
        return;
    }
    out->missing_bytes = (double)sequence - left;
    explain(cfg, out, left, (double)sequence);
}

static void compute_part(const struct footprint_config *cfg, int stage, struct footprint *out)
{
    struct model part;
    struct footprint_config c = *cfg;
    pipeline_part(cfg->model, cfg->engine, cfg->pp, stage, &part);
    pipeline_checkpoint(&cfg->checkpoint, cfg->pp, stage, &c.checkpoint);
    c.model = &part;
    c.stage = stage;
    compute_stage(&c, out);
}

/* Is there less room in a than in b? */
static bool is_tighter(const struct footprint *a, const struct footprint *b)
{
    if (a->fits != b->fits) {
        return !a->fits;
    }
    return a->fits ? a->kv_tokens < b->kv_tokens : a->missing_bytes > b->missing_bytes;
}

void footprint_compute(const struct footprint_config *cfg, struct footprint *out)
{
    if (cfg->pp == 1) {
        compute_stage(cfg, out);
        out->all_kv = out->kv;
        return;
    }
    compute_part(cfg, 0, out);
    for (int stage = 1; stage < cfg->pp; stage++) {
        struct footprint other;
        compute_part(cfg, stage, &other);
        if (is_tighter(&other, out)) {
            *out = other;
        }
    }
    layout_of_rank(cfg, &out->all_kv);
}
