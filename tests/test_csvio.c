/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CSV in and out: good files in their variants, bad files with their messages, whole or no
 * output. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/base/csvio.h"
#include "tests/check.h"

static void write_bytes(const char *path, const char *text, size_t n)
{
    FILE *out = fopen(path, "wb");
    fwrite(text, 1, n, out);
    fclose(out);
}

static void read_text(const char *path, char *buf, size_t n)
{
    FILE *in = fopen(path, "rb");
    size_t got = in ? fread(buf, 1, n - 1, in) : 0;
    buf[got] = '\0';
    if (in) {
        fclose(in);
    }
}

/* Loads text as a file; the table is in the arena. */
static bool load_bytes(struct arena *arena, const char *text, size_t n, struct csv_table *table,
                       struct err *err)
{
    const char *path = check_tmp(0, ".csv");
    write_bytes(path, text, n);
    memset(err, 0, sizeof *err);
    bool ok = csv_load(arena, path, table, err);
    remove(path);
    return ok;
}

static bool load(struct arena *arena, const char *text, struct csv_table *table,
                 struct err *err)
{
    return load_bytes(arena, text, strlen(text), table, err);
}

static void check_refused(const char *text, size_t n, int line, const char *message)
{
    struct arena *arena = arena_new();
    struct csv_table table;
    struct err err;
    CU_ASSERT_FALSE(load_bytes(arena, text, n, &table, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    CU_ASSERT_EQUAL(err.line, line);
    bool found = strstr(err.text, message) != NULL;
    CU_ASSERT_TRUE(found);
    if (!found) {
        fprintf(stderr, "message: %s\n", err.text);
    }
    arena_free(arena);
}

#define REFUSED(text, line, message) check_refused((text), sizeof(text) - 1, (line), (message))

static void loads_cells_by_name(void)
{
    struct arena *arena = arena_new();
    struct csv_table t;
    struct err err;
    double value;
    CU_ASSERT_TRUE(load(arena, "name,rate_rps,n\na,1.5,\n\"b, \"\"x\"\"\",2e3,7\n", &t, &err));
    CU_ASSERT_EQUAL(t.n_cols, 3);
    CU_ASSERT_EQUAL(t.n_rows, 2);
    CU_ASSERT_STRING_EQUAL(csv_cell(&t, 1, csv_col(&t, "name")), "b, \"x\"");
    CU_ASSERT_STRING_EQUAL(csv_cell(&t, 0, 2), "");
    CU_ASSERT_STRING_EQUAL(csv_cell(&t, 0, csv_col(&t, "absent")), "");
    CU_ASSERT_TRUE(csv_number(&t, 1, 1, -1, &value, &err));
    CU_ASSERT_EQUAL(value, 2000);
    CU_ASSERT_TRUE(csv_number(&t, 0, 2, -1, &value, &err));
    CU_ASSERT_EQUAL(value, -1);
    CU_ASSERT_EQUAL(csv_pos(&t, 1).line, 3);
    arena_free(arena);
}

static void accepts_crlf_bom_blank_lines_and_no_last_newline(void)
{
    static const char *const texts[] = {"a,b\n1,2\n3,4\n",
                                        "a,b\r\n1,2\r\n3,4\r\n",
                                        ("\xef\xbb\xbf"
                                         "a,b\n1,2\n3,4\n"),
                                        "a,b\n1,2\n3,4",
                                        "\n\na,b\n\n1,2\n \n3,4\n\n",
                                        "a,b\r1,2\r3,4\r",
                                        "\"a\",\"b\"\n 1 , 2 \n3,\"4\""};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct arena *arena = arena_new();
        struct csv_table t;
        struct err err;
        CU_ASSERT_TRUE_FATAL(load(arena, texts[i], &t, &err));
        CU_ASSERT_EQUAL_FATAL(t.n_rows, 2);
        CU_ASSERT_EQUAL(csv_col(&t, "a"), 0);
        CU_ASSERT_STRING_EQUAL(csv_cell(&t, 0, 1), "2");
        CU_ASSERT_STRING_EQUAL(csv_cell(&t, 1, 1), "4");
        arena_free(arena);
    }
}

static void lines_are_right_after_quoted_newlines_and_blank_lines(void)
{
    struct arena *arena = arena_new();
    struct csv_table t;
    struct err err;
    CU_ASSERT_TRUE(load(arena, "a,b\r\n\"x\r\ny\",1\r\n\r\nz,2\r\n", &t, &err));
    CU_ASSERT_STRING_EQUAL(csv_cell(&t, 0, 0), "x\ny");
    CU_ASSERT_EQUAL(t.lines[0], 2);
    CU_ASSERT_EQUAL(t.lines[1], 5);
    arena_free(arena);
}

/* Else a table that is written and read again would lose one of them each time. */
static void every_cr_before_a_newline_belongs_to_it(void)
{
    struct arena *arena = arena_new();
    struct csv_table t;
    struct err err;
    CU_ASSERT_TRUE(load(arena, "a,b\r\r\n\"x\r\r\ny\",1\r\n", &t, &err));
    CU_ASSERT_EQUAL(t.n_rows, 1);
    CU_ASSERT_STRING_EQUAL(csv_cell(&t, 0, 0), "x\ny");
    arena_free(arena);
}

static void header_alone_is_an_empty_table(void)
{
    struct arena *arena = arena_new();
    struct csv_table t;
    struct err err;
    CU_ASSERT_TRUE(load(arena, "a,b\n", &t, &err));
    CU_ASSERT_EQUAL(t.n_rows, 0);
    CU_ASSERT_EQUAL(csv_col(&t, "b"), 1);
    arena_free(arena);
}

static void refuses_bad_files_with_their_line(void)
{
    REFUSED("", 0, "is empty");
    REFUSED("\n \n\n", 0, "is empty");
    REFUSED("\xef\xbb\xbf", 0, "is empty");
    REFUSED("a,b\n1,2\n3\n", 3, "1 field where the header has 2");
    REFUSED("a,b\n1,2,3\n", 2, "3 fields where the header has 2");
    REFUSED("a,b,a\n", 1, "columns 1 and 3 are both named 'a'");
    REFUSED("a,b\n1,x\"y\n", 2, "quote in the wrong place");
    REFUSED("a,b\n\"1\" 2,3\n", 2, "quote in the wrong place");
    REFUSED("a,b\n1,2\n\"open,2\n3,4\n", 3, "ends inside a quoted field");
    REFUSED("a,b\n1,\xff\n", 2, "not valid UTF-8");
    REFUSED("a,b\n1,\xc3\n", 2, "not valid UTF-8");
    REFUSED("a,b\n1,\xed\xa0\x80\n", 2, "not valid UTF-8");
    REFUSED("a,b\n1,x\0y\n", 2, "NUL byte");
    REFUSED("\xff\xfe"
            "a\0",
            0, "UTF-16");
    REFUSED("\x1f\x8b\x08\x01", 0, "gzip");
}

static void bad_byte_has_its_column(void)
{
    struct arena *arena = arena_new();
    struct csv_table t;
    struct err err;
    CU_ASSERT_FALSE(load(arena, "a,b\n\xc3\xa9,\xff\n", &t, &err));
    CU_ASSERT_EQUAL(err.line, 2);
    CU_ASSERT_EQUAL(err.col, 3);
    arena_free(arena);
}

static void missing_file_and_directory_are_io_errors(void)
{
    struct arena *arena = arena_new();
    struct csv_table t;
    struct err missing = {0}, directory = {0};
    CU_ASSERT_FALSE(csv_load(arena, "build/not-there.csv", &t, &missing));
    CU_ASSERT_EQUAL(missing.code, ERR_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(missing.text, "No such file"));
    CU_ASSERT_FALSE(csv_load(arena, "build", &t, &directory));
    CU_ASSERT_EQUAL(directory.code, ERR_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(directory.text, "directory"));
    arena_free(arena);
}

static void missing_column_suggests_the_nearest(void)
{
    struct arena *arena = arena_new();
    struct csv_table t;
    struct err err;
    int col;
    CU_ASSERT_TRUE(load(arena, "rate_rps,n\n1,2\n", &t, &err));
    CU_ASSERT_TRUE(csv_col_need(&t, "n", &col, &err));
    CU_ASSERT_EQUAL(col, 1);
    CU_ASSERT_FALSE(csv_col_need(&t, "rate_rp", &col, &err));
    CU_ASSERT_EQUAL(err.line, 1);
    CU_ASSERT_STRING_EQUAL(err.hint, "did you mean 'rate_rps'?");
    arena_free(arena);
}

static void bad_number_names_column_and_line(void)
{
    static const char *const bad[] = {"x", "1x", "32k", "nan", "inf", "0x10", "1 2", "1e999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct arena *arena = arena_new();
        struct csv_table t;
        struct err err;
        char text[64];
        double value = 42;
        snprintf(text, sizeof text, "a,rate_rps\n1,2\n3,%s\n", bad[i]);
        CU_ASSERT_TRUE_FATAL(load(arena, text, &t, &err));
        CU_ASSERT_FALSE(csv_number(&t, 1, 1, 0, &value, &err));
        CU_ASSERT_EQUAL(value, 42);
        CU_ASSERT_EQUAL(err.line, 3);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'rate_rps'"));
        arena_free(arena);
    }
}

struct seen {
    int n_rows;
    int stop_after;
    int64_t last_line;
};

static bool count_row(void *ctx, int n_fields, const char *const *fields, int64_t line,
                      struct err *err)
{
    struct seen *seen = ctx;
    (void)err;
    CU_ASSERT_EQUAL(n_fields, 2);
    CU_ASSERT_PTR_NOT_NULL(fields[1]);
    seen->last_line = line;
    return ++seen->n_rows != seen->stop_after;
}

static void streams_many_rows(void)
{
    const char *path = check_tmp(0, ".csv");
    FILE *out = fopen(path, "wb");
    for (int i = 0; i < 200000; i++) {
        fprintf(out, "%d,\"%d\"\n", i, i);
    }
    fclose(out);
    struct seen seen = {0};
    struct err err = {0};
    CU_ASSERT_TRUE(csv_read(path, count_row, &seen, &err));
    CU_ASSERT_EQUAL(seen.n_rows, 200000);
    CU_ASSERT_EQUAL(seen.last_line, 200000);
    struct seen some = {.stop_after = 5};
    CU_ASSERT_FALSE(csv_read(path, count_row, &some, &err));
    CU_ASSERT_EQUAL(some.n_rows, 5);
    CU_ASSERT_EQUAL(err.code, ERR_NONE);
    remove(path);
}

/* A first cell that is a byte order mark must not be taken for the file's. */
static void a_cell_that_begins_with_a_byte_order_mark_survives(void)
{
    const char *path = check_tmp(0, ".csv");
    struct arena *arena = arena_new();
    struct csv_table table = {0};
    struct err err = {0};
    struct csv_writer *w = csv_create(path, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    csv_put(w, "\xEF\xBB\xBFname");
    csv_end_row(w);
    CU_ASSERT_TRUE(csv_close(w, &err));
    CU_ASSERT_TRUE_FATAL(csv_load(arena, path, &table, &err));
    CU_ASSERT_STRING_EQUAL(table.cols[0], "\xEF\xBB\xBFname");
    arena_free(arena);
}

/* A quote opened on line 2 and never closed must not swallow an endless file into memory. */
static void endless_quoted_field_is_refused(void)
{
    const char *path = check_tmp(0, ".csv");
    FILE *out = fopen(path, "wb");
    fputs("a,b\n1,\"open\n", out);
    for (int i = 0; i < 100000; i++) {
        fputs("0123456789012345678901234567890123456789\n", out);
    }
    fclose(out);
    struct seen seen = {0};
    struct err err = {0};
    CU_ASSERT_FALSE(csv_read(path, count_row, &seen, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    CU_ASSERT_EQUAL(err.line, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "longer than 1 MiB"));
    remove(path);
}

static void endless_line_is_refused(void)
{
    const char *path = check_tmp(0, ".csv");
    FILE *out = fopen(path, "wb");
    for (int i = 0; i < 18; i++) {
        char *block = calloc(1, 1 << 20);
        memset(block, 'a', 1 << 20);
        fwrite(block, 1, 1 << 20, out);
        free(block);
    }
    fclose(out);
    struct seen seen = {0};
    struct err err = {0};
    CU_ASSERT_FALSE(csv_read(path, count_row, &seen, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "line longer than 16 MiB"));
    remove(path);
}

static void too_many_columns_are_refused(void)
{
    char *text = calloc(1, 10001);
    memset(text, ',', 10000);
    check_refused(text, 10000, 1, "more than 4096 fields");
    free(text);
}

/* Random bytes over a good file: reading it right or refusing it, nothing else. */
static void mutated_files_never_crash(void)
{
    static const char good[] = "\xef\xbb\xbf"
                               "a,b,c\r\n1,\"x, \"\"y\"\"\",\xc3\xa9\r\n\"l1\nl2\",2,3\n";
    unsigned state = 1;
    for (int i = 0; i < 3000; i++) {
        char text[sizeof good];
        memcpy(text, good, sizeof good);
        for (int j = 0; j < 3; j++) {
            state = state * 1664525u + 1013904223u;
            text[(state >> 8) % (sizeof good - 1)] = (char)(state >> 24);
        }
        struct arena *arena = arena_new();
        struct csv_table t;
        struct err err;
        size_t n = (state >> 4) % sizeof good;
        bool ok = load_bytes(arena, text, n, &t, &err);
        CU_ASSERT_EQUAL(ok, err.code == ERR_NONE);
        arena_free(arena);
    }
}

static void writes_what_it_reads(void)
{
    const char *path = check_tmp(0, ".csv");
    struct err err = {0};
    struct csv_writer *w = csv_create(path, &err);
    csv_put(w, "name");
    csv_put(w, "value_s");
    csv_end_row(w);
    csv_put(w, " a,\"b\"\n ");
    csv_put_num(w, 1.0 / 3);
    csv_end_row(w);
    csv_put(w, NULL);
    csv_put_num(w, NAN);
    csv_end_row(w);
    csv_put_int(w, INT64_MIN);
    csv_put_num(w, -0.0);
    csv_end_row(w);
    CU_ASSERT_TRUE(csv_close(w, &err));
    char text[256];
    read_text(path, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "name,value_s\n\" a,\"\"b\"\"\n \",0.333333333\n,\n"
                                 "-9223372036854775808,0\n");
    struct arena *arena = arena_new();
    struct csv_table t;
    CU_ASSERT_TRUE(csv_load(arena, path, &t, &err));
    CU_ASSERT_EQUAL(t.n_rows, 3);
    CU_ASSERT_STRING_EQUAL(csv_cell(&t, 0, 0), " a,\"b\"\n ");
    arena_free(arena);
    remove(path);
}

static void exact_numbers_keep_every_bit(void)
{
    const char *path = check_tmp(0, ".csv");
    const double values[] = {1.0 / 3, -0.0, 5e-324, 1.7976931348623157e308, 0.1};
    struct err err = {0};
    struct csv_writer *w = csv_create(path, &err);
    csv_put(w, "x");
    csv_end_row(w);
    for (int i = 0; i < 5; i++) {
        csv_put_exact(w, values[i]);
        csv_end_row(w);
    }
    csv_put_exact(w, NAN);
    csv_end_row(w);
    CU_ASSERT_TRUE(csv_close(w, &err));
    struct arena *arena = arena_new();
    struct csv_table t;
    double value;
    CU_ASSERT_TRUE(csv_load(arena, path, &t, &err));
    CU_ASSERT_EQUAL_FATAL(t.n_rows, 6);
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_TRUE(csv_number_exact(&t, i, 0, &value, &err));
        CU_ASSERT_EQUAL(memcmp(&value, &values[i], sizeof value), 0);
    }
    CU_ASSERT_TRUE(csv_number_exact(&t, 5, 0, &value, &err));
    CU_ASSERT_TRUE(isnan(value));
    arena_free(arena);
    remove(path);
}

static void file_appears_only_when_closed(void)
{
    const char *path = check_tmp(0, ".csv");
    char text[32];
    struct err err = {0};
    write_bytes(path, "old\n", 4);
    struct csv_writer *w = csv_create(path, &err);
    csv_put(w, "new");
    csv_end_row(w);
    read_text(path, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "old\n");
    CU_ASSERT_TRUE(csv_close(w, &err));
    read_text(path, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "new\n");
    remove(path);
}

static void abandoned_file_leaves_nothing(void)
{
    const char *path = check_tmp(0, ".csv");
    char tmp[256];
    struct err err = {0};
    struct csv_writer *w = csv_create(path, &err);
    snprintf(tmp, sizeof tmp, "%s.tmp.%ld", path, (long)getpid());
    CU_ASSERT_EQUAL(access(tmp, F_OK), 0);
    csv_abandon(w);
    csv_abandon(NULL);
    CU_ASSERT_NOT_EQUAL(access(tmp, F_OK), 0);
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
}

static void link_is_followed(void)
{
    const char *path = check_tmp(0, ".csv"), *link_path = check_tmp(1, ".csv");
    char text[32], target[256];
    struct stat st;
    struct err err = {0};
    write_bytes(path, "old\n", 4);
    snprintf(target, sizeof target, "%s", strrchr(path, '/') + 1);
    CU_ASSERT_EQUAL(symlink(target, link_path), 0);
    struct csv_writer *w = csv_create(link_path, &err);
    csv_put(w, "new");
    csv_end_row(w);
    CU_ASSERT_TRUE(csv_close(w, &err));
    CU_ASSERT_EQUAL(lstat(link_path, &st), 0);
    CU_ASSERT_TRUE(S_ISLNK(st.st_mode));
    read_text(path, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "new\n");
    remove(link_path);
    remove(path);
}

static void unwritable_place_is_an_io_error(void)
{
    struct err err = {0};
    CU_ASSERT_PTR_NULL(csv_create("build/no-such-dir/x.csv", &err));
    CU_ASSERT_EQUAL(err.code, ERR_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "No such file"));
}

static void full_disk_is_reported(void)
{
    struct err err = {0};
    if (access("/dev/full", W_OK) != 0) {
        return;
    }
    struct csv_writer *w = csv_create("/dev/full", &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    for (int i = 0; i < 10000; i++) {
        csv_put_int(w, i);
        csv_end_row(w);
    }
    CU_ASSERT_FALSE(csv_close(w, &err));
    CU_ASSERT_EQUAL(err.code, ERR_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "No space left"));
}

static void short_output_on_a_full_disk_is_reported(void)
{
    struct err err = {0};
    FILE *out = fopen("/dev/full", "w");
    if (!out) {
        return;
    }
    struct csv_writer *w = csv_on_stream(out);
    csv_put(w, "x");
    csv_end_row(w);
    CU_ASSERT_FALSE(csv_close(w, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "No space left"));
    fclose(out);
}

static void lone_empty_cell_is_not_a_blank_line(void)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    struct csv_writer *w = csv_on_stream(out);
    struct err err = {0};
    csv_put(w, "");
    csv_end_row(w);
    csv_put(w, "");
    csv_put(w, "");
    csv_end_row(w);
    /* a memory stream has no file behind it; closing still flushes */
    CU_ASSERT_TRUE(csv_close(w, &err));
    fclose(out);
    CU_ASSERT_STRING_EQUAL(text, "\"\"\n,\n");
    free(text);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"loads_cells_by_name", loads_cells_by_name},
        {"accepts_crlf_bom_blank_lines_and_no_last_newline",
         accepts_crlf_bom_blank_lines_and_no_last_newline},
        {"lines_are_right_after_quoted_newlines_and_blank_lines",
         lines_are_right_after_quoted_newlines_and_blank_lines},
        {"every CR before a newline belongs to it", every_cr_before_a_newline_belongs_to_it},
        {"header_alone_is_an_empty_table", header_alone_is_an_empty_table},
        {"refuses_bad_files_with_their_line", refuses_bad_files_with_their_line},
        {"bad_byte_has_its_column", bad_byte_has_its_column},
        {"missing_file_and_directory_are_io_errors", missing_file_and_directory_are_io_errors},
        {"missing_column_suggests_the_nearest", missing_column_suggests_the_nearest},
        {"bad_number_names_column_and_line", bad_number_names_column_and_line},
        {"streams_many_rows", streams_many_rows},
        {"a_cell_that_begins_with_a_byte_order_mark_survives",
         a_cell_that_begins_with_a_byte_order_mark_survives},
        {"endless_quoted_field_is_refused", endless_quoted_field_is_refused},
        {"endless_line_is_refused", endless_line_is_refused},
        {"too_many_columns_are_refused", too_many_columns_are_refused},
        {"mutated_files_never_crash", mutated_files_never_crash},
        {"writes_what_it_reads", writes_what_it_reads},
        {"exact_numbers_keep_every_bit", exact_numbers_keep_every_bit},
        {"file_appears_only_when_closed", file_appears_only_when_closed},
        {"abandoned_file_leaves_nothing", abandoned_file_leaves_nothing},
        {"link_is_followed", link_is_followed},
        {"unwritable_place_is_an_io_error", unwritable_place_is_an_io_error},
        {"full_disk_is_reported", full_disk_is_reported},
        {"short_output_on_a_full_disk_is_reported", short_output_on_a_full_disk_is_reported},
        {"lone_empty_cell_is_not_a_blank_line", lone_empty_cell_is_not_a_blank_line},
    };
    return check_main("csvio", cases, (int)(sizeof cases / sizeof cases[0]));
}
