/* SPDX-License-Identifier: GPL-3.0-or-later */
/* html.c - see html.h: reads the tables, finds what was decided, draws the charts and puts the
 * page together. */
#include "sim/report/html.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "plots/plot.h"
#include "sim/base/outfile.h"
#include "sim/report/html_page.h"

static bool load_tables(struct page *p, struct err *err)
{
    for (int i = 0; i < PAGE_N; i++) {
        const char *path = arena_printf(p->arena, "%s/%s", p->report->dir, page_files[i]);
        if (!csv_load(p->arena, path, &p->tables[i], err)) {
            return false;
        }
    }
    return true;
}

static int option_of_fact(const struct page *p, const char *item)
{
    int row = page_fact(p, "decision", "", item);
    return row < 0 ? -1 : page_option(p, page_get(p, page_decision(row, "text")));
}

/* The model of the comparison: of the best self-hosted option, else of what was chosen. */
static const char *model_of(const struct page *p)
{
    int row = p->self >= 0 ? p->self : p->chosen >= 0 ? p->chosen : p->managed;
    return row < 0 ? "" : page_get(p, (struct page_cell){PAGE_PLAN, row, "model"});
}

static bool open_page(struct page *p, const struct html_report *report, struct err *err)
{
    *p = (struct page){.arena = arena_new(), .report = report};
    if (!load_tables(p, err)) {
        arena_free(p->arena);
        return false;
    }
    p->chosen = option_of_fact(p, "chosen");
    p->self = option_of_fact(p, "self_usd");
    p->managed = option_of_fact(p, "managed_usd");
    p->model = model_of(p);
    p->n_models = p->tables[PAGE_MODELS].n_rows;
    return true;
}

/* ---- charts ---------------------------------------------------------------------------------
 */

static const struct chart_spec {
    const char *kind, *title;
    enum page_table table;
    bool all_models;
} charts[] = {
    {"cost", "What each option costs per million tokens", PAGE_PLAN, true},
    {"breakeven", "At which volume does self-hosting beat the managed API?", PAGE_BREAKEVEN,
     false},
    {"forecast", "Demand, GPUs and spend by month", PAGE_FORECAST, false},
    {"cash", "Cash paid since the start", PAGE_FORECAST, false},
    {"tornado", "What changes the comparison most", PAGE_SENSITIVITY, false},
    {"pareto", "Throughput of a GPU against the speed a user sees", PAGE_PARETO, false},
    {"quality", "What more quality costs", PAGE_PLAN, true},
};

/* First row of the decision's model, -1: none. */
static int model_row(const struct page *p, enum page_table table)
{
    for (int row = 0; row < p->tables[table].n_rows; row++) {
        if (strcmp(page_get(p, (struct page_cell){table, row, "model"}), p->model) == 0) {
            return row;
        }
    }
    return -1;
}

/* Tokens per day at the start: requests of month 0 times the tokens of one. */
static double today_tokens(const struct page *p)
{
    int month = model_row(p, PAGE_FORECAST);
    int curve = model_row(p, PAGE_BREAKEVEN);
    double tokens = page_value(p, (struct page_cell){PAGE_BREAKEVEN, curve, "tok_per_day"});
    double of = page_value(p, (struct page_cell){PAGE_BREAKEVEN, curve, "requests_per_day"});
    return page_value(p, (struct page_cell){PAGE_FORECAST, month, "requests_per_day"}) *
           tokens / of;
}

static bool draw(const struct page *p, const struct chart_spec *spec, struct err *err)
{
    struct err own = {0};
    struct chart chart = {
        .kind = spec->kind,
        .csv_path = arena_printf(p->arena, "%s/%s", p->report->dir, page_files[spec->table]),
        .out_base = arena_printf(p->arena, "%s/%s", p->report->dir, spec->kind),
        .title = spec->title,
        .subtitle =
            arena_printf(p->arena, "%s%s%s", p->report->scenario->name,
                         spec->all_models ? "" : " · ", spec->all_models ? "" : p->model),
        .row_class = spec->all_models ? NULL : p->model,
        .template_dir = p->report->template_dir,
        .gnuplot = p->report->gnuplot,
        .mark_x = today_tokens(p),
        .mark_text = strcmp(spec->kind, "breakeven") == 0 ? "first month" : NULL,
    };
    if (plot_chart(&chart, &own)) {
        return true;
    }
    unlink(arena_printf(p->arena, "%s.svg", chart.out_base));
    unlink(arena_printf(p->arena, "%s.png", chart.out_base));
    if (own.code ==
        ERR_UNFIT) { /* nothing to show: one side is missing, or no model has a score */
        return true;
    }
    *err = own;
    return false;
}

bool html_charts(const struct html_report *report, struct err *err)
{
    struct page p;
    bool ok = true;
    if (!open_page(&p, report, err)) {
        return false;
    }
    for (size_t i = 0; ok && i < sizeof charts / sizeof *charts; i++) {
        ok = draw(&p, &charts[i], err);
    }
    arena_free(p.arena);
    return ok;
}

/* ---- page -----------------------------------------------------------------------------------
 */

static void put_header(const struct page *p)
{
    static const char *const links[][2] = {
        {"answer", "Answer"},
        {"charts", "Charts"},
        {"h-ranking", "Ranked options"},
        {"h-models", "Which model"},
        {"h-bands", "Error bands"},
        {"h-assumptions", "Assumptions"},
        {"h-scenario", "Scenario"},
        {"h-excluded", "Left out"},
        {"h-terms", "Terms"},
    };
    const struct scenario *sc = p->report->scenario;
    fputs("<header>\n<p class=\"soft\">Capacity plan: ", p->out);
    page_text(p->out, sc->name);
    fputs(", with the prices known on ", p->out);
    page_text(p->out, p->report->as_of);
    fputs("</p>\n<h1>", p->out);
    page_text(p->out, sc->question[0] ? sc->question : sc->name);
    fputs("</h1>\n</header>\n<nav aria-label=\"Sections\"><ul>", p->out);
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        bool gone =
            (strcmp(links[i][0], "h-bands") == 0 && page_next(p, "uncertainty", "", -1) < 0) ||
            (strcmp(links[i][0], "h-models") == 0 && p->n_models < 2);
        if (!gone) {
            fprintf(p->out, "<li><a href=\"#%s\">%s</a></li>", links[i][0], links[i][1]);
        }
    }
    fputs("</ul></nav>\n", p->out);
}

static void put_main_charts(const struct page *p)
{
    fputs("<section id=\"charts\" aria-labelledby=\"h-charts\">\n"
          "<h2 id=\"h-charts\">The three charts that matter</h2>\n",
          p->out);
    page_figure(p, "cost", charts[0].title,
                "In the order of the ranking; the figures are in the table of ranked options.",
                PAGE_PLAN);
    page_figure(
        p, "breakeven", charts[1].title,
        "Monthly cost against volume: the self-hosted side rises by whole machines, the "
        "managed side by the token, or by the unit that is paid by the hour.",
        PAGE_BREAKEVEN);
    page_breakeven(p);
    page_figure(p, "forecast", charts[2].title,
                "Demand as the scenario forecasts it, the machines it needs and what each side "
                "costs.",
                PAGE_FORECAST);
    page_months(p);
    fputs("</section>\n", p->out);
}

static void put_further_charts(const struct page *p)
{
    fputs("<section aria-labelledby=\"h-further\">\n<h2 id=\"h-further\">Further charts</h2>\n",
          p->out);
    page_figure(p, "cash", charts[3].title,
                "What has been paid by each month; the figures are under Month by month.",
                PAGE_FORECAST);
    page_figure(p, "pareto", charts[5].title,
                "Each line is a kind of GPU, over the load of its systems; what a GPU does for "
                "all users falls when each of them is to be faster.",
                PAGE_PARETO);
    fputs("</section>\n", p->out);
}

static void put_footer(const struct page *p)
{
    fputs("<footer>\n<p>Made by headroom ", p->out);
    page_text(p->out, p->report->version);
    fputs(" from plan.csv, costs.csv, breakeven.csv, crossings.csv, forecast.csv, "
          "sensitivity.csv, decision.csv, models.csv and pareto.csv beside this file. Each "
          "figure carries "
          "the cell it was "
          "read from as "
          "data-source=&quot;file:line:column&quot;, rounded for reading.</p>\n</footer>\n",
          p->out);
}

static void put_page(const struct page *p)
{
    page_begin(p);
    put_header(p);
    fputs("<main id=\"main\">\n", p->out);
    page_answer(p);
    put_main_charts(p);
    page_ranking(p);
    page_models(p);
    page_uncertainty(p);
    put_further_charts(p);
    page_assumptions(p);
    page_scenario(p);
    page_excluded(p);
    page_terms(p);
    fputs("</main>\n", p->out);
    put_footer(p);
    page_end(p);
}

bool html_write(const struct html_report *report, struct err *err)
{
    struct page p;
    if (!open_page(&p, report, err)) {
        return false;
    }
    const char *path = arena_printf(p.arena, "%s/report.html", report->dir);
    struct outfile file;
    bool ok = outfile_open(&file, path, err);
    if (ok) {
        p.out = file.out;
        put_page(&p);
        ok = outfile_close(&file, err);
    }
    arena_free(p.arena);
    return ok;
}
