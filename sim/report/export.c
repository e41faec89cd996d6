/* SPDX-License-Identifier: GPL-3.0-or-later */
/* export.c - a launch as a shell script: one command per replica that can be pasted, with what
 * it rests on in comments. */
#include "sim/report/export.h"

#include <stdlib.h>
#include <string.h>

#include "sim/report/export_parts.h"

const char *const export_target_names[] = {"vllm", "sglang", "trtllm", "kubernetes"};

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

/* What one side, or the whole, consists of. */
static void write_side(const struct launch *l, FILE *out)
{
    static const char *const sides[] = {
        [ROLE_BOTH] = "", [ROLE_PREFILL] = "prefill ", [ROLE_DECODE] = "decode "};
    const struct export_job *job = l->job;
    const struct system_spec *s = &job->spec;
    long long all = (long long)job->replicas + job->spares;
    fprintf(out, "# %s %s; %lld %s%s of %d %s each", engine_names[s->engine], l->version, all,
            sides[job->role], all == 1 ? "replica" : "replicas", job->n_gpus, s->gpu->label);
    if (job->spares > 0) {
        fprintf(out, ", %lld of them spare", (long long)job->spares);
    }
    fprintf(out, "\n# tp %d, pp %d, ep %d, dp %d; weights %s, KV cache %s", s->tp, s->pp, s->ep,
            s->dp, dtype_name(s->checkpoint.weights), dtype_name(s->kv));
    if (s->checkpoint.estimated) {
        fputs("; the checkpoint's layout is an assumption of the catalogue", out);
    }
    fputc('\n', out);
}

static void write_head(struct arena *arena, const struct launch *l,
                       const struct launch *prefill, FILE *out)
{
    const struct export_job *job = l->job;
    fprintf(out, "# %s\n", export_comment(arena, job->name));
    if (prefill) {
        write_side(prefill, out);
    }
    write_side(l, out);
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
        fputs(l->file, out);
        return;
    case WORD_SHELL:
        fprintf(out, "\"%s\"", w->text);
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

/* expand: the shell puts its variables in. */
static bool write_config(const struct launch *l, bool expand, FILE *out, struct err *err)
{
    if (!l->config) {
        return true;
    }
    fprintf(out, expand ? "cat >%s <<END\n" : "cat >%s <<'END'\n", l->file);
    bool ok = export_yaml(l->config, false, out, err);
    fputs("END\n", out);
    return ok;
}

/* How often, and where, the command is to be run. */
static void write_use(const struct launch *l, FILE *out)
{
    const struct export_job *job = l->job;
    int64_t all = job->replicas + job->spares;
    if (all > 1) {
        fprintf(out, "# Once per replica, %lld in all, behind %s.%s\n", (long long)all,
                job->role == ROLE_BOTH ? "a load balancer" : "the router",
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

/* What the shell runs for a replica. */
static bool write_command(struct arena *arena, const struct launch *l, FILE *out,
                          struct err *err)
{
    write_use(l, out);
    if (!write_config(l, false, out, err)) {
        return false;
    }
    if (l->worker) {
        fprintf(out, "WORKER=\nif [ \"$NODE_RANK\" != 0 ]; then WORKER=%s; fi\n", l->worker);
    }
    write_launcher(l->job, l, out);
    write_words(arena, l, out);
    fputs(l->worker ? " \\\n  $WORKER\n" : "\n", out);
    return true;
}

/* ---- prefill and decode apart ---------------------------------------------------------------
 */

static const char *peer_variable(struct arena *arena, const struct launch *side, int replica)
{
    const char *role = side->job->role == ROLE_PREFILL ? "PREFILL" : "DECODE";
    return arena_printf(arena, "%s_%d", role, replica);
}

static struct peer shell_peer(struct arena *arena, const struct launch *side, int replica)
{
    const char *name = peer_variable(arena, side, replica);
    return (struct peer){.host = arena_printf(arena, "${%s%%:*}", name),
                         .port = arena_printf(arena, "${%s##*:}", name),
                         .both = arena_printf(arena, "${%s}", name)};
}

/* The router stops when it does not know where a replica is. */
static void write_peers(struct arena *arena, const struct launch *side, FILE *out)
{
    const char *role = side->job->role == ROLE_PREFILL ? "prefill" : "decode";
    for (int i = 0; i < (int)(side->job->replicas + side->job->spares); i++) {
        fprintf(out, ": \"${%s:?host:port of %s replica %d}\"\n", peer_variable(arena, side, i),
                role, i);
    }
}

/* vLLM tells the other side by which address this node is reached for KV. */
static void write_environment(const struct launch *l, FILE *out)
{
    if (l->job->spec.engine == ENGINE_VLLM) {
        fputs("# NIXL has to be installed beside vLLM. Replicas on one node need a\n"
              "# VLLM_NIXL_SIDE_CHANNEL_PORT of their own.\n"
              "export VLLM_NIXL_SIDE_CHANNEL_HOST=\"${NODE_ADDR:?address of this node}\"\n",
              out);
    } else if (l->job->spec.engine == ENGINE_SGLANG && l->job->role == ROLE_PREFILL &&
               l->job->replicas + l->job->spares > 1) {
        fputs("# Prefill replicas on one node need a --disaggregation-bootstrap-port of their "
              "own,\n# which the router is told behind their address.\n",
              out);
    }
}

static bool write_router(struct arena *arena, const struct launch *l,
                         const struct launch *prefill, FILE *out, struct err *err)
{
    struct launch router;
    bool ok = router_build(prefill, l, shell_peer, WORD_SHELL, &router);
    if (ok) {
        write_peers(arena, prefill, out);
        write_peers(arena, l, out);
        if (l->job->spec.engine == ENGINE_VLLM) {
            fprintf(out,
                    "# %s is in tests/v1/kv_connector/nixl_integration of vLLM's source.\n",
                    router.file);
        }
        ok = write_config(&router, true, out, err);
        write_words(arena, &router, out);
        fputc('\n', out);
    }
    launch_fini(&router);
    return ok;
}

static bool write_role(struct arena *arena, const char *role, const struct launch *l, FILE *out,
                       struct err *err)
{
    fprintf(out, "%s)\n", role);
    write_environment(l, out);
    bool ok = write_command(arena, l, out, err);
    fputs(";;\n", out);
    return ok;
}

/* One script for all three, told by ROLE which it is to be. */
static bool write_roles(struct arena *arena, const struct launch *l,
                        const struct launch *prefill, FILE *out, struct err *err)
{
    fputs("# ROLE says what a node is to run; clients use the router.\n"
          "case \"${ROLE:?prefill, decode or router}\" in\n",
          out);
    bool ok = write_role(arena, "prefill", prefill, out, err) &&
              write_role(arena, "decode", l, out, err);
    fputs("router)\n", out);
    ok = ok && write_router(arena, l, prefill, out, err);
    fputs(";;\n*)\necho 'ROLE is prefill, decode or router' >&2\nexit 2\n;;\nesac\n", out);
    return ok;
}

/* ---- the whole ------------------------------------------------------------------------------
 */

static bool write_target(struct arena *arena, const struct launch *l,
                         const struct launch *prefill, enum export_target target, FILE *out,
                         struct err *err)
{
    write_head(arena, l, prefill, out);
    if (target == EXPORT_KUBERNETES) {
        return export_kubernetes(l, prefill, out, err);
    }
    return prefill ? write_roles(arena, l, prefill, out, err)
                   : write_command(arena, l, out, err);
}

bool export_write(struct arena *arena, const struct export_stock *stock,
                  const struct export_job *job, enum export_target target, FILE *out,
                  struct err *err)
{
    struct launch l;
    struct launch prefill = {.n = 0};
    bool apart = job->prefill != NULL;
    bool scaled = target == EXPORT_KUBERNETES && job->most_replicas > 0 && !apart;
    char *text = NULL;
    size_t n = 0;
    FILE *memory = open_memstream(&text, &n);
    ASSERT(memory);
    bool ok = launch_build(arena, stock, job, scaled, &l, err) &&
              (!apart || launch_build(arena, stock, job->prefill, false, &prefill, err)) &&
              write_target(arena, &l, apart ? &prefill : NULL, target, memory, err);
    launch_fini(&l);
    launch_fini(&prefill);
    ok = fclose(memory) == 0 && ok;
    if (ok && fwrite(text, 1, n, out) != n) {
        ok = err_set(err, ERR_IO, "cannot write the export");
    }
    free(text);
    return ok;
}
