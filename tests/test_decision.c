/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Managed by default, self-hosted by margin and confidence, and what flips it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/base/text.h"
#include "sim/plan/decision.h"
#include "tests/check.h"
#include "tests/plan_fixture.h"

static struct plan_fixture f;

enum { SELF, MANAGED, N_PAIR };

/* A colocated system of 100 requests/s per replica against Deepinfra, at a volume. */
static void pair_at(double requests_per_day, struct decision_candidate *pair)
{
    struct plan_case c = plan_fixture_case(&f, "dgx-h100", "purchase", HOSTING_COLO,
                                           "deepinfra", OFFER_PAY_PER_TOKEN);
    input_set(&c, INPUT_CAPACITY, 100);
    c.demand.requests_per_day = requests_per_day;
    pair[SELF] = (struct decision_candidate){.name = "own servers", .c = c, .why = ""};
    pair[SELF].c.has_managed = false;
    pair[MANAGED] = (struct decision_candidate){.name = "deepinfra", .c = c, .why = ""};
    pair[MANAGED].c.has_self = false;
}

static struct decision_rule quick(uint64_t seed)
{
    struct decision_rule rule = decision_default_rule(seed, 1);
    rule.n_samples = 128;
    return rule;
}

static struct decision side_of(const struct decision_candidate *candidates, int n)
{
    struct decision_rule rule = quick(1);
    struct decision d;
    decision_side_of(candidates, n, &rule, &d);
    return d;
}

static void a_volume_towards_zero_gives_managed(void)
{
    struct decision_candidate pair[N_PAIR];
    static const double volumes[] = {100, 1, 1e-6};
    for (int i = 0; i < 3; i++) {
        pair_at(volumes[i], pair);
        struct decision d = side_of(pair, N_PAIR);
        CU_ASSERT_EQUAL(d.side, SIDE_MANAGED);
        CU_ASSERT_EQUAL(d.reason, REASON_CHEAPER);
        CU_ASSERT_EQUAL(d.confidence, CONFIDENCE_HIGH);
        CU_ASSERT_EQUAL(d.chosen, MANAGED);
        CU_ASSERT_EQUAL(d.runner_up, SELF);
    }
}

static void a_self_hosting_price_towards_zero_gives_self_hosting(void)
{
    struct decision_candidate pair[N_PAIR];
    pair_at(1000, pair);
    struct plan_case *c = &pair[SELF].c;
    CU_ASSERT_EQUAL(side_of(pair, N_PAIR).side, SIDE_MANAGED);
    input_set(c, INPUT_NODE_PRICE, 0);
    input_set(c, INPUT_ELECTRICITY, 0);
    c->econ.rates[ECON_COLOCATION].value = 0;
    c->econ.rates[ECON_STAFF].value = 0;
    CU_ASSERT_EQUAL(side_of(pair, N_PAIR).side, SIDE_SELF);
}

static void sovereignty_with_only_foreign_options_gives_none(void)
{
    static const char *const dirs[] = {"."};
    static const char *eu[] = {"EU"};
    struct scenario_policy policy = {
        .jurisdiction = {eu, 1}, .managed_allowed = -1, .min_quality = NAN};
    struct decision_candidate pair[N_PAIR];
    struct policy_book book;
    char why[N_PAIR][160];
    CU_ASSERT_TRUE_FATAL(policy_book_load(f.arena, dirs, 1, &book, NULL));
    pair_at(5e6, pair);
    pair[SELF].c.hosting =
        plan_fixture_hosting(&f, "aws-p5.48xlarge", "on-demand", HOSTING_RENT);
    struct policy_facts rented = policy_of_hosting(&book, &pair[SELF].c.hosting, NAN);
    struct policy_facts managed = policy_of_offer(&book, "deepinfra", "pay-per-token", NAN);
    pair[SELF].excluded = policy_check(&policy, &rented, why[SELF], sizeof why[SELF]);
    pair[MANAGED].excluded = policy_check(&policy, &managed, why[MANAGED], sizeof why[MANAGED]);
    struct decision_rule rule = quick(1);
    struct decision d;
    decision_run(f.arena, pair, N_PAIR, &rule, &d);
    CU_ASSERT_EQUAL(d.side, SIDE_NONE);
    CU_ASSERT_EQUAL(d.reason, REASON_NOTHING);
    CU_ASSERT_EQUAL(d.chosen, -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(d.text, "No option survives"));
    pair[SELF].c.hosting = plan_fixture_hosting(&f, "dgx-h100", "purchase", HOSTING_COLO);
    struct policy_facts own = policy_of_hosting(&book, &pair[SELF].c.hosting, NAN);
    pair[SELF].excluded = policy_check(&policy, &own, why[SELF], sizeof why[SELF]);
    d = side_of(pair, N_PAIR);
    CU_ASSERT_EQUAL(d.side, SIDE_SELF);
    CU_ASSERT_EQUAL(d.reason, REASON_POLICY);
    pair[MANAGED].excluded = RULE_LATENCY;
    d = side_of(pair, N_PAIR);
    CU_ASSERT_EQUAL(d.side, SIDE_SELF);
    CU_ASSERT_EQUAL(d.reason, REASON_TOO_SLOW);
}

static void a_high_volume_gives_self_hosting(void)
{
    struct decision_candidate pair[N_PAIR];
    pair_at(6.5e6, pair); /* break-even at 2.2 million */
    struct decision d = side_of(pair, N_PAIR);
    CU_ASSERT_EQUAL(d.side, SIDE_SELF);
    CU_ASSERT_EQUAL(d.reason, REASON_SELF_WINS);
    CU_ASSERT_TRUE(d.wins_frac >= 0.8);
    CU_ASSERT_TRUE(d.ratio <= 0.9);
}

static void cheaper_but_not_by_the_margin_stays_managed(void)
{
    /* Break-even at 2,161,582 requests a day with a team of 120,000; 5 % above it self-hosting
     * is about 5 % cheaper, less than the margin of 10 %. */
    struct decision_candidate pair[N_PAIR];
    pair_at(2161582 * 1.05, pair);
    struct decision d = side_of(pair, N_PAIR);
    CU_ASSERT_TRUE(d.self_usd < d.managed_usd);
    CU_ASSERT_EQUAL(d.side, SIDE_MANAGED);
    CU_ASSERT_EQUAL(d.reason, REASON_MARGIN);
}

static void the_margin_without_the_confidence_stays_managed(void)
{
    struct decision_candidate pair[N_PAIR];
    pair_at(2161582 * 1.13, pair);
    struct decision d = side_of(pair, N_PAIR);
    CU_ASSERT_TRUE(d.self_usd <= 0.9 * d.managed_usd);
    CU_ASSERT_EQUAL(d.side, SIDE_MANAGED);
    CU_ASSERT_EQUAL(d.reason, REASON_UNSURE);
    CU_ASSERT_NOT_EQUAL(d.confidence, CONFIDENCE_HIGH);
}

static void staff_counts(void)
{
    struct decision_candidate pair[N_PAIR];
    pair_at(4e6, pair);
    CU_ASSERT_EQUAL(side_of(pair, N_PAIR).side, SIDE_SELF);
    for (int i = 0; i < N_PAIR; i++) {
        input_set(&pair[i].c, INPUT_STAFF, 1e6);
    }
    CU_ASSERT_EQUAL(side_of(pair, N_PAIR).side, SIDE_MANAGED);
}

/* 19,610 USD of own machines against 13,697 of tokens at 1.5 M requests a day: with people
 * beside the offer for 10,000 USD a month or more self-hosting wins, without its own staff it
 * does, and each such value fed back does flip it (feed_back). */
static void staff_of_either_side_flips(void)
{
    struct decision_candidate pair[N_PAIR];
    struct decision_rule rule = quick(1);
    struct decision d;
    bool own = false, beside = false;
    pair_at(1.5e6, pair);
    decision_run(f.arena, pair, N_PAIR, &rule, &d);
    CU_ASSERT_EQUAL(d.side, SIDE_MANAGED);
    for (int i = 0; i < d.n_flips; i++) {
        own = own || (d.flips[i].id == INPUT_STAFF && !d.flips[i].upward);
        beside = beside || (d.flips[i].id == INPUT_MANAGED_STAFF && d.flips[i].upward &&
                            d.flips[i].now == 0 && d.flips[i].value > 12 * 5900);
    }
    CU_ASSERT_TRUE(own);
    CU_ASSERT_TRUE(beside);
}

/* Every input that matters either flips or is said not to; of the latter, no value tried does.
 */
static void what_does_not_flip_is_said(void)
{
    struct decision_candidate pair[N_PAIR];
    struct decision_rule rule = quick(1);
    struct decision d;
    pair_at(1.5e6, pair);
    decision_run(f.arena, pair, N_PAIR, &rule, &d);
    struct plan_case both = decision_pair(&pair[d.best_self], &pair[d.best_managed]);
    for (int id = 0; id < INPUT_N; id++) {
        bool flips = false, firm = false;
        for (int i = 0; i < d.n_flips; i++) {
            flips = flips || (int)d.flips[i].id == id;
        }
        for (int i = 0; i < d.n_firm; i++) {
            firm = firm || (int)d.firm[i] == id;
        }
        CU_ASSERT_EQUAL(flips || firm, input_matters(&both, (enum input_id)id));
        CU_ASSERT_FALSE(flips && firm);
        for (int k = 0; firm && k < 3; k++) {
            struct decision_candidate varied[N_PAIR];
            struct decision after;
            double now = input_get(&both, (enum input_id)id);
            struct input_spec spec = input_spec_of(&both, (enum input_id)id);
            double tried = fmin(fmax((double[]){0.01, 0.5, 3}[k] * now, spec.min), spec.max);
            memcpy(varied, pair, sizeof varied);
            decision_vary(varied, N_PAIR, SELF, (enum input_id)id, tried);
            decision_side_of(varied, N_PAIR, &rule, &after);
            CU_ASSERT_EQUAL(after.side, d.side);
        }
    }
    CU_ASSERT_TRUE(d.n_firm > 0);
}

static void an_offer_over_its_limit_leaves_self_hosting(void)
{
    struct plan_case c = plan_fixture_case(&f, "dgx-h100", "purchase", HOSTING_COLO,
                                           "databricks", OFFER_PAY_PER_TOKEN);
    struct decision_candidate pair[N_PAIR] = {{.name = "own", .c = c, .why = ""},
                                              {.name = "databricks", .c = c, .why = ""}};
    pair[SELF].c.has_managed = false;
    pair[MANAGED].c.has_self = false;
    struct decision_rule rule = quick(1);
    struct decision d;
    decision_run(f.arena, pair, N_PAIR, &rule, &d); /* 10/s; the limit is 0.67/s */
    CU_ASSERT_EQUAL(d.side, SIDE_SELF);
    CU_ASSERT_EQUAL(d.reason, REASON_NO_OFFER);
    CU_ASSERT_EQUAL(d.confidence, CONFIDENCE_LOW);
    CU_ASSERT_TRUE(isnan(d.managed_usd));
    bool volume = false;
    for (int i = 0; i < d.n_flips; i++) {
        volume |= d.flips[i].id == INPUT_VOLUME && !d.flips[i].upward;
    }
    CU_ASSERT_TRUE(volume);
}

/* Each flip fed back, alone, changes the side; just short of it does not. */
static int feed_back(const struct decision_candidate *candidates, int n)
{
    struct decision_rule rule = quick(1);
    struct decision d;
    decision_run(f.arena, candidates, n, &rule, &d);
    for (int i = 0; i < d.n_flips; i++) {
        const struct decision_flip *flip = &d.flips[i];
        struct decision_candidate varied[4];
        struct decision after;
        bool of_offer = flip->id == INPUT_MANAGED_PRICE || flip->id == INPUT_MANAGED_STAFF;
        int reference = of_offer ? d.best_managed : d.best_self;
        memcpy(varied, candidates, (size_t)n * sizeof varied[0]);
        decision_vary(varied, n, reference, flip->id, flip->value);
        decision_side_of(varied, n, &rule, &after);
        CU_ASSERT_EQUAL(after.side, flip->to);
        CU_ASSERT_NOT_EQUAL(after.side, d.side);
        CU_ASSERT_TRUE(flip->upward ? flip->value > flip->now : flip->value < flip->now);
        CU_ASSERT_PTR_NOT_NULL(strstr(flip->text, decision_side_names[flip->to]));
    }
    return d.n_flips;
}

static void every_flip_fed_back_flips_a_managed_decision(void)
{
    struct decision_candidate pair[N_PAIR];
    pair_at(1.5e6, pair);
    CU_ASSERT_EQUAL(side_of(pair, N_PAIR).side, SIDE_MANAGED);
    CU_ASSERT_TRUE(feed_back(pair, N_PAIR) >= 4);
}

static void every_flip_fed_back_flips_a_self_hosted_decision(void)
{
    struct decision_candidate pair[N_PAIR];
    pair_at(5e6, pair);
    CU_ASSERT_EQUAL(side_of(pair, N_PAIR).side, SIDE_SELF);
    CU_ASSERT_TRUE(feed_back(pair, N_PAIR) >= 4);
}

static void every_flip_fed_back_flips_with_rivals_on_both_sides(void)
{
    struct decision_candidate c[4];
    pair_at(5e6, c);
    c[2] = c[SELF];
    c[2].name = "rented";
    c[2].c.hosting = plan_fixture_hosting(&f, "aws-p5.48xlarge", "on-demand", HOSTING_RENT);
    c[3] = c[MANAGED];
    c[3].name = "dearer";
    c[3].c.offer.price_factor = 1.3;
    CU_ASSERT_TRUE(feed_back(c, 4) >= 3);
    c[SELF].excluded = RULE_QUALITY;
    CU_ASSERT_TRUE(feed_back(c, 4) >= 2);
}

/* 10 % a month over 36 months: (1.1^36 - 1) / 0.1 / 36 = 8.3091 times the first on average. */
static void a_flip_of_the_volume_says_its_mean_over_the_plan(void)
{
    struct decision_candidate pair[N_PAIR];
    struct decision d;
    struct decision_rule rule = quick(1);
    char mean[64];
    int n = 0;
    pair_at(1e5, pair);
    pair[SELF].c.demand.growth_per_month_frac = 0.1;
    pair[MANAGED].c.demand.growth_per_month_frac = 0.1;
    decision_run(f.arena, pair, N_PAIR, &rule, &d);
    for (int i = 0; i < d.n_flips; i++) {
        if (d.flips[i].id == INPUT_VOLUME) {
            double average = d.flips[i].value * (pow(1.1, 36) - 1) / 0.1 / 36;
            char grouped[TEXT_GROUPED_BYTES];
            snprintf(mean, sizeof mean, "on average %.30s over the plan",
                     text_grouped(grouped, average));
            CU_ASSERT_PTR_NOT_NULL(strstr(d.flips[i].text, mean));
            CU_ASSERT_PTR_NOT_NULL(strstr(d.flips[i].text, "volume of the first month"));
            n++;
        }
    }
    CU_ASSERT_EQUAL(n, 1);
}

static void a_dedicated_endpoint_follows_the_simulated_capacity(void)
{
    struct decision_candidate pair[N_PAIR];
    struct offer_list list = {0};
    pair_at(5e6, pair);
    offer_add_dedicated(f.arena, &f.stock.managed, f.sc, &pair[SELF].c.option, 0.8,
                        PLAN_FIXTURE_DATE, &list);
    CU_ASSERT_EQUAL(list.n, 0); /* the scenario asks Databricks, which rents no H100 */
    struct scenario sc = *f.sc;
    sc.n_managed = 0;
    offer_add_dedicated(f.arena, &f.stock.managed, &sc, &pair[SELF].c.option, 0.8,
                        PLAN_FIXTURE_DATE, &list);
    CU_ASSERT_TRUE_FATAL(list.n > 0);
    pair[MANAGED].c.offer = list.items[0];
    double before = pair[MANAGED].c.offer.unit_tok_per_s.value;
    decision_vary(pair, N_PAIR, SELF, INPUT_CAPACITY, 50);
    CHECK_NEAR(pair[MANAGED].c.offer.unit_tok_per_s.value, before / 2, 1e-12);
    decision_vary(pair, N_PAIR, SELF, INPUT_UTILISATION, 0.4);
    CHECK_NEAR(pair[MANAGED].c.offer.unit_tok_per_s.value, before / 4, 1e-12);
    feed_back(pair, N_PAIR);
}

static void flips_do_not_depend_on_the_number_of_threads(void)
{
    struct decision_candidate pair[N_PAIR];
    struct decision_rule rule = quick(1);
    struct decision one;
    struct decision two;
    pair_at(1.5e6, pair);
    decision_run(f.arena, pair, N_PAIR, &rule, &one);
    rule.n_threads = 2;
    decision_run(f.arena, pair, N_PAIR, &rule, &two);
    CU_ASSERT_EQUAL_FATAL(one.n_flips, two.n_flips);
    for (int i = 0; i < one.n_flips; i++) {
        CU_ASSERT_EQUAL(one.flips[i].value, two.flips[i].value);
    }
}

static void no_evidence_is_never_high_confidence(void)
{
    struct decision_candidate pair[N_PAIR];
    pair_at(6.5e6, pair);
    CU_ASSERT_EQUAL(side_of(pair, N_PAIR).confidence, CONFIDENCE_HIGH);
    pair[SELF].c.option.evidence = PLAN_EVIDENCE_NONE;
    CU_ASSERT_EQUAL(side_of(pair, N_PAIR).confidence, CONFIDENCE_LOW);
    pair_at(100, pair);
    pair[SELF].c.option.evidence = PLAN_EVIDENCE_NONE;
    CU_ASSERT_NOT_EQUAL(side_of(pair, N_PAIR).confidence, CONFIDENCE_HIGH);
}

static void high_confidence_holds_for_twenty_seeds(void)
{
    struct decision_candidate pair[N_PAIR];
    int n_high = 0;
    for (int v = 0; v < 6; v++) {
        pair_at(1e6 * (1 + v), pair);
        struct decision d = side_of(pair, N_PAIR);
        n_high += d.confidence == CONFIDENCE_HIGH;
        for (uint64_t seed = 2; d.confidence == CONFIDENCE_HIGH && seed <= 20; seed++) {
            struct decision_rule rule = quick(seed);
            struct decision other;
            decision_side_of(pair, N_PAIR, &rule, &other);
            CU_ASSERT_EQUAL(other.side, d.side);
        }
    }
    CU_ASSERT_TRUE(n_high >= 2);
}

static void the_text_names_the_reason_and_the_numbers(void)
{
    struct decision_candidate pair[N_PAIR];
    struct decision_rule rule = quick(1);
    struct decision d;
    pair_at(5e6, pair);
    decision_run(f.arena, pair, N_PAIR, &rule, &d);
    CU_ASSERT_PTR_NOT_NULL(strstr(d.text, "own servers"));
    CU_ASSERT_PTR_NOT_NULL(strstr(d.text, "deepinfra"));
    CU_ASSERT_PTR_NOT_NULL(strstr(d.text, decision_reason_names[d.reason]));
}

int main(void)
{
    static const char *const sets[] = {"economics.staff_per_year=120000", NULL};
    static const struct check_case cases[] = {
        {"a volume towards zero gives managed", a_volume_towards_zero_gives_managed},
        {"a self-hosting price towards zero gives self-hosting",
         a_self_hosting_price_towards_zero_gives_self_hosting},
        {"sovereignty with only foreign options gives none",
         sovereignty_with_only_foreign_options_gives_none},
        {"a high volume gives self-hosting", a_high_volume_gives_self_hosting},
        {"cheaper but not by the margin stays managed",
         cheaper_but_not_by_the_margin_stays_managed},
        {"the margin without the confidence stays managed",
         the_margin_without_the_confidence_stays_managed},
        {"staff counts", staff_counts},
        {"staff of either side flips", staff_of_either_side_flips},
        {"what does not flip is said", what_does_not_flip_is_said},
        {"an offer over its limit leaves self-hosting",
         an_offer_over_its_limit_leaves_self_hosting},
        {"every flip fed back flips a managed decision",
         every_flip_fed_back_flips_a_managed_decision},
        {"every flip fed back flips a self-hosted decision",
         every_flip_fed_back_flips_a_self_hosted_decision},
        {"a flip of the volume says its mean over the plan",
         a_flip_of_the_volume_says_its_mean_over_the_plan},
        {"every flip fed back flips with rivals on both sides",
         every_flip_fed_back_flips_with_rivals_on_both_sides},
        {"a dedicated endpoint follows the simulated capacity",
         a_dedicated_endpoint_follows_the_simulated_capacity},
        {"flips do not depend on the number of threads",
         flips_do_not_depend_on_the_number_of_threads},
        {"no evidence is never high confidence", no_evidence_is_never_high_confidence},
        {"high confidence holds for twenty seeds", high_confidence_holds_for_twenty_seeds},
        {"the text names the reason and the numbers",
         the_text_names_the_reason_and_the_numbers},
    };
    plan_fixture_open(&f, sets);
    int code = check_main("decision", cases, (int)(sizeof cases / sizeof cases[0]));
    plan_fixture_close(&f);
    return code;
}
