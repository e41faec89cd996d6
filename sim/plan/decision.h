/* SPDX-License-Identifier: GPL-3.0-or-later */
/* decision.h - managed or self-hosted, why, how sure, and what would change it.
 *
 * Managed is the default. Self-hosting, staff included, wins when its cost is below the managed
 * one by the stated margin in at least the stated share of the Monte-Carlo samples (the
 * scenario's economics.decision_margin and decision_confidence); in one
 * number: the `confidence` quantile of self / managed is at most 1 - margin. When the policy
 * excludes every managed offer, or none can be had at list terms, the cheapest self-hosted
 * system is taken and the reason says so.
 *
 * A "flips if" value changes one input and nothing else, found by Brent's method on that number
 * minus (1 - margin), rounded away from today's value and tried again on all candidates: it is
 * reported only if the other side then wins. Prices and capacities move for all candidates of
 * the same kind (decision_vary).
 *
 * Complexity: samples forecasts per evaluation, about 30 evaluations per input and direction.
 */
#ifndef DECISION_H
#define DECISION_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/mem.h"
#include "sim/plan/forecast.h"
#include "sim/plan/policy.h"
#include "sim/plan/uncertainty.h"

enum { DECISION_SAMPLES = 512, DECISION_MAX_FLIPS = 2 * INPUT_N };
#define DECISION_MARGIN_FRAC 0.10
#define DECISION_CONFIDENCE 0.80
#define DECISION_HIGH 0.95 /* share of samples that agree from which confidence is high */

struct decision_rule {
    double margin_frac, confidence;
    int n_samples;
    uint64_t seed;
    int n_threads;
};
struct decision_rule decision_default_rule(uint64_t seed, int n_threads);

/* One way to serve the model: exactly one of has_self and has_managed is set in its case. A
 * managed one needs the demand, the economy and the option's tokens; a dedicated one the whole
 * option. */
struct decision_candidate {
    const char *name;
    struct plan_case c;
    enum policy_rule excluded; /* RULE_NONE: allowed */
    const char *why;           /* the rule's sentence */
};

enum decision_side { SIDE_NONE, SIDE_MANAGED, SIDE_SELF, SIDE_N };
extern const char *const decision_side_names[]; /* none managed self-hosted */

enum decision_reason {
    REASON_CHEAPER,   /* the managed offer costs less */
    REASON_MARGIN,    /* self-hosting is cheaper, but not by the margin */
    REASON_UNSURE,    /* ... by the margin, but not with the confidence */
    REASON_SELF_WINS, /* by margin and confidence */
    REASON_POLICY,    /* no managed offer is allowed */
    REASON_TOO_SLOW,  /* every managed offer left is over a limit by its given latency */
    REASON_NO_OFFER,  /* none is to be had: not offered, over its limits, or unpriced */
    REASON_NO_SYSTEM, /* no self-hosted system is feasible or allowed */
    REASON_NOTHING,   /* nothing is left */
    REASON_N,
};
extern const char *const decision_reason_names[];

enum decision_confidence { CONFIDENCE_LOW, CONFIDENCE_MEDIUM, CONFIDENCE_HIGH, CONFIDENCE_N };
extern const char *const decision_confidence_names[];

struct decision_flip {
    enum input_id id;
    bool upward; /* flips when the input exceeds the value; else when it falls below */
    double now, value;
    enum decision_side to;
    const char *text; /* "managed if GPU rent exceeds 3.1 USD/GPU-h (now 2)" */
};

struct decision {
    enum decision_side side;
    enum decision_reason reason;
    enum decision_confidence confidence;
    int chosen, runner_up;        /* index into the candidates; -1: none */
    int best_self, best_managed;  /* the two that were compared; -1: none */
    double self_usd, managed_usd; /* mean per month; NaN: none */
    double wins_frac; /* share of samples in which self-hosting wins by the margin */
    double ratio;     /* confidence quantile of self / managed */
    struct decision_flip flips[DECISION_MAX_FLIPS];
    int n_flips;
    enum input_id firm[INPUT_N]; /* inputs of which no value in their range flips */
    int n_firm;
    const char *text; /* one or two sentences with the numbers */
};

/* Decides among the candidates and searches the flips. Everything lives in the arena. */
void decision_run(struct arena *arena, const struct decision_candidate *candidates, int n,
                  const struct decision_rule *rule, struct decision *out);
/* The decision without flips and text: fast. */
void decision_side_of(const struct decision_candidate *candidates, int n,
                      const struct decision_rule *rule, struct decision *out);

/* Changes one input in all candidates. Volume, growth and the economy's figures are set to the
 * value; prices and the capacity are scaled by value / that of the reference candidate: the
 * price of machines where GPU and way of hosting agree with it, the capacity where GPU and
 * model do, the managed price everywhere. */
void decision_vary(struct decision_candidate *candidates, int n, int reference,
                   enum input_id id, double value);

/* The comparison of two candidates as one case. */
struct plan_case decision_pair(const struct decision_candidate *self,
                               const struct decision_candidate *managed);

#endif
