/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/stock_fixture.h"

#include <stdlib.h>
#include <string.h>

static const char *const dirs[] = {"."};
static struct arena *stock_arena;

static void need(bool ok, const struct err *err)
{
    if (!ok) {
        err_print(err, stderr);
        exit(1);
    }
}

static void free_stock(void)
{
    arena_free(stock_arena);
}

const struct stock *stock_fixture(void)
{
    static const struct stock *stock;
    struct err err = {0};
    if (!stock) {
        stock_arena = arena_new();
        atexit(free_stock);
        stock = stock_load(stock_arena, dirs, 1, &err);
        need(stock != NULL, &err);
    }
    return stock;
}

const struct gpu *stock_fixture_gpu(const char *name)
{
    struct err err = {0};
    const struct gpu *gpu = gpu_find(&stock_fixture()->gpus, name, &err);
    need(gpu != NULL, &err);
    return gpu;
}

struct model *stock_fixture_model(struct arena *arena, const char *name)
{
    struct err err = {0};
    struct model *model = model_find(arena, dirs, 1, name, &err);
    need(model != NULL, &err);
    return model;
}

struct scenario *stock_fixture_scenario(struct arena *arena, const char *text,
                                        const char *const *sets, int n_sets)
{
    struct scenario *sc;
    struct err err = {0};
    need(scenario_parse(arena, "test.yaml", text, strlen(text), sets, n_sets, &sc, &err), &err);
    return sc;
}
