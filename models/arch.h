/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arch.h - from a Hugging Face config.json to layer groups: one small reader per way of
 * describing attention and MLPs, one table row per model family. */
#ifndef ARCH_H
#define ARCH_H

#include "models/model.h"
#include "sim/base/node.h"

/* Fills family, sizes, groups, MTP and vision of *m from the root of a config.json (text fields
 * at the top or under "text_config"). False with err at the offending key, or naming the
 * architecture when it is not modelled. */
bool arch_read(const struct node *root, struct model *m, struct err *err);

#endif
