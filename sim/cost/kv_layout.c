/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/cost/kv_layout.h"

#include <string.h>

static int64_t round_up(int64_t x, int64_t step)
{
    return (x + step - 1) / step * step;
}

static void add_window(struct kv_layout *l, const struct attn_spec *a, int64_t block_bytes)
{
    int64_t window = round_up(a->window_tokens, l->block_tokens);
    if (a->span == SPAN_SLIDING) {
        window += l->block_tokens;
    }
    for (int i = 0; i < l->n_windows; i++) {
        if (l->windows[i].span == a->span && l->windows[i].window_tokens == window) {
            l->windows[i].block_bytes += block_bytes;
            return;
        }
    }
    if (l->n_windows == KV_MAX_WINDOWS) { /* more kinds than any model has: let it grow */
        l->full_block_bytes += block_bytes;
        return;
    }
    l->windows[l->n_windows++] = (struct kv_window){a->span, window, block_bytes};
}

void kv_layout_init(struct kv_layout *l, const struct model *m, enum dtype kv, int tp,
                    int64_t block_tokens, bool windows_freed)
{
    memset(l, 0, sizeof *l);
    l->block_tokens = block_tokens;
    double state = 0.0;
    double grown = 0.0;
    for (int i = 0; i < m->n_groups; i++) {
        const struct attn_spec *a = &m->groups[i].attn;
        double bytes = attn_kv_bytes(a, kv, tp) * m->groups[i].n_layers * (double)block_tokens;
        state += attn_state_bytes(a, tp) * m->groups[i].n_layers;
        if (windows_freed && a->span != SPAN_FULL) {
            add_window(l, a, (int64_t)(bytes + 0.5));
        } else {
            grown += bytes;
        }
    }
    l->full_block_bytes += (int64_t)(grown + 0.5);
    l->state_bytes = (int64_t)(state + 0.5);
}

static int64_t blocks_of(const struct kv_layout *l, int64_t tokens)
{
    return (tokens + l->block_tokens - 1) / l->block_tokens;
}

static int64_t window_blocks(const struct kv_layout *l, const struct kv_window *w,
                             int64_t tokens)
{
    if (w->span == SPAN_CHUNKED) {
        int64_t in_chunk = (tokens - 1) % w->window_tokens + 1;
        return blocks_of(l, in_chunk);
    }
    int64_t all = blocks_of(l, tokens);
    int64_t most = blocks_of(l, w->window_tokens);
    return all < most ? all : most;
}

int64_t kv_bytes(const struct kv_layout *l, int64_t tokens)
{
    if (tokens <= 0) {
        return 0;
    }
    int64_t bytes = blocks_of(l, tokens) * l->full_block_bytes + l->state_bytes;
    for (int i = 0; i < l->n_windows; i++) {
        bytes += window_blocks(l, &l->windows[i], tokens) * l->windows[i].block_bytes;
    }
    return bytes;
}

/* Chunked layers drop their cache where a chunk ends, so a sequence may have held more just
 * there than at its full length. */
int64_t kv_peak_bytes(const struct kv_layout *l, int64_t tokens)
{
    int64_t peak = kv_bytes(l, tokens);
    for (int i = 0; i < l->n_windows; i++) {
        const struct kv_window *w = &l->windows[i];
        if (w->span == SPAN_CHUNKED) {
            int64_t at_end = kv_bytes(l, tokens / w->window_tokens * w->window_tokens);
            peak = at_end > peak ? at_end : peak;
        }
    }
    return peak;
}

int64_t kv_longest(const struct kv_layout *l, int64_t bytes)
{
    int64_t lo = 0;
    int64_t hi = INT64_C(1) << 40;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo + 1) / 2;
        if (kv_peak_bytes(l, mid) <= bytes) {
            lo = mid;
        } else {
            hi = mid - 1;
        }
    }
    return lo;
}
