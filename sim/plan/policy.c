/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy.c - the operators' book and the rules. */
#include "sim/plan/policy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "hardware/catalog.h"

const char *const policy_weights_names[] = {"none", "adapter", "full"};
const char *const policy_rule_names[] = {
    "none",    "managed_allowed", "operator unknown", "jurisdiction",
    "regions", "weights",         "min_quality",      "service level",
};

static const struct row_field operator_fields[] = {
    NAME_FIELD(struct policy_operator, "operator", name),
    NAME_FIELD(struct policy_operator, "jurisdiction", jurisdiction),
    NAME_FIELD(struct policy_operator, "regions", regions),
    NAME_FIELD(struct policy_operator, "weights_per_token", per_token),
    NAME_FIELD(struct policy_operator, "weights_provisioned", provisioned),
    NAME_FIELD(struct policy_operator, "source", source),
    NAME_FIELD(struct policy_operator, "as_of", as_of),
    FLAG_FIELD(struct policy_operator, "estimated", estimated),
};

static int weights_named(const char *name)
{
    for (int i = 0; i < WEIGHTS_N; i++) {
        if (strcmp(name, policy_weights_names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

bool policy_book_load(struct arena *arena, const char *const *dirs, int n_dirs,
                      struct policy_book *book, struct err *err)
{
    static const struct row_layout layout = {
        .file = "operators.csv",
        .fields = operator_fields,
        .n_fields = sizeof operator_fields / sizeof operator_fields[0],
        .row_size = sizeof(struct policy_operator),
    };
    struct row_list rows;
    if (!rows_load(arena, dirs, n_dirs, &layout, &rows, err) ||
        !catalog_overlay(&rows, sizeof(struct policy_operator), "operator", err)) {
        return false;
    }
    *book = (struct policy_book){.operators = rows.rows, .n = rows.n};
    for (int i = 0; i < rows.n; i++) {
        const struct policy_operator *op = &book->operators[i];
        if (weights_named(op->per_token) < 0 || weights_named(op->provisioned) < 0) {
            return err_at(err, rows.pos[i], "custom weights are none, adapter or full");
        }
        if (!catalog_check_date(op->as_of, "as_of", rows.pos[i], err)) {
            return false;
        }
    }
    return true;
}

static const struct policy_operator *operator_named(const struct policy_book *book,
                                                    const char *name)
{
    for (int i = 0; i < book->n; i++) {
        if (catalog_same_name(book->operators[i].name, name)) {
            return &book->operators[i];
        }
    }
    return NULL;
}

struct policy_facts policy_of_hosting(const struct policy_book *book,
                                      const struct hosting *hosting, double quality)
{
    struct policy_facts facts = {
        .operator_name = "self",
        .jurisdiction = "",
        .regions = "",
        .weights = WEIGHTS_FULL,
        .quality = quality,
    };
    if (hosting->kind == HOSTING_RENT) {
        const struct policy_operator *op = operator_named(book, hosting->node->provider);
        facts.operator_name = hosting->node->provider;
        facts.jurisdiction = op ? op->jurisdiction : "";
        facts.regions = op ? op->regions : "";
    }
    return facts;
}

struct policy_facts policy_of_offer(const struct policy_book *book, const char *provider,
                                    const char *offer, double quality)
{
    const struct policy_operator *op = operator_named(book, provider);
    struct policy_facts facts = {
        .operator_name = provider,
        .jurisdiction = op ? op->jurisdiction : "",
        .regions = op ? op->regions : "",
        .weights = WEIGHTS_NONE,
        .managed = true,
        .quality = quality,
    };
    if (op) {
        bool own_capacity =
            strcmp(offer, "provisioned") == 0 || strcmp(offer, "dedicated") == 0;
        facts.weights =
            (enum policy_weights)weights_named(own_capacity ? op->provisioned : op->per_token);
    }
    return facts;
}

static bool in_eu(const char *code)
{
    static const char members[] = "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL "
                                  "PL PT RO SK SI ES SE EU";
    for (const char *m = members; *m; m += m[2] ? 3 : 2) {
        if (strlen(code) == 2 && strncasecmp(m, code, 2) == 0) {
            return true;
        }
    }
    return false;
}

bool policy_covers(const struct str_list *list, const char *code)
{
    for (int i = 0; i < list->n; i++) {
        if (strcasecmp(list->items[i], code) == 0 ||
            (strcasecmp(list->items[i], "EU") == 0 && in_eu(code))) {
            return true;
        }
    }
    return false;
}

static bool any_region_covered(const struct str_list *list, const char *regions)
{
    while (*regions) {
        char code[16];
        size_t n = strcspn(regions, " ");
        snprintf(code, sizeof code, "%.*s", (int)(n < 15 ? n : 15), regions);
        if (policy_covers(list, code)) {
            return true;
        }
        regions += n;
        regions += strspn(regions, " ");
    }
    return false;
}

static enum policy_rule check_seat(const struct str_list *list,
                                   const struct policy_facts *facts, char *why, size_t why_size)
{
    if (facts->jurisdiction[0] == '\0') {
        snprintf(why, why_size, "the seat of %s is not in the catalogue", facts->operator_name);
        return RULE_OPERATOR;
    }
    if (!policy_covers(list, facts->jurisdiction)) {
        snprintf(why, why_size, "%s has its seat in %s: under the law of %s wherever it runs",
                 facts->operator_name, facts->jurisdiction, facts->jurisdiction);
        return RULE_JURISDICTION;
    }
    return RULE_NONE;
}

static enum policy_rule check_region(const struct str_list *list,
                                     const struct policy_facts *facts, char *why,
                                     size_t why_size)
{
    if (facts->regions[0] == '\0') {
        snprintf(why, why_size, "the regions of %s are not in the catalogue",
                 facts->operator_name);
        return RULE_OPERATOR;
    }
    if (!any_region_covered(list, facts->regions)) {
        snprintf(why, why_size, "%s has regions in %s only", facts->operator_name,
                 facts->regions);
        return RULE_REGION;
    }
    return RULE_NONE;
}

/* Rules of place: the seat first, then where it runs. */
static enum policy_rule check_place(const struct scenario_policy *policy,
                                    const struct policy_facts *facts, char *why,
                                    size_t why_size)
{
    const struct str_list *seats = &policy->jurisdiction;
    const struct str_list *regions = policy->regions.n > 0 ? &policy->regions : seats;
    enum policy_rule rule = RULE_NONE;
    if (strcmp(facts->operator_name, "self") == 0) {
        return RULE_NONE;
    }
    if (seats->n > 0) {
        rule = check_seat(seats, facts, why, why_size);
    }
    if (rule == RULE_NONE && regions->n > 0) {
        rule = check_region(regions, facts, why, why_size);
    }
    return rule;
}

enum policy_rule policy_check(const struct scenario_policy *policy,
                              const struct policy_facts *facts, char *why, size_t why_size)
{
    static const enum policy_weights needed[OWNER_N] = {
        [OWNER_OPEN] = WEIGHTS_NONE,
        [OWNER_ADAPTER] = WEIGHTS_ADAPTER,
        [OWNER_OWNED] = WEIGHTS_FULL,
    };
    if (facts->managed && policy->managed_allowed == 0) {
        snprintf(why, why_size, "the policy allows no managed inference");
        return RULE_MANAGED;
    }
    enum policy_rule place = check_place(policy, facts, why, why_size);
    if (place != RULE_NONE) {
        return place;
    }
    if (facts->weights < needed[policy->weights]) {
        snprintf(why, why_size, "custom weights needed: %s; %s accepts: %s",
                 policy_weights_names[needed[policy->weights]], facts->operator_name,
                 policy_weights_names[facts->weights]);
        return RULE_WEIGHTS;
    }
    if (!isnan(policy->min_quality) && isnan(facts->quality)) {
        snprintf(why, why_size, "the model has no quality score and %g is the least allowed",
                 policy->min_quality);
        return RULE_QUALITY;
    }
    if (facts->quality < policy->min_quality) {
        snprintf(why, why_size, "quality %g is under the least allowed, %g", facts->quality,
                 policy->min_quality);
        return RULE_QUALITY;
    }
    why[0] = '\0';
    return RULE_NONE;
}

bool policy_latency_met(const struct scenario *sc, enum slo_metric metric, double given_s,
                        char *why, size_t why_size)
{
    for (int c = 0; c < sc->n_classes; c++) {
        for (int stat = 0; stat < SLO_N_STATS; stat++) {
            double limit_s = sc->classes[c].slo.limit_s[metric][stat];
            if (given_s > limit_s) {
                snprintf(why, why_size, "%s given as %.4g s, the limit of class %s is %.4g s",
                         slo_metric_names[metric], given_s, sc->classes[c].name, limit_s);
                return false;
            }
        }
    }
    return true;
}
