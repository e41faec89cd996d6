/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "sim/load/load.h"
#include "tests/check.h"

/* Writes text to a scratch file and reads it as a trace. */
static bool load_text(struct arena *arena, const char *text, bool spread, struct trace *t,
                      struct err *err)
{
    const char *path = check_tmp(0, ".trace");
    FILE *f = fopen(path, "wb");
    CU_ASSERT_FATAL(f != NULL);
    fputs(text, f);
    fclose(f);
    *err = (struct err){0};
    bool ok = trace_load(arena, path, spread, t, err);
    remove(path);
    return ok;
}

static void good(const char *text, bool spread, const struct trace_row *want, int n)
{
    struct arena *arena = arena_new();
    struct trace t;
    struct err err;
    CU_ASSERT_FATAL(load_text(arena, text, spread, &t, &err));
    CU_ASSERT_EQUAL(t.n, n);
    for (int i = 0; i < n && i < t.n; i++) {
        CU_ASSERT_DOUBLE_EQUAL(t.rows[i].time_s, want[i].time_s, 1e-6);
        CU_ASSERT_EQUAL(t.rows[i].prompt_tokens, want[i].prompt_tokens);
        CU_ASSERT_EQUAL(t.rows[i].output_tokens, want[i].output_tokens);
    }
    arena_free(arena);
}

/* The text is refused at this line with these words. */
static void bad(const char *text, int line, const char *words)
{
    struct arena *arena = arena_new();
    struct trace t;
    struct err err;
    CU_ASSERT_FALSE(load_text(arena, text, false, &t, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    CU_ASSERT_EQUAL(err.line, line);
    if (!strstr(err.text, words)) {
        fprintf(stderr, "'%s' does not say '%s'\n", err.text, words);
        CU_FAIL("message");
    }
    arena_free(arena);
}

static void azure_times_count_from_the_first_request(void)
{
    const struct trace_row want[] = {
        {.time_s = 0.0, .prompt_tokens = 374, .output_tokens = 44},
        {.time_s = 0.25, .prompt_tokens = 396, .output_tokens = 109},
        {.time_s = 60.0, .prompt_tokens = 1, .output_tokens = 2}};
    good("TIMESTAMP,ContextTokens,GeneratedTokens\n"
         "2023-11-16 18:15:46.6805900,374,44\n"
         "2023-11-16 18:15:46.9305900,396,109\n"
         "2023-11-16 18:16:46.6805900,1,2\n",
         false, want, 3);
}

static void azure_times_cross_midnight_months_and_leap_days(void)
{
    const struct trace_row want[] = {
        {.time_s = 0.0, .prompt_tokens = 1, .output_tokens = 1},
        {.time_s = 2.0, .prompt_tokens = 2, .output_tokens = 1},
        {.time_s = 86402.0, .prompt_tokens = 3, .output_tokens = 1},
        {.time_s = 365.0 * 86400.0 + 2.0, .prompt_tokens = 4, .output_tokens = 1}};
    good("TIMESTAMP,ContextTokens,GeneratedTokens\n"
         "2024-02-28 23:59:59,1,1\n"
         "2024-02-29T00:00:01+00:00,2,1\n"
         "2024-03-01 00:00:01Z,3,1\n"
         "2025-02-28 00:00:01,4,1\n",
         false, want, 4);
}

static void plain_csv_takes_columns_by_name(void)
{
    const struct trace_row want[] = {{.time_s = 0.0, .prompt_tokens = 7, .output_tokens = 3},
                                     {.time_s = 1.5, .prompt_tokens = 8, .output_tokens = 4}};
    good("output_tokens,arrival_s,user,input_tokens\n3,10,x,7\n4,11.5,y,8\n", false, want, 2);
}

static void an_empty_line_before_the_header_does_no_harm(void)
{
    const struct trace_row want[] = {{.time_s = 0.0, .prompt_tokens = 7, .output_tokens = 3}};
    good("\narrival_s,input_tokens,output_tokens\n\n10,7,3\n", false, want, 1);
}

static void an_output_of_zero_counts_as_one_token(void)
{
    const struct trace_row want[] = {{.time_s = 0.0, .prompt_tokens = 7, .output_tokens = 1}};
    good("arrival_s,input_tokens,output_tokens\n0,7,0\n", false, want, 1);
}

static void mooncake_lines_bring_block_hashes(void)
{
    struct arena *arena = arena_new();
    struct trace t;
    struct err err;
    CU_ASSERT_FATAL(load_text(arena,
                              "{\"timestamp\": 27482, \"input_length\": 6955, "
                              "\"output_length\": 52, \"hash_ids\": [46, 47, 2353]}\n"
                              "{\"timestamp\": 30535, \"input_length\": 6472, "
                              "\"output_length\": 26, \"hash_ids\": []}\n"
                              "{\"timestamp\": 30535, \"input_length\": 5, "
                              "\"output_length\": 0}\n",
                              false, &t, &err));
    CU_ASSERT_EQUAL(t.n, 3);
    CU_ASSERT_EQUAL(t.hash_tokens, 512);
    CU_ASSERT_EQUAL(t.rows[0].time_s, 0.0);
    CU_ASSERT_DOUBLE_EQUAL(t.rows[1].time_s, 3.053, 1e-9);
    CU_ASSERT_EQUAL(t.rows[0].n_hashes, 3);
    CU_ASSERT_EQUAL(t.rows[0].hashes[0], 46);
    CU_ASSERT_EQUAL(t.rows[0].hashes[2], 2353);
    CU_ASSERT_EQUAL(t.rows[1].n_hashes, 0);
    CU_ASSERT_EQUAL(t.rows[2].n_hashes, 0);
    CU_ASSERT_EQUAL(t.rows[2].output_tokens, 1);
    arena_free(arena);
}

static void ties_are_spread_up_to_the_next_time(void)
{
    const struct trace_row want[] = {{.time_s = 0.0, .prompt_tokens = 1, .output_tokens = 1},
                                     {.time_s = 1.0, .prompt_tokens = 2, .output_tokens = 1},
                                     {.time_s = 2.0, .prompt_tokens = 3, .output_tokens = 1},
                                     {.time_s = 3.0, .prompt_tokens = 4, .output_tokens = 1},
                                     {.time_s = 7.0, .prompt_tokens = 5, .output_tokens = 1},
                                     {.time_s = 9.0, .prompt_tokens = 6, .output_tokens = 1}};
    const char *text = "arrival_s,input_tokens,output_tokens\n"
                       "0,1,1\n0,2,1\n0,3,1\n3,4,1\n7,5,1\n7,6,1\n";
    good(text, true, want, 6); /* the last group takes the step before it: 4 s over two */
    struct arena *arena = arena_new();
    struct trace t;
    struct err err;
    CU_ASSERT_FATAL(load_text(arena, text, false, &t, &err));
    CU_ASSERT_EQUAL(t.rows[2].time_s, 0.0);
    CU_ASSERT_EQUAL(t.rows[5].time_s, 7.0);
    arena_free(arena);
}

static void the_duration_leaves_one_mean_gap_before_a_repeat(void)
{
    struct arena *arena = arena_new();
    struct trace t;
    struct err err;
    CU_ASSERT_FATAL(load_text(
        arena, "arrival_s,input_tokens,output_tokens\n5,1,1\n6,1,1\n9,1,1\n", false, &t, &err));
    CHECK_NEAR(t.duration_s, 6.0, 1e-12); /* 4 s over 2 gaps, plus one */
    CU_ASSERT_EQUAL(t.hash_tokens, 0);
    arena_free(arena);
}

static void signs_and_blanks_in_times_are_refused(void)
{
    static const char *const times[] = {"2023--1-16 18:15:46", "2023-11-16 -8:15:46",
                                        "2023-11- 6 18:15:46", "2023-11-16 18:15",
                                        "2023-11-16",          "-023-11-16 18:15:46",
                                        "2023-11-1618:15:46",  "2023-13-16 18:15:46"};
    char text[160];
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        snprintf(text, sizeof text, "TIMESTAMP,ContextTokens,GeneratedTokens\n%s,10,5\n",
                 times[i]);
        bad(text, 2, "not a time");
    }
}

static void time_must_not_go_back(void)
{
    bad("arrival_s,input_tokens,output_tokens\n5,1,1\n4.9,1,1\n", 3, "goes back in time");
    bad("{\"timestamp\":9,\"input_length\":1,\"output_length\":1}\n"
        "{\"timestamp\":8,\"input_length\":1,\"output_length\":1}\n",
        2, "goes back in time");
}

static void bad_rows_are_refused_where_they_stand(void)
{
    bad("arrival_s,input_tokens,output_tokens\n1,2,3\nsoon,1,1\n", 3, "not a time");
    bad("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-13-16 18:15:46,1,1\n", 2, "not a time");
    bad("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15,1,1\n", 2, "not a time");
    bad("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 24:15:00,1,1\n", 2, "not a time");
    bad("arrival_s,input_tokens,output_tokens\n0,0,1\n", 2, "token counts");
    bad("arrival_s,input_tokens,output_tokens\n0,1,-1\n", 2, "token counts");
    bad("arrival_s,input_tokens,output_tokens\n0,1e12,1\n", 2, "token counts");
    bad("arrival_s,input_tokens,output_tokens\n0,many,1\n", 2, "many");
    bad("arrival_s,input_tokens,output_tokens\n0,1.5,1\n", 2, "token counts");
    bad("arrival_s,input_tokens,output_tokens\n0,1\n", 2, "");
    bad("{\"timestamp\":1,\"input_length\":1}\n", 1, "needs timestamp");
    bad("{\"timestamp\":1,\"input_length\":0,\"output_length\":1}\n", 1, "");
    bad("{\"timestamp\":1,\"input_length\":1,\"output_length\":1,\"hash_ids\":[\"x\"]}\n", 1,
        "");
}

static void other_tables_and_empty_traces_are_refused(void)
{
    bad("a,b,c\n1,2,3\n", 1, "not a request trace");
    bad("arrival_s,input_tokens,output_tokens\n", 1, "no requests");
}

static void a_missing_file_is_an_input_output_error(void)
{
    struct arena *arena = arena_new();
    struct trace t;
    struct err err = {0};
    CU_ASSERT_FALSE(trace_load(arena, "build/no-such-trace.csv", true, &t, &err));
    CU_ASSERT_EQUAL(err.code, ERR_IO);
    arena_free(arena);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"azure times count from the first", azure_times_count_from_the_first_request},
        {"azure times cross midnight", azure_times_cross_midnight_months_and_leap_days},
        {"plain CSV takes columns by name", plain_csv_takes_columns_by_name},
        {"an empty line before the header", an_empty_line_before_the_header_does_no_harm},
        {"an output of 0 counts as 1", an_output_of_zero_counts_as_one_token},
        {"mooncake lines bring hashes", mooncake_lines_bring_block_hashes},
        {"ties are spread", ties_are_spread_up_to_the_next_time},
        {"the duration leaves one mean gap", the_duration_leaves_one_mean_gap_before_a_repeat},
        {"signs and blanks in times are refused", signs_and_blanks_in_times_are_refused},
        {"time must not go back", time_must_not_go_back},
        {"bad rows are refused", bad_rows_are_refused_where_they_stand},
        {"other tables are refused", other_tables_and_empty_traces_are_refused},
        {"a missing file is ERR_IO", a_missing_file_is_an_input_output_error},
    };
    return check_main("trace", cases, (int)(sizeof cases / sizeof *cases));
}
