/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sovereignty, owned weights and the rules that exclude. */
#include <string.h>

#include "sim/plan/policy.h"
#include "tests/check.h"

static struct arena *arena;
static struct policy_book book;
static char why[200];

static struct scenario_policy policy_for(const char **places, int n, int weights)
{
    return (struct scenario_policy){.jurisdiction = {places, n},
                                    .weights = weights,
                                    .managed_allowed = -1,
                                    .min_quality = NAN};
}

static enum policy_rule offer_rule(const struct scenario_policy *p, const char *provider,
                                   const char *offer)
{
    struct policy_facts facts = policy_of_offer(&book, provider, offer, NAN);
    return policy_check(p, &facts, why, sizeof why);
}

static enum policy_rule rent_rule(const struct scenario_policy *p, const char *provider)
{
    struct node_spec node = {.name = "node", .provider = provider};
    struct hosting h = {.kind = HOSTING_RENT, .node = &node};
    struct policy_facts facts = policy_of_hosting(&book, &h, NAN);
    return policy_check(p, &facts, why, sizeof why);
}

static const char *eu[] = {"EU"};

static void without_a_policy_everything_is_allowed(void)
{
    struct scenario_policy p = policy_for(NULL, 0, OWNER_OPEN);
    CU_ASSERT_EQUAL(offer_rule(&p, "deepseek", "pay-per-token"), RULE_NONE);
    CU_ASSERT_EQUAL(rent_rule(&p, "somebody-new"), RULE_NONE);
}

static void sovereignty_filters_managed_and_rented_alike(void)
{
    struct scenario_policy p = policy_for(eu, 1, OWNER_OPEN);
    CU_ASSERT_EQUAL(offer_rule(&p, "databricks", "pay-per-token"), RULE_JURISDICTION);
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "law of US"));
    CU_ASSERT_EQUAL(rent_rule(&p, "aws"), RULE_JURISDICTION);
    CU_ASSERT_EQUAL(offer_rule(&p, "mistral", "pay-per-token"), RULE_NONE);
    CU_ASSERT_EQUAL(rent_rule(&p, "verda"), RULE_NONE); /* Finland is in the EU */
}

static void only_foreign_options_leave_none(void)
{
    struct scenario_policy p = policy_for(eu, 1, OWNER_OPEN);
    static const char *const foreign[] = {"databricks", "aws-bedrock", "together", "deepseek"};
    int n_left = 0;
    for (int i = 0; i < 4; i++) {
        n_left += offer_rule(&p, foreign[i], "pay-per-token") == RULE_NONE;
        n_left += offer_rule(&p, foreign[i], "provisioned") == RULE_NONE;
    }
    CU_ASSERT_EQUAL(n_left, 0);
}

static void own_machines_pass_sovereignty_and_owned_weights(void)
{
    struct scenario_policy p = policy_for(eu, 1, OWNER_OWNED);
    struct hosting h = {.kind = HOSTING_COLO};
    struct policy_facts facts = policy_of_hosting(&book, &h, NAN);
    CU_ASSERT_EQUAL(policy_check(&p, &facts, why, sizeof why), RULE_NONE);
}

static void owned_weights_exclude_shared_endpoints(void)
{
    struct scenario_policy p = policy_for(NULL, 0, OWNER_OWNED);
    CU_ASSERT_EQUAL(offer_rule(&p, "databricks", "pay-per-token"), RULE_WEIGHTS);
    CU_ASSERT_EQUAL(offer_rule(&p, "databricks", "provisioned"), RULE_NONE);
    CU_ASSERT_EQUAL(rent_rule(&p, "aws"), RULE_NONE);
}

static void an_adapter_goes_where_adapters_go(void)
{
    struct scenario_policy p = policy_for(NULL, 0, OWNER_ADAPTER);
    CU_ASSERT_EQUAL(offer_rule(&p, "deepinfra", "pay-per-token"), RULE_NONE);
    CU_ASSERT_EQUAL(offer_rule(&p, "fireworks", "provisioned"), RULE_NONE);
    CU_ASSERT_EQUAL(offer_rule(&p, "fireworks", "pay-per-token"), RULE_WEIGHTS);
    p.weights = OWNER_OWNED;
    CU_ASSERT_EQUAL(offer_rule(&p, "fireworks", "provisioned"), RULE_WEIGHTS);
}

static void an_unknown_seat_is_not_trusted(void)
{
    struct scenario_policy p = policy_for(eu, 1, OWNER_OPEN);
    CU_ASSERT_EQUAL(rent_rule(&p, "somebody-new"), RULE_OPERATOR);
}

static void a_seat_without_a_region_is_excluded_by_region(void)
{
    static const char *fr[] = {"FR"};
    struct scenario_policy p = policy_for(fr, 1, OWNER_OPEN);
    /* Mistral's seat is France, its regions are given as EU and US. */
    CU_ASSERT_EQUAL(offer_rule(&p, "mistral", "pay-per-token"), RULE_REGION);
}

/* Seat and region apart: a US company with a data centre in the EU. */
static void a_region_can_be_asked_for_without_the_seat(void)
{
    struct scenario_policy region = policy_for(NULL, 0, OWNER_OPEN);
    region.regions = (struct str_list){eu, 1};
    CU_ASSERT_EQUAL(offer_rule(&region, "databricks", "pay-per-token"), RULE_NONE);
    CU_ASSERT_EQUAL(rent_rule(&region, "aws"), RULE_NONE);
    CU_ASSERT_EQUAL(offer_rule(&region, "deepinfra", "pay-per-token"), RULE_REGION);
    struct scenario_policy seat = policy_for(eu, 1, OWNER_OPEN);
    CU_ASSERT_EQUAL(offer_rule(&seat, "databricks", "pay-per-token"), RULE_JURISDICTION);
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "seat in US"));
    static const char *us[] = {"US"};
    seat = policy_for(us, 1, OWNER_OPEN);
    seat.regions = (struct str_list){eu, 1};
    CU_ASSERT_EQUAL(offer_rule(&seat, "databricks", "pay-per-token"), RULE_NONE);
    CU_ASSERT_EQUAL(offer_rule(&seat, "deepinfra", "pay-per-token"), RULE_REGION);
    CU_ASSERT_EQUAL(offer_rule(&seat, "mistral", "pay-per-token"), RULE_JURISDICTION);
}

static void managed_can_be_switched_off(void)
{
    struct scenario_policy p = policy_for(NULL, 0, OWNER_OPEN);
    p.managed_allowed = 0;
    CU_ASSERT_EQUAL(offer_rule(&p, "databricks", "pay-per-token"), RULE_MANAGED);
    CU_ASSERT_EQUAL(rent_rule(&p, "aws"), RULE_NONE);
}

static void quality_under_the_least_is_excluded(void)
{
    struct scenario_policy p = policy_for(NULL, 0, OWNER_OPEN);
    struct policy_facts facts = policy_of_offer(&book, "databricks", "pay-per-token", 70);
    p.min_quality = 75;
    CU_ASSERT_EQUAL(policy_check(&p, &facts, why, sizeof why), RULE_QUALITY);
    facts.quality = 75;
    CU_ASSERT_EQUAL(policy_check(&p, &facts, why, sizeof why), RULE_NONE);
    facts.quality = NAN;
    CU_ASSERT_EQUAL(policy_check(&p, &facts, why, sizeof why), RULE_QUALITY);
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "no quality score"));
}

static void every_provider_of_the_catalogue_is_in_the_book(void)
{
    static const char *const dirs[] = {"."};
    struct econ_stock stock;
    CU_ASSERT_TRUE_FATAL(econ_stock_load(arena, dirs, 1, &stock, NULL));
    for (int i = 0; i < stock.managed.n_prices; i++) {
        struct policy_facts facts =
            policy_of_offer(&book, stock.managed.prices[i].provider, "pay-per-token", NAN);
        CU_ASSERT_TRUE(facts.jurisdiction[0] != '\0');
    }
    for (int i = 0; i < stock.nodes.n_prices; i++) {
        if (stock.nodes.prices[i].usd_per_h > 0) {
            struct hosting h = {
                .kind = HOSTING_RENT,
                .node = node_spec_find(&stock.nodes, stock.nodes.prices[i].node, NULL)};
            CU_ASSERT_TRUE(policy_of_hosting(&book, &h, NAN).jurisdiction[0] != '\0');
        }
    }
}

int main(void)
{
    static const struct check_case cases[] = {
        {"without a policy everything is allowed", without_a_policy_everything_is_allowed},
        {"sovereignty filters managed and rented alike",
         sovereignty_filters_managed_and_rented_alike},
        {"only foreign options leave none", only_foreign_options_leave_none},
        {"own machines pass sovereignty and owned weights",
         own_machines_pass_sovereignty_and_owned_weights},
        {"owned weights exclude shared endpoints", owned_weights_exclude_shared_endpoints},
        {"an adapter goes where adapters go", an_adapter_goes_where_adapters_go},
        {"an unknown seat is not trusted", an_unknown_seat_is_not_trusted},
        {"a seat without a region is excluded by region",
         a_seat_without_a_region_is_excluded_by_region},
        {"a region can be asked for without the seat",
         a_region_can_be_asked_for_without_the_seat},
        {"managed can be switched off", managed_can_be_switched_off},
        {"quality under the least is excluded", quality_under_the_least_is_excluded},
        {"every provider of the catalogue is in the book",
         every_provider_of_the_catalogue_is_in_the_book},
    };
    static const char *const dirs[] = {"."};
    struct err err = {0};
    arena = arena_new();
    if (!policy_book_load(arena, dirs, 1, &book, &err)) {
        err_print(&err, stderr);
        return 1;
    }
    int code = check_main("policy", cases, (int)(sizeof cases / sizeof cases[0]));
    arena_free(arena);
    return code;
}
