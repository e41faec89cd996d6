/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/experiment/evidence.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void put(char *buf, size_t n, const char *text)
{
    size_t used = strlen(buf);
    snprintf(buf + used, n - used, "%s", text);
}

static void put_attention(char *buf, size_t n, const struct attn_spec *a)
{
    static const char *const kinds[] = {"gqa", "mla", "linear"};
    char text[96];
    snprintf(text, sizeof text, " %s%d/%d/%d", kinds[a->kind], a->n_heads, a->n_kv_heads,
             a->head_dim);
    put(buf, n, text);
    if (a->span != SPAN_FULL) {
        snprintf(text, sizeof text, "%s%lld", a->span == SPAN_SLIDING ? "sliding" : "chunked",
                 (long long)a->window_tokens);
        put(buf, n, text);
    }
    if (a->index_topk_tokens > 0) {
        snprintf(text, sizeof text, "sparse%lld", (long long)a->index_topk_tokens);
        put(buf, n, text);
    }
}

static void put_mlp(char *buf, size_t n, const struct mlp_spec *p)
{
    char text[64];
    if (p->is_moe) {
        snprintf(text, sizeof text, " moe%d/%d/%lld", p->n_experts, p->top_k,
                 (long long)p->intermediate);
    } else {
        snprintf(text, sizeof text, " mlp%lld", (long long)p->intermediate);
    }
    put(buf, n, text);
}

/* Every distinct kind of attention and MLP, once. */
const char *model_shape(const struct model *m, char *buf, size_t n)
{
    snprintf(buf, n, "%dx%lld", m->n_layers, (long long)m->hidden);
    for (int i = 0; i < m->n_groups; i++) {
        bool same_attn = false;
        bool same_mlp = false;
        for (int j = 0; j < i; j++) {
            const struct layer_group *a = &m->groups[i];
            const struct layer_group *b = &m->groups[j];
            same_attn = same_attn || attn_spec_same(&a->attn, &b->attn);
            same_mlp = same_mlp || mlp_spec_same(&a->mlp, &b->mlp);
        }
        if (!same_attn) {
            put_attention(buf, n, &m->groups[i].attn);
        }
        if (!same_mlp) {
            put_mlp(buf, n, &m->groups[i].mlp);
        }
    }
    return buf;
}

static struct evidence_key key_of(const struct system *s, char *shape, size_t n)
{
    const struct system_spec *p = &s->spec;
    return (struct evidence_key){
        .shape = model_shape(p->model, shape, n),
        .family = p->model->family,
        .sku = p->gpu->name,
        .engine = engine_names[p->engine],
        .dtype = dtype_name(p->checkpoint.weights),
        .is_moe = model_is_moe(p->model),
    };
}

struct evidence_state evidence_of(const struct band_table *bands, const struct system *s)
{
    char shape[MODEL_SHAPE_MAX];
    struct evidence_key key = key_of(s, shape, sizeof shape);
    struct evidence_state e = {evidence_grade(bands, &key), evidence_scope(bands, &key)};
    bool own_kernels = s->step && s->step->match != MATCH_SKU;
    if (s->spec.pp > 1 && e.grade == EVIDENCE_MEASURED) {
        e.grade = EVIDENCE_FAMILY; /* no measured row has pipeline stages */
    }
    if (s->correction) {
        e.grade = EVIDENCE_MEASURED; /* by the user */
    }
    if (e.grade == EVIDENCE_NONE && own_kernels) {
        e.grade = EVIDENCE_SKU;
    }
    if (e.grade == EVIDENCE_FAMILY && !own_kernels) {
        e.grade = EVIDENCE_SKU;
    }
    return e;
}

/* ---- what was never measured --------------------------------------------------------------
 */

/* Tokens of the steps that stand for decoding and for prefill. */
static const double DECODE_TOKENS = 64.0;
static const double PREFILL_TOKENS = 4096.0;

/* Attention left out: popularity then weighs a little more than it does. */
static double step_s(const struct step_model *sm, double tokens)
{
    double token[OP_N];
    double head[OP_N];
    double moe[OP_N];
    double sum = 0.0;
    step_token_parts(sm, tokens, token);
    step_head_parts(sm, DECODE_TOKENS, head);
    step_moe_parts(sm, tokens * sm->cfg.dp, moe);
    for (int i = 0; i < OP_N; i++) {
        sum += token[i] + head[i] + moe[i];
    }
    return sum;
}

static void take_ratio(double ratio, double *lo, double *hi)
{
    *lo = fmin(*lo, ratio);
    *hi = fmax(*hi, ratio);
}

struct skew_spread evidence_skew(const struct system *s)
{
    const struct model *m = s->spec.model;
    struct skew_spread out = {1.0, 1.0, 1.0, 1.0};
    bool new_model = s->evidence.scope == SCOPE_NEW_MODEL || s->evidence.scope == SCOPE_NEW;
    if (!new_model || s->correction || !model_is_moe(m) ||
        s->spec.skew_sigma != m->skew.sigma) {
        return out;
    }
    const double sigmas[] = {m->skew.sigma_lo, m->skew.sigma_hi};
    for (int i = 0; i < 2; i++) {
        struct step_config c = s->step->cfg;
        struct err err = {0};
        c.skew_sigma = sigmas[i];
        struct step_model *other = step_model_new(&c, &err);
        ASSERT(other); /* as it was built before */
        take_ratio(step_s(other, DECODE_TOKENS) / step_s(s->step, DECODE_TOKENS),
                   &out.decode_lo, &out.decode_hi);
        take_ratio(step_s(other, PREFILL_TOKENS) / step_s(s->step, PREFILL_TOKENS),
                   &out.prefill_lo, &out.prefill_hi);
        step_model_free(other);
    }
    return out;
}

/* A band and an independent factor within [lo, hi]. */
static struct band widened(struct band b, double lo, double hi)
{
    return (struct band){exp(-hypot(log(b.lo), log(lo))), exp(hypot(log(b.hi), log(hi)))};
}

static struct band with_skew(const struct skew_spread *k, enum band_metric metric,
                             struct band b)
{
    switch (metric) {
    case BAND_TTFT:
    case BAND_TTFT_TAIL:
        return widened(b, k->prefill_lo, k->prefill_hi);
    case BAND_OUTPUT_TOK_S:
        return widened(b, 1.0 / k->decode_hi, 1.0 / k->decode_lo);
    case BAND_TPOT:
    case BAND_ITL:
    case BAND_E2E:
    case BAND_E2E_TAIL:
    case BAND_METRIC_N:
        break;
    }
    return widened(b, k->decode_lo, k->decode_hi);
}

/* What a tail is the tail of; other measures are their own. */
static enum band_metric body_of(enum band_metric metric)
{
    return metric == BAND_TTFT_TAIL ? BAND_TTFT : metric == BAND_E2E_TAIL ? BAND_E2E : metric;
}

/* Tails were measured on few deployments: no band of a tail is within that of its body. */
static bool band_with_body(const struct band_table *table, const struct band_key *key,
                           struct band *out)
{
    struct band_key body = *key;
    struct band b;
    body.metric = body_of(key->metric);
    bool found = band_find(table, key, out);
    if (body.metric == key->metric || !band_find(table, &body, &b)) {
        return found;
    }
    *out = found ? (struct band){fmin(out->lo, b.lo), fmax(out->hi, b.hi)} : b;
    return true;
}

/* At least the band on a measured SKU and the kernels' own error on another one. */
static struct band with_transfer(const struct band_table *bands, const struct band_key *key,
                                 double p90_frac, struct band b)
{
    struct band_key seen = *key;
    struct band known;
    seen.scope = key->scope == SCOPE_NEW ? SCOPE_NEW_MODEL : SCOPE_SEEN;
    if (p90_frac <= 0.0 || !band_with_body(bands, &seen, &known)) {
        return b;
    }
    struct band least = widened(known, 1.0 / (1.0 + p90_frac), 1.0 + p90_frac);
    return (struct band){fmin(b.lo, least.lo), fmax(b.hi, least.hi)};
}

bool evidence_band(const struct band_table *bands, const struct system *s,
                   enum band_metric metric, enum band_load load, enum band_prompt prompt,
                   struct band *out)
{
    struct band_key key = {
        .metric = metric,
        .scope = s->evidence.scope,
        .is_moe = model_is_moe(s->spec.model),
        .engine = engine_names[s->spec.engine],
        .load = load,
        .prompt = body_of(metric) == BAND_TTFT ? prompt : BAND_PROMPT_ANY,
        .sku = s->spec.gpu->name,
    };
    *out = (struct band){1.0, 1.0};
    if (!band_with_body(bands, &key, out)) {
        return false;
    }
    bool new_sku = key.scope == SCOPE_NEW_SKU || key.scope == SCOPE_NEW;
    if (s->step && new_sku && !s->correction) {
        *out = with_transfer(bands, &key, s->step->transfer_p90_frac, *out);
    }
    *out = s->step ? with_skew(&s->skew, metric, *out) : *out;
    return true;
}

enum band_load band_load_of_clients(int64_t clients)
{
    return clients <= BAND_LOW_CLIENTS ? BAND_CLOSED_LOW : BAND_CLOSED_HIGH;
}

enum band_prompt band_prompt_of(double tokens, bool equal_outputs)
{
    if (equal_outputs) {
        return BAND_PROMPT_WAVES;
    }
    return tokens < BAND_LONG_PROMPT_TOKENS ? BAND_PROMPT_SHORT : BAND_PROMPT_LONG;
}
