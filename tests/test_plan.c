/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plan as a whole on a small scenario: entries, ranking, decision, tables. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/csvio.h"
#include "sim/plan/crossings.h"
#include "sim/plan/pareto.h"
#include "sim/plan/plan.h"
#include "tests/check.h"
#include "tests/stock_fixture.h"

static struct arena *arena;
static const struct stock *stock;

static const char text[] =
    "schema: 1\n"
    "model: {name: llama-3.1-8b, weights: fp8}\n"
    "workload:\n"
    "  - class: chat\n"
    "    prompt: {dist: uniform, min: 100, max: 300}\n"
    "    output: {dist: uniform, min: 4, max: 20}\n"
    "    slo: {tpot_p95: 15 ms, ttft_p95: 200 ms}\n"
    "demand: {requests_per_day: 5M, shape: flat, burstiness: chat-default, horizon: 12 "
    "months}\n"
    "engine: {max_model_len: 2k, max_num_seqs: 64, max_num_batched_tokens: 2048}\n"
    "deployments: [{hardware: [h100-sxm, l4], tp: [1, 2], dp: 1}]\n"
    "managed: [{provider: databricks}]\n"
    "simulation: {requests: 300, replications: 2, seed: 1}\n";

static struct plan run_with(const char *const *sets, int n_sets, int n_threads)
{
    struct plan plan;
    struct err err = {0};
    struct plan_options options = {
        .n_threads = n_threads, .as_of = "2026-11-22", .quiet = true};
    const struct scenario *sc = stock_fixture_scenario(arena, text, sets, n_sets);
    if (!plan_run(arena, stock, sc, &options, &plan, &err)) {
        err_print(&err, stderr);
        exit(1);
    }
    return plan;
}

static struct plan run(const char *set)
{
    return run_with(&set, 1, 1);
}

/* As it stands; made once. */
static struct plan run_plain(void)
{
    static struct plan plan;
    if (!plan.scenario) {
        plan = run_with(NULL, 0, 1);
    }
    return plan;
}

static void entries_are_ranked_by_cost(void)
{
    struct plan plan = run_plain();
    CU_ASSERT_TRUE(plan.n_ranked >= 4);
    for (int i = 0; i < plan.n_ranked; i++) {
        CU_ASSERT_EQUAL(plan.entries[i].rank, i + 1);
        CU_ASSERT_TRUE(i == 0 || plan.entries[i].usd >= plan.entries[i - 1].usd);
    }
    for (int i = plan.n_ranked; i < plan.n_entries; i++) {
        const struct plan_entry *e = &plan.entries[i];
        CU_ASSERT_EQUAL(e->rank, 0);
        CU_ASSERT_TRUE(e->excluded != RULE_NONE || isnan(e->usd));
    }
}

static void names_of_entries_are_unique(void)
{
    struct plan plan = run_plain();
    for (int i = 0; i < plan.n_entries; i++) {
        for (int j = 0; j < i; j++) {
            CU_ASSERT_STRING_NOT_EQUAL(plan.entries[i].name, plan.entries[j].name);
            CU_ASSERT_STRING_NOT_EQUAL(plan.entries[i].label, plan.entries[j].label);
        }
    }
}

/* How many of what, from where, for which model. */
static void labels_say_what_to_get(void)
{
    struct plan plan = run("managed.0.provider=fireworks");
    int n_managed = 0;
    for (int i = 0; i < plan.n_entries; i++) {
        const struct plan_entry *e = &plan.entries[i];
        const char *machines = e->item
                                   ? arena_printf(arena, "%lld × %s ", (long long)e->units.gpus,
                                                  e->item->spec.gpu->name)
                                   : arena_printf(arena, "%s ", e->c.offer.provider);
        CU_ASSERT_PTR_NULL(strchr(e->label, ','));
        CU_ASSERT_EQUAL(strncmp(e->label, machines, strlen(machines)), 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(e->label, " · llama-3.1-8b"));
        if (e->item) {
            CU_ASSERT_PTR_NOT_NULL(strstr(e->label, e->c.hosting.node->name));
            CU_ASSERT_PTR_NOT_NULL(strstr(e->label, "fp8 weights"));
            CU_ASSERT_PTR_NOT_NULL(strstr(e->label, " of TP"));
        } else {
            const char *units = arena_printf(arena, "%lld unit", (long long)e->month.units);
            CU_ASSERT_EQUAL(strstr(e->label, units) != NULL, e->month.units > 0);
            n_managed++;
        }
    }
    CU_ASSERT_TRUE(n_managed > 0);
}

static void the_best_system_was_simulated_as_a_fleet(void)
{
    struct plan plan = run_plain();
    CU_ASSERT_PTR_NOT_NULL_FATAL(plan.answer.self);
    CU_ASSERT_PTR_NOT_NULL_FATAL(plan.answer.self->check);
    CU_ASSERT_TRUE(plan.answer.self->check->met);
    CU_ASSERT_TRUE(plan.answer.self->check->replicas <= plan.answer.self->units.replicas);
}

/* Replicas of the sheet are those of the peak: 5 M a day are 57.87/s, the busiest minute of a
 * chat hour is 1.618 times that, at 80 % utilisation. */
static void the_fleet_is_for_the_peak(void)
{
    struct plan plan = run_plain();
    const struct plan_entry *e = plan.answer.self;
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    double peak = 5e6 / 86400 * 1.618;
    CHECK_NEAR(e->fleet.counts[FLEET_DEFAULT].peak_rps, peak, 1e-3);
    CU_ASSERT_EQUAL(e->units.replicas, (int64_t)ceil(e->fleet.counts[FLEET_DEFAULT].peak_rps /
                                                     0.8 / e->c.option.rps_per_replica));
}

static void free_machines_give_self_hosting(void)
{
    static const char *const sets[] = {
        "economics.gpu_hour=0",
        "economics.staff_per_year=0",
        "economics.pricing=[on-demand]",
    };
    struct plan plan = run_with(sets, 3, 1);
    CU_ASSERT_EQUAL(plan.answer.decision.side, SIDE_SELF);
    CU_ASSERT_EQUAL(plan.answer.chosen->usd, 0.0);
}

static void little_demand_gives_managed(void)
{
    struct plan plan = run("demand.requests_per_day=100");
    CU_ASSERT_EQUAL(plan.answer.decision.side, SIDE_MANAGED);
}

/* The scenario's own terms: self-hosting costs a third or so, well under 10 % less and far from
 * 90 % less. */
static void the_margin_asked_for_decides(void)
{
    static const char *const sets[] = {"managed.0.provider=acme", "managed.0.input=2",
                                       "managed.0.output=2", "economics.decision_margin=90%"};
    struct plan plan = run_with(sets, 3, 1);
    CU_ASSERT_EQUAL(plan.answer.decision.side, SIDE_SELF);
    CU_ASSERT_EQUAL(plan.answer.decision.reason, REASON_SELF_WINS);
    plan = run_with(sets, 4, 1);
    CU_ASSERT_EQUAL(plan.answer.decision.side, SIDE_MANAGED);
    CU_ASSERT_EQUAL(plan.answer.decision.reason, REASON_MARGIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(plan.answer.decision.text, "at least 90 % cheaper"));
}

/* The key of a scenario that an input is; NULL: it has none of its own. */
static const char *key_of(enum input_id id)
{
    switch (id) {
    case INPUT_VOLUME:
        return "demand.requests_per_day";
    case INPUT_GROWTH:
        return "demand.growth_per_month";
    case INPUT_UTILISATION:
        return "economics.target_utilisation";
    case INPUT_STAFF:
        return "economics.staff_per_year";
    case INPUT_MANAGED_STAFF:
        return "economics.managed_staff_per_year";
    case INPUT_ELECTRICITY:
        return "economics.electricity_per_kwh";
    case INPUT_CAPITAL:
        return "economics.cost_of_capital";
    default:
        return NULL;
    }
}

/* As a user would: the printed value goes into the scenario and the whole plan runs again.
 * Returns how many could. */
static int feed_back(const char *const *sets, int n_sets)
{
    struct plan plan = run_with(sets, n_sets, 2);
    const struct decision *d = &plan.answer.decision;
    int n = 0;
    for (int i = 0; i < d->n_flips; i++) {
        const struct decision_flip *flip = &d->flips[i];
        const char *key = key_of(flip->id);
        const char *with[10];
        int n_with = n_sets;
        memcpy(with, sets, (size_t)n_sets * sizeof *with);
        if (flip->id == INPUT_MANAGED_PRICE) { /* of both, here */
            with[n_with++] = arena_printf(arena, "managed.0.input=%.9g", flip->value);
            with[n_with++] = arena_printf(arena, "managed.0.output=%.9g", flip->value);
        } else if (key) {
            with[n_with++] = arena_printf(arena, "%s=%.9g", key, flip->value);
        } else {
            continue;
        }
        struct plan after = run_with(with, n_with, 2);
        CU_ASSERT_EQUAL(after.answer.decision.side, flip->to);
        CU_ASSERT_NOT_EQUAL(after.answer.decision.side, d->side);
        n++;
    }
    return n;
}

static void every_flip_in_the_scenario_flips_the_plan(void)
{
    const char *sets[] = {"managed.0.provider=acme",      "economics.staff_per_year=90000",
                          "economics.pricing=[purchase]", "managed.0.input=0.6",
                          "managed.0.output=0.6",         "deployments.0.hardware=[h100-sxm]",
                          "demand.horizon=4 months"};
    CU_ASSERT_EQUAL(run_with(sets, 7, 2).answer.decision.side, SIDE_MANAGED);
    CU_ASSERT_TRUE(feed_back(sets, 7) >= 6);
    sets[3] = "managed.0.input=1";
    sets[4] = "managed.0.output=1";
    CU_ASSERT_EQUAL(run_with(sets, 7, 2).answer.decision.side, SIDE_SELF);
    CU_ASSERT_TRUE(feed_back(sets, 7) >= 6);
}

/* The limits of the scenario are 200 ms and 15 ms. */
static void a_given_latency_is_held_against_the_limits(void)
{
    static const char *const slow[] = {"managed.0.provider=acme", "managed.0.input=2",
                                       "managed.0.output=2", "managed.0.ttft=0.1 s",
                                       "managed.0.tpot=16 ms"};
    static const char *const fast[] = {"managed.0.provider=acme", "managed.0.input=2",
                                       "managed.0.output=2", "managed.0.ttft=0.1 s",
                                       "managed.0.tpot=14 ms"};
    struct plan plan = run_with(slow, 5, 1);
    CU_ASSERT_EQUAL(plan.answer.decision.reason, REASON_TOO_SLOW);
    CU_ASSERT_PTR_NULL(plan.answer.managed);
    plan = run_with(fast, 5, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(plan.answer.managed);
    CU_ASSERT_EQUAL(plan.answer.managed->c.offer.tpot_s, 0.014);
}

static void a_limit_nobody_meets_leaves_no_system(void)
{
    struct plan plan = run("workload.0.slo.tpot_p95=0.1 ms");
    CU_ASSERT_PTR_NULL(plan.answer.self);
    for (int i = 0; i < plan.search.candidates.n; i++) {
        CU_ASSERT_NOT_EQUAL(plan.search.items[i].state, SEARCH_SIZED);
        CU_ASSERT_TRUE(plan.search.items[i].why[0] != '\0');
    }
}

static void nothing_left_is_no_answer(void)
{
    static const char *const sets[] = {
        "policy.managed_allowed=off",
        "workload.0.slo.tpot_p95=0.1 ms",
    };
    struct plan plan = run_with(sets, 2, 1);
    CU_ASSERT_EQUAL(plan.answer.decision.side, SIDE_NONE);
    CU_ASSERT_EQUAL(plan.n_ranked, 0);
}

/* ---- tables ---------------------------------------------------------------------------------
 */

static char *slurp(const char *path)
{
    FILE *in = fopen(path, "rb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(in);
    fseek(in, 0, SEEK_END);
    long n = ftell(in);
    rewind(in);
    char *data = arena_alloc(arena, (size_t)n + 1, 1);
    CU_ASSERT_EQUAL(fread(data, 1, (size_t)n, in), (size_t)n);
    fclose(in);
    return data;
}

enum { N_TABLES = 8 };

static bool write_all(struct plan *plan, const char **paths)
{
    struct err err = {0};
    for (int i = 0; i < N_TABLES; i++) {
        paths[i] = arena_strdup(arena, check_tmp(i, ".csv"));
    }
    return plan_write_options(plan, paths[0], &err) && plan_write_costs(plan, paths[1], &err) &&
           plan_write_breakeven(arena, plan, paths[2], &err) &&
           plan_write_forecast(arena, plan, paths[3], &err) &&
           plan_write_sensitivity(plan, paths[4], &err) &&
           plan_write_decision(arena, plan, paths[5], &err) &&
           crossings_write(arena, plan, 2, paths[6], &err) &&
           pareto_write(arena, plan, paths[7], &err);
}

static double sum_of(const struct csv_table *t, const char *option, const char *section)
{
    double sum = 0.0;
    int option_col = csv_col(t, "option");
    int section_col = csv_col(t, "section");
    int usd_col = csv_col(t, "usd");
    for (int r = 0; r < t->n_rows; r++) {
        double usd;
        if (strcmp(csv_cell(t, r, option_col), option) == 0 &&
            strcmp(csv_cell(t, r, section_col), section) == 0 &&
            csv_number(t, r, usd_col, 0.0, &usd, NULL)) {
            sum += usd;
        }
    }
    return sum;
}

/* Over the volume, each ranked option costs something, and machines never less for more. */
static void every_ranked_option_has_its_cost_over_the_volume(void)
{
    struct plan plan = run_plain();
    const char *paths[N_TABLES];
    struct csv_table t;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(write_all(&plan, paths));
    CU_ASSERT_TRUE_FATAL(csv_load(arena, paths[2], &t, &err));
    CU_ASSERT_TRUE(plan.n_ranked > 2);
    for (int i = 0; i < plan.n_ranked; i++) {
        const struct plan_entry *e = &plan.entries[i];
        double before = 0.0;
        int n = 0;
        for (int r = 0; r < t.n_rows; r++) {
            const char *kind = csv_cell(&t, r, csv_col(&t, "kind"));
            double usd = NAN;
            if (strcmp(csv_cell(&t, r, csv_col(&t, "option")), e->name) != 0 ||
                (strcmp(kind, "curve") != 0 && strcmp(kind, "option") != 0)) {
                continue;
            }
            csv_number(&t, r, csv_col(&t, "usd_per_month"), NAN, &usd, &err);
            CU_ASSERT_TRUE(!e->item || usd >= before * (1.0 - 1e-9));
            before = usd;
            n++;
        }
        CU_ASSERT_TRUE(n > 10);
    }
}

/* Each amount of plan.csv is the sum of its lines in costs.csv. */
/* A rented GPU at 2 USD an hour and nobody to pay: 1,461 a month each, whatever the load. A
 * request has 200 tokens in and 12 out at 2 USD per million, 0.000424 USD or 0.0129055 a month
 * for each request a day: a machine of 8 is worth 11,688 / 0.0129055 = 905,660 requests a day,
 * one of a single GPU 113,207. */
static void every_pair_of_options_has_its_crossings(void)
{
    static const char *const sets[] = {
        "managed.0.provider=acme",    "managed.0.input=2",
        "managed.0.output=2",         "economics.gpu_hour=2",
        "economics.staff_per_year=0", "economics.pricing=[on-demand]"};
    struct plan plan = run_with(sets, 6, 1);
    struct err err = {0};
    int n, n_self = 0, n_worked = 0;
    const struct crossing_pair *pairs = crossings_find(arena, &plan, 2, &n, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pairs);
    for (int i = 0; i < plan.n_ranked; i++) {
        n_self += plan.entries[i].item != NULL;
    }
    CU_ASSERT_EQUAL(n, n_self); /* one offer */
    for (int i = 0; i < n; i++) {
        const struct plan_entry *e = pairs[i].self;
        double one = (double)e->c.hosting.node->n_gpus * 2 * 730.5;
        double worth = one / (0.000424 * 30.4375);
        const struct breakeven *b = &pairs[i].found;
        if (forecast_fleet(&e->c, worth * 1.01).nodes == 1) {
            CU_ASSERT_TRUE_FATAL(b->n > 0);
            CHECK_NEAR(b->items[0].requests_per_day, worth, 0.005); /* lengths are drawn */
            CHECK_NEAR(b->items[0].usd_per_month, one, 1e-9);
            CHECK_NEAR(b->items[0].managed_usd, one, 1e-9);
            CU_ASSERT_TRUE(b->items[0].to_self);
            n_worked++;
        }
    }
    CU_ASSERT_TRUE(n_worked > 3);
}

/* One row `end` per pair, volumes rising before it, sides taking turns. */
static void the_table_of_crossings_is_in_order(void)
{
    struct plan plan = run("demand.growth_per_month=10%");
    struct csv_table t;
    struct err err = {0};
    const char *path = arena_strdup(arena, check_tmp(0, ".csv"));
    int n, n_ends = 0;
    double before = 0.0;
    CU_ASSERT_PTR_NOT_NULL_FATAL(crossings_find(arena, &plan, 1, &n, &err));
    CU_ASSERT_TRUE_FATAL(crossings_write(arena, &plan, 1, path, &err));
    CU_ASSERT_TRUE_FATAL(csv_load(arena, path, &t, &err));
    for (int r = 0; r < t.n_rows; r++) {
        bool end = strcmp(csv_cell(&t, r, csv_col(&t, "kind")), "end") == 0;
        const char *to = csv_cell(&t, r, csv_col(&t, "to"));
        double at = NAN, month = NAN;
        csv_number(&t, r, csv_col(&t, "requests_per_day"), NAN, &at, &err);
        csv_number(&t, r, csv_col(&t, "month"), NAN, &month, &err);
        CU_ASSERT_TRUE(at >= before);
        if (!end) {
            const char *next = csv_cell(&t, r + 1, csv_col(&t, "to"));
            bool last = strcmp(csv_cell(&t, r + 1, csv_col(&t, "kind")), "end") == 0;
            CU_ASSERT_EQUAL(strcmp(to, next) == 0, last);
        }
        /* 5 M a day growing by a tenth for 11 months: 14.3 M in the last. */
        CU_ASSERT_EQUAL(isnan(month), at > 5e6 * pow(1.1, 11));
        before = end ? 0.0 : at;
        n_ends += end;
    }
    CU_ASSERT_EQUAL(n_ends, n);
    CU_ASSERT_TRUE(t.n_rows > n);
}

/* Of one GPU kind a point is on the front exactly when no other is as good in both. */
static void the_front_has_what_no_other_point_beats(void)
{
    struct plan plan = run_plain();
    int n, n_front = 0;
    const struct pareto_point *p = pareto_points(arena, &plan, &n);
    for (int i = 0; i < n; i++) {
        bool beaten = false;
        for (int j = 0; j < n; j++) {
            bool same = p[i].item->spec.gpu == p[j].item->spec.gpu && p[j].at->met;
            beaten = beaten || (same && p[j].tok_s_per_user > p[i].tok_s_per_user &&
                                p[j].tok_s_per_gpu > p[i].tok_s_per_gpu);
        }
        CU_ASSERT_EQUAL(p[i].front, p[i].at->met && !beaten);
        n_front += p[i].front;
    }
    CU_ASSERT_TRUE(n_front > 4 && n_front < n);
}

/* The last load of a system is the one it sustains; with less, users see more and a GPU does
 * less, in proportion to the load: the tokens that arrive are the tokens that leave. */
static void less_load_is_faster_for_users_and_does_less(void)
{
    struct plan plan = run_plain();
    for (int i = 0; i < plan.search.candidates.n; i++) {
        const struct search_item *item = &plan.search.items[i];
        const struct search_curve *c = &plan.curves[i];
        CU_ASSERT_EQUAL(c->simulated, item->state == SEARCH_SIZED);
        for (int k = 0; c->simulated && k < SEARCH_LOADS; k++) {
            double load = search_load_fracs[k];
            CHECK_NEAR(c->at[k].rate_rps, load * item->capacity.rps, 1e-9);
            CHECK_NEAR(c->at[k].output_tok_s, c->at[k].rate_rps * 12, 0.15);
            CU_ASSERT_TRUE(k == 0 || c->at[k].tpot_s > c->at[k - 1].tpot_s);
        }
    }
}

static void amounts_are_traceable_to_cost_lines(void)
{
    struct plan plan = run_plain();
    const char *paths[N_TABLES];
    struct csv_table table;
    struct csv_table costs;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(write_all(&plan, paths));
    CU_ASSERT_TRUE_FATAL(csv_load(arena, paths[0], &table, &err));
    CU_ASSERT_TRUE_FATAL(csv_load(arena, paths[1], &costs, &err));
    int n = 0;
    for (int r = 0; r < table.n_rows; r++) {
        const char *option = csv_cell(&table, r, csv_col(&table, "option"));
        double usd;
        double capex;
        csv_number(&table, r, csv_col(&table, "usd_month_0"), NAN, &usd, &err);
        csv_number(&table, r, csv_col(&table, "capex_usd"), 0.0, &capex, &err);
        if (strcmp(csv_cell(&table, r, csv_col(&table, "state")), "ranked") == 0) {
            CHECK_NEAR(sum_of(&costs, option, "monthly"), usd, 1e-6);
            CHECK_NEAR(sum_of(&costs, option, "once"), capex, 1e-6);
            n++;
        }
    }
    CU_ASSERT_EQUAL(n, plan.n_ranked);
}

/* "searched_to" of decision.csv. */
static const char *said_of_all_volumes(const char *const *sets, int n_sets)
{
    struct plan plan = run_with(sets, n_sets, 1);
    const char *paths[N_TABLES];
    struct csv_table t;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(write_all(&plan, paths));
    CU_ASSERT_TRUE_FATAL(csv_load(arena, paths[5], &t, &err));
    for (int r = 0; r < t.n_rows; r++) {
        if (strcmp(csv_cell(&t, r, csv_col(&t, "item")), "searched_to") == 0) {
            return csv_cell(&t, r, csv_col(&t, "text"));
        }
    }
    return "";
}

static void costs_that_never_cross_are_said_to_be_dearer_or_cheaper(void)
{
    static const char *const free_sets[] = {"economics.gpu_hour=0",
                                            "economics.staff_per_year=0",
                                            "economics.pricing=[on-demand]",
                                            "managed.0.provider=acme",
                                            "managed.0.input=2",
                                            "managed.0.output=2"};
    static const char *const cheap_sets[] = {"managed.0.provider=acme", "managed.0.input=1e-6",
                                             "managed.0.output=1e-6"};
    CU_ASSERT_STRING_EQUAL(said_of_all_volumes(free_sets, 6),
                           "self-hosting is cheaper at every volume searched");
    CU_ASSERT_STRING_EQUAL(said_of_all_volumes(cheap_sets, 3),
                           "self-hosting is dearer at every volume searched");
}

/* Where nothing is ranked, the first entry is excluded like the others. */
static void every_exclusion_is_listed(void)
{
    static const char *const sets[] = {"policy.managed_allowed=off",
                                       "workload.0.slo.tpot_p95=0.1 ms"};
    struct plan plan = run_with(sets, 2, 1);
    const char *paths[N_TABLES];
    struct csv_table t;
    struct err err = {0};
    int n = 0;
    CU_ASSERT_TRUE_FATAL(write_all(&plan, paths));
    CU_ASSERT_TRUE_FATAL(csv_load(arena, paths[5], &t, &err));
    CU_ASSERT_TRUE_FATAL(plan.n_entries > 0);
    for (int r = 0; r < t.n_rows; r++) {
        if (strcmp(csv_cell(&t, r, csv_col(&t, "section")), "excluded") == 0) {
            CU_ASSERT_STRING_EQUAL(csv_cell(&t, r, csv_col(&t, "item")), plan.entries[n].name);
            n++;
        }
    }
    CU_ASSERT_EQUAL(n, plan.n_entries);
}

static void a_table_that_cannot_be_written_is_an_error(void)
{
    struct plan plan = run_plain();
    const char *path = "build/tmp/no-such-folder/table.csv";
    struct err err = {0};
    CU_ASSERT_FALSE(plan_write_options(&plan, path, &err));
    CU_ASSERT_EQUAL(err.code, ERR_IO);
    CU_ASSERT_FALSE(plan_write_costs(&plan, path, &err));
    CU_ASSERT_FALSE(plan_write_breakeven(arena, &plan, path, &err));
    CU_ASSERT_FALSE(plan_write_forecast(arena, &plan, path, &err));
    CU_ASSERT_FALSE(plan_write_sensitivity(&plan, path, &err));
    CU_ASSERT_FALSE(plan_write_decision(arena, &plan, path, &err));
}

/* GPUs that a provider runs are paid by the hour: no price of input or output alone. */
static void an_offer_by_the_hour_has_one_price_for_all_tokens(void)
{
    struct plan plan = run("managed.0.provider=deepinfra");
    const char *paths[N_TABLES];
    struct csv_table t;
    struct err err = {0};
    int n = 0;
    CU_ASSERT_TRUE_FATAL(write_all(&plan, paths));
    CU_ASSERT_TRUE_FATAL(csv_load(arena, paths[0], &t, &err));
    for (int r = 0; r < t.n_rows; r++) {
        if (strcmp(csv_cell(&t, r, csv_col(&t, "hosting")), "dedicated") == 0) {
            CU_ASSERT_STRING_EQUAL(csv_cell(&t, r, csv_col(&t, "usd_per_mtok_output")), "");
            CU_ASSERT_STRING_NOT_EQUAL(csv_cell(&t, r, csv_col(&t, "usd_per_mtok_blended")),
                                       "");
            n++;
        }
    }
    CU_ASSERT_TRUE(n > 0);
}

/* Deepinfra has its seat and its machines in the US; a machine of one's own has no operator. */
static void every_option_says_whose_law_and_where(void)
{
    struct plan plan = run("managed.0.provider=deepinfra");
    const char *paths[N_TABLES];
    struct csv_table t;
    struct err err = {0};
    int n = 0;
    CU_ASSERT_TRUE_FATAL(write_all(&plan, paths));
    CU_ASSERT_TRUE_FATAL(csv_load(arena, paths[0], &t, &err));
    for (int r = 0; r < t.n_rows; r++) {
        const char *provider = csv_cell(&t, r, csv_col(&t, "provider"));
        const char *seat = csv_cell(&t, r, csv_col(&t, "seat"));
        const char *hosting = csv_cell(&t, r, csv_col(&t, "hosting"));
        if (strcmp(provider, "deepinfra") == 0) {
            CU_ASSERT_STRING_EQUAL(seat, "US");
            CU_ASSERT_STRING_EQUAL(csv_cell(&t, r, csv_col(&t, "regions")), "US");
            CU_ASSERT_STRING_NOT_EQUAL(csv_cell(&t, r, csv_col(&t, "custom_weights")), "");
            n++;
        }
        CU_ASSERT_TRUE(strcmp(hosting, "own-site") != 0 || seat[0] == '\0');
    }
    CU_ASSERT_TRUE(n > 0);
}

/* Ranked options have a band around their cost, and no other row has one. */
static void every_ranked_option_has_a_band(void)
{
    struct plan plan = run_plain();
    const char *paths[N_TABLES];
    struct csv_table t;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(write_all(&plan, paths));
    CU_ASSERT_TRUE_FATAL(csv_load(arena, paths[0], &t, &err));
    for (int r = 0; r < t.n_rows; r++) {
        static const char *const names[] = {"usd_per_month", "usd_per_mtok_blended"};
        for (int i = 0; i < 2; i++) {
            double lo;
            double middle;
            double hi;
            char col[64];
            snprintf(col, sizeof col, "%s_p10", names[i]);
            csv_number(&t, r, csv_col(&t, col), NAN, &lo, &err);
            snprintf(col, sizeof col, "%s_p50", names[i]);
            csv_number(&t, r, csv_col(&t, col), NAN, &middle, &err);
            snprintf(col, sizeof col, "%s_p90", names[i]);
            csv_number(&t, r, csv_col(&t, col), NAN, &hi, &err);
            bool ranked = strcmp(csv_cell(&t, r, csv_col(&t, "state")), "ranked") == 0;
            CU_ASSERT_TRUE(ranked ? lo < middle && middle < hi : isnan(lo) && isnan(hi));
        }
    }
}

static void candidates_without_an_entry_are_listed_with_a_reason(void)
{
    struct plan plan = run_plain();
    const char *paths[N_TABLES];
    struct csv_table t;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(write_all(&plan, paths));
    CU_ASSERT_TRUE_FATAL(csv_load(arena, paths[0], &t, &err));
    int n = 0;
    for (int r = 0; r < t.n_rows; r++) {
        if (strcmp(csv_cell(&t, r, csv_col(&t, "state")), "bound") == 0) {
            CU_ASSERT_TRUE(csv_cell(&t, r, csv_col(&t, "reason"))[0] != '\0');
            n++;
        }
    }
    CU_ASSERT_TRUE(n >= 1); /* one L4 reads 8 GB in 27 ms */
}

static void the_forecast_has_a_row_per_month(void)
{
    struct plan plan = run_plain();
    const char *paths[N_TABLES];
    struct csv_table t;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(write_all(&plan, paths));
    CU_ASSERT_TRUE_FATAL(csv_load(arena, paths[3], &t, &err));
    CU_ASSERT_EQUAL(t.n_rows, 12);
}

static void threads_change_no_byte(void)
{
    const char *one[N_TABLES];
    const char *two[N_TABLES];
    char *first[N_TABLES];
    struct plan a = run_with(NULL, 0, 1);
    CU_ASSERT_TRUE_FATAL(write_all(&a, one));
    for (int i = 0; i < N_TABLES; i++) {
        first[i] = slurp(one[i]);
    }
    struct plan b = run_with(NULL, 0, 2);
    CU_ASSERT_TRUE_FATAL(write_all(&b, two));
    for (int i = 0; i < N_TABLES; i++) {
        CU_ASSERT_STRING_EQUAL(first[i], slurp(two[i]));
    }
}

int main(void)
{
    arena = arena_new();
    stock = stock_fixture();
    static const struct check_case cases[] = {
        {"entries_are_ranked_by_cost", entries_are_ranked_by_cost},
        {"names_of_entries_are_unique", names_of_entries_are_unique},
        {"labels_say_what_to_get", labels_say_what_to_get},
        {"the_best_system_was_simulated_as_a_fleet", the_best_system_was_simulated_as_a_fleet},
        {"the_fleet_is_for_the_peak", the_fleet_is_for_the_peak},
        {"free_machines_give_self_hosting", free_machines_give_self_hosting},
        {"little_demand_gives_managed", little_demand_gives_managed},
        {"the_margin_asked_for_decides", the_margin_asked_for_decides},
        {"every_flip_in_the_scenario_flips_the_plan",
         every_flip_in_the_scenario_flips_the_plan},
        {"a_given_latency_is_held_against_the_limits",
         a_given_latency_is_held_against_the_limits},
        {"a_limit_nobody_meets_leaves_no_system", a_limit_nobody_meets_leaves_no_system},
        {"nothing_left_is_no_answer", nothing_left_is_no_answer},
        {"every_ranked_option_has_its_cost_over_the_volume",
         every_ranked_option_has_its_cost_over_the_volume},
        {"every_pair_of_options_has_its_crossings", every_pair_of_options_has_its_crossings},
        {"the_table_of_crossings_is_in_order", the_table_of_crossings_is_in_order},
        {"the_front_has_what_no_other_point_beats", the_front_has_what_no_other_point_beats},
        {"less_load_is_faster_for_users_and_does_less",
         less_load_is_faster_for_users_and_does_less},
        {"amounts_are_traceable_to_cost_lines", amounts_are_traceable_to_cost_lines},
        {"an_offer_by_the_hour_has_one_price_for_all_tokens",
         an_offer_by_the_hour_has_one_price_for_all_tokens},
        {"every_option_says_whose_law_and_where", every_option_says_whose_law_and_where},
        {"every_ranked_option_has_a_band", every_ranked_option_has_a_band},
        {"candidates_without_an_entry_are_listed_with_a_reason",
         candidates_without_an_entry_are_listed_with_a_reason},
        {"the_forecast_has_a_row_per_month", the_forecast_has_a_row_per_month},
        {"threads_change_no_byte", threads_change_no_byte},
        {"every_exclusion_is_listed", every_exclusion_is_listed},
        {"a_table_that_cannot_be_written_is_an_error",
         a_table_that_cannot_be_written_is_an_error},
        {"costs_that_never_cross_are_said_to_be_dearer_or_cheaper",
         costs_that_never_cross_are_said_to_be_dearer_or_cheaper},
    };
    int code = check_main("plan", cases, (int)(sizeof cases / sizeof cases[0]));
    arena_free(arena);
    return code;
}
