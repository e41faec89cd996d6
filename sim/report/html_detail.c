/* SPDX-License-Identifier: GPL-3.0-or-later */
/* html_detail.c - what stands behind the answer in report.html: error bands, costs with their
 * sources, the scenario, what was left out and why, the figures of the charts. */
#include <math.h>
#include <string.h>

#include "sim/report/html_page.h"

#define COLUMNS(c) (c), (int)(sizeof(c) / sizeof(c)[0])

static void put(const struct page *p, const char *text)
{
    fputs(text, p->out);
}

static bool is(const struct page *p, struct page_cell c, const char *text)
{
    return strcmp(page_get(p, c), text) == 0;
}

static void section_open(const struct page *p, const char *id, const char *title)
{
    fprintf(p->out, "<section aria-labelledby=\"h-%s\">\n<h2 id=\"h-%s\">", id, id);
    page_text(p->out, title);
    put(p, "</h2>\n");
}

static void section_close(const struct page *p)
{
    put(p, "</section>\n");
}

/* A cell with a text of this program, its own sort key. */
static void td_words(const struct page *p, const char *words, bool row_header)
{
    page_td(p, words, false, row_header);
    page_text(p->out, words);
    page_td_close(p, row_header);
}

/* A text cell that names its row, or a wide one. */
static void td_header(const struct page *p, struct page_cell c)
{
    page_td(p, page_get(p, c), false, true);
    page_cell(p, c, FORM_TEXT);
    page_td_close(p, true);
}

/* An option in words, sorted by its name. */
static void td_option(const struct page *p, struct page_cell c, bool row_header)
{
    page_td(p, page_get(p, c), false, row_header);
    page_words(p, c);
    page_td_close(p, row_header);
}

static struct page_cell at(enum page_table table, int row, const char *col)
{
    return (struct page_cell){table, row, col};
}

/* ---- error bands ----------------------------------------------------------------------------
 */

static void put_quantiles(const struct page *p, const char *name, const char *words,
                          const char *unit)
{
    static const char *const ends[] = {"p10", "p50", "p90"};
    page_row_open(p);
    page_td(p, words, false, true);
    page_text(p->out, words);
    put(p, " <small>");
    page_text(p->out, unit);
    put(p, "</small>");
    page_td_close(p, true);
    for (int i = 0; i < 3; i++) {
        int row =
            page_fact(p, "uncertainty", "", arena_printf(p->arena, "%s_%s", name, ends[i]));
        page_td_cell(p, page_decision(row, "value"), FORM_USD);
    }
    page_row_close(p);
}

static void put_inputs(const struct page *p)
{
    static const struct page_column columns[] = {
        {"Input", NULL, false},
        {"Low", "P10", true},
        {"As planned", NULL, true},
        {"High", "P90", true},
        {"Difference at low", "USD/month", true},
        {"As planned", "USD/month", true},
        {"Difference at high", "USD/month", true},
        {"Total effect", "of the variance", true},
        {"Range from", NULL, false},
        {"Grade", NULL, false},
    };
    page_table_open(p, "t-inputs", "Self-hosted minus managed cost, one input at a time",
                    COLUMNS(columns));
    for (int row = 0; row < p->tables[PAGE_SENSITIVITY].n_rows; row++) {
        if (!is(p, at(PAGE_SENSITIVITY, row, "model"), p->model)) {
            continue;
        }
        page_row_open(p);
        page_td(p, page_get(p, at(PAGE_SENSITIVITY, row, "input")), false, true);
        page_cell(p, at(PAGE_SENSITIVITY, row, "input"), FORM_TEXT);
        put(p, " <small>");
        page_cell(p, at(PAGE_SENSITIVITY, row, "unit"), FORM_TEXT);
        put(p, "</small>");
        page_td_close(p, true);
        enum page_form form = page_unit_form(page_get(p, at(PAGE_SENSITIVITY, row, "unit")));
        page_td_cell(p, at(PAGE_SENSITIVITY, row, "low"), form);
        page_td_cell(p, at(PAGE_SENSITIVITY, row, "value"), form);
        page_td_cell(p, at(PAGE_SENSITIVITY, row, "high"), form);
        page_td_cell(p, at(PAGE_SENSITIVITY, row, "usd_low"), FORM_USD);
        page_td_cell(p, at(PAGE_SENSITIVITY, row, "usd_base"), FORM_USD);
        page_td_cell(p, at(PAGE_SENSITIVITY, row, "usd_high"), FORM_USD);
        page_td_cell(p, at(PAGE_SENSITIVITY, row, "total_effect_frac"), FORM_FRAC);
        page_td_cell(p, at(PAGE_SENSITIVITY, row, "source"), FORM_TEXT);
        td_words(p, is(p, at(PAGE_SENSITIVITY, row, "assumed"), "1") ? "assumed" : "sourced",
                 false);
        page_row_close(p);
    }
    page_table_close(p);
}

void page_uncertainty(const struct page *p)
{
    static const struct page_column columns[] = {{"Quantity", NULL, false},
                                                 {"P10", NULL, true},
                                                 {"P50", NULL, true},
                                                 {"P90", NULL, true}};
    if (page_next(p, "uncertainty", "", -1) < 0) {
        return;
    }
    int crosses = page_fact(p, "uncertainty", "", "crosses_frac");
    section_open(p, "bands", "How sure: error bands");
    put(p, "<p>Monte-Carlo over the prediction band, growth, prices, utilisation and failure "
           "rates. One sample in ten lies below P10, one in ten above P90.</p>\n");
    page_table_open(p, "t-bands", "Bands of the two options compared", COLUMNS(columns));
    put_quantiles(p, "self_usd", "Self-hosted", "USD/month, mean over the horizon");
    put_quantiles(p, "managed_usd", "Managed", "USD/month, mean over the horizon");
    put_quantiles(p, "ratio", "Self-hosted over managed", "ratio of cost");
    put_quantiles(p, "n_gpus", "GPUs", "at the end of the horizon");
    if (page_value(p, page_decision(crosses, "value")) > 0) {
        put_quantiles(p, "crossing_month", "Month from which self-hosting stays cheaper",
                      "over the samples in which it does");
    }
    page_table_close(p);
    put(p, "<p>Self-hosting gets cheaper, by however little, and stays so until the end of the "
           "horizon in ");
    page_cell(p, page_decision(crosses, "value"), FORM_FRAC);
    put(p, " of the samples.</p>\n");
    page_figure(p, "tornado", "What changes the comparison most",
                "Each bar moves one input from its P10 to its P90 and leaves the others as "
                "planned; the table below has the figures.",
                PAGE_SENSITIVITY);
    put_inputs(p);
    section_close(p);
}

/* ---- assumptions ----------------------------------------------------------------------------
 */

/* A web address at the start becomes a link; a link fetches nothing by itself. */
static void put_source(const struct page *p, struct page_cell c)
{
    const char *text = page_get(p, c);
    size_t n = strcspn(text, " ");
    page_td(p, text, false, false);
    if (strncmp(text, "https://", 8) == 0) {
        char *url = arena_strndup(p->arena, text, n);
        put(p, "<a rel=\"noreferrer noopener\" href=\"");
        page_text(p->out, url);
        put(p, "\">");
        page_cell(p, c, FORM_TEXT);
        put(p, "</a>");
    } else {
        page_cell(p, c, FORM_TEXT);
    }
    page_td_close(p, false);
}

static const char *grade_of(const struct page *p, int row)
{
    if (is(p, at(PAGE_COSTS, row, "given"), "1")) {
        return "given by the scenario";
    }
    if (is(p, at(PAGE_COSTS, row, "estimated"), "1")) {
        return is(p, at(PAGE_COSTS, row, "stale"), "1") ? "estimate, over 180 days old"
                                                        : "estimate";
    }
    return is(p, at(PAGE_COSTS, row, "stale"), "1") ? "sourced, over 180 days old" : "sourced";
}

static void put_cost_row(const struct page *p, int row)
{
    bool once = is(p, at(PAGE_COSTS, row, "section"), "once");
    page_row_open(p);
    td_header(p, at(PAGE_COSTS, row, "item"));
    td_words(p, once ? "once" : "per month", false);
    page_td_cell(p, at(PAGE_COSTS, row, "usd"), FORM_USD);
    page_td(p, page_get(p, at(PAGE_COSTS, row, "quantity")), true, false);
    page_cell(p, at(PAGE_COSTS, row, "quantity"), FORM_USD);
    put(p, " ");
    page_cell(p, at(PAGE_COSTS, row, "unit"), FORM_TEXT);
    if (page_has(p, at(PAGE_COSTS, row, "dbu"))) {
        put(p, "<br><small>");
        page_cell(p, at(PAGE_COSTS, row, "dbu"), FORM_USD);
        put(p, " DBU</small>");
    }
    page_td_close(p, false);
    page_td_cell(p, at(PAGE_COSTS, row, "unit_usd"), FORM_USD);
    put_source(p, at(PAGE_COSTS, row, "source"));
    page_td_cell(p, at(PAGE_COSTS, row, "as_of"), FORM_TEXT);
    td_words(p, grade_of(p, row), false);
    page_row_close(p);
}

static void put_costs(const struct page *p, const char *id, int option)
{
    static const struct page_column columns[] = {
        {"Item", NULL, false},    {"Paid", NULL, false},       {"Amount", "USD", true},
        {"Quantity", NULL, true}, {"Unit price", "USD", true}, {"Source", NULL, false},
        {"As of", NULL, false},   {"Grade", NULL, false},
    };
    const char *name = page_get(p, at(PAGE_PLAN, option, "option"));
    if (option < 0) {
        return;
    }
    const char *label = page_get(p, at(PAGE_PLAN, option, "label"));
    page_table_open(p, id, arena_printf(p->arena, "First month of %s", *label ? label : name),
                    COLUMNS(columns));
    for (int row = 0; row < p->tables[PAGE_COSTS].n_rows; row++) {
        if (is(p, at(PAGE_COSTS, row, "option"), name)) {
            put_cost_row(p, row);
        }
    }
    page_table_close(p);
}

static void put_notes(const struct page *p)
{
    put(p, "<ul>");
    for (int row = page_next(p, "note", NULL, -1); row >= 0;
         row = page_next(p, "note", NULL, row)) {
        put(p, "<li>");
        page_cell(p, page_decision(row, "text"), FORM_TEXT);
        put(p, "</li>");
    }
    put(p, "</ul>\n");
}

void page_assumptions(const struct page *p)
{
    section_open(p, "assumptions", "Assumptions and their sources");
    put(p,
        "<p>Grades: <em>sourced</em> has a dated source; <em>estimate</em> is this program's "
        "or the catalogue's assumption; <em>given</em> is from the scenario. The evidence of "
        "a self-hosted system says what was measured: the system itself, its model family, "
        "only other models on the same GPU, or nothing of the kind.</p>\n");
    put_costs(p, "t-cost-self", p->self);
    put_costs(p, "t-cost-managed", p->managed);
    if (p->chosen != p->self && p->chosen != p->managed) {
        put_costs(p, "t-cost-chosen", p->chosen);
    }
    put_notes(p);
    section_close(p);
}

/* ---- scenario -------------------------------------------------------------------------------
 */

static void put_value(const struct page *p, const struct scenario_value *v)
{
    static const char *const origins[] = {"default", "scenario file", "command line"};
    page_row_open(p);
    td_words(p, v->path, true);
    page_td(p, v->text, false, false);
    put(p, "<span data-source=\"scenario:");
    page_text(p->out, v->path);
    put(p, "\">");
    page_text(p->out, v->text);
    put(p, "</span>");
    page_td_close(p, false);
    td_words(p,
             v->origin == ORIGIN_FILE
                 ? arena_printf(p->arena, "%s, line %d", origins[v->origin], v->pos.line)
                 : origins[v->origin],
             false);
    page_row_close(p);
}

static void put_values(const struct page *p, const char *id, const char *caption, bool defaults)
{
    static const struct page_column columns[] = {
        {"Value of", NULL, false}, {"Set to", NULL, false}, {"By", NULL, false}};
    const struct scenario *sc = p->report->scenario;
    page_table_open(p, id, caption, COLUMNS(columns));
    for (int i = 0; i < sc->n_values; i++) {
        const struct scenario_value *v = &sc->values[i];
        if (v->text && (v->origin == ORIGIN_DEFAULT) == defaults) {
            put_value(p, v);
        }
    }
    page_table_close(p);
}

void page_scenario(const struct page *p)
{
    section_open(p, "scenario", "The scenario");
    put_values(p, "t-given", "Workload, service levels and terms as given", false);
    put(p, "<details><summary>Defaults that apply</summary>\n");
    put_values(p, "t-defaults", "Defaults", true);
    put(p, "</details>\n");
    section_close(p);
}

/* ---- excluded -------------------------------------------------------------------------------
 */

static void put_unranked(const struct page *p, int row)
{
    page_row_open(p);
    td_option(p, at(PAGE_PLAN, row, "option"), true);
    page_td_cell(p, at(PAGE_PLAN, row, "node"), FORM_TEXT);
    page_td_cell(p, at(PAGE_PLAN, row, "state"), FORM_TEXT);
    page_td_cell(p, at(PAGE_PLAN, row, "reason"), FORM_TEXT);
    page_row_close(p);
}

static void put_gaps(const struct page *p)
{
    static const struct page_column columns[] = {
        {"Provider", NULL, false}, {"Model", NULL, false}, {"What", NULL, false}};
    int row = page_next(p, "gap", NULL, -1);
    if (row < 0) {
        return;
    }
    page_table_open(p, "t-gaps", "Models that a provider does not offer", COLUMNS(columns));
    for (; row >= 0; row = page_next(p, "gap", NULL, row)) {
        page_row_open(p);
        td_header(p, page_decision(row, "item"));
        page_td_cell(p, page_decision(row, "model"), FORM_TEXT);
        page_td_cell(p, page_decision(row, "text"), FORM_TEXT);
        page_row_close(p);
    }
    page_table_close(p);
}

/* Reasons for having no rank, by state; a state that is not listed counts as the last. */
static const struct left_out_reason {
    const char *state, *words;
    const char *rule; /* NULL, or the start of the reason: the first that fits counts */
} left_out_reasons[] = {
    {"excluded", "over a service level by the latency that the scenario gives",
     "service level:"},
    {"excluded", "excluded by the policy", NULL},
    {"unpriced", "no price at this volume, or over the limits of its list terms", NULL},
    {"memory", "does not fit the memory of its GPUs", NULL},
    {"layout", "cannot be laid out on its GPUs", NULL},
    {"bound", "a service level is below what is physically possible", NULL},
    {"no load", "outside its service levels at any load", NULL},
    {"refused", "the machine cannot carry it", NULL},
    {"", "other", NULL},
};
enum { N_LEFT_OUT_REASONS = sizeof left_out_reasons / sizeof *left_out_reasons };

static int left_out_reason(const struct page *p, int row)
{
    const char *reason = page_get(p, at(PAGE_PLAN, row, "reason"));
    int i = 0;
    for (; i < N_LEFT_OUT_REASONS - 1; i++) {
        const struct left_out_reason *r = &left_out_reasons[i];
        if (is(p, at(PAGE_PLAN, row, "state"), r->state) &&
            (!r->rule || strncmp(reason, r->rule, strlen(r->rule)) == 0)) {
            break;
        }
    }
    return i;
}

static void put_left_out_count(const struct page *p, const char *words, int n)
{
    page_row_open(p);
    td_words(p, words, true);
    page_td(p, arena_printf(p->arena, "%d", n), true, false);
    fprintf(p->out, "%d", n);
    page_td_close(p, false);
    page_row_close(p);
}

static void put_left_out_counts(const struct page *p)
{
    static const struct page_column columns[] = {{"Why", NULL, false},
                                                 {"Options and systems", NULL, true}};
    int counts[N_LEFT_OUT_REASONS] = {0}, n = 0;
    for (int row = 0; row < p->tables[PAGE_PLAN].n_rows; row++) {
        if (!page_has(p, at(PAGE_PLAN, row, "rank"))) {
            counts[left_out_reason(p, row)]++;
            n++;
        }
    }
    page_table_open(p, "t-left-out", "Options and systems without a rank, by reason",
                    COLUMNS(columns));
    for (int i = 0; i < N_LEFT_OUT_REASONS; i++) {
        if (counts[i] > 0) {
            put_left_out_count(p, left_out_reasons[i].words, counts[i]);
        }
    }
    put_left_out_count(p, "all together", n);
    page_table_close(p);
}

void page_excluded(const struct page *p)
{
    static const struct page_column columns[] = {{"Option or system", NULL, false},
                                                 {"Machine", NULL, false},
                                                 {"State", NULL, false},
                                                 {"Why", NULL, false}};
    int n_rows = p->tables[PAGE_PLAN].n_rows;
    section_open(p, "excluded", "What was left out, and why");
    put_left_out_counts(p);
    put(p, "<details><summary>Each with its reason</summary>\n");
    page_table_open(p, "t-excluded", "Excluded by policy, too large, without a price",
                    COLUMNS(columns));
    for (int row = 0; row < n_rows; row++) {
        if (!page_has(p, at(PAGE_PLAN, row, "rank"))) {
            put_unranked(p, row);
        }
    }
    page_table_close(p);
    put_gaps(p);
    put(p, "</details>\n");
    section_close(p);
}

/* ---- terms ----------------------------------------------------------------------------------
 */

static const char *const terms[][2] = {
    {"TP4, EP4, PP2, DP8", "One replica of the model is split over GPUs: TP4 each layer over 4 "
                           "of them, EP4 the experts over 4, PP2 the layers into 2 stages; DP8 "
                           "has 8 copies of the attention beside the split experts."},
    {"tokens2048", "The engine computes at most 2048 tokens in one step; a name without it has "
                   "the engine's own default."},
    {"fp8, nvfp4, kv-fp8", "Numbers of 8 or 4 bits instead of 16 for the weights; with kv- for "
                           "the memory of the conversations."},
    {"Replica, spare", "A replica is one running copy of the model. Spares stand in for "
                       "replicas that fail."},
    {"Own site, colocated", "Bought machines in a building of your own, whose construction is "
                            "in the cost, or in rented space at a colocation provider."},
    {"List terms",
     "Prices and limits as the provider publishes them, with nothing negotiated."},
    {"Bound by", "The service level or resource that is used up first and so sets what a "
                 "replica can sustain: TTFT time to the first token, TPOT time per further "
                 "token, ITL gap between tokens, E2E the whole answer, KV memory the memory "
                 "of the conversations."},
    {"P10 to P90",
     "One sample in ten lies below the first figure, one in ten above the second."},
    {"Evidence",
     "What was measured of a system: it itself, its model family, only other models "
     "on the same GPU, or nothing of the kind."},
};

void page_terms(const struct page *p)
{
    section_open(p, "terms", "Terms");
    put(p, "<details class=\"print\"><summary>What the short names mean</summary>\n"
           "<dl class=\"facts\">\n");
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++) {
        fprintf(p->out, "<dt>%s</dt><dd>%s</dd>\n", terms[i][0], terms[i][1]);
    }
    put(p, "</dl>\n</details>\n");
    section_close(p);
}

/* ---- models ---------------------------------------------------------------------------------
 */

static const char rule[] =
    "<p>In the order of cost; each step is compared with the model before it, or with the last "
    "one that no cheaper model outscores. The rule: cost per point of quality does not rise "
    "when "
    "the score grows by at least as many percent as the cost, which is the gain needed. "
    "Without "
    "scores it says what a better answer would have to be worth.</p>\n";

static void put_model(const struct page *p, int row)
{
    const enum page_table t = PAGE_MODELS;
    page_row_open(p);
    td_header(p, at(t, row, "model"));
    page_td_cell(p, at(t, row, "quality"), FORM_SIG);
    page_td_cell(p, at(t, row, "option"), FORM_TEXT);
    page_td_cell(p, at(t, row, "usd_per_month"), FORM_USD);
    page_td_cell(p, at(t, row, "over"), FORM_TEXT);
    page_td_cell(p, at(t, row, "premium_usd_per_month"), FORM_USD);
    page_td_cell(p, at(t, row, "premium_usd_per_1k_requests"), FORM_SIG);
    page_td_cell(p, at(t, row, "gain_needed_frac"), FORM_FRAC);
    page_td_cell(p, at(t, row, "gain_frac"), FORM_FRAC);
    page_td_cell(p, at(t, row, "usd_per_point"), FORM_USD);
    page_td_cell(p, at(t, row, "verdict"), FORM_TEXT);
    page_row_close(p);
}

void page_models(const struct page *p)
{
    static const struct page_column columns[] = {{"Model", NULL, false},
                                                 {"Quality", "points", true},
                                                 {"Cheapest option", NULL, false},
                                                 {"Cost", "USD/month", true},
                                                 {"Compared with", NULL, false},
                                                 {"Costs more", "USD/month", true},
                                                 {"Costs more", "USD per 1000 requests", true},
                                                 {"Gain needed", "of the score", true},
                                                 {"Gain", "of the score", true},
                                                 {"Per point gained", "USD/month", true},
                                                 {"Verdict", NULL, false}};
    if (p->n_models < 2) {
        return;
    }
    section_open(p, "models", "Which model");
    put(p, rule);
    page_table_open(p, "t-models", "What a step up costs", COLUMNS(columns));
    for (int row = 0; row < p->n_models; row++) {
        put_model(p, row);
    }
    page_table_close(p);
    page_figure(
        p, "quality", "What more quality costs",
        "The cheapest option of each side of each model, against the quality score that "
        "the scenario gives it.",
        PAGE_PLAN);
    section_close(p);
}

/* ---- figures of the charts ------------------------------------------------------------------
 */

/* ---- every option against every offer -------------------------------------------------------
 */

/* The last row of a pair; the rows of one follow each other. */
static bool is_end(const struct page *p, int row)
{
    return is(p, at(PAGE_CROSSINGS, row, "kind"), "end");
}

static void put_from(const struct page *p, int row)
{
    const enum page_table t = PAGE_CROSSINGS;
    page_td(p, page_get(p, at(t, row, "requests_per_day")), true, false);
    if (is_end(p, row)) {
        bool never = is(p, at(t, row, "to"), "managed");
        put(p, never ? "not up to " : "at any, searched up to ");
    }
    page_cell(p, at(t, row, "requests_per_day"), FORM_COUNT);
    page_td_close(p, false);
}

/* The first crossing to self-hosting, or the end of the search; `more` follow. */
static void put_pair(const struct page *p, int row, int more)
{
    const enum page_table t = PAGE_CROSSINGS;
    page_row_open(p);
    td_option(p, at(t, row, "option"), true);
    td_option(p, at(t, row, "against"), false);
    put_from(p, row);
    page_td_cell(p, at(t, row, "tok_per_day"), FORM_SHORT);
    page_td_cell(p, at(t, row, "tok_per_month"), FORM_SHORT);
    page_td_cell(p, at(t, row, "usd_per_month"), FORM_USD);
    page_td_cell(p, at(t, row, "n_gpus"), FORM_COUNT);
    page_td_cell(p, at(t, row, "month"), FORM_COUNT);
    page_td(p, arena_printf(p->arena, "%d", more), true, false);
    fprintf(p->out, "%d", more);
    page_td_close(p, false);
    page_row_close(p);
}

/* A row for the pair that starts here. Returns the row after its last. */
static int put_pair_from(const struct page *p, int start)
{
    int end = start;
    int win = -1;
    int last_row = p->tables[PAGE_CROSSINGS].n_rows - 1;
    while (end < last_row && !is_end(p, end)) {
        bool to_self = is(p, at(PAGE_CROSSINGS, end, "to"), "self-hosted");
        win = win < 0 && to_self ? end : win;
        end++;
    }
    put_pair(p, win >= 0 ? win : end, win >= 0 ? end - win - 1 : 0);
    return end + 1;
}

static void put_pairs(const struct page *p)
{
    static const struct page_column columns[] = {
        {"Self-hosted option", NULL, false},
        {"Managed offer", NULL, false},
        {"Self-hosting is cheaper from", "requests/day", true},
        {"Tokens", "per day", true},
        {"Tokens", "per month", true},
        {"Cost there", "USD/month", true},
        {"GPUs there", NULL, true},
        {"Forecast gets there", "month", true},
        {"Further crossings", "in crossings.csv", true}};
    int n = p->tables[PAGE_CROSSINGS].n_rows;
    if (n == 0) {
        return;
    }
    put(p, "<details><summary>Break-even of every self-hosted option with every managed "
           "offer</summary>\n");
    page_table_open(p, "t-pairs", "The first volume at which each pair crosses",
                    COLUMNS(columns));
    for (int row = 0; row < n;) {
        row = put_pair_from(p, row);
    }
    page_table_close(p);
    put(p, "</details>\n");
}

/* ---- the two options of the chart -----------------------------------------------------------
 */

static void put_chart_crossings(const struct page *p)
{
    static const struct page_column columns[] = {{"Cheaper just above", NULL, false},
                                                 {"Requests", "per day", true},
                                                 {"Tokens", "per day", true},
                                                 {"Self-hosted cost", "USD/month", true},
                                                 {"GPUs", NULL, true},
                                                 {"Forecast gets there", "month", true},
                                                 {"Crossing", NULL, false}};
    const enum page_table t = PAGE_BREAKEVEN;
    bool any = false;
    for (int row = 0; row < p->tables[t].n_rows; row++) {
        if (!page_has(p, at(t, row, "to")) || !is(p, at(t, row, "model"), p->model)) {
            continue;
        }
        if (!any) {
            put(p, "<details class=\"print\"><summary>Every crossing</summary>\n");
            page_table_open(p, "t-crossings", "Crossings of the two costs", COLUMNS(columns));
            any = true;
        }
        page_row_open(p);
        td_header(p, at(t, row, "to"));
        page_td_cell(p, at(t, row, "requests_per_day"), FORM_COUNT);
        page_td_cell(p, at(t, row, "tok_per_day"), FORM_SHORT);
        page_td_cell(p, at(t, row, "usd_per_month"), FORM_USD);
        page_td_cell(p, at(t, row, "n_gpus"), FORM_COUNT);
        page_td_cell(p, at(t, row, "month"), FORM_COUNT);
        page_td_cell(p, at(t, row, "kind"), FORM_TEXT);
        page_row_close(p);
    }
    if (any) {
        page_table_close(p);
        put(p, "</details>\n");
    }
}

void page_breakeven(const struct page *p)
{
    put_chart_crossings(p);
    put_pairs(p);
}

static void td_band(const struct page *p, int row, const char *col, enum page_form form)
{
    struct page_cell low = at(PAGE_FORECAST, row, arena_printf(p->arena, "%s_p10", col));
    struct page_cell high = at(PAGE_FORECAST, row, arena_printf(p->arena, "%s_p90", col));
    page_td(p, page_get(p, at(PAGE_FORECAST, row, col)), true, false);
    page_cell(p, at(PAGE_FORECAST, row, col), form);
    if (page_has(p, low)) {
        put(p, "<br><small>");
        page_cell(p, low, form);
        put(p, " to ");
        page_cell(p, high, form);
        put(p, "</small>");
    }
    page_td_close(p, false);
}

void page_months(const struct page *p)
{
    static const struct page_column columns[] = {
        {"Month", NULL, true},
        {"Requests", "per day (P10 to P90)", true},
        {"Peak", "requests/s", true},
        {"GPUs", "(P10 to P90)", true},
        {"Self-hosted", "USD (P10 to P90)", true},
        {"Managed", "USD (P10 to P90)", true},
        {"Self-hosted cash", "USD since the start", true},
        {"Managed cash", "USD since the start", true}};
    const enum page_table t = PAGE_FORECAST;
    put(p, "<details class=\"print\"><summary>Month by month</summary>\n");
    page_table_open(p, "t-months", "Forecast by month", COLUMNS(columns));
    for (int row = 0; row < p->tables[t].n_rows; row++) {
        if (!is(p, at(t, row, "model"), p->model)) {
            continue;
        }
        page_row_open(p);
        page_td(p, page_get(p, at(t, row, "month")), true, false);
        page_month(p, at(t, row, "month"));
        page_td_close(p, false);
        td_band(p, row, "requests_per_day", FORM_COUNT);
        page_td_cell(p, at(t, row, "peak_rps"), FORM_SIG);
        td_band(p, row, "n_gpus", FORM_COUNT);
        td_band(p, row, "self_usd", FORM_USD);
        td_band(p, row, "managed_usd", FORM_USD);
        page_td_cell(p, at(t, row, "self_cash_total_usd"), FORM_USD);
        page_td_cell(p, at(t, row, "managed_cash_total_usd"), FORM_USD);
        page_row_close(p);
    }
    page_table_close(p);
    put(p, "</details>\n");
}
