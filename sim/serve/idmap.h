/* SPDX-License-Identifier: GPL-3.0-or-later */
/* idmap.h - from identities of content (64 bits, never 0) to indexes: open addressing, at most
 * half full, removal by backward shift. O(1). */
#ifndef IDMAP_H
#define IDMAP_H

#include <stdint.h>

struct idmap_slot {
    uint64_t id; /* 0: empty */
    int32_t index;
};
struct idmap {
    struct idmap_slot *slots;
    uint64_t n_slots, n_used;
};
/* A zeroed map is empty. */
void idmap_fini(struct idmap *map);
int32_t idmap_find(const struct idmap *map, uint64_t id);      /* -1: not in it */
void idmap_add(struct idmap *map, uint64_t id, int32_t index); /* an id not in it */
void idmap_remove(struct idmap *map, uint64_t id);             /* an id in it */

#endif
