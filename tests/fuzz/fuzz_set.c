/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_set.c - lines of --set PATH=VALUE on a small scenario. */
#include "scenarios/scenario.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_SETS = 16 };

static const char base[] =
    "model: llama-3.1-8b\n"
    "workload: [{class: chat, arrivals: {process: poisson, rate: 1/s},\n"
    "            prompt: {dist: constant, value: 100}, output: {dist: constant, value: 10}}]\n"
    "deployments: [{hardware: [h100-sxm, b200], tp: [1, 2]}]\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *arena = arena_new();
    struct scenario *sc;
    struct err err = {0};
    const char *sets[MAX_SETS];
    int n_sets = 0;
    char *text = arena_strndup(arena, n > 0 ? (const char *)data : "", n);
    for (char *save, *line = strtok_r(text, "\n", &save); line && n_sets < MAX_SETS;
         line = strtok_r(NULL, "\n", &save)) {
        sets[n_sets++] = line;
    }
    if (!scenario_parse(arena, "fuzz.yaml", base, sizeof base - 1, sets, n_sets, &sc, &err)) {
        FUZZ_CHECK(err.code == ERR_INPUT || err.code == ERR_USAGE);
        FUZZ_CHECK(err.text[0] != '\0');
    }
    arena_free(arena);
    return 0;
}
