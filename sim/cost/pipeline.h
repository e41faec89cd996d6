/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pipeline.h - the stages of a pipeline-parallel model: which layers stand where, and what
 * hands their results on. A stage is a small model of its own, so that everything else
 * (weights, cache, time) is computed from it as for a whole one.
 *
 * Embedding and vision tower stand on the first stage, final norm, head, sampling and draft
 * layers on the last; tied embeddings stand on both. */
#ifndef PIPELINE_H
#define PIPELINE_H

#include "hardware/engine.h"
#include "hardware/fabric.h"
#include "hardware/gpu.h"
#include "models/model.h"

/* Layers [first, first + n) in depth. */
struct pipeline_layers {
    int first, n;
};

/* The layers of a stage (0 <= stage < pp <= n_layers) as the engine divides them; each has
 * n_layers / pp, and the remainder goes
 *   vLLM          one each to the stages before the last, from the back: the last has the head
 *                 (vllm/distributed/utils.py get_pp_indices, read 2026-09)
 *   SGLang        one each to the last stages (sglang/srt/distributed/utils.py, 2026-09)
 *   TensorRT-LLM  one each to the first stages (tensorrt_llm/mapping.py pp_layers, 2026-09).
 * Worked (test): 61 layers over 4: vLLM 15 15 16 15, SGLang 15 15 15 16, TensorRT-LLM 16 15 15
 * 15. */
struct pipeline_layers pipeline_layers_of(enum engine_kind engine, int n_layers, int pp,
                                          int stage);

/* The model that a stage runs: groups cut to its layers (those it has none of are dropped),
 * vision tower and draft layers only where they stand. Names are borrowed from the model. */
void pipeline_part(const struct model *model, enum engine_kind engine, int pp, int stage,
                   struct model *part);
/* The checkpoint of that part: of the layers left unquantised at both ends of the model (half
 * of them at each) those of this stage. */
void pipeline_checkpoint(const struct checkpoint *checkpoint, int pp, int stage,
                         struct checkpoint *part);

/* A hop from one stage to the next, GPU to GPU: every tensor-parallel rank sends its 1 / tp of
 * the hidden states and of the residual (two messages of bf16; send_tensor_dict of vLLM and
 * SGLang with an all-gather group, 2026-09), and the next stage gathers them. */
struct pipeline_hop {
    double latency_s;   /* of both messages */
    double s_per_token; /* of a micro-batch, per rank */
    double bytes_per_token;
    bool over_network;
};
/* The hop behind a stage: over the scale-up link while both stages stand in one domain (stages
 * fill domains in order, stage_gpus = tp x dp each), else over the network, of which each GPU
 * has its own share: what one message gets of it. Gathering is the next stage's time. Worked
 * (test): hidden 8192, tp 8 on two nodes of H100, a NIC of 400 Gbit/s each: 2 x 10 us and 2 x 2
 * x 8192 / 8 / (0.93 x 50e9) = 88.1 ns per token. */
struct pipeline_hop pipeline_hop_behind(const struct fabric *fabric, const struct gpu *gpu,
                                        struct link_path network, int64_t hidden, int tp,
                                        int stage_gpus, int stage);

#endif
