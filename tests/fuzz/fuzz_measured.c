/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_measured.c - files of measurements, by the first line of the input: "results" (a table
 * of serving results), "operators" (times of kernels), "corrections" (a calibration). */
#include "sim/experiment/correction.h"
#include "sim/fit/optable.h"
#include "sim/fit/validate_parts.h"
#include "tests/fuzz/fuzz.h"

static bool load_operators(struct arena *arena, const char *path, struct err *err)
{
    struct gpu_list gpus;
    struct op_sets sets = {0};
    const char *const dirs[] = {"."};
    if (!gpu_list_load(arena, dirs, 1, &gpus, err)) {
        return false;
    }
    bool ok = op_sets_load(arena, path, &gpus, &sets, err);
    if (ok) {
        op_sets_newest(&sets);
    }
    op_sets_free(&sets);
    return ok;
}

static bool load(struct arena *arena, const char *kind, const char *path, struct err *err)
{
    struct validate_table table;
    struct correction_list corrections;
    if (strcmp(kind, "results") == 0) {
        return validate_table_load(arena, path, &table, err);
    }
    if (strcmp(kind, "operators") == 0) {
        return load_operators(arena, path, err);
    }
    return strcmp(kind, "corrections") != 0 || correction_load(arena, path, &corrections, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz_input in = fuzz_split(data, n);
    struct arena *arena = arena_new();
    struct err err = {0};
    if (!load(arena, in.head, fuzz_file(in.rest, in.n), &err)) {
        fuzz_check_refused(&err);
    }
    arena_free(arena);
    return 0;
}
