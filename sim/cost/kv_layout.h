/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kv_layout.h - how many bytes of KV cache a sequence holds on one rank: blocks of the layers
 * whose cache grows with the context, layers whose cache is bounded (windows, chunks), constant
 * state. */
#ifndef KV_LAYOUT_H
#define KV_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "models/model.h"

enum { KV_MAX_WINDOWS = 6 };

/* Layers whose cache is bounded: sliding keeps at most window_tokens (a multiple of the block;
 * engines hold one block more than the attention window), chunked restarts at its multiples. */
struct kv_window {
    enum attn_span span;
    int64_t window_tokens;
    int64_t block_bytes;
};
struct kv_layout {
    int64_t block_tokens;
    int64_t full_block_bytes; /* one block of all layers that keep growing */
    struct kv_window windows[KV_MAX_WINDOWS];
    int n_windows;
    int64_t state_bytes; /* per sequence, whatever its length */
};

/* The layout of a model on one rank. windows_freed: bounded layers give back what left their
 * window (else every layer keeps growing). */
void kv_layout_init(struct kv_layout *layout, const struct model *model, enum dtype kv, int tp,
                    int64_t block_tokens, bool windows_freed);
/* Bytes a sequence of `tokens` holds (0 tokens: 0). */
int64_t kv_bytes(const struct kv_layout *layout, int64_t tokens);
/* The most a sequence holds while it grows to `tokens` (never less than kv_bytes). */
int64_t kv_peak_bytes(const struct kv_layout *layout, int64_t tokens);
/* Longest sequence that fits in `bytes` alone. */
int64_t kv_longest(const struct kv_layout *layout, int64_t bytes);

#endif
