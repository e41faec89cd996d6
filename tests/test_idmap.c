/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_idmap.c - the map from identities to indexes against an array that is searched. */
#include <string.h>

#include "sim/core/rng.h"
#include "sim/serve/idmap.h"
#include "tests/check.h"

static void an_empty_map_finds_nothing(void)
{
    struct idmap m = {0};
    CU_ASSERT_EQUAL(idmap_find(&m, 7), -1);
    idmap_fini(&m);
}

/* Ids from a small range collide, come and go; the map says what the array says. */
static void what_was_added_and_not_removed_is_found(void)
{
    enum { IDS = 3000, STEPS = 60000 };
    static int32_t expected[IDS];
    struct idmap m = {0};
    struct rng rng;
    rng_init(&rng, 1, "idmap", 0);
    memset(expected, 0xff, sizeof expected);
    uint64_t n = 0;
    for (int i = 0; i < STEPS; i++) {
        uint64_t id = rng_below(&rng, IDS);
        if (id > 0 && expected[id] < 0) {
            expected[id] = i;
            idmap_add(&m, id, i);
            n++;
        } else if (id > 0 && rng_below(&rng, 2)) {
            expected[id] = -1;
            idmap_remove(&m, id);
            n--;
        }
        uint64_t other = 1 + rng_below(&rng, IDS - 1);
        CU_ASSERT_EQUAL_FATAL(idmap_find(&m, other), expected[other]);
        CU_ASSERT_EQUAL_FATAL(m.n_used, n);
    }
    CU_ASSERT_TRUE(n > 500);
    idmap_fini(&m);
}

int main(void)
{
    const struct check_case cases[] = {
        {"an empty map finds nothing", an_empty_map_finds_nothing},
        {"what was added and not removed is found", what_was_added_and_not_removed_is_found},
    };
    return check_main("idmap", cases, sizeof cases / sizeof cases[0]);
}
