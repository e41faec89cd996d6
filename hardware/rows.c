/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rows.c - see rows.h. Two passes: all tables are read to know the number of rows, then filled
 * into one array, so that rows of several directories stand together. */
#include "hardware/rows.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "sim/base/csvio.h"

static void *member(void *row, const struct row_field *field)
{
    return (char *)row + field->offset;
}

static bool fill_number(const struct csv_table *t, int row, int col,
                        const struct row_field *field, double *out, struct err *err)
{
    const char *cell = csv_cell(t, row, col);
    bool may_be_empty = field->kind == ROW_MAYBE || field->kind == ROW_FLAG;
    if (!cell[0]) {
        *out = NAN;
        return may_be_empty ||
               err_at(err, csv_pos(t, row), "column '%s' must not be empty", field->column);
    }
    double value;
    if (!csv_number(t, row, col, NAN, &value, err)) {
        return false;
    }
    if (!(value >= field->min && value <= field->max)) {
        return err_at(err, csv_pos(t, row), "column '%s' must be %g..%g, got %s", field->column,
                      field->min, field->max, cell);
    }
    if (field->kind == ROW_FLAG && value != 0.0 && value != 1.0) {
        return err_at(err, csv_pos(t, row), "column '%s' must be 0 or 1", field->column);
    }
    *out = value * field->scale;
    return true;
}

static bool fill_int(const struct csv_table *t, int row, int col, const struct row_field *field,
                     int *out, struct err *err)
{
    double value;
    if (!fill_number(t, row, col, field, &value, err)) {
        return false;
    }
    if (value != floor(value)) {
        return err_at(err, csv_pos(t, row), "column '%s' must be a whole number",
                      field->column);
    }
    *out = (int)value;
    return true;
}

static bool fill_text(const struct csv_table *t, int row, int col,
                      const struct row_field *field, const char **out, struct err *err)
{
    *out = csv_cell(t, row, col);
    return field->kind == ROW_TEXT || (*out)[0] ||
           err_at(err, csv_pos(t, row), "column '%s' must not be empty", field->column);
}

static bool fill_column(const struct csv_table *t, const struct row_field *field,
                        size_t row_size, char *rows, struct err *err)
{
    int col;
    if (!csv_col_need(t, field->column, &col, err)) {
        return false;
    }
    for (int i = 0; i < t->n_rows; i++) {
        void *at = member(rows + (size_t)i * row_size, field);
        bool ok;
        if (field->kind == ROW_TEXT || field->kind == ROW_NAME) {
            ok = fill_text(t, i, col, field, at, err);
        } else if (field->kind == ROW_INT) {
            ok = fill_int(t, i, col, field, at, err);
        } else {
            ok = fill_number(t, i, col, field, at, err);
        }
        if (!ok) {
            return false;
        }
    }
    return true;
}

static bool fill_table(const struct csv_table *t, const struct row_layout *layout, char *rows,
                       struct src_pos *pos, struct err *err)
{
    for (int f = 0; f < layout->n_fields; f++) {
        if (!fill_column(t, &layout->fields[f], layout->row_size, rows, err)) {
            return false;
        }
    }
    for (int i = 0; i < t->n_rows; i++) {
        pos[i] = csv_pos(t, i);
    }
    return true;
}

/* Reads the tables that exist; returns how many, -1 on error. */
static int load_tables(struct arena *arena, const char *const *dirs, int n_dirs,
                       const char *file, struct csv_table *tables, struct err *err)
{
    int n = 0;
    for (int i = 0; i < n_dirs; i++) {
        const char *path = arena_printf(arena, "%s/hardware/%s", dirs[i], file);
        if (access(path, F_OK) != 0) {
            continue;
        }
        if (!csv_load(arena, path, &tables[n], err)) {
            return -1;
        }
        n++;
    }
    if (n == 0) {
        err_set(err, ERR_IO, "hardware/%s is in none of the data directories", file);
        return -1;
    }
    return n;
}

bool rows_load(struct arena *arena, const char *const *dirs, int n_dirs,
               const struct row_layout *layout, struct row_list *list, struct err *err)
{
    struct csv_table *tables = arena_alloc(arena, (size_t)n_dirs + 1, sizeof *tables);
    int n_tables = load_tables(arena, dirs, n_dirs, layout->file, tables, err);
    if (n_tables < 0) {
        return false;
    }
    int n = 0;
    for (int i = 0; i < n_tables; i++) {
        n += tables[i].n_rows;
    }
    char *rows = arena_alloc(arena, (size_t)n + 1, layout->row_size);
    struct src_pos *pos = arena_alloc(arena, (size_t)n + 1, sizeof *pos);
    int at = 0;
    for (int i = 0; i < n_tables; i++) {
        char *first = rows + (size_t)at * layout->row_size;
        if (!fill_table(&tables[i], layout, first, pos + at, err)) {
            return false;
        }
        at += tables[i].n_rows;
    }
    *list = (struct row_list){.rows = rows, .n = n, .pos = pos};
    return true;
}
