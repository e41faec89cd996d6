/* SPDX-License-Identifier: GPL-3.0-or-later */
/* catalog.c - names, dates and overlays of the hardware tables. Everything is linear or
 * quadratic in the table: a catalogue has some hundred rows and is read once. */
#include "hardware/catalog.h"

#include <ctype.h>
#include <string.h>

#include "sim/base/date.h"

bool catalog_check_date(const char *date, const char *col, struct src_pos pos, struct err *err)
{
    if (!date_is_valid(date)) {
        return err_at(err, pos, "column '%s' must be a date YYYY-MM-DD, got '%s'", col, date);
    }
    return true;
}

static const char *skip_separators(const char *text)
{
    return text + strspn(text, "-_ ");
}

/* How far `name` goes along with `full`: true with *whole when they are equal, else true when
 * name is a beginning of full. */
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

/* "h100" begins three names: better than the nearest by edit distance is to offer all of them.
 */
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

static const char *row_name(const struct row_list *list, size_t row_size, int i)
{
    const char *name;
    memcpy(&name, (const char *)list->rows + (size_t)i * row_size, sizeof name);
    return name;
}

/* Index below n of the row with this name, or -1. */
static int row_named(const struct row_list *list, size_t row_size, int n, const char *name)
{
    for (int i = 0; i < n; i++) {
        if (catalog_same_name(row_name(list, row_size, i), name)) {
            return i;
        }
    }
    return -1;
}

bool catalog_overlay(struct row_list *list, size_t row_size, const char *what, struct err *err)
{
    int n = 0;
    for (int i = 0; i < list->n; i++) {
        const char *name = row_name(list, row_size, i);
        int earlier = row_named(list, row_size, n, name);
        if (earlier < 0) {
            char *rows = list->rows;
            memmove(rows + (size_t)n * row_size, rows + (size_t)i * row_size, row_size);
            list->pos[n] = list->pos[i];
            n++;
        } else if (strcmp(list->pos[earlier].file, list->pos[i].file) == 0) {
            return err_at(err, list->pos[i], "%s '%s' is listed twice", what, name);
        }
    }
    list->n = n;
    return true;
}
