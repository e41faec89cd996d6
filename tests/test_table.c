/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text tables: alignment, widths in characters, digits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/progress.h"
#include "sim/base/table.h"
#include "tests/check.h"

static void check_written(const struct table *t, const char *expected)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    table_write(t, out);
    fclose(out);
    CU_ASSERT_STRING_EQUAL(text, expected);
    if (strcmp(text, expected) != 0) {
        fprintf(stderr, "got:\n%s", text);
    }
    free(text);
}

static void numbers_go_right_and_texts_left(void)
{
    struct table *t = table_new();
    table_col(t, "name");
    table_col(t, "rate_rps");
    table_col(t, "note");
    table_put(t, "a%d", 1);
    table_num(t, 12.3456, 3);
    table_put(t, "fine");
    table_end_row(t);
    table_put(t, "longer-name");
    table_num(t, NAN, 3);
    table_end_row(t);
    check_written(t, "name         rate_rps  note\n"
                     "-----------  --------  ----\n"
                     "a1               12.3  fine\n"
                     "longer-name         -\n");
    table_free(t);
}

static void widths_count_characters(void)
{
    struct table *t = table_new();
    table_col(t, "\xc3\xa9");
    table_col(t, "b");
    table_put(t, "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac");
    table_put(t, "x");
    table_end_row(t);
    table_put(t, "abc");
    table_put(t, "y");
    table_end_row(t);
    check_written(t,
                  "\xc3\xa9    b\n---  -\n\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac  x\nabc  y\n");
    table_free(t);
}

static void column_with_a_text_is_left_aligned(void)
{
    struct table *t = table_new();
    table_col(t, "v");
    table_col(t, "w");
    table_num(t, 1, 3);
    table_put(t, "x");
    table_end_row(t);
    table_put(t, "none");
    table_put(t, "x");
    table_end_row(t);
    check_written(t, "v     w\n----  -\n1.00  x\nnone  x\n");
    table_free(t);
}

static void check_digits(double value, int digits, const char *expected)
{
    struct table *t = table_new();
    char text[128];
    table_col(t, "x");
    table_num(t, value, digits);
    table_end_row(t);
    snprintf(text, sizeof text, "%*s\n", (int)strlen(expected), "x");
    for (size_t i = 0; i < strlen(expected); i++) {
        strcat(text, "-");
    }
    strcat(strcat(strcat(text, "\n"), expected), "\n");
    check_written(t, text);
    table_free(t);
}

static void numbers_have_the_digits_asked_for(void)
{
    check_digits(1234567, 3, "1234567");
    check_digits(9.996, 3, "10.0");
    check_digits(0.99996, 4, "1.000");
    check_digits(0.012345, 3, "0.0123");
    check_digits(-2.5, 2, "-2.5");
    check_digits(0, 3, "0");
    check_digits(-0.0, 3, "0");
    check_digits(1e-9, 3, "1e-09");
    check_digits(1.5e20, 3, "1.5e+20");
    check_digits(INFINITY, 3, "inf");
}

static void header_alone_and_no_columns(void)
{
    struct table *t = table_new();
    check_written(t, "");
    table_col(t, "only");
    check_written(t, "only\n----\n");
    table_free(t);
    table_free(NULL);
}

static void footer_names_version_seed_and_rates(void)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    struct footer footer = {.version = "1.2.3",
                            .command = "run",
                            .seed = 7,
                            .n_events = 25000000,
                            .n_requests = 20000,
                            .start_wall_s = wall_now_s() - 2};
    footer_write(&footer, out);
    fclose(out);
    CU_ASSERT_EQUAL(
        strncmp(text, "headroom 1.2.3: run, seed 7\n25M events (12.5M/s), 20000 ", 55), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "simulated requests ("));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "wall 2.0"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "MiB\n"));
    free(text);
}

static void a_band_stands_behind_its_value(void)
{
    struct table *t = table_new();
    table_col(t, "TTFT ms");
    table_band(t, 21.44, 18.2, 26.4, 3);
    table_end_row(t);
    table_band(t, 21.44, NAN, NAN, 3);
    table_end_row(t);
    check_written(t, "     TTFT ms\n"
                     "------------\n"
                     "21.4 (18-26)\n"
                     "        21.4\n");
    table_free(t);
}

static void quiet_progress_only_counts(void)
{
    struct progress *p = progress_new("runs", 3, true);
    for (int i = 0; i < 5; i++) {
        progress_add(p, 1);
    }
    progress_free(p);
    progress_free(NULL);
    CU_ASSERT_TRUE(cpu_now_s() >= 0);
    CU_ASSERT_TRUE(peak_memory_bytes() > 1e5);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"numbers_go_right_and_texts_left", numbers_go_right_and_texts_left},
        {"widths_count_characters", widths_count_characters},
        {"column_with_a_text_is_left_aligned", column_with_a_text_is_left_aligned},
        {"numbers_have_the_digits_asked_for", numbers_have_the_digits_asked_for},
        {"header_alone_and_no_columns", header_alone_and_no_columns},
        {"footer_names_version_seed_and_rates", footer_names_version_seed_and_rates},
        {"a_band_stands_behind_its_value", a_band_stands_behind_its_value},
        {"quiet_progress_only_counts", quiet_progress_only_counts},
    };
    return check_main("table", cases, (int)(sizeof cases / sizeof cases[0]));
}
