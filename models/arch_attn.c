/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arch_attn.c - the ways a config.json describes attention: which kinds a model has, with their
 * sizes, and which layer has which. Sizes are checked against each other, so that no later
 * division fails. */
#include "models/arch_plan.h"

static void read_heads(struct arch_reader *r, struct attn_spec *a)
{
    struct cfg *c = &r->cfg;
    a->kind = ATTN_GQA;
    a->n_heads = cfg_count(c, "num_attention_heads", 1, ARCH_MAX_HEADS, CFG_REQUIRED);
    a->n_kv_heads = cfg_count(c, "num_key_value_heads", 1, ARCH_MAX_HEADS, a->n_heads);
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
    a->head_dim = cfg_count(c, "head_dim", 1, ARCH_MAX_DIM, r->m->hidden / a->n_heads);
    a->v_head_dim = a->head_dim;
    a->qkv_bias = cfg_flag(c, "attention_bias", (r->traits & TRAIT_QKV_BIAS) != 0);
    a->qk_norm = cfg_flag(c, "use_qk_norm", (r->traits & TRAIT_QK_NORM) != 0);
    a->qk_norm_full = a->qk_norm && (r->traits & TRAIT_QK_NORM_FULL) != 0;
    a->output_gate = cfg_flag(c, "attn_output_gate", false);
}

/* The second variant: the first one, but seeing only a window. */
static void add_window(struct arch_reader *r, enum attn_span span, const char *key)
{
    r->plan.attn[1] = r->plan.attn[0];
    r->plan.attn[1].span = span;
    r->plan.attn[1].window_tokens = cfg_int(&r->cfg, key, 1, INT32_MAX, CFG_REQUIRED);
}

/* Full attention, or windows by "layer_types", by "sliding_window_pattern" (every n-th layer
 * full), or in every layer (Mistral 7B). */
void arch_attn_gqa(struct arch_reader *r)
{
    struct cfg *c = &r->cfg;
    read_heads(r, &r->plan.attn[0]);
    const struct node *types = cfg_list(c, "layer_types", r->m->n_layers);
    int pattern = cfg_count(c, "sliding_window_pattern", 1, ARCH_MAX_LAYERS, 0);
    bool all = (r->traits & TRAIT_WINDOW_ALL) != 0 && cfg_get(c, "sliding_window") != NULL;
    for (int i = 0; c->ok && i < r->m->n_layers; i++) {
        bool windowed = types != NULL ? cfg_element_is(types, i, "sliding_attention")
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
void arch_attn_llama4(struct arch_reader *r)
{
    struct cfg *c = &r->cfg;
    read_heads(r, &r->plan.attn[0]);
    add_window(r, SPAN_CHUNKED, "attention_chunk_size");
    const struct node *rope = cfg_get(c, "no_rope_layers");
    rope = rope != NULL && rope->n_children == r->m->n_layers ? rope : NULL;
    int interval = cfg_count(c, "no_rope_layer_interval", 1, ARCH_MAX_LAYERS, 4);
    for (int i = 0; c->ok && i < r->m->n_layers; i++) {
        bool full = rope != NULL ? cfg_element_is(rope, i, "0") : (i + 1) % interval == 0;
        r->plan.attn_of[i] = !full;
    }
}

static void read_indexer(struct arch_reader *r, struct attn_spec *a)
{
    struct cfg *c = &r->cfg;
    if (cfg_get(c, "index_topk") == NULL) {
        return;
    }
    a->index_n_heads = cfg_count(c, "index_n_heads", 1, ARCH_MAX_HEADS, CFG_REQUIRED);
    a->index_head_dim = cfg_count(c, "index_head_dim", 1, ARCH_MAX_DIM, CFG_REQUIRED);
    a->index_topk_tokens = cfg_int(c, "index_topk", 1, INT32_MAX, CFG_REQUIRED);
    a->index_block_tokens = 1;
}

static void read_mla(struct arch_reader *r, struct attn_spec *a)
{
    struct cfg *c = &r->cfg;
    a->kind = ATTN_MLA;
    a->n_heads = cfg_count(c, "num_attention_heads", 1, ARCH_MAX_HEADS, CFG_REQUIRED);
    a->n_kv_heads = 1;
    a->q_lora_rank = cfg_count(c, "q_lora_rank", 1, ARCH_MAX_DIM, 0);
    a->kv_lora_rank = cfg_count(c, "kv_lora_rank", 1, ARCH_MAX_DIM, CFG_REQUIRED);
    a->qk_nope_dim = cfg_count(c, "qk_nope_head_dim", 1, ARCH_MAX_DIM, CFG_REQUIRED);
    a->qk_rope_dim = cfg_count(c, "qk_rope_head_dim", 0, ARCH_MAX_DIM, CFG_REQUIRED);
    a->v_head_dim = cfg_count(c, "v_head_dim", 1, ARCH_MAX_DIM, CFG_REQUIRED);
    a->head_dim = a->qk_nope_dim + a->qk_rope_dim;
    a->output_gate = cfg_flag(c, "mla_use_output_gate", false);
}

/* Layers whose "indexer_types" is "shared" reuse the selection of the last "full" one. */
void arch_attn_mla(struct arch_reader *r)
{
    struct attn_spec *a = r->plan.attn;
    read_mla(r, a);
    read_indexer(r, a);
    a[1] = a[0];
    a[1].index_n_heads = 0;
    a[1].index_head_dim = 0;
    const struct node *types = cfg_list(&r->cfg, "indexer_types", r->m->n_layers);
    for (int i = 0; r->cfg.ok && i < r->m->n_layers; i++) {
        r->plan.attn_of[i] = cfg_element_is(types, i, "shared");
    }
}

/* Gemma 4: global layers have their own head size and KV heads, and no V projection. */
void arch_attn_gemma4(struct arch_reader *r)
{
    struct cfg *c = &r->cfg;
    arch_attn_gqa(r);
    struct attn_spec *full = &r->plan.attn[0];
    full->head_dim = cfg_count(c, "global_head_dim", 1, ARCH_MAX_DIM, full->head_dim);
    full->v_head_dim = full->head_dim;
    full->n_kv_heads =
        cfg_count(c, "num_global_key_value_heads", 1, ARCH_MAX_HEADS, full->n_kv_heads);
    full->k_eq_v = cfg_flag(c, "attention_k_eq_v", false);
    if (c->ok && full->n_heads % full->n_kv_heads != 0) {
        cfg_fail(
            c, "num_global_key_value_heads",
            "num_attention_heads (%d) must be a multiple of num_global_key_value_heads (%d)",
            full->n_heads, full->n_kv_heads);
    }
}

/* Qwen3-Next and Qwen3.5: gated delta net, every n-th layer full attention. */
void arch_attn_gated_delta(struct arch_reader *r)
{
    struct cfg *c = &r->cfg;
    struct attn_spec *lin = &r->plan.attn[1];
    read_heads(r, &r->plan.attn[0]);
    r->plan.attn[0].output_gate = cfg_flag(c, "attn_output_gate", true);
    lin->kind = ATTN_LINEAR;
    lin->lin_key_heads = cfg_count(c, "linear_num_key_heads", 1, ARCH_MAX_HEADS, CFG_REQUIRED);
    lin->lin_value_heads =
        cfg_count(c, "linear_num_value_heads", 1, ARCH_MAX_HEADS, CFG_REQUIRED);
    lin->lin_key_dim = cfg_count(c, "linear_key_head_dim", 1, ARCH_MAX_DIM, CFG_REQUIRED);
    lin->lin_value_dim = cfg_count(c, "linear_value_head_dim", 1, ARCH_MAX_DIM, CFG_REQUIRED);
    lin->lin_conv_kernel = cfg_count(c, "linear_conv_kernel_dim", 1, 64, 4);
    const struct node *types = cfg_list(c, "layer_types", r->m->n_layers);
    int interval = cfg_count(c, "full_attention_interval", 1, ARCH_MAX_LAYERS, 4);
    for (int i = 0; c->ok && i < r->m->n_layers; i++) {
        bool full = types != NULL ? cfg_element_is(types, i, "full_attention")
                                  : (i + 1) % interval == 0;
        r->plan.attn_of[i] = !full;
    }
}

/* Kimi Linear and K3: Kimi delta attention, some layers (counted from 1) full latent attention.
 */
void arch_attn_kimi_delta(struct arch_reader *r)
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
    lin->lin_key_heads = cfg_count(&sub, "num_heads", 1, ARCH_MAX_HEADS, CFG_REQUIRED);
    lin->lin_key_dim = cfg_count(&sub, "head_dim", 1, ARCH_MAX_DIM, CFG_REQUIRED);
    lin->lin_value_heads = lin->lin_key_heads;
    lin->lin_value_dim = lin->lin_key_dim;
    lin->lin_conv_kernel = cfg_count(&sub, "short_conv_kernel_size", 1, 64, 4);
    lin->lin_decay_rank = lin->lin_key_dim;
    const struct node *full = cfg_list(&sub, "full_attn_layers", 0);
    for (int i = 0; i < r->m->n_layers; i++) {
        r->plan.attn_of[i] = !cfg_list_has(full, i + 1);
    }
    c->ok = sub.ok;
}

/* DeepSeek V4: one latent KV head cached whole; by layer a window only (ratio 0), or a
 * compressed cache with a window; ratio-4 layers select entries with an indexer, ratio-128
 * layers read all. */
static void read_v4(struct arch_reader *r, struct attn_spec *a)
{
    struct cfg *c = &r->cfg;
    a->kind = ATTN_MLA;
    a->latent_only = true;
    a->n_heads = cfg_count(c, "num_attention_heads", 1, ARCH_MAX_HEADS, CFG_REQUIRED);
    a->n_kv_heads = 1;
    a->head_dim = cfg_count(c, "head_dim", 2, ARCH_MAX_DIM, CFG_REQUIRED);
    a->qk_rope_dim = cfg_count(c, "qk_rope_head_dim", 0, a->head_dim - 1, CFG_REQUIRED);
    a->qk_nope_dim = a->head_dim - a->qk_rope_dim;
    a->kv_lora_rank = a->qk_nope_dim;
    a->v_head_dim = a->head_dim;
    a->q_lora_rank = cfg_count(c, "q_lora_rank", 1, ARCH_MAX_DIM, CFG_REQUIRED);
    a->o_groups = cfg_count(c, "o_groups", 1, ARCH_MAX_HEADS, CFG_REQUIRED);
    a->o_lora_rank = cfg_count(c, "o_lora_rank", 1, ARCH_MAX_DIM, CFG_REQUIRED);
    a->window_tokens = cfg_int(c, "sliding_window", 1, INT32_MAX, CFG_REQUIRED);
}

void arch_attn_deepseek_v4(struct arch_reader *r)
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
        int variant = cfg_element_is(ratios, i, "4")     ? 1
                      : cfg_element_is(ratios, i, "128") ? 2
                                                         : 0;
        if (variant == 0 && !cfg_element_is(ratios, i, "0")) {
            cfg_fail(c, "compress_ratios", "compress_ratios must hold 0, 4 or 128");
        }
        r->plan.attn_of[i] = (unsigned char)variant;
    }
}

/* MiniMax M3: grouped attention whose sparse layers select blocks of KV with a small indexer.
 */
void arch_attn_minimax_m3(struct arch_reader *r)
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
    a[1].index_n_heads =
        cfg_count(&sub, "sparse_num_index_heads", 1, ARCH_MAX_HEADS, CFG_REQUIRED);
    a[1].index_head_dim = cfg_count(&sub, "sparse_index_dim", 1, ARCH_MAX_DIM, CFG_REQUIRED);
    a[1].index_block_tokens =
        cfg_count(&sub, "sparse_block_size", 1, ARCH_MAX_DIM, CFG_REQUIRED);
    int blocks = cfg_count(&sub, "sparse_topk_blocks", 1, ARCH_MAX_DIM, CFG_REQUIRED);
    a[1].index_topk_tokens = (int64_t)blocks * a[1].index_block_tokens;
    const struct node *sparse = cfg_list(&sub, "sparse_attention_freq", r->m->n_layers);
    for (int i = 0; i < r->m->n_layers; i++) {
        r->plan.attn_of[i] = sparse == NULL || cfg_element_is(sparse, i, "1");
    }
    c->ok = sub.ok;
}
