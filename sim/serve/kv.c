/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/kv.h"

#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"
#include "sim/core/rng.h"

/* An entry of the free queue and, for content that can recur, of the look-up table. */
struct entry {
    uint64_t id;        /* 0: a run of content that cannot recur */
    int64_t bytes;      /* run: bytes; segment: blocks * full_block_bytes */
    int32_t n_refs;     /* segments in use are not in the queue */
    int32_t prev, next; /* queue links; next also links the spare list */
    bool queued;
};
struct ref {
    int32_t entry;
    int32_t next;
};

struct kv_pool {
    struct kv_layout layout;
    int64_t capacity_bytes, free_bytes;
    bool reuse;
    struct entry *entries;
    int n_entries, cap_entries;
    int32_t spare_entry, head, tail;
    struct ref *refs;
    int n_refs, cap_refs;
    int32_t spare_ref;
    int32_t *slots;     /* open addressing: entry index or -1 */
    uint64_t n_slots, n_used;
};

/* ---- entries and the queue ----------------------------------------------------------------- */

static int32_t entry_new(struct kv_pool *p, uint64_t id, int64_t bytes)
{
    int32_t i = p->spare_entry;
    if (i >= 0) {
        p->spare_entry = p->entries[i].next;
    } else {
        ARRAY_RESERVE(p->entries, p->cap_entries, p->n_entries + 1);
        i = p->n_entries++;
    }
    p->entries[i] = (struct entry){.id = id, .bytes = bytes, .prev = -1, .next = -1};
    return i;
}

static void entry_drop(struct kv_pool *p, int32_t i)
{
    p->entries[i].id = 0;
    p->entries[i].next = p->spare_entry;
    p->spare_entry = i;
}

static void queue_push(struct kv_pool *p, int32_t i)
{
    struct entry *e = &p->entries[i];
    e->prev = p->tail;
    e->next = -1;
    e->queued = true;
    if (p->tail >= 0) {
        p->entries[p->tail].next = i;
    } else {
        p->head = i;
    }
    p->tail = i;
}

static void queue_remove(struct kv_pool *p, int32_t i)
{
    struct entry *e = &p->entries[i];
    if (e->prev >= 0) {
        p->entries[e->prev].next = e->next;
    } else {
        p->head = e->next;
    }
    if (e->next >= 0) {
        p->entries[e->next].prev = e->prev;
    } else {
        p->tail = e->prev;
    }
    e->queued = false;
}

/* ---- look-up table -------------------------------------------------------------------------- */

static uint64_t slot_of(const struct kv_pool *p, uint64_t id)
{
    uint64_t s = rng_hash(id) & (p->n_slots - 1);
    while (p->slots[s] >= 0 && p->entries[p->slots[s]].id != id) {
        s = (s + 1) & (p->n_slots - 1);
    }
    return s;
}

static void table_grow(struct kv_pool *p)
{
    int32_t *old = p->slots;
    uint64_t n = p->n_slots;
    p->n_slots = n ? n * 2 : 1024;
    p->slots = xcalloc(p->n_slots, sizeof *p->slots);
    memset(p->slots, 0xff, p->n_slots * sizeof *p->slots);
    for (uint64_t i = 0; i < n; i++) {
        if (old[i] >= 0) {
            p->slots[slot_of(p, p->entries[old[i]].id)] = old[i];
        }
    }
    free(old);
}

static int32_t table_find(const struct kv_pool *p, uint64_t id)
{
    return p->n_slots ? p->slots[slot_of(p, id)] : -1;
}

static void table_insert(struct kv_pool *p, int32_t entry)
{
    if ((p->n_used + 1) * 2 > p->n_slots) {
        table_grow(p);
    }
    p->slots[slot_of(p, p->entries[entry].id)] = entry;
    p->n_used++;
}

/* Removal by backward shift keeps probe chains whole. */
static void table_remove(struct kv_pool *p, uint64_t id)
{
    uint64_t mask = p->n_slots - 1;
    uint64_t hole = slot_of(p, id);
    p->slots[hole] = -1;
    p->n_used--;
    for (uint64_t s = (hole + 1) & mask; p->slots[s] >= 0; s = (s + 1) & mask) {
        uint64_t home = rng_hash(p->entries[p->slots[s]].id) & mask;
        if (((s - home) & mask) >= ((s - hole) & mask)) {
            p->slots[hole] = p->slots[s];
            p->slots[s] = -1;
            hole = s;
        }
    }
}

/* ---- taking and giving ---------------------------------------------------------------------- */

struct kv_pool *kv_pool_new(const struct kv_layout *layout, int64_t capacity_bytes, bool reuse)
{
    struct kv_pool *p = xcalloc(1, sizeof *p);
    ASSERT(layout->block_tokens > 0 && capacity_bytes >= 0);
    p->layout = *layout;
    p->capacity_bytes = capacity_bytes;
    p->free_bytes = capacity_bytes;
    p->reuse = reuse && layout->full_block_bytes > 0;
    p->spare_entry = -1;
    p->spare_ref = -1;
    p->head = -1;
    p->tail = -1;
    if (p->reuse) {
        queue_push(p, entry_new(p, 0, capacity_bytes));
    }
    return p;
}

void kv_pool_free(struct kv_pool *p)
{
    if (p) {
        free(p->entries);
        free(p->refs);
        free(p->slots);
        free(p);
    }
}

int64_t kv_free_bytes(const struct kv_pool *p)
{
    return p->free_bytes;
}

int64_t kv_capacity_bytes(const struct kv_pool *p)
{
    return p->capacity_bytes;
}

/* Evicts from the head of the queue. A segment loses whole blocks from its end; what is left of the
 * last block it gave stays in the queue as a run of its own. */
static void evict(struct kv_pool *p, int64_t bytes)
{
    while (bytes > 0) {
        int32_t i = p->head;
        ASSERT(i >= 0);
        struct entry *e = &p->entries[i];
        if (e->id == 0) {
            int64_t part = e->bytes < bytes ? e->bytes : bytes;
            e->bytes -= part;
            bytes -= part;
        } else {
            int64_t block = p->layout.full_block_bytes;
            int64_t n = (bytes + block - 1) / block;
            int64_t part = n * block < e->bytes ? n * block : e->bytes;
            e->bytes -= part;
            bytes -= part;
        }
        if (e->bytes == 0) {
            queue_remove(p, i);
            if (e->id != 0) {
                table_remove(p, e->id);
            }
            entry_drop(p, i);
        }
    }
    if (bytes < 0) {
        int32_t rest = entry_new(p, 0, -bytes);
        struct entry *e = &p->entries[rest];
        e->next = p->head;
        e->queued = true;
        if (p->head >= 0) {
            p->entries[p->head].prev = rest;
        } else {
            p->tail = rest;
        }
        p->head = rest;
    }
}

bool kv_take(struct kv_pool *p, int64_t bytes)
{
    if (bytes > p->free_bytes) {
        return false;
    }
    p->free_bytes -= bytes;
    if (p->reuse) {
        evict(p, bytes);
    }
    return true;
}

void kv_give(struct kv_pool *p, int64_t bytes)
{
    p->free_bytes += bytes;
    DASSERT(p->free_bytes <= p->capacity_bytes);
    if (!p->reuse || bytes == 0) {
        return;
    }
    if (p->tail >= 0 && p->entries[p->tail].id == 0) {
        p->entries[p->tail].bytes += bytes;
        return;
    }
    queue_push(p, entry_new(p, 0, bytes));
}

/* ---- segments of a prompt ------------------------------------------------------------------- */

struct segment {
    uint64_t id;
    int64_t end_tokens; /* where it ends in the prompt */
};

/* The i-th segment of recurring content; false after the last. Blocks on the border of two segments
 * belong to the later one. */
static bool segment_at(const struct prompt_content *c, int64_t prompt_tokens, int i,
                       struct segment *out)
{
    if (c->hashes) {
        if (i >= c->n_hashes) {
            return false;
        }
        int64_t end = (int64_t)(i + 1) * c->hash_tokens;
        out->id = rng_hash((uint64_t)c->hashes[i] + 1) | 1;
        out->end_tokens = end < prompt_tokens ? end : prompt_tokens;
        return true;
    }
    bool shared = c->shared_id != 0;
    if (i == 0 && shared) {
        *out = (struct segment){c->shared_id, c->shared_tokens};
        return true;
    }
    if (i == (shared ? 1 : 0) && c->body_id != 0) {
        *out = (struct segment){c->body_id, prompt_tokens};
        return true;
    }
    return false;
}

/* Full blocks of the prompt that may be reused: never the block of the last token. */
static int64_t reusable_blocks(const struct kv_pool *p, int64_t prompt_tokens)
{
    return (prompt_tokens - 1) / p->layout.block_tokens;
}

void kv_shared_init(struct kv_shared *s)
{
    *s = (struct kv_shared){.first_ref = -1};
}

static void add_ref(struct kv_pool *p, struct kv_shared *s, int32_t entry)
{
    int32_t r = p->spare_ref;
    if (r >= 0) {
        p->spare_ref = p->refs[r].next;
    } else {
        ARRAY_RESERVE(p->refs, p->cap_refs, p->n_refs + 1);
        r = p->n_refs++;
    }
    p->refs[r] = (struct ref){entry, s->first_ref};
    s->first_ref = r;
}

/* Walks the cached segments from the prompt's start. Returns the blocks found; with s set, takes
 * references. */
static int64_t walk(struct kv_pool *p, const struct prompt_content *c, int64_t prompt_tokens,
                    struct kv_shared *s)
{
    int64_t limit = reusable_blocks(p, prompt_tokens);
    int64_t block = p->layout.full_block_bytes;
    int64_t found = 0;
    struct segment seg;
    for (int i = 0; segment_at(c, prompt_tokens, i, &seg); i++) {
        int64_t want = seg.end_tokens / p->layout.block_tokens - found;
        if (want <= 0) {
            continue;
        }
        int32_t e = table_find(p, seg.id);
        if (e < 0) {
            break;
        }
        int64_t have = p->entries[e].bytes / block;
        int64_t use = have < want ? have : want;
        use = use < limit - found ? use : limit - found;
        if (use <= 0) {
            break;
        }
        if (s) {
            if (p->entries[e].n_refs++ == 0) {
                queue_remove(p, e);
                p->free_bytes -= p->entries[e].bytes;
            }
            add_ref(p, s, e);
        }
        found += use;
        if (use < want) {
            break;
        }
    }
    return found;
}

int64_t kv_lookup(struct kv_pool *p, const struct prompt_content *c, int64_t prompt_tokens,
                  struct kv_shared *s)
{
    if (!p->reuse) {
        return 0;
    }
    int64_t found = walk(p, c, prompt_tokens, s);
    s->n_blocks = found;
    s->cached_blocks = found;
    return found * p->layout.block_tokens;
}

int64_t kv_probe(const struct kv_pool *p, const struct prompt_content *c, int64_t prompt_tokens)
{
    if (!p->reuse) {
        return 0;
    }
    /* walk without references does not change the pool */
    return walk((struct kv_pool *)(uintptr_t)p, c, prompt_tokens, NULL) * p->layout.block_tokens;
}

static bool holds(const struct kv_pool *p, const struct kv_shared *s, int32_t entry)
{
    for (int32_t r = s->first_ref; r >= 0; r = p->refs[r].next) {
        if (p->refs[r].entry == entry) {
            return true;
        }
    }
    return false;
}

/* Blocks [from, to) of the prompt, all in one segment that starts at block `start`: hand them to the
 * cache if it ends exactly where they begin, else they stay the request's own. */
static void offer_segment(struct kv_pool *p, struct kv_shared *s, uint64_t id, int64_t start,
                          int64_t to)
{
    int64_t block = p->layout.full_block_bytes;
    int32_t e = table_find(p, id);
    int64_t have = e >= 0 ? p->entries[e].bytes / block : 0;
    int64_t from = s->cached_blocks;
    if (start + have != from || to <= from) {
        return;
    }
    if (e < 0) {
        e = entry_new(p, id, 0);
        table_insert(p, e);
    } else if (p->entries[e].queued) {
        queue_remove(p, e);
        p->free_bytes -= p->entries[e].bytes;
    }
    if (!holds(p, s, e)) {
        p->entries[e].n_refs++;
        add_ref(p, s, e);
    }
    p->entries[e].bytes += (to - from) * block;
    s->n_blocks += to - from;
}

void kv_offer(struct kv_pool *p, const struct prompt_content *c, int64_t prompt_tokens,
              int64_t tokens, struct kv_shared *s)
{
    if (!p->reuse) {
        return;
    }
    int64_t done = tokens / p->layout.block_tokens;
    int64_t start = 0;
    struct segment seg;
    for (int i = 0; segment_at(c, prompt_tokens, i, &seg) && s->cached_blocks < done; i++) {
        int64_t end = seg.end_tokens / p->layout.block_tokens;
        if (end <= start) {
            continue;
        }
        int64_t to = end < done ? end : done;
        if (s->cached_blocks < to) {
            offer_segment(p, s, seg.id, start, to);
            s->cached_blocks = to;
        }
        start = end;
    }
}

void kv_release(struct kv_pool *p, struct kv_shared *s, int64_t own_bytes)
{
    kv_give(p, own_bytes); /* the end of the sequence is freed, and so evicted, first */
    int32_t r = s->first_ref;
    while (r >= 0) {
        struct ref *ref = &p->refs[r];
        struct entry *e = &p->entries[ref->entry];
        int32_t next = ref->next;
        if (--e->n_refs == 0) {
            queue_push(p, ref->entry);
            p->free_bytes += e->bytes;
        }
        ref->next = p->spare_ref;
        p->spare_ref = r;
        r = next;
    }
    kv_shared_init(s);
}

bool kv_check(const struct kv_pool *p)
{
    if (!p->reuse) {
        return p->free_bytes >= 0 && p->free_bytes <= p->capacity_bytes;
    }
    int64_t queued = 0;
    int32_t last = -1;
    for (int32_t i = p->head; i >= 0; i = p->entries[i].next) {
        const struct entry *e = &p->entries[i];
        if (!e->queued || e->prev != last || e->bytes <= 0 || e->n_refs != 0) {
            return false;
        }
        queued += e->bytes;
        last = i;
    }
    return last == p->tail && queued == p->free_bytes;
}
