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
    free(m->ids);
    memset(m, 0, sizeof *m);
}

int32_t idmap_find(const struct idmap *m, uint64_t id)
{
    if (m->n_slots == 0) {
        return -1;
    }
    uint64_t hash = rng_hash(id);
    uint64_t mask = m->n_slots - 1;
    for (uint64_t s = hash & mask; m->slots[s].where != 0; s = (s + 1) & mask) {
        const struct idmap_slot *slot = &m->slots[s];
        if (slot->tag == (uint32_t)(hash >> 32) && m->ids[slot->where - 1] == id) {
            return (int32_t)(slot->where - 1);
        }
    }
    return -1;
}

void idmap_prefetch(const struct idmap *m, uint64_t id)
{
    if (m->n_slots > 0) {
        PREFETCH(&m->slots[rng_hash(id) & (m->n_slots - 1)]);
    }
}

static void fill_slot(struct idmap *m, uint64_t id, int32_t index)
{
    uint64_t hash = rng_hash(id);
    uint64_t s = hash & (m->n_slots - 1);
    while (m->slots[s].where != 0) {
        s = (s + 1) & (m->n_slots - 1);
    }
    m->slots[s] = (struct idmap_slot){(uint32_t)(hash >> 32), (uint32_t)index + 1};
    m->n_filled++;
}

/* Slots for at least three times what is in it; those of removed ones are dropped. */
static void rebuild(struct idmap *m)
{
    uint64_t n_slots = FIRST_SLOTS;
    while (n_slots < 3 * (m->n_used + 1)) {
        n_slots *= 2;
    }
    free(m->slots);
    m->slots = xcalloc(n_slots, sizeof *m->slots);
    m->n_slots = n_slots;
    m->n_filled = 0;
    for (int32_t i = 0; i < m->n_ids; i++) {
        if (m->ids[i] != 0) {
            fill_slot(m, m->ids[i], i);
        }
    }
}

static void set_id(struct idmap *m, uint64_t id, int32_t index)
{
    if (index >= m->n_ids) {
        ARRAY_RESERVE(m->ids, m->cap_ids, index + 1);
        memset(&m->ids[m->n_ids], 0, (size_t)(index + 1 - m->n_ids) * sizeof *m->ids);
        m->n_ids = index + 1;
    }
    DASSERT(m->ids[index] == 0);
    m->ids[index] = id;
}

void idmap_add(struct idmap *m, uint64_t id, int32_t index)
{
    ASSERT(id != 0 && index >= 0);
    if ((m->n_filled + 1) * 8 > m->n_slots * 5) { /* still short chains */
        rebuild(m);
    }
    set_id(m, id, index);
    fill_slot(m, id, index);
    m->n_used++;
}

void idmap_remove(struct idmap *m, int32_t index)
{
    DASSERT(m->ids[index] != 0);
    m->ids[index] = 0;
    m->n_used--;
}
