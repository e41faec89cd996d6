/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arch.c - model families. A family is a way to read attention, a way to read MLPs and a few
 * traits its config.json leaves unsaid. Each reader registers the distinct attention (or MLP)
 * variants and says which variant each layer has; layers with the same pair form a group, in
 * order of appearance. Ignored: rotary details, activation functions, routing functions and
 * biases (no cost worth a model), hyper-connections and residual mixing between layers. */
#include "models/arch.h"

#include <string.h>

#include "models/arch_plan.h"

struct family {
    const char *model_type;
    void (*attn)(struct arch_reader *r);
    void (*mlp)(struct arch_reader *r);
    unsigned traits;
};

static const struct family FAMILIES[] = {
    {"llama", arch_attn_gqa, arch_mlp_dense, 0},
    {"mistral", arch_attn_gqa, arch_mlp_dense, TRAIT_WINDOW_ALL},
    {"qwen2", arch_attn_gqa, arch_mlp_dense, TRAIT_QKV_BIAS},
    {"qwen3", arch_attn_gqa, arch_mlp_dense, TRAIT_QK_NORM},
    {"gemma3", arch_attn_gqa, arch_mlp_dense, TRAIT_QK_NORM | TRAIT_TIED},
    {"mixtral", arch_attn_gqa, arch_mlp_moe, TRAIT_WINDOW_ALL},
    {"qwen3_moe", arch_attn_gqa, arch_mlp_moe, TRAIT_QK_NORM},
    {"minimax_m2", arch_attn_gqa, arch_mlp_moe, TRAIT_QK_NORM | TRAIT_QK_NORM_FULL},
    {"gpt_oss", arch_attn_gqa, arch_mlp_moe, TRAIT_QKV_BIAS},
    {"glm4_moe", arch_attn_gqa, arch_mlp_moe, 0},
    {"llama4", arch_attn_llama4, arch_mlp_moe, TRAIT_SHARED_WIDTH},
    {"deepseek_v2", arch_attn_mla, arch_mlp_moe, 0},
    {"deepseek_v3", arch_attn_mla, arch_mlp_moe, 0},
    {"deepseek_v32", arch_attn_mla, arch_mlp_moe, 0},
    {"kimi_k2", arch_attn_mla, arch_mlp_moe, 0},
    {"kimi_k25", arch_attn_mla, arch_mlp_moe, 0},
    {"glm_moe_dsa", arch_attn_mla, arch_mlp_moe, 0},
    {"deepseek_v4", arch_attn_deepseek_v4, arch_mlp_moe, 0},
    {"qwen3_next", arch_attn_gated_delta, arch_mlp_moe, TRAIT_QK_NORM},
    {"qwen3_5_moe", arch_attn_gated_delta, arch_mlp_moe, TRAIT_QK_NORM},
    {"qwen3_5", arch_attn_gated_delta, arch_mlp_dense, TRAIT_QK_NORM},
    {"kimi_linear", arch_attn_kimi_delta, arch_mlp_moe, 0},
    {"kimi_k3", arch_attn_kimi_delta, arch_mlp_moe, 0},
    {"minimax_m3", arch_attn_minimax_m3, arch_mlp_moe, TRAIT_QK_NORM},
    {"gemma4", arch_attn_gemma4, arch_mlp_gemma4, TRAIT_QK_NORM | TRAIT_TIED},
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

static bool build_groups(struct arch_reader *r)
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
        m->group_of[i] = (unsigned char)g;
    }
    return r->cfg.ok;
}

/* A prediction layer is one more layer of the last kind plus a projection of [hidden,
 * embedding]. DeepSeek V3: 11.507e9 + 2 * 7168^2 = 11.61e9. */
static double mtp_params(const struct arch_reader *r)
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
    double layers = cfg_count(&c, cfg_key(&c, layer_keys), 0, ARCH_MAX_LAYERS, 0);
    int64_t width = cfg_int(&c, cfg_key(&c, width_keys), 0, ARCH_MAX_WIDTH, 0);
    double mlp = (double)cfg_int(&c, cfg_key(&c, mlp_keys), 0, ARCH_MAX_WIDTH, 0);
    double qkv = (double)cfg_int(&c, "qkv_hidden_size", 1, ARCH_MAX_WIDTH, width);
    double patch = cfg_count(&c, "patch_size", 0, ARCH_MAX_DIM, 0);
    const char *act = cfg_text(&c, "hidden_act");
    double matrices = act != NULL && strcmp(act, "silu") == 0 ? 3.0 : 2.0;
    *ok = c.ok;
    return (double)width * (layers * (4.0 * qkv + matrices * mlp) + 3.0 * patch * patch);
}

static void read_sizes(struct arch_reader *r, const struct node *root)
{
    struct cfg *c = &r->cfg;
    struct model *m = r->m;
    struct cfg top = {root, c->err, true};
    m->n_layers = cfg_count(c, "num_hidden_layers", 1, ARCH_MAX_LAYERS, CFG_REQUIRED);
    m->hidden = cfg_int(c, "hidden_size", 1, ARCH_MAX_WIDTH, CFG_REQUIRED);
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
    struct arch_reader r = {.cfg = {text, err, true}, .m = m, .traits = family->traits};
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
