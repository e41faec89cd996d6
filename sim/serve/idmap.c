/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/idmap.h"

#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"
#include "sim/core/rng.h"

enum { FIRST_SLOTS = 1024 };

void idmap_fini(struct idmap *m)
{
    free(m->slots);
    memset(m, 0, sizeof *m);
}

static uint64_t slot_of(const struct idmap *m, uint64_t id)
{
    uint64_t s = rng_hash(id) & (m->n_slots - 1);
    while (m->slots[s].id != 0 && m->slots[s].id != id) {
        s = (s + 1) & (m->n_slots - 1);
    }
    return s;
}

static void grow(struct idmap *m)
{
    struct idmap old = *m;
    m->n_slots = old.n_slots ? old.n_slots * 2 : FIRST_SLOTS;
    m->slots = xcalloc(m->n_slots, sizeof *m->slots);
    for (uint64_t i = 0; i < old.n_slots; i++) {
        if (old.slots[i].id != 0) {
            m->slots[slot_of(m, old.slots[i].id)] = old.slots[i];
        }
    }
    free(old.slots);
}

int32_t idmap_find(const struct idmap *m, uint64_t id)
{
    if (m->n_slots == 0) {
        return -1;
    }
    const struct idmap_slot *s = &m->slots[slot_of(m, id)];
    return s->id != 0 ? s->index : -1;
}

void idmap_add(struct idmap *m, uint64_t id, int32_t index)
{
    ASSERT(id != 0);
    if ((m->n_used + 1) * 2 > m->n_slots) {
        grow(m);
    }
    struct idmap_slot *s = &m->slots[slot_of(m, id)];
    DASSERT(s->id == 0);
    *s = (struct idmap_slot){id, index};
    m->n_used++;
}

/* Backward shift keeps probe chains whole. */
void idmap_remove(struct idmap *m, uint64_t id)
{
    uint64_t mask = m->n_slots - 1;
    uint64_t hole = slot_of(m, id);
    DASSERT(m->slots[hole].id == id);
    m->slots[hole].id = 0;
    m->n_used--;
    for (uint64_t s = (hole + 1) & mask; m->slots[s].id != 0; s = (s + 1) & mask) {
        uint64_t home = rng_hash(m->slots[s].id) & mask;
        if (((s - home) & mask) >= ((s - hole) & mask)) {
            m->slots[hole] = m->slots[s];
            m->slots[s].id = 0;
            hole = s;
        }
    }
}
