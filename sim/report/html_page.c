/* SPDX-License-Identifier: GPL-3.0-or-later */
/* html_page.c - see html_page.h. */
#include "sim/report/html_page.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plots/layout.h"
#include "sim/base/date.h"
#include "sim/base/text.h"

enum { LONG_TEXT = 40 }; /* bytes from which a cell is given a width of its own */

const char *const page_files[] = {"plan.csv",      "costs.csv",    "breakeven.csv",
                                  "crossings.csv", "forecast.csv", "sensitivity.csv",
                                  "decision.csv",  "models.csv",   "pareto.csv"};

/* ---- text and figures -----------------------------------------------------------------------
 */

void page_text(FILE *out, const char *text)
{
    for (const char *s = text; *s; s++) {
        switch (*s) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            putc((unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s, out);
        }
    }
}

const char *page_get(const struct page *p, struct page_cell c)
{
    const struct csv_table *t = &p->tables[c.table];
    return c.row < 0 ? "" : csv_cell(t, c.row, csv_col(t, c.col));
}

double page_value(const struct page *p, struct page_cell c)
{
    const struct csv_table *t = &p->tables[c.table];
    struct err ignored = {0};
    double value = NAN;
    if (c.row < 0 || !csv_number(t, c.row, csv_col(t, c.col), NAN, &value, &ignored)) {
        return NAN;
    }
    return value;
}

bool page_has(const struct page *p, struct page_cell c)
{
    return *page_get(p, c) != '\0';
}

/* With a true minus, which is as wide as a digit. */
static void put_grouped(FILE *out, double value)
{
    char buf[TEXT_GROUPED_BYTES];
    fputs(value <= -0.5 ? "−" : "", out);
    fputs(text_grouped(buf, fabs(value)), out);
}

static void put_number(FILE *out, double value, enum page_form form)
{
    char text[48];
    if (form == FORM_FRAC && value < 1 && value >= 0.9995) { /* never a certainty by rounding */
        fputs("over 99.95&nbsp;%", out);
    } else if (form == FORM_FRAC) {
        fprintf(out, "%.3g&nbsp;%%", value * 100);
    } else if (form == FORM_SHORT) {
        fputs(layout_format(text, sizeof text, value, LAYOUT_COUNT), out);
    } else if (form == FORM_COUNT || fabs(value) >= 1000 ||
               (form == FORM_USD && fabs(value) >= 100)) {
        put_grouped(out, value);
    } else {
        fprintf(out, "%.3g", value);
    }
}

void page_cell(const struct page *p, struct page_cell c, enum page_form form)
{
    const char *text = page_get(p, c);
    double value = page_value(p, c);
    if (!*text) {
        fputs("<span class=\"none\">–</span>", p->out);
        return;
    }
    fprintf(p->out, "<span data-source=\"%s:%d:%s\">", page_files[c.table],
            p->tables[c.table].lines[c.row], c.col);
    if (form == FORM_TEXT || isnan(value)) {
        page_text(p->out, text);
    } else {
        put_number(p->out, value, form);
    }
    fputs("</span>", p->out);
}

enum page_form page_unit_form(const char *unit)
{
    static const char *const shares[] = {"fraction", "per month", "per year", "of purchase"};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        if (strcmp(unit, shares[i]) == 0) {
            return FORM_FRAC;
        }
    }
    return FORM_USD;
}

bool page_has_eur(const struct page *p)
{
    return p->report->scenario->economics.eur_per_usd > 0;
}

void page_eur_figure(const struct page *p, struct page_cell usd, enum page_form form)
{
    double rate = p->report->scenario->economics.eur_per_usd;
    fprintf(p->out, "<span data-source=\"%s:%d:%s times scenario:economics.eur_per_usd\">",
            page_files[usd.table], p->tables[usd.table].lines[usd.row], usd.col);
    put_number(p->out, rate * page_value(p, usd), form);
    fputs("</span>", p->out);
}

void page_eur(const struct page *p, struct page_cell usd, enum page_form form)
{
    if (page_has_eur(p) && !isnan(page_value(p, usd))) {
        fputs(" (", p->out);
        page_eur_figure(p, usd, form);
        fputs(" EUR)", p->out);
    }
}

void page_month(const struct page *p, struct page_cell month)
{
    page_cell(p, month, FORM_COUNT);
    double value = page_value(p, month);
    if (!isnan(value) && date_is_valid(p->report->as_of)) {
        long of_as_of = strtol(p->report->as_of + 5, NULL, 10) - 1;
        long year = strtol(p->report->as_of, NULL, 10);
        long months = 12 * year + of_as_of + lround(value);
        fprintf(p->out, " (%04ld-%02ld)", months / 12, months % 12 + 1);
    }
}

static bool cell_is(const struct page *p, enum page_table table, int row, const char *col,
                    const char *text)
{
    return strcmp(page_get(p, (struct page_cell){table, row, col}), text) == 0;
}

int page_next(const struct page *p, const char *section, const char *model, int after)
{
    for (int row = after + 1; row < p->tables[PAGE_DECISION].n_rows; row++) {
        if (cell_is(p, PAGE_DECISION, row, "section", section) &&
            (!model || cell_is(p, PAGE_DECISION, row, "model", model))) {
            return row;
        }
    }
    return -1;
}

int page_fact(const struct page *p, const char *section, const char *model, const char *item)
{
    for (int row = page_next(p, section, model, -1); row >= 0;
         row = page_next(p, section, model, row)) {
        if (cell_is(p, PAGE_DECISION, row, "item", item)) {
            return row;
        }
    }
    return -1;
}

int page_option(const struct page *p, const char *option)
{
    for (int row = 0; *option && row < p->tables[PAGE_PLAN].n_rows; row++) {
        if (cell_is(p, PAGE_PLAN, row, "option", option)) {
            return row;
        }
    }
    return -1;
}

void page_words(const struct page *p, struct page_cell name)
{
    struct page_cell label = {PAGE_PLAN, page_option(p, page_get(p, name)), "label"};
    page_cell(p, page_has(p, label) ? label : name, FORM_TEXT);
}

struct page_cell page_decision(int row, const char *col)
{
    return (struct page_cell){PAGE_DECISION, row, col};
}

/* ---- tables ---------------------------------------------------------------------------------
 */

void page_table_open(const struct page *p, const char *id, const char *caption,
                     const struct page_column *columns, int n)
{
    FILE *out = p->out;
    fprintf(out,
            "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"%s\">\n"
            "<table class=\"%s\">\n<caption id=\"%s\">",
            id, id, id);
    page_text(out, caption);
    fputs("</caption>\n<thead><tr>", out);
    for (int i = 0; i < n; i++) {
        fprintf(out, "<th scope=\"col\" aria-sort=\"none\"%s><button type=\"button\">",
                columns[i].number ? " class=\"num\"" : "");
        page_text(out, columns[i].title);
        if (columns[i].unit) {
            fputs(" <small>", out);
            page_text(out, columns[i].unit);
            fputs("</small>", out);
        }
        fputs("</button></th>", out);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
}

void page_row_open(const struct page *p)
{
    fputs("<tr>", p->out);
}

void page_td(const struct page *p, const char *sort, bool number, bool row_header)
{
    bool is_long = !number && !row_header && strlen(sort) > LONG_TEXT;
    fputs(row_header ? "<th scope=\"row\"" : "<td", p->out);
    fputs(number ? " class=\"num\"" : is_long ? " class=\"long\"" : "", p->out);
    fputs(" data-sort=\"", p->out);
    page_text(p->out, sort);
    fputs("\">", p->out);
}

void page_td_close(const struct page *p, bool row_header)
{
    fputs(row_header ? "</th>" : "</td>", p->out);
}

void page_td_cell(const struct page *p, struct page_cell c, enum page_form form)
{
    page_td(p, page_get(p, c), form != FORM_TEXT, false);
    page_cell(p, c, form);
    page_td_close(p, false);
}

void page_row_close(const struct page *p)
{
    fputs("</tr>\n", p->out);
}

void page_table_close(const struct page *p)
{
    fputs("</tbody>\n</table>\n</div>\n", p->out);
}

/* ---- pictures -------------------------------------------------------------------------------
 */

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Copies a picture of plot.h. Its ids get the kind before them, since a page has several
 * pictures and an id only once; the size is left to the page. */
static void put_svg(FILE *out, const char *svg, const char *kind, const char *title)
{
    static const char *const id_marks[] = {" id='", " id=\"", "href='#", "href=\"#", "url(#"};
    const char *s = strstr(svg, "viewBox");
    fprintf(out, "<svg role=\"img\" aria-label=\"");
    page_text(out, title);
    fputs("\" ", out);
    while (s && *s) {
        bool marked = false;
        for (size_t i = 0; i < sizeof id_marks / sizeof *id_marks; i++) {
            if (starts(s, id_marks[i])) {
                fprintf(out, "%s%s-", id_marks[i], kind);
                s += strlen(id_marks[i]);
                marked = true;
                break;
            }
        }
        if (!marked) {
            putc(*s++, out);
        }
    }
}

void page_figure(const struct page *p, const char *kind, const char *title, const char *caption,
                 enum page_table source)
{
    struct err ignored = {0};
    size_t n;
    char *svg = text_load(arena_printf(p->arena, "%s/%s.svg", p->report->dir, kind),
                          64 * TEXT_MIB, &n, &ignored);
    if (!svg || !strstr(svg, "viewBox")) {
        free(svg);
        return;
    }
    fprintf(p->out,
            "<figure id=\"chart-%s\">\n<div class=\"chart\" role=\"group\" tabindex=\"0\" "
            "aria-label=\"",
            kind);
    page_text(p->out, title);
    fputs("\">\n", p->out);
    put_svg(p->out, svg, kind, title);
    fputs("</div>\n<figcaption>", p->out);
    page_text(p->out, caption);
    fprintf(p->out, " Data: %s.</figcaption>\n</figure>\n", page_files[source]);
    free(svg);
}
