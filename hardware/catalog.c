/* SPDX-License-Identifier: GPL-3.0-or-later */
/* catalog.c - search path, required cells and name look-up of the hardware tables. Everything is
 * linear in the table: a catalogue has some hundred rows and is read once. */
#include "hardware/catalog.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

bool catalog_open(struct arena *arena, const char *const *dirs, int n_dirs, const char *path,
                  struct catalog *catalog, struct err *err)
{
    *catalog = (struct catalog){0};
    catalog->tables = arena_alloc(arena, (size_t)(n_dirs > 0 ? n_dirs : 1),
                                  sizeof *catalog->tables);
    for (int i = 0; i < n_dirs; i++) {
        const char *file = arena_printf(arena, "%s/%s", dirs[i], path);
        if (access(file, F_OK) != 0) {
            continue; /* an overlay directory need not hold every table */
        }
        struct csv_table *table = &catalog->tables[catalog->n_tables];
        if (!csv_load(arena, file, table, err)) {
            return false;
        }
        catalog->n_tables++;
        catalog->n_rows += table->n_rows;
    }
    if (catalog->n_tables == 0) {
        return err_set(err, ERR_IO, "no %s in the catalogue search path", path);
    }
    return true;
}

bool catalog_text(const struct csv_table *table, int row, const char *col, const char **text,
                  struct err *err)
{
    int i = 0;
    if (!csv_col_need(table, col, &i, err)) {
        return false;
    }
    *text = csv_cell(table, row, i);
    return true;
}

bool catalog_need_text(const struct csv_table *table, int row, const char *col,
                       const char **text, struct err *err)
{
    if (!catalog_text(table, row, col, text, err)) {
        return false;
    }
    if ((*text)[0] == '\0') {
        return err_at(err, csv_pos(table, row), "%s must not be empty", col);
    }
    return true;
}

/* Two decimal digits at text, or -1. */
static int two_digits(const char *text)
{
    if (!isdigit((unsigned char)text[0]) || !isdigit((unsigned char)text[1])) {
        return -1;
    }
    return (text[0] - '0') * 10 + (text[1] - '0');
}

static bool is_date(const char *text)
{
    static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-') {
        return false;
    }
    int month = two_digits(text + 5);
    int day = two_digits(text + 8);
    return two_digits(text) >= 0 && two_digits(text + 2) >= 0 && month >= 1 && month <= 12 &&
           day >= 1 && day <= month_days[month - 1];
}

bool catalog_need_date(const struct csv_table *table, int row, const char *col,
                       const char **text, struct err *err)
{
    if (!catalog_need_text(table, row, col, text, err)) {
        return false;
    }
    if (!is_date(*text)) {
        return err_at(err, csv_pos(table, row), "%s must be a date YYYY-MM-DD, got '%s'", col,
                      *text);
    }
    return true;
}

bool catalog_number(const struct csv_table *table, int row, const char *col, double scale,
                    double fallback, double min, double max, double *value, struct err *err)
{
    int i = 0;
    double cell = NAN;
    if (!csv_col_need(table, col, &i, err) ||
        !csv_number(table, row, i, NAN, &cell, err)) {
        return false;
    }
    if (isnan(cell)) {
        *value = fallback;
        return true;
    }
    *value = cell * scale;
    if (*value < min || *value > max) {
        return err_at(err, csv_pos(table, row), "%s must be %.9g..%.9g, got %.9g", col,
                      min / scale, max / scale, cell);
    }
    return true;
}

bool catalog_need_positive(const struct csv_table *table, int row, const char *col,
                           double scale, double *value, struct err *err)
{
    if (!catalog_number(table, row, col, scale, 0, -INFINITY, INFINITY, value, err)) {
        return false;
    }
    if (!(*value > 0)) {
        return err_at(err, csv_pos(table, row), "%s must be a number greater than 0", col);
    }
    return true;
}

bool catalog_need_count(const struct csv_table *table, int row, const char *col, int *value,
                        struct err *err)
{
    double count = 0;
    if (!catalog_need_positive(table, row, col, 1, &count, err)) {
        return false;
    }
    if (count != floor(count) || count > 1e6) {
        return err_at(err, csv_pos(table, row), "%s must be a whole number 1..1000000", col);
    }
    *value = (int)count;
    return true;
}

static const char *skip_separators(const char *text)
{
    return text + strspn(text, "-_ ");
}

/* How far `name` goes along with `full`: true with *whole when they are equal, else true when name
 * is a beginning of full. */
static bool name_begins(const char *name, const char *full, bool *whole)
{
    name = skip_separators(name);
    full = skip_separators(full);
    while (*name && tolower((unsigned char)*name) == tolower((unsigned char)*full)) {
        name = skip_separators(name + 1);
        full = skip_separators(full + 1);
    }
    *whole = *name == '\0' && *full == '\0';
    return *name == '\0';
}

bool catalog_same_name(const char *a, const char *b)
{
    bool whole = false;
    name_begins(a, b, &whole);
    return whole;
}

/* "h100" begins three names: better than the nearest by edit distance is to offer all of them. */
static int list_beginnings(char *text, size_t size, const char *name, const char *const *names,
                           int n)
{
    int n_found = 0;
    size_t used = 0;
    for (int i = 0; i < n; i++) {
        bool whole = false;
        size_t need = strlen(names[i]) + 2;
        if (!name_begins(name, names[i], &whole) || used + need >= size) {
            continue;
        }
        memcpy(text + used, n_found ? ", " : "", n_found ? 2 : 0);
        used += n_found ? 2 : 0;
        memcpy(text + used, names[i], need - 1);
        used += need - 2;
        n_found++;
    }
    return n_found;
}

int catalog_find(const char *what, const char *name, const char *const *names, int n,
                 struct err *err)
{
    for (int i = 0; i < n; i++) {
        if (catalog_same_name(name, names[i])) {
            return i;
        }
    }
    char begun[160] = "";
    bool empty = *skip_separators(name) == '\0';
    if (!empty && list_beginnings(begun, sizeof begun, name, names, n) > 1) {
        err_set(err, ERR_INPUT, "unknown %s '%.80s': could be %s", what, name, begun);
    } else {
        err_set(err, ERR_INPUT, "unknown %s '%.80s'", what, name);
        err_suggest(err, begun[0] ? begun : name, names, n);
    }
    return -1;
}
