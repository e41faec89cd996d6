/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/cost/comm.h"

#include <math.h>
#include <string.h>

#include "sim/cost/step_group.h"

static const double QK_NORM_SYNC_S = 5e-6; /* norm sharded over ranks, beside its all-reduce */
static const double DEEPEP_LL_TOKENS = 256.0; /* per GPU: the low-latency kernels' buffers */

/* So many times a collective of so many bytes over n GPUs. */
struct collective {
    const char *operation;
    int n_gpus;
    double bytes, times;
};

static double collectives_s(const struct step_model *sm, const struct collective *list, int n)
{
    const struct step_config *c = &sm->cfg;
    double t = 0.0;
    for (int i = 0; i < n; i++) {
        const struct collective *l = &list[i];
        t += l->times > 0.0 ? l->times * collective_time_s(c->fabric, c->gpus, c->gpu,
                                                           engine_names[c->engine],
                                                           l->operation, l->n_gpus, l->bytes)
                            : 0.0;
    }
    return t;
}

static double collectives_bytes(const struct step_model *sm, const struct collective *list,
                                int n)
{
    double bytes = 0.0;
    for (int i = 0; i < n; i++) {
        bytes += list[i].times * collective_least_bytes(sm->cfg.gpu, list[i].operation,
                                                        list[i].n_gpus, list[i].bytes);
    }
    return bytes;
}

/* ---- tensor parallelism ---------------------------------------------------------------------
 */

enum { MAX_COLLECTIVES = 3 };

static double layers_with_full_norm(const struct step_model *sm)
{
    double n = 0.0;
    for (int i = 0; i < sm->n_groups; i++) {
        n += sm->groups[i].attn->qk_norm_full ? sm->groups[i].n_layers : 0.0;
    }
    return sm->cfg.tp > 1 ? n : 0.0;
}

static double n_reduces(const struct step_model *sm)
{
    double n = sm->stage > 0 ? 0.0 : 1.0; /* embedding */
    for (int i = 0; i < sm->n_groups; i++) {
        bool scattered = sm->groups[i].mlp->is_moe && sm->cfg.dp > 1;
        n += sm->groups[i].n_layers * (scattered ? 1.0 : 2.0);
    }
    return n;
}

static int tensor_collectives(const struct step_model *sm, double m, struct collective *out)
{
    double h = (double)sm->cfg.model->hidden;
    int tp = sm->cfg.tp;
    int n = 0;
    if (tp <= 1) {
        return 0;
    }
    out[n++] = (struct collective){"all_reduce", tp, 2.0 * m * h, n_reduces(sm)};
    out[n++] = (struct collective){"all_reduce", tp, 8.0 * m, layers_with_full_norm(sm)};
    if (sm->stage > 0) { /* hidden states and residual of the stage before */
        out[n++] = (struct collective){"all_gather", tp, 4.0 * m * h, 1.0};
    }
    return n;
}

double comm_tensor_s(const struct step_model *sm, double m)
{
    struct collective list[MAX_COLLECTIVES];
    int n = tensor_collectives(sm, m, list);
    return collectives_s(sm, list, n) + layers_with_full_norm(sm) * QK_NORM_SYNC_S;
}

static struct collective head_collective(const struct step_model *sm, double n_sample)
{
    double bytes = 2.0 * n_sample * (double)sm->cfg.model->vocab;
    return (struct collective){"all_gather", sm->cfg.tp, bytes, sm->cfg.tp > 1 ? 1.0 : 0.0};
}

double comm_head_s(const struct step_model *sm, double n_sample)
{
    struct collective gather = head_collective(sm, n_sample);
    return collectives_s(sm, &gather, 1);
}

/* ---- expert parallelism ---------------------------------------------------------------------
 */

static int ranks_of(const struct step_model *sm)
{
    return sm->cfg.tp * sm->cfg.dp;
}

static int nodes_of(const struct step_model *sm)
{
    int in_node = sm->cfg.gpu->scaleup_gpus;
    return (ranks_of(sm) + in_node - 1) / in_node;
}

const struct alltoall_consts *comm_dispatch_kernel(const struct step_model *sm, double per_gpu)
{
    const struct step_config *c = &sm->cfg;
    int in_node = ranks_of(sm) < c->gpu->scaleup_gpus ? ranks_of(sm) : c->gpu->scaleup_gpus;
    int nodes = nodes_of(sm);
    const char *kernel = per_gpu <= DEEPEP_LL_TOKENS ? "deepep-ll" : "deepep-normal";
    if (nodes == 1) {
        if (c->engine != ENGINE_TRTLLM) {
            return NULL;
        }
        kernel = "nvlink-two-sided";
    }
    return alltoall_find(c->fabric, c->gpus, c->gpu, kernel, nodes, in_node, NULL);
}

/* All GPUs send at once, so an oversubscribed network leaves each its part. One faster than the
 * network measured carries no more than the GPU's scale-up link. */
static struct alltoall_consts over_network(const struct step_model *sm,
                                           const struct alltoall_consts *lib)
{
    const struct step_config *c = &sm->cfg;
    struct alltoall_consts out = *lib;
    if (nodes_of(sm) > 1 && c->network.bytes_per_s > 0.0) {
        double most = fabric_path(c->fabric, c->gpu, true).bytes_per_s;
        double share = c->network.bytes_per_s /
                       fabric_path(c->fabric, c->gpu, false).bytes_per_s /
                       fmax(1.0, c->oversubscription);
        out.dispatch_bytes_per_s = fmin(share * lib->dispatch_bytes_per_s, most);
        out.combine_bytes_per_s = fmin(share * lib->combine_bytes_per_s, most);
    }
    return out;
}

/* Of a token: fp8 with a scale per 128 on the way there, bf16 back. */
static double sent_bytes(const struct step_model *sm)
{
    return (double)sm->cfg.model->hidden * (1.0 + 4.0 / 128.0) + 16.0;
}

static double returned_bytes(const struct step_model *sm)
{
    return 2.0 * (double)sm->cfg.model->hidden;
}

/* Without a library. */
static int gather_and_scatter(const struct step_model *sm, double m_group,
                              struct collective *out)
{
    double bytes = 2.0 * m_group * (double)sm->cfg.model->hidden;
    out[0] = (struct collective){"all_gather", ranks_of(sm), bytes, 1.0};
    out[1] = (struct collective){"reduce_scatter", ranks_of(sm), bytes, 1.0};
    return 2;
}

double comm_dispatch_s(const struct step_model *sm, const struct step_group *g, double m_group,
                       double imbalance)
{
    if (sm->cfg.dp <= 1) {
        return 0.0;
    }
    double per_gpu = m_group / ranks_of(sm);
    const struct alltoall_consts *found = comm_dispatch_kernel(sm, per_gpu);
    if (found) {
        struct alltoall_consts lib = over_network(sm, found);
        double tokens = per_gpu * imbalance;
        int top_k = g->mlp->top_k;
        return alltoall_time_s(&lib, false, tokens, sent_bytes(sm), top_k) +
               alltoall_time_s(&lib, true, tokens, returned_bytes(sm), top_k);
    }
    struct collective list[MAX_COLLECTIVES];
    return collectives_s(sm, list, gather_and_scatter(sm, m_group, list));
}

/* Of all expert layers. */
static double dispatch_bytes(const struct step_model *sm, double m_group)
{
    double per_gpu = m_group / ranks_of(sm);
    const struct alltoall_consts *lib =
        sm->cfg.dp > 1 ? comm_dispatch_kernel(sm, per_gpu) : NULL;
    double bytes = 0.0;
    for (int i = 0; sm->cfg.dp > 1 && i < sm->n_groups; i++) {
        const struct step_group *g = &sm->groups[i];
        struct collective list[MAX_COLLECTIVES];
        if (g->routing && lib) {
            bytes += g->n_layers * per_gpu * (sent_bytes(sm) + returned_bytes(sm)) *
                     alltoall_copies(lib, g->mlp->top_k);
        } else if (g->routing) {
            bytes += g->n_layers *
                     collectives_bytes(sm, list, gather_and_scatter(sm, m_group, list));
        }
    }
    return bytes;
}

/* ---- bytes ----------------------------------------------------------------------------------
 */

static void add_tensor(const struct step_cache *c, double *bytes)
{
    const struct step_model *sm = c->model;
    for (int64_t m = 1; m <= c->max_tokens; m++) {
        struct collective list[MAX_COLLECTIVES];
        if (c->token_n[m] > 0) {
            int n = tensor_collectives(sm, (double)m, list);
            bytes[COMM_TENSOR] += c->token_n[m] * collectives_bytes(sm, list, n);
        }
        if (c->head_n[m] > 0) {
            list[0] = head_collective(sm, (double)m);
            bytes[COMM_TENSOR] += c->head_n[m] * collectives_bytes(sm, list, 1);
        }
    }
}

static void add_experts(const struct step_cache *c, double *bytes)
{
    enum comm_traffic kind = nodes_of(c->model) > 1 ? COMM_EXPERTS_NETWORK : COMM_EXPERTS;
    for (int64_t m = 1; c->model->moe_kernel[0] && m <= c->max_tokens * c->model->cfg.dp; m++) {
        if (c->moe_n[m] > 0) {
            bytes[kind] += c->moe_n[m] * dispatch_bytes(c->model, (double)m);
        }
    }
}

/* All tokens of the first stage cross every hop; a GPU has one behind it, but for those of the
 * last stage. */
static void add_hops(const struct step_cache *c, double *bytes)
{
    double tokens = 0.0;
    for (int64_t m = 1; c->n_stages > 1 && m <= c->max_tokens; m++) {
        tokens += (double)m * c->stages[0].token_n[m];
    }
    for (int i = 0; i + 1 < c->n_stages; i++) {
        const struct pipeline_hop *hop = &c->model->hops[i];
        bytes[hop->over_network ? COMM_STAGES_NETWORK : COMM_STAGES] +=
            tokens * hop->bytes_per_token / c->n_stages;
    }
}

void comm_bytes(const struct step_cache *c, double *bytes)
{
    memset(bytes, 0, COMM_N * sizeof *bytes);
    add_tensor(c, bytes);
    add_experts(c, bytes);
    add_hops(c, bytes);
    for (int s = 0; s < c->n_stages; s++) {
        double stage[COMM_N];
        comm_bytes(&c->stages[s], stage);
        for (int i = 0; i < COMM_N; i++) {
            bytes[i] += stage[i] / c->n_stages;
        }
    }
}
