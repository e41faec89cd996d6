/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bands and evidence: look-ups take the most specific row, what was never measured is wider,
 * coverage of left-out groups is near 80 %, and nothing hangs on a model's name. */
#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hardware/bands.h"
#include "models/model.h"
#include "sim/core/rng.h"
#include "sim/experiment/evidence.h"
#include "sim/fit/bandfit.h"
#include "sim/fit/validate.h"
#include "sim/fit/variant.h"
#include "tests/check.h"
#include "tests/stock_fixture.h"

static const char *const DIRS[] = {"."};
static struct arena *arena;

/* ---- look-ups -----------------------------------------------------------------------------
 */

static struct band_row row(const char *kind, const char *engine, const char *sku, double hi)
{
    return (struct band_row){.metric = "tpot",
                             .scope = "seen",
                             .kind = kind,
                             .engine = engine,
                             .load = "",
                             .prompt = "",
                             .sku = sku,
                             .band = {0.9, hi}};
}

static const struct band_key tpot_key = {.metric = BAND_TPOT,
                                         .scope = SCOPE_SEEN,
                                         .is_moe = true,
                                         .engine = "vllm",
                                         .load = BAND_OPEN,
                                         .sku = "b200"};

static void the_most_specific_row_wins(void)
{
    struct band_row rows[] = {row("moe", "vllm", "b200", 1.1), row("", "", "", 1.4),
                              row("moe", "vllm", "", 1.2), row("dense", "vllm", "b200", 1.9)};
    struct band_table t = {.rows = rows, .n_rows = 4};
    struct band_key key = tpot_key;
    struct band b;
    CU_ASSERT_TRUE(band_find(&t, &key, &b));
    CU_ASSERT_EQUAL(b.hi, 1.1);
    key.sku = "l4";
    CU_ASSERT_TRUE(band_find(&t, &key, &b));
    CU_ASSERT_EQUAL(b.hi, 1.2);
    key.engine = "sglang";
    CU_ASSERT_TRUE(band_find(&t, &key, &b));
    CU_ASSERT_EQUAL(b.hi, 1.4);
}

static void a_row_of_long_prompts_is_for_long_prompts(void)
{
    struct band_row rows[] = {row("moe", "vllm", "", 1.4), row("moe", "vllm", "", 1.2)};
    struct band_table t = {.rows = rows, .n_rows = 2};
    struct band_key key = tpot_key;
    struct band b;
    rows[1].prompt = "long";
    CU_ASSERT_TRUE(band_find(&t, &key, &b)); /* of any length */
    CU_ASSERT_EQUAL(b.hi, 1.4);
    key.prompt = band_prompt_of(1024.0, false);
    CU_ASSERT_TRUE(band_find(&t, &key, &b));
    CU_ASSERT_EQUAL(b.hi, 1.4);
    key.prompt = band_prompt_of(8192.0, false);
    CU_ASSERT_TRUE(band_find(&t, &key, &b));
    CU_ASSERT_EQUAL(b.hi, 1.2);
}

static void clients_of_equal_outputs_are_a_kind_of_their_own(void)
{
    struct band_row rows[] = {row("moe", "vllm", "", 1.4), row("moe", "vllm", "", 1.2)};
    struct band_table t = {.rows = rows, .n_rows = 2};
    struct band_key key = tpot_key;
    struct band b;
    rows[1].prompt = "waves";
    key.prompt = band_prompt_of(8192.0, false);
    CU_ASSERT_TRUE(band_find(&t, &key, &b));
    CU_ASSERT_EQUAL(b.hi, 1.4);
    key.prompt = band_prompt_of(8192.0, true);
    CU_ASSERT_TRUE(band_find(&t, &key, &b));
    CU_ASSERT_EQUAL(b.hi, 1.2);
}

static void another_metric_or_scope_has_no_band(void)
{
    struct band_row rows[] = {row("", "", "", 1.4)};
    struct band_table t = {.rows = rows, .n_rows = 1};
    struct band_key key = tpot_key;
    struct band b;
    key.metric = BAND_TTFT;
    CU_ASSERT_FALSE(band_find(&t, &key, &b));
    key = tpot_key;
    key.scope = SCOPE_NEW;
    CU_ASSERT_FALSE(band_find(&t, &key, &b));
}

static struct evidence_row measured = {.shape = "80x8192 gqa64/8/128 mlp28672",
                                       .family = "llama",
                                       .kind = "dense",
                                       .sku = "b200",
                                       .engine = "vllm",
                                       .dtype = "fp8"};
static const struct band_table one_measured = {.evidence = &measured, .n_evidence = 1};
static const struct evidence_key same = {
    "80x8192 gqa64/8/128 mlp28672", "llama", "b200", "vllm", "fp8", false};

static void evidence_falls_with_distance(void)
{
    struct evidence_key key = same;
    CU_ASSERT_EQUAL(evidence_grade(&one_measured, &key), EVIDENCE_MEASURED);
    key.dtype = "nvfp4";
    CU_ASSERT_EQUAL(evidence_grade(&one_measured, &key), EVIDENCE_FAMILY);
    key.engine = "sglang";
    CU_ASSERT_EQUAL(evidence_grade(&one_measured, &key), EVIDENCE_SKU);
    key.sku = "l4";
    CU_ASSERT_EQUAL(evidence_grade(&one_measured, &key), EVIDENCE_NONE);
    key = same;
    key.shape = "61x7168";
    key.family = "deepseek_v3";
    key.is_moe = true;
    CU_ASSERT_EQUAL(evidence_grade(&one_measured, &key), EVIDENCE_SKU);
}

static void scope_says_what_is_new(void)
{
    struct evidence_key key = same;
    CU_ASSERT_EQUAL(evidence_scope(&one_measured, &key), SCOPE_SEEN);
    key.sku = "l4";
    CU_ASSERT_EQUAL(evidence_scope(&one_measured, &key), SCOPE_NEW_SKU);
    key.shape = "61x7168";
    CU_ASSERT_EQUAL(evidence_scope(&one_measured, &key), SCOPE_NEW);
    key.sku = "b200";
    CU_ASSERT_EQUAL(evidence_scope(&one_measured, &key), SCOPE_NEW_MODEL);
}

static void shipped_bands_of_the_new_are_wider(void)
{
    const struct band_table *t = &stock_fixture()->bands;
    CU_ASSERT_FATAL(t->n_rows > 0);
    for (int m = 0; m < BAND_METRIC_N; m++) {
        for (int moe = 0; moe < 2; moe++) {
            struct band_key key = {.metric = (enum band_metric)m,
                                   .scope = SCOPE_SEEN,
                                   .is_moe = moe == 1,
                                   .engine = "vllm",
                                   .load = BAND_CLOSED_HIGH,
                                   .sku = "no-such-gpu"};
            struct band seen, model, sku, both;
            CU_ASSERT_TRUE_FATAL(band_find(t, &key, &seen));
            key.scope = SCOPE_NEW_MODEL;
            CU_ASSERT_TRUE_FATAL(band_find(t, &key, &model));
            key.scope = SCOPE_NEW_SKU;
            CU_ASSERT_TRUE_FATAL(band_find(t, &key, &sku));
            key.scope = SCOPE_NEW;
            CU_ASSERT_TRUE_FATAL(band_find(t, &key, &both));
            CU_ASSERT_TRUE(model.hi / model.lo > seen.hi / seen.lo);
            CU_ASSERT_TRUE(sku.hi / sku.lo > seen.hi / seen.lo);
            CU_ASSERT_TRUE(both.hi / both.lo > model.hi / model.lo);
            CU_ASSERT_TRUE(both.hi / both.lo >= sku.hi / sku.lo);
        }
    }
}

/* ---- deployments of the catalogue -----------------------------------------------------------
 */

static void resolve(const char *model, const char *gpu, double skew, struct system *s)
{
    struct err err = {0};
    struct system_spec spec = system_spec_default();
    spec.name = "test";
    spec.model = model_find(arena, DIRS, 1, model, &err);
    spec.gpu = gpu_find(&stock_fixture()->gpus, gpu, &err);
    spec.engine = ENGINE_VLLM;
    spec.engine_version = "";
    spec.max_model_len = 4096;
    spec.tp = 8;
    spec.skew_sigma = skew;
    CU_ASSERT_PTR_NOT_NULL_FATAL(spec.model);
    CU_ASSERT_TRUE_FATAL(model_checkpoint(spec.model, DTYPE_AUTO, &spec.checkpoint, &err));
    CU_ASSERT_TRUE_FATAL(system_resolve(stock_fixture(), &spec, s, &err));
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->step);
}

static struct band band_of(const struct system *s, enum band_metric metric)
{
    struct band b;
    CU_ASSERT_TRUE(evidence_band(&stock_fixture()->bands, s, metric, BAND_CLOSED_HIGH,
                                 BAND_PROMPT_SHORT, &b));
    return b;
}

static struct band table_band(const struct system *s, enum band_scope scope)
{
    struct band_key key = {.metric = BAND_TPOT,
                           .scope = scope,
                           .is_moe = model_is_moe(s->spec.model),
                           .engine = "vllm",
                           .load = BAND_CLOSED_HIGH,
                           .sku = s->spec.gpu->name};
    struct band b;
    CU_ASSERT_TRUE_FATAL(band_find(&stock_fixture()->bands, &key, &b));
    return b;
}

/* Time within [a, b] of the predicted is throughput within [1/b, 1/a]. */
static void popularity_of_a_model_never_measured_widens_its_band(void)
{
    struct system s;
    resolve("qwen3-coder-480b-a35b", "h200-sxm", NAN, &s);
    CU_ASSERT_EQUAL(s.evidence.scope, SCOPE_NEW_MODEL);
    CU_ASSERT_TRUE(s.skew.decode_lo < 0.97 && s.skew.decode_hi > 1.05);
    struct band table = table_band(&s, SCOPE_NEW_MODEL);
    struct band tpot = band_of(&s, BAND_TPOT);
    CHECK_NEAR(log(tpot.lo), -hypot(log(table.lo), log(s.skew.decode_lo)), 1e-12);
    CHECK_NEAR(log(tpot.hi), hypot(log(table.hi), log(s.skew.decode_hi)), 1e-12);
    s.skew.decode_lo = 0.5;
    s.skew.decode_hi = 1.0;
    CU_ASSERT_TRUE(band_of(&s, BAND_OUTPUT_TOK_S).hi >= 2.0);
    CU_ASSERT_TRUE(band_of(&s, BAND_TPOT).lo <= 0.5);
    system_fini(&s);
}

static void popularity_that_is_stated_or_borne_out_does_not(void)
{
    struct system stated;
    struct system seen;
    resolve("qwen3-coder-480b-a35b", "h200-sxm", 0.7, &stated);
    resolve("qwen3-235b-a22b", "h200-sxm", NAN, &seen);
    CU_ASSERT_EQUAL(seen.evidence.scope, SCOPE_SEEN);
    CU_ASSERT_EQUAL(stated.skew.decode_lo, 1.0);
    CU_ASSERT_EQUAL(seen.skew.decode_hi, 1.0);
    CHECK_NEAR(band_of(&stated, BAND_TPOT).hi, table_band(&stated, SCOPE_NEW_MODEL).hi, 1e-12);
    CHECK_NEAR(band_of(&seen, BAND_TPOT).hi, table_band(&seen, SCOPE_SEEN).hi, 1e-12);
    system_fini(&stated);
    system_fini(&seen);
}

static void constants_of_another_gpu_widen_the_band_by_their_own_error(void)
{
    struct system s;
    resolve("llama-3.1-70b", "mi300x", NAN, &s);
    CU_ASSERT_EQUAL(s.evidence.scope, SCOPE_NEW_SKU);
    CU_ASSERT_TRUE(s.step->transfer_p90_frac > 0.3);
    struct band seen = table_band(&s, SCOPE_SEEN);
    struct band tpot = band_of(&s, BAND_TPOT);
    double least = hypot(log(seen.hi), log(1.0 + s.step->transfer_p90_frac));
    CU_ASSERT_TRUE(log(tpot.hi) >= least - 1e-12);
    CU_ASSERT_TRUE(tpot.lo <= table_band(&s, SCOPE_NEW_SKU).lo);
    CU_ASSERT_TRUE(tpot.lo <= 1.0 / (1.0 + s.step->transfer_p90_frac));
    system_fini(&s);
}

static void a_tail_is_no_surer_than_its_mean(void)
{
    struct band_row rows[] = {row("moe", "vllm", "", 1.4), row("moe", "vllm", "", 2.0)};
    struct band_table t = {.rows = rows, .n_rows = 2};
    struct system s;
    struct band b;
    resolve("qwen3-235b-a22b", "h200-sxm", NAN, &s);
    for (int i = 0; i < 2; i++) {
        rows[i].metric = "e2e";
        rows[i].band.lo = 0.9;
    }
    rows[1].metric = "e2e-tail";
    CU_ASSERT_TRUE(evidence_band(&t, &s, BAND_E2E, BAND_OPEN, BAND_PROMPT_ANY, &b));
    CHECK_NEAR(b.hi, 1.4, 1e-12);
    CU_ASSERT_TRUE(evidence_band(&t, &s, BAND_E2E_TAIL, BAND_OPEN, BAND_PROMPT_ANY, &b));
    CHECK_NEAR(b.hi, 2.0, 1e-12);
    rows[1].band.hi = 1.1; /* few rows that happen to be close */
    CU_ASSERT_TRUE(evidence_band(&t, &s, BAND_E2E_TAIL, BAND_OPEN, BAND_PROMPT_ANY, &b));
    CHECK_NEAR(b.hi, 1.4, 1e-12);
    t.n_rows = 1; /* no tail measured at all */
    CU_ASSERT_TRUE(evidence_band(&t, &s, BAND_E2E_TAIL, BAND_OPEN, BAND_PROMPT_ANY, &b));
    CHECK_NEAR(b.hi, 1.4, 1e-12);
    system_fini(&s);
}

/* ---- fit ----------------------------------------------------------------------------------
 */

/* 40 groups of 10 rows whose errors are a group's own shift and noise. */
enum { GROUPS = 40, PER_GROUP = 10, ROWS = GROUPS * PER_GROUP };

struct fitted {
    struct validate_table table;
    struct model *models;
    struct validate_result *results;
    struct bandfit *fit;
};

/* A fit to rows whose ln(measured / predicted) is error(group, uniform random number). Odd
 * groups are vLLM's, even ones TensorRT-LLM's. */
static void fit_errors(double (*error)(int group, double u), struct fitted *f)
{
    struct rng rng;
    *f = (struct fitted){.table = {.n = ROWS}};
    f->models = calloc(GROUPS, sizeof *f->models);
    f->results = calloc(ROWS, sizeof *f->results);
    f->table.rows = calloc(ROWS, sizeof *f->table.rows);
    rng_init(&rng, 7, "test/bands", 0);
    for (int i = 0; i < ROWS; i++) {
        struct validate_row *r = &f->table.rows[i];
        int g = i / PER_GROUP;
        r->engine = g % 2 ? "vllm" : "trtllm";
        r->source = r->date = "2026-01-01";
        r->load = VLOAD_CLOSED;
        r->osl_mean = 100;
        f->models[g].family = "f";
        f->results[i].model = &f->models[g];
        f->results[i].gpu = &stock_fixture()->gpus.items[0];
        for (int m = 0; m < VM_N; m++) {
            r->measured[m] = NAN;
        }
        f->results[i].predicted[VM_TPOT_MEAN] = 10.0;
        r->measured[VM_TPOT_MEAN] = 10.0 * exp(error(g, rng_uniform(&rng)));
    }
    struct bandfit_input in = {.table = &f->table, .base = f->results};
    f->fit = bandfit_new(&in);
}

static void free_fitted(struct fitted *f)
{
    bandfit_free(f->fit);
    free(f->models);
    free(f->results);
    free(f->table.rows);
}

static double shift_and_noise(int group, double u)
{
    return 0.1 * sin(37.0 * group) + 0.1 * (u - 0.5);
}

static void coverage_of_groups_left_out_is_four_in_five(void)
{
    struct fitted f;
    struct band_coverage c;
    fit_errors(shift_and_noise, &f);
    bandfit_coverage(f.fit, BAND_TPOT, -1, NULL, &c);
    CU_ASSERT_EQUAL(c.n, ROWS);
    CU_ASSERT_TRUE(c.inside_frac >= 0.75 && c.inside_frac <= 0.85);
    CU_ASSERT_TRUE(c.half_width_frac < 2.5 * c.median_abs_frac);
    free_fitted(&f);
}

/* vLLM takes up to 50 % longer than predicted; the other engine is off by 5 % either way. */
static double one_engine_late(int group, double u)
{
    return group % 2 ? 0.4 * u : 0.1 * (u - 0.5);
}

static void an_engine_that_is_late_does_not_widen_the_others_band(void)
{
    struct fitted f;
    struct band_coverage late, exact;
    fit_errors(one_engine_late, &f);
    bandfit_coverage(f.fit, BAND_TPOT, -1, "vllm", &late);
    bandfit_coverage(f.fit, BAND_TPOT, -1, "trtllm", &exact);
    CU_ASSERT_TRUE(late.inside_frac >= 0.75 && late.inside_frac <= 0.95);
    CU_ASSERT_TRUE(exact.inside_frac >= 0.75 && exact.inside_frac <= 0.85);
    CU_ASSERT_TRUE(late.half_width_frac > 0.18);
    CU_ASSERT_TRUE(exact.half_width_frac < 0.06);
    free_fitted(&f);
}

/* ---- variants -----------------------------------------------------------------------------
 */

static void a_gpu_left_out_takes_its_twins_constants(void)
{
    const struct gpu *h200 = gpu_find(&stock_fixture()->gpus, "h200-sxm", NULL);
    const char *from = "";
    const struct stock *s = variant_without_gpu(arena, stock_fixture(), h200, false, &from);
    enum kernel_match match = MATCH_EXACT;
    const struct gpu *same_gpu = gpu_find(&s->gpus, "h200-sxm", NULL);
    const struct gemm_consts *k =
        kernel_gemm(&s->kernels, &s->gpus, same_gpu, "vllm", "bf16", &match);
    CU_ASSERT_STRING_EQUAL(from, "h100-sxm");
    CU_ASSERT_PTR_NOT_NULL_FATAL(k);
    CU_ASSERT_STRING_EQUAL(k->key.sku, "h100-sxm");
    CU_ASSERT_EQUAL(match, MATCH_SKU);
    for (int i = 0; i < s->fabric.n_curves; i++) {
        CU_ASSERT_STRING_NOT_EQUAL(s->fabric.curves[i].key.sku, "h200-sxm");
    }
}

static void an_architecture_left_out_has_no_kin(void)
{
    const struct gpu *h200 = gpu_find(&stock_fixture()->gpus, "h200-sxm", NULL);
    const char *from = "";
    const struct stock *s = variant_without_gpu(arena, stock_fixture(), h200, true, &from);
    for (int i = 0; i < s->kernels.n_attn; i++) {
        CU_ASSERT_PTR_NULL(strstr(s->kernels.attn[i].key.sku, "h100"));
    }
    CU_ASSERT_PTR_NULL(strstr(from, "h100"));
    CU_ASSERT_STRING_NOT_EQUAL(from, "");
}

/* Blackwell alone has nvfp4: without its tables products in it take Hopper's fp8. */
static void a_format_without_tables_runs_like_the_next_wider_one(void)
{
    const char *from = "";
    const struct stock *s = variant_without_gpu(
        arena, stock_fixture(), gpu_find(&stock_fixture()->gpus, "b200", NULL), true, &from);
    struct err err = {0};
    struct system system;
    struct system_spec spec = system_spec_default();
    int n_fp8 = 0;
    spec.name = "test";
    spec.model = model_find(arena, DIRS, 1, "llama-3.1-70b", &err);
    spec.gpu = gpu_find(&s->gpus, "b200", NULL);
    spec.engine = ENGINE_TRTLLM;
    spec.engine_version = "";
    spec.max_model_len = 4096;
    spec.tp = 2;
    CU_ASSERT_PTR_NOT_NULL_FATAL(spec.model);
    CU_ASSERT_TRUE_FATAL(model_checkpoint(spec.model, DTYPE_NVFP4, &spec.checkpoint, &err));
    CU_ASSERT_TRUE_FATAL(system_resolve(s, &spec, &system, &err));
    for (int i = 0; i < system.step->n_constants; i++) {
        const struct step_constant *c = &system.step->constants[i];
        CU_ASSERT_STRING_NOT_EQUAL(c->key->dtype, "nvfp4");
        n_fp8 += strcmp(c->law, "gemm") == 0 && strcmp(c->key->dtype, "fp8") == 0;
    }
    CU_ASSERT_TRUE(n_fp8 > 0);
    system_fini(&system);
}

static void unknown_effects_are_named(void)
{
    struct err err = {0};
    CU_ASSERT_EQUAL(effect_find("tile-paddin", &err), EFFECT_NONE);
    CU_ASSERT_EQUAL(err.code, ERR_USAGE);
    CU_ASSERT_EQUAL(effect_find("tile-padding", &err), EFFECT_TILE_PADDING);
    CU_ASSERT_EQUAL(leave_out_find("arch", &err), LEAVE_ARCH);
}

/* ---- everything at once --------------------------------------------------------------------
 */

static const char TABLE[] =
    "id,source,date,model,hardware,n_gpus,tp,engine,engine_version,weight_dtype,load,"
    "concurrency,num_requests,isl_mean,osl_mean,ttft_ms_mean,tpot_ms_mean\n"
    "a,s,2026-01-01,Llama-3.1-8B,h100-sxm,1,1,vllm,0.15.1,bf16,closed,2,4,128,16,20,7\n"
    "b,s,2026-01-02,Llama-3.1-8B,h200-sxm,2,2,vllm,0.15.1,bf16,closed,2,4,128,16,20,4\n"
    "c,s,2026-01-02,gpt-oss-20b,h100-sxm,1,1,vllm,0.15.1,mxfp4,closed,2,4,128,16,20,3\n";

static const char *in_dir(const char *dir, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static long size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

static void one_run_writes_bands_evidence_and_every_table(void)
{
    static const char *const files[] = {
        "bands.csv",    "evidence.csv",  "residuals.csv",   "validation.md", "summary.md",
        "sources.md",   "constants.md",  "kinds.md",        "errors.md",     "weak.md",
        "leave-gpu.md", "leave-arch.md", "leave-family.md", "coverage.md",   "ablation.md"};
    char dir[128];
    snprintf(dir, sizeof dir, "%s", check_tmp(1, "-report"));
    mkdir(dir, 0700);
    FILE *f = fopen(in_dir(dir, "table.csv"), "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(TABLE, f);
    fclose(f);
    char table[512];
    snprintf(table, sizeof table, "%s", in_dir(dir, "table.csv"));
    struct validate_options o = {
        .table = table, .bands = dir, .report = dir, .quiet = true, .n_threads = 1, .seed = 1};
    struct err err = {0};
    FILE *nowhere = fopen("/dev/null", "w");
    CU_ASSERT_TRUE(validate_run(&o, stock_fixture(), nowhere, &err));
    fclose(nowhere);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        CU_ASSERT_TRUE(size_of(in_dir(dir, files[i])) > 0);
        unlink(in_dir(dir, files[i]));
    }
    unlink(table);
    rmdir(dir);
}

static double first_prediction(enum leave_out kind, enum effect effect)
{
    const char *table = check_tmp(2, ".csv");
    char csv[256];
    snprintf(csv, sizeof csv, "%s", check_tmp(3, "-rows.csv"));
    FILE *f = fopen(table, "w");
    fputs(TABLE, f);
    fclose(f);
    struct validate_options o = {.table = table,
                                 .csv = csv,
                                 .quiet = true,
                                 .n_threads = 1,
                                 .seed = 1,
                                 .leave_out = kind,
                                 .without = effect};
    struct err err = {0};
    double predicted = NAN;
    FILE *nowhere = fopen("/dev/null", "w");
    CU_ASSERT_TRUE(validate_run(&o, stock_fixture(), nowhere, &err));
    fclose(nowhere);
    f = fopen(csv, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_EQUAL(fscanf(f, "%*[^\n]\na,ttft_ms_mean,%*[^,],%lf", &predicted), 1);
    fclose(f);
    unlink(csv);
    unlink(table);
    return predicted;
}

static void what_is_left_out_changes_the_prediction(void)
{
    double whole = first_prediction(LEAVE_NOTHING, EFFECT_NONE);
    CU_ASSERT_TRUE(whole > 0.0);
    CU_ASSERT_TRUE(first_prediction(LEAVE_GPU, EFFECT_NONE) != whole);
    CU_ASSERT_TRUE(first_prediction(LEAVE_ARCH, EFFECT_NONE) != whole);
    CU_ASSERT_TRUE(first_prediction(LEAVE_NOTHING, EFFECT_API) < whole);
    CU_ASSERT_TRUE(first_prediction(LEAVE_NOTHING, EFFECT_TILE_PADDING) < whole);
    CU_ASSERT_TRUE(first_prediction(LEAVE_NOTHING, EFFECT_DISTINCT_EXPERTS) == whole);
}

/* ---- names --------------------------------------------------------------------------------
 */

/* Predictions of a row whose model is read from path. */
static void predict(const char *path, const char *name, struct validate_result *out)
{
    struct err err = {0};
    struct validate_settings settings = {
        .stock = stock_fixture(), .seed = 1, .replications = 1};
    struct model *m = model_load(arena, path, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    struct validate_row r = {.id = "row",
                             .source = "",
                             .date = "",
                             .model = name,
                             .hardware = "h200-sxm",
                             .engine = "trtllm",
                             .engine_version = "1.0",
                             .weight_dtype = "",
                             .kv_dtype = "",
                             .moe_backend = "",
                             .load = VLOAD_CLOSED,
                             .n_gpus = 8,
                             .tp = 8,
                             .concurrency = 4,
                             .num_requests = 8,
                             .max_batched_tokens = -1,
                             .max_seqs = -1,
                             .chunked_prefill = -1,
                             .stream_interval = 1,
                             .recv_interval = 1,
                             .attention_dp = -1,
                             .async = -1,
                             .rate_rps = NAN,
                             .duration_s = NAN,
                             .isl_mean = 512,
                             .osl_mean = 32,
                             .mem_util_frac = NAN,
                             .wait_ratio = 1.0};
    for (int i = 0; i < VM_N; i++) {
        r.measured[i] = NAN;
    }
    validate_row_predict(&settings, &r, m, out);
}

/* A catalogue file under another file name, with every name in it replaced. */
static void write_renamed(const char *from, const char *to)
{
    json_t *doc = json_load_file(from, 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
    json_t *own = json_object_get(doc, "headroom");
    json_object_set_new(own, "hf_id", json_string("nobody/no-such-model"));
    json_object_set_new(own, "aliases", json_array());
    json_t *checkpoint;
    size_t i;
    json_array_foreach(json_object_get(own, "checkpoints"), i, checkpoint)
    {
        json_object_set_new(checkpoint, "name", json_string("nobody/no-such-checkpoint"));
    }
    CU_ASSERT_EQUAL(json_dump_file(doc, to, 0), 0);
    json_decref(doc);
}

static void renamed_models_are_predicted_alike(void)
{
    char dir[128];
    snprintf(dir, sizeof dir, "%s", check_tmp(0, "-models"));
    mkdir(dir, 0700);
    DIR *d = opendir("models");
    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    int n = 0;
    int n_predicted = 0;
    for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
        char from[512];
        char to[512];
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".json") != 0) {
            continue;
        }
        snprintf(from, sizeof from, "models/%s", entry->d_name);
        snprintf(to, sizeof to, "%s/model-%d.json", dir, n);
        write_renamed(from, to);
        struct validate_result a;
        struct validate_result b;
        predict(from, "x", &a);
        predict(to, "y", &b);
        CU_ASSERT_STRING_NOT_EQUAL(a.model->name, b.model->name);
        CU_ASSERT_EQUAL(a.skip, b.skip);
        for (int m = 0; m < VM_N; m++) {
            CU_ASSERT_TRUE(a.predicted[m] == b.predicted[m] ||
                           (isnan(a.predicted[m]) && isnan(b.predicted[m])));
        }
        CU_ASSERT_EQUAL(a.evidence.grade, b.evidence.grade);
        CU_ASSERT_EQUAL(a.evidence.scope, b.evidence.scope);
        n++;
        n_predicted += a.skip == SKIP_NONE;
        unlink(to);
    }
    closedir(d);
    rmdir(dir);
    CU_ASSERT_TRUE(n > 30);
    CU_ASSERT_TRUE(n_predicted > 20);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"the most specific band wins", the_most_specific_row_wins},
        {"a row of long prompts is for long prompts",
         a_row_of_long_prompts_is_for_long_prompts},
        {"clients of equal outputs are a kind of their own",
         clients_of_equal_outputs_are_a_kind_of_their_own},
        {"no band for another metric or scope", another_metric_or_scope_has_no_band},
        {"evidence falls with distance", evidence_falls_with_distance},
        {"scope says what is new", scope_says_what_is_new},
        {"shipped bands of the new are wider", shipped_bands_of_the_new_are_wider},
        {"popularity of a model never measured widens its band",
         popularity_of_a_model_never_measured_widens_its_band},
        {"popularity stated or borne out does not",
         popularity_that_is_stated_or_borne_out_does_not},
        {"constants of another GPU widen the band",
         constants_of_another_gpu_widen_the_band_by_their_own_error},
        {"a tail is no surer than its mean", a_tail_is_no_surer_than_its_mean},
        {"left-out groups are covered four times in five",
         coverage_of_groups_left_out_is_four_in_five},
        {"an engine that is late does not widen the other's band",
         an_engine_that_is_late_does_not_widen_the_others_band},
        {"a GPU left out takes its twin's constants", a_gpu_left_out_takes_its_twins_constants},
        {"an architecture left out has no kin", an_architecture_left_out_has_no_kin},
        {"a format without tables runs like the next wider one",
         a_format_without_tables_runs_like_the_next_wider_one},
        {"unknown effects are named", unknown_effects_are_named},
        {"one run writes bands, evidence and every table",
         one_run_writes_bands_evidence_and_every_table},
        {"what is left out changes the prediction", what_is_left_out_changes_the_prediction},
        {"renamed models are predicted alike", renamed_models_are_predicted_alike},
    };
    arena = arena_new();
    int code = check_main("bands", cases, sizeof cases / sizeof *cases);
    arena_free(arena);
    return code;
}
