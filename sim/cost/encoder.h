/* SPDX-License-Identifier: GPL-3.0-or-later */
/* encoder.h - time of a model's vision encoder: its arithmetic at a fixed share of the peak.
 * Left out: attention between patches (below a tenth of the arithmetic at 576 patches, but as
 * much again at 4,000), preparing images on the host, the projector. */
#ifndef ENCODER_H
#define ENCODER_H

#include "hardware/gpu.h"
#include "models/model.h"

/* Seconds for each prompt token an image becomes, on tp GPUs that share the encoder:
 *   2 * parameters * patches per token / (tp * 0.4 * bf16 rate).
 * 0.4 of the peak is an estimate: encoders are dense GEMMs of some hundred rows a layer.
 * Worked: Llama 4 Scout on one H100, a tile of 144 tokens, 576 patches, 0.81e9 parameters:
 * 0.933e12 FLOP at 0.4 * 989e12: 2.36 ms. 0: no encoder known. */
double encoder_s_per_token(const struct model *model, const struct gpu *gpu, int tp);

#endif
