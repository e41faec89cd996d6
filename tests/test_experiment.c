/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Experiments: points and replications, service levels, threads, interruption. Small models and
 * few requests: what matters is what is run and counted, not how fast it would be. */
#include "sim/experiment/experiment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/csvio.h"
#include "sim/report/tables.h"
#include "tests/check.h"

static const char *const dirs[] = {"."};

#define MODEL "model: llama-3.1-8b\n"
#define CHAT                                                                                   \
    "workload:\n  - class: chat\n    arrivals: {process: poisson, rate: 4/s}\n"                \
    "    prompt: {dist: lognormal, mean: 600, p95: 1800}\n    output: 100\n"                   \
    "    slo: {ttft_p95: 1 s, tpot_p95: 50 ms}\n"
#define ON(gpus) "deployments:\n  - {hardware: [" gpus "], tp: 1, replicas: 1}\n"
#define SIM(n, reps) "simulation: {requests: " #n ", replications: " #reps ", seed: 1}\n"

struct lab {
    struct arena *arena;
    struct stock *stock;
    struct scenario *scenario;
    struct experiment *e;
    struct experiment_options options;
    struct err err;
};

static struct lab lab_open(const char *text)
{
    struct lab l = {.arena = arena_new(),
                    .options = {.n_threads = 1, .seed = -1, .quiet = true}};
    l.stock = stock_load(l.arena, dirs, 1, &l.err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(l.stock);
    if (!scenario_parse(l.arena, "test.yaml", text, strlen(text), NULL, 0, &l.scenario,
                        &l.err)) {
        err_print(&l.err, stderr);
        CU_FAIL_FATAL("scenario");
    }
    return l;
}

static bool lab_run(struct lab *l)
{
    l->e = experiment_new(l->arena, l->stock, l->scenario, &l->options, &l->err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(l->e);
    return experiment_run(l->e, l->arena, l->stock, &l->options, &l->err);
}

static void lab_close(struct lab *l)
{
    experiment_free(l->e);
    arena_free(l->arena);
}

static struct lab lab_of(const char *text)
{
    struct lab l = lab_open(text);
    CU_ASSERT_TRUE_FATAL(lab_run(&l));
    return l;
}

static double value(const struct lab *l, int point, int c, int m)
{
    return l->e->points[point].values[c][m].mean;
}

/* ---- points
 * ---------------------------------------------------------------------------------- */

static void a_run_has_a_point_per_deployment_that_fits(void)
{
    struct lab l =
        lab_of("model: llama-3.1-70b\n" CHAT ON("h100-sxm, b200, h200-sxm") SIM(100, 1));
    CU_ASSERT_EQUAL(l.e->deployments.n, 3);
    CU_ASSERT_EQUAL(l.e->n_points, 1); /* 141 GB of bf16 weights on one GPU: B200 alone */
    CU_ASSERT_STRING_EQUAL(l.e->systems[l.e->points[0].system_idx].spec.gpu->name, "b200");
    CU_ASSERT_EQUAL(l.e->points[0].rate_rps, 4.0);
    CU_ASSERT_TRUE(l.e->points[0].done);
    lab_close(&l);
}

static void nothing_that_fits_is_no_answer(void)
{
    struct lab l = lab_open("model: deepseek-v3\n" CHAT ON("l40s") SIM(100, 1));
    CU_ASSERT_FALSE(lab_run(&l));
    CU_ASSERT_EQUAL(l.err.code, ERR_UNFIT);
    lab_close(&l);
}

static void a_sweep_takes_the_loads_it_is_given(void)
{
    struct lab l =
        lab_open(MODEL CHAT ON("h100-sxm, l40s") "sweep: {loads: [1, 2, 3]}\n" SIM(60, 1));
    l.options.sweep = true;
    CU_ASSERT_TRUE_FATAL(lab_run(&l));
    CU_ASSERT_EQUAL_FATAL(l.e->n_points, 6);
    for (int i = 0; i < 6; i++) {
        CU_ASSERT_EQUAL(l.e->points[i].rate_rps, i % 3 + 1.0);
        CU_ASSERT_EQUAL(l.e->points[i].system_idx, i / 3);
    }
    lab_close(&l);
}

static void an_automatic_sweep_reaches_past_the_capacity(void)
{
    struct lab l = lab_open(MODEL CHAT ON("l40s") "sweep: {points: 5}\n" SIM(1500, 1));
    l.options.sweep = true;
    CU_ASSERT_TRUE_FATAL(lab_run(&l));
    CU_ASSERT_EQUAL_FATAL(l.e->n_points, 5);
    for (int i = 1; i < 5; i++) {
        CU_ASSERT_TRUE(l.e->points[i].rate_rps > l.e->points[i - 1].rate_rps);
        double before = value(&l, i - 1, 1, LAT_E2E * STAT_N + STAT_MEAN);
        CU_ASSERT_TRUE(value(&l, i, 1, LAT_E2E * STAT_N + STAT_MEAN) >= before);
    }
    CU_ASSERT_TRUE(l.e->points[0].stable);
    CHECK_NEAR(l.e->points[4].rate_rps / l.e->points[0].rate_rps, 11.0, 0.1);
    lab_close(&l);
}

static void closed_loops_keep_their_clients(void)
{
    struct lab l =
        lab_of(MODEL "workload:\n  - arrivals: {process: closed, concurrency: 8}\n"
                     "    prompt: 500\n    output: 100\n" ON("h100-sxm") SIM(400, 1));
    CU_ASSERT_EQUAL_FATAL(l.e->n_points, 1);
    CU_ASSERT_EQUAL(l.e->points[0].concurrency, 8);
    /* Little: clients = throughput x time in the system */
    double rate = value(&l, 0, 1, MEASURE_OUTPUT_TOK_S) / 100.0;
    CHECK_NEAR(rate * value(&l, 0, 1, LAT_E2E * STAT_N + STAT_MEAN), 8.0, 0.03);
    lab_close(&l);
}

/* ---- measures
 * -------------------------------------------------------------------------------- */

static void a_light_load_is_served_as_it_comes(void)
{
    struct lab l = lab_of(MODEL CHAT ON("h100-sxm") SIM(3000, 3));
    CHECK_NEAR(value(&l, 0, 1, MEASURE_OUTPUT_TOK_S), 400.0, 0.03);
    CHECK_NEAR(value(&l, 0, 1, MEASURE_INPUT_TOK_S), 2400.0, 0.05);
    CU_ASSERT_EQUAL(value(&l, 0, 1, MEASURE_REJECTED) + value(&l, 0, 1, MEASURE_FAILED), 0.0);
    CU_ASSERT_TRUE(l.e->points[0].stable);
    CHECK_NEAR(value(&l, 0, 1, MEASURE_SLO_ATTAINED), 1.0, 0.01);
    CHECK_NEAR(value(&l, 0, 1, MEASURE_GOODPUT_RPS), 4.0, 0.03);
    double tpot = value(&l, 0, 1, LAT_TPOT * STAT_N + STAT_MEAN);
    CU_ASSERT_TRUE(tpot > 16.06e9 / 3.35e12 &&
                   tpot < 0.02); /* no faster than the weights are read */
    CU_ASSERT_TRUE(value(&l, 0, 1, MEASURE_MBU) < 1.0 && value(&l, 0, 1, MEASURE_MFU) < 1.0);
    lab_close(&l);
}

static void energy_per_token_is_power_over_all_tokens(void)
{
    struct lab l =
        lab_of(MODEL "workload:\n"
                     "  - class: a\n    share: 0.75\n    arrivals: {rate: 3/s}\n"
                     "    prompt: 400\n    output: 50\n"
                     "  - class: b\n    share: 0.25\n    arrivals: {rate: 1/s}\n"
                     "    prompt: 800\n    output: 200\n" ON("h100-sxm") SIM(800, 1));
    double all = value(&l, 0, 2, MEASURE_J_PER_TOKEN);
    CHECK_NEAR(all, value(&l, 0, 2, MEASURE_POWER_W) / value(&l, 0, 2, MEASURE_OUTPUT_TOK_S),
               1e-12);
    CU_ASSERT_EQUAL(value(&l, 0, 0, MEASURE_J_PER_TOKEN), all);
    CU_ASSERT_EQUAL(value(&l, 0, 1, MEASURE_J_PER_TOKEN), all);
    /* classes add up */
    CHECK_NEAR(value(&l, 0, 0, MEASURE_OUTPUT_TOK_S) + value(&l, 0, 1, MEASURE_OUTPUT_TOK_S),
               value(&l, 0, 2, MEASURE_OUTPUT_TOK_S), 1e-9);
    CU_ASSERT_EQUAL(value(&l, 0, 0, MEASURE_COMPLETED) + value(&l, 0, 1, MEASURE_COMPLETED),
                    value(&l, 0, 2, MEASURE_COMPLETED));
    lab_close(&l);
}

static void an_overload_is_unstable_and_misses_its_levels(void)
{
    struct lab l = lab_open(
        MODEL "workload:\n  - arrivals: {rate: 400/s}\n    prompt: 2000\n    output: 300\n"
              "    slo: {e2e_p99: 10 h}\n" ON("l40s") SIM(3000, 1));
    CU_ASSERT_TRUE_FATAL(lab_run(&l));
    CU_ASSERT_FALSE(l.e->points[0].stable);
    CU_ASSERT_FALSE(point_meets_slo(l.e, &l.e->points[0], 0));
    CU_ASSERT_FALSE(point_meets_slo(l.e, &l.e->points[0], 1));
    lab_close(&l);
}

static void intervals_need_two_replications(void)
{
    struct lab one = lab_of(MODEL CHAT ON("h100-sxm") SIM(100, 1));
    struct lab two = lab_of(MODEL CHAT ON("h100-sxm") SIM(100, 2));
    int m = LAT_TTFT * STAT_N + STAT_MEAN;
    CU_ASSERT_TRUE(isnan(one.e->points[0].values[1][m].half_width));
    CU_ASSERT_TRUE(two.e->points[0].values[1][m].half_width > 0.0);
    lab_close(&one);
    lab_close(&two);
}

/* The 70th replication changes the mean: none is left out. */
static void every_replication_counts(void)
{
    struct lab a = lab_of(MODEL CHAT ON("h100-sxm") SIM(10, 69));
    struct lab b = lab_of(MODEL CHAT ON("h100-sxm") SIM(10, 70));
    CU_ASSERT_NOT_EQUAL(value(&a, 0, 1, LAT_TTFT * STAT_N + STAT_MEAN),
                        value(&b, 0, 1, LAT_TTFT * STAT_N + STAT_MEAN));
    lab_close(&a);
    lab_close(&b);
}

static void options_stand_above_the_scenario(void)
{
    struct lab l = lab_open(MODEL CHAT ON("h100-sxm") SIM(100, 1));
    l.options.requests = 37;
    l.options.replications = 2;
    l.options.seed = 9;
    CU_ASSERT_TRUE_FATAL(lab_run(&l));
    CU_ASSERT_EQUAL(l.e->replications, 2);
    CU_ASSERT_EQUAL(l.e->seed, 9);
    CU_ASSERT_EQUAL(l.e->n_requests, 2 * 37);
    lab_close(&l);
}

/* ---- service levels
 * -------------------------------------------------------------------------- */

/* A point with given p95 of TTFT and losses, two classes; class 1 has no limits. */
static bool meets(double limit_s, double ttft_s, double rejected, bool stable, int c)
{
    struct scenario_class classes[2];
    memset(classes, 0, sizeof classes);
    for (int i = 0; i < 2; i++) {
        for (int m = 0; m < SLO_N_METRICS; m++) {
            for (int s = 0; s < SLO_N_STATS; s++) {
                classes[i].slo.limit_s[m][s] = NAN;
            }
        }
        classes[i].slo.loss_max_frac = 0.001;
    }
    classes[0].slo.limit_s[SLO_TTFT][SLO_P95] = limit_s;
    struct scenario sc = {.classes = classes, .n_classes = 2};
    struct experiment e = {.scenario = &sc};
    struct estimate values[3][MEASURE_N];
    memset(values, 0, sizeof values);
    values[0][LAT_TTFT * STAT_N + STAT_P95].mean = ttft_s;
    values[0][MEASURE_COMPLETED].mean = 1000.0 - rejected;
    values[0][MEASURE_REJECTED].mean = rejected;
    values[1][MEASURE_COMPLETED].mean = 1000.0;
    struct point p = {.values = values, .stable = stable, .done = true};
    return point_meets_slo(&e, &p, c);
}

static void a_level_is_met_up_to_its_limit(void)
{
    CU_ASSERT_TRUE(meets(1.0, 1.0, 0, true, 0));
    CU_ASSERT_FALSE(meets(1.0, 1.0001, 0, true, 0));
    CU_ASSERT_FALSE(meets(1.0, NAN, 0, true, 0));
    CU_ASSERT_TRUE(meets(NAN, 99.0, 0, true, 0));
}

static void losses_count_against_the_level(void)
{
    CU_ASSERT_TRUE(meets(1.0, 0.5, 1, true, 0)); /* 1 of 1000 is allowed */
    CU_ASSERT_FALSE(meets(1.0, 0.5, 2, true, 0));
}

static void all_classes_must_meet_theirs(void)
{
    CU_ASSERT_TRUE(meets(1.0, 0.5, 0, true, 2));
    CU_ASSERT_FALSE(meets(1.0, 2.0, 0, true, 2));
    CU_ASSERT_TRUE(meets(1.0, 2.0, 0, true, 1));
    CU_ASSERT_FALSE(meets(1.0, 0.5, 0, false, 0));
    CU_ASSERT_FALSE(meets(1.0, 0.5, 0, false, 2));
}

/* ---- determinism
 * ----------------------------------------------------------------------------- */

static void same_file(const char *a, const char *b)
{
    FILE *f = fopen(a, "r");
    FILE *g = fopen(b, "r");
    CU_ASSERT_TRUE_FATAL(f && g);
    int x;
    int y;
    long n = 0;
    do {
        x = getc(f);
        y = getc(g);
        n++;
    } while (x == y && x != EOF);
    CU_ASSERT_EQUAL(x, y);
    CU_ASSERT_TRUE(n > 100);
    fclose(f);
    fclose(g);
}

static void write_all(struct lab *l, int at)
{
    CU_ASSERT_TRUE(tables_write_summary(l->e, check_tmp(at, ".csv"), &l->err));
    CU_ASSERT_TRUE(tables_write_breakdown(l->e, check_tmp(at + 1, ".csv"), &l->err));
    CU_ASSERT_TRUE(tables_write_timeline(l->e, check_tmp(at + 2, ".csv"), &l->err));
    CU_ASSERT_TRUE(
        tables_write_manifest(l->e, "1.0", "2026-11-22", check_tmp(at + 3, ".json"), &l->err));
}

static void one_thread_and_two_write_the_same_bytes(void)
{
    static const char text[] =
        MODEL CHAT ON("h100-sxm, l40s, b200") "sweep: {points: 4}\n" SIM(300, 3);
    struct lab a = lab_open(text);
    struct lab b = lab_open(text);
    a.options.sweep = b.options.sweep = true;
    b.options.n_threads = 2;
    CU_ASSERT_TRUE_FATAL(lab_run(&a));
    CU_ASSERT_TRUE_FATAL(lab_run(&b));
    write_all(&a, 0);
    write_all(&b, 4);
    for (int i = 0; i < 4; i++) {
        const char *suffix = i == 3 ? ".json" : ".csv";
        same_file(check_tmp(i, suffix), check_tmp(i + 4, suffix));
    }
    lab_close(&a);
    lab_close(&b);
}

/* ---- parts
 * ----------------------------------------------------------------------------------- */

static const char sweep_text[] =
    MODEL CHAT ON("h100-sxm, l40s, b200") "sweep: {points: 3}\n" SIM(200, 2);

/* Outlives the next check_tmp of the same index. */
static const char *part_dir(int idx)
{
    static char path[4][160];
    snprintf(path[idx], sizeof path[idx], "%s", check_tmp(idx, "-parts"));
    return path[idx];
}

static struct parts parts_at(struct lab *l, const char *const *dir)
{
    struct parts parts = {.dirs = dir, .n_dirs = 1, .n_shards = 1};
    CU_ASSERT_TRUE_FATAL(job_init(l->arena, l->scenario, dirs, 1, &parts.job, &l->err) &&
                         parts_make(&parts, &l->err));
    return parts;
}

static struct lab lab_with_parts(struct parts *parts, const char *const *dir)
{
    struct lab l = lab_open(sweep_text);
    *parts = parts_at(&l, dir);
    l.options.sweep = true;
    l.options.parts = parts;
    return l;
}

static void same_tables(struct lab *a, struct lab *b)
{
    write_all(a, 0);
    write_all(b, 4);
    for (int i = 0; i < 4; i++) {
        const char *suffix = i == 3 ? ".json" : ".csv";
        same_file(check_tmp(i, suffix), check_tmp(i + 4, suffix));
    }
}

static void tables_from_memory_and_from_parts_are_the_same_bytes(void)
{
    const char *dir = part_dir(0);
    struct parts parts;
    struct lab a = lab_open(sweep_text);
    struct lab b = lab_with_parts(&parts, &dir);
    a.options.sweep = true;
    b.options.n_threads = 2;
    CU_ASSERT_TRUE_FATAL(lab_run(&a) && lab_run(&b));
    CU_ASSERT_PTR_NOT_NULL(a.e->points[0].values);
    CU_ASSERT_PTR_NULL(b.e->points[0].values);
    CU_ASSERT_EQUAL(b.e->n_done, 9);
    same_tables(&a, &b);
    lab_close(&a);
    lab_close(&b);
}

static void shards_together_give_the_tables_of_one_process(void)
{
    const char *dir = part_dir(1);
    struct parts parts;
    struct lab whole = lab_open(sweep_text);
    whole.options.sweep = true;
    CU_ASSERT_TRUE_FATAL(lab_run(&whole));
    for (int i = 0; i < 4; i++) {
        struct lab l = lab_with_parts(&parts, &dir);
        parts.n_shards = 4;
        parts.shard_idx = i;
        CU_ASSERT_TRUE_FATAL(lab_run(&l));
        CU_ASSERT_EQUAL(l.e->n_done, i == 0 ? 3 : 2); /* of nine */
        CU_ASSERT_EQUAL(l.e->n_mine, l.e->n_done);
        lab_close(&l);
        struct lab m = lab_with_parts(&parts, &dir);
        parts.merge = true;
        CU_ASSERT_EQUAL(lab_run(&m), i == 3);
        if (i == 3) {
            CU_ASSERT_EQUAL(m.e->n_events, 0);
            same_tables(&whole, &m);
        } else {
            CU_ASSERT_EQUAL(m.err.code, ERR_INPUT);
            CU_ASSERT_PTR_NOT_NULL(strstr(m.err.text, "of 9 points are missing"));
        }
        lab_close(&m);
    }
    lab_close(&whole);
}

static void what_is_in_parts_is_not_done_again(void)
{
    const char *dir = part_dir(2);
    struct parts parts;
    struct lab whole = lab_with_parts(&parts, &dir);
    CU_ASSERT_TRUE_FATAL(lab_run(&whole));
    struct parts copy = parts;
    remove(parts_path(whole.arena, &parts, "point", 4));
    struct lab l = lab_with_parts(&parts, &dir);
    CU_ASSERT_TRUE_FATAL(lab_run(&l));
    CU_ASSERT_EQUAL(l.e->n_found, 8);
    CU_ASSERT_EQUAL(l.e->n_done, 9);
    CU_ASSERT_EQUAL(l.e->n_requests, 2 * 200);
    whole.e->parts = &copy;
    same_tables(&whole, &l);
    lab_close(&l);
    lab_close(&whole);
}

static void a_part_that_cannot_be_written_ends_the_run(void)
{
    const char *dir = "/proc/none";
    struct lab l = lab_open(MODEL CHAT ON("h100-sxm, l40s") SIM(50, 1));
    struct parts parts = {.dirs = &dir, .n_dirs = 1, .n_shards = 1};
    CU_ASSERT_TRUE_FATAL(job_init(l.arena, l.scenario, dirs, 1, &parts.job, &l.err));
    l.options.parts = &parts;
    CU_ASSERT_FALSE(lab_run(&l));
    CU_ASSERT_EQUAL(l.err.code, ERR_IO);
    CU_ASSERT_EQUAL(l.e->n_done, 0);
    CU_ASSERT_EQUAL(l.e->n_requests, 50); /* the second point is not begun */
    lab_close(&l);
}

static void a_job_is_its_scenario_catalogue_and_seed(void)
{
    struct job one;
    struct job other;
    struct lab a = lab_open(MODEL CHAT ON("l40s") SIM(50, 1));
    struct lab b = lab_open(MODEL CHAT ON("l40s") SIM(51, 1));
    CU_ASSERT_TRUE(job_init(a.arena, a.scenario, dirs, 1, &one, &a.err));
    CU_ASSERT_TRUE(job_init(a.arena, a.scenario, dirs, 1, &other, &a.err));
    CU_ASSERT_EQUAL(one.scenario, other.scenario);
    CU_ASSERT_EQUAL(one.catalogue, other.catalogue);
    /* an overlay that repeats the catalogue changes nothing, one that lacks it does */
    static const char *const twice[] = {".", "./"};
    static const char *const nothing[] = {"tests/data"};
    CU_ASSERT_TRUE(job_init(b.arena, b.scenario, twice, 2, &other, &b.err));
    CU_ASSERT_NOT_EQUAL(one.scenario, other.scenario);
    CU_ASSERT_EQUAL(one.catalogue, other.catalogue);
    CU_ASSERT_TRUE(job_init(b.arena, b.scenario, nothing, 1, &other, &b.err));
    CU_ASSERT_NOT_EQUAL(one.catalogue, other.catalogue);
    lab_close(&a);
    lab_close(&b);
}

static void another_seed_gives_other_numbers(void)
{
    struct lab a = lab_of(MODEL CHAT ON("h100-sxm") SIM(200, 1));
    struct lab b = lab_open(MODEL CHAT ON("h100-sxm") SIM(200, 1));
    b.options.seed = 2;
    CU_ASSERT_TRUE_FATAL(lab_run(&b));
    CU_ASSERT_NOT_EQUAL(value(&a, 0, 1, LAT_TTFT * STAT_N + STAT_MEAN),
                        value(&b, 0, 1, LAT_TTFT * STAT_N + STAT_MEAN));
    lab_close(&a);
    lab_close(&b);
}

/* Arrivals and lengths are the same on every deployment. */
static void deployments_see_the_same_requests(void)
{
    enum { N = 50 };
    const char *dir = part_dir(3);
    struct lab l = lab_open(MODEL CHAT ON("h100-sxm, l40s") SIM(50, 2));
    struct parts parts = parts_at(&l, &dir);
    l.options.parts = &parts;
    l.options.requests_csv = check_tmp(0, "-requests.csv");
    l.options.n_threads = 2;
    CU_ASSERT_TRUE_FATAL(lab_run(&l));
    struct csv_table t;
    CU_ASSERT_TRUE_FATAL(csv_load(l.arena, l.options.requests_csv, &t, &l.err));
    static const char *const cols[] = {"id", "arrival_s", "prompt_tokens"};
    int col[3];
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_TRUE_FATAL(csv_col_need(&t, cols[i], &col[i], &l.err));
    }
    double seen[2][N][2];
    CU_ASSERT_EQUAL_FATAL(t.n_rows, 2 * N);
    for (int row = 0; row < 2 * N; row++) {
        int id = atoi(csv_cell(&t, row, col[0]));
        CU_ASSERT_TRUE_FATAL(id >= 0 && id < N);
        for (int i = 0; i < 2; i++) {
            CU_ASSERT_TRUE(csv_number(&t, row, col[i + 1], NAN, &seen[row / N][id][i], &l.err));
        }
    }
    CU_ASSERT_EQUAL(memcmp(seen[0], seen[1], sizeof seen[0]), 0);
    lab_close(&l);
}

/* ---- interruption
 * ---------------------------------------------------------------------------- */

static void a_stopped_run_shows_only_whole_points(void)
{
    struct lab l = lab_open(MODEL CHAT ON("h100-sxm, l40s") SIM(100, 2));
    atomic_bool stop = true;
    l.options.stop = &stop;
    CU_ASSERT_TRUE(lab_run(&l));
    CU_ASSERT_TRUE(l.e->interrupted);
    for (int i = 0; i < l.e->n_points; i++) {
        CU_ASSERT_FALSE(l.e->points[i].done);
        CU_ASSERT_FALSE(l.e->points[i].stable);
    }
    CU_ASSERT_TRUE(tables_write_summary(l.e, check_tmp(1, ".csv"), &l.err));
    struct csv_table t;
    CU_ASSERT_TRUE_FATAL(csv_load(l.arena, check_tmp(1, ".csv"), &t, &l.err));
    CU_ASSERT_EQUAL(t.n_rows, 0);
    lab_close(&l);
}

static void an_undisturbed_run_is_not_interrupted(void)
{
    struct lab l = lab_open(MODEL CHAT ON("h100-sxm") SIM(100, 2));
    atomic_bool stop = false;
    l.options.stop = &stop;
    CU_ASSERT_TRUE(lab_run(&l));
    CU_ASSERT_FALSE(l.e->interrupted);
    CU_ASSERT_TRUE(l.e->points[0].done);
    lab_close(&l);
}

static void measures_have_the_names_of_the_columns(void)
{
    char buf[64];
    CU_ASSERT_STRING_EQUAL(measure_name(LAT_TTFT * STAT_N + STAT_P95, buf, sizeof buf),
                           "ttft_s_p95");
    CU_ASSERT_STRING_EQUAL(measure_name(LAT_QUEUE * STAT_N + STAT_MEAN, buf, sizeof buf),
                           "queue_s_mean");
    CU_ASSERT_STRING_EQUAL(measure_name(MEASURE_GOODPUT_RPS, buf, sizeof buf), "goodput_rps");
    CU_ASSERT_STRING_EQUAL(measure_name(MEASURE_STABLE, buf, sizeof buf), "stable");
    CU_ASSERT_STRING_EQUAL(measure_name(MEASURE_J_PER_TOKEN, buf, sizeof buf),
                           "j_per_output_token");
}

#define CASE(name)                                                                             \
    {                                                                                          \
#name, name                                                                            \
    }
static const struct check_case cases[] = {
    CASE(a_run_has_a_point_per_deployment_that_fits),
    CASE(nothing_that_fits_is_no_answer),
    CASE(a_sweep_takes_the_loads_it_is_given),
    CASE(an_automatic_sweep_reaches_past_the_capacity),
    CASE(closed_loops_keep_their_clients),
    CASE(a_light_load_is_served_as_it_comes),
    CASE(energy_per_token_is_power_over_all_tokens),
    CASE(an_overload_is_unstable_and_misses_its_levels),
    CASE(intervals_need_two_replications),
    CASE(every_replication_counts),
    CASE(options_stand_above_the_scenario),
    CASE(a_level_is_met_up_to_its_limit),
    CASE(losses_count_against_the_level),
    CASE(all_classes_must_meet_theirs),
    CASE(one_thread_and_two_write_the_same_bytes),
    CASE(another_seed_gives_other_numbers),
    CASE(tables_from_memory_and_from_parts_are_the_same_bytes),
    CASE(shards_together_give_the_tables_of_one_process),
    CASE(what_is_in_parts_is_not_done_again),
    CASE(a_part_that_cannot_be_written_ends_the_run),
    CASE(a_job_is_its_scenario_catalogue_and_seed),
    CASE(deployments_see_the_same_requests),
    CASE(a_stopped_run_shows_only_whole_points),
    CASE(an_undisturbed_run_is_not_interrupted),
    CASE(measures_have_the_names_of_the_columns),
};

int main(void)
{
    return check_main("experiment", cases, (int)(sizeof cases / sizeof cases[0]));
}
