/* SPDX-License-Identifier: GPL-3.0-or-later */
/* table.c - see table.h. A column is right-aligned when every cell in it that is not empty was
 * put by table_num. Widths count characters, not bytes. */
#include "sim/base/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"
#include "sim/base/text.h"

#define GAP "  "

struct column {
    char *name;
    int width;
    bool has_text, has_number;
};

struct table {
    struct column *cols;
    int n_cols, cap_cols;
    char **cells; /* row after row */
    int n_cells, cap_cells;
};

struct table *table_new(void)
{
    return xcalloc(1, sizeof(struct table));
}

void table_free(struct table *t)
{
    if (!t) {
        return;
    }
    for (int i = 0; i < t->n_cols; i++) {
        free(t->cols[i].name);
    }
    for (int i = 0; i < t->n_cells; i++) {
        free(t->cells[i]);
    }
    free(t->cols);
    free(t->cells);
    free(t);
}

void table_col(struct table *t, const char *name)
{
    ASSERT(t->n_cells == 0);
    ARRAY_RESERVE(t->cols, t->cap_cols, t->n_cols + 1);
    t->cols[t->n_cols++] = (struct column){.name = xstrdup(name), .width = text_width(name)};
}

/* Takes over text. */
static struct column *add_cell(struct table *t, char *text)
{
    ASSERT(t->n_cols > 0);
    struct column *col = &t->cols[t->n_cells % t->n_cols];
    int width = text_width(text);
    ARRAY_RESERVE(t->cells, t->cap_cells, t->n_cells + 1);
    t->cells[t->n_cells++] = text;
    col->width = width > col->width ? width : col->width;
    return col;
}

void table_put(struct table *t, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    ASSERT(n >= 0);
    char *text = xmalloc((size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    struct column *col = add_cell(t, text);
    col->has_text = col->has_text || n > 0;
}

/* Plain notation for what people read at a glance, an exponent for the rest. */
static void format_digits(char *buf, size_t n, double value, int digits)
{
    double size = fabs(value);
    if (value == 0 || size < 1e-4 || size >= 1e15) {
        snprintf(buf, n, "%.*g", digits, value == 0 ? 0.0 : value);
        return;
    }
    /* the exponent after rounding, so that 9.996 with three digits is 10.0 and not 10.00 */
    char rounded[40];
    snprintf(rounded, sizeof rounded, "%.*e", digits - 1, value);
    int exponent = (int)strtol(strchr(rounded, 'e') + 1, NULL, 10);
    int decimals = digits - 1 - exponent;
    snprintf(buf, n, "%.*f", decimals > 0 ? decimals : 0, value);
}

void table_num(struct table *t, double value, int digits)
{
    char text[64];
    ASSERT(digits > 0 && digits <= 17);
    if (isnan(value)) {
        snprintf(text, sizeof text, "-");
    } else {
        format_digits(text, sizeof text, value, digits);
    }
    add_cell(t, xstrdup(text))->has_number = true;
}

void table_band(struct table *t, double value, double lo, double hi, int digits)
{
    enum { BAND_DIGITS = 2 };
    char text[3][64];
    char all[200];
    if (isnan(value) || isnan(lo) || isnan(hi)) {
        table_num(t, value, digits);
        return;
    }
    format_digits(text[0], sizeof text[0], value, digits);
    format_digits(text[1], sizeof text[1], lo, BAND_DIGITS);
    format_digits(text[2], sizeof text[2], hi, BAND_DIGITS);
    snprintf(all, sizeof all, "%s (%s-%s)", text[0], text[1], text[2]);
    add_cell(t, xstrdup(all))->has_number = true;
}

void table_end_row(struct table *t)
{
    ASSERT(t->n_cols > 0);
    while (t->n_cells % t->n_cols != 0) {
        add_cell(t, xstrdup(""));
    }
}

static void write_chars(FILE *out, const char *c, int n)
{
    for (int i = 0; i < n; i++) {
        fputs(c, out);
    }
}

/* One line without blanks at its end: empty cells there are left out. */
static void write_row(const struct table *t, const char *const *cells, FILE *out)
{
    int n = t->n_cols;
    while (n > 0 && cells[n - 1][0] == '\0') {
        n--;
    }
    for (int i = 0; i < n; i++) {
        const struct column *col = &t->cols[i];
        bool right = col->has_number && !col->has_text;
        int pad = col->width - text_width(cells[i]);
        write_chars(out, " ", right ? pad : 0);
        fputs(cells[i], out);
        if (i < n - 1) {
            write_chars(out, " ", right ? 0 : pad);
            fputs(GAP, out);
        }
    }
    fputc('\n', out);
}

static void write_header(const struct table *t, FILE *out)
{
    const char **names = xcalloc((size_t)t->n_cols, sizeof *names);
    for (int i = 0; i < t->n_cols; i++) {
        names[i] = t->cols[i].name;
    }
    write_row(t, names, out);
    free(names);
    for (int i = 0; i < t->n_cols; i++) {
        write_chars(out, "-", t->cols[i].width);
        fputs(i == t->n_cols - 1 ? "\n" : GAP, out);
    }
}

void table_write(const struct table *t, FILE *out)
{
    if (t->n_cols == 0) {
        return;
    }
    write_header(t, out);
    for (int i = 0; i + t->n_cols <= t->n_cells; i += t->n_cols) {
        write_row(t, (const char *const *)(t->cells + i), out);
    }
}
