/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Result tables: columns, rows and empty cells of the CSV files, text tables, manifest. */
#include "sim/report/tables.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/csvio.h"
#include "tests/check.h"

static const char *const dirs[] = {"."};

#define SCENARIO(rate, reps)                                                                   \
    "name: tables\nquestion: Which?\nmodel: llama-3.1-8b\nworkload:\n"                         \
    "  - class: chat\n    share: 0.8\n    arrivals: {rate: " rate "}\n"                        \
    "    prompt: 600\n    output: 100\n    slo: {ttft_p95: 1 s}\n"                             \
    "  - class: code\n    share: 0.2\n    arrivals: {rate: 1/s}\n"                             \
    "    prompt: 900\n    output: 60\n"                                                        \
    "deployments:\n  - {hardware: [l40s, rtx-4090], tp: 1, replicas: 2}\n"                     \
    "simulation: {requests: 400, replications: " reps ", seed: 1}\n"

struct lab {
    struct arena *arena;
    struct stock *stock;
    struct experiment *e;
    struct err err;
};

static struct lab lab_run(const char *text)
{
    struct lab l = {.arena = arena_new()};
    struct experiment_options o = {.n_threads = 1, .seed = -1, .quiet = true};
    struct scenario *sc = NULL;
    l.stock = stock_load(l.arena, dirs, 1, &l.err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(l.stock);
    CU_ASSERT_TRUE_FATAL(scenario_parse(l.arena, "/some/where/t.yaml", text, strlen(text), NULL,
                                        0, &sc, &l.err));
    l.e = experiment_new(l.arena, l.stock, sc, &o, &l.err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(l.e);
    CU_ASSERT_TRUE_FATAL(experiment_run(l.e, l.arena, l.stock, &o, &l.err));
    return l;
}

static void lab_close(struct lab *l)
{
    experiment_free(l->e);
    arena_free(l->arena);
}

typedef bool write_fn(const struct experiment *e, const char *path, struct err *err);

static struct csv_table written(struct lab *l, write_fn *fn)
{
    struct csv_table t;
    const char *path = check_tmp(0, ".csv");
    CU_ASSERT_TRUE_FATAL(fn(l->e, path, &l->err));
    CU_ASSERT_TRUE_FATAL(csv_load(l->arena, path, &t, &l->err));
    return t;
}

static const char *cell(struct lab *l, const struct csv_table *t, int row, const char *col)
{
    int c = -1;
    if (!csv_col_need(t, col, &c, &l->err)) {
        fprintf(stderr, "no column %s\n", col);
        CU_FAIL("column");
    }
    return csv_cell(t, row, c);
}

/* A first line "a,b,c" and nothing else of the file. */
static char *first_line(struct lab *l, const char *path)
{
    FILE *f = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    char *line = arena_alloc(l->arena, 1, 16384);
    CU_ASSERT_PTR_NOT_NULL(fgets(line, 16384, f));
    line[strcspn(line, "\n")] = '\0';
    fclose(f);
    return line;
}

/* What is predicted against measured results carries a prediction band beside the sampling
 * interval. */
static bool has_band(const char *col)
{
    static const char *const predicted[] = {"ttft_", "tpot_", "itl_", "e2e_", "output_tok_s"};
    for (size_t i = 0; i < sizeof predicted / sizeof predicted[0]; i++) {
        if (strncmp(col, predicted[i], strlen(predicted[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* Columns that stand for one measure: "a,a_lo,a_hi", and "a_band_lo,a_band_hi" where there is
 * one. */
static void expect_header(const char *header, const char *const *cols,
                          const char *const *measured)
{
    char want[16384] = "";
    for (int i = 0; cols[i]; i++) {
        bool has_bounds = false;
        for (int k = 0; measured[k]; k++) {
            has_bounds = has_bounds || strcmp(measured[k], cols[i]) == 0;
        }
        size_t n = strlen(want);
        snprintf(want + n, sizeof want - n, "%s%s", i > 0 ? "," : "", cols[i]);
        n = strlen(want);
        if (has_bounds) {
            snprintf(want + n, sizeof want - n, ",%s_lo,%s_hi", cols[i], cols[i]);
        }
        n = strlen(want);
        if (has_bounds && has_band(cols[i])) {
            snprintf(want + n, sizeof want - n, ",%s_band_lo,%s_band_hi", cols[i], cols[i]);
        }
    }
    CU_ASSERT_STRING_EQUAL(header, want);
}

static void the_summary_has_the_columns_of_the_contract(void)
{
    struct lab l = lab_run(SCENARIO("3/s", "1"));
    const char *path = check_tmp(0, ".csv");
    CU_ASSERT_TRUE_FATAL(tables_write_summary(l.e, path, &l.err));
    static const char *const head[] = {"deployment",
                                       "hardware",
                                       "n_gpus",
                                       "replicas",
                                       "tp",
                                       "pp",
                                       "ep",
                                       "dp",
                                       "model",
                                       "weights",
                                       "kv_cache",
                                       "engine",
                                       "prefill_hardware",
                                       "prefill_replicas",
                                       "prefill_tp",
                                       "prefill_pp",
                                       "prefill_ep",
                                       "prefill_dp",
                                       "network",
                                       "rate_rps",
                                       "concurrency",
                                       "class",
                                       "stable",
                                       "completed",
                                       "rejected",
                                       "failed"};
    static const char *const tail[] = {"slo_met",
                                       "slo_attained_frac",
                                       "goodput_rps",
                                       "output_tok_s",
                                       "input_tok_s",
                                       "output_tok_s_per_gpu",
                                       "kv_used_frac_mean",
                                       "kv_used_frac_max",
                                       "batch_mean",
                                       "preemptions",
                                       "retries",
                                       "link_failures",
                                       "availability_frac",
                                       "maintenance_frac",
                                       "prefix_hit_frac",
                                       "tier_hit_frac",
                                       "busy_frac",
                                       "gpu_hours",
                                       "provisioned_frac",
                                       "prefill_gpu_hours",
                                       "prefill_busy_frac",
                                       "handover_s_mean",
                                       "link_busy_frac_max",
                                       "scaleup_busy_frac",
                                       "network_busy_frac",
                                       "mfu_frac",
                                       "mbu_frac",
                                       "moe_imbalance_mean",
                                       "power_w_mean",
                                       "j_per_output_token",
                                       "evidence"};
    static const char *const stats[] = {"mean", "p50", "p90", "p95", "p99"};
    static const char *const lats[] = {"ttft", "tpot", "itl", "e2e", "queue"};
    const char *cols[128] = {NULL};
    const char *measured[128] = {"completed", "rejected", "failed"};
    int n = 0;
    int k = 3;
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++) {
        cols[n++] = head[i];
    }
    for (int i = 0; i < 25; i++) {
        measured[k++] = cols[n++] = arena_printf(l.arena, "%s_s_%s", lats[i / 5], stats[i % 5]);
    }
    for (int i = 0; i < 20; i++) {
        cols[n++] = arena_printf(l.arena, "slo_%s_s_%s", lats[i / 5], stats[i % 5]);
    }
    for (size_t i = 0; i < sizeof tail / sizeof tail[0]; i++) {
        cols[n++] = tail[i];
        if (i > 0 && i + 1 < sizeof tail / sizeof tail[0]) {
            measured[k++] = tail[i];
        }
    }
    expect_header(first_line(&l, path), cols, measured);
    lab_close(&l);
}

static void the_summary_has_a_row_per_class_and_one_for_all(void)
{
    struct lab l = lab_run(SCENARIO("3/s", "1"));
    struct csv_table t = written(&l, tables_write_summary);
    CU_ASSERT_EQUAL_FATAL(t.n_rows, 2 * 3);
    static const char *const classes[] = {"chat", "code", "all"};
    for (int i = 0; i < 6; i++) {
        CU_ASSERT_STRING_EQUAL(cell(&l, &t, i, "class"), classes[i % 3]);
        CU_ASSERT_STRING_EQUAL(cell(&l, &t, i, "hardware"), i < 3 ? "l40s" : "rtx-4090");
        CU_ASSERT_STRING_EQUAL(cell(&l, &t, i, "n_gpus"), "2");
        CU_ASSERT_STRING_EQUAL(cell(&l, &t, i, "replicas"), "2");
        CU_ASSERT_STRING_EQUAL(cell(&l, &t, i, "rate_rps"), "4");
        CU_ASSERT_STRING_EQUAL(cell(&l, &t, i, "concurrency"), "");
        CU_ASSERT_STRING_EQUAL(cell(&l, &t, i, "slo_ttft_s_p95"), i % 3 == 0 ? "1" : "");
        CU_ASSERT_STRING_EQUAL(cell(&l, &t, i, "slo_tpot_s_p95"), "");
        CU_ASSERT_STRING_EQUAL(cell(&l, &t, i, "moe_imbalance_mean"), ""); /* dense */
    }
    lab_close(&l);
}

static void one_replication_leaves_the_intervals_empty(void)
{
    struct lab one = lab_run(SCENARIO("3/s", "1"));
    struct csv_table t = written(&one, tables_write_summary);
    CU_ASSERT_STRING_NOT_EQUAL(cell(&one, &t, 0, "ttft_s_p50"), "");
    CU_ASSERT_STRING_EQUAL(cell(&one, &t, 0, "ttft_s_p50_lo"), "");
    CU_ASSERT_STRING_EQUAL(cell(&one, &t, 0, "ttft_s_p50_hi"), "");
    CU_ASSERT_STRING_EQUAL(cell(&one, &t, 0, "output_tok_s_lo"), "");
    lab_close(&one);
    struct lab two = lab_run(SCENARIO("3/s", "2"));
    t = written(&two, tables_write_summary);
    double lo = atof(cell(&two, &t, 0, "ttft_s_p50_lo"));
    double mid = atof(cell(&two, &t, 0, "ttft_s_p50"));
    double hi = atof(cell(&two, &t, 0, "ttft_s_p50_hi"));
    CU_ASSERT_TRUE(lo < mid && mid < hi);
    CHECK_NEAR(mid - lo, hi - mid, 1e-6);
    lab_close(&two);
}

static void an_overload_has_no_latency_but_a_throughput(void)
{
    struct lab l = lab_run(SCENARIO("900/s", "2"));
    struct csv_table t = written(&l, tables_write_summary);
    CU_ASSERT_EQUAL_FATAL(t.n_rows, 6);
    for (int i = 0; i < 6; i++) {
        CU_ASSERT_STRING_EQUAL(cell(&l, &t, i, "stable"), "0");
        CU_ASSERT_STRING_EQUAL(cell(&l, &t, i, "slo_met"), "0");
        CU_ASSERT_STRING_EQUAL(cell(&l, &t, i, "ttft_s_mean"), "");
        CU_ASSERT_STRING_EQUAL(cell(&l, &t, i, "queue_s_p99_hi"), "");
        CU_ASSERT_TRUE(atof(cell(&l, &t, i, "output_tok_s")) > 0.0);
    }
    lab_close(&l);
}

static void memory_has_a_row_for_what_does_not_fit_too(void)
{
    struct lab l = lab_run("model: {name: llama-3.1-70b, weights: fp8}\nworkload:\n"
                           "  - arrivals: {rate: 1/s}\n    prompt: 100\n    output: 10\n"
                           "deployments:\n  - {hardware: [l40s, h200-sxm], tp: 1}\n"
                           "simulation: {requests: 20, replications: 1}\n");
    struct csv_table t = written(&l, tables_write_memory);
    CU_ASSERT_EQUAL_FATAL(t.n_rows, 2);
    CU_ASSERT_STRING_EQUAL(cell(&l, &t, 0, "fits"), "0");
    CU_ASSERT_STRING_NOT_EQUAL(cell(&l, &t, 0, "reason"), "");
    CU_ASSERT_TRUE(atof(cell(&l, &t, 0, "missing_gib")) > 0.0);
    CU_ASSERT_STRING_EQUAL(cell(&l, &t, 1, "fits"), "1");
    /* 70.55 G parameters, 1.05 G each of embedding and head in bf16: 72.65 GB = 67.7 GiB */
    CHECK_NEAR(atof(cell(&l, &t, 1, "weights_gib")), 67.7, 0.01);
    double parts = 0.0;
    static const char *const cols[] = {"weights_gib", "kv_gib",   "activations_gib",
                                       "graphs_gib",  "comm_gib", "context_gib",
                                       "free_gib"};
    for (int i = 0; i < 7; i++) {
        parts += atof(cell(&l, &t, 1, cols[i]));
    }
    CHECK_NEAR(parts, atof(cell(&l, &t, 1, "gpu_gib")), 1e-6);
    CU_ASSERT_TRUE(atof(cell(&l, &t, 1, "kv_tokens")) > 32768.0);
    lab_close(&l);
}

static void shares_of_the_breakdown_add_up_to_one(void)
{
    struct lab l = lab_run(SCENARIO("3/s", "1"));
    struct csv_table t = written(&l, tables_write_breakdown);
    CU_ASSERT_EQUAL_FATAL(t.n_rows, 2);
    static const char *const cols[] = {
        "attention_frac", "dense_frac",  "experts_frac", "imbalance_frac", "allreduce_frac",
        "alltoall_frac",  "bubble_frac", "host_frac",    "other_frac",     "idle_frac"};
    for (int row = 0; row < 2; row++) {
        double sum = 0.0;
        for (int i = 0; i < 10; i++) {
            double share = atof(cell(&l, &t, row, cols[i]));
            CU_ASSERT_TRUE(share >= 0.0 && share <= 1.0);
            sum += share;
        }
        CHECK_NEAR(sum, 1.0, 1e-6);
        CU_ASSERT_TRUE(atof(cell(&l, &t, row, "dense_frac")) > 0.2);
        CU_ASSERT_STRING_EQUAL(cell(&l, &t, row, "experts_frac"), "0");
    }
    lab_close(&l);
}

static void the_timeline_adds_up_to_the_tokens(void)
{
    struct lab l = lab_run(SCENARIO("3/s", "1"));
    struct csv_table t = written(&l, tables_write_timeline);
    CU_ASSERT_TRUE_FATAL(t.n_rows > 4);
    double tokens = 0.0;
    double width = 2.0 * atof(cell(&l, &t, 0, "time_s"));
    for (int row = 0; row < t.n_rows; row++) {
        if (strcmp(cell(&l, &t, row, "deployment"), cell(&l, &t, 0, "deployment")) == 0) {
            tokens += atof(cell(&l, &t, row, "output_tok_s")) * width;
        }
        double busy = atof(cell(&l, &t, row, "busy_frac"));
        CU_ASSERT_TRUE(busy >= 0.0 && busy <= 1.0);
    }
    /* 400 requests, nine tenths by rate... 100 tokens for 80 %, 60 for 20 %: 36,800 in the mean
     */
    CHECK_NEAR(tokens, 36800.0, 0.05);
    lab_close(&l);
}

/* ---- text
 * ------------------------------------------------------------------------------------ */

static void print_summary(const struct experiment *e, FILE *out)
{
    CU_ASSERT_TRUE(tables_print_summary(e, out, NULL));
}

static char *printed(struct lab *l, void (*fn)(const struct experiment *, FILE *))
{
    char *text = arena_alloc(l->arena, 1, 16384);
    FILE *f = fmemopen(text, 16384, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fn(l->e, f);
    fclose(f);
    return text;
}

static void text_tables_name_deployments_and_verdicts(void)
{
    struct lab l = lab_run(SCENARIO("3/s", "1"));
    const char *text = printed(&l, print_summary);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "l40s"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "met"));
    CU_ASSERT_PTR_NOT_NULL(strstr(printed(&l, tables_print_memory), "KV pool"));
    lab_close(&l);
    l = lab_run(SCENARIO("900/s", "1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(printed(&l, print_summary), "overloaded"));
    lab_close(&l);
}

/* ---- manifest
 * -------------------------------------------------------------------------------- */

static json_t *manifest_of(struct lab *l)
{
    const char *path = check_tmp(1, ".json");
    CU_ASSERT_TRUE_FATAL(tables_write_manifest(l->e, "1.2.3", "2026-11-22", path, &l->err));
    json_t *root = json_load_file(path, 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    return root;
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "(none)";
}

static void the_manifest_says_what_was_run(void)
{
    struct lab l = lab_run(SCENARIO("3/s", "2"));
    json_t *m = manifest_of(&l);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(m, "schema")), 1);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(m, "seed")), 1);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(m, "replications")), 2);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(m, "requests")), 400);
    CU_ASSERT_STRING_EQUAL(text_at(m, "version"), "1.2.3");
    CU_ASSERT_STRING_EQUAL(text_at(m, "as_of"), "2026-11-22");
    CU_ASSERT_EQUAL(strspn(text_at(m, "libm"), "0123456789abcdef"), 16);
    const json_t *scenario = json_object_get(m, "scenario");
    CU_ASSERT_STRING_EQUAL(text_at(scenario, "name"), "tables");
    const json_t *values = json_object_get(scenario, "values");
    const json_t *given = json_object_get(values, "simulation.requests");
    CU_ASSERT_STRING_EQUAL(text_at(given, "value"), "400");
    CU_ASSERT_STRING_EQUAL(text_at(given, "from"), "file");
    CU_ASSERT_STRING_EQUAL(text_at(json_object_get(values, "simulation.warmup"), "from"),
                           "default");
    json_decref(m);
    lab_close(&l);
}

static void the_manifest_names_the_sources_it_rests_on(void)
{
    struct lab l = lab_run(SCENARIO("3/s", "1"));
    json_t *m = manifest_of(&l);
    const json_t *deployments = json_object_get(m, "deployments");
    CU_ASSERT_EQUAL_FATAL(json_array_size(deployments), 2);
    const json_t *d = json_array_get(deployments, 0);
    const json_t *gpu = json_object_get(d, "gpu");
    CU_ASSERT_STRING_EQUAL(text_at(gpu, "name"), "l40s");
    CU_ASSERT_EQUAL(json_real_value(json_object_get(gpu, "mem_bytes_per_s")), 864e9);
    CU_ASSERT_TRUE(strlen(text_at(gpu, "source")) > 10);
    CU_ASSERT_EQUAL(strlen(text_at(gpu, "as_of")), 10);
    CU_ASSERT_TRUE(json_is_string(json_object_get(gpu, "estimated")));
    CU_ASSERT_TRUE(strlen(text_at(json_object_get(d, "model"), "source")) > 10);
    CU_ASSERT_TRUE(strlen(text_at(json_object_get(d, "engine"), "source")) > 5);
    const json_t *constants = json_object_get(d, "constants");
    CU_ASSERT_TRUE(json_array_size(constants) >= 3);
    for (size_t i = 0; i < json_array_size(constants); i++) {
        const json_t *c = json_array_get(constants, i);
        CU_ASSERT_TRUE(strlen(text_at(c, "source")) > 10);
        CU_ASSERT_TRUE(json_is_number(json_object_get(c, "error_median_frac")) ||
                       json_is_null(json_object_get(c, "error_median_frac")));
    }
    json_decref(m);
    lab_close(&l);
}

static void the_manifest_holds_no_path_and_is_the_same_twice(void)
{
    struct lab a = lab_run(SCENARIO("3/s", "1"));
    struct lab b = lab_run(SCENARIO("3/s", "1"));
    json_t *m = manifest_of(&a);
    json_t *n = manifest_of(&b);
    CU_ASSERT_TRUE(json_equal(m, n));
    char *text = json_dumps(m, 0);
    CU_ASSERT_PTR_NULL(strstr(text, "/some/where"));
    CU_ASSERT_PTR_NULL(strstr(text, "build/tmp"));
    free(text);
    json_decref(m);
    json_decref(n);
    lab_close(&a);
    lab_close(&b);
}

static void a_file_that_cannot_be_written_is_an_error(void)
{
    struct lab l = lab_run(SCENARIO("3/s", "1"));
    static const char nowhere[] = "build/no-such-dir/x/table.csv";
    write_fn *const fns[] = {tables_write_summary, tables_write_memory, tables_write_breakdown,
                             tables_write_timeline};
    for (int i = 0; i < 4; i++) {
        struct err err = {0};
        CU_ASSERT_FALSE(fns[i](l.e, nowhere, &err));
        CU_ASSERT_EQUAL(err.code, ERR_IO);
    }
    struct err err = {0};
    CU_ASSERT_FALSE(tables_write_manifest(l.e, "1", "", nowhere, &err));
    CU_ASSERT_EQUAL(err.code, ERR_IO);
    lab_close(&l);
}

#define CASE(name)                                                                             \
    {                                                                                          \
#name, name                                                                            \
    }
static const struct check_case cases[] = {
    CASE(the_summary_has_the_columns_of_the_contract),
    CASE(the_summary_has_a_row_per_class_and_one_for_all),
    CASE(one_replication_leaves_the_intervals_empty),
    CASE(an_overload_has_no_latency_but_a_throughput),
    CASE(memory_has_a_row_for_what_does_not_fit_too),
    CASE(shares_of_the_breakdown_add_up_to_one),
    CASE(the_timeline_adds_up_to_the_tokens),
    CASE(text_tables_name_deployments_and_verdicts),
    CASE(the_manifest_says_what_was_run),
    CASE(the_manifest_names_the_sources_it_rests_on),
    CASE(the_manifest_holds_no_path_and_is_the_same_twice),
    CASE(a_file_that_cannot_be_written_is_an_error),
};

int main(void)
{
    return check_main("tables", cases, (int)(sizeof cases / sizeof cases[0]));
}
