/* SPDX-License-Identifier: GPL-3.0-or-later */
/* trace.c - reads request traces: Azure CSV, Mooncake JSON Lines, plain CSV. O(rows) memory, 40
 * bytes a row plus its hashes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/csvio.h"
#include "sim/base/node.h"
#include "sim/load/load.h"

enum { MOONCAKE_HASH_TOKENS = 512, MAX_TOKENS = 100000000, MAX_ROWS = 10000000 };

struct reader {
    struct arena *arena;
    const char *path;
    struct trace_row *rows;
    int64_t n;
    int cap;
    int time_col, prompt_col, output_col;
    bool has_header, azure;
    double origin_s;
};

static bool row_error(const struct reader *r, int64_t line, struct err *err, const char *what)
{
    return err_at(err, (struct src_pos){r->path, (int)line, 0}, "%s", what);
}

static bool add_row(struct reader *r, double time_s, double prompt, double output, int64_t line,
                    struct err *err)
{
    if (!(prompt >= 1.0) || prompt > MAX_TOKENS || !(output >= 0.0) || output > MAX_TOKENS ||
        floor(prompt) != prompt || floor(output) != output) {
        return row_error(r, line, err,
                         "token counts must be whole, 1..100000000 (output 0 counts as 1)");
    }
    if (r->n == MAX_ROWS) {
        return row_error(r, line, err, "a trace has at most 10,000,000 requests");
    }
    if (r->n == 0) {
        r->origin_s = time_s;
    }
    double at = time_s - r->origin_s;
    if (r->n > 0 && at < r->rows[r->n - 1].time_s) {
        return row_error(r, line, err, "the trace goes back in time here; sort it by arrival");
    }
    ARRAY_RESERVE(r->rows, r->cap, r->n + 1);
    r->rows[r->n++] = (struct trace_row){.time_s = at,
                                         .prompt_tokens = (int64_t)prompt,
                                         .output_tokens = output < 1.0 ? 1 : (int64_t)output};
    return true;
}

/* Days since 1970-01-01 of a proleptic Gregorian date (no time zone, no libc calendar). */
static double days_from_civil(int y, int m, int d)
{
    y -= m <= 2;
    int era = (y >= 0 ? y : y - 399) / 400;
    int yoe = y - era * 400;
    int doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return (double)era * 146097.0 + doe - 719468.0;
}

/* The next number of at most n digits at *text, which then stands behind it and `end` (0: any).
 */
static bool take_number(const char **text, int n, char end, int *value)
{
    const char *at = *text;
    for (*value = 0; n > 0 && *at >= '0' && *at <= '9'; n--, at++) {
        *value = 10 * *value + (*at - '0');
    }
    bool ok = at > *text && (end == 0 || *at == end);
    *text = at + (ok && end != 0);
    return ok;
}

/* "2023-11-16 18:15:46.6805900", or with a T between day and hour -> seconds. */
static bool parse_timestamp(const char *text, double *time_s)
{
    int y, mo, d, h, mi;
    if (!take_number(&text, 4, '-', &y) || !take_number(&text, 2, '-', &mo) ||
        !take_number(&text, 2, 0, &d) || (*text != ' ' && *text != 'T')) {
        return false;
    }
    text++;
    if (!take_number(&text, 2, ':', &h) || !take_number(&text, 2, ':', &mi)) {
        return false;
    }
    double s;
    char why[128];
    char seconds[32];
    snprintf(seconds, sizeof seconds, "%s", text);
    seconds[strcspn(seconds, "Z+")] = '\0';
    if (mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 || mi > 59 ||
        !quantity_parse(seconds, UNIT_COUNT, &s, why, sizeof why) || s < 0.0 || s >= 61.0) {
        return false;
    }
    *time_s = days_from_civil(y, mo, d) * 86400.0 + h * 3600.0 + mi * 60.0 + s;
    return true;
}

static int find_col(int n, const char *const *fields, const char *const *names)
{
    for (int i = 0; i < n; i++) {
        for (int k = 0; names[k]; k++) {
            if (strcmp(fields[i], names[k]) == 0) {
                return i;
            }
        }
    }
    return -1;
}

static bool read_header(struct reader *r, int n, const char *const *fields, int64_t line,
                        struct err *err)
{
    static const char *const azure[] = {"TIMESTAMP", NULL};
    static const char *const time[] = {"arrival_s", "time_s", NULL};
    static const char *const prompt[] = {"ContextTokens", "input_tokens", "prompt_tokens",
                                         NULL};
    static const char *const output[] = {"GeneratedTokens", "output_tokens", NULL};
    r->time_col = find_col(n, fields, azure);
    r->azure = r->time_col >= 0;
    if (!r->azure) {
        r->time_col = find_col(n, fields, time);
    }
    r->prompt_col = find_col(n, fields, prompt);
    r->output_col = find_col(n, fields, output);
    if (r->time_col < 0 || r->prompt_col < 0 || r->output_col < 0) {
        return row_error(r, line, err,
                         "not a request trace: the header must name "
                         "TIMESTAMP,ContextTokens,GeneratedTokens or "
                         "arrival_s,input_tokens,output_tokens");
    }
    return true;
}

static bool read_row(void *ctx, int n, const char *const *fields, int64_t line, struct err *err)
{
    struct reader *r = ctx;
    if (!r->has_header) {
        r->has_header = true;
        return read_header(r, n, fields, line, err);
    }
    double at, prompt, output;
    char why[160];
    bool ok = r->azure ? parse_timestamp(fields[r->time_col], &at)
                       : quantity_parse(fields[r->time_col], UNIT_COUNT, &at, why, sizeof why);
    if (!ok) {
        return row_error(r, line, err, "not a time; write 2023-11-16 18:15:46.68 or seconds");
    }
    if (!quantity_parse(fields[r->prompt_col], UNIT_COUNT, &prompt, why, sizeof why) ||
        !quantity_parse(fields[r->output_col], UNIT_COUNT, &output, why, sizeof why)) {
        return row_error(r, line, err, why);
    }
    return add_row(r, at, prompt, output, line, err);
}

static bool read_json(void *ctx, const struct node *v, int64_t line, struct err *err)
{
    struct reader *r = ctx;
    double at, prompt, output;
    const struct node *time = node_get(v, "timestamp");
    const struct node *in = node_get(v, "input_length");
    const struct node *out = node_get(v, "output_length");
    if (!time || !in || !out) {
        return row_error(r, line, err,
                         "a trace line needs timestamp, input_length, output_length");
    }
    if (!node_quantity(time, UNIT_COUNT, 0.0, 1e15, &at, err) ||
        !node_quantity(in, UNIT_COUNT, 1.0, MAX_TOKENS, &prompt, err) ||
        !node_quantity(out, UNIT_COUNT, 0.0, MAX_TOKENS, &output, err) ||
        !add_row(r, at / 1000.0, prompt, output, line, err)) {
        return false;
    }
    const struct node *ids = node_get(v, "hash_ids");
    if (!ids || ids->kind != NODE_LIST) {
        return true;
    }
    struct trace_row *row = &r->rows[r->n - 1];
    int64_t *hashes = arena_alloc(r->arena, (size_t)ids->n_children + 1, sizeof *hashes);
    for (const struct node *c = ids->child; c; c = c->next) {
        if (!node_int(c, 0, INT64_MAX / 2, &hashes[row->n_hashes], err)) {
            return false;
        }
        row->n_hashes++;
    }
    row->hashes = hashes;
    return true;
}

/* Requests sharing a timestamp were binned by the recorder's clock: spread them up to the next
 * one. */
static void spread_ties(struct trace_row *rows, int64_t n)
{
    int64_t i = 0;
    double step = 0.0;
    while (i < n) {
        int64_t j = i;
        while (j < n && !(rows[j].time_s > rows[i].time_s)) {
            j++;
        }
        step = j < n ? rows[j].time_s - rows[i].time_s : step;
        double base = rows[i].time_s;
        for (int64_t k = i + 1; k < j; k++) {
            rows[k].time_s = base + step * (double)(k - i) / (double)(j - i);
        }
        i = j;
    }
}

static bool starts_with_brace(const char *path)
{
    FILE *f = fopen(path, "rb");
    int c = f ? fgetc(f) : EOF;
    while (c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == 0xEF || c == 0xBB ||
           c == 0xBF) {
        c = fgetc(f);
    }
    if (f) {
        fclose(f);
    }
    return c == '{';
}

bool trace_load(struct arena *arena, const char *path, bool spread, struct trace *trace,
                struct err *err)
{
    struct reader r = {.arena = arena, .path = arena_strdup(arena, path)};
    bool json = starts_with_brace(path);
    bool ok =
        json ? json_lines_read(path, read_json, &r, err) : csv_read(path, read_row, &r, err);
    if (ok && r.n == 0) {
        ok = err_at(err, (struct src_pos){r.path, 1, 0}, "the trace has no requests");
    }
    if (ok) {
        struct trace_row *rows = arena_alloc(arena, (size_t)r.n, sizeof *rows);
        memcpy(rows, r.rows, (size_t)r.n * sizeof *rows);
        if (spread) {
            spread_ties(rows, r.n);
        }
        double last = rows[r.n - 1].time_s;
        *trace = (struct trace){.rows = rows,
                                .n = r.n,
                                .hash_tokens = json ? MOONCAKE_HASH_TOKENS : 0,
                                .duration_s =
                                    r.n > 1 ? last * (double)r.n / (double)(r.n - 1) : 1.0};
    }
    free(r.rows);
    return ok;
}
