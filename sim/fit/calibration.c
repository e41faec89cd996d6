/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/fit/calibration.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_multimin.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>

#include "sim/base/pool.h"
#include "sim/base/progress.h"

/* Ridges as residuals beside log errors (cost-model.md section 8): a scale off by 0.2 costs as
 * much as an error of 10 % in one measurement, an offset of 3 ms as much as 9 %. */
static const double SCALE_RIDGE = 0.5;
static const double OFFSET_RIDGE_PER_S = 30.0;
/* 10 ms of time to first token cost as much as 10 %: it stands for the way to the engine, not
 * for queues. */
static const double TTFT_RIDGE_PER_S = 10.0;
static const double MAX_LOG_SCALE = 1.6; /* a factor of 5: the bounds of a correction file */
static const double MAX_TTFT_S = 10.0;
static const double MAX_OFFSET_S = 1.0;

/* Differences that slopes are taken over. */
static const double SCALE_STEP = 0.02;
static const double OFFSET_STEP_FRAC = 0.02; /* of the measured time */
enum { ROUNDS = 3, VARIANTS = 3, MAX_ITERATIONS = 500, OPEN_REPLICATIONS = 5 };

/* ---- minimising ---- */

typedef double (*objective)(const gsl_vector *x, void *ctx);

/* x is the start and the result; step its first simplex. */
static void minimise(objective f, void *ctx, size_t n, double *x, const double *step)
{
    gsl_multimin_function function = {f, n, ctx};
    gsl_multimin_fminimizer *m =
        gsl_multimin_fminimizer_alloc(gsl_multimin_fminimizer_nmsimplex2, n);
    ASSERT(m != NULL);
    gsl_vector_view at = gsl_vector_view_array(x, n);
    gsl_vector_const_view first = gsl_vector_const_view_array(step, n);
    int status = gsl_multimin_fminimizer_set(m, &function, &at.vector, &first.vector);
    for (int i = 0; i < MAX_ITERATIONS && status == GSL_SUCCESS; i++) {
        status = gsl_multimin_fminimizer_iterate(m);
        if (gsl_multimin_fminimizer_size(m) < 1e-7) {
            break;
        }
    }
    for (size_t i = 0; i < n; i++) {
        x[i] = gsl_vector_get(m->x, i);
    }
    gsl_multimin_fminimizer_free(m);
}

struct step_problem {
    const struct calibration_point *points;
    int n, skip;
    double scale, offset_s; /* where the points' values hold */
};

/* Linear, but never below a tenth: a straight line may cross zero, a time does not. */
static double predicted_at(const struct calibration_point *p, double d_scale, double d_offset_s)
{
    double t = p->predicted_s + p->per_scale_s * d_scale + p->per_offset * d_offset_s;
    return fmax(t, 0.1 * p->predicted_s);
}

/* x: log scale, offset in ms. */
static double step_loss(const gsl_vector *x, void *ctx)
{
    const struct step_problem *p = ctx;
    double log_scale = gsl_vector_get(x, 0);
    double offset_s = 1e-3 * gsl_vector_get(x, 1);
    if (fabs(log_scale) > MAX_LOG_SCALE || fabs(offset_s) > MAX_OFFSET_S) {
        return 1e9;
    }
    double scale = exp(log_scale);
    double loss = pow(SCALE_RIDGE * (scale - 1.0), 2) + pow(OFFSET_RIDGE_PER_S * offset_s, 2);
    for (int i = 0; i < p->n; i++) {
        if (i != p->skip && !isnan(p->points[i].predicted_s)) {
            double t = predicted_at(&p->points[i], scale - p->scale, offset_s - p->offset_s);
            loss += pow(log(t / p->points[i].measured_s), 2);
        }
    }
    return loss;
}

void calibration_fit_steps(const struct calibration_point *points, int n, int skip,
                           double *scale, double *offset_s)
{
    static const double first[] = {0.1, 0.5};
    struct step_problem p = {points, n, skip, *scale, *offset_s};
    double x[] = {log(*scale), 1e3 * *offset_s};
    minimise(step_loss, &p, 2, x, first);
    *scale = exp(x[0]);
    *offset_s = 1e-3 * x[1];
}

struct ttft_problem {
    const double *measured_s, *predicted_s;
    int n, skip;
};

/* x: the constant in ms. */
static double ttft_loss(const gsl_vector *x, void *ctx)
{
    const struct ttft_problem *p = ctx;
    double add_s = 1e-3 * gsl_vector_get(x, 0);
    if (fabs(add_s) > MAX_TTFT_S) {
        return 1e9;
    }
    double loss = pow(TTFT_RIDGE_PER_S * add_s, 2);
    for (int i = 0; i < p->n; i++) {
        if (i != p->skip && !isnan(p->measured_s[i]) && !isnan(p->predicted_s[i])) {
            double t = fmax(p->predicted_s[i] + add_s, 0.1 * p->predicted_s[i]);
            loss += pow(log(t / p->measured_s[i]), 2);
        }
    }
    return loss;
}

double calibration_fit_ttft(const double *measured_s, const double *predicted_s, int n,
                            int skip)
{
    static const double first[] = {5.0};
    struct ttft_problem p = {measured_s, predicted_s, n, skip};
    double x[] = {0.0};
    minimise(ttft_loss, &p, 1, x, first);
    return 1e-3 * x[0];
}

/* ---- measurements ---- */

/* One measurement of a deployment that is fitted. */
struct sample {
    const struct validate_row *row;
    const struct model *model;
    struct correction_id id;
    bool usable;
    const char *why;                     /* not usable */
    struct calibration_point step, ttft; /* ttft.measured_s NaN: not measured */
    double before_s, ttft_before_s;      /* without correction */
    double at[VARIANTS][2];              /* of the round: step, ttft */
};

/* The measured time that tells of steps: NaN when there is none. Throughput is a time per token
 * of the whole deployment. */
static enum validate_metric step_metric(const struct validate_row *row)
{
    static const enum validate_metric order[] = {VM_TPOT_MEAN, VM_TPOT_P50, VM_ITL_MEAN,
                                                 VM_OUTPUT_TOK_S};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        if (row->measured[order[i]] > 0.0) {
            return order[i];
        }
    }
    return VM_N;
}

static enum validate_metric ttft_metric(const struct validate_row *row)
{
    bool mean = row->measured[VM_TTFT_MEAN] > 0.0;
    bool median = row->measured[VM_TTFT_P50] > 0.0;
    return row->suspect == SUSPECT_TTFT || row->load == VLOAD_OFFLINE ? VM_N
           : mean                                                     ? VM_TTFT_MEAN
           : median                                                   ? VM_TTFT_P50
                                                                      : VM_N;
}

static double seconds(const double *values, enum validate_metric m)
{
    if (m == VM_N) {
        return NAN;
    }
    return m == VM_OUTPUT_TOK_S ? 1.0 / values[m] : 1e-3 * values[m];
}

struct group {
    struct sample **samples;
    int n, cap;
    double scale, offset_s;
    double offset_step_s;
};

struct work {
    struct arena *arena;
    const struct calibration_options *options;
    struct validate_settings settings;
    struct sample *samples;
    int n_samples;
    struct group *groups;
    int n_groups, cap_groups;
    struct sample **tasks; /* samples of the groups that are fitted */
    struct group **task_groups;
    int n_tasks;
    struct progress *progress;
};

static void place(void *ctx, int item, int thread)
{
    struct work *w = ctx;
    struct sample *s = &w->samples[item];
    struct validate_result result = {0};
    struct system system;
    (void)thread;
    bool ok = validate_row_system(&w->settings, s->row, s->model, &system, &result);
    if (ok) {
        s->id = system_correction_id(&system);
    }
    s->step.measured_s = seconds(s->row->measured, step_metric(s->row));
    s->ttft.measured_s = seconds(s->row->measured, ttft_metric(s->row));
    s->why = !ok                              ? validate_skip_names[result.skip]
             : isnan(s->step.measured_s)      ? "no time per output token or throughput"
             : s->row->suspect == SUSPECT_ALL ? "marked suspect"
                                              : NULL;
    s->usable = s->why == NULL;
    system_fini(&system);
}

static void find_models(struct work *w)
{
    const struct catalogue *c = &w->options->stock->catalogue;
    for (int i = 0; i < w->n_samples; i++) {
        struct sample *s = &w->samples[i];
        for (int j = 0; j < i && !s->model; j++) {
            bool same = strcmp(w->samples[j].row->model, s->row->model) == 0;
            s->model = same ? w->samples[j].model : NULL;
        }
        if (!s->model) {
            s->model = model_find(w->arena, c->dirs, c->n_dirs, s->row->model, NULL);
        }
    }
}

static void add_to_group(struct work *w, struct sample *s)
{
    int at = 0;
    while (at < w->n_groups && !correction_same(&w->groups[at].samples[0]->id, &s->id)) {
        at++;
    }
    if (at == w->n_groups) {
        ARRAY_RESERVE(w->groups, w->cap_groups, w->n_groups + 1);
        w->groups[w->n_groups++] = (struct group){.scale = 1.0};
    }
    struct group *g = &w->groups[at];
    ARRAY_RESERVE(g->samples, g->cap, g->n + 1);
    g->samples[g->n++] = s;
}

/* ---- simulating ---- */

/* Task: a sample at its group's correction, at a larger scale, at a larger offset. */
static void simulate(void *ctx, int item, int thread)
{
    struct work *w = ctx;
    struct sample *s = w->tasks[item / VARIANTS];
    const struct group *g = w->task_groups[item / VARIANTS];
    int variant = item % VARIANTS;
    struct validate_settings settings = w->settings;
    struct validate_result result;
    (void)thread;
    settings.step_scale = g->scale * (variant == 1 ? 1.0 + SCALE_STEP : 1.0);
    settings.step_offset_s = g->offset_s + (variant == 2 ? g->offset_step_s : 0.0);
    validate_row_predict(&settings, s->row, s->model, &result);
    s->at[variant][0] = seconds(result.predicted, step_metric(s->row));
    s->at[variant][1] = seconds(result.predicted, ttft_metric(s->row));
    progress_add(w->progress, 1);
}

static void take_slopes(const struct group *g, const struct sample *s, int which,
                        struct calibration_point *p)
{
    p->predicted_s = s->at[0][which];
    p->per_scale_s = (s->at[1][which] - s->at[0][which]) / (g->scale * SCALE_STEP);
    p->per_offset = (s->at[2][which] - s->at[0][which]) / g->offset_step_s;
}

static struct calibration_point *points_of(const struct group *g, bool ttft)
{
    struct calibration_point *points = xcalloc((size_t)g->n, sizeof *points);
    for (int i = 0; i < g->n; i++) {
        points[i] = ttft ? g->samples[i]->ttft : g->samples[i]->step;
    }
    return points;
}

static bool stopped(const struct work *w)
{
    return w->options->stop && atomic_load(w->options->stop);
}

/* One round: simulate where the corrections stand, then move them. */
static bool improve(struct work *w, int round)
{
    pool_run(w->options->n_threads, w->n_tasks * VARIANTS, simulate, w, w->options->stop);
    if (stopped(w)) {
        return false;
    }
    for (int i = 0; i < w->n_tasks; i++) {
        struct sample *s = w->tasks[i];
        take_slopes(w->task_groups[i], s, 0, &s->step);
        take_slopes(w->task_groups[i], s, 1, &s->ttft);
        s->before_s = round == 0 ? s->at[0][0] : s->before_s;
        s->ttft_before_s = round == 0 ? s->at[0][1] : s->ttft_before_s;
    }
    return true;
}

/* ---- one deployment ---- */

static double median_error(double *errors, int n)
{
    if (n == 0) {
        return NAN;
    }
    gsl_sort(errors, 1, (size_t)n);
    return gsl_stats_median_from_sorted_data(errors, 1, (size_t)n);
}

/* Errors of every measurement by fits that have not seen it. */
struct left_out {
    double *step, *ttft, *step_before, *ttft_before;
    int n, n_ttft;
    double step_gain, ttft_gain; /* squared log errors before less those after */
};

static double error_of(double predicted_s, double measured_s)
{
    return fabs(predicted_s / measured_s - 1.0);
}

static double gain_of(double before_s, double after_s, double measured_s)
{
    return pow(log(before_s / measured_s), 2) - pow(log(after_s / measured_s), 2);
}

static void leave_out(const struct group *g, const struct calibration_point *steps,
                      const struct calibration_point *ttfts, int i, struct left_out *out)
{
    if (isnan(g->samples[i]->before_s)) {
        return; /* its load could not be replayed */
    }
    double scale = g->scale;
    double offset_s = g->offset_s;
    double *measured = xcalloc((size_t)g->n, sizeof *measured);
    double *predicted = xcalloc((size_t)g->n, sizeof *predicted);
    calibration_fit_steps(steps, g->n, i, &scale, &offset_s);
    for (int j = 0; j < g->n; j++) {
        measured[j] = ttfts[j].measured_s;
        predicted[j] = predicted_at(&ttfts[j], scale - g->scale, offset_s - g->offset_s);
    }
    double t = predicted_at(&steps[i], scale - g->scale, offset_s - g->offset_s);
    out->step_before[out->n] = error_of(g->samples[i]->before_s, steps[i].measured_s);
    out->step[out->n++] = error_of(t, steps[i].measured_s);
    out->step_gain += gain_of(g->samples[i]->before_s, t, steps[i].measured_s);
    if (!isnan(measured[i])) {
        double add = calibration_fit_ttft(measured, predicted, g->n, i);
        double before_s = g->samples[i]->ttft_before_s;
        double after_s = fmax(predicted[i] + add, 0.1 * predicted[i]);
        out->ttft_before[out->n_ttft] = error_of(before_s, measured[i]);
        out->ttft[out->n_ttft++] = error_of(after_s, measured[i]);
        out->ttft_gain += gain_of(before_s, after_s, measured[i]);
    }
    free(measured);
    free(predicted);
}

static struct left_out left_out_new(int n)
{
    size_t size = (size_t)n + 1;
    return (struct left_out){xcalloc(size, sizeof(double)),
                             xcalloc(size, sizeof(double)),
                             xcalloc(size, sizeof(double)),
                             xcalloc(size, sizeof(double)),
                             0,
                             0,
                             0.0,
                             0.0};
}

static void left_out_free(struct left_out *l)
{
    free(l->step);
    free(l->ttft);
    free(l->step_before);
    free(l->ttft_before);
}

/* The constant for times to first token as the steps now are. */
static double fit_ttft_of(const struct group *g, const struct calibration_point *ttfts,
                          double scale, double offset_s, bool corrected)
{
    double *measured = xcalloc((size_t)g->n, sizeof *measured);
    double *predicted = xcalloc((size_t)g->n, sizeof *predicted);
    for (int j = 0; j < g->n; j++) {
        measured[j] = ttfts[j].measured_s;
        predicted[j] = corrected
                           ? predicted_at(&ttfts[j], scale - g->scale, offset_s - g->offset_s)
                           : g->samples[j]->ttft_before_s;
    }
    double add = calibration_fit_ttft(measured, predicted, g->n, -1);
    free(measured);
    free(predicted);
    return add;
}

/* What does not predict unseen measurements better than nothing does is not kept. */
static void conclude(const struct group *g, struct calibration_row *row)
{
    struct correction *c = &row->correction;
    struct calibration_point *steps = points_of(g, false);
    struct calibration_point *ttfts = points_of(g, true);
    struct left_out l = left_out_new(g->n);
    for (int i = 0; i < g->n; i++) {
        leave_out(g, steps, ttfts, i, &l);
    }
    c->tpot_before_frac = median_error(l.step_before, l.n);
    c->tpot_after_frac = median_error(l.step, l.n);
    c->ttft_before_frac = median_error(l.ttft_before, l.n_ttft);
    c->ttft_after_frac = median_error(l.ttft, l.n_ttft);
    c->step_scale = g->scale;
    c->step_offset_s = g->offset_s;
    calibration_fit_steps(steps, g->n, -1, &c->step_scale, &c->step_offset_s);
    bool steps_help = l.step_gain > 0.0;
    c->ttft_offset_s = fit_ttft_of(g, ttfts, c->step_scale, c->step_offset_s, steps_help);
    if (!steps_help) {
        c->step_scale = 1.0;
        c->step_offset_s = 0.0;
        c->tpot_after_frac = c->tpot_before_frac;
    }
    if (l.n_ttft < CORRECTION_MIN_POINTS || l.ttft_gain <= 0.0) {
        c->ttft_offset_s = 0.0;
        c->ttft_after_frac = c->ttft_before_frac;
    }
    row->n_ttft = l.n_ttft;
    c->n_points = l.n;
    row->fitted = l.n >= CORRECTION_MIN_POINTS;
    left_out_free(&l);
    free(steps);
    free(ttfts);
}

/* ---- the whole ---- */

static void describe(const struct work *w, const struct group *g, const char *source,
                     struct calibration_row *row)
{
    struct correction *c = &row->correction;
    c->id = g->samples[0]->id;
    c->n_points = g->n;
    c->measured_from = g->samples[0]->row->date;
    c->measured_to = c->measured_from;
    c->fitted = w->options->as_of ? w->options->as_of : "";
    c->source = source;
    row->example = g->samples[0]->row->id;
    for (int i = 1; i < g->n; i++) {
        const char *date = g->samples[i]->row->date;
        c->measured_from = strcmp(date, c->measured_from) < 0 ? date : c->measured_from;
        c->measured_to = strcmp(date, c->measured_to) > 0 ? date : c->measured_to;
    }
}

static const char *join(struct arena *arena, const struct calibration_options *o)
{
    const char *all = "";
    for (int i = 0; i < o->n_inputs; i++) {
        all = arena_printf(arena, "%s%s%s", all, i ? " " : "", o->inputs[i]);
    }
    return all;
}

/* Samples of deployments with enough of them, in order. */
static void choose_tasks(struct work *w)
{
    w->tasks = arena_alloc(w->arena, (size_t)w->n_samples + 1, sizeof *w->tasks);
    w->task_groups = arena_alloc(w->arena, (size_t)w->n_samples + 1, sizeof *w->task_groups);
    for (int i = 0; i < w->n_groups; i++) {
        struct group *g = &w->groups[i];
        double shortest = INFINITY;
        for (int j = 0; j < g->n && g->n >= CORRECTION_MIN_POINTS; j++) {
            w->task_groups[w->n_tasks] = g;
            w->tasks[w->n_tasks++] = g->samples[j];
            shortest = fmin(shortest, g->samples[j]->step.measured_s);
        }
        g->offset_step_s = OFFSET_STEP_FRAC * shortest;
    }
}

static bool check_enough(const struct work *w, struct err *err)
{
    int most = 0;
    for (int i = 0; i < w->n_groups; i++) {
        most = w->groups[i].n > most ? w->groups[i].n : most;
    }
    if (most >= CORRECTION_MIN_POINTS) {
        return true;
    }
    const char *why = NULL;
    for (int i = 0; i < w->n_samples && !why; i++) {
        why = w->samples[i].why;
    }
    return err_set(err, ERR_INPUT,
                   "calibration needs at least %d measurements of one deployment, got %d%s%s%s",
                   (int)CORRECTION_MIN_POINTS, most,
                   why ? " (of the others the first is: " : "", why ? why : "", why ? ")" : "");
}

static void fill_report(struct work *w, struct calibration_report *report)
{
    const char *source = join(w->arena, w->options);
    report->rows = arena_alloc(w->arena, (size_t)w->n_groups + 1, sizeof *report->rows);
    report->skips = arena_alloc(w->arena, (size_t)w->n_samples + 1, sizeof *report->skips);
    for (int i = 0; i < w->n_groups; i++) {
        struct calibration_row *row = &report->rows[report->n++];
        describe(w, &w->groups[i], source, row);
        if (w->groups[i].n >= CORRECTION_MIN_POINTS) {
            conclude(&w->groups[i], row);
        }
    }
    for (int i = 0; i < w->n_samples; i++) {
        if (!w->samples[i].usable) {
            report->skips[report->n_skips++] =
                (struct calibration_skip){w->samples[i].row->id, w->samples[i].why};
        }
    }
}

static bool write_file(const struct work *w, const struct calibration_report *report,
                       struct err *err)
{
    struct correction_list list = {.file = w->options->out};
    list.items = arena_alloc(w->arena, (size_t)report->n + 1, sizeof *list.items);
    for (int i = 0; i < report->n; i++) {
        if (report->rows[i].fitted) {
            list.items[list.n++] = report->rows[i].correction;
        }
    }
    return correction_write(&list, w->options->out, err);
}

static void fit_groups(struct work *w)
{
    for (int i = 0; i < w->n_groups; i++) {
        struct group *g = &w->groups[i];
        if (g->n >= CORRECTION_MIN_POINTS) {
            struct calibration_point *points = points_of(g, false);
            calibration_fit_steps(points, g->n, -1, &g->scale, &g->offset_s);
            free(points);
        }
    }
}

static bool fit_all(struct work *w, struct calibration_report *report, struct err *err)
{
    choose_tasks(w);
    w->progress =
        progress_new("simulations", (int64_t)ROUNDS * w->n_tasks * VARIANTS, w->options->quiet);
    bool going = improve(w, 0);
    for (int round = 1; round < ROUNDS && going; round++) {
        fit_groups(w);
        going = improve(w, round);
    }
    progress_free(w->progress);
    report->interrupted = !going;
    if (!going) {
        return true;
    }
    fill_report(w, report);
    return write_file(w, report, err);
}

bool calibration_run(struct arena *arena, const struct calibration_options *options,
                     struct calibration_report *report, struct err *err)
{
    struct validate_table table;
    struct work w = {.arena = arena,
                     .options = options,
                     .settings = {.stock = options->stock,
                                  .seed = options->seed,
                                  .replications = OPEN_REPLICATIONS,
                                  .stop = options->stop}};
    *report = (struct calibration_report){0};
    if (!calibration_read(arena, options, &table, err)) {
        return false;
    }
    w.n_samples = table.n;
    w.samples = arena_alloc(arena, (size_t)table.n + 1, sizeof *w.samples);
    for (int i = 0; i < table.n; i++) {
        w.samples[i].row = &table.rows[i];
    }
    find_models(&w);
    pool_run(options->n_threads, w.n_samples, place, &w, NULL);
    for (int i = 0; i < w.n_samples; i++) {
        if (w.samples[i].usable) {
            add_to_group(&w, &w.samples[i]);
        }
    }
    bool ok = check_enough(&w, err) && fit_all(&w, report, err);
    for (int i = 0; i < w.n_groups; i++) {
        free(w.groups[i].samples);
    }
    free(w.groups);
    return ok;
}
