/* SPDX-License-Identifier: GPL-3.0-or-later */
/* evidence.h - what measured results say about a deployment: its grade and the 80 % band of
 * each measure (hardware/bands.h). */
#ifndef EVIDENCE_H
#define EVIDENCE_H

#include "hardware/bands.h"
#include "sim/experiment/system.h"

enum { MODEL_SHAPE_MAX = 160 };

/* The architecture as text, equal for models that run alike whatever their names:
 * "80x8192 gqa64/8/128 mlp28672" or "... moe128/8/1536". */
const char *model_shape(const struct model *model, char *buf, size_t n);

/* A SKU without measured results whose kernels were measured counts as "same SKU only"; kernel
 * constants taken from another SKU lower "same family" to that. No measured result has pipeline
 * stages, so a pipeline is at most of the same family. */
struct evidence_state evidence_of(const struct band_table *bands, const struct system *system);

/* What the range of expert popularity in the catalogue does to a step of the system: all 1
 * where measured results of the model bear its popularity out, or where the scenario states it.
 * The system's step is built. */
struct skew_spread evidence_skew(const struct system *system);

/* Band of a measure under a load; both 1 and false when nothing is known. A model never
 * measured is as uncertain as its expert popularity besides; a SKU never measured at least as
 * uncertain as the kernels of its constants' SKU are on others (hardware/transfer.csv). Both
 * come in quadrature: a TPOT band of 0.9 to 1.1 and a popularity worth 10 % give 0.86 to 1.14.
 * The band of a tail, which few deployments show, holds at least that of the mean. */
bool evidence_band(const struct band_table *bands, const struct system *system,
                   enum band_metric metric, enum band_load load, enum band_prompt prompt,
                   struct band *out);
/* Closed loops by their clients, on all replicas together. */
enum band_load band_load_of_clients(int64_t clients);
/* Of prompts of this mean length. equal_outputs: from several clients of a closed loop whose
 * outputs are all of one length. */
enum band_prompt band_prompt_of(double tokens, bool equal_outputs);

#endif
