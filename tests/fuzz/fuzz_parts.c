/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_parts.c - parts of a run, as another machine or a failing disk left them: refused with a
 * place, or read whole. */
#include <math.h>

#include "sim/experiment/parts.h"
#include "tests/fuzz/fuzz.h"

enum { N_NUMS = 9, MAX_BINS = 512 };

/* What a point has, in short. */
static bool read_point(struct part_reader *r, struct err *err)
{
    double nums[N_NUMS];
    part_text(r, "deployment");
    part_text(r, "load");
    int64_t stable = part_int(r, "stable", 0, 1);
    FUZZ_CHECK(stable == 0 || stable == 1);
    part_nums(r, "parts_s", nums, N_NUMS);
    int64_t n_bins = part_int(r, "bins", -1, MAX_BINS);
    FUZZ_CHECK(n_bins >= -1 && n_bins <= MAX_BINS);
    for (int64_t i = 0; i < n_bins; i++) {
        part_nums(r, "bin", nums, 2);
    }
    return part_close(r, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct job job;
    struct err err = {0};
    struct arena *arena = arena_new();
    struct part_reader *r = part_open_any(arena, fuzz_file(data, n), &job, &err);
    if (!r) {
        fuzz_check_refused(&err);
    } else if (read_point(r, &err)) {
        FUZZ_CHECK(parts_same_job(&job, &job, "again", &err));
    } else {
        fuzz_check_refused(&err);
    }
    arena_free(arena);
    return 0;
}
