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

/* Ids from a small range collide, come and go; the map says what an array says. Indexes are
 * given again, the last freed first, as the caches do. */
static void what_was_added_and_not_removed_is_found(void)
{
    enum { IDS = 3000, STEPS = 60000 };
    static int32_t expected[IDS];
    static int32_t spare[IDS];
    struct idmap m = {0};
    struct rng rng;
    rng_init(&rng, 1, "idmap", 0);
    memset(expected, 0xff, sizeof expected);
    int n_spare = 0;
    for (int i = 0; i < IDS; i++) {
        spare[n_spare++] = IDS - 1 - i;
    }
    for (int i = 0; i < STEPS; i++) {
        uint64_t id = rng_below(&rng, IDS);
        if (id > 0 && expected[id] < 0) {
            expected[id] = spare[--n_spare];
            idmap_add(&m, id, expected[id]);
        } else if (id > 0 && rng_below(&rng, 2)) {
            idmap_remove(&m, expected[id]);
            spare[n_spare++] = expected[id];
            expected[id] = -1;
        }
        uint64_t other = 1 + rng_below(&rng, IDS - 1);
        CU_ASSERT_EQUAL_FATAL(idmap_find(&m, other), expected[other]);
        CU_ASSERT_EQUAL_FATAL(m.n_used, (uint64_t)(IDS - n_spare));
    }
    CU_ASSERT_TRUE(m.n_used > 500);
    idmap_fini(&m);
}

/* A full cache adds one for each that goes: slots of the removed are used again, so that the
 * table does not grow. */
static void a_map_that_changes_for_ever_stays_as_large(void)
{
    enum { HELD = 1000 };
    struct idmap m = {0};
    for (int i = 0; i < 100 * HELD; i++) {
        if (i >= HELD) {
            idmap_remove(&m, i % HELD);
        }
        idmap_add(&m, (uint64_t)i + 1, i % HELD);
    }
    CU_ASSERT_EQUAL(m.n_used, HELD);
    CU_ASSERT_EQUAL(m.n_slots, 4096); /* the power of two from 3,003 on */
    CU_ASSERT_EQUAL(m.n_ids, HELD);
    CU_ASSERT_EQUAL(idmap_find(&m, 99 * HELD), -1);
    CU_ASSERT_EQUAL(idmap_find(&m, 99 * HELD + 1), 0);
    CU_ASSERT_EQUAL(idmap_find(&m, 100 * HELD), HELD - 1);
    idmap_fini(&m);
}

int main(void)
{
    const struct check_case cases[] = {
        {"an empty map finds nothing", an_empty_map_finds_nothing},
        {"what was added and not removed is found", what_was_added_and_not_removed_is_found},
        {"a map that changes for ever stays as large",
         a_map_that_changes_for_ever_stays_as_large},
    };
    return check_main("idmap", cases, sizeof cases / sizeof cases[0]);
}
