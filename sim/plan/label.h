/* SPDX-License-Identifier: GPL-3.0-or-later */
/* label.h - an option in words that a reader understands without knowing how names are made:
 * "8 × b200 bought for an own site (dgx-b200) · llama-4-scout · fp8 weights · 2 replicas of
 * TP1", "databricks provisioned · 3 units · llama-4-maverick"; no commas, so that a table is
 * still cut at them. Machines and units are those of the first month. The name
 * (plan_entry.name) stays what other tables and `export` go by. */
#ifndef LABEL_H
#define LABEL_H

#include "sim/plan/plan.h"

/* Fills the label of every entry; two alike get their names behind them. In the arena. */
void label_entries(struct arena *arena, struct plan *plan);

#endif
