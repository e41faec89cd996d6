/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arch.c - model families. A family is a way to read attention, a way to read MLPs and a few
 * traits its config.json leaves unsaid. Each reader registers the distinct attention (or MLP)
 * variants and says which variant each layer has; layers with the same pair form a group, in
 * order of appearance. Ignored: rotary details, activation functions, routing functions and
 * biases (no cost worth a model), hyper-connections and residual mixing between layers. */
#include "models/arch.h"

#include <string.h>

#include "models/cfg.h"

enum { MAX_LAYERS = 1024, MAX_VARIANTS = 6, MAX_HEADS = 4096, MAX_DIM = 16384 };
enum { MAX_WIDTH = 10 * 1000 * 1000 };

enum trait {
    TRAIT_QKV_BIAS = 1,
    TRAIT_QK_NORM = 2,
    TRAIT_QK_NORM_FULL = 4,  /* the norm runs over all heads */
    TRAIT_WINDOW_ALL = 8,    /* "sliding_window" holds in every layer */
    TRAIT_SHARED_WIDTH = 16, /* one shared expert as wide as a routed one, not in the config */
    TRAIT_TIED = 32,         /* embeddings are tied unless the config says otherwise */
};

struct plan {
    struct attn_spec attn[MAX_VARIANTS];
    struct mlp_spec mlp[2]; /* dense, MoE */
    unsigned char attn_of[MAX_LAYERS], mlp_of[MAX_LAYERS];
};

struct reader {
    struct cfg cfg;
    struct model *m;
    unsigned traits;
    struct plan plan;
};

struct family {
    const char *model_type;
    void (*attn)(struct reader *r);
    void (*mlp)(struct reader *r);
    unsigned traits;
};

/* Element i of a list is this text (NULL list: false). */
static bool element_is(const struct node *list, int i, const char *text)
{
    const struct node *node = list != NULL ? list->child : NULL;
    while (node != NULL && i > 0) {
        node = node->next;
        i--;
    }
    return node != NULL && node->text != NULL && strcmp(node->text, text) == 0;
}

/* A list of layer numbers contains i. */
static bool list_has(const struct node *list, int i)
{
    char text[16];
    snprintf(text, sizeof text, "%d", i);
    for (const struct node *n = list != NULL ? list->child : NULL; n != NULL; n = n->next) {
        if (n->text != NULL && strcmp(n->text, text) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- attention ---- */

static void read_heads(struct reader *r, struct attn_spec *a)
{
    struct cfg *c = &r->cfg;
    a->kind = ATTN_GQA;
    a->n_heads = cfg_count(c, "num_attention_heads", 1, MAX_HEADS, CFG_REQUIRED);
    a->n_kv_heads = cfg_count(c, "num_key_value_heads", 1, MAX_HEADS, a->n_heads);
    if (c->ok && a->n_heads % a->n_kv_heads != 0) {
        cfg_fail(c, "num_key_value_heads",
                 "num_attention_heads (%d) must be a multiple of %s (%d)", a->n_heads,
                 "num_key_value_heads", a->n_kv_heads);
    }
    if (c->ok && cfg_get(c, "head_dim") == NULL && r->m->hidden % a->n_heads != 0) {
        cfg_fail(c, "num_attention_heads",
                 "hidden_size (%lld) must be a multiple of num_attention_heads (%d) without "
                 "head_dim",
                 (long long)r->m->hidden, a->n_heads);
    }
    a->head_dim = cfg_count(c, "head_dim", 1, MAX_DIM, r->m->hidden / a->n_heads);
    a->v_head_dim = a->head_dim;
    a->qkv_bias = cfg_flag(c, "attention_bias", (r->traits & TRAIT_QKV_BIAS) != 0);
    a->qk_norm = cfg_flag(c, "use_qk_norm", (r->traits & TRAIT_QK_NORM) != 0);
    a->qk_norm_full = a->qk_norm && (r->traits & TRAIT_QK_NORM_FULL) != 0;
    a->output_gate = cfg_flag(c, "attn_output_gate", false);
}

/* The second variant: the first one, but seeing only a window. */
static void add_window(struct reader *r, enum attn_span span, const char *key)
{
    r->plan.attn[1] = r->plan.attn[0];
    r->plan.attn[1].span = span;
    r->plan.attn[1].window_tokens = cfg_int(&r->cfg, key, 1, INT32_MAX, CFG_REQUIRED);
}

/* Full attention, or windows by "layer_types", by "sliding_window_pattern" (every n-th layer
 * full), or in every layer (Mistral 7B). */
static void attn_gqa(struct reader *r)
{
    struct cfg *c = &r->cfg;
    read_heads(r, &r->plan.attn[0]);
    const struct node *types = cfg_list(c, "layer_types", r->m->n_layers);
    int pattern = cfg_count(c, "sliding_window_pattern", 1, MAX_LAYERS, 0);
    bool all = (r->traits & TRAIT_WINDOW_ALL) != 0 && cfg_get(c, "sliding_window") != NULL;
    for (int i = 0; c->ok && i < r->m->n_layers; i++) {
        bool windowed = types != NULL ? element_is(types, i, "sliding_attention")
                        : pattern > 0 ? (i + 1) % pattern != 0
                                      : all;
        if (windowed && r->plan.attn[1].window_tokens == 0) {
            add_window(r, SPAN_SLIDING, "sliding_window");
        }
        r->plan.attn_of[i] = windowed;
    }
}

/* Llama 4: every fourth layer has no rotary embedding and sees everything, the others a chunk.
 */
static void attn_llama4(struct reader *r)
{
    struct cfg *c = &r->cfg;
    read_heads(r, &r->plan.attn[0]);
    add_window(r, SPAN_CHUNKED, "attention_chunk_size");
    const struct node *rope = cfg_get(c, "no_rope_layers");
    rope = rope != NULL && rope->n_children == r->m->n_layers ? rope : NULL;
    int interval = cfg_count(c, "no_rope_layer_interval", 1, MAX_LAYERS, 4);
    for (int i = 0; c->ok && i < r->m->n_layers; i++) {
        bool full = rope != NULL ? element_is(rope, i, "0") : (i + 1) % interval == 0;
        r->plan.attn_of[i] = !full;
    }
}

static void read_indexer(struct reader *r, struct attn_spec *a)
{
    struct cfg *c = &r->cfg;
    if (cfg_get(c, "index_topk") == NULL) {
        return;
    }
    a->index_n_heads = cfg_count(c, "index_n_heads", 1, MAX_HEADS, CFG_REQUIRED);
    a->index_head_dim = cfg_count(c, "index_head_dim", 1, MAX_DIM, CFG_REQUIRED);
    a->index_topk_tokens = cfg_int(c, "index_topk", 1, INT32_MAX, CFG_REQUIRED);
    a->index_block_tokens = 1;
}

static void read_mla(struct reader *r, struct attn_spec *a)
{
    struct cfg *c = &r->cfg;
    a->kind = ATTN_MLA;
    a->n_heads = cfg_count(c, "num_attention_heads", 1, MAX_HEADS, CFG_REQUIRED);
    a->n_kv_heads = 1;
    a->q_lora_rank = cfg_count(c, "q_lora_rank", 1, MAX_DIM, 0);
    a->kv_lora_rank = cfg_count(c, "kv_lora_rank", 1, MAX_DIM, CFG_REQUIRED);
    a->qk_nope_dim = cfg_count(c, "qk_nope_head_dim", 1, MAX_DIM, CFG_REQUIRED);
    a->qk_rope_dim = cfg_count(c, "qk_rope_head_dim", 0, MAX_DIM, CFG_REQUIRED);
    a->v_head_dim = cfg_count(c, "v_head_dim", 1, MAX_DIM, CFG_REQUIRED);
    a->head_dim = a->qk_nope_dim + a->qk_rope_dim;
    a->output_gate = cfg_flag(c, "mla_use_output_gate", false);
}

/* Layers whose "indexer_types" is "shared" reuse the selection of the last "full" one. */
static void attn_mla(struct reader *r)
{
    struct attn_spec *a = r->plan.attn;
    read_mla(r, a);
    read_indexer(r, a);
    a[1] = a[0];
    a[1].index_n_heads = 0;
    a[1].index_head_dim = 0;
    const struct node *types = cfg_list(&r->cfg, "indexer_types", r->m->n_layers);
    for (int i = 0; r->cfg.ok && i < r->m->n_layers; i++) {
        r->plan.attn_of[i] = element_is(types, i, "shared");
    }
}

/* Gemma 4: global layers have their own head size and KV heads, and no V projection. */
static void attn_gemma4(struct reader *r)
{
    struct cfg *c = &r->cfg;
    attn_gqa(r);
    struct attn_spec *full = &r->plan.attn[0];
    full->head_dim = cfg_count(c, "global_head_dim", 1, MAX_DIM, full->head_dim);
    full->v_head_dim = full->head_dim;
    full->n_kv_heads =
        cfg_count(c, "num_global_key_value_heads", 1, MAX_HEADS, full->n_kv_heads);
    full->k_eq_v = cfg_flag(c, "attention_k_eq_v", false);
    if (c->ok && full->n_heads % full->n_kv_heads != 0) {
        cfg_fail(
            c, "num_global_key_value_heads",
            "num_attention_heads (%d) must be a multiple of num_global_key_value_heads (%d)",
            full->n_heads, full->n_kv_heads);
    }
}

/* Qwen3-Next and Qwen3.5: gated delta net, every n-th layer full attention. */
static void attn_gated_delta(struct reader *r)
{
    struct cfg *c = &r->cfg;
    struct attn_spec *lin = &r->plan.attn[1];
    read_heads(r, &r->plan.attn[0]);
    r->plan.attn[0].output_gate = cfg_flag(c, "attn_output_gate", true);
    lin->kind = ATTN_LINEAR;
    lin->lin_key_heads = cfg_count(c, "linear_num_key_heads", 1, MAX_HEADS, CFG_REQUIRED);
    lin->lin_value_heads = cfg_count(c, "linear_num_value_heads", 1, MAX_HEADS, CFG_REQUIRED);
    lin->lin_key_dim = cfg_count(c, "linear_key_head_dim", 1, MAX_DIM, CFG_REQUIRED);
    lin->lin_value_dim = cfg_count(c, "linear_value_head_dim", 1, MAX_DIM, CFG_REQUIRED);
    lin->lin_conv_kernel = cfg_count(c, "linear_conv_kernel_dim", 1, 64, 4);
    const struct node *types = cfg_list(c, "layer_types", r->m->n_layers);
    int interval = cfg_count(c, "full_attention_interval", 1, MAX_LAYERS, 4);
    for (int i = 0; c->ok && i < r->m->n_layers; i++) {
        bool full =
            types != NULL ? element_is(types, i, "full_attention") : (i + 1) % interval == 0;
        r->plan.attn_of[i] = !full;
    }
}

/* Kimi Linear and K3: Kimi delta attention, some layers (counted from 1) full latent attention.
 */
static void attn_kimi_delta(struct reader *r)
{
    struct cfg *c = &r->cfg;
    struct attn_spec *lin = &r->plan.attn[1];
    read_mla(r, &r->plan.attn[0]);
    const struct node *map = cfg_get(c, "linear_attn_config");
    if (c->ok && (map == NULL || map->kind != NODE_MAP)) {
        cfg_fail(c, "linear_attn_config", "missing map 'linear_attn_config'");
        return;
    }
    struct cfg sub = {map, c->err, c->ok};
    lin->kind = ATTN_LINEAR;
    lin->lin_key_heads = cfg_count(&sub, "num_heads", 1, MAX_HEADS, CFG_REQUIRED);
    lin->lin_key_dim = cfg_count(&sub, "head_dim", 1, MAX_DIM, CFG_REQUIRED);
    lin->lin_value_heads = lin->lin_key_heads;
    lin->lin_value_dim = lin->lin_key_dim;
    lin->lin_conv_kernel = cfg_count(&sub, "short_conv_kernel_size", 1, 64, 4);
    lin->lin_decay_rank = lin->lin_key_dim;
    const struct node *full = cfg_list(&sub, "full_attn_layers", 0);
    for (int i = 0; i < r->m->n_layers; i++) {
        r->plan.attn_of[i] = !list_has(full, i + 1);
    }
    c->ok = sub.ok;
}

/* DeepSeek V4: one latent KV head cached whole; by layer a window only (ratio 0), or a
 * compressed cache with a window; ratio-4 layers select entries with an indexer, ratio-128
 * layers read all. */
static void read_v4(struct reader *r, struct attn_spec *a)
{
    struct cfg *c = &r->cfg;
    a->kind = ATTN_MLA;
    a->latent_only = true;
    a->n_heads = cfg_count(c, "num_attention_heads", 1, MAX_HEADS, CFG_REQUIRED);
    a->n_kv_heads = 1;
    a->head_dim = cfg_count(c, "head_dim", 2, MAX_DIM, CFG_REQUIRED);
    a->qk_rope_dim = cfg_count(c, "qk_rope_head_dim", 0, a->head_dim - 1, CFG_REQUIRED);
    a->qk_nope_dim = a->head_dim - a->qk_rope_dim;
    a->kv_lora_rank = a->qk_nope_dim;
    a->v_head_dim = a->head_dim;
    a->q_lora_rank = cfg_count(c, "q_lora_rank", 1, MAX_DIM, CFG_REQUIRED);
    a->o_groups = cfg_count(c, "o_groups", 1, MAX_HEADS, CFG_REQUIRED);
    a->o_lora_rank = cfg_count(c, "o_lora_rank", 1, MAX_DIM, CFG_REQUIRED);
    a->window_tokens = cfg_int(c, "sliding_window", 1, INT32_MAX, CFG_REQUIRED);
}

static void attn_deepseek_v4(struct reader *r)
{
    struct cfg *c = &r->cfg;
    struct attn_spec *a = r->plan.attn;
    read_v4(r, &a[0]);
    a[1] = a[2] = a[0];
    a[0].span = SPAN_SLIDING;
    a[1].compress_ratio = 4;
    read_indexer(r, &a[1]);
    a[2].compress_ratio = 128;
    const struct node *ratios = cfg_list(c, "compress_ratios", r->m->n_layers);
    if (c->ok && ratios == NULL) {
        cfg_fail(c, "compress_ratios", "missing list 'compress_ratios'");
    }
    for (int i = 0; c->ok && i < r->m->n_layers; i++) {
        int variant = element_is(ratios, i, "4") ? 1 : element_is(ratios, i, "128") ? 2 : 0;
        if (variant == 0 && !element_is(ratios, i, "0")) {
            cfg_fail(c, "compress_ratios", "compress_ratios must hold 0, 4 or 128");
        }
        r->plan.attn_of[i] = (unsigned char)variant;
    }
}

/* MiniMax M3: grouped attention whose sparse layers select blocks of KV with a small indexer.
 */
static void attn_minimax_m3(struct reader *r)
{
    struct cfg *c = &r->cfg;
    struct attn_spec *a = r->plan.attn;
    read_heads(r, &a[0]);
    a[1] = a[0];
    const struct node *map = cfg_get(c, "sparse_attention_config");
    if (!c->ok || map == NULL) {
        return;
    }
    struct cfg sub = {map, c->err, true};
    a[1].index_n_heads = cfg_count(&sub, "sparse_num_index_heads", 1, MAX_HEADS, CFG_REQUIRED);
    a[1].index_head_dim = cfg_count(&sub, "sparse_index_dim", 1, MAX_DIM, CFG_REQUIRED);
    a[1].index_block_tokens = cfg_count(&sub, "sparse_block_size", 1, MAX_DIM, CFG_REQUIRED);
    int blocks = cfg_count(&sub, "sparse_topk_blocks", 1, MAX_DIM, CFG_REQUIRED);
    a[1].index_topk_tokens = (int64_t)blocks * a[1].index_block_tokens;
    const struct node *sparse = cfg_list(&sub, "sparse_attention_freq", r->m->n_layers);
    for (int i = 0; i < r->m->n_layers; i++) {
        r->plan.attn_of[i] = sparse == NULL || element_is(sparse, i, "1");
    }
    c->ok = sub.ok;
}

/* ---- MLP ---- */

static void mlp_dense(struct reader *r)
{
    struct mlp_spec *dense = &r->plan.mlp[0];
    dense->intermediate = cfg_int(&r->cfg, "intermediate_size", 1, MAX_WIDTH, CFG_REQUIRED);
    dense->n_matrices = 3;
}

static void read_shared_experts(struct reader *r, struct mlp_spec *moe)
{
    struct cfg *c = &r->cfg;
    const char *width = cfg_key(c, (const char *const[]){"shared_expert_intermediate_size",
                                                         "shared_intermediate_size", NULL});
    const char *count =
        cfg_key(c, (const char *const[]){"n_shared_experts", "num_shared_experts", NULL});
    int implied = (r->traits & TRAIT_SHARED_WIDTH) != 0 || cfg_get(c, width) != NULL;
    moe->n_shared = cfg_count(c, count, 0, 64, implied);
    moe->shared_intermediate =
        moe->n_shared * cfg_int(c, width, 0, MAX_WIDTH, moe->intermediate);
    if (moe->shared_intermediate == 0) {
        moe->n_shared = 0;
    }
}

static void read_experts(struct reader *r, struct mlp_spec *moe)
{
    struct cfg *c = &r->cfg;
    const char *experts = cfg_key(
        c, (const char *const[]){"num_experts", "num_local_experts", "n_routed_experts", NULL});
    const char *top_k =
        cfg_key(c, (const char *const[]){"num_experts_per_tok", "num_experts_per_token",
                                         "top_k_experts", "experts_per_token", NULL});
    const char *width =
        cfg_key(c, (const char *const[]){"moe_intermediate_size", "intermediate_size", NULL});
    moe->is_moe = true;
    moe->n_matrices = 3;
    moe->n_experts = cfg_count(c, experts, 1, 65536, CFG_REQUIRED);
    moe->top_k = cfg_count(c, top_k, 1, moe->n_experts, CFG_REQUIRED);
    moe->intermediate = cfg_int(c, width, 1, MAX_WIDTH, CFG_REQUIRED);
    moe->expert_hidden = cfg_int(c, "routed_expert_hidden_size", 1, MAX_WIDTH, 0);
    read_shared_experts(r, moe);
}

struct dense_rule {
    int first, step; /* the first layers; all but every step-th */
    const struct node *freq, *types, *only;
};

static bool layer_is_dense(const struct dense_rule *d, int i)
{
    if (d->types != NULL) {
        return element_is(d->types, i, "dense");
    }
    return (d->freq != NULL && element_is(d->freq, i, "0")) || i < d->first ||
           (i + 1) % d->step != 0 || list_has(d->only, i);
}

/* MoE with every published way of saying which layers are dense. */
static void mlp_moe(struct reader *r)
{
    struct cfg *c = &r->cfg;
    const char *step_key = cfg_key(
        c, (const char *const[]){"interleave_moe_layer_step", "decoder_sparse_step", NULL});
    const char *width =
        cfg_key(c, (const char *const[]){"dense_intermediate_size", "intermediate_size_mlp",
                                         "intermediate_size", NULL});
    read_experts(r, &r->plan.mlp[1]);
    struct dense_rule rule = {
        .first = cfg_count(c, "first_k_dense_replace", 0, MAX_LAYERS, 0),
        .step = cfg_count(c, step_key, 1, MAX_LAYERS, 1),
        .freq = cfg_list(c, "moe_layer_freq", r->m->n_layers),
        .types = cfg_list(c, "mlp_layer_types", r->m->n_layers),
        .only = cfg_list(c, "mlp_only_layers", 0),
    };
    for (int i = 0; c->ok && i < r->m->n_layers; i++) {
        bool dense = layer_is_dense(&rule, i);
        if (dense && r->plan.mlp[0].n_matrices == 0) {
            r->plan.mlp[0].n_matrices = 3;
            r->plan.mlp[0].intermediate = cfg_int(c, width, 1, MAX_WIDTH, CFG_REQUIRED);
        }
        r->plan.mlp_of[i] = !dense;
    }
}

/* Gemma 4: a dense MLP beside the experts in every layer, which is what a shared expert is. */
static void mlp_gemma4(struct reader *r)
{
    struct mlp_spec *moe = &r->plan.mlp[1];
    if (!cfg_flag(&r->cfg, "enable_moe_block", false)) {
        mlp_dense(r);
        return;
    }
    read_experts(r, moe);
    moe->n_shared = 1;
    moe->shared_intermediate =
        cfg_int(&r->cfg, "intermediate_size", 1, MAX_WIDTH, CFG_REQUIRED);
    memset(r->plan.mlp_of, 1, (size_t)r->m->n_layers);
}

/* ---- families ---- */

static const struct family FAMILIES[] = {
    {"llama", attn_gqa, mlp_dense, 0},
    {"mistral", attn_gqa, mlp_dense, TRAIT_WINDOW_ALL},
    {"qwen2", attn_gqa, mlp_dense, TRAIT_QKV_BIAS},
    {"qwen3", attn_gqa, mlp_dense, TRAIT_QK_NORM},
    {"gemma3", attn_gqa, mlp_dense, TRAIT_QK_NORM | TRAIT_TIED},
    {"mixtral", attn_gqa, mlp_moe, TRAIT_WINDOW_ALL},
    {"qwen3_moe", attn_gqa, mlp_moe, TRAIT_QK_NORM},
    {"minimax_m2", attn_gqa, mlp_moe, TRAIT_QK_NORM | TRAIT_QK_NORM_FULL},
    {"gpt_oss", attn_gqa, mlp_moe, TRAIT_QKV_BIAS},
    {"glm4_moe", attn_gqa, mlp_moe, 0},
    {"llama4", attn_llama4, mlp_moe, TRAIT_SHARED_WIDTH},
    {"deepseek_v2", attn_mla, mlp_moe, 0},
    {"deepseek_v3", attn_mla, mlp_moe, 0},
    {"deepseek_v32", attn_mla, mlp_moe, 0},
    {"kimi_k2", attn_mla, mlp_moe, 0},
    {"kimi_k25", attn_mla, mlp_moe, 0},
    {"glm_moe_dsa", attn_mla, mlp_moe, 0},
    {"deepseek_v4", attn_deepseek_v4, mlp_moe, 0},
    {"qwen3_next", attn_gated_delta, mlp_moe, TRAIT_QK_NORM},
    {"qwen3_5_moe", attn_gated_delta, mlp_moe, TRAIT_QK_NORM},
    {"qwen3_5", attn_gated_delta, mlp_dense, TRAIT_QK_NORM},
    {"kimi_linear", attn_kimi_delta, mlp_moe, 0},
    {"kimi_k3", attn_kimi_delta, mlp_moe, 0},
    {"minimax_m3", attn_minimax_m3, mlp_moe, TRAIT_QK_NORM},
    {"gemma4", attn_gemma4, mlp_gemma4, TRAIT_QK_NORM | TRAIT_TIED},
};

/* "llama4_text" is the text part of "llama4". */
static bool type_matches(const char *type, const char *family)
{
    size_t n = strlen(family);
    return strncmp(type, family, n) == 0 && (type[n] == '\0' || strcmp(type + n, "_text") == 0);
}

static const struct family *find_family(const struct node *root, const struct node *text,
                                        struct err *err)
{
    struct cfg c = {root, err, true};
    const char *outer = cfg_text(&c, "model_type");
    c.map = text;
    const char *inner = cfg_text(&c, "model_type");
    const char *types[] = {outer, inner};
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; types[t] != NULL && i < sizeof FAMILIES / sizeof *FAMILIES; i++) {
            if (type_matches(types[t], FAMILIES[i].model_type)) {
                return &FAMILIES[i];
            }
        }
    }
    const struct node *list = node_get(root, "architectures");
    const char *arch = list != NULL && list->child != NULL ? list->child->text : NULL;
    const char *named = outer != NULL ? outer : inner;
    if (named == NULL && arch == NULL) {
        err_at(err, root->pos, "missing key 'model_type': not a Hugging Face config.json");
        return NULL;
    }
    err_at(err, list != NULL ? list->pos : root->pos, "architecture '%s'%s%s%s is not modelled",
           arch != NULL ? arch : named, arch != NULL && named != NULL ? " (model_type '" : "",
           arch != NULL && named != NULL ? named : "",
           arch != NULL && named != NULL ? "')" : "");
    return NULL;
}

static bool build_groups(struct reader *r)
{
    struct model *m = r->m;
    unsigned char attn[MODEL_MAX_GROUPS], mlp[MODEL_MAX_GROUPS];
    for (int i = 0; i < m->n_layers; i++) {
        int g = 0;
        while (g < m->n_groups &&
               (attn[g] != r->plan.attn_of[i] || mlp[g] != r->plan.mlp_of[i])) {
            g++;
        }
        if (g == m->n_groups) {
            ASSERT(m->n_groups < MODEL_MAX_GROUPS);
            attn[g] = r->plan.attn_of[i];
            mlp[g] = r->plan.mlp_of[i];
            m->groups[g].attn = r->plan.attn[attn[g]];
            m->groups[g].mlp = r->plan.mlp[mlp[g]];
            m->n_groups++;
        }
        m->groups[g].n_layers++;
    }
    return r->cfg.ok;
}

/* A prediction layer is one more layer of the last kind plus a projection of [hidden,
 * embedding]. DeepSeek V3: 11.507e9 + 2 * 7168^2 = 11.61e9. */
static double mtp_params(const struct reader *r)
{
    const struct model *m = r->m;
    int last = m->n_layers - 1;
    double hidden = (double)m->hidden;
    double layer = attn_params(m, &r->plan.attn[r->plan.attn_of[last]]) +
                   mlp_params(m, &r->plan.mlp[r->plan.mlp_of[last]]) + 2.0 * hidden * hidden;
    return m->mtp_layers * layer;
}

/* Encoder layers and patch embedding; projectors (well under 0.1e9) are left out. Encoders with
 * a gated MLP (Pixtral) say "silu". An encoder described in other words counts as 0. */
static double vision_params(const struct node *root, struct err *err, bool *ok)
{
    struct cfg c = {node_get(root, "vision_config"), err, true};
    if (c.map == NULL || c.map->kind != NODE_MAP) {
        return 0.0;
    }
    const char *const layer_keys[] = {"num_hidden_layers", "depth", "vt_num_hidden_layers",
                                      NULL};
    const char *const width_keys[] = {"hidden_size", "vt_hidden_size", NULL};
    const char *const mlp_keys[] = {"intermediate_size", "vt_intermediate_size", NULL};
    double layers = cfg_count(&c, cfg_key(&c, layer_keys), 0, MAX_LAYERS, 0);
    int64_t width = cfg_int(&c, cfg_key(&c, width_keys), 0, MAX_WIDTH, 0);
    double mlp = (double)cfg_int(&c, cfg_key(&c, mlp_keys), 0, MAX_WIDTH, 0);
    double qkv = (double)cfg_int(&c, "qkv_hidden_size", 1, MAX_WIDTH, width);
    double patch = cfg_count(&c, "patch_size", 0, MAX_DIM, 0);
    const char *act = cfg_text(&c, "hidden_act");
    double matrices = act != NULL && strcmp(act, "silu") == 0 ? 3.0 : 2.0;
    *ok = c.ok;
    return (double)width * (layers * (4.0 * qkv + matrices * mlp) + 3.0 * patch * patch);
}

static void read_sizes(struct reader *r, const struct node *root)
{
    struct cfg *c = &r->cfg;
    struct model *m = r->m;
    struct cfg top = {root, c->err, true};
    m->n_layers = cfg_count(c, "num_hidden_layers", 1, MAX_LAYERS, CFG_REQUIRED);
    m->hidden = cfg_int(c, "hidden_size", 1, MAX_WIDTH, CFG_REQUIRED);
    m->vocab = cfg_int(c, "vocab_size", 1, 100 * 1000 * 1000, CFG_REQUIRED);
    m->max_context_tokens =
        cfg_int(c, "max_position_embeddings", 1, INT64_C(1) << 40, CFG_REQUIRED);
    /* Mistral states the supported length apart from the rotary table's. */
    m->max_context_tokens =
        cfg_int(c, "max_seq_len", 1, INT64_C(1) << 40, m->max_context_tokens);
    bool tied = cfg_flag(&top, "tie_word_embeddings", (r->traits & TRAIT_TIED) != 0);
    m->tie_embeddings = cfg_flag(c, "tie_word_embeddings", tied);
    const char *const mtp_keys[] = {"num_nextn_predict_layers", "mtp_num_hidden_layers",
                                    "num_mtp_modules", NULL};
    m->mtp_layers = cfg_count(c, cfg_key(c, mtp_keys), 0, 64, 0);
    c->ok = c->ok && top.ok;
}

bool arch_read(const struct node *root, struct model *m, struct err *err)
{
    const struct node *text = node_get(root, "text_config");
    text = text != NULL && text->kind == NODE_MAP ? text : root;
    const struct family *family = find_family(root, text, err);
    if (family == NULL) {
        return false;
    }
    struct reader r = {.cfg = {text, err, true}, .m = m, .traits = family->traits};
    m->family = family->model_type;
    read_sizes(&r, root);
    if (r.cfg.ok) {
        family->attn(&r);
    }
    if (r.cfg.ok) {
        family->mlp(&r);
    }
    if (!r.cfg.ok || !build_groups(&r)) {
        return false;
    }
    m->mtp_params = mtp_params(&r);
    m->vision_params = vision_params(root, err, &r.cfg.ok);
    return r.cfg.ok;
}
