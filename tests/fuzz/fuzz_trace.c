/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_trace.c - request traces in their three formats: what is accepted is in order and in
 * range. */
#include <math.h>

#include "sim/load/load.h"
#include "tests/fuzz/fuzz.h"

static void check_rows(const struct trace *t)
{
    FUZZ_CHECK(t->n > 0 && isfinite(t->duration_s) && t->duration_s >= 0.0);
    for (int64_t i = 0; i < t->n; i++) {
        const struct trace_row *row = &t->rows[i];
        FUZZ_CHECK(isfinite(row->time_s) && row->time_s >= 0.0);
        FUZZ_CHECK(i == 0 || row->time_s >= t->rows[i - 1].time_s);
        FUZZ_CHECK(row->prompt_tokens >= 1 && row->output_tokens >= 1);
        FUZZ_CHECK(row->n_hashes >= 0 && (row->n_hashes == 0 || row->hashes != NULL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *path = fuzz_file(n > 0 ? (const void *)data : "", n);
    for (int spread = 0; spread < 2; spread++) {
        struct arena *arena = arena_new();
        struct trace trace = {0};
        struct err err = {0};
        if (trace_load(arena, path, spread, &trace, &err)) {
            check_rows(&trace);
        } else {
            fuzz_check_refused(&err);
        }
        arena_free(arena);
    }
    return 0;
}
