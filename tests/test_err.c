/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Errors: place, quote, caret, suggestion; and the arena that keeps their file names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/err.h"
#include "sim/base/mem.h"
#include "tests/check.h"

static void write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "wb");
    fwrite(text, 1, strlen(text), out);
    fclose(out);
}

/* What err_print writes; caller frees. */
static char *printed(const struct err *err)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    err_print(err, out);
    fclose(out);
    return text;
}

static void check_printed(const struct err *err, const char *expected)
{
    char *text = printed(err);
    CU_ASSERT_STRING_EQUAL(text, expected);
    if (strcmp(text, expected) != 0) {
        fprintf(stderr, "got:\n%s", text);
    }
    free(text);
}

static void prints_without_file(void)
{
    struct err err = {0};
    CU_ASSERT_FALSE(err_set(&err, ERR_USAGE, "no such command '%s'", "plam"));
    CU_ASSERT_EQUAL(err.code, ERR_USAGE);
    check_printed(&err, "headroom: error: no such command 'plam'\n");
}

static void prints_quote_and_caret(void)
{
    struct err err = {0};
    char expected[512];
    const char *path = check_tmp(0, ".yaml");
    write_file(path, "first: 1\n\tkv: 0 \xc2\xb5\r\n");
    err_at(&err, (struct src_pos){path, 2, 6}, "kv must be positive");
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    snprintf(expected, sizeof expected,
             "%s:2:6: error: kv must be positive\n  \tkv: 0 \xc2\xb5\n  \t    ^\n", path);
    check_printed(&err, expected);
    remove(path);
}

static void caret_counts_characters_not_bytes(void)
{
    struct err err = {.code = ERR_INPUT, .line = 1, .col = 4, .text = "x"};
    err_quote(&err, "\xc3\xa9\xc3\xa9: 1", 7);
    CU_ASSERT_EQUAL(err.caret, 4);
    check_printed(&err, "headroom: error: x\n  \xc3\xa9\xc3\xa9: 1\n     ^\n");
}

static void long_line_is_cut_around_the_column(void)
{
    char line[3001];
    memset(line, 'a', 3000);
    line[1500] = 'X';
    line[3000] = '\0';
    struct err err = {.code = ERR_INPUT, .line = 1, .col = 1501, .text = "x"};
    err_quote(&err, line, 3000);
    CU_ASSERT_TRUE(strlen(err.quote) < 200);
    CU_ASSERT_EQUAL(strncmp(err.quote, "...a", 4), 0);
    CU_ASSERT_EQUAL(err.quote[err.caret - 1], 'X');
    CU_ASSERT_STRING_EQUAL(err.quote + strlen(err.quote) - 4, "a...");
}

static void long_line_of_wide_characters_is_cut_between_them(void)
{
    char line[2001];
    for (int i = 0; i < 1998; i += 3) {
        memcpy(line + i, "\xe2\x82\xac", 3);
    }
    for (int col = 1; col < 666; col += 7) {
        struct err err = {.code = ERR_INPUT, .line = 1, .col = col, .text = "x"};
        err_quote(&err, line, 1998);
        CU_ASSERT_PTR_NULL(strchr(err.quote, '?'));
        CU_ASSERT_TRUE(err.caret >= 1);
    }
}

static void column_behind_the_line_does_no_harm(void)
{
    struct err err = {.code = ERR_INPUT, .line = 1, .col = 99, .text = "x"};
    err_quote(&err, "ab", 2);
    CU_ASSERT_EQUAL(err.caret, 3);
}

static void place_beyond_the_file_has_no_quote(void)
{
    struct err err = {0};
    const char *path = check_tmp(0, ".txt");
    write_file(path, "one\n");
    err_at(&err, (struct src_pos){path, 7, 1}, "x");
    CU_ASSERT_STRING_EQUAL(err.quote, "");
    CU_ASSERT_EQUAL(err.line, 7);
    remove(path);
    struct err missing = {0};
    err_at(&missing, (struct src_pos){"build/not-there", 1, 1}, "x");
    check_printed(&missing, "build/not-there:1:1: error: x\n");
}

static void first_error_wins(void)
{
    struct err err = {0};
    err_set(&err, ERR_IO, "first");
    err_set(&err, ERR_USAGE, "second");
    err_at(&err, (struct src_pos){"f", 1, 1}, "third");
    CU_ASSERT_EQUAL(err.code, ERR_IO);
    CU_ASSERT_STRING_EQUAL(err.text, "first");
    CU_ASSERT_STRING_EQUAL(err.file, "");
}

static void null_err_is_fine(void)
{
    CU_ASSERT_FALSE(err_set(NULL, ERR_IO, "x"));
    CU_ASSERT_FALSE(err_at(NULL, (struct src_pos){"f", 1, 1}, "x"));
    err_suggest(NULL, "a", NULL, 0);
    err_quote(NULL, "a", 1);
}

static void control_characters_do_not_reach_the_terminal(void)
{
    struct err err = {0};
    err_set(&err, ERR_INPUT, "bad '\x1b[31m\n\xff\xc2\x9b'");
    CU_ASSERT_STRING_EQUAL(err.text, "bad '?[31m ?"
                                     "?'");
}

static void long_text_is_cut(void)
{
    struct err err = {0};
    char text[2000];
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    err_set(&err, ERR_INPUT, "%s", text);
    CU_ASSERT_EQUAL(strlen(err.text), sizeof err.text - 1);
}

static const char *suggestion(const char *word, const char *const *names, int n,
                              struct err *err)
{
    memset(err, 0, sizeof *err);
    err_set(err, ERR_INPUT, "x");
    err_suggest(err, word, names, n);
    return err->hint;
}

static void suggests_the_nearest_name(void)
{
    static const char *const names[] = {"replicas", "hardware", "tp", "pp", "Llama-4-Scout"};
    struct err err;
    CU_ASSERT_STRING_EQUAL(suggestion("replcas", names, 5, &err), "did you mean 'replicas'?");
    CU_ASSERT_STRING_EQUAL(suggestion("HARDWRE", names, 5, &err), "did you mean 'hardware'?");
    CU_ASSERT_STRING_EQUAL(suggestion("llama-4", names, 5, &err),
                           "did you mean 'Llama-4-Scout'?");
    CU_ASSERT_STRING_EQUAL(suggestion("xp", names, 5, &err), "did you mean 'tp'?");
}

static void suggests_nothing_far(void)
{
    static const char *const names[] = {"replicas", "tp"};
    struct err err;
    CU_ASSERT_STRING_EQUAL(suggestion("banana", names, 2, &err), "");
    CU_ASSERT_STRING_EQUAL(suggestion("xy", names, 2, &err), "");
    CU_ASSERT_STRING_EQUAL(suggestion("", names, 2, &err), "");
    CU_ASSERT_STRING_EQUAL(suggestion("a", names, 0, &err), "");
}

static void distance_counts_edits(void)
{
    CU_ASSERT_EQUAL(err_edit_distance("kitten", "sitting"), 3);
    CU_ASSERT_EQUAL(err_edit_distance("ABC", "abc"), 0);
    CU_ASSERT_EQUAL(err_edit_distance("", "abc"), 3);
    CU_ASSERT_EQUAL(err_edit_distance("abc", ""), 3);
    char word[65];
    memset(word, 'a', 64);
    word[64] = '\0';
    CU_ASSERT_TRUE(err_edit_distance(word, word) > 63);
    CU_ASSERT_EQUAL(err_edit_distance(word + 1, word + 1), 0);
}

static void arena_memory_is_zeroed_and_aligned(void)
{
    struct arena *arena = arena_new();
    for (int round = 0; round < 3; round++) {
        for (size_t n = 0; n < 3000; n += 7) {
            unsigned char *p = arena_alloc(arena, n, 1);
            CU_ASSERT_EQUAL((size_t)p % 16, 0);
            for (size_t i = 0; i < n; i++) {
                CU_ASSERT_EQUAL_FATAL(p[i], 0);
            }
            memset(p, 0xaa, n);
        }
        CU_ASSERT_TRUE(arena_used_bytes(arena) > 600000);
        arena_reset(arena);
        CU_ASSERT_EQUAL(arena_used_bytes(arena), 0);
    }
    arena_free(arena);
    arena_free(NULL);
}

static void append_letter(void *thing)
{
    char *text = *(char **)thing;
    size_t n = strlen(text);
    text[n] = *((char **)thing)[1];
    text[n + 1] = '\0';
}

static void arena_cleans_up_the_last_first(void)
{
    char text[8] = "";
    char *first[2] = {text, "a"};
    char *second[2] = {text, "b"};
    struct arena *a = arena_new();
    arena_on_free(a, append_letter, first);
    arena_on_free(a, append_letter, second);
    arena_reset(a);
    CU_ASSERT_STRING_EQUAL(text, "ba");
    arena_on_free(a, append_letter, first);
    arena_free(a);
    CU_ASSERT_STRING_EQUAL(text, "baa");
}

static void arena_takes_requests_larger_than_a_chunk(void)
{
    struct arena *arena = arena_new();
    char *small = arena_strdup(arena, "small");
    char *large = arena_alloc(arena, 5, 1 << 20);
    large[(5 << 20) - 1] = 'x';
    char *next = arena_printf(arena, "%s-%d", small, 7);
    CU_ASSERT_STRING_EQUAL(small, "small");
    CU_ASSERT_STRING_EQUAL(next, "small-7");
    CU_ASSERT_STRING_EQUAL(arena_strndup(arena, "abcdef", 3), "abc");
    arena_free(arena);
}

static void reserve_doubles(void)
{
    int *array = NULL, cap = 0;
    for (int i = 0; i < 1000; i++) {
        ARRAY_RESERVE(array, cap, i + 1);
        array[i] = i;
    }
    CU_ASSERT_EQUAL(cap, 1024);
    CU_ASSERT_EQUAL(array[999], 999);
    free(array);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"prints_without_file", prints_without_file},
        {"prints_quote_and_caret", prints_quote_and_caret},
        {"caret_counts_characters_not_bytes", caret_counts_characters_not_bytes},
        {"long_line_is_cut_around_the_column", long_line_is_cut_around_the_column},
        {"long_line_of_wide_characters_is_cut_between_them",
         long_line_of_wide_characters_is_cut_between_them},
        {"column_behind_the_line_does_no_harm", column_behind_the_line_does_no_harm},
        {"place_beyond_the_file_has_no_quote", place_beyond_the_file_has_no_quote},
        {"first_error_wins", first_error_wins},
        {"null_err_is_fine", null_err_is_fine},
        {"control_characters_do_not_reach_the_terminal",
         control_characters_do_not_reach_the_terminal},
        {"long_text_is_cut", long_text_is_cut},
        {"suggests_the_nearest_name", suggests_the_nearest_name},
        {"suggests_nothing_far", suggests_nothing_far},
        {"distance_counts_edits", distance_counts_edits},
        {"arena_memory_is_zeroed_and_aligned", arena_memory_is_zeroed_and_aligned},
        {"arena_cleans_up_the_last_first", arena_cleans_up_the_last_first},
        {"arena_takes_requests_larger_than_a_chunk", arena_takes_requests_larger_than_a_chunk},
        {"reserve_doubles", reserve_doubles},
    };
    return check_main("err", cases, (int)(sizeof cases / sizeof cases[0]));
}
