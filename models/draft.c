/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/draft.h"

#include "sim/base/mem.h"

bool draft_acceptance_set(struct draft_acceptance *a, const double *frac, int n)
{
    ASSERT(n > 0 && n <= DRAFT_MAX_TOKENS);
    a->n = n;
    for (int i = 0; i < n; i++) {
        a->frac[i] = frac[i];
        if (i > 0 && frac[i] > frac[i - 1]) {
            return false;
        }
    }
    return true;
}

double draft_accepted_frac(const struct draft_acceptance *a, int position)
{
    ASSERT(a->n > 0 && position > 0);
    if (position <= a->n) {
        return a->frac[position - 1];
    }
    double last = a->frac[a->n - 1];
    double before = a->n > 1 ? a->frac[a->n - 2] : 1.0;
    double chance = before > 0.0 ? last / before : 0.0;
    for (int i = a->n; i < position; i++) {
        last *= chance;
    }
    return last;
}

double draft_tokens_per_step(const struct draft_acceptance *a, int n_drafted)
{
    double sum = 1.0;
    for (int i = 1; i <= n_drafted; i++) {
        sum += draft_accepted_frac(a, i);
    }
    return sum;
}
