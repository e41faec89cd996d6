/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy.h - who may run the model, under which law, where, and whose weights. Every option,
 * managed or not, is held against the same rules; an excluded one names the rule.
 *
 * The seat of the operator, whose law it is under, and the region where it runs are two facts.
 * An option passes `jurisdiction` when its operator's seat is in the list, and `regions` when
 * it has a region in that list; without `regions` it must have one in `jurisdiction` ("EU"
 * covers the member states). So a US company's data centre in the EU passes `regions: [EU]` and
 * fails `jurisdiction: [EU]`. Machines of one's own on one's own site or in colocation have no
 * foreign operator and pass. */
#ifndef POLICY_H
#define POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "scenarios/scenario.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"
#include "sim/plan/cost.h"

enum policy_weights { WEIGHTS_NONE, WEIGHTS_ADAPTER, WEIGHTS_FULL, WEIGHTS_N };
extern const char *const policy_weights_names[]; /* none adapter full */

struct policy_operator {
    const char *name;
    const char *jurisdiction;            /* country code of its seat */
    const char *regions;                 /* codes, separated by blanks */
    const char *per_token, *provisioned; /* names of enum policy_weights */
    const char *source, *as_of;
    double estimated; /* 1, 0 */
};
struct policy_book {
    struct policy_operator *operators;
    int n;
};
/* Reads <dir>/hardware/operators.csv. */
bool policy_book_load(struct arena *arena, const char *const *dirs, int n_dirs,
                      struct policy_book *book, struct err *err);

/* What the rules look at. */
struct policy_facts {
    const char *operator_name;          /* "self": the user's own machines */
    const char *jurisdiction, *regions; /* "" unknown */
    enum policy_weights weights;        /* custom weights it accepts */
    bool managed;
    double quality; /* of the model; NaN: not given */
};
struct policy_facts policy_of_hosting(const struct policy_book *book,
                                      const struct hosting *hosting, double quality);
/* offer: a name of offer.h: "pay-per-token", "priority", "provisioned", "dedicated". */
struct policy_facts policy_of_offer(const struct policy_book *book, const char *provider,
                                    const char *offer, double quality);

enum policy_rule {
    RULE_NONE, /* allowed */
    RULE_MANAGED,
    RULE_OPERATOR,     /* its seat or its regions are not known, and the policy asks */
    RULE_JURISDICTION, /* of the operator */
    RULE_REGION,
    RULE_WEIGHTS,
    RULE_QUALITY,
    RULE_LATENCY, /* the scenario gives a managed offer's latency, and it is over a limit */
    RULE_N,
};
extern const char *const policy_rule_names[];

/* The first rule that excludes the option, with a sentence in why. */
enum policy_rule policy_check(const struct scenario_policy *policy,
                              const struct policy_facts *facts, char *why, size_t why_size);
/* Is a given latency (NaN: none) inside every limit of the workload, whatever its percentile?
 */
bool policy_latency_met(const struct scenario *sc, enum slo_metric metric, double given_s,
                        char *why, size_t why_size);
/* Is code in the list, itself or as a member of "EU"? */
bool policy_covers(const struct str_list *list, const char *code);

#endif
