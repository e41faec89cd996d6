/* SPDX-License-Identifier: GPL-3.0-or-later */
/* progress.c - see progress.h. Counting is one atomic addition; a thread that finds the bar due
 * to be drawn takes the lock if it is free and draws, so nobody waits for the terminal. */
#include "sim/base/progress.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "sim/base/mem.h"
#include "sim/base/quantity.h"

#define BAR_CHARS 30
#define DRAW_EVERY_S (1.0 / 6)

struct progress {
    const char *label;
    int64_t total;
    bool draws;
    double start_s;
    double drawn_s; /* under the lock */
    atomic_llong done;
    pthread_mutex_t lock;
};

static double clock_s(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

double wall_now_s(void)
{
    return clock_s(CLOCK_MONOTONIC);
}

double cpu_now_s(void)
{
    return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

double peak_memory_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss * 1024;
}

static bool is_live_terminal(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

struct progress *progress_new(const char *label, int64_t total, bool quiet)
{
    struct progress *p = xcalloc(1, sizeof *p);
    p->label = label;
    p->total = total;
    p->draws = !quiet && total > 0 && is_live_terminal();
    p->start_s = wall_now_s();
    p->drawn_s = p->start_s;
    atomic_init(&p->done, 0);
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

static void draw(const struct progress *p, double now_s)
{
    char bar[BAR_CHARS + 1], left[48];
    double frac = (double)atomic_load(&p->done) / (double)p->total;
    frac = frac > 1 ? 1 : frac;
    int full = (int)(frac * BAR_CHARS);
    memset(bar, '#', (size_t)full);
    memset(bar + full, '.', (size_t)(BAR_CHARS - full));
    bar[BAR_CHARS] = '\0';
    double left_s = frac > 0 ? (now_s - p->start_s) * (1 - frac) / frac : 0;
    quantity_format(left, sizeof left, left_s < 1 ? 0 : left_s, UNIT_S);
    fprintf(stderr, "\r\033[K%s [%s] %3.0f%%  %s left", p->label, bar, 100 * frac,
            frac > 0 ? left : "?");
    fflush(stderr);
}

void progress_add(struct progress *p, int64_t n)
{
    atomic_fetch_add(&p->done, n);
    if (!p->draws || pthread_mutex_trylock(&p->lock) != 0) {
        return;
    }
    double now_s = wall_now_s();
    if (now_s - p->drawn_s >= DRAW_EVERY_S) {
        p->drawn_s = now_s;
        draw(p, now_s);
    }
    pthread_mutex_unlock(&p->lock);
}

void progress_free(struct progress *p)
{
    if (!p) {
        return;
    }
    if (p->draws) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static double per_s(int64_t n, double wall_s)
{
    return wall_s > 0 ? (double)n / wall_s : 0;
}

void footer_write(const struct footer *footer, FILE *out)
{
    char events[48], event_rate[48], requests[48], request_rate[48], memory[48];
    double wall_s = wall_now_s() - footer->start_wall_s;
    quantity_format(events, sizeof events, (double)footer->n_events, UNIT_COUNT);
    quantity_format(event_rate, sizeof event_rate, per_s(footer->n_events, wall_s), UNIT_RATE);
    quantity_format(requests, sizeof requests, (double)footer->n_requests, UNIT_COUNT);
    quantity_format(request_rate, sizeof request_rate, per_s(footer->n_requests, wall_s),
                    UNIT_RATE);
    quantity_format(memory, sizeof memory, peak_memory_bytes(), UNIT_BYTES);
    fprintf(out, "headroom %s: %s, seed %llu\n", footer->version ? footer->version : "?",
            footer->command, (unsigned long long)footer->seed);
    fprintf(out,
            "%s events (%s), %s simulated requests (%s), wall %.2f s, CPU %.2f s, peak %s\n",
            events, event_rate, requests, request_rate, wall_s, cpu_now_s(), memory);
}
