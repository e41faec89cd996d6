/* SPDX-License-Identifier: GPL-3.0-or-later */
/* comm.h - what the GPUs of a replica send one another in a step: collectives of tensor
 * parallelism, dispatch and combine of expert parallelism, hops of a pipeline. Their time, and
 * the bytes that one GPU sends at the least. */
#ifndef COMM_H
#define COMM_H

#include "sim/cost/step.h"

struct step_group;

/* The tensor-parallel collectives of m tokens through all layers: an all-reduce behind
 * attention and one behind the MLP (data-parallel ranks scatter the experts' sum instead), one
 * for the vocabulary-parallel embedding, one for norms sharded over ranks; a later stage
 * gathers what it receives. */
double comm_tensor_s(const struct step_model *model, double m);
/* Gathering the logits. */
double comm_head_s(const struct step_model *model, double n_sample);

/* The dispatch library of an engine for so many tokens per GPU: across nodes DeepEP (low
 * latency for batches its buffers hold), inside a domain TensorRT-LLM's NVLink kernels; NULL:
 * plain collectives. */
const struct alltoall_consts *comm_dispatch_kernel(const struct step_model *model,
                                                   double per_gpu);
/* Dispatch to the expert ranks and back when attention runs data-parallel. Without a library
 * the engines all-gather and reduce-scatter the hidden states of all ranks. The slowest rank
 * receives `imbalance` times the mean. Between nodes the library gets of the model's network
 * what it got of the 400 Gbit/s it was measured over, divided by its oversubscription. */
double comm_dispatch_s(const struct step_model *model, const struct step_group *group,
                       double m_group, double imbalance);

/* What bytes are for, and which link they cross: the GPU's scale-up link, or the network. */
enum comm_traffic {
    COMM_TENSOR,
    COMM_EXPERTS,
    COMM_EXPERTS_NETWORK,
    COMM_STAGES,
    COMM_STAGES_NETWORK,
    COMM_N,
};
static inline bool comm_is_network(enum comm_traffic t)
{
    return t == COMM_EXPERTS_NETWORK || t == COMM_STAGES_NETWORK;
}
/* bytes[COMM_N] that one GPU of the rank that set the pace has sent in all steps so far, at the
 * least: an all-reduce the payload where the switch adds up (NVLink 4 and 5), else 2 (n-1)/n of
 * it; dispatch and combine the mean over ranks, over the link that limits them. Of a pipeline
 * the mean over its stages. So no link can carry more than its bandwidth times the busy time.
 * Worked (test): llama-3.1-70b, tp 4 on H100, one step of 104 decodes: 161 all-reduces of 2 x
 * 8192 x 104 bytes and 3/4 of the logits, 2 x 128,256 x 104 bytes: 294 MB. */
void comm_bytes(const struct step_cache *cache, double *bytes);

#endif
