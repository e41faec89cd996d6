/* SPDX-License-Identifier: GPL-3.0-or-later */
/* progress.h - the progress bar (stderr, only on a terminal, at most six times a second) and
 * the footer of every run (version, seed, events, events/s, simulated requests/s, wall, CPU,
 * memory). */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct progress;
/* label is borrowed. quiet: never draws. Thread-safe progress_add. */
struct progress *progress_new(const char *label, int64_t total, bool quiet);
void progress_add(struct progress *p, int64_t n);
void progress_free(struct progress *p); /* erases the bar */

struct footer {
    const char *version;
    const char *command;
    uint64_t seed;
    int64_t n_events;
    int64_t n_requests;
    double start_wall_s;
};
double wall_now_s(void);
double cpu_now_s(void);
double peak_memory_bytes(void);
void footer_write(const struct footer *footer, FILE *out);

#endif
