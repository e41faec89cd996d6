/* SPDX-License-Identifier: GPL-3.0-or-later */
/* quant.h - from the quantization_config of a config.json to the formats of a checkpoint's
 * parts. */
#ifndef QUANT_H
#define QUANT_H

#include "models/model.h"
#include "sim/base/node.h"

/* Every part in one format: linear layers (attention, dense, experts, shared) in `weights`, the
 * head bf16, with the usual scheme and group of that format. */
struct checkpoint quant_uniform(enum dtype weights);

/* The checkpoint a plain config.json describes: torch_dtype (or dtype) and quantization_config,
 * at the top or under text_config. False with err at an unknown method. */
bool quant_read(const struct node *root, struct checkpoint *out, struct err *err);

#endif
