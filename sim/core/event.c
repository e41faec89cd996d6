/* SPDX-License-Identifier: GPL-3.0-or-later */
/* event.c - 4-ary heap in one array. push O(log n), pop O(log n), peek O(1); memory 32 bytes an
 * event. A ladder or calendar queue does not pay below about 1e6 pending events. */
#include "sim/core/event.h"

#include <stdlib.h>

#include "sim/base/mem.h"

_Static_assert(sizeof(struct event) == 32, "two events in a cache line");

enum { SEQUENCE_BITS = 48 };

struct event_list {
    struct event *heap;
    int64_t n, cap;
    uint64_t sequence;
};

struct event_list *event_list_new(void)
{
    struct event_list *list = xcalloc(1, sizeof *list);
    list->cap = 64;
    list->heap = xmalloc((size_t)list->cap * sizeof *list->heap);
    return list;
}

void event_list_free(struct event_list *list)
{
    if (list) {
        free(list->heap);
        free(list);
    }
}

static inline bool is_before(const struct event *a, const struct event *b)
{
    return a->time_s < b->time_s || (a->time_s == b->time_s && a->order < b->order);
}

static void grow(struct event_list *list)
{
    list->cap *= 2;
    list->heap = xrealloc(list->heap, (size_t)list->cap, sizeof *list->heap);
}

void event_push(struct event_list *list, double time_s, int priority, int32_t kind,
                int32_t target, int64_t data)
{
    ASSERT(time_s == time_s); /* a NaN has no place in the order */
    DASSERT(priority >= 0 && priority <= UINT16_MAX);
    struct event event = {
        .time_s = time_s,
        .order = (uint64_t)priority << SEQUENCE_BITS | list->sequence,
        .kind = kind,
        .target = target,
        .data = data,
    };
    list->sequence++;
    if (list->n == list->cap) {
        grow(list);
    }
    struct event *heap = list->heap;
    int64_t hole = list->n++;
    while (hole > 0) {
        int64_t parent = (hole - 1) / 4;
        if (!is_before(&event, &heap[parent])) {
            break;
        }
        heap[hole] = heap[parent];
        hole = parent;
    }
    heap[hole] = event;
}

/* The earliest child of `hole`, or n when it has none. */
static inline int64_t first_child(const struct event *heap, int64_t n, int64_t hole)
{
    int64_t best = 4 * hole + 1;
    if (best >= n) {
        return n;
    }
    int64_t end = best + 4 < n ? best + 4 : n;
    for (int64_t i = best + 1; i < end; i++) {
        best = is_before(&heap[i], &heap[best]) ? i : best;
    }
    return best;
}

bool event_pop(struct event_list *list, struct event *out)
{
    if (list->n == 0) {
        return false;
    }
    struct event *heap = list->heap;
    *out = heap[0];
    int64_t n = --list->n;
    struct event last = heap[n];
    int64_t hole = 0;
    for (;;) {
        int64_t child = first_child(heap, n, hole);
        if (child == n || !is_before(&heap[child], &last)) {
            break;
        }
        heap[hole] = heap[child];
        hole = child;
    }
    heap[hole] = last;
    return true;
}

const struct event *event_peek(const struct event_list *list)
{
    return list->n > 0 ? &list->heap[0] : NULL;
}

int64_t event_count(const struct event_list *list)
{
    return list->n;
}
