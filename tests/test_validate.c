/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Validation: the table is read strictly, each row is replayed under its own protocol, what is
 * assumed is said, and the report does not depend on the number of threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/fit/validate.h"
#include "sim/fit/validate_parts.h"
#include "tests/check.h"

static const char *const DIRS[] = {"."};
static struct arena *shared_arena;
static struct stock *shared_stock;

static const struct stock *stock(void)
{
    if (!shared_stock) {
        struct err err = {0};
        shared_arena = arena_new();
        shared_stock = stock_load(shared_arena, DIRS, 1, &err);
    }
    return shared_stock;
}

static const struct model *model(const char *name)
{
    stock();
    return model_find(shared_arena, DIRS, 1, name, NULL);
}

static const char *write_table(const char *text)
{
    const char *path = check_tmp(0, ".csv");
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static char *text_of_file(const char *path)
{
    static const size_t MOST = 1 << 20;
    char *text = calloc(1, MOST);
    FILE *f = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT(fread(text, 1, MOST - 1, f) > 0);
    fclose(f);
    return text;
}

/* A small closed-loop row that every test varies. */
static struct validate_row closed_row(void)
{
    struct validate_row row = {
        .id = "row",
        .date = "",
        .model = "meta-llama/Llama-3.1-8B-Instruct",
        .hardware = "h100-sxm",
        .engine = "vllm",
        .engine_version = "0.15.1",
        .weight_dtype = "bf16",
        .kv_dtype = "bf16",
        .moe_backend = "",
        .load = VLOAD_CLOSED,
        .n_gpus = 1,
        .tp = 1,
        .concurrency = 4,
        .max_batched_tokens = -1,
        .max_seqs = -1,
        .chunked_prefill = -1,
        .stream_interval = 1,
        .recv_interval = 1,
        .prefix_cache = 0,
        .attention_dp = -1,
        .async = -1,
        .rate_rps = NAN,
        .duration_s = NAN,
        .isl_mean = 256,
        .osl_mean = 32,
        .mem_util_frac = NAN,
        .wait_ratio = 1.0,
    };
    for (int m = 0; m < VM_N; m++) {
        row.measured[m] = NAN;
    }
    return row;
}

static void predict(const struct validate_row *row, struct validate_result *out)
{
    struct validate_settings settings = {.stock = stock(), .seed = 1, .replications = 3};
    validate_row_predict(&settings, row, model(row->model), out);
    CU_ASSERT_EQUAL(out->err.code, ERR_NONE);
}

/* ---- the table --------------------------------------------------------------------------- */

static const char HEADER[] =
    "id,model,hardware,engine,load,isl_mean,osl_mean,tp,concurrency,rate_rps,gpu_mem_util,"
    "len_dist,suspect,ttft_ms_mean,tpot_ms_mean\n";

static bool load_text(const char *rows, struct validate_table *table, struct err *err)
{
    char text[2048];
    snprintf(text, sizeof text, "%s%s", HEADER, rows);
    stock();
    return validate_table_load(shared_arena, write_table(text), table, err);
}

static void cells_are_read_and_empty_ones_marked(void)
{
    struct validate_table t;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(load_text("a,m,h100-sxm,vllm,closed,921.6,100,8.0,4.0,,0.9,"
                                   "uniform-0.8-1.0,ttft,12.5,\n"
                                   "b-s1,m,h100-sxm,vllm,open,1,1,,,inf,,,,,7\n",
                                   &t, &err));
    CU_ASSERT_EQUAL(t.n, 2);
    CU_ASSERT_EQUAL(t.rows[0].tp, 8);
    CU_ASSERT_EQUAL(t.rows[0].concurrency, 4);
    CU_ASSERT_EQUAL(t.rows[0].isl_mean, 921.6);
    CU_ASSERT_TRUE(t.rows[0].uniform_lengths);
    CU_ASSERT_EQUAL(t.rows[0].suspect, SUSPECT_TTFT);
    CU_ASSERT_EQUAL(t.rows[0].measured[VM_TTFT_MEAN], 12.5);
    CU_ASSERT_TRUE(isnan(t.rows[0].measured[VM_TPOT_MEAN]));
    CU_ASSERT_TRUE(isnan(t.rows[0].rate_rps));
    CU_ASSERT_FALSE(t.rows[0].warm);
    CU_ASSERT_EQUAL(t.rows[1].tp, 0);
    CU_ASSERT_TRUE(isinf(t.rows[1].rate_rps));
    CU_ASSERT_TRUE(isnan(t.rows[1].mem_util_frac));
    CU_ASSERT_EQUAL(t.rows[1].load, VLOAD_OPEN);
    CU_ASSERT_EQUAL(t.rows[1].max_batched_tokens, -1);
    CU_ASSERT_EQUAL(t.rows[1].stream_interval, 1);
    CU_ASSERT_TRUE(t.rows[1].warm);
}

static void check_refused(const char *row, const char *word)
{
    struct validate_table t;
    struct err err = {0};
    CU_ASSERT_FALSE(load_text(row, &t, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    CU_ASSERT_EQUAL(err.line, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, word));
}

static void bad_cells_name_line_and_column(void)
{
    check_refused("a,m,g,vllm,closed,x1,1,,,,,,,,\n", "isl_mean");
    check_refused("a,m,g,vllm,closed,1,1,-2,,,,,,,\n", "tp");
    check_refused("a,m,g,vllm,closed,1,1,1.5,,,,,,,\n", "whole number");
    check_refused("a,m,g,vllm,closing,1,1,,,,,,,,\n", "closing");
    check_refused("a,m,g,vllm,closed,1,1,,,,,zipf,,,\n", "zipf");
}

static void a_missing_column_is_named(void)
{
    struct validate_table t;
    struct err err = {0};
    stock();
    CU_ASSERT_FALSE(
        validate_table_load(shared_arena, write_table("id,model\na,b\n"), &t, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "hardware"));
}

/* ---- the protocol ------------------------------------------------------------------------ */

static void closed_loop_sends_ten_prompts_per_client(void)
{
    struct validate_row row = closed_row();
    struct validate_result r;
    predict(&row, &r);
    CU_ASSERT_EQUAL(r.n_requests, 40);
    CU_ASSERT_TRUE(r.batch_mean > 2.0 && r.batch_mean <= 4.0);
    row.num_requests = 7;
    predict(&row, &r);
    CU_ASSERT_EQUAL(r.n_requests, 7);
}

static void client_limit_bounds_what_is_in_flight(void)
{
    struct validate_row row = closed_row();
    struct validate_result r;
    row.client_limit = 1;
    predict(&row, &r);
    CU_ASSERT_EQUAL(r.n_requests, 40);
    CU_ASSERT_TRUE(r.batch_mean <= 1.0);
}

static void offline_queues_four_batches_at_least_3000(void)
{
    struct validate_row row = closed_row();
    struct validate_result r;
    row.load = VLOAD_OFFLINE;
    row.isl_mean = 16;
    row.osl_mean = 4;
    row.max_seqs = 512;
    predict(&row, &r);
    CU_ASSERT_EQUAL(r.n_requests, 3000);
    row.max_seqs = 1024;
    predict(&row, &r);
    CU_ASSERT_EQUAL(r.n_requests, 4096);
}

static void open_loops_average_over_replications(void)
{
    struct validate_row row = closed_row();
    struct validate_result r;
    row.load = VLOAD_OPEN;
    row.rate_rps = 5.0;
    row.duration_s = 20.0;
    predict(&row, &r);
    CU_ASSERT_EQUAL(r.n_requests, 3 * 100);
    row.duration_s = NAN;
    predict(&row, &r);
    CU_ASSERT_EQUAL(r.n_requests, 3 * 1000);
    row.load = VLOAD_OPEN_CONSTANT;
    row.num_requests = 50;
    predict(&row, &r);
    CU_ASSERT_EQUAL(r.n_requests, 50);
}

/* Llama 3.1 asks for top-p; Mistral Nemo, as large a vocabulary, for nothing. */
static void evenly_spaced_loads_sample_as_the_checkpoint_says(void)
{
    static const char *const names[] = {"llama-3.1-8b", "mistral-nemo"};
    struct validate_settings settings = {.stock = stock(), .replications = 1};
    for (int i = 0; i < 2; i++) {
        struct validate_row row = closed_row();
        struct validate_result out = {0};
        struct system s;
        const struct model *m = model(names[i]);
        row.model = names[i];
        row.load = VLOAD_OPEN_CONSTANT;
        CU_ASSERT_TRUE_FATAL(validate_row_system(&settings, &row, m, &s, &out));
        CU_ASSERT_EQUAL(s.step->cfg.truncated_sampling, i == 0);
        system_fini(&s);
        row.load = VLOAD_CLOSED;
        CU_ASSERT_TRUE_FATAL(validate_row_system(&settings, &row, m, &s, &out));
        CU_ASSERT_FALSE(s.step->cfg.truncated_sampling);
        system_fini(&s);
    }
}

static void infinite_rate_sends_all_at_once(void)
{
    struct validate_row row = closed_row();
    struct validate_result slow;
    struct validate_result all;
    row.load = VLOAD_OPEN;
    row.rate_rps = 1.0;
    row.num_requests = 200;
    predict(&row, &slow);
    row.rate_rps = INFINITY;
    predict(&row, &all);
    CU_ASSERT_EQUAL(all.n_requests, 200);
    CU_ASSERT_TRUE(all.predicted[VM_TTFT_MEAN] > 10.0 * slow.predicted[VM_TTFT_MEAN]);
}

static void uniform_lengths_have_the_stated_mean(void)
{
    struct validate_row row = closed_row();
    struct validate_result r;
    row.uniform_lengths = true;
    row.osl_mean = 90;
    row.num_requests = 400;
    predict(&row, &r);
    double tokens = 1.0 + (r.predicted[VM_E2E_MEAN] - r.predicted[VM_TTFT_MEAN]) /
                              r.predicted[VM_TPOT_MEAN];
    CHECK_NEAR(tokens, 90.0, 0.02);
    CU_ASSERT_TRUE(r.predicted[VM_E2E_P99] > 1.05 * r.predicted[VM_E2E_MEAN]);
}

static void constant_lengths_of_one_client_do_not_vary(void)
{
    struct validate_row row = closed_row();
    struct validate_result r;
    row.concurrency = 1;
    predict(&row, &r);
    CHECK_NEAR(r.predicted[VM_TPOT_MEAN], r.predicted[VM_TPOT_P99], 1e-9);
    CHECK_NEAR(r.predicted[VM_TTFT_MEAN], r.predicted[VM_TTFT_P50], 1e-9);
    double e2e = r.predicted[VM_TTFT_MEAN] + 31.0 * r.predicted[VM_TPOT_MEAN];
    CHECK_NEAR(r.predicted[VM_E2E_MEAN], e2e, 1e-9);
    CHECK_NEAR(r.predicted[VM_OUTPUT_TOK_S], 32e3 / e2e, 1e-6);
}

static void clients_of_equal_lengths_leave_their_waves(void)
{
    struct validate_row row = closed_row();
    struct validate_result r;
    row.concurrency = 32;
    row.isl_mean = 1024;
    row.osl_mean = 256;
    predict(&row, &r);
    /* in waves the median would be half of the opening burst's last */
    CU_ASSERT_TRUE(r.predicted[VM_TTFT_P50] < 0.3 * r.predicted[VM_TTFT_P99]);
    double tokens = 1.0 + (r.predicted[VM_E2E_MEAN] - r.predicted[VM_TTFT_MEAN]) /
                              r.predicted[VM_TPOT_MEAN];
    CHECK_NEAR(tokens, 256.0, 0.02);
}

static void streamed_groups_stretch_gaps_not_tpot(void)
{
    struct validate_row row = closed_row();
    row.concurrency = 1;
    struct validate_result one;
    struct validate_result ten;
    predict(&row, &one);
    row.stream_interval = 10;
    predict(&row, &ten);
    CHECK_NEAR(one.predicted[VM_ITL_MEAN], one.predicted[VM_TPOT_MEAN], 1e-9);
    CU_ASSERT_EQUAL(one.predicted[VM_TPOT_MEAN], ten.predicted[VM_TPOT_MEAN]);
    /* 31 tokens after the first leave in groups of 10, 10, 10 and 1 */
    CHECK_NEAR(ten.predicted[VM_ITL_MEAN], one.predicted[VM_ITL_MEAN] * 31.0 / 4.0, 1e-9);
}

static void a_later_stage_starts_warm(void)
{
    struct validate_row row = closed_row();
    struct validate_result cold;
    struct validate_result warm;
    row.load = VLOAD_OPEN_CONSTANT;
    row.rate_rps = 2.0;
    row.num_requests = 20;
    row.isl_mean = 4000;
    row.prompt_pool = 10;
    row.prefix_cache = 1;
    predict(&row, &cold);
    row.warm = true;
    predict(&row, &warm);
    CU_ASSERT_EQUAL(warm.n_requests, 30);
    CU_ASSERT_TRUE(warm.predicted[VM_TTFT_P99] < 0.5 * cold.predicted[VM_TTFT_P99]);
    CU_ASSERT_PTR_NOT_NULL(strstr(warm.note, "starts warm"));
}

static void repeated_prompts_cost_full_without_a_cache(void)
{
    struct validate_row row = closed_row();
    struct validate_result off;
    struct validate_result on;
    row.isl_mean = 4000;
    row.prompt_pool = 2;
    row.shared_prefix_tokens = 1000;
    predict(&row, &off);
    row.prefix_cache = 1;
    predict(&row, &on);
    CU_ASSERT_TRUE(on.predicted[VM_TTFT_P50] < 0.6 * off.predicted[VM_TTFT_P50]);
}

/* ---- the deployment ---------------------------------------------------------------------- */

static void check_skipped(struct validate_row row, enum validate_skip why)
{
    struct validate_result r;
    predict(&row, &r);
    CU_ASSERT_EQUAL(r.skip, why);
    CU_ASSERT_TRUE(isnan(r.predicted[VM_TPOT_MEAN]));
}

static void what_cannot_be_predicted_says_why(void)
{
    struct validate_row row = closed_row();
    row.model = "nobody/no-such-model";
    check_skipped(row, SKIP_MODEL);
    row = closed_row();
    row.hardware = "abacus";
    check_skipped(row, SKIP_GPU);
    row = closed_row();
    row.engine = "lmdeploy";
    check_skipped(row, SKIP_ENGINE);
    row = closed_row();
    row.weight_dtype = "fp7";
    check_skipped(row, SKIP_DTYPE);
    row = closed_row();
    row.n_gpus = 4;
    check_skipped(row, SKIP_LAYOUT);
    row = closed_row();
    row.n_gpus = 3;
    row.tp = 3;
    check_skipped(row, SKIP_LAYOUT);
    row = closed_row();
    row.concurrency = 0;
    check_skipped(row, SKIP_LOAD);
    row = closed_row();
    row.model = "llama-3.1-405b";
    check_skipped(row, SKIP_MEMORY);
}

static void a_run_that_was_measured_is_made_to_fit(void)
{
    struct validate_row row = closed_row();
    struct validate_result r;
    row.mem_util_frac = 0.15;
    predict(&row, &r);
    CU_ASSERT_EQUAL(r.skip, SKIP_NONE);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.note, "fits only from gpu_mem_util 0.80"));
}

static void resolve(const struct validate_row *row, struct system *system,
                    struct validate_result *r)
{
    struct validate_settings settings = {.stock = stock(), .seed = 1, .replications = 1};
    memset(r, 0, sizeof *r);
    CU_ASSERT_TRUE_FATAL(validate_row_system(&settings, row, model(row->model), system, r));
}

static void attention_dp_without_dp_subdivides_tp(void)
{
    struct validate_row row = closed_row();
    struct validate_result r;
    struct system s;
    row.model = "openai/gpt-oss-120b";
    row.engine = "trtllm";
    row.engine_version = "1.2";
    row.hardware = "b200";
    row.weight_dtype = "mxfp4";
    row.n_gpus = 4;
    row.tp = 4;
    row.ep = 1;
    row.attention_dp = 1;
    resolve(&row, &s, &r);
    CU_ASSERT_EQUAL(s.spec.tp, 1);
    CU_ASSERT_EQUAL(s.spec.dp, 4);
    CU_ASSERT_EQUAL(s.spec.ep, 4);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.note, "attention data parallelism"));
    system_fini(&s);
}

static void an_empty_tp_is_what_the_gpus_leave(void)
{
    struct validate_row row = closed_row();
    struct validate_result r;
    struct system s;
    row.model = "openai/gpt-oss-120b";
    row.engine = "trtllm";
    row.weight_dtype = "mxfp4";
    row.n_gpus = 4;
    row.tp = 0;
    row.dp = 4;
    row.ep = 4;
    resolve(&row, &s, &r);
    CU_ASSERT_EQUAL(s.spec.tp, 1);
    CU_ASSERT_EQUAL(s.spec.dp, 4);
    system_fini(&s);
}

static void knobs_reach_the_scheduler(void)
{
    struct validate_row row = closed_row();
    struct validate_result r;
    struct system s;
    row.engine = "trtllm";
    row.engine_version = "1.1";
    row.max_batched_tokens = 1234;
    row.max_seqs = 17;
    row.wait_iters = 20;
    row.wait_ratio = 0.9;
    row.async = 0;
    resolve(&row, &s, &r);
    CU_ASSERT_EQUAL(s.replica.sched.max_batched_tokens, 1234);
    CU_ASSERT_EQUAL(s.replica.sched.max_seqs, 17);
    CU_ASSERT_EQUAL(s.replica.sched.wait_iters, 20);
    CU_ASSERT_EQUAL(s.replica.sched.wait_ratio, 0.9);
    CU_ASSERT_FALSE(s.replica.sched.async);
    CU_ASSERT_TRUE(s.replica.sched.max_model_len >= 256 + 32);
    system_fini(&s);
}

static void a_blank_version_is_that_of_its_day(void)
{
    static const char *const days[][2] = {
        {"2025-11-02", "0.10.2"},
        {"2025-11", "0.10.2"},
        {"2025-12-05", "0.11.0"},
        {"2026-03-27", "0.14.0"},
        {"", ""},
        {"soon", ""},
    };
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        struct validate_row row = closed_row();
        struct validate_result r;
        struct system s;
        row.engine_version = "";
        row.date = days[i][0];
        resolve(&row, &s, &r);
        CU_ASSERT_STRING_EQUAL(s.spec.engine_version, days[i][1]);
        CU_ASSERT_PTR_NOT_NULL(strstr(r.note, "engine version not stated"));
        CU_ASSERT_TRUE(s.replica.sched.async);
        system_fini(&s);
    }
}

static void the_checkpoint_is_the_one_named(void)
{
    struct validate_row row = closed_row();
    struct validate_result r;
    struct system s;
    row.model = "nvidia/DeepSeek-R1-0528-FP4-V2";
    row.engine = "sglang";
    row.engine_version = "0.5.6";
    row.hardware = "b200";
    row.weight_dtype = "nvfp4";
    row.n_gpus = 4;
    row.tp = 4;
    row.moe_backend = "flashinfer_trtllm";
    resolve(&row, &s, &r);
    CU_ASSERT_STRING_EQUAL(s.spec.checkpoint.name, row.model);
    CU_ASSERT_STRING_EQUAL(s.step->moe_kernel, "trtllm-gen");
    system_fini(&s);
}

/* ---- the report -------------------------------------------------------------------------- */

static void statistics_match_a_hand_count(void)
{
    /* |e|: 0.1 0.2 0.3 in group 0 (median 0.2), 0.5 in group 2 */
    static const double errors[] = {0.1, -0.2, 0.3, -0.5};
    static const int groups[] = {0, 0, 0, 2};
    struct error_stats s;
    validate_error_stats(errors, groups, 4, 3, &s);
    CU_ASSERT_EQUAL(s.n, 4);
    CHECK_NEAR(s.median_abs, 0.25, 1e-12);
    CHECK_NEAR(s.group_median_abs, 0.35, 1e-12);
    CHECK_NEAR(s.p90_abs, 0.3 + 0.7 * 0.2, 1e-12); /* linear between order statistics 2 and 3 */
    CHECK_NEAR(s.bias, -0.05, 1e-12);
    validate_error_stats(errors, groups, 0, 3, &s);
    CU_ASSERT_TRUE(isnan(s.median_abs));
}

static const char REPORT_TABLE[] =
    "id,model,hardware,engine,engine_version,weight_dtype,kv_dtype,load,isl_mean,osl_mean,tp,"
    "concurrency,suspect,ttft_ms_mean,tpot_ms_mean,output_tok_s\n"
    "one,llama-3.1-8b,h100-sxm,vllm,0.15.1,bf16,bf16,closed,128,16,1,2,,20,7,\n"
    "two,llama-3.1-8b,h100-sxm,vllm,0.15.1,bf16,bf16,closed,128,16,1,8,all,20,7,\n"
    "three,openai/gpt-oss-20b,h200-sxm,sglang,0.5.6,mxfp4,,offline,16,4,1,,,,,9000\n"
    "four,no-such-model,h100-sxm,vllm,,,,closed,128,16,1,2,,20,7,\n";

static char *run_report(struct validate_options o, struct validate_totals *totals)
{
    struct err err = {0};
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    o.table = write_table(REPORT_TABLE);
    o.seed = 1;
    o.quiet = true;
    o.totals = totals;
    CU_ASSERT_TRUE(validate_run(&o, stock(), out, &err));
    fclose(out);
    return text;
}

static void report_and_csv_do_not_depend_on_threads(void)
{
    struct validate_totals totals;
    struct validate_options o = {.n_threads = 1, .csv = check_tmp(1, ".csv")};
    char *one = run_report(o, &totals);
    char *one_csv = text_of_file(o.csv);
    o.n_threads = 3;
    o.csv = check_tmp(2, ".csv");
    char *three = run_report(o, &totals);
    char *three_csv = text_of_file(o.csv);
    CU_ASSERT_STRING_EQUAL(one, three);
    CU_ASSERT_STRING_EQUAL(one_csv, three_csv);
    CU_ASSERT_EQUAL(totals.n_rows, 4);
    CU_ASSERT_EQUAL(totals.n_predicted, 3);
    CU_ASSERT_EQUAL(totals.n_skipped, 1);
    CU_ASSERT_TRUE(totals.n_events > 0);
    free(one);
    free(three);
    free(one_csv);
    free(three_csv);
}

static int count_of(const char *text, const char *word)
{
    int n = 0;
    for (const char *p = strstr(text, word); p; p = strstr(p + 1, word)) {
        n++;
    }
    return n;
}

static void csv_has_a_row_per_measured_cell_and_one_per_skip(void)
{
    struct validate_options o = {.n_threads = 1, .csv = check_tmp(3, ".csv")};
    free(run_report(o, NULL));
    char *csv = text_of_file(o.csv);
    CU_ASSERT_EQUAL(strncmp(csv, "id,metric,measured,predicted,error_frac,note,", 45), 0);
    CU_ASSERT_EQUAL(count_of(csv, "\n"), 1 + 2 + 2 + 1 + 1);
    CU_ASSERT_EQUAL(count_of(csv, "one,ttft_ms_mean,20,"), 1);
    CU_ASSERT_EQUAL(count_of(csv, ",suspect"), 2);
    CU_ASSERT_EQUAL(count_of(csv, "three,output_tok_s,9000,"), 1);
    CU_ASSERT_EQUAL(count_of(csv, "KV cache bf16 by the engine's default"), 1);
    CU_ASSERT_EQUAL(count_of(csv, "four,,,,,skipped: unknown model (no-such-model),,,\n"), 1);
    free(csv);
}

static void suspect_cells_are_counted_apart(void)
{
    struct validate_options o = {.n_threads = 1};
    char *text = run_report(o, NULL);
    const char *suspect = strstr(text, "Suspect");
    CU_ASSERT_PTR_NOT_NULL_FATAL(suspect);
    CU_ASSERT_PTR_NOT_NULL(strstr(suspect, "tpot_ms_mean"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(text, "rows 4, predicted 3, skipped 1\n  unknown model: 1\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "dense/MoE  MoE"));
    free(text);
}

static void markdown_tables_have_bars(void)
{
    struct validate_options o = {.n_threads = 1, .markdown = true};
    char *text = run_report(o, NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n| metric | by | group | n |"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n| tpot_ms_mean | engine | vllm | 1 |"));
    CU_ASSERT_PTR_NULL(strstr(text, "\n|\n"));
    free(text);
}

static void a_row_can_be_explained(void)
{
    struct validate_options o = {.n_threads = 1, .explain = "one"};
    char *text = run_report(o, NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "attention"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "mean batch"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "tpot_ms_mean   measured 7 predicted"));
    free(text);
}

static void an_unknown_row_cannot_be_explained(void)
{
    struct err err = {0};
    struct validate_options o = {.table = write_table(REPORT_TABLE), .explain = "five"};
    CU_ASSERT_FALSE(validate_run(&o, stock(), stdout, &err));
    CU_ASSERT_EQUAL(err.code, ERR_USAGE);
}

static void a_stop_reports_nothing(void)
{
    atomic_bool stop = true;
    struct validate_totals totals;
    struct validate_options o = {.n_threads = 1, .stop = &stop};
    char *text = run_report(o, &totals);
    CU_ASSERT_TRUE(totals.interrupted);
    CU_ASSERT_STRING_EQUAL(text, "");
    free(text);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"cells are read and empty ones marked", cells_are_read_and_empty_ones_marked},
        {"bad cells name line and column", bad_cells_name_line_and_column},
        {"a missing column is named", a_missing_column_is_named},
        {"closed loop sends ten prompts per client", closed_loop_sends_ten_prompts_per_client},
        {"client limit bounds what is in flight", client_limit_bounds_what_is_in_flight},
        {"offline queues four batches, at least 3000",
         offline_queues_four_batches_at_least_3000},
        {"open loops average over replications", open_loops_average_over_replications},
        {"infinite rate sends all at once", infinite_rate_sends_all_at_once},
        {"evenly spaced loads sample as the checkpoint says",
         evenly_spaced_loads_sample_as_the_checkpoint_says},
        {"uniform lengths have the stated mean", uniform_lengths_have_the_stated_mean},
        {"constant lengths of one client do not vary",
         constant_lengths_of_one_client_do_not_vary},
        {"clients of equal lengths leave their waves",
         clients_of_equal_lengths_leave_their_waves},
        {"streamed groups stretch gaps, not TPOT", streamed_groups_stretch_gaps_not_tpot},
        {"a later stage starts warm", a_later_stage_starts_warm},
        {"repeated prompts cost full without a cache",
         repeated_prompts_cost_full_without_a_cache},
        {"what cannot be predicted says why", what_cannot_be_predicted_says_why},
        {"a run that was measured is made to fit", a_run_that_was_measured_is_made_to_fit},
        {"attention DP without dp subdivides tp", attention_dp_without_dp_subdivides_tp},
        {"an empty tp is what the GPUs leave", an_empty_tp_is_what_the_gpus_leave},
        {"knobs reach the scheduler", knobs_reach_the_scheduler},
        {"a blank version is that of its day", a_blank_version_is_that_of_its_day},
        {"the checkpoint is the one named", the_checkpoint_is_the_one_named},
        {"statistics match a hand count", statistics_match_a_hand_count},
        {"report and CSV do not depend on threads", report_and_csv_do_not_depend_on_threads},
        {"CSV has a row per measured cell and one per skip",
         csv_has_a_row_per_measured_cell_and_one_per_skip},
        {"suspect cells are counted apart", suspect_cells_are_counted_apart},
        {"Markdown tables have bars", markdown_tables_have_bars},
        {"a row can be explained", a_row_can_be_explained},
        {"an unknown row cannot be explained", an_unknown_row_cannot_be_explained},
        {"a stop reports nothing", a_stop_reports_nothing},
    };
    int code = check_main("validate", cases, sizeof cases / sizeof *cases);
    arena_free(shared_arena);
    return code;
}
