/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_csv.c - CSV tables: refused with a reason, or written and read again with the same
 * cells. */
#include <stdlib.h>

#include "sim/base/csvio.h"
#include "tests/fuzz/fuzz.h"

static char *write_table(const struct csv_table *t, size_t *n)
{
    char *text = NULL;
    struct err err = {0};
    FILE *out = open_memstream(&text, n);
    FUZZ_CHECK(out != NULL);
    struct csv_writer *w = csv_on_stream(out);
    for (int c = 0; c < t->n_cols; c++) {
        csv_put(w, t->cols[c]);
    }
    csv_end_row(w);
    for (int r = 0; r < t->n_rows; r++) {
        for (int c = 0; c < t->n_cols; c++) {
            csv_put(w, csv_cell(t, r, c));
        }
        csv_end_row(w);
    }
    FUZZ_CHECK(csv_close(w, &err));
    FUZZ_CHECK(fclose(out) == 0);
    return text;
}

static void check_again(struct arena *arena, const struct csv_table *t)
{
    size_t n = 0;
    struct csv_table again;
    struct err err = {0};
    char *text = write_table(t, &n);
    FUZZ_CHECK(csv_load(arena, fuzz_file(text, n), &again, &err));
    FUZZ_CHECK(again.n_cols == t->n_cols && again.n_rows == t->n_rows);
    for (int r = 0; r < t->n_rows; r++) {
        for (int c = 0; c < t->n_cols; c++) {
            FUZZ_CHECK(strcmp(csv_cell(t, r, c), csv_cell(&again, r, c)) == 0);
        }
    }
    free(text);
}

static void read_numbers(const struct csv_table *t)
{
    for (int r = 0; r < t->n_rows; r++) {
        for (int c = 0; c < t->n_cols; c++) {
            struct err err = {0};
            double value;
            if (!csv_number(t, r, c, 0.0, &value, &err)) {
                fuzz_check_refused(&err);
            }
        }
    }
}

/* A table of one column may have empty cells, which a reader takes for blank lines. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *arena = arena_new();
    struct csv_table table;
    struct err err = {0};
    if (!csv_load(arena, fuzz_file(n > 0 ? (const void *)data : "", n), &table, &err)) {
        fuzz_check_refused(&err);
    } else {
        read_numbers(&table);
        check_again(arena, &table);
    }
    arena_free(arena);
    return 0;
}
