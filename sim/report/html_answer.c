/* SPDX-License-Identifier: GPL-3.0-or-later */
/* html_answer.c - the top of report.html: the answer in a sentence, what a reader asks next,
 * and the ranked options. */
#include <math.h>
#include <string.h>

#include "sim/plan/decision.h"
#include "sim/report/html_page.h"

enum { SHOWN_ROWS = 16, SHOWN_UNPRICED = 5 };

static struct page_cell plan_cell(int row, const char *col)
{
    return (struct page_cell){PAGE_PLAN, row, col};
}

static bool plan_is(const struct page *p, int row, const char *col, const char *text)
{
    return strcmp(page_get(p, plan_cell(row, col)), text) == 0;
}

static void put(const struct page *p, const char *text)
{
    fputs(text, p->out);
}

static void put_plan(const struct page *p, int row, const char *col, enum page_form form)
{
    page_cell(p, plan_cell(row, col), form);
}

/* With its unit, and in the second currency where there is one. */
static void put_usd(const struct page *p, int row, const char *col, enum page_form form)
{
    put_plan(p, row, col, form);
    put(p, " USD");
    page_eur(p, plan_cell(row, col), form);
}

static void put_decision(const struct page *p, int row, const char *col, enum page_form form)
{
    page_cell(p, page_decision(row, col), form);
}

static bool is_self(const struct page *p, int row)
{
    return plan_is(p, row, "side", "self-hosted");
}

/* ---- the sentence ---------------------------------------------------------------------------
 */

static void put_machines(const struct page *p, int row)
{
    put_plan(p, row, "n_gpus", FORM_COUNT);
    put(p, " ");
    put_plan(p, row, "hardware", FORM_TEXT);
    put(p, " GPUs (");
    put_plan(p, row, "nodes", FORM_COUNT);
    put(p, " × ");
    put_plan(p, row, "node", FORM_TEXT);
    if (page_has(p, plan_cell(row, "pricing"))) {
        put(p, ", ");
        put_plan(p, row, "pricing", FORM_TEXT);
    }
    put(p, ")");
}

static void put_what(const struct page *p, int row)
{
    if (!is_self(p, row)) {
        put(p, "Use ");
        put_plan(p, row, "provider", FORM_TEXT);
        put(p, " for ");
        put_plan(p, row, "model", FORM_TEXT);
        put(p, " (");
        put_plan(p, row, "node", FORM_TEXT);
        put(p, ", ");
        put_plan(p, row, "hosting", FORM_TEXT);
        put(p, ")");
        return;
    }
    bool rented = plan_is(p, row, "hosting", "rented");
    put(p, rented ? "Rent " : "Buy ");
    put_machines(p, row);
    put(p, rented                                    ? ""
           : plan_is(p, row, "hosting", "colocated") ? ", colocate them,"
                                                     : " for a site of your own");
    put(p, " and serve ");
    put_plan(p, row, "model", FORM_TEXT);
    put(p, " on them");
}

/* Of the managed offer, by the scenario. */
static bool managed_latency_given(const struct page *p)
{
    return page_has(p, plan_cell(p->managed, "given_ttft_s")) ||
           page_has(p, plan_cell(p->managed, "given_tpot_s"));
}

/* One side of one model: option in words and cost; nothing when it has none. */
static void put_model_side(const struct page *p, const char *model, const char *item,
                           const char *words)
{
    int row = page_fact(p, "decision", model, item);
    put(p, words);
    if (row < 0 || !page_has(p, page_decision(row, "text"))) {
        put(p, "none");
        return;
    }
    page_words(p, page_decision(row, "text"));
    put(p, ", ");
    put_decision(p, row, "value", FORM_USD);
    put(p, " USD a month");
}

/* The verdict of each of several models; it may differ from that over all of them. */
static void put_models(const struct page *p)
{
    if (p->n_models < 2) {
        return;
    }
    put(p, "<ul id=\"verdicts\">\n");
    for (int row = 0; row < p->n_models; row++) {
        struct page_cell name = {PAGE_MODELS, row, "model"};
        const char *model = page_get(p, name);
        put(p, "<li>");
        page_cell(p, name, FORM_TEXT);
        put(p, ": <strong>");
        put_decision(p, page_fact(p, "decision", model, "side"), "text", FORM_TEXT);
        put(p, "</strong>; ");
        put_model_side(p, model, "self_usd", "best self-hosted ");
        put_model_side(p, model, "managed_usd", "; best managed ");
        put(p, "</li>\n");
    }
    put(p, "</ul>\n");
}

/* What the confidence is of: the samples vary cost, and no sample runs a managed offer. */
static void put_scope(const struct page *p)
{
    put(p, "The verdict and its confidence are about cost");
    if (is_self(p, p->chosen)) {
        put(p, "; these machines are sized to your service levels.");
    } else if (managed_latency_given(p)) {
        put(p, "; the latency of the managed offer is as the scenario gives it.");
    } else {
        put(p, ": whether the managed offer keeps your service levels was not checked, as its "
               "latency is not simulated. Try it before you sign.");
    }
}

static void put_answer(const struct page *p)
{
    int confidence = page_fact(p, "decision", "", "confidence");
    int reason = page_fact(p, "decision", "", "reason");
    put(p, "<div class=\"answer\" id=\"answer\"><p><strong>");
    if (p->chosen < 0) {
        put(p, "No option is left: ");
        put_decision(p, reason, "text", FORM_TEXT);
        put(p, ".</strong></p></div>\n");
        return;
    }
    put_what(p, p->chosen);
    put(p, ":</strong> ");
    put_usd(p, p->chosen, "usd_per_month", FORM_USD);
    put(p, " a month, ");
    put_usd(p, p->chosen, "usd_per_mtok_blended", FORM_SIG);
    put(p, " per million tokens; ");
    put_decision(p, reason, "text", FORM_TEXT);
    put(p, ", confidence in that ");
    put_decision(p, confidence, "text", FORM_TEXT);
    put(p, "<span class=\"screen\"> (<a href=\"#sure\">what that means</a>)</span>");
    put(p, ". ");
    put_scope(p);
    put(p, "</p>\n");
    put_models(p);
    put(p, "</div>\n");
}

/* ---- what a reader asks next ----------------------------------------------------------------
 */

static void fact_open(const struct page *p, const char *term)
{
    put(p, "<dt>");
    page_text(p->out, term);
    put(p, "</dt><dd>");
}

static void fact_close(const struct page *p)
{
    put(p, "</dd>\n");
}

static bool has_band(const struct page *p, int row)
{
    double lo = page_value(p, plan_cell(row, "rps_per_replica_band_lo"));
    return lo < page_value(p, plan_cell(row, "rps_per_replica_band_hi"));
}

static void put_capacity_band(const struct page *p, int row)
{
    if (!has_band(p, row)) {
        put(p, "no prediction band is known");
        return;
    }
    put(p, "80&nbsp;% band ");
    put_plan(p, row, "rps_per_replica_band_lo", FORM_SIG);
    put(p, " to ");
    put_plan(p, row, "rps_per_replica_band_hi", FORM_SIG);
}

static const char *binding_words(const struct page *p, int row)
{
    static const char *const words[][2] = {
        {"TTFT", ", the time to the first token"},
        {"TPOT", ", the time per output token"},
        {"ITL", ", the gap between tokens"},
        {"E2E", ", the time of the whole answer"},
        {"KV memory", ", the memory for the conversations in progress"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (plan_is(p, row, "binding", words[i][0])) {
            return words[i][1];
        }
    }
    return "";
}

static void put_confirmed(const struct page *p, int row)
{
    double part = page_value(p, plan_cell(row, "fleet_simulated"));
    if (part < page_value(p, plan_cell(row, "replicas"))) {
        put(p, " A part of the fleet, ");
        put_plan(p, row, "fleet_simulated", FORM_COUNT);
        put(p, " replicas at their share of the peak, was simulated and met every limit.");
        return;
    }
    put(p, " The whole fleet was simulated at its peak and met every limit.");
}

/* Last month of the forecast that an option is in; -1: none. */
static int last_forecast_row(const struct page *p, int row)
{
    const char *name = page_get(p, plan_cell(row, "option"));
    for (int i = p->tables[PAGE_FORECAST].n_rows - 1; i >= 0; i--) {
        struct page_cell self = {PAGE_FORECAST, i, "self_option"};
        if (strcmp(page_get(p, self), name) == 0) {
            return i;
        }
    }
    return -1;
}

static bool fleet_grows(const struct page *p, int row)
{
    struct page_cell last = {PAGE_FORECAST, last_forecast_row(p, row), "n_gpus"};
    return last.row >= 0 && page_value(p, last) > page_value(p, plan_cell(row, "n_gpus"));
}

static void put_growth(const struct page *p, int row)
{
    int last = last_forecast_row(p, row);
    if (fleet_grows(p, row)) {
        put(p, " With the demand they grow to ");
        page_cell(p, (struct page_cell){PAGE_FORECAST, last, "n_gpus"}, FORM_COUNT);
        put(p, " GPUs in month ");
        page_month(p, (struct page_cell){PAGE_FORECAST, last, "month"});
        put(p, ", the last (the first is month 0).");
    }
}

static void put_count(const struct page *p, int row)
{
    put_plan(p, row, "n_gpus", FORM_COUNT);
    put(p, " GPUs in ");
    put_plan(p, row, "nodes", FORM_COUNT);
    put(p, " × ");
    put_plan(p, row, "node", FORM_TEXT);
    put(p, ": ");
    put_plan(p, row, "replicas", FORM_COUNT);
    bool one = page_value(p, plan_cell(row, "replicas")) == 1;
    put(p, one ? " replica and " : " replicas and ");
    put_plan(p, row, "spares", FORM_COUNT);
    put(p, " spare for a peak of ");
    put_plan(p, row, "peak_rps", FORM_SIG);
    put(p, " requests/s. One replica sustains ");
    put_plan(p, row, "rps_per_replica", FORM_SIG);
    put(p, " requests/s (");
    put_capacity_band(p, row);
    put(p, "); what keeps it from more is ");
    put_plan(p, row, "binding", FORM_TEXT);
    put(p, binding_words(p, row));
    put(p, ". The replicas and spares take ");
    put_plan(p, row, "n_gpus_default", FORM_COUNT);
    put(p, " of the GPUs; it would be ");
    put_plan(p, row, "n_gpus_poisson", FORM_COUNT);
    put(p, " with the lower peak of requests that come independently of each other (Poisson), "
           "and ");
    put_plan(p, row, "n_gpus_bursty", FORM_COUNT);
    put(p, " in the burstiest traffic known.");
    put_growth(p, row);
    if (plan_is(p, row, "fleet_confirmed", "1")) {
        put_confirmed(p, row);
    }
}

static void put_no_machines(const struct page *p)
{
    put(p, "<div>No machines of your own.");
    if (p->chosen >= 0 && page_has(p, plan_cell(p->chosen, "nodes"))) {
        put(p, " The provider runs ");
        put_plan(p, p->chosen, "nodes", FORM_COUNT);
        put(p, " × ");
        put_plan(p, p->chosen, "node", FORM_TEXT);
        if (page_has(p, plan_cell(p->chosen, "n_gpus"))) {
            put(p, " with ");
            put_plan(p, p->chosen, "n_gpus", FORM_COUNT);
            put(p, " GPUs in all");
        }
        put(p, " for you in the first month, paid by the hour.");
    } else if (p->chosen >= 0) {
        put(p, " The provider bills by the token.");
    }
    put(p, "</div>");
}

static void put_how_many(const struct page *p)
{
    fact_open(p, "How many");
    if (p->chosen >= 0 && is_self(p, p->chosen)) {
        put_count(p, p->chosen);
    } else {
        put_no_machines(p);
        if (p->self >= 0) {
            put(p, "<div>The best self-hosted option would be ");
            page_words(p, plan_cell(p->self, "option"));
            put(p, ": ");
            put_count(p, p->self);
            put(p, "</div>");
        }
    }
    fact_close(p);
}

/* An end of the band of a side's cost, "p10" or "p90". */
static struct page_cell band_end(const struct page *p, int row, const char *end)
{
    const char *side = is_self(p, row) ? "self_usd" : "managed_usd";
    const char *item = arena_printf(p->arena, "%s_%s", side, end);
    return page_decision(page_fact(p, "uncertainty", "", item), "value");
}

/* The cost of a month in one currency, with its band in the same. */
static void put_month_in(const struct page *p, int row, const char *currency,
                         void (*put_figure)(const struct page *p, struct page_cell usd,
                                            enum page_form form))
{
    struct page_cell low = band_end(p, row, "p10");
    put_figure(p, plan_cell(row, "usd_per_month"), FORM_USD);
    fprintf(p->out, " %s", currency);
    if (page_has(p, low)) {
        put(p, " (");
        put_figure(p, low, FORM_USD);
        put(p, " to ");
        put_figure(p, band_end(p, row, "p90"), FORM_USD);
        fprintf(p->out, " %s, P10 to P90)", currency);
    }
}

static void put_month(const struct page *p, const char *who, int row)
{
    if (row < 0) {
        return;
    }
    put(p, "<div>");
    page_text(p->out, who);
    put_month_in(p, row, "USD", page_cell);
    if (page_has_eur(p)) {
        put(p, ", which is ");
        put_month_in(p, row, "EUR", page_eur_figure);
    }
    put(p, "; in the first month ");
    put_usd(p, row, "usd_month_0", FORM_USD);
    if (page_value(p, plan_cell(row, "capex_usd")) > 0) {
        put(p, "; purchases of ");
        put_usd(p, row, "capex_usd", FORM_USD);
        put(p, " at the start are in it as depreciation and cost of capital");
        put(p, fleet_grows(p, row) ? ", and so are those of later months" : "");
    }
    put(p, ".</div>");
}

static void put_per_mtok(const struct page *p, const char *who, int row)
{
    if (row < 0) {
        return;
    }
    put(p, "<div>");
    page_text(p->out, who);
    put_usd(p, row, "usd_per_mtok_blended", FORM_SIG);
    put(p, " all together");
    if (page_has(p, plan_cell(row, "usd_per_mtok_input"))) {
        put(p, "; input ");
        put_usd(p, row, "usd_per_mtok_input", FORM_SIG);
        put(p, ", output ");
        put_usd(p, row, "usd_per_mtok_output", FORM_SIG);
    }
    put(p, ".</div>");
}

static struct page_cell cash_cell(const struct page *p, const char *item)
{
    return page_decision(page_fact(p, "cash", p->model, item), "value");
}

static void put_cash_usd(const struct page *p, const char *item)
{
    page_cell(p, cash_cell(p, item), FORM_USD);
    put(p, " USD");
}

/* Why the cash of the chart is not the months times the cost. */
static void put_cash(const struct page *p)
{
    if (p->self < 0 || !(page_value(p, cash_cell(p, "bought")) > 0)) {
        return;
    }
    bool own = plan_is(p, p->self, "hosting", "own-site");
    bool spent = page_value(p, cash_cell(p, "value_left")) < 0;
    fact_open(p, "Purchases and cash");
    put(p, "Self-hosted: purchases over the plan ");
    put_cash_usd(p, "bought");
    put(p, " (");
    page_cell(p, cash_cell(p, "nodes"), FORM_COUNT);
    put(p, page_value(p, cash_cell(p, "nodes")) == 1 ? " machine" : " machines");
    put(p, own ? " and their building). Cash paid at the end " : "). Cash paid at the end ");
    put_cash_usd(p, "cash");
    put(p, " = cost of ");
    page_cell(p, cash_cell(p, "months"), FORM_COUNT);
    put(p, " months ");
    put_cash_usd(p, "cost");
    put(p, spent ? " + value left (negative: the cost has put more aside for replacements "
                   "than was bought) "
           : own ? " + value left in machines and building "
                 : " + value left in machines ");
    put_cash_usd(p, "value_left");
    put(p, " − cost of capital ");
    put_cash_usd(p, "capital");
    put(p, ", which is a cost but is paid to nobody.");
    fact_close(p);
}

static void put_money(const struct page *p)
{
    fact_open(p, "Cost per month");
    put(p,
        "<div class=\"soft\">Mean over the horizon; it decides. With the staff "
        "that runs machines of your own; a managed offer has only the staff that the scenario "
        "puts beside it.</div>");
    put_month(p, "Managed: ", p->managed);
    put_month(p, "Self-hosted: ", p->self);
    fact_close(p);
    put_cash(p);
    fact_open(p, "Cost per million tokens");
    put(p, "<div class=\"soft\">The cost per month over the tokens of a month, both means over "
           "the horizon.</div>");
    put_per_mtok(p, "Managed: ", p->managed);
    put_per_mtok(p, "Self-hosted: ", p->self);
    fact_close(p);
}

/* The next crossing of an option to a side above a volume, against any offer or, not NULL, that
 * one; -1: none that was searched. */
static int crossing_above(const struct page *p, const char *option, const char *against,
                          double volume, const char *to)
{
    const enum page_table t = PAGE_CROSSINGS;
    int best = -1;
    for (int row = 0; row < p->tables[t].n_rows; row++) {
        struct page_cell at = {t, row, "requests_per_day"};
        const char *offer = page_get(p, (struct page_cell){t, row, "against"});
        if (strcmp(page_get(p, (struct page_cell){t, row, "option"}), option) == 0 &&
            (!against || strcmp(offer, against) == 0) &&
            strcmp(page_get(p, (struct page_cell){t, row, "to"}), to) == 0 &&
            strcmp(page_get(p, (struct page_cell){t, row, "kind"}), "end") != 0 &&
            page_value(p, at) > volume * (1.0 + 1e-9) &&
            (best < 0 ||
             page_value(p, at) < page_value(p, (struct page_cell){t, best, at.col}))) {
            best = row;
        }
    }
    return best;
}

static void switch_open(const struct page *p, const char *what)
{
    page_row_open(p);
    page_td(p, what, false, true);
    put(p, what);
    page_td_close(p, true);
    page_td(p, what, false, false);
}

static void switch_next(const struct page *p)
{
    page_td_close(p, false);
    page_td(p, "", false, false);
}

static void switch_close(const struct page *p)
{
    page_td_close(p, false);
    page_row_close(p);
}

static void put_in_month(const struct page *p, struct page_cell month)
{
    int last = p->tables[PAGE_FORECAST].n_rows - 1;
    double value = page_value(p, month);
    struct page_cell end = {PAGE_FORECAST, last, "month"};
    if (value <= page_value(p, end)) {
        put(p, value < 1 ? "already in month " : "in month ");
        page_month(p, month);
        return;
    }
    put(p, "not by month ");
    page_month(p, end);
    put(p, ", the last");
}

/* By cost alone: any self-hosted option against every offer. */
static void put_parity(const struct page *p, int win)
{
    switch_open(p, "Self-hosting first costs less, in that one month");
    if (win < 0) {
        put(p, "none up to ");
        put_decision(p, page_fact(p, "breakeven", "", "searched_to"), "value", FORM_COUNT);
        switch_next(p);
        put(p, "–");
    } else {
        put(p, "from ");
        put_decision(p, win, "value", FORM_COUNT);
        switch_next(p);
        put_in_month(p,
                     page_decision(page_fact(p, "breakeven", "", "first_win_month"), "value"));
    }
    switch_close(p);
}

/* Steps of whole machines may make a managed offer cheaper once more. */
static void put_lost_again(const struct page *p, int win)
{
    const enum page_table t = PAGE_CROSSINGS;
    const char *option = page_get(p, page_decision(win, "text"));
    int lost =
        crossing_above(p, option, NULL, page_value(p, page_decision(win, "value")), "managed");
    switch_open(p, "Lost again, since machines are bought whole");
    if (win < 0 || lost < 0) {
        put(p, win < 0 ? "–" : "at no larger volume searched");
        switch_next(p);
        put(p, "–");
        switch_close(p);
        return;
    }
    struct page_cell from = {t, lost, "requests_per_day"};
    struct page_cell offer = {t, lost, "against"};
    put(p, "from ");
    page_cell(p, from, FORM_COUNT);
    int won = crossing_above(p, option, page_get(p, offer), page_value(p, from), "self-hosted");
    if (won >= 0) {
        put(p, " to ");
        page_cell(p, (struct page_cell){t, won, "requests_per_day"}, FORM_COUNT);
    }
    put(p, ", to ");
    page_words(p, offer);
    switch_next(p);
    put_in_month(p, (struct page_cell){t, lost, "month"});
    switch_close(p);
}

/* The volume among the flips: margin and confidence are in it, and the growth after it. */
static void put_switching_volume(const struct page *p)
{
    int flip = page_fact(p, "flip", "", "volume of the first month");
    int ratio = page_fact(p, "demand", "", "mean_over_first");
    switch_open(p, "Starting volume that switches the decision");
    if (flip < 0) {
        put(p, "none in its sensible range");
        switch_next(p);
        put(p, "–");
    } else {
        bool upward = strstr(page_get(p, page_decision(flip, "text")), " exceeds ") != NULL;
        put(p, upward ? "above " : "below ");
        put_decision(p, flip, "value", FORM_COUNT);
        switch_next(p);
        put(p, "in month 0; on average over the plan ");
        put_decision(p, ratio, "value", FORM_SIG);
        put(p, " times that");
    }
    switch_close(p);
}

static void put_switches(const struct page *p, int win)
{
    static const struct page_column columns[] = {
        {"Volume at which the sides change", NULL, false},
        {"Requests a day", NULL, false},
        {"When the forecast is there", NULL, false}};
    page_table_open(p, "t-switches", "Break-even, by volume and by date", columns,
                    (int)(sizeof columns / sizeof *columns));
    put_parity(p, win);
    put_lost_again(p, win);
    put_switching_volume(p);
    page_table_close(p);
}

/* Of any option against every offer, by cost alone. */
static void put_first_win(const struct page *p, int win)
{
    int tokens = page_fact(p, "breakeven", "", "first_win_tok_per_day");
    put(p, "By cost alone, from ");
    put_decision(p, win, "value", FORM_COUNT);
    put(p, " requests a day (");
    put_decision(p, tokens, "value", FORM_SHORT);
    put(p, " tokens a day) on: there ");
    page_words(p, page_decision(win, "text"));
    put(p, " is the first self-hosted option to cost less than every managed offer.");
}

static void put_no_win(const struct page *p)
{
    int searched = page_fact(p, "breakeven", "", "searched_to");
    put(p, "By cost alone, at no volume searched (up to ");
    put_decision(p, searched, "value", FORM_COUNT);
    put(p, " requests a day): every self-hosted option costs more than the cheapest managed "
           "offer.");
}

/* The two lines of the chart, where theirs is another crossing. */
static void put_pair_crossing(const struct page *p, int win)
{
    int first = page_fact(p, "breakeven", "", "first_crossing");
    double at = page_value(p, page_decision(first, "value"));
    if (first >= 0 && fabs(page_value(p, page_decision(win, "value")) / at - 1) > 1e-3) {
        put(p, " The two options of the chart, the cheapest of each side at the demand that is "
               "forecast, cross first at ");
        put_decision(p, first, "value", FORM_COUNT);
        put(p, " requests a day.");
    }
}

/* A break-even is of one month, a flip of the first: what the growth makes of it. */
static void put_volumes(const struct page *p)
{
    int first = page_fact(p, "demand", "", "first_month");
    int mean = page_fact(p, "demand", "", "mean");
    int last = page_fact(p, "demand", "", "last_month");
    int ratio = page_fact(p, "demand", "", "mean_over_first");
    if (page_value(p, page_decision(ratio, "value")) == 1) {
        put(p,
            "<div class=\"soft\">Volumes: the demand does not grow, so every month has the ");
        put_decision(p, first, "value", FORM_COUNT);
        put(p, " requests a day of the first.</div>");
        return;
    }
    put(p, "<div class=\"soft\">Volumes: those above are of a single month. The demand of this "
           "plan is ");
    put_decision(p, first, "value", FORM_COUNT);
    put(p, " requests a day in the first month, ");
    put_decision(p, mean, "value", FORM_COUNT);
    put(p, " on average over the plan and ");
    put_decision(p, last, "value", FORM_COUNT);
    put(p, " in the last. A volume under What would change the answer is that of the first "
           "month, which then grows alike: on average over the plan it is ");
    put_decision(p, ratio, "value", FORM_SIG);
    put(p, " times that.</div>");
}

static void put_when(const struct page *p)
{
    int win = page_fact(p, "breakeven", "", "first_win");
    fact_open(p, "When self-hosting beats the managed API");
    if (p->self < 0 || p->managed < 0) {
        put(p, "Only one side has an option, so there is nothing to compare.");
        fact_close(p);
        return;
    }
    put_switches(p, win);
    if (win >= 0) {
        put_first_win(p, win);
        put_pair_crossing(p, win);
    } else {
        put_no_win(p);
    }
    put(p, " To be chosen, self-hosting must win by more than that: at least ");
    put_decision(p, page_fact(p, "decision", "", "margin_frac"), "value", FORM_FRAC);
    put(p, " cheaper over the horizon in ");
    put_decision(p, page_fact(p, "decision", "", "confidence_frac"), "value", FORM_FRAC);
    put(p, " of the samples, which is what the values under What would change the answer are "
           "for.");
    put_volumes(p);
    fact_close(p);
}

static const char *evidence_words(const struct page *p, int row)
{
    static const char *const words[][2] = {
        {"none",
         " (nothing of the kind was measured, so confidence is low whatever the samples say)"},
        {"same SKU only", " (of other models on the same GPU)"},
        {"same family", " (of models of its family on the same GPU)"},
        {"measured", " (of this system itself)"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (plan_is(p, row, "evidence", words[i][0])) {
            return words[i][1];
        }
    }
    return "";
}

static void put_given(const struct page *p, const char *col, const char *words)
{
    if (page_has(p, plan_cell(p->managed, col))) {
        put(p, words);
        put_plan(p, p->managed, col, FORM_SIG);
        put(p, " s");
    }
}

/* An offer over a limit would have been left out. */
static void put_managed_latency(const struct page *p)
{
    if (p->managed < 0) {
        return;
    }
    if (!managed_latency_given(p)) {
        put(p, " The service levels of the managed offer were not checked: its latency is "
               "not simulated, so that is not in the confidence.");
        return;
    }
    put(p, " The managed offer's latency is as the scenario gives it, within your limits:");
    put_given(p, "given_ttft_s", " first token ");
    put_given(p, "given_tpot_s", " each further token ");
    put(p, ".");
}

/* One idea in three figures: the samples, the rule on them, how clear they are. */
static void put_rule(const struct page *p, int wins)
{
    put(p, ". The plan is computed again and again with growth, prices, capacity and failures "
           "drawn from their ranges: the samples. Self-hosting is chosen when it is at least ");
    put_decision(p, page_fact(p, "decision", "", "margin_frac"), "value", FORM_FRAC);
    put(p, " cheaper in at least ");
    put_decision(p, page_fact(p, "decision", "", "confidence_frac"), "value", FORM_FRAC);
    put(p, " of them; here it is in ");
    put_decision(p, wins, "value", FORM_FRAC);
    fprintf(p->out,
            ". Confidence says how many samples agree with the choice: high from %.0f&nbsp;%% "
            "on, medium from %.0f&nbsp;%%, else low; and low whenever nothing like the system "
            "was measured",
            100 * DECISION_HIGH, 100 * DECISION_CONFIDENCE);
}

static void put_how_sure(const struct page *p)
{
    int wins = page_fact(p, "decision", "", "wins_frac");
    fact_open(p, "How sure");
    put(p, "<span id=\"sure\">Confidence in the comparison of cost ");
    put_decision(p, page_fact(p, "decision", "", "confidence"), "text", FORM_TEXT);
    put(p, "</span>");
    if (wins >= 0 && page_has(p, page_decision(wins, "value"))) {
        put_rule(p, wins);
    }
    put(p, ".");
    if (p->self >= 0) {
        put(p, " Measurements behind the self-hosted system: ");
        put_plan(p, p->self, "evidence", FORM_TEXT);
        put(p, evidence_words(p, p->self));
        put(p, ".");
    }
    put_managed_latency(p);
    fact_close(p);
}

/* Why less capacity can speak for machines of one's own. */
static void put_shared_inputs(const struct page *p)
{
    if (p->managed >= 0 && page_has(p, plan_cell(p->managed, "nodes"))) {
        put(p,
            "The units of the managed offer are counted with the same capacity, utilisation, "
            "peak and burstiness as machines of your own, so a change of these moves both "
            "sides, and the answer goes to whichever then needs the fewer steps.");
    }
}

/* What a reader may still wonder about. */
static void put_firm(const struct page *p)
{
    int row = page_next(p, "no_flip", "", -1);
    if (row < 0) {
        return;
    }
    put(p,
        "<div class=\"soft\">Within its sensible range, down to nothing where that is one, no "
        "value of these changes it alone: ");
    for (bool first = true; row >= 0; row = page_next(p, "no_flip", "", row)) {
        put(p, first ? "" : "; ");
        first = false;
        put_decision(p, row, "item", FORM_TEXT);
        put(p, " (now ");
        const char *unit = page_get(p, page_decision(row, "unit"));
        put_decision(p, row, "value", page_unit_form(unit));
        if (strcmp(unit, "fraction") != 0 && strcmp(unit, "ratio") != 0) {
            put(p, " ");
            put_decision(p, row, "unit", FORM_TEXT);
        }
        put(p, ")");
    }
    put(p, ".</div>");
}

static void put_flips(const struct page *p)
{
    int row = page_next(p, "flip", "", -1);
    fact_open(p, "What would change the answer");
    if (row < 0) {
        put(p, "No single input within its sensible range.");
    } else {
        put(p, "One input at a time, every option compared anew:<ul class=\"flips\">");
        for (; row >= 0; row = page_next(p, "flip", "", row)) {
            put(p, "<li>");
            put_decision(p, row, "text", FORM_TEXT);
            put(p, "</li>");
        }
        put(p, "</ul>");
        put_shared_inputs(p);
    }
    put_firm(p);
    fact_close(p);
}

static void put_runner_up(const struct page *p)
{
    int row = page_fact(p, "decision", "", "runner_up");
    if (row >= 0 && page_has(p, page_decision(row, "value"))) {
        fact_open(p, "Runner-up");
        page_words(p, page_decision(row, "text"));
        put(p, ", ");
        put_decision(p, row, "value", FORM_USD);
        put(p, " USD a month");
        fact_close(p);
    }
}

/* The chosen model among several: what the next ones cost more. */
static void put_which_model(const struct page *p)
{
    if (p->n_models < 2 || p->chosen < 0) {
        return;
    }
    fact_open(p, "Which model");
    put_plan(p, p->chosen, "model", FORM_TEXT);
    bool cheapest = strcmp(page_get(p, (struct page_cell){PAGE_MODELS, 0, "model"}),
                           page_get(p, plan_cell(p->chosen, "model"))) == 0;
    put(p, cheapest
               ? " has the cheapest option that is left; whether it is good enough is for you "
                 "to judge.<ul class=\"flips\">"
               : " has the option that was chosen.<ul class=\"flips\">");
    for (int row = 0; row < p->n_models; row++) {
        struct page_cell premium = {PAGE_MODELS, row, "premium_usd_per_month"};
        if (!page_has(p, premium)) {
            continue;
        }
        put(p, "<li>");
        page_cell(p, (struct page_cell){PAGE_MODELS, row, "model"}, FORM_TEXT);
        put(p, ": ");
        page_words(p, (struct page_cell){PAGE_MODELS, row, "option"});
        put(p, " for ");
        page_cell(p, (struct page_cell){PAGE_MODELS, row, "usd_per_month"}, FORM_USD);
        put(p, " USD a month, ");
        page_cell(p, premium, FORM_USD);
        put(p, " (");
        page_cell(p, (struct page_cell){PAGE_MODELS, row, "gain_needed_frac"}, FORM_FRAC);
        put(p, ") more than ");
        page_cell(p, (struct page_cell){PAGE_MODELS, row, "over"}, FORM_TEXT);
        put(p, "; ");
        page_cell(p, (struct page_cell){PAGE_MODELS, row, "verdict"}, FORM_TEXT);
        put(p, "</li>");
    }
    put(p, "</ul>");
    fact_close(p);
}

static int count_ranked(const struct page *p)
{
    int n = 0;
    for (int row = 0; row < p->tables[PAGE_PLAN].n_rows; row++) {
        n += page_has(p, plan_cell(row, "rank"));
    }
    return n;
}

static int count_state(const struct page *p, const char *state)
{
    int n = 0;
    for (int row = 0; row < p->tables[PAGE_PLAN].n_rows; row++) {
        n += plan_is(p, row, "state", state);
    }
    return n;
}

/* Managed offers without a price, by name: somebody will ask for them. */
static void put_unpriced(const struct page *p)
{
    int shown = 0;
    put(p, "<ul class=\"flips\">");
    for (int row = 0; row < p->tables[PAGE_PLAN].n_rows && shown < SHOWN_UNPRICED; row++) {
        if (plan_is(p, row, "state", "unpriced")) {
            put(p, "<li>");
            page_words(p, plan_cell(row, "option"));
            put(p, "; ");
            put_plan(p, row, "reason", FORM_TEXT);
            put(p, "</li>");
            shown++;
        }
    }
    put(p, "</ul>");
}

/* What was asked for and nobody there sells. */
static void put_not_offered(const struct page *p, int gap)
{
    put(p, "<ul class=\"flips\">");
    for (; gap >= 0; gap = page_next(p, "gap", NULL, gap)) {
        put(p, "<li>");
        put_decision(p, gap, "item", FORM_TEXT);
        put(p, " ");
        put_decision(p, gap, "model", FORM_TEXT);
        put(p, ": ");
        put_decision(p, gap, "text", FORM_TEXT);
        put(p, "</li>");
    }
    put(p, "</ul>");
}

static bool any_too_slow(const struct page *p)
{
    for (int row = 0; row < p->tables[PAGE_PLAN].n_rows; row++) {
        if (strncmp(page_get(p, plan_cell(row, "reason")), "service level:", 14) == 0) {
            return true;
        }
    }
    return false;
}

static void put_left_out(const struct page *p)
{
    int unranked = p->tables[PAGE_PLAN].n_rows - count_ranked(p);
    int excluded = count_state(p, "excluded");
    int unpriced = count_state(p, "unpriced");
    int gap = page_next(p, "gap", NULL, -1);
    if (unranked == 0 && gap < 0) {
        return;
    }
    fact_open(p, "Not considered");
    fprintf(p->out,
            "%d option%s without a rank, <a href=\"#h-excluded\">counted by reason</a>. ",
            unranked, unranked == 1 ? " or system" : "s and systems");
    if (excluded > 0) {
        fprintf(p->out, "Of these the policy%s excludes %d. ",
                any_too_slow(p) ? " or a given latency" : "", excluded);
    }
    if (unpriced > 0) {
        fprintf(p->out, "%d %s no price at this volume:", unpriced,
                unpriced == 1 ? "has" : "have");
        put_unpriced(p);
    }
    if (gap >= 0) {
        put_not_offered(p, gap);
    }
    fact_close(p);
}

static void put_facts(const struct page *p)
{
    put(p, "<dl class=\"facts\">\n");
    if (p->chosen >= 0) {
        fact_open(p, "What");
        page_words(p, plan_cell(p->chosen, "option"));
        put(p, " <small class=\"soft\">in the tables: ");
        put_plan(p, p->chosen, "option", FORM_TEXT);
        put(p, "</small>");
        fact_close(p);
    }
    put_which_model(p);
    put_how_many(p);
    put_money(p);
    put_when(p);
    put_how_sure(p);
    put_flips(p);
    put_runner_up(p);
    put_left_out(p);
    put(p, "</dl>\n");
}

void page_answer(const struct page *p)
{
    put_answer(p);
    put_facts(p);
}

/* ---- ranked options -------------------------------------------------------------------------
 */

static const struct page_column rank_columns[] = {
    {"Rank", NULL, true},
    {"Option", NULL, false},
    {"GPUs", "paid for", true},
    {"Replicas", "+ spares, or provider's units", true},
    {"Cost", "USD/month (P10 to P90)", true},
    {"First month", "USD", true},
    {"All tokens", "USD/Mtok", true},
    {"Input", "USD/Mtok", true},
    {"Output", "USD/Mtok", true},
    {"Up front", "USD", true},
    {"Capacity", "requests/s per replica (80 % band)", true},
    {"Bound by", NULL, false},
    {"Availability", "with spares", true},
    {"Evidence", NULL, false},
};

static void put_name(const struct page *p, int row)
{
    page_td(p, page_get(p, plan_cell(row, "option")), false, true);
    page_words(p, plan_cell(row, "option"));
    put(p, "<br><small>");
    if (page_has(p, plan_cell(row, "seat"))) {
        put(p, "operator in ");
        put_plan(p, row, "seat", FORM_TEXT);
        put(p, "; ");
    }
    put(p, "in the tables: ");
    put_plan(p, row, "option", FORM_TEXT);
    put(p, "</small>");
    page_td_close(p, true);
}

/* Of an offer by the hour, the units that the provider runs. */
static void put_replicas(const struct page *p, int row)
{
    const char *col = is_self(p, row) ? "replicas" : "nodes";
    page_td(p, page_get(p, plan_cell(row, col)), true, false);
    put_plan(p, row, col, FORM_COUNT);
    if (page_value(p, plan_cell(row, "spares")) > 0) {
        put(p, " + ");
        put_plan(p, row, "spares", FORM_COUNT);
    }
    if (!is_self(p, row) && page_has(p, plan_cell(row, col))) {
        put(p, page_value(p, plan_cell(row, col)) == 1 ? " unit" : " units");
    }
    page_td_close(p, false);
}

static void put_cost(const struct page *p, int row)
{
    page_td(p, page_get(p, plan_cell(row, "usd_per_month")), true, false);
    put_plan(p, row, "usd_per_month", FORM_USD);
    if (page_has(p, plan_cell(row, "usd_per_month_p10"))) {
        put(p, "<br><small>");
        put_plan(p, row, "usd_per_month_p10", FORM_USD);
        put(p, " to ");
        put_plan(p, row, "usd_per_month_p90", FORM_USD);
        put(p, "</small>");
    }
    page_td_close(p, false);
}

static void put_capacity(const struct page *p, int row)
{
    page_td(p, page_get(p, plan_cell(row, "rps_per_replica")), true, false);
    put_plan(p, row, "rps_per_replica", FORM_SIG);
    if (has_band(p, row)) {
        put(p, "<br><small>");
        put_plan(p, row, "rps_per_replica_band_lo", FORM_SIG);
        put(p, " to ");
        put_plan(p, row, "rps_per_replica_band_hi", FORM_SIG);
        put(p, "</small>");
    }
    page_td_close(p, false);
}

static void put_ranked(const struct page *p, int row)
{
    put(p, row == p->chosen ? "<tr class=\"chosen\">" : "<tr>");
    page_td_cell(p, plan_cell(row, "rank"), FORM_COUNT);
    put_name(p, row);
    page_td_cell(p, plan_cell(row, "n_gpus"), FORM_COUNT);
    put_replicas(p, row);
    put_cost(p, row);
    page_td_cell(p, plan_cell(row, "usd_month_0"), FORM_USD);
    page_td_cell(p, plan_cell(row, "usd_per_mtok_blended"), FORM_SIG);
    page_td_cell(p, plan_cell(row, "usd_per_mtok_input"), FORM_SIG);
    page_td_cell(p, plan_cell(row, "usd_per_mtok_output"), FORM_SIG);
    page_td_cell(p, plan_cell(row, "capex_usd"), FORM_USD);
    put_capacity(p, row);
    page_td_cell(p, plan_cell(row, "binding"), FORM_TEXT);
    page_td_cell(p, plan_cell(row, "availability_frac"), FORM_FRAC);
    page_td_cell(p, plan_cell(row, "evidence"), FORM_TEXT);
    page_row_close(p);
}

/* Does an earlier, so cheaper, ranked row have the same cell? */
static bool has_before(const struct page *p, int row, const char *col)
{
    const char *text = page_get(p, plan_cell(row, col));
    for (int i = 0; i < row; i++) {
        if (page_has(p, plan_cell(i, "rank")) && plan_is(p, i, col, text)) {
            return true;
        }
    }
    return false;
}

static bool is_named_provider(const struct page *p, int row)
{
    const struct scenario *sc = p->report->scenario;
    for (int i = 0; i < sc->n_managed; i++) {
        if (plan_is(p, row, "provider", sc->managed[i].provider)) {
            return true;
        }
    }
    return false;
}

/* What is asked for is shown however dear: the best of each model and named provider. */
static bool is_shown(const struct page *p, int row)
{
    return page_value(p, plan_cell(row, "rank")) <= SHOWN_ROWS || row == p->chosen ||
           row == p->self || row == p->managed || !has_before(p, row, "model") ||
           (is_named_provider(p, row) && !has_before(p, row, "provider"));
}

/* The ranked rows that are shown, or the others. */
static void put_ranks(const struct page *p, bool shown, const char *id, const char *caption)
{
    int n_columns = (int)(sizeof rank_columns / sizeof *rank_columns);
    page_table_open(p, id, caption, rank_columns, n_columns);
    for (int row = 0; row < p->tables[PAGE_PLAN].n_rows; row++) {
        if (page_has(p, plan_cell(row, "rank")) && is_shown(p, row) == shown) {
            put_ranked(p, row);
        }
    }
    page_table_close(p);
}

void page_ranking(const struct page *p)
{
    int n = count_ranked(p);
    int more = 0;
    for (int row = 0; row < p->tables[PAGE_PLAN].n_rows; row++) {
        more += page_has(p, plan_cell(row, "rank")) && !is_shown(p, row);
    }
    put(p, "<section aria-labelledby=\"h-ranking\">\n<h2 id=\"h-ranking\">Ranked options</h2>\n"
           "<p class=\"soft\">By the mean cost per month over the horizon, with the staff that "
           "runs machines of your own.");
    if (more > 0) {
        fprintf(p->out,
                " The first %d of %d, then the best option of each further model and of each "
                "managed provider that the scenario names; all %d are in plan.csv.",
                SHOWN_ROWS, n, n);
    } else {
        fprintf(p->out, " All %d.", n);
    }
    put(p, "<span class=\"screen\"> A heading sorts by its column.</span></p>\n");
    put_ranks(p, true, "t-ranking", "Options that are allowed and have a price");
    if (more > 0) {
        fprintf(p->out, "<details><summary>%d dearer options</summary>\n", more);
        put_ranks(p, false, "t-ranking-more", "Dearer options");
        put(p, "</details>\n");
    }
    put(p, "</section>\n");
}
