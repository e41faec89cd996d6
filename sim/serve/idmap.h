/* SPDX-License-Identifier: GPL-3.0-or-later */
/* idmap.h - from identities of content (64 bits, never 0) to indexes: open addressing, slots of
 * eight bytes that point at the identities, so that a table of thousands stays in the cache.
 * What is removed leaves its slot behind, for the next rebuild: caches that are full remove as
 * often as they add, and then a removal is one store. O(1), amortised. */
#ifndef IDMAP_H
#define IDMAP_H

#include <stdint.h>

struct idmap_slot {
    uint32_t tag;   /* of the identity's hash */
    uint32_t where; /* index + 1; 0: empty */
};
struct idmap {
    struct idmap_slot *slots;
    uint64_t n_slots, n_filled; /* a power of two; those not empty, removed ones too */
    uint64_t *ids;              /* by index; 0: none */
    int32_t n_ids, cap_ids;
    uint64_t n_used;
};
/* A zeroed map is empty. */
void idmap_fini(struct idmap *map);
int32_t idmap_find(const struct idmap *map, uint64_t id); /* -1: not in it */
/* A look-up of id will come: its slot on the way to the cache meanwhile. */
void idmap_prefetch(const struct idmap *map, uint64_t id);
/* An id not in it, and an index >= 0 that no other has; indexes should be small. */
void idmap_add(struct idmap *map, uint64_t id, int32_t index);
void idmap_remove(struct idmap *map, int32_t index); /* one that an id has */

#endif
