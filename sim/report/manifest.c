/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifest.c - what a result rests on: the scenario as it ran, seed and version, and of every
 * deployment the catalogue values it used with their sources. Holds nothing that differs
 * between two runs of the same question: no time, host, path or thread count. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/hash.h"
#include "sim/base/outfile.h"
#include "sim/report/tables.h"

enum { MANIFEST_SCHEMA = 1 };
static const size_t LAYOUT = JSON_INDENT(2) | JSON_REAL_PRECISION(9);

/* Text as JSON; what is not UTF-8 becomes null. */
static json_t *text_json(const char *text)
{
    json_t *j = json_string(text ? text : "");
    return j ? j : json_null();
}

static json_t *number_json(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

/* ---- scenario
 * ---------------------------------------------------------------------------------- */

/* Files are named without their directory: where a checkout lies is not part of the question.
 */
static const char *without_directory(const struct scenario_value *v)
{
    const char *text = v->text;
    const char *first = text[0] == '"' || text[0] == '\'' ? text + 1 : text;
    bool is_path = strcmp(v->key, "file") == 0 || first[0] == '/' || first[0] == '.';
    const char *slash = is_path ? strrchr(text, '/') : NULL;
    return slash ? slash + 1 : text;
}

static json_t *scenario_json(const struct scenario *sc)
{
    static const char *const origins[] = {"default", "file", "--set"};
    json_t *values = json_object();
    for (int i = 0; i < sc->n_values; i++) {
        const struct scenario_value *v = &sc->values[i];
        if (v->text) {
            json_object_set_new(values, v->path,
                                json_pack("{s:o, s:s}", "value",
                                          text_json(without_directory(v)), "from",
                                          origins[v->origin]));
        }
    }
    return json_pack("{s:o, s:o, s:o}", "name", text_json(sc->name), "question",
                     text_json(sc->question), "values", values);
}

/* ---- deployments
 * -------------------------------------------------------------------------------- */

static json_t *gpu_json(const struct gpu *g)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
                     text_json(g->name), "mem_bytes", number_json(g->mem_bytes),
                     "mem_bytes_per_s", number_json(g->mem_bytes_per_s), "bf16_flops_per_s",
                     number_json(g->flops_per_s[DTYPE_BF16]), "n_sm", g->n_sm, "link",
                     text_json(g->link), "link_bytes_per_s", number_json(g->link_bytes_per_s),
                     "tdp_w", number_json(g->tdp_w), "idle_w", number_json(g->idle_w), "source",
                     text_json(g->source), "as_of", text_json(g->as_of), "estimated",
                     text_json(g->estimated));
}

static json_t *model_json(const struct model *m, const struct checkpoint *c)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:b}", "name",
                     text_json(m->name), "hf_id", text_json(m->hf_id), "source",
                     text_json(m->source), "as_of", text_json(m->as_of), "checkpoint",
                     text_json(c->name), "weights", text_json(dtype_name(c->weights)),
                     "checkpoint_source", text_json(c->source), "checkpoint_estimated",
                     (int)c->estimated, "expert_skew_sigma", number_json(m->skew.sigma),
                     "expert_skew_source", text_json(m->skew.source), "expert_skew_estimated",
                     (int)m->skew.estimated);
}

/* What is drafted each step and accepted up to each position. */
static json_t *drafts_json(const struct system_spec *p)
{
    json_t *accepted = json_array();
    for (int i = 1; i <= p->draft_tokens; i++) {
        json_array_append_new(accepted, number_json(draft_accepted_frac(&p->acceptance, i)));
    }
    return json_pack("{s:i, s:o, s:o, s:o, s:o}", "tokens", p->draft_tokens, "model",
                     text_json(p->draft ? p->draft->name : ""), "accepted_frac", accepted,
                     "tokens_per_step",
                     number_json(draft_tokens_per_step(&p->acceptance, p->draft_tokens)),
                     "source", text_json(p->acceptance.source ? p->acceptance.source : ""));
}

static json_t *engine_json(const struct system *s)
{
    const struct system_spec *p = &s->spec;
    json_t *out = json_pack(
        "{s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:b, s:b, s:o}", "kind",
        text_json(engine_names[p->engine]), "version", text_json(p->engine_version),
        "max_model_len", (json_int_t)p->max_model_len, "max_batched_tokens",
        (json_int_t)p->max_batched_tokens, "max_seqs", (json_int_t)p->max_seqs, "block_tokens",
        (json_int_t)p->block_tokens, "mem_util", number_json(p->mem_util_frac), "kv_cache",
        text_json(dtype_name(p->kv)), "prefix_cache", p->prefix_cache != 0, "cuda_graphs",
        p->cuda_graphs != 0, "source", text_json(s->defaults.source));
    if (p->draft_tokens > 0) {
        json_object_set_new(out, "drafts", drafts_json(p));
    }
    return out;
}

static json_t *constants_json(const struct step_model *sm)
{
    static const char *const matches[] = {"exact", "other engine", "other GPU"};
    json_t *rows = json_array();
    for (int i = 0; sm && i < sm->n_constants; i++) {
        const struct step_constant *c = &sm->constants[i];
        const struct kernel_key *k = c->key;
        json_array_append_new(
            rows,
            json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o}", "law", c->law, "gpu",
                      text_json(k->sku), "engine", text_json(k->engine), "version",
                      text_json(k->version), "dtype", text_json(k->dtype), "kernel",
                      text_json(k->kernel), "match", matches[c->match], "error_median_frac",
                      number_json(k->err_median_frac), "source", text_json(k->source)));
    }
    return rows;
}

static json_t *deployment_json(const struct experiment *e, int idx)
{
    const struct system *s = &e->systems[idx];
    const struct system_spec *p = &s->spec;
    int64_t replicas = e->deployments.items[idx].replicas;
    return json_pack("{s:o, s:{s:i, s:i, s:i, s:i, s:I}, s:b, s:o, s:s, s:o, s:o, s:o, s:o}",
                     "name", text_json(p->name), "layout", "tp", p->tp, "pp", p->pp, "ep",
                     p->ep, "dp", p->dp, "replicas", (json_int_t)(replicas > 0 ? replicas : 1),
                     "fits", (int)s->footprint.fits, "reason", text_json(s->footprint.reason),
                     "evidence", system_evidence(s), "gpu", gpu_json(p->gpu), "model",
                     model_json(p->model, &p->checkpoint), "engine", engine_json(s),
                     "constants", constants_json(s->step));
}

/* ---- the whole
 * ---------------------------------------------------------------------------------- */

/* What every manifest says first. */
static json_t *head_json(const char *version, const char *as_of)
{
    char libm[17];
    snprintf(libm, sizeof libm, "%016llx", (unsigned long long)hash_libm());
    return json_pack("{s:i, s:o, s:o, s:s}", "schema", MANIFEST_SCHEMA, "version",
                     text_json(version), "as_of", text_json(as_of), "libm", libm);
}

/* As an item of a list of the document: text of JSON has no line breaks of its own. */
static int put_item_text(const char *text, size_t n, void *ctx)
{
    FILE *out = ctx;
    for (size_t i = 0; i < n; i++) {
        fputc(text[i], out);
        if (text[i] == '\n') {
            fputs("    ", out);
        }
    }
    return 0;
}

/* One after the other: of ten thousand, the document would be larger than all else. */
static bool put_deployments(const struct experiment *e, FILE *out)
{
    bool ok = true;
    fputs(",\n  \"deployments\": [", out);
    for (int i = 0; ok && i < e->deployments.n; i++) {
        json_t *item = deployment_json(e, i);
        fputs(i > 0 ? ",\n    " : "\n    ", out);
        ok = item && json_dump_callback(item, put_item_text, out, LAYOUT) == 0;
        json_decref(item);
    }
    fputs("\n  ]", out);
    return ok;
}

/* The document, and behind its members the deployments of an experiment (NULL: none). */
static bool put_manifest(const char *document, const struct experiment *e, FILE *out)
{
    static const char END[] = "\n}";
    fwrite(document, 1, strlen(document) - strlen(END), out);
    bool ok = !e || put_deployments(e, out);
    fprintf(out, "%s\n", END);
    return ok;
}

/* Takes root. */
static bool write_manifest(json_t *root, const struct experiment *e, const char *path,
                           struct err *err)
{
    struct outfile file;
    char *text = root ? json_dumps(root, LAYOUT) : NULL;
    json_decref(root);
    bool text_made = text != NULL;
    bool opened = text_made && outfile_open(&file, path, err);
    bool ok = opened && put_manifest(text, e, file.out);
    free(text);
    if (ok) {
        return outfile_close(&file, err);
    }
    if (opened) {
        outfile_abandon(&file);
    }
    if (!text_made || opened) {
        err_set(err, ERR_INTERNAL, "the manifest cannot be built");
    }
    return false;
}

bool tables_write_manifest(const struct experiment *e, const char *version, const char *as_of,
                           const char *path, struct err *err)
{
    json_t *root = head_json(version, as_of);
    json_object_set_new(root, "seed", json_integer((json_int_t)e->seed));
    json_object_set_new(root, "replications", json_integer(e->replications));
    json_object_set_new(root, "requests", json_integer((json_int_t)e->requests));
    json_object_set_new(root, "scenario", scenario_json(e->scenario));
    return write_manifest(root, e, path, err);
}

bool tables_write_plan_manifest(const struct scenario *sc, const char *version,
                                const char *as_of, const char *path, struct err *err)
{
    json_t *root = head_json(version, as_of);
    json_object_set_new(root, "seed", json_integer((json_int_t)sc->simulation.seed));
    json_object_set_new(root, "scenario", scenario_json(sc));
    return write_manifest(root, NULL, path, err);
}
