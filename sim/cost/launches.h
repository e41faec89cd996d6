/* launches.h - kernels that an engine launches one by one where no CUDA graph holds them: the
 * steps with prefill. Where the host launches slower than the GPU runs, their number sets the
 * time of the step, whatever the prompt and however many GPUs share it. */
#ifndef LAUNCHES_H
#define LAUNCHES_H

#include "hardware/engine.h"
#include "models/model.h"

/* Kernels of one pass over all layers, counted from the operators of the model (norm, QKV,
 * rope, cache, attention, output, router, permutation, ...) as an engine without fusion
 * launches them; tp > 1 adds two all-reduces a layer. A dense GQA layer has 10, with tp 12; an
 * expert layer of DeepSeek-V3 (MLA, experts and a shared one, block fp8) 29, with tp 31.
 * Ranges: tp >= 1. */
double launches_of_pass(const struct model *m, const struct checkpoint *ck,
                        enum engine_kind engine, int tp);

#endif
