/* SPDX-License-Identifier: GPL-3.0-or-later */
/* draft.h - how many of the tokens that speculative decoding drafts are accepted, by position.
 *
 * Rates are unconditional, as vLLM reports its acceptance rate per position: of all drafts, the
 * share whose first i tokens were all accepted. They never rise. Behind the last position given
 * each token has the chance of the last one given those before it; so one number a alone
 * means a, a^2, a^3, ... */
#ifndef DRAFT_H
#define DRAFT_H

#include <stdbool.h>

enum { DRAFT_MAX_TOKENS = 16 };

struct draft_acceptance {
    double frac[DRAFT_MAX_TOKENS]; /* 0 to 1, of positions 1 to n */
    int n;                         /* 0: not known */
    const char *source;            /* NULL: none */
};

/* The rates: n of them, 1 to DRAFT_MAX_TOKENS. False when one is above the one before it. */
bool draft_acceptance_set(struct draft_acceptance *a, const double *frac, int n);
/* Share of drafts accepted up to this position, from 1. [0.8, 0.5] at 3: 0.5 x 0.5 / 0.8 =
 * 0.3125. a->n > 0. */
double draft_accepted_frac(const struct draft_acceptance *a, int position);
/* Mean tokens that a step emits which verifies so many drafted ones: 1 + the sum of the rates.
 * [0.8] with 2: 1 + 0.8 + 0.64 = 2.44; [0.762, 0.616, 0.513] with 3: 2.891. */
double draft_tokens_per_step(const struct draft_acceptance *a, int n_drafted);

#endif
