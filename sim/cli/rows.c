/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/cli/rows.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "sim/base/table.h"
#include "sim/base/text.h"

enum { DIGITS = 4, MAX_DIGITS = 15 };

void row_text(json_t *row, const char *key, const char *text)
{
    json_object_set_new(row, key, text && text[0] ? json_string(text) : json_null());
}

void row_num(json_t *row, const char *key, double value)
{
    json_object_set_new(row, key, isnan(value) ? json_null() : json_real(value));
}

void row_int(json_t *row, const char *key, int64_t value)
{
    json_object_set_new(row, key, json_integer((json_int_t)value));
}

/* Digits that show a number without cutting its integer part. */
static int digits_for(double value, int least)
{
    int digits = 1;
    for (double size = fabs(value); size >= 10.0 && digits < MAX_DIGITS; size /= 10.0) {
        digits++;
    }
    return digits > least ? digits : least;
}

static void put_value(struct table *t, const json_t *value)
{
    if (json_is_integer(value)) {
        double n = (double)json_integer_value(value);
        table_num(t, n, digits_for(n, 1));
    } else if (json_is_real(value)) {
        double x = json_real_value(value);
        table_num(t, x, x == floor(x) ? digits_for(x, 1) : digits_for(x, DIGITS));
    } else if (json_is_boolean(value)) {
        table_put(t, "%s", json_is_true(value) ? "yes" : "no");
    } else {
        table_put(t, "%s", json_is_string(value) ? json_string_value(value) : "");
    }
}

void rows_print(const json_t *rows, FILE *out)
{
    const char *key;
    const json_t *row, *value;
    size_t i;
    struct table *t = table_new();
    const json_t *first = json_array_get(rows, 0);
    for (void *at = json_object_iter((json_t *)(uintptr_t)first); at;
         at = json_object_iter_next((json_t *)(uintptr_t)first, at)) {
        table_col(t, json_object_iter_key(at));
    }
    json_array_foreach(rows, i, row)
    {
        json_object_foreach((json_t *)(uintptr_t)row, key, value)
        {
            put_value(t, value);
        }
        table_end_row(t);
    }
    table_write(t, out);
    table_free(t);
}

static bool is_estimated(const json_t *record, const char *key)
{
    size_t i;
    const json_t *name;
    json_array_foreach(json_object_get(record, "estimated"), i, name)
    {
        if (json_is_string(name) && strcmp(json_string_value(name), key) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_table(const json_t *value)
{
    return json_is_array(value) && json_is_object(json_array_get(value, 0));
}

static void print_scalar(const json_t *value, FILE *out)
{
    if (json_is_integer(value)) {
        fprintf(out, "%lld", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        fprintf(out, "%.6g", json_real_value(value));
    } else if (json_is_boolean(value)) {
        fputs(json_is_true(value) ? "yes" : "no", out);
    } else {
        fputs(json_is_string(value) ? json_string_value(value) : "-", out);
    }
}

static void print_words(const json_t *list, FILE *out)
{
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        fputs(i ? ", " : "", out);
        print_scalar(item, out);
    }
    if (json_array_size(list) == 0) {
        fputc('-', out);
    }
}

static void print_line(const json_t *record, const char *key, const json_t *value, int width,
                       FILE *out)
{
    fprintf(out, "%s%*s", key, width - text_width(key) + 2, "");
    if (json_is_array(value)) {
        print_words(value, out);
    } else {
        print_scalar(value, out);
    }
    fputs(is_estimated(record, key) ? "  (estimated)\n" : "\n", out);
}

void record_print(const json_t *record, FILE *out)
{
    const char *key;
    json_t *value;
    int width = 0;
    json_t *all = (json_t *)(uintptr_t)record;
    json_object_foreach(all, key, value)
    {
        int own = is_table(value) ? 0 : text_width(key);
        width = own > width ? own : width;
    }
    json_object_foreach(all, key, value)
    {
        if (!is_table(value)) {
            print_line(record, key, value, width, out);
        }
    }
    json_object_foreach(all, key, value)
    {
        if (is_table(value)) {
            fprintf(out, "\n%s\n", key);
            rows_print(value, out);
        }
    }
}
