/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_model.c - config.json: refused with a reason, or a model whose sizes are finite. */
#include <math.h>

#include "models/model.h"
#include "tests/fuzz/fuzz.h"

static void check_size(double value)
{
    FUZZ_CHECK(isfinite(value) && value >= 0.0);
}

static void check_model(const struct model *m)
{
    FUZZ_CHECK(m->n_layers > 0 && m->n_groups > 0 && m->n_groups <= MODEL_MAX_GROUPS);
    check_size(model_total_params(m));
    check_size(model_active_params(m, true));
    check_size(model_active_params(m, false));
    for (int tp = 1; tp <= 16; tp *= 4) {
        check_size(model_kv_bytes(m, DTYPE_FP8, tp, false));
        check_size(model_kv_bytes(m, DTYPE_BF16, tp, true));
    }
    for (int d = 0; d < DTYPE_COUNT; d++) {
        struct checkpoint checkpoint;
        struct err err = {0};
        FUZZ_CHECK(model_checkpoint(m, (enum dtype)d, &checkpoint, &err) || err.text[0]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    const struct model *m =
        model_load(arena, fuzz_file(n > 0 ? (const void *)data : "", n), &err);
    if (m) {
        check_model(m);
    } else {
        fuzz_check_refused(&err);
    }
    arena_free(arena);
    return 0;
}
