/* SPDX-License-Identifier: GPL-3.0-or-later */
/* html_page.h - pieces of report.html: escaped text, figures with their source, tables that can
 * be sorted, inline pictures. Private to sim/report. */
#ifndef HTML_PAGE_H
#define HTML_PAGE_H

#include <stdio.h>

#include "sim/base/csvio.h"
#include "sim/report/html.h"

enum page_table {
    PAGE_PLAN,
    PAGE_COSTS,
    PAGE_BREAKEVEN,
    PAGE_CROSSINGS,
    PAGE_FORECAST,
    PAGE_SENSITIVITY,
    PAGE_DECISION,
    PAGE_MODELS,
    PAGE_PARETO,
    PAGE_N
};
extern const char *const page_files[]; /* plan.csv ... pareto.csv */

struct page {
    FILE *out;
    struct arena *arena;
    const struct html_report *report;
    struct csv_table tables[PAGE_N];
    const char *model; /* of the decision; "" when the plan has none */
    int chosen;        /* row of plan.csv; -1: nothing was chosen */
    int self, managed; /* the best of each side, rows of plan.csv; -1: none */
    int n_models;
};

/* A cell: where a figure is from. */
struct page_cell {
    enum page_table table;
    int row;
    const char *col;
};

enum page_form {
    FORM_TEXT,
    FORM_USD,   /* 15,447; below 100 three digits */
    FORM_SIG,   /* three digits */
    FORM_COUNT, /* 1,234 */
    FORM_SHORT, /* 1.2M */
    FORM_FRAC,  /* 40 % */
};

/* How a value of an input is written: a share in percent, whatever it is a share of. */
enum page_form page_unit_form(const char *unit);
void page_text(FILE *out, const char *text); /* escaped, for content and attributes */
const char *page_get(const struct page *p, struct page_cell c);
double page_value(const struct page *p, struct page_cell c); /* NaN: empty or no number */
bool page_has(const struct page *p, struct page_cell c);
/* The cell in its form with its data-source; a dash when it is empty. */
void page_cell(const struct page *p, struct page_cell c, enum page_form form);
/* Does the scenario give economics.eur_per_usd? And the cell in euro, without the unit. */
bool page_has_eur(const struct page *p);
void page_eur_figure(const struct page *p, struct page_cell usd, enum page_form form);
/* " (12,386 EUR)" where the scenario gives economics.eur_per_usd; else nothing. */
void page_eur(const struct page *p, struct page_cell usd, enum page_form form);
/* The number of a month, and its calendar month where month 0 is that of the as-of date. */
void page_month(const struct page *p, struct page_cell month);
/* Row of decision.csv, -1: none. item NULL: the first after row `after` of the section. */
int page_fact(const struct page *p, const char *section, const char *model, const char *item);
int page_next(const struct page *p, const char *section, const char *model, int after);
int page_option(const struct page *p, const char *option); /* row of plan.csv; -1 */
struct page_cell page_decision(int row, const char *col);
/* The option that a cell names, in words where plan.csv has them. */
void page_words(const struct page *p, struct page_cell name);

/* A table: its columns are of one CSV table, or written by hand. */
struct page_column {
    const char *title, *unit;
    bool number;
};
void page_table_open(const struct page *p, const char *id, const char *caption,
                     const struct page_column *columns, int n);
void page_row_open(const struct page *p);
/* Opens a cell with its value for sorting; row_header: names its row. */
void page_td(const struct page *p, const char *sort, bool number, bool row_header);
void page_td_cell(const struct page *p, struct page_cell c, enum page_form form);
void page_td_close(const struct page *p, bool row_header);
void page_row_close(const struct page *p);
void page_table_close(const struct page *p);

/* The chart of this kind from dir/<kind>.svg with its caption; nothing when there is none. */
void page_figure(const struct page *p, const char *kind, const char *title, const char *caption,
                 enum page_table source);

/* Head with style, and the end with the script. */
void page_begin(const struct page *p);
void page_end(const struct page *p);

/* Sections of the page, html_answer.c and html_detail.c. */
void page_answer(const struct page *p);
void page_ranking(const struct page *p);
void page_uncertainty(const struct page *p);
void page_assumptions(const struct page *p);
void page_scenario(const struct page *p);
void page_excluded(const struct page *p);
void page_terms(const struct page *p);
void page_models(const struct page *p);
void page_breakeven(const struct page *p);
void page_months(const struct page *p);

#endif
