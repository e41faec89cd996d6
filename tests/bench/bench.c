/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench.c - bench [-n RUNS] [-s PATH=VALUE]... SCENARIO REQUESTS...: simulated requests per
 * second of user time. bench -e: nanoseconds per operation of the event list.
 *
 * Each run is a process of its own, so that its user time and peak memory are its own; both
 * include reading the catalogue. The simulated answer stands beside the time: a fast wrong run
 * shows. REQUESTS 0 leaves the number to the scenario (traces). */
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/core/event.h"
#include "sim/core/rng.h"
#include "sim/experiment/experiment.h"

enum { MAX_RUNS = 99, MAX_SETS = 16, DEFAULT_RUNS = 5 };

struct config {
    const char *scenario;
    const char *sets[MAX_SETS];
    int n_sets, n_runs;
};

/* What a run leaves: written by the child, times and memory added by its parent. */
struct bench_run {
    bool ok;
    int64_t n_requests, n_events;
    double ttft_p50_s, tpot_p50_s, output_tok_s, prefix_hit_frac;
    double user_s, peak_mib;
};

static double value(const struct point *p, int n_classes, int measure)
{
    return p->values[n_classes][measure].mean;
}

static void read_answer(const struct experiment *e, struct bench_run *out)
{
    const struct point *p = &e->points[0];
    int all = e->scenario->n_classes;
    out->n_requests = e->n_requests;
    out->n_events = e->n_events;
    out->ttft_p50_s = value(p, all, LAT_TTFT * STAT_N + STAT_P50);
    out->tpot_p50_s = value(p, all, LAT_TPOT * STAT_N + STAT_P50);
    out->output_tok_s = value(p, all, MEASURE_OUTPUT_TOK_S);
    out->prefix_hit_frac = value(p, all, MEASURE_PREFIX_HIT);
    out->ok = true;
}

static bool simulate(const struct config *c, int64_t n_requests, struct bench_run *out,
                     struct err *err)
{
    struct arena *arena = arena_new();
    struct scenario *sc;
    const char *const dirs[] = {"."};
    struct experiment_options options = {
        .n_threads = 1, .seed = -1, .quiet = true, .requests = n_requests};
    struct stock *stock = stock_load(arena, dirs, 1, err);
    if (!stock || !scenario_load(arena, c->scenario, c->sets, c->n_sets, &sc, err)) {
        arena_free(arena);
        return false;
    }
    struct experiment *e = experiment_new(arena, stock, sc, &options, err);
    bool ok = e && experiment_run(e, arena, stock, &options, err);
    if (ok && e->n_points == 0) {
        ok = err_set(err, ERR_UNFIT, "%s: nothing fits", c->scenario);
    }
    if (ok) {
        read_answer(e, out);
    }
    experiment_free(e);
    arena_free(arena);
    return ok;
}

static void run_child(const struct config *c, int64_t n_requests, int to_parent)
{
    struct bench_run out = {0};
    struct err err = {0};
    if (!simulate(c, n_requests, &out, &err)) {
        err_print(&err, stderr);
    }
    bool sent = write(to_parent, &out, sizeof out) == (ssize_t)sizeof out;
    _exit(out.ok && sent ? 0 : 1);
}

static struct bench_run run_once(const struct config *c, int64_t n_requests)
{
    struct bench_run out = {0};
    struct rusage used;
    int ends[2], status;
    if (pipe(ends) != 0) {
        return out;
    }
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        run_child(c, n_requests, ends[1]);
    }
    close(ends[1]);
    bool got = read(ends[0], &out, sizeof out) == (ssize_t)sizeof out;
    close(ends[0]);
    out.ok = pid > 0 && wait4(pid, &status, 0, &used) == pid && got && out.ok;
    out.user_s = (double)used.ru_utime.tv_sec + 1e-6 * (double)used.ru_utime.tv_usec;
    out.peak_mib = (double)used.ru_maxrss / 1024.0;
    return out;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Name of a scenario file without folder and ending. */
static int name_length(const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    return (int)strcspn(*name, ".");
}

/* Every request is one arrival and one end; the other events are iterations of an engine. */
static void print_row(const struct config *c, const struct bench_run *o, const double *user_s)
{
    const char *name;
    int length = name_length(c->scenario, &name);
    double least = user_s[0], median = user_s[c->n_runs / 2];
    printf("%-14.*s %9lld %9.3f %9.3f %11.0f %11.0f %9.2f %9.1f %9.2f %9.2f %12.0f %6.3f\n",
           length, name, (long long)o->n_requests, least, median, (double)o->n_requests / least,
           (double)o->n_requests / median,
           1e-6 * (double)(o->n_events - 2 * o->n_requests) / least, o->peak_mib,
           1e3 * o->ttft_p50_s, 1e3 * o->tpot_p50_s, o->output_tok_s, o->prefix_hit_frac);
}

static bool run_all(const struct config *c, int64_t n_requests)
{
    double user_s[MAX_RUNS];
    struct bench_run o = {0}, first = {0};
    for (int i = 0; i < c->n_runs; i++) {
        double peak_mib = o.peak_mib;
        o = run_once(c, n_requests);
        user_s[i] = o.user_s;
        o.peak_mib = fmax(o.peak_mib, peak_mib);
        first = i == 0 ? o : first;
        if (!o.ok || o.n_events != first.n_events) {
            fprintf(stderr, "%s: the run failed or differs from the one before\n", c->scenario);
            return false;
        }
    }
    qsort(user_s, (size_t)c->n_runs, sizeof *user_s, by_value);
    print_row(c, &o, user_s);
    return true;
}

static double user_now_s(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)used.ru_utime.tv_sec + 1e-6 * (double)used.ru_utime.tv_usec;
}

/* The hold model: with n events pending, the first leaves and one comes back later. */
static void bench_events(int64_t n_pending, int64_t n_holds)
{
    struct event_list *list = event_list_new();
    struct event event;
    struct rng rng;
    double last_s = 0.0;
    rng_init(&rng, 1, "bench", 0);
    for (int64_t i = 0; i < n_pending; i++) {
        event_push(list, rng_exponential(&rng, 1.0), 0, 0, 0, i);
    }
    double start_s = user_now_s();
    for (int64_t i = 0; i < n_holds && event_pop(list, &event); i++) {
        last_s = event.time_s;
        event_push(list, last_s + rng_exponential(&rng, 1.0), 0, 0, 0, event.data);
    }
    double used_s = user_now_s() - start_s;
    printf("%-14s %9lld %9.1f ns per push or pop, last event at %.6g s\n", "event list",
           (long long)n_pending, 1e9 * used_s / (2.0 * (double)n_holds), last_s);
    event_list_free(list);
}

int main(int argc, char **argv)
{
    struct config c = {.n_runs = DEFAULT_RUNS};
    bool events = false;
    gsl_set_error_handler_off();
    for (int got; (got = getopt(argc, argv, "en:s:")) != -1;) {
        if (got == 'n') {
            c.n_runs = (int)strtol(optarg, NULL, 10);
        } else if (got == 's' && c.n_sets < MAX_SETS) {
            c.sets[c.n_sets++] = optarg;
        } else if (got == 'e') {
            events = true;
        } else {
            return 2;
        }
    }
    if (events) {
        bench_events(100, 5000000);
        bench_events(10000, 5000000);
        bench_events(1000000, 5000000);
        return 0;
    }
    if (optind + 1 >= argc || c.n_runs < 1 || c.n_runs > MAX_RUNS) {
        fputs("usage: bench [-n RUNS] [-s PATH=VALUE]... SCENARIO REQUESTS...\n", stderr);
        return 2;
    }
    c.scenario = argv[optind];
    for (int i = optind + 1; i < argc; i++) {
        if (!run_all(&c, strtoll(argv[i], NULL, 10))) {
            return 1;
        }
    }
    return 0;
}
