/* SPDX-License-Identifier: GPL-3.0-or-later */
/* catalog_models.c - rows of `headroom catalog models`. Parameters are billions, computed from
 * the architecture beside what the publisher says. */
#include <math.h>
#include <string.h>

#include "sim/cli/catalog_kinds.h"
#include "sim/cli/rows.h"

static const double BILLION = 1e9;
static const double KIB = 1024.0;

static double published(double params)
{
    return params > 0 ? params / BILLION : NAN;
}

/* "bf16 fp8 nvfp4": each format once. */
static const char *formats(struct arena *arena, const struct model *m)
{
    const char *text = "";
    bool seen[DTYPE_COUNT] = {false};
    for (int i = 0; i < m->n_checkpoints; i++) {
        enum dtype d = m->checkpoints[i].weights;
        if (!seen[d]) {
            text = arena_printf(arena, "%s%s%s", text, text[0] ? " " : "", dtype_name(d));
            seen[d] = true;
        }
    }
    return text;
}

static void put_sizes(json_t *row, const struct model *m)
{
    row_num(row, "params_b", model_total_params(m) / BILLION);
    row_num(row, "published_b", published(m->published_total));
    row_num(row, "active_b", model_active_params(m, true) / BILLION);
    row_num(row, "published_active_b", published(m->published_active));
    row_num(row, "kv_kib_per_token", model_kv_bytes(m, DTYPE_BF16, 1, false) / KIB);
    row_int(row, "context_tokens", m->max_context_tokens);
}

static json_t *list_row(struct arena *arena, const struct model *m)
{
    json_t *row = json_object();
    row_text(row, "name", m->name);
    row_text(row, "family", m->family);
    put_sizes(row, m);
    row_text(row, "checkpoints", formats(arena, m));
    return row;
}

static const char *attention_name(const struct attn_spec *a)
{
    static const char *const names[] = {"gqa", "mla", "linear"};
    return names[a->kind];
}

static const char *span_name(const struct attn_spec *a)
{
    static const char *const names[] = {"full", "sliding", "chunked"};
    return names[a->span];
}

static json_t *group_row(const struct layer_group *g)
{
    const struct attn_spec *a = &g->attn;
    const struct mlp_spec *p = &g->mlp;
    json_t *row = json_object();
    row_int(row, "layers", g->n_layers);
    row_text(row, "attention", attention_name(a));
    row_text(row, "span", span_name(a));
    row_num(row, "window_tokens", a->window_tokens > 0 ? (double)a->window_tokens : NAN);
    row_int(row, "heads", a->kind == ATTN_LINEAR ? a->lin_value_heads : a->n_heads);
    row_int(row, "kv_heads", a->kind == ATTN_LINEAR ? a->lin_key_heads : a->n_kv_heads);
    row_int(row, "head_dim", a->kind == ATTN_LINEAR ? a->lin_key_dim : a->head_dim);
    row_text(row, "mlp", p->is_moe ? "moe" : "dense");
    row_int(row, "width", p->intermediate);
    row_num(row, "experts", p->is_moe ? (double)p->n_experts : NAN);
    row_num(row, "top_k", p->is_moe ? (double)p->top_k : NAN);
    row_num(row, "shared_width", p->is_moe ? (double)p->shared_intermediate : NAN);
    return row;
}

static json_t *checkpoint_row(const struct checkpoint *c)
{
    json_t *row = json_object();
    row_text(row, "weights", dtype_name(c->weights));
    row_text(row, "scheme", quant_scheme_name(c->scheme));
    row_text(row, "attention", dtype_name(c->attn));
    row_text(row, "experts", dtype_name(c->experts));
    row_text(row, "name", c->name);
    json_object_set_new(row, "estimated", json_boolean(c->estimated));
    row_text(row, "source", c->source);
    return row;
}

static json_t *skew_row(const struct moe_skew *s)
{
    json_t *row = json_object();
    row_num(row, "sigma", s->sigma);
    row_num(row, "lo", s->sigma_lo);
    row_num(row, "hi", s->sigma_hi);
    json_object_set_new(row, "estimated", json_boolean(s->estimated));
    row_text(row, "source", s->source);
    return row;
}

static json_t *acceptance_rows(const struct draft_acceptance *a)
{
    json_t *rows = json_array();
    for (int i = 0; i < a->n; i++) {
        json_t *row = json_object();
        row_num(row, "drafts", i + 1);
        row_num(row, "accepted", a->frac[i]);
        row_num(row, "tokens_per_step", draft_tokens_per_step(a, i + 1));
        row_text(row, "source", i == 0 ? a->source : "");
        json_array_append_new(rows, row);
    }
    return rows;
}

static void put_parts(json_t *one, const struct model *m)
{
    json_t *groups = json_array(), *checkpoints = json_array(), *skews = json_array();
    for (int i = 0; i < m->n_groups; i++) {
        json_array_append_new(groups, group_row(&m->groups[i]));
    }
    for (int i = 0; i < m->n_checkpoints; i++) {
        json_array_append_new(checkpoints, checkpoint_row(&m->checkpoints[i]));
    }
    json_object_set_new(one, "layer groups", groups);
    json_object_set_new(one, "checkpoints", checkpoints);
    if (model_is_moe(m)) {
        json_array_append_new(skews, skew_row(&m->skew));
        json_object_set_new(one, "expert popularity", skews);
    } else {
        json_decref(skews);
    }
    if (m->acceptance.n > 0) {
        json_object_set_new(one, "drafts accepted", acceptance_rows(&m->acceptance));
    }
}

static json_t *in_full(const struct model *m)
{
    json_t *one = json_object(), *aliases = json_array();
    row_text(one, "name", m->name);
    row_text(one, "hf_id", m->hf_id);
    for (int i = 0; i < m->n_aliases; i++) {
        json_array_append_new(aliases, json_string(m->aliases[i]));
    }
    json_object_set_new(one, "aliases", aliases);
    row_text(one, "family", m->family);
    put_sizes(one, m);
    row_num(one, "kv_kib_per_token_fp8", model_kv_bytes(m, DTYPE_FP8, 1, false) / KIB);
    row_num(one, "vision_b", m->vision_params / BILLION);
    row_int(one, "layers", m->n_layers);
    row_int(one, "hidden", m->hidden);
    row_int(one, "vocab", m->vocab);
    row_int(one, "mtp_layers", m->mtp_layers);
    row_text(one, "native_weights", dtype_name(m->native));
    row_text(one, "source", m->source);
    row_text(one, "as_of", m->as_of);
    put_parts(one, m);
    return one;
}

json_t *catalog_models(struct cli *cli, const char *name, struct err *err)
{
    const char *const *dirs = cli->paths.dirs;
    int n_dirs = cli->paths.n_dirs;
    int n = 0;
    if (name) {
        const struct model *m = model_find(cli->arena, dirs, n_dirs, name, err);
        return m ? in_full(m) : NULL;
    }
    const char **names = model_list(cli->arena, dirs, n_dirs, &n, err);
    if (!names) {
        return NULL;
    }
    json_t *rows = json_array();
    for (int i = 0; i < n; i++) {
        const struct model *m = model_find(cli->arena, dirs, n_dirs, names[i], err);
        if (!m) {
            json_decref(rows);
            return NULL;
        }
        json_array_append_new(rows, list_row(cli->arena, m));
    }
    return rows;
}
