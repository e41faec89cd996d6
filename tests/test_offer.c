/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Managed inference: prices worked out by hand, limits, capacity that is not published. */
#include <string.h>

#include "sim/plan/offer.h"
#include "tests/check.h"
#include "tests/plan_fixture.h"

static struct plan_fixture f;

static struct offer_list offers(const char *provider, const char *model)
{
    struct scenario_managed ask = {.provider = provider,
                                   .model = "",
                                   .input_usd_per_mtok = NAN,
                                   .cached_input_usd_per_mtok = NAN,
                                   .output_usd_per_mtok = NAN};
    struct scenario sc = *f.sc;
    struct offer_list list;
    sc.managed = &ask;
    sc.n_managed = 1;
    offer_enumerate(f.arena, &f.stock.managed, &sc, model, PLAN_FIXTURE_DATE, &list);
    return list;
}

static const struct offer *offer_of(const struct offer_list *list, enum offer_kind kind)
{
    for (int i = 0; i < list->n; i++) {
        if (list->items[i].kind == kind) {
            return &list->items[i];
        }
    }
    CU_FAIL_FATAL("no such offer");
    return NULL;
}

static struct offer_month month_at(const struct offer *offer, struct plan_tokens tokens,
                                   double mean_rps, double peak_rps)
{
    struct offer_load load = {
        .mean_rps = mean_rps, .peak_hour_rps = peak_rps, .peak_rps = peak_rps};
    struct offer_month month;
    offer_month(offer, &tokens, &load, &month);
    return month;
}

static const struct plan_tokens tokens = {.input = 1000, .cached = 200, .output = 250};

static void maverick_by_the_token_at_databricks(void)
{
    /* 0.50 in, 1.50 out, no cached price. 0.1 requests/s * 2,629,800 s = 262,980 requests:
     * 262.98 Mtok in = 131.49 USD, 65.745 Mtok out = 98.6175 USD. Together 230.1075. */
    struct offer_list list = offers("databricks", "llama-4-maverick");
    const struct offer *o = offer_of(&list, OFFER_PAY_PER_TOKEN);
    struct offer_month m = month_at(o, tokens, 0.1, 0.1);
    CU_ASSERT_EQUAL(m.state, OFFER_PRICED);
    CHECK_NEAR(m.usd, 230.1075, 1e-9);
    /* 7.143 and 21.429 DBU per Mtok at 0.07 USD: 262.98 * 7.143 = 1,878.47. */
    CHECK_NEAR(m.lines[0].dbu + m.lines[1].dbu, 1878.466, 1e-5);
    CHECK_NEAR(m.lines[2].dbu, 65.745 * 21.429, 1e-9);
    CHECK_NEAR((m.lines[0].dbu + m.lines[1].dbu + m.lines[2].dbu) * 0.07, m.usd, 1e-3);
}

static void cached_input_has_its_own_price_where_listed(void)
{
    /* Databricks deepseek-v4-flash 0.14 / 0.028 / 0.28, 1,000,000 requests a month: 800 Mtok *
     * 0.14 + 200 * 0.028 + 250 * 0.28 = 112 + 5.6 + 70 = 187.6. */
    struct offer_list list = offers("databricks", "deepseek-v4-flash");
    const struct offer *o = offer_of(&list, OFFER_PAY_PER_TOKEN);
    struct offer_month m = month_at(o, tokens, 1e6 / 2629800.0, 0.001);
    CHECK_NEAR(m.usd, 187.6, 1e-9);
    CHECK_NEAR(offer_blended_usd(o, &tokens), 187.6 / 1250, 1e-12);
}

static void above_a_rate_limit_is_infeasible_not_free(void)
{
    /* Maverick at Databricks: 10,000 output tokens a minute = 0.6667 requests/s of 250; 2,400
     * queries an hour = 0.6667/s; 200,000 input tokens a minute = 3.33/s. */
    struct offer_list list = offers("databricks", "llama-4-maverick");
    const struct offer *o = offer_of(&list, OFFER_PAY_PER_TOKEN);
    CU_ASSERT_EQUAL(month_at(o, tokens, 0.6, 0.66).state, OFFER_PRICED);
    struct offer_month m = month_at(o, tokens, 0.6, 0.67);
    CU_ASSERT_EQUAL(m.state, OFFER_OVER_LIMIT);
    CU_ASSERT_TRUE(isnan(m.usd));
    CU_ASSERT_EQUAL(m.limit, LIMIT_OTPM);
    CHECK_NEAR(m.limit_frac, 0.67 * 60 * 250 / 10000, 1e-12);
}

static void queries_per_hour_use_the_peak_hour(void)
{
    struct offer_list list = offers("databricks", "llama-4-maverick");
    struct plan_tokens few = {.input = 10, .output = 10};
    struct offer_load load = {.mean_rps = 0.1, .peak_hour_rps = 0.66, .peak_rps = 5};
    struct offer_month m;
    offer_month(offer_of(&list, OFFER_PAY_PER_TOKEN), &few, &load, &m);
    CU_ASSERT_EQUAL(m.state, OFFER_PRICED);
    load.peak_hour_rps = 0.67;
    offer_month(offer_of(&list, OFFER_PAY_PER_TOKEN), &few, &load, &m);
    CU_ASSERT_EQUAL(m.limit, LIMIT_QPH);
}

static void maverick_provisioned_by_the_hour(void)
{
    /* 3,250 tokens/s per unit. 4 requests/s * 1,250 = 5,000 tokens/s: 2 units. 85.714 DBU/h *
     * 0.07 = 6 USD/h, the catalogue's cell: 2 * 6 * 730.5 = 8,766 USD. */
    struct offer_list list = offers("databricks", "llama-4-maverick");
    const struct offer *o = offer_of(&list, OFFER_PROVISIONED);
    struct offer_month m = month_at(o, tokens, 3, 4);
    CU_ASSERT_EQUAL(m.state, OFFER_PRICED);
    CU_ASSERT_EQUAL(m.units, 2);
    CHECK_NEAR(m.usd, 8766, 1e-9);
    CHECK_NEAR(m.lines[0].dbu + m.lines[1].dbu, 2 * 85.714 * 730.5, 1e-9);
    CU_ASSERT_TRUE(o->capacity_conditions[0] != '\0');
}

static void unknown_capacity_cannot_be_priced(void)
{
    struct offer_list list = offers("databricks", "llama-3.3-70b");
    struct offer_month m = month_at(offer_of(&list, OFFER_PROVISIONED), tokens, 1, 1);
    CU_ASSERT_EQUAL(m.state, OFFER_UNKNOWN_CAPACITY);
    CU_ASSERT_TRUE(isnan(m.usd));
    CU_ASSERT_STRING_EQUAL(offer_state_names[m.state], "cannot be priced");
}

static void a_model_that_is_not_offered_names_the_nearest(void)
{
    struct offer_list list = offers("databricks", "llama-4-scout");
    CU_ASSERT_EQUAL(list.n, 0);
    CU_ASSERT_EQUAL_FATAL(list.n_gaps, 1);
    CU_ASSERT_STRING_EQUAL(list.gaps[0].nearest_model, "llama-4-maverick");
    CU_ASSERT_STRING_EQUAL(list.gaps[0].nearest_provider, "deepinfra"); /* 0.10 and 0.30 */
}

static void without_a_list_all_current_providers_are_asked(void)
{
    struct scenario sc = *f.sc;
    struct offer_list list;
    bool bedrock = false;
    bool groq = false;
    sc.n_managed = 0;
    offer_enumerate(f.arena, &f.stock.managed, &sc, "llama-4-maverick", PLAN_FIXTURE_DATE,
                    &list);
    for (int i = 0; i < list.n; i++) {
        bedrock |= strcmp(list.items[i].provider, "aws-bedrock") == 0;
        groq |= strcmp(list.items[i].provider, "groq") == 0;
    }
    CU_ASSERT_TRUE(bedrock);
    CU_ASSERT_FALSE(groq); /* its row is stale */
    CU_ASSERT_EQUAL(list.n_gaps, 0);
}

static void the_users_price_wins_even_of_an_unknown_provider(void)
{
    struct scenario_managed ask = {.provider = "in-house",
                                   .model = "",
                                   .input_usd_per_mtok = 2,
                                   .cached_input_usd_per_mtok = NAN,
                                   .output_usd_per_mtok = 4};
    struct scenario sc = *f.sc;
    struct offer_list list;
    sc.managed = &ask;
    sc.n_managed = 1;
    offer_enumerate(f.arena, &f.stock.managed, &sc, "llama-4-scout", PLAN_FIXTURE_DATE, &list);
    CU_ASSERT_EQUAL_FATAL(list.n, 1);
    CHECK_NEAR(offer_blended_usd(&list.items[0], &tokens), 3000.0 / 1250, 1e-12);
    CU_ASSERT_TRUE(list.items[0].input.given);
    CU_ASSERT_EQUAL(month_at(&list.items[0], tokens, 50, 100).state, OFFER_PRICED);
    ask.provider = "databricks";
    offer_enumerate(f.arena, &f.stock.managed, &sc, "llama-4-maverick", PLAN_FIXTURE_DATE,
                    &list);
    CHECK_NEAR(offer_of(&list, OFFER_PAY_PER_TOKEN)->output.value, 4, 0);
}

static void a_dedicated_endpoint_costs_gpus_by_the_hour(void)
{
    /* Deepinfra H100 2.20 USD/h * 8 GPUs = 17.60 a replica; 2.5/s * 0.8 = 2/s each; a peak of
     * 3/s takes 2: 2 * 17.60 * 730.5 = 25,713.60. */
    struct plan_option option = plan_fixture_option();
    struct scenario_managed ask = {.provider = "deepinfra", .model = ""};
    struct scenario sc = *f.sc;
    struct offer_list list = {0};
    sc.managed = &ask;
    sc.n_managed = 1;
    offer_add_dedicated(f.arena, &f.stock.managed, &sc, &option, 0.8, PLAN_FIXTURE_DATE, &list);
    CU_ASSERT_EQUAL_FATAL(list.n, 1);
    struct offer_month m = month_at(&list.items[0], tokens, 2, 3);
    CU_ASSERT_EQUAL(m.units, 2);
    CHECK_NEAR(m.usd, 25713.60, 1e-9);
    CU_ASSERT_TRUE(list.items[0].unit_tok_per_s.estimated);
}

static void custom_serving_must_hold_a_whole_replica(void)
{
    /* Databricks sells A100 80 GB by 1, 2, 4 and 8 (43.96 USD/h); a replica of 4 fits two of
     * them, twice in the larger. */
    struct plan_option option = plan_fixture_option();
    struct offer_list list = {0};
    option.gpu = "a100-sxm-80gb";
    option.gpus_per_replica = 4;
    offer_add_dedicated(f.arena, &f.stock.managed, f.sc, &option, 0.8, PLAN_FIXTURE_DATE,
                        &list);
    CU_ASSERT_EQUAL_FATAL(list.n, 2);
    for (int i = 0; i < list.n; i++) {
        bool large = fabs(list.items[i].entry.value - 43.96) < 1e-9;
        CHECK_NEAR(list.items[i].unit_tok_per_s.value, (large ? 4 : 2) * 1250.0, 1e-12);
    }
}

/* 60,000 USD a year beside an offer are 5,000 a month, whatever the volume or the price of the
 * tokens; over a limit nothing is priced. */
static void people_beside_an_offer_are_on_its_bill(void)
{
    struct offer_list list = offers("databricks", "llama-4-maverick");
    struct offer offer = *offer_of(&list, OFFER_PAY_PER_TOKEN);
    double without = month_at(&offer, tokens, 0.1, 0.1).usd;
    offer.staff = (struct plan_rate){.name = "staff", .value = 60000, .source = "scenario"};
    CHECK_NEAR(month_at(&offer, tokens, 0.1, 0.1).usd, without + 5000, 1e-9);
    offer.price_factor = 2;
    struct offer_month m = month_at(&offer, tokens, 0.1, 0.1);
    CHECK_NEAR(m.usd, 2 * without + 5000, 1e-9);
    CU_ASSERT_STRING_EQUAL(m.lines[m.n_lines - 1].name, "staff");
    CU_ASSERT_TRUE(isnan(month_at(&offer, tokens, 5, 5).usd));
}

static void lines_add_up_to_the_month(void)
{
    struct offer_list list = offers("databricks", "deepseek-v4-flash");
    struct offer_month m = month_at(offer_of(&list, OFFER_PAY_PER_TOKEN), tokens, 0.5, 0.5);
    double sum = 0;
    CU_ASSERT_EQUAL(m.n_lines, 3);
    for (int i = 0; i < m.n_lines; i++) {
        sum += m.lines[i].usd;
        CU_ASSERT_TRUE(m.lines[i].source[0] != '\0');
    }
    CHECK_NEAR(sum, m.usd, 1e-12);
}

/* 2 requests/s at the peak, 1.5 in the busiest hour, of 1,000 and 250 tokens. */
static void every_limit_counts_in_its_own_unit(void)
{
    static const double use[LIMIT_N] = {
        2 * 60 * 1000.0, 2 * 60 * 250.0, 2 * 60 * 1250.0, 2 * 60.0, 2.0, 1.5 * 3600};
    struct offer_list list = offers("databricks", "llama-4-maverick");
    struct offer o = *offer_of(&list, OFFER_PAY_PER_TOKEN);
    struct offer_load load = {.mean_rps = 1, .peak_hour_rps = 1.5, .peak_rps = 2};
    for (int i = 0; i < LIMIT_N; i++) {
        struct offer_month m;
        for (int j = 0; j < LIMIT_N; j++) {
            o.limits[j].value = NAN;
        }
        o.limits[i].value = use[i];
        offer_month(&o, &tokens, &load, &m);
        CU_ASSERT_EQUAL(m.state, OFFER_PRICED);
        CU_ASSERT_EQUAL(m.limit, -1);
        o.limits[i].value = use[i] / 2;
        offer_month(&o, &tokens, &load, &m);
        CU_ASSERT_EQUAL(m.state, OFFER_OVER_LIMIT);
        CU_ASSERT_EQUAL(m.limit, i);
        CHECK_NEAR(m.limit_frac, 2, 1e-12);
        CU_ASSERT_EQUAL(m.n_lines, 0);
    }
}

static void the_limit_that_is_furthest_exceeded_is_named(void)
{
    struct offer_list list = offers("databricks", "llama-4-maverick");
    struct offer o = *offer_of(&list, OFFER_PAY_PER_TOKEN);
    o.limits[LIMIT_RPM].value = 60;
    o.limits[LIMIT_QPS].value = 0.5;
    o.limits[LIMIT_OTPM].value = o.limits[LIMIT_QPH].value = NAN;
    struct offer_month m = month_at(&o, tokens, 2, 2);
    CU_ASSERT_EQUAL(m.limit, LIMIT_QPS);
    CHECK_NEAR(m.limit_frac, 4, 1e-12);
}

static void a_varied_price_moves_every_line(void)
{
    struct offer_list list = offers("databricks", "llama-4-maverick");
    static const enum offer_kind kinds[] = {OFFER_PAY_PER_TOKEN, OFFER_PROVISIONED};
    for (int i = 0; i < 2; i++) {
        struct offer o = *offer_of(&list, kinds[i]);
        struct offer_month full = month_at(&o, tokens, 0.1, 0.1);
        o.price_factor = 0.25;
        struct offer_month quarter = month_at(&o, tokens, 0.1, 0.1);
        CHECK_NEAR(quarter.usd, full.usd / 4, 1e-12);
        for (int j = 0; j < full.n_lines; j++) {
            CHECK_NEAR(quarter.lines[j].unit_usd, full.lines[j].unit_usd / 4, 1e-12);
            CHECK_NEAR(quarter.lines[j].quantity, full.lines[j].quantity, 0);
        }
    }
    struct offer o = *offer_of(&list, OFFER_PAY_PER_TOKEN);
    o.price_factor = 0.25; /* (1000 * 0.50 + 250 * 1.50) / 1250 = 0.70 */
    CHECK_NEAR(offer_blended_usd(&o, &tokens), 0.70 / 4, 1e-12);
}

/* 3,250 tokens/s a unit, 1,250 tokens a request: 5.2 requests/s fill two exactly. */
static void units_are_bought_whole_and_one_at_least(void)
{
    struct offer_list list = offers("databricks", "llama-4-maverick");
    const struct offer *o = offer_of(&list, OFFER_PROVISIONED);
    CU_ASSERT_EQUAL(month_at(o, tokens, 0, 0).units, 1);
    CU_ASSERT_EQUAL(month_at(o, tokens, 1, 2.6).units, 1);
    CU_ASSERT_EQUAL(month_at(o, tokens, 1, 5.2).units, 2);
    CU_ASSERT_EQUAL(month_at(o, tokens, 1, 5.2001).units, 3);
    struct offer_month one = month_at(o, tokens, 1, 2.6);
    CU_ASSERT_EQUAL(one.n_lines, 1); /* none further */
    CHECK_NEAR(one.usd, 6 * 730.5, 1e-9);
}

/* "gpt-oss-" is common to both; 20b is one edit away, 120b two. */
static void among_one_family_the_nearest_is_the_fewest_edits_away(void)
{
    struct offer_list list = offers("databricks", "gpt-oss-30b");
    CU_ASSERT_EQUAL_FATAL(list.n_gaps, 1);
    CU_ASSERT_STRING_EQUAL(list.gaps[0].nearest_model, "gpt-oss-20b");
    CU_ASSERT_STRING_EQUAL(list.gaps[0].nearest_provider, "");
    list = offers("databricks", "gpt-oss-9120b");
    CU_ASSERT_STRING_EQUAL(list.gaps[0].nearest_model, "gpt-oss-120b");
    list = offers("databricks", "gpt-oss-2b"); /* one letter more in common */
    CU_ASSERT_STRING_EQUAL(list.gaps[0].nearest_model, "gpt-oss-20b");
    list = offers("nobody", "gpt-oss-20b");
    CU_ASSERT_STRING_EQUAL(list.gaps[0].nearest_model, "");
    CU_ASSERT_STRING_EQUAL(list.gaps[0].nearest_provider, "deepinfra"); /* 0.03 and 0.14 */
}

static void every_provider_is_asked_once(void)
{
    struct scenario sc = *f.sc;
    struct offer_list list;
    bool first = false;
    sc.n_managed = 0;
    offer_enumerate(f.arena, &f.stock.managed, &sc, "llama-4-maverick", PLAN_FIXTURE_DATE,
                    &list);
    for (int i = 0; i < list.n; i++) {
        first |= strcmp(list.items[i].provider, f.stock.managed.prices[0].provider) == 0;
        for (int j = 0; j < i; j++) {
            CU_ASSERT_FALSE(list.items[i].kind == list.items[j].kind &&
                            strcmp(list.items[i].provider, list.items[j].provider) == 0);
        }
    }
    CU_ASSERT_TRUE(first);
}

/* The user knows the price of cached input only, and how fast the provider is. */
static void a_given_price_replaces_its_own_kind_alone(void)
{
    struct scenario_managed ask = {.provider = "databricks",
                                   .model = "",
                                   .input_usd_per_mtok = NAN,
                                   .cached_input_usd_per_mtok = 0.05,
                                   .output_usd_per_mtok = NAN,
                                   .ttft_s = 0.4,
                                   .tpot_s = 0.02};
    struct scenario sc = *f.sc;
    struct offer_list list;
    sc.managed = &ask;
    sc.n_managed = 1;
    offer_enumerate(f.arena, &f.stock.managed, &sc, "llama-4-maverick", PLAN_FIXTURE_DATE,
                    &list);
    const struct offer *o = offer_of(&list, OFFER_PAY_PER_TOKEN);
    CU_ASSERT_EQUAL(o->cached.value, 0.05);
    CU_ASSERT_TRUE(o->cached.given && !o->cached.stale);
    CU_ASSERT_FALSE(o->input.given || o->output.given);
    CHECK_NEAR(o->output.value, 1.5, 1e-12);
    CU_ASSERT_EQUAL(o->ttft_s, 0.4);
    CU_ASSERT_EQUAL(o->tpot_s, 0.02);
    CHECK_NEAR(month_at(o, tokens, 0.1, 0.1).lines[1].usd, 0.262980 * 200 * 0.05, 1e-9);
}

/* 8 GPUs a replica at 2.20 USD; of the four sizes of A100 each takes its own number. */
static void a_dedicated_unit_says_its_gpus(void)
{
    struct plan_option option = plan_fixture_option();
    struct scenario_managed ask = {.provider = "deepinfra", .model = ""};
    struct scenario sc = *f.sc;
    struct offer_list list = offers("deepinfra", "llama-4-maverick");
    int before = list.n;
    sc.managed = &ask;
    sc.n_managed = 1;
    offer_add_dedicated(f.arena, &f.stock.managed, &sc, &option, 0.8, PLAN_FIXTURE_DATE, &list);
    CU_ASSERT_EQUAL_FATAL(list.n, before + 1);
    CU_ASSERT_EQUAL(list.items[before].unit_gpus, 8);
    CHECK_NEAR(list.items[before].entry.value, 17.60, 1e-12);
    CHECK_NEAR(list.items[before].scaling.value, 17.60, 1e-12);
    option.gpu = "a100-sxm-80gb";
    option.gpus_per_replica = 1;
    list = (struct offer_list){0};
    offer_add_dedicated(f.arena, &f.stock.managed, f.sc, &option, 0.8, PLAN_FIXTURE_DATE,
                        &list);
    int sizes = 0;
    for (int i = 0; i < list.n; i++) {
        sizes |= list.items[i].unit_gpus;
        CHECK_NEAR(list.items[i].unit_tok_per_s.value, list.items[i].unit_gpus * 2.0 * 1250,
                   1e-12);
    }
    CU_ASSERT_EQUAL(list.n, 4);
    CU_ASSERT_EQUAL(sizes, 1 + 2 + 4 + 8);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"Maverick by the token at Databricks", maverick_by_the_token_at_databricks},
        {"cached input has its own price where listed",
         cached_input_has_its_own_price_where_listed},
        {"above a rate limit is infeasible, not free",
         above_a_rate_limit_is_infeasible_not_free},
        {"queries per hour use the peak hour", queries_per_hour_use_the_peak_hour},
        {"Maverick provisioned by the hour", maverick_provisioned_by_the_hour},
        {"unknown capacity cannot be priced", unknown_capacity_cannot_be_priced},
        {"a model that is not offered names the nearest",
         a_model_that_is_not_offered_names_the_nearest},
        {"without a list all current providers are asked",
         without_a_list_all_current_providers_are_asked},
        {"the user's price wins, even of an unknown provider",
         the_users_price_wins_even_of_an_unknown_provider},
        {"a dedicated endpoint costs GPUs by the hour",
         a_dedicated_endpoint_costs_gpus_by_the_hour},
        {"custom serving must hold a whole replica", custom_serving_must_hold_a_whole_replica},
        {"lines add up to the month", lines_add_up_to_the_month},
        {"every limit counts in its own unit", every_limit_counts_in_its_own_unit},
        {"the limit that is furthest exceeded is named",
         the_limit_that_is_furthest_exceeded_is_named},
        {"a varied price moves every line", a_varied_price_moves_every_line},
        {"units are bought whole and one at least", units_are_bought_whole_and_one_at_least},
        {"among one family the nearest is the fewest edits away",
         among_one_family_the_nearest_is_the_fewest_edits_away},
        {"every provider is asked once", every_provider_is_asked_once},
        {"a given price replaces its own kind alone",
         a_given_price_replaces_its_own_kind_alone},
        {"a dedicated unit says its GPUs", a_dedicated_unit_says_its_gpus},
        {"people beside an offer are on its bill", people_beside_an_offer_are_on_its_bill},
    };
    plan_fixture_open(&f, NULL);
    int code = check_main("offer", cases, (int)(sizeof cases / sizeof cases[0]));
    plan_fixture_close(&f);
    return code;
}
