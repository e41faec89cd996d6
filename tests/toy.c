/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/toy.h"

#include <math.h>
#include <string.h>

#include "sim/base/mem.h"

const struct request_limits toy_limits[4] = {{INFINITY, INFINITY, INFINITY},
                                             {INFINITY, INFINITY, INFINITY},
                                             {INFINITY, INFINITY, INFINITY},
                                             {INFINITY, INFINITY, INFINITY}};

static struct layer_group layers(int n, enum attn_span span, int64_t window_tokens)
{
    return (struct layer_group){
        .n_layers = n,
        .attn =
            {
                .kind = ATTN_GQA,
                .span = span,
                .window_tokens = window_tokens,
                .n_heads = 4,
                .n_kv_heads = 2,
                .head_dim = 64,
                .v_head_dim = 64,
            },
        .mlp = {.intermediate = 512, .n_matrices = 3},
    };
}

static void toy_model(struct model *m, enum toy_spans spans)
{
    memset(m, 0, sizeof *m);
    m->name = "toy";
    m->n_layers = 4;
    m->hidden = 256;
    m->vocab = 1000;
    m->max_context_tokens = 1 << 20;
    m->native = DTYPE_BF16;
    m->groups[m->n_groups++] = layers(2, SPAN_FULL, 0);
    if (spans == TOY_SLIDING || spans == TOY_BOTH) {
        m->groups[m->n_groups++] = layers(1, SPAN_SLIDING, TOY_WINDOW_TOKENS);
    }
    if (spans == TOY_CHUNKED || spans == TOY_BOTH) {
        m->groups[m->n_groups++] = layers(1, SPAN_CHUNKED, TOY_CHUNK_TOKENS);
    }
    m->n_layers = 0;
    for (int g = 0; g < m->n_groups; g++) {
        for (int i = 0; i < m->groups[g].n_layers; i++) {
            m->group_of[m->n_layers++] = (unsigned char)g;
        }
    }
}

static void toy_gpu(struct toy *t)
{
    t->gpu = (struct gpu){.name = "toy-gpu",
                          .label = "toy",
                          .vendor = "toy",
                          .arch = "toy",
                          .mem_bytes = 1e9,
                          .mem_bytes_per_s = 1e10,
                          .n_sm = 8,
                          .l2_bytes = 1e6,
                          .link = "none",
                          .link_bytes_per_s = 1e10,
                          .scaleup_gpus = 8,
                          .pcie_bytes_per_s = 1e10,
                          .tdp_w = 100,
                          .idle_w = 10,
                          .nearest = "",
                          .source = "",
                          .as_of = "",
                          .estimated = ""};
    t->gpu.flops_per_s[DTYPE_BF16] = 1e12;
    t->gpus = (struct gpu_list){&t->gpu, 1};
    struct kernel_key key = {.sku = "toy-gpu",
                             .engine = "vllm",
                             .version = "",
                             .dtype = "bf16",
                             .kernel = "",
                             .source = "",
                             .err_median_frac = NAN};
    t->gemm = (struct gemm_consts){.key = key, .t0_s = 3e-6, .ec = 0.7, .em = 0.8, .p = 2.0};
    struct attn_consts a = {.key = key, .t0_s = 4e-6, .em = 0.7, .ec = 0.5, .p = 2.0};
    t->attn[0] = a;
    t->attn[1] = a;
    t->attn[1].is_prefill = true;
    t->kernels =
        (struct kernel_set){.gemm = &t->gemm, .attn = t->attn, .n_gemm = 1, .n_attn = 2};
}

static struct step_model *toy_step(struct toy *t, int pp, int dp)
{
    struct step_config c = {.model = &t->model,
                            .kv = DTYPE_BF16,
                            .gpu = &t->gpu,
                            .gpus = &t->gpus,
                            .kernels = &t->kernels,
                            .fabric = &t->fabric,
                            .engine = ENGINE_VLLM,
                            .engine_version = "",
                            .defaults = {.host_s = 1e-4, .host_per_seq_s = 1e-6},
                            .moe_backend = "",
                            .tp = 1,
                            .pp = pp,
                            .ep = 1,
                            .dp = dp,
                            .cuda_graphs = true};
    c.checkpoint = (struct checkpoint){.name = "",
                                       .weights = DTYPE_BF16,
                                       .scheme = QUANT_NONE,
                                       .attn = DTYPE_BF16,
                                       .dense = DTYPE_BF16,
                                       .experts = DTYPE_BF16,
                                       .shared = DTYPE_BF16,
                                       .lm_head = DTYPE_BF16,
                                       .source = ""};
    struct err err = {0};
    struct step_model *step = step_model_new(&c, &err);
    ASSERT(step != NULL);
    return step;
}

void toy_init(struct toy *t, enum toy_spans spans, int dp, int64_t n_kv_tokens)
{
    memset(t, 0, sizeof *t);
    toy_model(&t->model, spans);
    toy_gpu(t);
    t->step = toy_step(t, 1, dp);
    t->replica = (struct replica_config){
        .model = t->step,
        .sched =
            {
                .kind = ENGINE_VLLM,
                .max_batched_tokens = 256,
                .max_seqs = 64,
                .max_model_len = INT64_C(1) << 40,
                .recv_interval = 1,
                .wait_ratio = 1.0,
            },
    };
    kv_layout_init(&t->replica.kv, &t->model, DTYPE_BF16, 1, TOY_BLOCK_TOKENS, true);
    t->replica.kv_bytes = kv_bytes(&t->replica.kv, n_kv_tokens);
}

void toy_fini(struct toy *t)
{
    step_model_free(t->step);
}

void toy_stages(struct toy *t, int pp)
{
    int dp = t->step->cfg.dp;
    step_model_free(t->step);
    t->step = toy_step(t, pp, dp);
    t->replica.model = t->step;
}

struct load_class toy_class(enum load_process process, int64_t prompt_tokens,
                            int64_t output_tokens)
{
    return (struct load_class){
        .name = "toy",
        .process = process,
        .rate_rps = 10.0,
        .cv = 1.0,
        .concurrency = 4,
        .trace_speed = 1.0,
        .trace_repeat = 1,
        .prompt = {.kind = DIST_CONSTANT, .a = (double)prompt_tokens},
        .output = {.kind = DIST_CONSTANT, .a = (double)output_tokens},
    };
}
