/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/experiment/evidence.h"

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

bool evidence_band(const struct band_table *bands, const struct system *s,
                   enum band_metric metric, enum band_load load, struct band *out)
{
    struct band_key key = {
        .metric = metric,
        .scope = s->evidence.scope,
        .is_moe = model_is_moe(s->spec.model),
        .engine = engine_names[s->spec.engine],
        .load = load,
        .sku = s->spec.gpu->name,
    };
    *out = (struct band){1.0, 1.0};
    return band_find(bands, &key, out);
}

enum band_load band_load_of_clients(int64_t clients)
{
    return clients <= BAND_LOW_CLIENTS ? BAND_CLOSED_LOW : BAND_CLOSED_HIGH;
}
