/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deployment calibration: a known scale and offset are found again from simulated measurements,
 * few points move little, and no deployment but the measured one is corrected. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/experiment/experiment.h"
#include "sim/fit/calibration.h"
#include "tests/check.h"
#include "tests/stock_fixture.h"

static const char *const DIRS[] = {"."};
static struct arena *shared_arena;

static const char *write_file(int idx, const char *suffix, const char *text)
{
    const char *path = check_tmp(idx, suffix);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static struct validate_row row_at(int64_t clients)
{
    struct validate_row row = {
        .id = "row",
        .date = "2026-09-01",
        .model = "llama-3.1-8b",
        .hardware = "h100-sxm",
        .engine = "vllm",
        .engine_version = "0.11.0",
        .weight_dtype = "bf16",
        .kv_dtype = "bf16",
        .moe_backend = "",
        .load = VLOAD_CLOSED,
        .n_gpus = 1,
        .tp = 1,
        .concurrency = clients,
        .num_requests = 3 * clients,
        .isl_mean = 1000,
        .osl_mean = 200,
        .max_batched_tokens = -1,
        .max_seqs = -1,
        .chunked_prefill = -1,
        .prefix_cache = -1,
        .attention_dp = -1,
        .async = -1,
        .stream_interval = 1,
        .recv_interval = 1,
        .wait_ratio = 1.0,
        .rate_rps = NAN,
        .duration_s = NAN,
        .mem_util_frac = NAN,
    };
    return row;
}

struct truth {
    double scale, offset_s, ttft_s;
};

/* What a benchmark of the corrected deployment would have printed. */
static void measure(const struct truth *truth, int64_t clients, double *predicted)
{
    struct validate_settings settings = {.stock = stock_fixture(),
                                         .seed = 1,
                                         .replications = 1,
                                         .step_scale = truth->scale,
                                         .step_offset_s = truth->offset_s,
                                         .api_offset_s = truth->ttft_s};
    struct validate_row row = row_at(clients);
    struct validate_result result;
    const struct model *model = model_find(shared_arena, DIRS, 1, row.model, NULL);
    validate_row_predict(&settings, &row, model, &result);
    CU_ASSERT_EQUAL_FATAL(result.skip, SKIP_NONE);
    memcpy(predicted, result.predicted, sizeof result.predicted);
}

/* A table of measurements at doubling concurrency from 2. */
static const char *table_of(const struct truth *truth, int n)
{
    static char text[8192];
    int used = snprintf(text, sizeof text,
                        "id,date,model,hardware,tp,engine,engine_version,weight_dtype,kv_dtype,"
                        "load,concurrency,num_requests,isl_mean,osl_mean,ttft_ms_mean,"
                        "tpot_ms_mean\n");
    for (int i = 0; i < n; i++) {
        double p[VM_N];
        int clients = 2 << i;
        measure(truth, clients, p);
        used += snprintf(text + used, sizeof text - (size_t)used,
                         "r%d,2026-09-0%d,llama-3.1-8b,h100-sxm,1,vllm,0.11.0,bf16,bf16,closed,"
                         "%d,%d,1000,200,%.9g,%.9g\n",
                         i, i + 1, clients, 3 * clients, p[VM_TTFT_MEAN], p[VM_TPOT_MEAN]);
    }
    return write_file(0, ".csv", text);
}

static bool calibrate(const char *input, const char *const *sets, int n_sets,
                      struct calibration_report *report, struct err *err)
{
    const char *inputs[] = {input};
    struct calibration_options o = {
        .inputs = inputs,
        .n_inputs = 1,
        .sets = sets,
        .n_sets = n_sets,
        .out = check_tmp(1, ".yaml"),
        .as_of = "2026-11-22",
        .stock = stock_fixture(),
        .seed = 1,
        .n_threads = 2,
        .quiet = true,
    };
    return calibration_run(shared_arena, &o, report, err);
}

static void finds_a_known_scale_and_offset(void)
{
    const struct truth truth = {1.2, 0.4e-3, 0.0};
    struct calibration_report report;
    struct err err = {0};
    stock_fixture();
    CU_ASSERT_TRUE_FATAL(calibrate(table_of(&truth, 6), NULL, 0, &report, &err));
    CU_ASSERT_EQUAL_FATAL(report.n, 1);
    const struct correction *c = &report.rows[0].correction;
    /* the ridges trade scale against offset; on measured steps (6 to 12 ms) they agree */
    CU_ASSERT(c->step_scale > 1.05);
    CHECK_NEAR(8e-3 * c->step_scale + c->step_offset_s, 8e-3 * 1.2 + 0.4e-3, 0.02);
    CU_ASSERT(c->tpot_before_frac > 0.15);
    CU_ASSERT(c->tpot_after_frac < 0.02);
    CU_ASSERT_EQUAL(c->n_points, 6);
    CU_ASSERT_STRING_EQUAL(c->measured_from, "2026-09-01");
    CU_ASSERT_STRING_EQUAL(c->measured_to, "2026-09-06");
}

static void finds_a_known_constant_before_the_first_token(void)
{
    const struct truth truth = {1.0, 0.0, 20e-3};
    struct calibration_report report;
    struct err err = {0};
    stock_fixture();
    CU_ASSERT_TRUE_FATAL(calibrate(table_of(&truth, 5), NULL, 0, &report, &err));
    const struct correction *c = &report.rows[0].correction;
    CHECK_NEAR(c->ttft_offset_s, 20e-3, 0.2); /* shrunk */
    CU_ASSERT(c->ttft_offset_s < 20e-3);
    CHECK_NEAR(c->step_scale, 1.0, 0.01);
    CU_ASSERT(c->ttft_after_frac < 0.5 * c->ttft_before_frac);
}

static void perfect_predictions_are_left_alone(void)
{
    const struct truth truth = {1.0, 0.0, 0.0};
    struct calibration_report report;
    struct err err = {0};
    stock_fixture();
    CU_ASSERT_TRUE_FATAL(calibrate(table_of(&truth, 4), NULL, 0, &report, &err));
    const struct correction *c = &report.rows[0].correction;
    CHECK_NEAR(c->step_scale, 1.0, 1e-3);
    CU_ASSERT(fabs(c->step_offset_s) < 1e-5);
    CU_ASSERT(fabs(c->ttft_offset_s) < 1e-4);
}

/* One measurement 50 % over the prediction moves a fit to it less than ten of them do. */
static void few_points_move_less_than_many(void)
{
    struct calibration_point points[10];
    double scale_of[2];
    static const int sizes[] = {1, 10};
    for (int i = 0; i < 10; i++) {
        points[i] = (struct calibration_point){15e-3, 10e-3, 10e-3, 1.0};
    }
    for (int k = 0; k < 2; k++) {
        double scale = 1.0;
        double offset_s = 0.0;
        calibration_fit_steps(points, sizes[k], -1, &scale, &offset_s);
        scale_of[k] = (10e-3 * scale + offset_s) / 10e-3;
    }
    CU_ASSERT(scale_of[0] > 1.05);
    CU_ASSERT(scale_of[0] < scale_of[1]);
    CU_ASSERT(scale_of[1] < 1.5);
}

static void a_point_left_out_has_no_say(void)
{
    struct calibration_point points[] = {
        {10e-3, 10e-3, 10e-3, 1.0}, {20e-3, 20e-3, 20e-3, 1.0}, {90e-3, 30e-3, 30e-3, 1.0}};
    double scale = 1.0;
    double offset_s = 0.0;
    calibration_fit_steps(points, 3, 2, &scale, &offset_s);
    CHECK_NEAR(scale, 1.0, 1e-4);
    CU_ASSERT(fabs(offset_s) < 1e-6);
}

static void the_constant_is_pulled_to_zero_where_it_is_small_beside_the_queue(void)
{
    const double measured[] = {2.2, 2.2, 2.2};
    const double predicted[] = {2.0, 2.0, 2.0};
    double add_s = calibration_fit_ttft(measured, predicted, 3, -1);
    CU_ASSERT(add_s > 0.0);
    CU_ASSERT(add_s < 0.01);
}

static void fewer_than_three_measurements_are_refused(void)
{
    const struct truth truth = {1.1, 0.0, 0.0};
    struct calibration_report report;
    struct err err = {0};
    stock_fixture();
    CU_ASSERT_FALSE(calibrate(table_of(&truth, 2), NULL, 0, &report, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "at least 3 measurements"));
}

/* ---- results of vllm bench serve ---- */

static const char *json_of(int i, int64_t clients, const char *extra)
{
    const struct truth truth = {1.15, 0.0, 0.0};
    static char text[4096];
    double p[VM_N];
    measure(&truth, clients, p);
    snprintf(text, sizeof text,
             "{\"date\": \"20260901-101502\", \"backend\": \"openai\", \"label\": null, "
             "\"model_id\": \"meta-llama/Llama-3.1-8B-Instruct\", \"num_prompts\": %lld, "
             "\"request_rate\": \"inf\", \"burstiness\": 1.0, \"max_concurrency\": %lld, "
             "\"duration\": 30.5, \"completed\": %lld, \"failed\": 0, "
             "\"total_input_tokens\": %lld, \"total_output_tokens\": %lld, "
             "\"request_goodput\": null, \"output_throughput\": 1.0, "
             "\"mean_ttft_ms\": %.9g, \"mean_tpot_ms\": %.9g%s}",
             (long long)(3 * clients), (long long)clients, (long long)(3 * clients),
             (long long)(3000 * clients), (long long)(600 * clients), p[VM_TTFT_MEAN],
             p[VM_TPOT_MEAN], extra);
    return write_file(i, ".json", text);
}

static struct calibration_options json_options(const char *const *inputs, int n,
                                               const char *const *sets, int n_sets)
{
    return (struct calibration_options){.inputs = inputs,
                                        .n_inputs = n,
                                        .sets = sets,
                                        .n_sets = n_sets,
                                        .out = check_tmp(1, ".yaml"),
                                        .stock = stock_fixture(),
                                        .seed = 1,
                                        .n_threads = 1,
                                        .quiet = true};
}

static void a_json_result_becomes_a_closed_loop_row(void)
{
    static const char *const sets[] = {"hardware=h100-sxm", "tp=1"};
    const char *inputs[] = {json_of(2, 8, "")};
    struct calibration_options o = json_options(inputs, 1, sets, 2);
    struct validate_table table;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(calibration_read(shared_arena, &o, &table, &err));
    CU_ASSERT_EQUAL_FATAL(table.n, 1);
    const struct validate_row *row = &table.rows[0];
    CU_ASSERT_EQUAL(row->load, VLOAD_CLOSED);
    CU_ASSERT_EQUAL(row->concurrency, 8);
    CU_ASSERT_EQUAL(row->num_requests, 24);
    CHECK_NEAR(row->isl_mean, 1000.0, 1e-9);
    CHECK_NEAR(row->osl_mean, 200.0, 1e-9);
    CU_ASSERT_STRING_EQUAL(row->engine, "vllm");
    CU_ASSERT_STRING_EQUAL(row->date, "2026-09-01");
    CU_ASSERT_STRING_EQUAL(row->hardware, "h100-sxm");
    CU_ASSERT(row->measured[VM_TPOT_MEAN] > 0.0);
    CU_ASSERT(isnan(row->measured[VM_ITL_MEAN]));
}

static void metadata_of_the_benchmark_names_the_deployment(void)
{
    const char *inputs[] = {
        json_of(2, 8, ", \"hardware\": \"h200-sxm\", \"tp\": \"2\", \"engine\": \"sglang\"")};
    struct calibration_options o = json_options(inputs, 1, NULL, 0);
    struct validate_table table;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(calibration_read(shared_arena, &o, &table, &err));
    CU_ASSERT_STRING_EQUAL(table.rows[0].hardware, "h200-sxm");
    CU_ASSERT_STRING_EQUAL(table.rows[0].engine, "sglang");
    CU_ASSERT_EQUAL(table.rows[0].tp, 2);
}

static void a_result_that_does_not_say_its_gpu_is_refused_with_what_to_add(void)
{
    const char *inputs[] = {json_of(2, 8, "")};
    struct calibration_options o = json_options(inputs, 1, NULL, 0);
    struct validate_table table;
    struct err err = {0};
    CU_ASSERT_FALSE(calibration_read(shared_arena, &o, &table, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "--set hardware="));
}

static void another_json_file_is_refused(void)
{
    const char *inputs[] = {write_file(2, ".json", "{\"a\": 1}")};
    struct calibration_options o = json_options(inputs, 1, NULL, 0);
    struct validate_table table;
    struct err err = {0};
    CU_ASSERT_FALSE(calibration_read(shared_arena, &o, &table, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "vllm bench serve"));
}

static void an_unknown_column_is_refused_with_the_nearest(void)
{
    static const char *const sets[] = {"hardwear=h100-sxm"};
    const char *inputs[] = {json_of(2, 8, "")};
    struct calibration_options o = json_options(inputs, 1, sets, 1);
    struct validate_table table;
    struct err err = {0};
    CU_ASSERT_FALSE(calibration_read(shared_arena, &o, &table, &err));
    CU_ASSERT_EQUAL(err.code, ERR_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "hardware"));
}

static void three_json_results_calibrate(void)
{
    static const char *const sets[] = {"hardware=h100-sxm", "tp=1", "engine_version=0.11.0",
                                       "weight_dtype=bf16", "kv_dtype=bf16"};
    const char *inputs[] = {json_of(2, 4, ""), json_of(3, 16, ""), json_of(4, 48, "")};
    struct calibration_options o = json_options(inputs, 3, sets, 5);
    struct calibration_report report;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(calibration_run(shared_arena, &o, &report, &err));
    CU_ASSERT(report.rows[0].fitted);
    CU_ASSERT(report.rows[0].correction.step_scale > 1.05);
    CU_ASSERT(report.rows[0].correction.tpot_after_frac <
              0.5 * report.rows[0].correction.tpot_before_frac);
}

static void the_number_of_threads_changes_nothing(void)
{
    const struct truth truth = {1.1, 0.1e-3, 5e-3};
    const char *inputs[] = {table_of(&truth, 4)};
    struct calibration_report reports[2];
    for (int i = 0; i < 2; i++) {
        struct calibration_options o = json_options(inputs, 1, NULL, 0);
        struct err err = {0};
        o.n_threads = 1 + i;
        CU_ASSERT_TRUE_FATAL(calibration_run(shared_arena, &o, &reports[i], &err));
    }
    CU_ASSERT(reports[0].rows[0].correction.step_scale ==
              reports[1].rows[0].correction.step_scale);
    CU_ASSERT(reports[0].rows[0].correction.ttft_offset_s ==
              reports[1].rows[0].correction.ttft_offset_s);
}

/* ---- the file ---- */

static struct correction sample_correction(void)
{
    return (struct correction){.id = {.model = "llama-3.1-8b",
                                      .hardware = "h100-sxm",
                                      .engine = ENGINE_VLLM,
                                      .engine_version = "",
                                      .weights = DTYPE_BF16,
                                      .kv = DTYPE_BF16,
                                      .tp = 1,
                                      .pp = 1,
                                      .ep = 1,
                                      .dp = 1},
                               .step_scale = 1.25,
                               .step_offset_s = -0.125e-3,
                               .ttft_offset_s = 12.5e-3,
                               .n_points = 5,
                               .tpot_before_frac = 0.2,
                               .tpot_after_frac = 0.03,
                               .ttft_before_frac = NAN,
                               .ttft_after_frac = NAN,
                               .measured_from = "2026-09-01",
                               .measured_to = "2026-09-03",
                               .fitted = "2026-11-22",
                               .source = "user's results"};
}

static const char *sample_file(void)
{
    struct correction c = sample_correction();
    struct correction_list list = {.items = &c, .n = 1};
    struct err err = {0};
    const char *path = check_tmp(5, ".yaml");
    CU_ASSERT_TRUE_FATAL(correction_write(&list, path, &err));
    return path;
}

static void a_file_reads_back_as_it_was_written(void)
{
    struct correction_list list;
    struct err err = {0};
    struct correction want = sample_correction();
    stock_fixture();
    CU_ASSERT_TRUE_FATAL(correction_load(shared_arena, sample_file(), &list, &err));
    CU_ASSERT_EQUAL_FATAL(list.n, 1);
    const struct correction *got = &list.items[0];
    CU_ASSERT(correction_same(&got->id, &want.id));
    CU_ASSERT(got->step_scale == 1.25);
    CHECK_NEAR(got->step_offset_s, -0.125e-3, 1e-12);
    CHECK_NEAR(got->ttft_offset_s, 12.5e-3, 1e-12);
    CHECK_NEAR(got->tpot_after_frac, 0.03, 1e-9);
    CU_ASSERT(isnan(got->ttft_after_frac));
    CU_ASSERT_STRING_EQUAL(got->source, "user's results");
}

static void refuse(const char *text, const char *because)
{
    struct correction_list list;
    struct err err = {0};
    stock_fixture();
    CU_ASSERT_FALSE(correction_load(shared_arena, write_file(6, ".yaml", text), &list, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    if (!strstr(err.text, because)) {
        printf("'%s' does not say '%s'\n", err.text, because);
        CU_FAIL("another reason");
    }
}

static void bad_files_are_refused(void)
{
    refuse("deployments: []\n", "'schema' is missing");
    refuse("schema: 2\ndeployments: []\n", "schema");
    refuse("schema: 1\n", "'deployments' is missing");
    refuse("schema: 1\ndeployment: []\n", "deployment");
    refuse("schema: 1\ndeployments:\n  - model: m\n", "is missing");
    refuse("schema: 1\ndeployments:\n"
           "  - {model: m, hardware: h, engine: vllm, weights: bf16, kv_cache: bf16, tp: 1, "
           "pp: 1,\n"
           "     ep: 1, dp: 1, step_scale: 50, step_offset: 0, ttft_offset: 0, points: 3}\n",
           "step_scale");
    refuse("schema: 1\ndeployments:\n"
           "  - {model: m, hardware: h, engine: vllm, weights: bf17, kv_cache: bf16, tp: 1, "
           "pp: 1,\n"
           "     ep: 1, dp: 1, step_scale: 1, step_offset: 0, ttft_offset: 0, points: 3}\n",
           "bf17");
    refuse("schema: 1\ndeployments:\n"
           "  - {model: m, hardware: h, engine: vllm, weights: bf16, kv_cache: bf16, tp: 1, "
           "pp: 1,\n"
           "     ep: 1, dp: 1, step_scale: 1, step_offset: 0, ttft_offset: 0, points: 2}\n",
           "points");
}

/* ---- use ---- */

static struct system_spec spec_with(const struct correction_list *list)
{
    struct system_spec spec = system_spec_default();
    struct err err = {0};
    spec.name = "d";
    spec.model = model_find(shared_arena, DIRS, 1, "llama-3.1-8b", &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(spec.model);
    CU_ASSERT_TRUE_FATAL(
        model_checkpoint_named(spec.model, DTYPE_BF16, "llama-3.1-8b", &spec.checkpoint, &err));
    spec.gpu = gpu_find(&stock_fixture()->gpus, "h100-sxm", NULL);
    spec.tp = 1;
    spec.corrections = list;
    return spec;
}

static double decode_step_s(const struct system *s)
{
    struct step_cache cache;
    struct step_batch batch = {.n_decode = 8, .n_sample = 8};
    batch.ctx_tokens[0] = 8000;
    step_cache_init(&cache, s->step, 64);
    double t = step_time_s(&cache, &batch, 1);
    double parts[OP_N];
    double sum = 0.0;
    step_breakdown(&cache, parts);
    for (int i = 0; i < OP_N; i++) {
        sum += parts[i];
    }
    CHECK_NEAR(sum, t, 1e-9); /* the breakdown adds up, corrected or not */
    step_cache_fini(&cache);
    return t;
}

static void the_measured_deployment_is_corrected(void)
{
    struct correction_list list;
    struct system plain;
    struct system corrected;
    struct err err = {0};
    stock_fixture();
    CU_ASSERT_TRUE_FATAL(correction_load(shared_arena, sample_file(), &list, &err));
    struct system_spec without = spec_with(NULL);
    struct system_spec with = spec_with(&list);
    CU_ASSERT_TRUE_FATAL(system_resolve(stock_fixture(), &without, &plain, &err));
    CU_ASSERT_TRUE_FATAL(system_resolve(stock_fixture(), &with, &corrected, &err));
    CHECK_NEAR(decode_step_s(&corrected), 1.25 * decode_step_s(&plain) - 0.125e-3, 1e-9);
    CHECK_NEAR(corrected.replica.api_s, plain.replica.api_s + 12.5e-3, 1e-9);
    CU_ASSERT_STRING_EQUAL(system_evidence(&corrected), "measured");
    CU_ASSERT_STRING_NOT_EQUAL(system_evidence(&plain), "measured");
    CU_ASSERT_PTR_NOT_NULL(strstr(corrected.correction_note, "5 measurements"));
    system_fini(&plain);
    system_fini(&corrected);
}

static void another_deployment_is_not_and_the_note_says_what_differs(void)
{
    struct correction_list list;
    struct system s;
    struct err err = {0};
    stock_fixture();
    CU_ASSERT_TRUE_FATAL(correction_load(shared_arena, sample_file(), &list, &err));
    struct system_spec spec = spec_with(&list);
    spec.tp = 2;
    CU_ASSERT_TRUE_FATAL(system_resolve(stock_fixture(), &spec, &s, &err));
    CU_ASSERT_PTR_NULL(s.correction);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.correction_note, "not corrected"));
    CU_ASSERT_PTR_NOT_NULL(strstr(s.correction_note, "tp 2 (measured: 1)"));
    CU_ASSERT_STRING_NOT_EQUAL(system_evidence(&s), "measured");
    system_fini(&s);
}

static void no_correction_beats_the_physical_floor(void)
{
    struct system s;
    struct err err = {0};
    stock_fixture();
    struct system_spec spec = spec_with(NULL);
    spec.step_scale = 0.2;
    spec.step_offset_s = -1e-3;
    CU_ASSERT_TRUE_FATAL(system_resolve(stock_fixture(), &spec, &s, &err));
    struct step_cache cache;
    struct step_batch batch = {.n_decode = 8, .n_sample = 8};
    struct step_work work;
    batch.ctx_tokens[0] = 8000;
    step_cache_init(&cache, s.step, 64);
    double t = step_time_s(&cache, &batch, 1);
    step_work(&cache, &work);
    CHECK_NEAR(t, fmax(work.memory_s, work.compute_s), 1e-9);
    step_cache_fini(&cache);
    system_fini(&s);
}

int main(void)
{
    static const struct check_case cases[] = {
#define CASE(f) {#f, f}
        CASE(finds_a_known_scale_and_offset),
        CASE(finds_a_known_constant_before_the_first_token),
        CASE(perfect_predictions_are_left_alone),
        CASE(few_points_move_less_than_many),
        CASE(a_point_left_out_has_no_say),
        CASE(the_constant_is_pulled_to_zero_where_it_is_small_beside_the_queue),
        CASE(fewer_than_three_measurements_are_refused),
        CASE(a_json_result_becomes_a_closed_loop_row),
        CASE(metadata_of_the_benchmark_names_the_deployment),
        CASE(a_result_that_does_not_say_its_gpu_is_refused_with_what_to_add),
        CASE(another_json_file_is_refused),
        CASE(an_unknown_column_is_refused_with_the_nearest),
        CASE(three_json_results_calibrate),
        CASE(the_number_of_threads_changes_nothing),
        CASE(a_file_reads_back_as_it_was_written),
        CASE(bad_files_are_refused),
        CASE(the_measured_deployment_is_corrected),
        CASE(another_deployment_is_not_and_the_note_says_what_differs),
        CASE(no_correction_beats_the_physical_floor),
    };
    shared_arena = arena_new();
    int code = check_main("calibration", cases, (int)(sizeof cases / sizeof *cases));
    arena_free(shared_arena);
    return code;
}
