/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/experiment/prefill.h"

#include <math.h>
#include <string.h>

#include "sim/experiment/network.h"

/* Of a link's line rate, what transfers of KV blocks reach: 0.7 to 0.9 (cost-model.md section
 * 4.3). */
static const double TRANSFER_EFFICIENCY = 0.8;

/* ---- the way of KV
 * ---------------------------------------------------------------------------------------- */

/* Line rates of one GPU's way to other replicas. */
struct way {
    const char *name;
    bool in_one_domain, over_network, named;
    double prefill_bytes_per_s, decode_bytes_per_s;
    double prefill_nic_bytes_per_s, decode_nic_bytes_per_s; /* 0: not over network cards */
};

/* Every GPU of the deployment stands in one scale-up domain. */
static bool in_one_domain(const struct system *prefill, const struct system *decode,
                          int64_t n_gpus)
{
    const struct gpu *a = prefill->spec.gpu;
    const struct gpu *b = decode->spec.gpu;
    return a == b && n_gpus <= a->scaleup_gpus;
}

static double link_of(const struct stock *stock, const struct gpu *gpu)
{
    const struct link_spec *link = link_find(&stock->fabric, gpu->link, NULL);
    int peers = link && link->mesh_peers > 0 ? link->mesh_peers : 1;
    return gpu->link_bytes_per_s / peers;
}

/* The named node, for the GPU that it holds. */
static const char *node_of(const struct stock *stock, const char *name, const struct gpu *gpu)
{
    struct err ignored = {0};
    const struct node_spec *node =
        name[0] ? node_spec_find(&stock->nodes, name, &ignored) : NULL;
    return node && strcmp(node->gpu, gpu->name) != 0 ? "" : name;
}

static bool find_way(struct arena *arena, const struct stock *stock, const struct deployment *d,
                     const struct prefill_side *side, const struct system *decode,
                     struct way *out, struct err *err)
{
    const struct gpu *prefill_gpu = side->system.spec.gpu;
    const struct gpu *decode_gpu = decode->spec.gpu;
    int64_t n_gpus = (int64_t)side->n_replicas * side->system.n_gpus +
                     (d->replicas > 0 ? d->replicas : 1) * decode->n_gpus;
    if (!d->network[0] && in_one_domain(&side->system, decode, n_gpus)) {
        double rate = link_of(stock, prefill_gpu);
        *out = (struct way){.name = prefill_gpu->link,
                            .in_one_domain = true,
                            .prefill_bytes_per_s = rate,
                            .decode_bytes_per_s = rate};
        return true;
    }
    struct network from;
    struct network to;
    if (!network_of_gpu(&stock->fabric, &stock->nodes, d->network,
                        node_of(stock, d->node, prefill_gpu), prefill_gpu, &from, err) ||
        !network_of_gpu(&stock->fabric, &stock->nodes, d->network,
                        node_of(stock, d->node, decode_gpu), decode_gpu, &to, err)) {
        return false;
    }
    if (from.bytes_per_s <= 0.0 || to.bytes_per_s <= 0.0) {
        return err_set(
            err, ERR_INPUT,
            "no node with known network cards holds %s or %s, so nothing is known of "
            "how KV travels: name a link with network",
            prefill_gpu->name, decode_gpu->name);
    }
    *out = (struct way){
        .name = from.link ? from.name : arena_printf(arena, "NICs of %s", from.name),
        .over_network = !from.link || from.link->is_scaleout,
        .named = from.link != NULL,
        .prefill_nic_bytes_per_s = network_cards_bytes_per_s(&from, prefill_gpu),
        .decode_nic_bytes_per_s = network_cards_bytes_per_s(&to, decode_gpu),
        .prefill_bytes_per_s = from.bytes_per_s,
        .decode_bytes_per_s = to.bytes_per_s,
    };
    return true;
}

static void plan_handover(const struct scenario_deployment *entry, const struct way *way,
                          const struct prefill_side *side, const struct system *decode,
                          struct handover_config *out)
{
    const struct system_spec *p = &side->system.spec;
    int decode_gpus = decode->spec.tp * decode->spec.pp;
    double out_rate = way->prefill_bytes_per_s * TRANSFER_EFFICIENCY * p->tp * p->pp;
    double spine = out_rate * p->dp * side->n_replicas / entry->oversubscription;
    *out = (struct handover_config){
        .mode = entry->kv_transfer == KV_TRANSFER_LAYERED ? HANDOVER_LAYERED : HANDOVER_BULK,
        .out_bytes_per_s = out_rate,
        .in_bytes_per_s = way->decode_bytes_per_s * TRANSFER_EFFICIENCY * decode_gpus,
        .spine_bytes_per_s = entry->oversubscription > 1.0 ? spine : 0.0,
        .setup_s = entry->kv_transfer_setup_s,
        .kv = decode->footprint.all_kv,
        .copies = decode->spec.tp,
        .n_layers = p->model->n_layers,
    };
}

/* ---- the side
 * ------------------------------------------------------------------------------------ */

static struct system_spec prefill_spec(const struct stock *stock,
                                       const struct scenario_prefill *p,
                                       const struct deployment *d,
                                       const struct system_spec *asked,
                                       const struct system *decode)
{
    struct system_spec spec = *asked;
    spec.gpu = d->prefill_gpu;
    spec.node = node_of(stock, d->node, spec.gpu);
    spec.kv = decode->spec.kv; /* what travels is taken over as it is */
    spec.tp = p->tp > 0 ? (int)p->tp : decode->spec.tp;
    spec.pp = p->pp > 0 ? (int)p->pp : decode->spec.pp;
    spec.dp = p->dp > 0 ? (int)p->dp : decode->spec.dp;
    spec.ep = p->ep > 0 ? (int)p->ep : asked->ep;
    spec.draft_tokens = 0;
    spec.two_batch_overlap = asked->two_batch_overlap && spec.dp > 1;
    return spec;
}

/* Errors of the catalogue name no place: the deployment is it. */
static bool fail_at(struct src_pos pos, const struct err *cause, struct err *err)
{
    if (cause->line > 0) {
        *err = *cause;
        return false;
    }
    err_at(err, pos, "%s", cause->text);
    memcpy(err->hint, cause->hint, sizeof err->hint);
    return false;
}

static enum evidence weaker(enum evidence a, enum evidence b)
{
    return a < b ? a : b;
}

bool prefill_resolve(struct arena *arena, const struct stock *stock, const struct scenario *sc,
                     const struct deployment *d, const struct system_spec *asked,
                     struct system *decode, struct prefill_side *out, struct err *err)
{
    memset(out, 0, sizeof *out);
    if (d->prefill_replicas == 0) {
        return true;
    }
    const struct scenario_deployment *entry = &sc->deployments[d->entry_idx];
    struct system_spec spec = prefill_spec(stock, &entry->prefill, d, asked, decode);
    out->n_replicas = (int)d->prefill_replicas;
    struct way way = {.name = ""};
    struct err cause = {0};
    if (!system_resolve(stock, &spec, &out->system, &cause) ||
        !find_way(arena, stock, d, out, decode, &way, &cause)) {
        return fail_at(entry->pos, &cause, err);
    }
    out->network = way.name;
    out->system.replica.role = ROLE_PREFILL;
    decode->replica.role = ROLE_DECODE;
    decode->replica.reuse = false;
    memset(decode->replica.tiers, 0, sizeof decode->replica.tiers);
    out->in_one_domain = way.in_one_domain;
    out->over_network = way.over_network;
    out->nic_bytes_per_s = way.prefill_nic_bytes_per_s;
    out->decode_nic_bytes_per_s = way.decode_nic_bytes_per_s;
    out->nic_named = way.named;
    decode->evidence.scope = SCOPE_NEW;
    decode->evidence.grade =
        weaker(EVIDENCE_SKU, weaker(decode->evidence.grade, out->system.evidence.grade));
    plan_handover(entry, &way, out, decode, &out->handover);
    return true;
}

void prefill_fini(struct prefill_side *side)
{
    if (side->n_replicas > 0) {
        system_fini(&side->system);
    }
}
