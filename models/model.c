/* SPDX-License-Identifier: GPL-3.0-or-later */
/* model.c - one model file: the config.json fields (arch.c) and the "headroom" object, which
 * names the model, its published sizes and its checkpoints. A config.json without that object
 * gets one checkpoint from its own quantisation fields. */
#include "models/model.h"

#include <string.h>
#include <strings.h>

#include "models/arch.h"
#include "models/cfg.h"
#include "models/quant.h"

static bool read_dtype(struct cfg *c, const char *key, enum dtype *out)
{
    const char *text = cfg_text(c, key);
    if (text != NULL && !dtype_parse(text, out)) {
        cfg_fail(c, key, "%s: unknown number format '%s'", key, text);
    }
    return c->ok;
}

static double read_billions(struct cfg *c, const char *key)
{
    const struct node *node = cfg_get(c, key);
    double billions = 0.0;
    if (c->ok && node != NULL) {
        c->ok = node_quantity(node, UNIT_COUNT, 0.0, 1e6, &billions, c->err);
    }
    return billions * 1e9;
}

static bool read_checkpoint(const struct node *map, struct checkpoint *out, struct err *err)
{
    static const char *const KEYS[] = {
        "name",   "weights", "scheme",  "group_size",       "attention", "dense",    "experts",
        "shared", "lm_head", "comment", "bf16_edge_layers", "source",    "estimated"};
    struct cfg c = {map, err, node_expect(map, NODE_MAP, err)};
    enum dtype weights = DTYPE_AUTO;
    c.ok = c.ok && node_check_keys(map, KEYS, (int)(sizeof KEYS / sizeof *KEYS), err);
    read_dtype(&c, "weights", &weights);
    if (c.ok && weights == DTYPE_AUTO) {
        cfg_fail(&c, "weights", "a checkpoint needs 'weights', e.g. bf16 or fp8");
    }
    *out = quant_uniform(weights);
    const char *name = cfg_text(&c, "name");
    const char *scheme = cfg_text(&c, "scheme");
    out->name = name != NULL ? name : "";
    if (scheme != NULL && !quant_scheme_parse(scheme, &out->scheme)) {
        cfg_fail(&c, "scheme",
                 "scheme must be none, block, tensor-static, tensor-dynamic or group, got '%s'",
                 scheme);
    }
    out->group = cfg_count(&c, "group_size", 1, 65536, out->group);
    read_dtype(&c, "attention", &out->attn);
    read_dtype(&c, "dense", &out->dense);
    read_dtype(&c, "experts", &out->experts);
    read_dtype(&c, "shared", &out->shared);
    read_dtype(&c, "lm_head", &out->lm_head);
    out->n_bf16_edge_layers = cfg_count(&c, "bf16_edge_layers", 0, 64, 0);
    out->estimated = cfg_flag(&c, "estimated", false);
    const char *source = cfg_text(&c, "source");
    out->source = source != NULL ? source : "";
    return c.ok;
}

static bool read_checkpoints(struct cfg *c, struct model *m)
{
    const struct node *list = cfg_list(c, "checkpoints", 1);
    const struct node *node = list != NULL ? list->child : NULL;
    if (c->ok && list == NULL) {
        cfg_fail(c, "checkpoints", "missing list 'checkpoints'");
    }
    for (; c->ok && node != NULL; node = node->next) {
        if (m->n_checkpoints == MODEL_MAX_CHECKPOINTS) {
            cfg_fail(c, "checkpoints", "more than %d checkpoints", (int)MODEL_MAX_CHECKPOINTS);
            break;
        }
        c->ok = read_checkpoint(node, &m->checkpoints[m->n_checkpoints++], c->err);
    }
    return c->ok;
}

static bool read_aliases(struct cfg *c, struct model *m)
{
    const struct node *list = cfg_list(c, "aliases", 0);
    for (const struct node *n = list != NULL ? list->child : NULL; c->ok && n != NULL;
         n = n->next) {
        if (m->n_aliases == MODEL_MAX_ALIASES) {
            cfg_fail(c, "aliases", "more than %d aliases", (int)MODEL_MAX_ALIASES);
            break;
        }
        c->ok = node_string(n, &m->aliases[m->n_aliases++], c->err);
    }
    return c->ok;
}

static double read_sigma(struct cfg *c, const char *key, double absent)
{
    const struct node *node = cfg_get(c, key);
    double value = absent;
    if (c->ok && node != NULL) {
        c->ok = node_quantity(node, UNIT_COUNT, 0.0, 5.0, &value, c->err);
    }
    return value;
}

static bool read_skew(struct cfg *head, struct model *m)
{
    static const char *const KEYS[] = {"lognormal_sigma", "lo", "hi", "source", "estimated"};
    const struct node *map = cfg_get(head, "moe_skew");
    if (!head->ok || map == NULL) {
        return head->ok;
    }
    struct cfg c = {map, head->err, node_check_keys(map, KEYS, 5, head->err)};
    m->skew.sigma = read_sigma(&c, "lognormal_sigma", 0.0);
    m->skew.sigma_lo = read_sigma(&c, "lo", m->skew.sigma);
    m->skew.sigma_hi = read_sigma(&c, "hi", m->skew.sigma);
    m->skew.estimated = cfg_flag(&c, "estimated", false);
    m->skew.source = cfg_text(&c, "source");
    if (c.ok && !(m->skew.sigma_lo <= m->skew.sigma && m->skew.sigma <= m->skew.sigma_hi)) {
        cfg_fail(&c, "lo", "moe_skew needs lo <= lognormal_sigma <= hi");
    }
    head->ok = c.ok;
    return c.ok;
}

/* Rates of the tokens its draft layers or head propose, by position. */
static bool read_acceptance(struct cfg *head, struct model *m)
{
    static const char *const KEYS[] = {"by_position", "source"};
    const struct node *map = cfg_get(head, "draft_acceptance");
    if (!head->ok || map == NULL) {
        return head->ok;
    }
    struct cfg c = {map, head->err, node_check_keys(map, KEYS, 2, head->err)};
    const struct node *list = cfg_list(&c, "by_position", 1);
    double frac[DRAFT_MAX_TOKENS];
    int n = 0;
    for (const struct node *i = list ? list->child : NULL; c.ok && i; i = i->next) {
        if (n == DRAFT_MAX_TOKENS) {
            cfg_fail(&c, "by_position", "more than %d positions", (int)DRAFT_MAX_TOKENS);
            break;
        }
        c.ok = node_quantity(i, UNIT_FRAC, 0.0, 1.0, &frac[n++], c.err);
    }
    m->acceptance.source = cfg_text(&c, "source");
    if (c.ok && (n == 0 || !m->acceptance.source)) {
        cfg_fail(&c, "by_position", "draft_acceptance needs by_position and source");
    }
    if (c.ok && !draft_acceptance_set(&m->acceptance, frac, n)) {
        cfg_fail(&c, "by_position",
                 "rates by position must not rise: each is the share of drafts accepted up to "
                 "there");
    }
    head->ok = c.ok;
    return c.ok;
}

/* Layers the checkpoint really ships, when the config declares others. */
static bool read_mtp(struct cfg *head, struct model *m)
{
    static const char *const KEYS[] = {"layers", "comment"};
    const struct node *map = cfg_get(head, "mtp");
    if (!head->ok || map == NULL) {
        return head->ok;
    }
    struct cfg c = {map, head->err, node_check_keys(map, KEYS, 2, head->err)};
    int layers = cfg_count(&c, "layers", 0, 64, CFG_REQUIRED);
    if (m->mtp_layers > 0) {
        m->mtp_params = m->mtp_params / m->mtp_layers * layers;
    }
    m->mtp_layers = layers;
    head->ok = c.ok;
    return c.ok;
}

/* Most encoders merge two by two patches into a token. */
enum { USUAL_PATCHES = 4, MAX_PATCHES = 1024 };

static bool read_headroom(const struct node *map, struct model *m, struct err *err)
{
    static const char *const KEYS[] = {"hf_id",
                                       "aliases",
                                       "published_total_params_b",
                                       "checkpoints",
                                       "mtp",
                                       "published_active_params_b",
                                       "moe_skew",
                                       "draft_acceptance",
                                       "source",
                                       "native_weights",
                                       "as_of",
                                       "comment",
                                       "image_patches_per_token",
                                       "truncated_sampling"};
    struct cfg c = {map, err, node_expect(map, NODE_MAP, err)};
    c.ok = c.ok && node_check_keys(map, KEYS, (int)(sizeof KEYS / sizeof *KEYS), err);
    const char *hf_id = cfg_text(&c, "hf_id");
    const char *source = cfg_text(&c, "source");
    const char *as_of = cfg_text(&c, "as_of");
    if (c.ok && (hf_id == NULL || source == NULL || as_of == NULL)) {
        cfg_fail(&c, "headroom", "\"headroom\" needs hf_id, source and as_of");
    }
    m->hf_id = hf_id;
    m->source = source;
    m->as_of = as_of;
    m->published_total = read_billions(&c, "published_total_params_b");
    m->published_active = read_billions(&c, "published_active_params_b");
    m->image_patches_per_token =
        (double)cfg_int(&c, "image_patches_per_token", 1, MAX_PATCHES, USUAL_PATCHES);
    m->truncated_sampling = cfg_text(&c, "truncated_sampling") != NULL;
    return read_dtype(&c, "native_weights", &m->native) && read_aliases(&c, m) &&
           read_checkpoints(&c, m) && read_mtp(&c, m) && read_skew(&c, m) &&
           read_acceptance(&c, m);
}

/* "a/b/qwen3-8b.json" -> "qwen3-8b"; for a bare config.json the folder's name says more. */
static const char *name_of(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    if (slash != NULL && slash != path && strcmp(base, "config.json") == 0) {
        const char *end = slash;
        const char *start = end;
        while (start > path && start[-1] != '/') {
            start--;
        }
        return arena_strndup(arena, start, (size_t)(end - start));
    }
    size_t n = strlen(base);
    bool json = n > 5 && strcmp(base + n - 5, ".json") == 0;
    return arena_strndup(arena, base, json ? n - 5 : n);
}

static bool read_bare(const struct node *root, struct model *m, struct err *err)
{
    struct checkpoint *c = &m->checkpoints[0];
    if (!quant_read(root, c, err)) {
        return false;
    }
    c->source = m->file;
    m->n_checkpoints = 1;
    m->native = c->weights;
    m->hf_id = m->name;
    m->source = m->file;
    m->as_of = "";
    return true;
}

struct model *model_load(struct arena *arena, const char *path, struct err *err)
{
    struct node *root = json_load(arena, path, err);
    if (root == NULL || !node_expect(root, NODE_MAP, err)) {
        return NULL;
    }
    struct model *m = arena_alloc(arena, 1, sizeof *m);
    m->file = arena_strdup(arena, path);
    m->name = name_of(arena, path);
    m->image_patches_per_token = USUAL_PATCHES;
    const struct node *head = node_get(root, "headroom");
    if (!arch_read(root, m, err)) {
        return NULL;
    }
    bool ok = head != NULL ? read_headroom(head, m, err) : read_bare(root, m, err);
    return ok ? m : NULL;
}

/* ---- choosing a checkpoint ---- */

static const char *without_owner(const char *id)
{
    const char *slash = strrchr(id, '/');
    return slash != NULL ? slash + 1 : id;
}

static bool estimate_checkpoint(const struct model *m, enum dtype weights,
                                struct checkpoint *out, struct err *err)
{
    if (weights == DTYPE_AUTO || weights == DTYPE_FP32 || weights >= DTYPE_COUNT) {
        return err_set(err, ERR_INPUT, "model %s has no checkpoint with %s weights", m->name,
                       dtype_name(weights));
    }
    *out = quant_uniform(weights);
    out->estimated = true;
    out->source =
        weights == DTYPE_BF16
            ? "estimated: native weights expanded to bf16"
            : "estimated: all linear layers quantised; embedding, head, router, norms bf16";
    return true;
}

bool model_checkpoint_named(const struct model *m, enum dtype weights, const char *name,
                            struct checkpoint *out, struct err *err)
{
    const char *wanted = name != NULL ? without_owner(name) : "";
    for (int i = 0; *wanted != '\0' && i < m->n_checkpoints; i++) {
        const struct checkpoint *c = &m->checkpoints[i];
        bool fits = weights == DTYPE_AUTO || weights == c->weights;
        if (fits && strcasecmp(without_owner(c->name), wanted) == 0) {
            *out = *c;
            return true;
        }
    }
    enum dtype format = weights == DTYPE_AUTO ? m->native : weights;
    for (int i = 0; i < m->n_checkpoints; i++) {
        if (m->checkpoints[i].weights == format) {
            *out = m->checkpoints[i];
            return true;
        }
    }
    return estimate_checkpoint(m, format, out, err);
}

bool model_checkpoint(const struct model *m, enum dtype weights, struct checkpoint *out,
                      struct err *err)
{
    return model_checkpoint_named(m, weights, NULL, out, err);
}
