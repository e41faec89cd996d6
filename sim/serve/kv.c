/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/kv.h"

#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"
#include "sim/core/rng.h"
#include "sim/serve/idmap.h"

/* An entry of the free queue: a run of bytes whose content cannot recur, or a piece of a
 * segment. Requests hold a segment from its start, some further than others: a segment is a
 * chain of pieces, each with one reference count and one place in the queue. A later piece
 * never has more references than an earlier one and, once free, stands before it in the queue.
 */
struct entry {
    uint64_t id;           /* 0: a run; else the segment's */
    int64_t bytes;         /* piece: blocks * full_block_bytes */
    int32_t n_refs;        /* 0: in the queue */
    int32_t prev, next;    /* queue links; next also links the spare list */
    int32_t before, after; /* pieces of the same segment; the look-up table knows the first */
    int32_t soon;          /* was pushed QUEUE_AHEAD places behind it */
};
/* What one request holds of one segment. */
struct ref {
    int64_t n_blocks;
    int32_t entry; /* the segment's first piece */
    int32_t next;
};

/* A prompt evicts a dozen segments in a row, each a cache miss whose successor only it knows;
 * they overlap when the one so many places behind is fetched meanwhile (a fifth of a run with a
 * full cache). */
enum { QUEUE_AHEAD = 8 };

struct kv_pool {
    struct kv_layout layout;
    int64_t capacity_bytes, free_bytes;
    bool reuse;
    struct entry *entries;
    int n_entries, cap_entries;
    int32_t spare_entry, head, tail;
    int32_t pushed[QUEUE_AHEAD]; /* the entries pushed last, a ring */
    int n_pushed;
    struct ref *refs;
    int n_refs, cap_refs;
    int32_t spare_ref;
    struct idmap segments; /* first entry of each */
};

/* ---- entries and the queue -----------------------------------------------------------------
 */

static int32_t entry_new(struct kv_pool *p, uint64_t id, int64_t bytes)
{
    int32_t i = p->spare_entry;
    if (i >= 0) {
        p->spare_entry = p->entries[i].next;
    } else {
        ARRAY_RESERVE(p->entries, p->cap_entries, p->n_entries + 1);
        i = p->n_entries++;
    }
    p->entries[i] = (struct entry){
        .id = id, .bytes = bytes, .prev = -1, .next = -1, .before = -1, .after = -1};
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
    int32_t *oldest = &p->pushed[p->n_pushed++ % QUEUE_AHEAD];
    p->entries[*oldest].soon = i;
    *oldest = i;
    if (p->tail >= 0) {
        p->entries[p->tail].next = i;
    } else {
        p->head = i;
    }
    p->tail = i;
}

/* Puts entry i right before entry `at`, so that it is evicted first; at = -1: the queue is
 * empty. */
static void queue_insert_before(struct kv_pool *p, int32_t i, int32_t at)
{
    if (at < 0) {
        queue_push(p, i);
        return;
    }
    struct entry *e = &p->entries[i];
    e->prev = p->entries[at].prev;
    e->next = at;
    p->entries[at].prev = i;
    if (e->prev >= 0) {
        p->entries[e->prev].next = i;
    } else {
        p->head = i;
    }
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
}

/* ---- taking and giving ----------------------------------------------------------------------
 */

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
        idmap_fini(&p->segments);
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

/* The last bytes of a piece or run are gone; a piece was the last of its segment. */
static void entry_emptied(struct kv_pool *p, int32_t i)
{
    struct entry *e = &p->entries[i];
    queue_remove(p, i);
    if (e->before >= 0) {
        p->entries[e->before].after = -1;
    } else if (e->id != 0) {
        idmap_remove(&p->segments, i);
    }
    entry_drop(p, i);
}

static int64_t whole_blocks(const struct kv_layout *l, int64_t bytes)
{
    int64_t block = l->full_block_bytes;
    return (bytes + block - 1) / block * block;
}

/* Evicts from the head of the queue. A segment loses whole blocks from its end; what is left of
 * the last block it gave stays in the queue as a run of its own. */
static void evict(struct kv_pool *p, int64_t bytes)
{
    while (bytes > 0) {
        int32_t i = p->head;
        ASSERT(i >= 0);
        struct entry *e = &p->entries[i];
        DASSERT(e->after < 0);
        PREFETCH(&p->entries[e->soon]);
        int64_t part = e->id == 0 ? bytes : whole_blocks(&p->layout, bytes);
        part = part < e->bytes ? part : e->bytes;
        e->bytes -= part;
        bytes -= part;
        if (e->bytes == 0) {
            entry_emptied(p, i);
        }
    }
    if (bytes < 0) {
        int32_t rest = entry_new(p, 0, -bytes);
        queue_insert_before(p, rest, p->head);
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

/* ---- segments of a prompt -------------------------------------------------------------------
 */

static bool segment_at(const struct prompt_content *c, int64_t prompt_tokens, int i,
                       struct kv_segment *out)
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
        *out = (struct kv_segment){c->shared_id, c->shared_tokens};
        return true;
    }
    if (i == (shared ? 1 : 0) && c->body_id != 0) {
        *out = (struct kv_segment){c->body_id, prompt_tokens};
        return true;
    }
    return false;
}

bool kv_segment_at(const struct prompt_content *c, int64_t prompt_tokens, int i,
                   struct kv_segment *out)
{
    return segment_at(c, prompt_tokens, i, out);
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

static void add_ref(struct kv_pool *p, struct kv_shared *s, int32_t entry, int64_t n_blocks)
{
    int32_t r = p->spare_ref;
    if (r >= 0) {
        p->spare_ref = p->refs[r].next;
    } else {
        ARRAY_RESERVE(p->refs, p->cap_refs, p->n_refs + 1);
        r = p->n_refs++;
    }
    p->refs[r] = (struct ref){n_blocks, entry, s->first_ref};
    s->first_ref = r;
    s->n_blocks += n_blocks;
}

/* Cuts piece i after its first `bytes`; the rest has the same references and is evicted first.
 */
static void split(struct kv_pool *p, int32_t i, int64_t bytes)
{
    int32_t rest = entry_new(p, p->entries[i].id, p->entries[i].bytes - bytes);
    struct entry *e = &p->entries[i];
    struct entry *r = &p->entries[rest];
    r->n_refs = e->n_refs;
    r->before = i;
    r->after = e->after;
    if (e->after >= 0) {
        p->entries[e->after].before = rest;
    }
    e->after = rest;
    e->bytes = bytes;
    if (e->n_refs == 0) {
        queue_insert_before(p, rest, i);
    }
}

/* References the first n_blocks of a segment: they leave the queue. */
static void hold(struct kv_pool *p, int32_t first, int64_t n_blocks)
{
    int64_t bytes = n_blocks * p->layout.full_block_bytes;
    for (int32_t i = first; bytes > 0; i = p->entries[i].after) {
        if (p->entries[i].bytes > bytes) {
            split(p, i, bytes);
        }
        struct entry *e = &p->entries[i];
        bytes -= e->bytes;
        if (e->n_refs++ == 0) {
            queue_remove(p, i);
            p->free_bytes -= e->bytes;
        }
    }
}

/* A piece nobody holds goes to the end of the queue; with the piece after it, when that has
 * just gone there too. */
static void free_piece(struct kv_pool *p, int32_t i)
{
    struct entry *e = &p->entries[i];
    int32_t later = e->after;
    p->free_bytes += e->bytes;
    if (later >= 0 && later == p->tail) {
        queue_remove(p, later);
        e->bytes += p->entries[later].bytes;
        e->after = p->entries[later].after;
        if (e->after >= 0) {
            p->entries[e->after].before = i;
        }
        entry_drop(p, later);
    }
    queue_push(p, i);
}

/* Lets go of the first n_blocks of a segment, its end first. */
static void let_go(struct kv_pool *p, int32_t first, int64_t n_blocks)
{
    int64_t bytes = n_blocks * p->layout.full_block_bytes;
    int32_t i = first;
    while ((bytes -= p->entries[i].bytes) > 0) {
        i = p->entries[i].after;
    }
    DASSERT(bytes == 0);
    while (i >= 0) {
        int32_t before = p->entries[i].before;
        if (--p->entries[i].n_refs == 0) {
            free_piece(p, i);
        }
        i = before;
    }
}

/* Blocks of a segment in the cache, at most `most`; *pin_bytes grows by what of them is free.
 */
static int64_t blocks_of(const struct kv_pool *p, int32_t first, int64_t most,
                         int64_t *pin_bytes)
{
    int64_t want = most * p->layout.full_block_bytes;
    int64_t bytes = 0;
    for (int32_t i = first; i >= 0 && bytes < want; i = p->entries[i].after) {
        const struct entry *e = &p->entries[i];
        int64_t use = e->bytes < want - bytes ? e->bytes : want - bytes;
        bytes += use;
        *pin_bytes += e->n_refs == 0 ? use : 0;
    }
    return bytes / p->layout.full_block_bytes;
}

/* Going through the cached segments from a prompt's start. */
struct walk {
    int64_t n_blocks, pin_bytes;
    struct kv_pool *hold_in; /* NULL: only look */
    struct kv_shared *shared;
};
static void walk(const struct kv_pool *p, const struct prompt_content *c, int64_t prompt_tokens,
                 struct walk *w)
{
    int64_t limit = reusable_blocks(p, prompt_tokens);
    struct kv_segment seg;
    for (int i = 0; segment_at(c, prompt_tokens, i, &seg); i++) {
        int64_t end = seg.end_tokens / p->layout.block_tokens;
        int64_t want = (end < limit ? end : limit) - w->n_blocks;
        if (want <= 0) {
            continue;
        }
        int32_t first = idmap_find(&p->segments, seg.id);
        int64_t use = first >= 0 ? blocks_of(p, first, want, &w->pin_bytes) : 0;
        if (w->hold_in && use > 0) {
            hold(w->hold_in, first, use);
            add_ref(w->hold_in, w->shared, first, use);
        }
        w->n_blocks += use;
        if (use < want) {
            break;
        }
    }
}

int64_t kv_lookup(struct kv_pool *p, const struct prompt_content *c, int64_t prompt_tokens,
                  struct kv_shared *s)
{
    if (!p->reuse) {
        return 0;
    }
    struct walk w = {.hold_in = p, .shared = s};
    walk(p, c, prompt_tokens, &w);
    s->cached_blocks = w.n_blocks;
    return w.n_blocks * p->layout.block_tokens;
}

int64_t kv_probe(const struct kv_pool *p, const struct prompt_content *c, int64_t prompt_tokens,
                 int64_t *pin_bytes)
{
    struct walk w = {0};
    if (p->reuse) {
        walk(p, c, prompt_tokens, &w);
    }
    *pin_bytes = w.pin_bytes;
    return w.n_blocks * p->layout.block_tokens;
}

/* The request starts a segment that nobody has cached. */
static void start_segment(struct kv_pool *p, struct kv_shared *s, uint64_t id, int64_t n_blocks)
{
    int32_t e = entry_new(p, id, n_blocks * p->layout.full_block_bytes);
    p->entries[e].n_refs = 1;
    idmap_add(&p->segments, id, e);
    add_ref(p, s, e, n_blocks);
}

/* The request goes on with the segment it holds, all of which is cached up to where it stands.
 */
static void extend_segment(struct kv_pool *p, struct kv_shared *s, int64_t n_blocks)
{
    struct ref *r = &p->refs[s->first_ref];
    int64_t bytes = n_blocks * p->layout.full_block_bytes;
    int32_t last = r->entry;
    while (p->entries[last].after >= 0) {
        last = p->entries[last].after;
    }
    if (p->entries[last].n_refs == 1) {
        p->entries[last].bytes += bytes;
    } else {
        int32_t e = entry_new(p, p->entries[last].id, bytes);
        p->entries[e].n_refs = 1;
        p->entries[e].before = last;
        p->entries[last].after = e;
    }
    r->n_blocks += n_blocks;
    s->n_blocks += n_blocks;
}

/* Hands over the blocks from s->n_blocks up to `to`, all in the segment that starts at block
 * `start`, unless somebody else has cached what stands there: then they stay the request's own.
 */
static void offer_segment(struct kv_pool *p, struct kv_shared *s, uint64_t id, int64_t start,
                          int64_t to)
{
    int64_t pin_bytes = 0;
    int64_t mine = s->n_blocks - start;
    int32_t first = idmap_find(&p->segments, id);
    int64_t have = first >= 0 ? blocks_of(p, first, INT32_MAX, &pin_bytes) : 0;
    if (have != mine) {
        return;
    }
    if (mine == 0) {
        start_segment(p, s, id, to - s->n_blocks);
    } else {
        extend_segment(p, s, to - s->n_blocks);
    }
}

/* The look-ups that follow are many and each a cache miss: together they take as long as one or
 * two. */
static void fetch_slots(const struct kv_pool *p, const struct prompt_content *c,
                        int64_t prompt_tokens, const struct kv_shared *s, int64_t done)
{
    struct kv_segment seg;
    int64_t end = s->n_blocks == s->cached_blocks ? 0 : done;
    for (int i = 0; end < done && segment_at(c, prompt_tokens, i, &seg); i++) {
        end = seg.end_tokens / p->layout.block_tokens;
        if (end > s->cached_blocks) {
            idmap_prefetch(&p->segments, seg.id);
        }
    }
}

void kv_offer(struct kv_pool *p, const struct prompt_content *c, int64_t prompt_tokens,
              int64_t tokens, struct kv_shared *s)
{
    if (!p->reuse) {
        return;
    }
    int64_t done = tokens / p->layout.block_tokens;
    int64_t start = 0;
    struct kv_segment seg;
    fetch_slots(p, c, prompt_tokens, s, done);
    /* what follows a block of the request's own is its own too */
    for (int i = 0; s->n_blocks == s->cached_blocks && s->cached_blocks < done &&
                    segment_at(c, prompt_tokens, i, &seg);
         i++) {
        int64_t end = seg.end_tokens / p->layout.block_tokens;
        int64_t to = end < done ? end : done;
        if (s->cached_blocks < to) {
            offer_segment(p, s, seg.id, start, to);
            s->cached_blocks = to;
        }
        start = end > start ? end : start;
    }
}

void kv_release(struct kv_pool *p, struct kv_shared *s, int64_t own_bytes)
{
    kv_give(p, own_bytes); /* the end of the sequence is freed, and so evicted, first */
    int32_t r = s->first_ref;
    while (r >= 0) {
        struct ref *ref = &p->refs[r];
        int32_t next = ref->next;
        let_go(p, ref->entry, ref->n_blocks);
        ref->next = p->spare_ref;
        p->spare_ref = r;
        r = next;
    }
    kv_shared_init(s);
}

/* The pieces of a segment, from its first. */
static bool segment_check(const struct kv_pool *p, int32_t first)
{
    int32_t last = -1;
    int32_t refs = INT32_MAX;
    for (int32_t i = first; i >= 0; i = p->entries[i].after) {
        const struct entry *e = &p->entries[i];
        if (e->before != last || e->id != p->entries[first].id || e->bytes <= 0 ||
            e->bytes % p->layout.full_block_bytes != 0 || e->n_refs < 0 || e->n_refs > refs) {
            return false;
        }
        refs = e->n_refs;
        last = i;
    }
    return true;
}

static bool segments_check(const struct kv_pool *p)
{
    uint64_t n = 0;
    for (int32_t i = 0; i < p->n_entries; i++) {
        const struct entry *e = &p->entries[i];
        if (e->id == 0 || e->before >= 0) {
            continue;
        }
        n++;
        if (!segment_check(p, i) || idmap_find(&p->segments, e->id) != i) {
            return false;
        }
    }
    return n == p->segments.n_used;
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
        if (e->prev != last || e->bytes <= 0 || e->n_refs != 0) {
            return false;
        }
        queued += e->bytes;
        last = i;
    }
    return last == p->tail && queued == p->free_bytes && segments_check(p);
}
