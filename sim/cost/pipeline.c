/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/cost/pipeline.h"

#include <string.h>

#include "sim/base/mem.h"

/* Stages with one layer more than the others. */
static bool has_extra_layer(enum engine_kind engine, int rest, int pp, int stage)
{
    switch (engine) {
    case ENGINE_SGLANG:
        return stage >= pp - rest;
    case ENGINE_TRTLLM:
        return stage < rest;
    case ENGINE_VLLM:
    case ENGINE_STATIC:
        break;
    }
    return stage >= pp - 1 - rest && stage < pp - 1;
}

struct pipeline_layers pipeline_layers_of(enum engine_kind engine, int n_layers, int pp,
                                          int stage)
{
    ASSERT(stage >= 0 && stage < pp && pp <= n_layers);
    struct pipeline_layers l = {0, 0};
    for (int s = 0; s <= stage; s++) {
        l.first += l.n;
        l.n = n_layers / pp + has_extra_layer(engine, n_layers % pp, pp, s);
    }
    return l;
}

void pipeline_part(const struct model *m, enum engine_kind engine, int pp, int stage,
                   struct model *part)
{
    struct pipeline_layers l = pipeline_layers_of(engine, m->n_layers, pp, stage);
    int seen[MODEL_MAX_GROUPS] = {0}; /* index in part + 1 */
    *part = *m;
    part->n_layers = l.n;
    part->n_groups = 0;
    for (int i = 0; i < l.n; i++) {
        int g = m->group_of[l.first + i];
        if (seen[g] == 0) {
            part->groups[part->n_groups] = m->groups[g];
            part->groups[part->n_groups].n_layers = 0;
            seen[g] = ++part->n_groups;
        }
        part->group_of[i] = (unsigned char)(seen[g] - 1);
        part->groups[seen[g] - 1].n_layers++;
    }
    part->vision_params = stage == 0 ? m->vision_params : 0.0;
    part->mtp_layers = stage == pp - 1 ? m->mtp_layers : 0;
    part->mtp_params = stage == pp - 1 ? m->mtp_params : 0.0;
}

void pipeline_checkpoint(const struct checkpoint *c, int pp, int stage, struct checkpoint *part)
{
    int front = c->n_bf16_edge_layers / 2;
    *part = *c;
    part->n_bf16_edge_layers =
        (stage == 0 ? front : 0) + (stage == pp - 1 ? c->n_bf16_edge_layers - front : 0);
}

struct pipeline_hop pipeline_hop_behind(const struct fabric *fabric, const struct gpu *gpu,
                                        struct link_path network, int64_t hidden, int tp,
                                        int stage_gpus, int stage)
{
    int first_gpu = stage * stage_gpus;
    int last_gpu = (stage + 2) * stage_gpus - 1; /* of the next stage */
    bool inside = first_gpu / gpu->scaleup_gpus == last_gpu / gpu->scaleup_gpus;
    struct link_path path = inside ? fabric_path(fabric, gpu, true) : network;
    double bytes = 2.0 * 2.0 * (double)hidden / tp;
    return (struct pipeline_hop){.latency_s = 2.0 * path.latency_s,
                                 .s_per_token = bytes / path.bytes_per_s,
                                 .bytes_per_token = bytes,
                                 .over_network = !inside};
}
