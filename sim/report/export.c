/* SPDX-License-Identifier: GPL-3.0-or-later */
/* export.c - a launch as a shell script: one command per replica that can be pasted, with what
 * it rests on in comments. */
#include "sim/report/export.h"

#include <stdlib.h>
#include <string.h>

#include "sim/report/export_parts.h"

const char *const export_target_names[] = {"vllm", "sglang", "trtllm", "kubernetes"};
static const char CONFIG_FILE[] = "trtllm.yaml";

bool export_stock_load(struct arena *arena, const struct stock *stock, struct export_stock *out,
                       struct err *err)
{
    const struct catalogue *c = &stock->catalogue;
    *out = (struct export_stock){.stock = stock};
    return node_list_load(arena, c->dirs, c->n_dirs, &out->nodes, err) &&
           engine_flags_load(arena, c->dirs, c->n_dirs, &out->flags, err);
}

const char *export_quote(struct arena *arena, const char *text)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789_@%+=:,./-";
    size_t n = strlen(text);
    if (n > 0 && strspn(text, safe) == n) {
        return text;
    }
    char *quoted = arena_alloc(arena, 4 * n + 3, 1);
    char *at = quoted;
    *at++ = '\'';
    for (const char *c = text; *c; c++) {
        if (*c == '\'') {
            memcpy(at, "'\\''", 4);
            at += 4;
        } else {
            *at++ = *c;
        }
    }
    memcpy(at, "'", 2);
    return quoted;
}

const char *export_comment(struct arena *arena, const char *text)
{
    char *clean = arena_strdup(arena, text);
    for (char *c = clean; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = ' ';
        }
    }
    return clean;
}

/* ---- comments -------------------------------------------------------------------------------
 */

static void write_head(struct arena *arena, const struct export_job *job,
                       const struct launch *l, FILE *out)
{
    const struct system_spec *s = &job->spec;
    long long all = (long long)job->replicas + job->spares;
    fprintf(out, "# %s\n", export_comment(arena, job->name));
    fprintf(out, "# %s %s; %lld %s of %d %s each", engine_names[s->engine], l->version, all,
            all == 1 ? "replica" : "replicas", job->n_gpus, s->gpu->label);
    if (job->spares > 0) {
        fprintf(out, ", %lld of them spare", (long long)job->spares);
    }
    fprintf(out, "\n# tp %d, pp %d, ep %d, dp %d; weights %s, KV cache %s", s->tp, s->pp, s->ep,
            s->dp, dtype_name(s->checkpoint.weights), dtype_name(s->kv));
    if (s->checkpoint.estimated) {
        fputs("; the checkpoint's layout is an assumption of the catalogue", out);
    }
    fputc('\n', out);
    for (int i = 0; i < job->n_notes; i++) {
        fprintf(out, "# note: %s\n", export_comment(arena, job->notes[i]));
    }
}

/* ---- script ---------------------------------------------------------------------------------
 */

static void write_word(struct arena *arena, const struct launch *l, const struct word *w,
                       FILE *out)
{
    switch (w->kind) {
    case WORD_PORT:
        fprintf(out, "\"${PORT:-%d}\"", l->port);
        return;
    case WORD_HEAD:
        fprintf(out, "\"$HEAD_ADDR%s\"", w->text);
        return;
    case WORD_RANK:
        fputs("\"$NODE_RANK\"", out);
        return;
    case WORD_CONFIG:
        fputs(CONFIG_FILE, out);
        return;
    default:
        fputs(export_quote(arena, w->text), out);
    }
}

static void write_words(struct arena *arena, const struct launch *l, FILE *out)
{
    for (int i = 0; i < l->n; i++) {
        fputs(i == 0 ? "" : l->words[i].opens ? " \\\n  " : " ", out);
        write_word(arena, l, &l->words[i], out);
    }
}

static bool write_config(const struct launch *l, FILE *out, struct err *err)
{
    if (!l->config) {
        return true;
    }
    fprintf(out, "cat >%s <<'END'\n", CONFIG_FILE);
    bool ok = export_yaml(l->config, false, out, err);
    fputs("END\n", out);
    return ok;
}

/* How often, and where, the command is to be run. */
static void write_use(const struct export_job *job, const struct launch *l, FILE *out)
{
    int64_t all = job->replicas + job->spares;
    if (all > 1) {
        fprintf(out, "# Once per replica, %lld in all, behind a load balancer.%s\n",
                (long long)all,
                l->n_nodes > 1 ? ""
                               : " Replicas on one node need a PORT\n"
                                 "# and CUDA_VISIBLE_DEVICES of their own.");
    }
    if (l->n_nodes > 1 && job->spec.engine != ENGINE_TRTLLM) {
        fprintf(out,
                "# Run on each of the %d nodes of a replica: HEAD_ADDR is the first node's "
                "address,\n"
                "# NODE_RANK counts the nodes from 0. Clients use the first node.\n"
                "HEAD_ADDR=${HEAD_ADDR:?address of the first node}\n"
                "NODE_RANK=${NODE_RANK:?0 on the first node}\n",
                l->n_nodes);
    }
}

static void write_launcher(const struct export_job *job, const struct launch *l, FILE *out)
{
    if (l->n_nodes > 1 && job->spec.engine == ENGINE_TRTLLM) {
        fprintf(out,
                "# One MPI world over %d nodes; the working directory must be shared.\n"
                "srun --nodes %d --ntasks %d --ntasks-per-node %d --mpi=pmix "
                "trtllm-llmapi-launch ",
                l->n_nodes, l->n_nodes, job->n_gpus, job->gpus_per_node);
    }
}

static bool write_script(struct arena *arena, const struct export_job *job,
                         const struct launch *l, FILE *out, struct err *err)
{
    write_head(arena, job, l, out);
    write_use(job, l, out);
    if (!write_config(l, out, err)) {
        return false;
    }
    if (l->worker) {
        fprintf(out, "WORKER=\nif [ \"$NODE_RANK\" != 0 ]; then WORKER=%s; fi\n", l->worker);
    }
    write_launcher(job, l, out);
    write_words(arena, l, out);
    fputs(l->worker ? " \\\n  $WORKER\n" : "\n", out);
    return true;
}

/* ---- the whole ------------------------------------------------------------------------------
 */

static bool write_target(struct arena *arena, const struct export_job *job,
                         const struct launch *l, enum export_target target, FILE *out,
                         struct err *err)
{
    if (target != EXPORT_KUBERNETES) {
        return write_script(arena, job, l, out, err);
    }
    write_head(arena, job, l, out);
    return export_kubernetes(job, l, out, err);
}

bool export_write(struct arena *arena, const struct export_stock *stock,
                  const struct export_job *job, enum export_target target, FILE *out,
                  struct err *err)
{
    struct launch l;
    bool scaled = target == EXPORT_KUBERNETES && job->most_replicas > 0;
    char *text = NULL;
    size_t n = 0;
    FILE *memory = open_memstream(&text, &n);
    ASSERT(memory);
    bool ok = launch_build(arena, stock, job, scaled, &l, err) &&
              write_target(arena, job, &l, target, memory, err);
    launch_fini(&l);
    ok = fclose(memory) == 0 && ok;
    if (ok && fwrite(text, 1, n, out) != n) {
        ok = err_set(err, ERR_IO, "cannot write the export");
    }
    free(text);
    return ok;
}
