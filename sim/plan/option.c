/* SPDX-License-Identifier: GPL-3.0-or-later */
/* option.c - names of the evidence grades. */
#include "sim/plan/option.h"

const char *const plan_evidence_names[] = {"none", "same SKU only", "same family", "measured"};
