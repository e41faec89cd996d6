/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/running.h"

#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"

static int64_t mod(int64_t a, int64_t n)
{
    int64_t r = a % n;
    return r < 0 ? r + n : r;
}

static void add_ring(struct running *r, enum attn_span span, int64_t window, int span_idx,
                     int64_t block_bytes)
{
    struct ring *g = &r->rings[r->n_rings++];
    g->span = span;
    g->window_tokens = window;
    g->block_bytes = block_bytes;
    g->span_idx = span_idx;
    g->size = span == SPAN_SLIDING ? window + 1 : window;
    g->cross = xcalloc((size_t)g->size, sizeof *g->cross);
    g->phase = xcalloc((size_t)r->layout->block_tokens, sizeof *g->phase);
}

void running_init(struct running *r, const struct step_model *model,
                  const struct kv_layout *layout, bool reserved)
{
    memset(r, 0, sizeof *r);
    r->layout = layout;
    r->n_spans = model->n_spans;
    r->reserved = reserved;
    r->phase = xcalloc((size_t)layout->block_tokens, sizeof *r->phase);
    for (int i = 1; i < model->n_spans; i++) {
        add_ring(r, model->spans[i].span, model->spans[i].window_tokens, i, 0);
    }
    for (int i = 0; i < layout->n_windows; i++) {
        const struct kv_window *w = &layout->windows[i];
        add_ring(r, w->span, w->window_tokens, -1, w->block_bytes);
    }
}

void running_fini(struct running *r)
{
    for (int i = 0; i < r->n_rings; i++) {
        free(r->rings[i].cross);
        free(r->rings[i].phase);
    }
    free(r->phase);
    free(r->heap);
    memset(r, 0, sizeof *r);
}

/* ---- finish heap (binary, by iteration then stamp) ------------------------------------------
 */

static bool before(const struct finish *a, const struct finish *b)
{
    return a->iter < b->iter || (a->iter == b->iter && a->stamp < b->stamp);
}

static void heap_push(struct running *r, struct finish f)
{
    ARRAY_RESERVE(r->heap, r->cap_heap, r->n_heap + 1);
    int i = r->n_heap++;
    while (i > 0 && before(&f, &r->heap[(i - 1) / 2])) {
        r->heap[i] = r->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    r->heap[i] = f;
}

static void heap_pop(struct running *r)
{
    struct finish last = r->heap[--r->n_heap];
    int i = 0;
    for (;;) {
        int c = 2 * i + 1;
        if (c >= r->n_heap) {
            break;
        }
        if (c + 1 < r->n_heap && before(&r->heap[c + 1], &r->heap[c])) {
            c++;
        }
        if (!before(&r->heap[c], &last)) {
            break;
        }
        r->heap[i] = r->heap[c];
        i = c;
    }
    r->heap[i] = last;
}

static bool is_stale(const struct finish *f, const struct request_pool *pool)
{
    return pool->items[f->request].stamp != f->stamp || !pool->items[f->request].decoding;
}

int64_t running_next_finish(struct running *r, const struct request_pool *pool)
{
    while (r->n_heap > 0 && is_stale(&r->heap[0], pool)) {
        heap_pop(r);
    }
    return r->n_heap > 0 ? r->heap[0].iter : INT64_MAX;
}

int32_t running_pop_finished(struct running *r, const struct request_pool *pool)
{
    if (running_next_finish(r, pool) >= r->iter) {
        return -1;
    }
    int32_t idx = r->heap[0].request;
    heap_pop(r);
    return idx;
}

/* ---- joining and leaving
 * --------------------------------------------------------------------- */

/* A sliding ring holds the request while its context is within the window at iteration `iter`.
 */
static bool grows(const struct running *r, const struct ring *g, int64_t base)
{
    return base + r->iter <= g->window_tokens;
}

static void ring_change(struct running *r, struct ring *g, int64_t base, int sign)
{
    int64_t context = base + r->iter;
    if (g->span == SPAN_CHUNKED) {
        g->cross[mod(1 - base, g->size)] += sign;
        g->phase[mod(1 - base, r->layout->block_tokens)] += sign;
        if (g->span_idx >= 0) {
            r->ctx_tokens[g->span_idx] += sign * (double)((context - 1) % g->window_tokens + 1);
        }
        return;
    }
    if (grows(r, g, base)) {
        g->n_growing += sign;
        g->cross[mod(g->window_tokens + 1 - base, g->size)] += sign;
        g->phase[mod(1 - base, r->layout->block_tokens)] += sign;
    }
    if (g->span_idx >= 0) {
        r->ctx_tokens[g->span_idx] +=
            sign * (double)(context < g->window_tokens ? context : g->window_tokens);
    }
}

static void change(struct running *r, int64_t base, int sign)
{
    r->n += sign;
    r->ctx_tokens[0] += sign * (double)(base + r->iter);
    r->phase[mod(1 - base, r->layout->block_tokens)] += sign;
    for (int i = 0; i < r->n_rings; i++) {
        ring_change(r, &r->rings[i], base, sign);
    }
}

void running_join(struct running *r, struct request *req, int32_t idx, int64_t context_tokens,
                  int64_t remaining)
{
    ASSERT(remaining > 0);
    req->base = context_tokens - r->iter;
    req->decoding = true;
    int64_t finish = r->iter + remaining - 1;
    r->sum_finish += finish;
    heap_push(r, (struct finish){finish, req->stamp, idx});
    change(r, req->base, 1);
}

void running_leave(struct running *r, struct request *req, int64_t finish_iter)
{
    req->decoding = false;
    r->sum_finish -= finish_iter;
    change(r, req->base, -1);
}

int64_t running_remaining(const struct running *r)
{
    return r->sum_finish - r->n * (r->iter - 1);
}

int64_t running_scan_ahead(const struct running *r)
{
    int64_t block = r->layout->block_tokens;
    if (r->reserved) {
        return block;
    }
    int64_t n = 0;
    int64_t at = r->phase_at;
    do {
        at = at + 1 == block ? 0 : at + 1;
        n++;
    } while (n <= block && r->phase[at] == 0);
    return n - 1;
}

/* ---- one iteration
 * ---------------------------------------------------------------------------- */

int64_t ring_need_bytes(const struct running *r, const struct ring *g)
{
    if (g->block_bytes == 0) {
        return 0;
    }
    int64_t need = g->phase[r->phase_at] * g->block_bytes;
    if (g->span == SPAN_CHUNKED) {
        int64_t blocks = g->window_tokens / r->layout->block_tokens;
        need -= g->cross[g->at] * blocks * g->block_bytes;
    }
    return need;
}

void ring_advance(struct running *r, struct ring *g)
{
    g->at = g->at + 1 == g->size ? 0 : g->at + 1;
    int32_t crossing = g->cross[g->at];
    if (g->span == SPAN_CHUNKED) {
        if (g->span_idx >= 0) {
            r->ctx_tokens[g->span_idx] += (double)(r->n - crossing * g->window_tokens);
        }
        return;
    }
    if (crossing > 0) {
        g->n_growing -= crossing;
        g->cross[g->at] = 0;
        g->phase[r->phase_at] -= crossing;
    }
    if (g->span_idx >= 0) {
        r->ctx_tokens[g->span_idx] += (double)g->n_growing;
    }
}
