/* SPDX-License-Identifier: GPL-3.0-or-later */
/* demand.c - reads the shapes and turns requests per day into rates. */
#include "sim/plan/demand.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "sim/base/csvio.h"

#define DAY_S 86400.0
#define MONTH_S (30.4375 * DAY_S)

static const char *const day_names[] = {"weekday", "weekend"};

static bool load_first(struct arena *arena, const char *const *dirs, int n_dirs,
                       const char *file, struct csv_table *table, struct err *err)
{
    for (int i = 0; i < n_dirs; i++) {
        const char *path = arena_printf(arena, "%s/scenarios/data/%s", dirs[i], file);
        if (access(path, R_OK) == 0) {
            return csv_load(arena, path, table, err);
        }
    }
    return err_set(err, ERR_IO, "no catalogue directory has scenarios/data/%s", file);
}

static bool need_columns(const struct csv_table *table, const char *const *names, int *cols,
                         int n, struct err *err)
{
    for (int i = 0; i < n; i++) {
        if (!csv_col_need(table, names[i], &cols[i], err)) {
            return false;
        }
    }
    return true;
}

static bool cell_enum(const struct csv_table *table, int row, int col, const char *const *names,
                      int n, int *value, struct err *err)
{
    const char *cell = csv_cell(table, row, col);
    for (int i = 0; i < n; i++) {
        if (strcmp(cell, names[i]) == 0) {
            *value = i;
            return true;
        }
    }
    err_at(err, csv_pos(table, row), "unknown %s '%s'", table->cols[col], cell);
    err_suggest(err, cell, names, n);
    return false;
}

static bool cell_number(const struct csv_table *table, int row, int col, double min, double max,
                        double *value, struct err *err)
{
    if (!csv_number(table, row, col, NAN, value, err)) {
        return false;
    }
    if (!(*value >= min && *value <= max)) {
        return err_at(err, csv_pos(table, row), "column '%s' must be %g to %g",
                      table->cols[col], min, max);
    }
    return true;
}

enum { SHAPE_COL, DAY_COL, HOUR_COL, SHARE_COL, SHAPE_SOURCE, SHAPE_DATE, SHAPE_EST, N_SHAPE };

static bool read_share(const struct csv_table *table, int row, const int *cols,
                       struct demand_data *data, struct err *err)
{
    int shape;
    int day;
    double hour;
    double share;
    double estimated;
    if (!cell_enum(table, row, cols[SHAPE_COL], demand_shape_names, SHAPE_N, &shape, err) ||
        !cell_enum(table, row, cols[DAY_COL], day_names, DEMAND_N_DAYS, &day, err) ||
        !cell_number(table, row, cols[HOUR_COL], 0, 23, &hour, err) ||
        !cell_number(table, row, cols[SHARE_COL], 0, 1, &share, err) ||
        !cell_number(table, row, cols[SHAPE_EST], 0, 1, &estimated, err)) {
        return false;
    }
    struct demand_shape_row *out = &data->shapes[shape];
    out->share[day][(int)hour] = share;
    out->source = csv_cell(table, row, cols[SHAPE_SOURCE]);
    out->as_of = csv_cell(table, row, cols[SHAPE_DATE]);
    out->estimated = estimated > 0;
    return true;
}

/* Scales a week of shares to 7 average days; the file has rounded figures. */
static bool normalise_week(const char *file, int shape, struct demand_shape_row *row,
                           struct err *err)
{
    static const double days[] = {5, 2};
    double sum = 0;
    for (int day = 0; day < DEMAND_N_DAYS; day++) {
        for (int h = 0; h < 24; h++) {
            sum += days[day] * row->share[day][h];
        }
    }
    if (!(fabs(sum - 7) < 0.01)) {
        return err_set(err, ERR_INPUT, "%s: the week of shape '%s' sums to %.4f days, not 7",
                       file, demand_shape_names[shape], sum);
    }
    for (int day = 0; day < DEMAND_N_DAYS; day++) {
        for (int h = 0; h < 24; h++) {
            row->share[day][h] *= 7 / sum;
        }
    }
    return true;
}

static bool load_shapes(struct arena *arena, const char *const *dirs, int n_dirs,
                        struct demand_data *data, struct err *err)
{
    static const char *const names[N_SHAPE] = {"shape",  "day",   "hour",     "share_frac",
                                               "source", "as_of", "estimated"};
    struct csv_table table;
    int cols[N_SHAPE];
    if (!load_first(arena, dirs, n_dirs, "demand_shapes.csv", &table, err) ||
        !need_columns(&table, names, cols, N_SHAPE, err)) {
        return false;
    }
    for (int row = 0; row < table.n_rows; row++) {
        if (!read_share(&table, row, cols, data, err)) {
            return false;
        }
    }
    for (int shape = 0; shape < SHAPE_N; shape++) {
        if (!normalise_week(table.file, shape, &data->shapes[shape], err)) {
            return false;
        }
    }
    return true;
}

enum { BURST_COL, WINDOW_COL, CV_COL, BURST_SOURCE, BURST_DATE, BURST_EST, N_BURST };

static bool load_bursts(struct arena *arena, const char *const *dirs, int n_dirs,
                        struct demand_data *data, struct err *err)
{
    static const char *const names[N_BURST] = {"kind",   "window_s", "rate_cv_frac",
                                               "source", "as_of",    "estimated"};
    struct csv_table table;
    int cols[N_BURST];
    if (!load_first(arena, dirs, n_dirs, "burstiness.csv", &table, err) ||
        !need_columns(&table, names, cols, N_BURST, err)) {
        return false;
    }
    for (int row = 0; row < table.n_rows; row++) {
        int kind;
        double estimated;
        struct demand_burst_row b = {0};
        if (!cell_enum(&table, row, cols[BURST_COL], burstiness_names, BURST_N, &kind, err) ||
            !cell_number(&table, row, cols[WINDOW_COL], 1, 3600, &b.window_s, err) ||
            !cell_number(&table, row, cols[CV_COL], 0, 100, &b.rate_cv_frac, err) ||
            !cell_number(&table, row, cols[BURST_EST], 0, 1, &estimated, err)) {
            return false;
        }
        b.source = csv_cell(&table, row, cols[BURST_SOURCE]);
        b.as_of = csv_cell(&table, row, cols[BURST_DATE]);
        b.estimated = estimated > 0;
        data->bursts[kind] = b;
    }
    for (int kind = 0; kind < BURST_N; kind++) {
        if (!data->bursts[kind].source) {
            return err_set(err, ERR_INPUT, "%s has no row '%s'", table.file,
                           burstiness_names[kind]);
        }
    }
    return true;
}

bool demand_data_load(struct arena *arena, const char *const *dirs, int n_dirs,
                      struct demand_data *data, struct err *err)
{
    *data = (struct demand_data){0};
    return load_shapes(arena, dirs, n_dirs, data, err) &&
           load_bursts(arena, dirs, n_dirs, data, err);
}

double demand_burst_factor(double rate_cv_frac)
{
    double variance = log1p(rate_cv_frac * rate_cv_frac);
    double z = gsl_cdf_ugaussian_Pinv(59.0 / 60.0);
    return exp(z * sqrt(variance) - variance / 2);
}

static double busiest_hour(const struct demand *d)
{
    double peak = 0;
    for (int day = 0; day < DEMAND_N_DAYS; day++) {
        for (int h = 0; h < 24; h++) {
            peak = fmax(peak, 24 * d->share[day][h]);
        }
    }
    return peak;
}

bool demand_resolve(const struct demand_data *data, const struct scenario_demand *sc,
                    double rate_rps, struct demand *demand, struct err *err)
{
    double per_day = is_auto(sc->requests_per_day) ? rate_rps * DAY_S : sc->requests_per_day;
    if (isnan(per_day)) {
        return err_set(err, ERR_INPUT,
                       "a plan needs demand.requests_per_day, or a rate in every class");
    }
    *demand = (struct demand){
        .requests_per_day = per_day,
        .growth_per_month_frac = sc->growth_per_month_frac,
        .n_months = (int)fmax(1, ceil(sc->horizon_s / MONTH_S - 1e-9)),
        .burst = sc->burstiness,
    };
    memcpy(demand->share, data->shapes[sc->shape].share, sizeof demand->share);
    for (int kind = 0; kind < BURST_N; kind++) {
        demand->burst_factor[kind] = demand_burst_factor(data->bursts[kind].rate_cv_frac);
    }
    demand->hour_peak = busiest_hour(demand);
    if (!is_auto(sc->peak_to_mean)) { /* the user's covers shape and bursts of the plan */
        demand->hour_peak = fmax(1, sc->peak_to_mean / demand->burst_factor[demand->burst]);
        demand->burst_factor[demand->burst] = sc->peak_to_mean / demand->hour_peak;
    }
    return true;
}

double demand_requests_per_day(const struct demand *d, double month)
{
    return d->requests_per_day * pow(1 + d->growth_per_month_frac, month);
}

double demand_month_of(const struct demand *d, double requests_per_day)
{
    for (int m = 0; m < d->n_months; m++) {
        if (demand_requests_per_day(d, m) >= requests_per_day) {
            return m;
        }
    }
    return NAN;
}

double demand_mean_rps(const struct demand *d, double month)
{
    return demand_requests_per_day(d, month) / DAY_S;
}

double demand_horizon_rps(const struct demand *d)
{
    double sum = 0;
    for (int month = 0; month < d->n_months; month++) {
        sum += demand_mean_rps(d, month);
    }
    return sum / d->n_months;
}

double demand_peak_hour_rps(const struct demand *d, double month)
{
    return demand_mean_rps(d, month) * d->hour_peak;
}

double demand_peak_to_mean(const struct demand *d, enum burstiness burst)
{
    return d->hour_peak * d->burst_factor[burst];
}

double demand_peak_rps(const struct demand *d, double month, enum burstiness burst)
{
    return demand_mean_rps(d, month) * demand_peak_to_mean(d, burst);
}

enum burstiness demand_burstiest(const struct demand *d)
{
    int most = 0;
    for (int kind = 1; kind < BURST_N; kind++) {
        if (d->burst_factor[kind] > d->burst_factor[most]) {
            most = kind;
        }
    }
    return (enum burstiness)most;
}
