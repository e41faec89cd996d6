/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/fit/optable.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/csvio.h"

const char *const op_law_names[] = {"gemm",       "decode",      "prefill",
                                    "mla_decode", "mla_prefill", "moe"};

/* Names of systems and frameworks in the collections against the catalogue's. */
static const char *const system_names[][2] = {
    {"a100_sxm", "a100-sxm-80gb"},
    {"a100_pcie", "a100-pcie-80gb"},
    {"b200_sxm", "b200"},
    {"b300_sxm", "b300"},
    {"h20_sxm", "h20"},
    {"rtx_pro_6000_server", "rtx-pro-6000"},
};
static const char *const engine_table_names[][2] = {
    {"VLLM", "vllm"}, {"SGLang", "sglang"}, {"TRTLLM", "trtllm"}};

/* Kernel families of hardware/kernels/moe.csv by a piece of the collected name; first match. */
static const char *const moe_kernels[][2] = {
    {"nongated", "nongated"},
    {"min_latency", "min-latency"},
    {"mxfp4_flashinfer_trtllm_moe", "trtllm-gen-mxfp4"},
    {"modeloptfp8moe_flashinfer_cutlass", "cutlass-modelopt"},
    {"expertsmodular", "trtllm-gen-modular"},
    {"trtllm_moe", "trtllm-gen"},
    {"flashinfer_trtllm", "trtllm-gen"},
    {"triton_situ", "triton-situ"},
    {"marlin", "marlin"},
    {"oaitriton", "triton-oai"},
    {"triton", "triton"},
    {"cutlass", "cutlass"},
    {"deepgemm", "deepgemm"},
    {"fused_moe", "triton"},
};

/* Windows from here on stand for chunked attention (Llama 4): contexts inside them see no
 * window. */
static const double LONG_WINDOW_TOKENS = 4096.0;

/* Columns that every table has; -1 where absent. */
struct columns {
    int system, framework, version, kernel, latency, source;
};

static const char *translate(const char *word, const char *const (*names)[2], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(word, names[i][0]) == 0) {
            return names[i][1];
        }
    }
    return word;
}
#define TRANSLATE(word, names) translate((word), (names), sizeof(names) / sizeof *(names))

/* TensorRT-LLM names only the module: its default kernel depends on the architecture. */
static const char *trtllm_kernel(const struct gpu *gpu, const char *dtype)
{
    if (strncmp(gpu->arch, "Blackwell", 9) == 0) {
        return "trtllm-gen";
    }
    return strcmp(dtype, "w4a16_mxfp4") == 0 ? "triton" : "cutlass";
}

static const char *moe_kernel(const struct op_set *set)
{
    for (size_t i = 0; i < sizeof moe_kernels / sizeof *moe_kernels; i++) {
        if (strstr(set->kernel_full, moe_kernels[i][0])) {
            return moe_kernels[i][1];
        }
    }
    return strcmp(set->key.engine, "trtllm") == 0 ? trtllm_kernel(set->gpu, set->table_dtype)
                                                  : set->kernel_full;
}

/* The number formats of the collections; formats not listed keep their name. */
static const char *catalogue_dtype(const char *word)
{
    static const char *const names[][2] = {
        {"bfloat16", "bf16"}, {"float16", "bf16"}, {"sq", "int8"}};
    return TRANSLATE(word, names);
}

static bool recognise(const struct csv_table *t, enum op_law *law, struct err *err)
{
    bool is_mla = csv_col(t, "mla_dtype") >= 0;
    bool is_attn = csv_col(t, "attn_dtype") >= 0;
    if (csv_col(t, "gemm_dtype") >= 0) {
        *law = OP_GEMM;
    } else if (csv_col(t, "moe_dtype") >= 0) {
        *law = OP_MOE;
    } else if ((is_mla || is_attn) && csv_col(t, "op_name") >= 0 && t->n_rows > 0 &&
               csv_col(t, "model") < 0) {
        const char *op = csv_cell(t, 0, csv_col(t, "op_name"));
        bool prefill = strstr(op, "context") != NULL;
        *law = is_mla ? (prefill ? OP_MLA_PREFILL : OP_MLA_DECODE)
                      : (prefill ? OP_PREFILL : OP_DECODE);
    } else {
        struct src_pos pos = {t->file, 1, 0};
        return err_at(err, pos,
                      "not a table of GEMM, attention, MLA or MoE kernel times: no column "
                      "gemm_dtype, attn_dtype, mla_dtype or moe_dtype");
    }
    return true;
}

static bool need_columns(const struct csv_table *t, struct columns *c, struct err *err)
{
    c->source = csv_col(t, "source_table");
    return csv_col_need(t, "system", &c->system, err) &&
           csv_col_need(t, "framework", &c->framework, err) &&
           csv_col_need(t, "version", &c->version, err) &&
           csv_col_need(t, "kernel_source", &c->kernel, err) &&
           csv_col_need(t, "latency", &c->latency, err);
}

struct reader {
    const struct csv_table *t;
    int row;
    struct err *err;
    bool ok;
};

static double number(struct reader *r, const char *column)
{
    double value = 0.0;
    int col = csv_col(r->t, column);
    if (col < 0) {
        r->ok = csv_col_need(r->t, column, &col, r->err) && r->ok;
        return 0.0;
    }
    r->ok = csv_number(r->t, r->row, col, 0.0, &value, r->err) && r->ok;
    return value;
}

static const char *word(const struct reader *r, const char *column)
{
    return csv_cell(r->t, r->row, csv_col(r->t, column));
}

static void read_gemm(struct reader *r, struct op_point *p)
{
    p->m = number(r, "m");
    p->n = number(r, "n");
    p->k = number(r, "k");
}

static void read_attention(struct reader *r, enum op_law law, struct op_point *p)
{
    bool mla = law == OP_MLA_DECODE || law == OP_MLA_PREFILL;
    p->batch = number(r, "batch_size");
    p->heads = (int)number(r, "num_heads");
    p->kv_heads = mla ? 1 : (int)number(r, "num_key_value_heads");
    p->head_dim = mla ? 192 : (int)number(r, "head_dim");
    p->window_tokens = csv_col(r->t, "window_size") >= 0 ? number(r, "window_size") : 0.0;
    p->ctx_tokens = number(r, "isl");
    if (law == OP_DECODE || law == OP_MLA_DECODE) {
        p->ctx_tokens += number(r, "step");
    }
}

static void read_moe(struct reader *r, struct op_point *p)
{
    static const char prefix[] = "power_law_";
    const char *loads = word(r, "distribution");
    double tp = number(r, "moe_tp_size");
    p->tokens = number(r, "num_tokens");
    p->hidden = number(r, "hidden_size");
    p->width = number(r, "inter_size") / (tp > 0.0 ? tp : 1.0);
    p->top_k = (int)number(r, "topk");
    p->n_experts = (int)number(r, "num_experts");
    p->ep = (int)number(r, "moe_ep_size");
    if (strncmp(loads, prefix, sizeof prefix - 1) == 0) {
        char why[128];
        if (!quantity_parse(loads + sizeof prefix - 1, UNIT_COUNT, &p->power_law, why,
                            sizeof why)) {
            r->ok = err_at(r->err, csv_pos(r->t, r->row), "distribution '%s': %s", loads, why);
        }
    }
}

/* Format column of a law: weights for gemm and moe; KV for attention, but the arithmetic format
 * where it is narrower matters too, so both stand in table_dtype as "arithmetic/kv". */
static const char *table_dtype(struct arena *arena, const struct reader *r, enum op_law law)
{
    switch (law) {
    case OP_GEMM:
        return word(r, "gemm_dtype");
    case OP_MOE:
        return word(r, "moe_dtype");
    case OP_MLA_DECODE:
    case OP_MLA_PREFILL:
        return arena_printf(arena, "%s/%s", word(r, "mla_dtype"), word(r, "kv_cache_dtype"));
    default:
        return arena_printf(arena, "%s/%s", word(r, "attn_dtype"), word(r, "kv_cache_dtype"));
    }
}

static const char *key_dtype(const struct reader *r, enum op_law law)
{
    switch (law) {
    case OP_GEMM:
        return catalogue_dtype(word(r, "gemm_dtype"));
    case OP_MOE:
        return catalogue_dtype(word(r, "moe_dtype"));
    default:
        return catalogue_dtype(word(r, "kv_cache_dtype"));
    }
}

/* Which points are fitted together. Dense products go by format alone: the library picks the
 * kernel by shape. Attention kernels and arithmetic formats stay apart, as do MoE families. */
static bool same_set(const struct op_set *s, const struct op_set *w)
{
    return s->law == w->law && strcmp(s->key.sku, w->key.sku) == 0 &&
           strcmp(s->key.engine, w->key.engine) == 0 &&
           strcmp(s->key.version, w->key.version) == 0 &&
           strcmp(s->table_dtype, w->table_dtype) == 0 && s->head_dim == w->head_dim &&
           s->is_windowed == w->is_windowed &&
           (s->law == OP_GEMM || strcmp(s->kernel_full, w->kernel_full) == 0);
}

static struct op_set *set_for(struct op_sets *sets, const struct op_set *wanted,
                              struct op_set *last)
{
    if (last && same_set(last, wanted)) {
        return last;
    }
    for (int i = 0; i < sets->n; i++) {
        if (same_set(&sets->items[i], wanted)) {
            return &sets->items[i];
        }
    }
    ARRAY_RESERVE(sets->items, sets->cap, sets->n + 1);
    sets->items[sets->n] = *wanted;
    return &sets->items[sets->n++];
}

/* Long windows count as none where they have no effect. Flash-attention 2 gives up splitting
 * contexts under any window, so there they have one always. */
static bool is_plain_window(const struct op_set *s, struct op_point *p)
{
    if (p->window_tokens < LONG_WINDOW_TOKENS) {
        return true;
    }
    bool inside = p->ctx_tokens <= p->window_tokens && !strstr(s->kernel_full, "fa2");
    p->window_tokens = 0.0;
    return inside;
}

static void read_point(struct reader *r, enum op_law law, struct op_point *p)
{
    p->latency_s = 1e-3 * number(r, "latency");
    if (law == OP_GEMM) {
        read_gemm(r, p);
    } else if (law == OP_MOE) {
        read_moe(r, p);
    } else {
        read_attention(r, law, p);
    }
}

/* The set a row belongs to, without points. */
static bool describe_set(struct arena *arena, struct reader *r, const struct columns *c,
                         const struct gpu_list *gpus, struct op_set *w)
{
    const char *system = csv_cell(r->t, r->row, c->system);
    const char *framework = csv_cell(r->t, r->row, c->framework);
    w->gpu = gpu_find(gpus, TRANSLATE(system, system_names), r->err);
    if (!w->gpu) {
        return false;
    }
    w->kernel_full = csv_cell(r->t, r->row, c->kernel);
    w->table_dtype = table_dtype(arena, r, w->law);
    w->key = (struct kernel_key){.sku = w->gpu->name,
                                 .engine = TRANSLATE(framework, engine_table_names),
                                 .version = csv_cell(r->t, r->row, c->version),
                                 .dtype = key_dtype(r, w->law),
                                 .source = csv_cell(r->t, r->row, c->source)};
    w->key.kernel = w->kernel_full;
    if (w->law == OP_GEMM) {
        w->key.kernel = "";
    } else if (w->law == OP_MOE) {
        w->key.kernel = moe_kernel(w);
    }
    return true;
}

static bool add_row(struct arena *arena, struct reader *r, enum op_law law,
                    const struct columns *c, const struct gpu_list *gpus, struct op_sets *sets,
                    int *last)
{
    struct op_set w = {.law = law};
    struct op_point p = {0};
    if (!describe_set(arena, r, c, gpus, &w)) {
        return false;
    }
    read_point(r, law, &p);
    if (!r->ok) {
        return false;
    }
    w.head_dim = p.head_dim;
    w.is_windowed = p.window_tokens > 0.0 && p.window_tokens < LONG_WINDOW_TOKENS;
    struct op_set *s = set_for(sets, &w, *last >= 0 ? &sets->items[*last] : NULL);
    *last = (int)(s - sets->items);
    if (!(p.latency_s > 0.0) || !is_plain_window(&w, &p)) {
        s->n_skipped++;
        return true;
    }
    ARRAY_RESERVE(s->points, s->cap, s->n + 1);
    s->points[s->n++] = p;
    return true;
}

bool op_sets_load(struct arena *arena, const char *path, const struct gpu_list *gpus,
                  struct op_sets *sets, struct err *err)
{
    struct csv_table t;
    struct columns c;
    enum op_law law = OP_GEMM;
    int last = -1;
    if (!csv_load(arena, path, &t, err) || !recognise(&t, &law, err) ||
        !need_columns(&t, &c, err)) {
        return false;
    }
    for (int row = 0; row < t.n_rows; row++) {
        struct reader r = {.t = &t, .row = row, .err = err, .ok = true};
        if (!add_row(arena, &r, law, &c, gpus, sets, &last)) {
            return false;
        }
    }
    return true;
}

/* Versions compare by their runs of digits and letters, 0.9.1 < 0.14.0 and 1.3.0rc4
 * < 1.3.0rc20, but a release follows its candidates: 1.3.0rc20 < 1.3.0. */
static int version_compare(const char *a, const char *b)
{
    size_t n = 0;
    while (a[n] && a[n] == b[n]) {
        n++;
    }
    if ((!a[n] && isalpha((unsigned char)b[n])) || (!b[n] && isalpha((unsigned char)a[n]))) {
        return a[n] ? -1 : 1;
    }
    return strverscmp(a, b);
}

static bool is_outdated(const struct op_sets *sets, const struct op_set *s)
{
    for (int i = 0; i < sets->n; i++) {
        const struct op_set *o = &sets->items[i];
        if (o->law == s->law && strcmp(o->key.sku, s->key.sku) == 0 &&
            strcmp(o->key.engine, s->key.engine) == 0 &&
            strcmp(o->table_dtype, s->table_dtype) == 0 &&
            strcmp(o->key.kernel, s->key.kernel) == 0 &&
            version_compare(o->key.version, s->key.version) > 0) {
            return true;
        }
    }
    return false;
}

void op_sets_newest(struct op_sets *sets)
{
    bool *drop = xcalloc((size_t)sets->n + 1, sizeof *drop);
    int kept = 0;
    for (int i = 0; i < sets->n; i++) {
        drop[i] = is_outdated(sets, &sets->items[i]);
    }
    for (int i = 0; i < sets->n; i++) {
        if (drop[i]) {
            free(sets->items[i].points);
        } else {
            sets->items[kept++] = sets->items[i];
        }
    }
    sets->n = kept;
    free(drop);
}

void op_sets_free(struct op_sets *sets)
{
    for (int i = 0; i < sets->n; i++) {
        free(sets->items[i].points);
    }
    free(sets->items);
    *sets = (struct op_sets){0};
}
