/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stock_fixture.h - the shipped catalogue and scenarios read from a text, for suites that take
 * both as given: what does not load is printed and ends the program. */
#ifndef STOCK_FIXTURE_H
#define STOCK_FIXTURE_H

#include "scenarios/scenario.h"
#include "sim/experiment/stock.h"

/* The same at each call; freed when the program exits. */
const struct stock *stock_fixture(void);
/* By their names in the catalogue. A model lives in the arena. */
const struct gpu *stock_fixture_gpu(const char *name);
struct model *stock_fixture_model(struct arena *arena, const char *name);
/* sets: n_sets further "path=value" settings. Lives in the arena. */
struct scenario *stock_fixture_scenario(struct arena *arena, const char *text,
                                        const char *const *sets, int n_sets);

#endif
