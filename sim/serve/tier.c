/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/tier.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"
#include "sim/serve/idmap.h"
#include "sim/serve/kv.h"

const char *const tier_names[] = {"host", "ssd"};

struct held {
    uint64_t id; /* 0: a run */
    int64_t n_blocks;
    int32_t prev, next; /* towards the older, the newer; next also links the spare list */
};

struct tier {
    int64_t block_tokens, block_bytes;
    int64_t capacity_blocks, n_blocks;
    struct held *items;
    int n_items, cap_items;
    int32_t spare, oldest, newest;
    struct idmap segments;
};

struct tier *tier_new(const struct kv_layout *l, int64_t capacity_bytes)
{
    struct tier *t = xcalloc(1, sizeof *t);
    t->block_tokens = l->block_tokens;
    t->block_bytes = l->full_block_bytes;
    t->capacity_blocks = l->full_block_bytes > 0 ? capacity_bytes / l->full_block_bytes : 0;
    t->spare = t->oldest = t->newest = -1;
    return t;
}

void tier_free(struct tier *t)
{
    if (t) {
        idmap_fini(&t->segments);
        free(t->items);
        free(t);
    }
}

int64_t tier_used_bytes(const struct tier *t)
{
    return t->n_blocks * t->block_bytes;
}

/* ---- the list, oldest first
 * ----------------------------------------------------------------------- */

static void list_remove(struct tier *t, int32_t i)
{
    struct held *h = &t->items[i];
    if (h->prev >= 0) {
        t->items[h->prev].next = h->next;
    } else {
        t->oldest = h->next;
    }
    if (h->next >= 0) {
        t->items[h->next].prev = h->prev;
    } else {
        t->newest = h->prev;
    }
}

static void list_append(struct tier *t, int32_t i)
{
    t->items[i].prev = t->newest;
    t->items[i].next = -1;
    if (t->newest >= 0) {
        t->items[t->newest].next = i;
    } else {
        t->oldest = i;
    }
    t->newest = i;
}

static int32_t hold(struct tier *t, uint64_t id)
{
    int32_t i = t->spare;
    if (i >= 0) {
        t->spare = t->items[i].next;
    } else {
        ARRAY_RESERVE(t->items, t->cap_items, t->n_items + 1);
        i = t->n_items++;
    }
    t->items[i] = (struct held){.id = id};
    list_append(t, i);
    if (id != 0) {
        idmap_add(&t->segments, id, i);
    }
    return i;
}

static void drop(struct tier *t, int32_t i)
{
    list_remove(t, i);
    if (t->items[i].id != 0) {
        idmap_remove(&t->segments, i);
    }
    t->items[i].next = t->spare;
    t->spare = i;
}

/* The oldest lose their last blocks until the rest fits. */
static void evict(struct tier *t)
{
    while (t->n_blocks > t->capacity_blocks) {
        struct held *h = &t->items[t->oldest];
        int64_t over = t->n_blocks - t->capacity_blocks;
        int64_t n = over < h->n_blocks ? over : h->n_blocks;
        h->n_blocks -= n;
        t->n_blocks -= n;
        if (h->n_blocks == 0) {
            drop(t, t->oldest);
        }
    }
}

/* ---- prompts
 * -------------------------------------------------------------------------------------- */

/* Blocks [start, end) of the i-th segment, as far as the first n_blocks reach; false behind
 * the last. */
struct stretch {
    uint64_t id;
    int64_t start, end;
};
static bool stretch_at(const struct tier *t, const struct prompt_content *c,
                       int64_t prompt_tokens, int i, int64_t n_blocks, struct stretch *out)
{
    struct kv_segment seg;
    struct kv_segment before = {0};
    if (!kv_segment_at(c, prompt_tokens, i, &seg) ||
        (i > 0 && !kv_segment_at(c, prompt_tokens, i - 1, &before))) {
        return false;
    }
    int64_t start = before.end_tokens / t->block_tokens;
    int64_t end = seg.end_tokens / t->block_tokens;
    *out = (struct stretch){seg.id, start, end < n_blocks ? end : n_blocks};
    return start < n_blocks;
}

static int count_stretches(const struct tier *t, const struct prompt_content *c,
                           int64_t prompt_tokens, int64_t n_blocks, int64_t *covered)
{
    struct stretch s;
    int n = 0;
    *covered = 0;
    while (stretch_at(t, c, prompt_tokens, n, n_blocks, &s)) {
        *covered = s.end > *covered ? s.end : *covered;
        n++;
    }
    return n;
}

static void put_run(struct tier *t, int64_t n_blocks)
{
    bool joins = t->newest >= 0 && t->items[t->newest].id == 0;
    int32_t i = joins ? t->newest : hold(t, 0);
    t->items[i].n_blocks += n_blocks;
    t->n_blocks += n_blocks;
}

static void put_stretch(struct tier *t, const struct stretch *s)
{
    int32_t i = idmap_find(&t->segments, s->id);
    if (i < 0) {
        i = hold(t, s->id);
    } else {
        list_remove(t, i);
        list_append(t, i);
    }
    int64_t more = s->end - s->start - t->items[i].n_blocks;
    if (more > 0) {
        t->items[i].n_blocks += more;
        t->n_blocks += more;
    }
}

void tier_put(struct tier *t, const struct prompt_content *c, int64_t prompt_tokens,
              int64_t from_tokens, int64_t to_tokens)
{
    int64_t from = from_tokens / t->block_tokens;
    int64_t to = to_tokens / t->block_tokens;
    int64_t covered;
    int n = count_stretches(t, c, prompt_tokens, to, &covered);
    int64_t first_of_run = covered > from ? covered : from;
    if (first_of_run < to) {
        put_run(t, to - first_of_run);
    }
    struct stretch s;
    for (int i = n - 1; i >= 0; i--) {
        if (stretch_at(t, c, prompt_tokens, i, to, &s) && s.start < s.end) {
            put_stretch(t, &s);
        }
    }
    evict(t);
}

int64_t tier_find(const struct tier *t, const struct prompt_content *c, int64_t prompt_tokens,
                  int64_t have_tokens)
{
    int64_t most = (prompt_tokens - 1) / t->block_tokens;
    int64_t have = have_tokens / t->block_tokens;
    int64_t reach = have;
    struct stretch s;
    for (int i = 0; stretch_at(t, c, prompt_tokens, i, most, &s); i++) {
        if (s.end <= reach) {
            continue;
        }
        int32_t held = idmap_find(&t->segments, s.id);
        int64_t end = held >= 0 ? s.start + t->items[held].n_blocks : s.start;
        reach = end < s.end ? end : s.end;
        if (reach < s.end) {
            break;
        }
    }
    return reach > have ? (reach - have) * t->block_tokens : 0;
}

void tier_touch(struct tier *t, const struct prompt_content *c, int64_t prompt_tokens,
                int64_t tokens)
{
    int64_t covered;
    int64_t blocks = tokens / t->block_tokens;
    struct stretch s;
    for (int i = count_stretches(t, c, prompt_tokens, blocks, &covered) - 1; i >= 0; i--) {
        bool any = stretch_at(t, c, prompt_tokens, i, blocks, &s);
        int32_t held = any ? idmap_find(&t->segments, s.id) : -1;
        if (held >= 0) {
            list_remove(t, held);
            list_append(t, held);
        }
    }
}

bool tier_check(const struct tier *t)
{
    int64_t blocks = 0;
    uint64_t segments = 0;
    int32_t last = -1;
    for (int32_t i = t->oldest; i >= 0; i = t->items[i].next) {
        const struct held *h = &t->items[i];
        if (h->prev != last || h->n_blocks <= 0 ||
            (h->id != 0 && idmap_find(&t->segments, h->id) != i)) {
            return false;
        }
        segments += h->id != 0;
        blocks += h->n_blocks;
        last = i;
    }
    return last == t->newest && blocks == t->n_blocks && segments == t->segments.n_used &&
           blocks <= t->capacity_blocks;
}

/* ---- the tiers of a rank
 * -------------------------------------------------------------------------- */

void tier_stack_init(struct tier_stack *s, const struct kv_layout *l,
                     const struct tier_config configs[TIER_N])
{
    memset(s, 0, sizeof *s);
    for (int i = 0; i < TIER_N; i++) {
        if (configs[i].capacity_bytes > 0 && l->full_block_bytes > 0) {
            s->tiers[i] = tier_new(l, configs[i].capacity_bytes);
            s->any = true;
        }
    }
}

void tier_stack_fini(struct tier_stack *s)
{
    for (int i = 0; i < TIER_N; i++) {
        tier_free(s->tiers[i]);
    }
    memset(s, 0, sizeof *s);
}

struct tier_hit tier_stack_find(const struct tier_stack *s, const struct prompt_content *c,
                                int64_t prompt_tokens, int64_t hit_tokens)
{
    struct tier_hit hit = {0};
    for (int i = 0; i < TIER_N; i++) {
        if (s->tiers[i]) {
            hit.tokens[i] =
                tier_find(s->tiers[i], c, prompt_tokens, hit_tokens + hit.all_tokens);
            hit.all_tokens += hit.tokens[i];
        }
    }
    return hit;
}

void tier_stack_put(struct tier_stack *s, const struct prompt_content *c, int64_t prompt_tokens,
                    int64_t from_tokens, int64_t to_tokens)
{
    for (int i = 0; i < TIER_N; i++) {
        if (s->tiers[i]) {
            tier_put(s->tiers[i], c, prompt_tokens, from_tokens, to_tokens);
        }
    }
}

void tier_stack_touch(struct tier_stack *s, const struct prompt_content *c,
                      int64_t prompt_tokens, int64_t tokens)
{
    for (int i = 0; i < TIER_N; i++) {
        if (s->tiers[i]) {
            tier_touch(s->tiers[i], c, prompt_tokens, tokens);
        }
    }
}

static double pass_link(struct tier_stack *s, const struct tier_config configs[TIER_N],
                        enum tier_kind kind, double bytes, double now_s)
{
    s->free_s[kind] = fmax(s->free_s[kind], now_s) + bytes / configs[kind].bytes_per_s;
    return s->free_s[kind] + configs[kind].latency_s;
}

double tier_stack_load(struct tier_stack *s, const struct kv_layout *l,
                       const struct tier_config configs[TIER_N], int64_t hit_tokens,
                       const struct tier_hit *hit, double now_s)
{
    int64_t on_gpu = hit_tokens / l->block_tokens * l->full_block_bytes;
    int64_t bytes = kv_bytes(l, hit_tokens + hit->all_tokens) - on_gpu;
    int64_t ssd_bytes = hit->tokens[TIER_SSD] / l->block_tokens * l->full_block_bytes;
    double ready_s = pass_link(s, configs, TIER_HOST, (double)bytes, now_s);
    if (ssd_bytes > 0) {
        ready_s = fmax(ready_s, pass_link(s, configs, TIER_SSD, (double)ssd_bytes, now_s));
    }
    return ready_s;
}
