/* SPDX-License-Identifier: GPL-3.0-or-later */
/* attention.h - time of the attention kernels of one layer on one rank: decode over a batch of
 * cached contexts, prefill of prompt chunks. Laws: cost-model.md section 2.2 with constants
 * from hardware/kernels/attention.csv.
 *
 * Decode is linear in the summed context once (batch, work items) are known, so a step costs a
 * few multiplications: the p-norm and the occupancy power are tabulated at resolve time.
 * Assumes: uniform split-KV work; ignores the tail of one long sequence in a batch of short
 * ones. */
#ifndef ATTENTION_H
#define ATTENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "hardware/kernel.h"
#include "models/model.h"

enum { ATTN_OCC_TABLE = 512 }; /* work items below the SM count (at most 304 CUs) */

/* Per-rank shape: FLOPs and bytes of one cached token (decode) and one pair, query, key
 * (prefill). */
struct attn_shape {
    double kv_heads, heads;
    double dec_flops, dec_bytes, seq_bytes;
    double pair_flops, query_bytes, key_bytes;
    double gather_bytes; /* per pair: sparse attention reads the selection of each query anew */
};

/* One layer's attention on one rank. All times in seconds, contexts in tokens. */
struct attn_unit {
    /* decode */
    double dec_t0_s;
    double dec_per_seq_s; /* launch waves and Q, output traffic of one sequence */
    double dec_per_ctx_s; /* p-norm of bytes and arithmetic of one context token, GPU filled */
    double dec_occ_s[ATTN_OCC_TABLE]; /* the same with w work items, w < n_sm */
    double dec_floor_per_ctx_s;
    double kv_heads; /* work items per sequence and 128-token block */
    int n_sm;
    /* prefill */
    double pre_t0_s, pre_p, pre_tail;
    double pre_per_pair_s;  /* arithmetic of one query-key pair over all heads */
    double pre_per_query_s; /* Q read, output written */
    double pre_per_key_s;   /* K and V read (MLA: written and read expanded) */
    double pre_k0;          /* short-chunk penalty: arithmetic x (1 + k0 / chunk) */
    double pre_floor_per_pair_s;
    double heads;
    /* indexer of sparse attention (0: none): reads and scores every cached key */
    double idx_per_ctx_s, idx_per_pair_s, idx_select_s;
    /* linear attention (constant state): per sequence decoded, per prompt token */
    double lin_per_seq_s, lin_per_token_s;
};

/* Sums over the prefill chunks of one iteration that one attention kind needs. */
struct prefill_sums {
    double chunks;  /* how many */
    double tiles;   /* sum of ceil(c / 128) */
    double pairs;   /* query-key pairs inside the span, chunk rounded to 128-token tiles */
    double queries; /* sum of c */
    double keys;    /* sum of keys inside the span of the chunk: p + c when full */
};

struct attn_resolve {
    const struct attn_spec *spec;
    const struct gpu *gpu;
    int tp;
    enum dtype kv;
    const struct attn_consts *decode, *prefill;
    /* tokens verified beside the next one of each decoding sequence: 1 + drafted queries share
     * one read of its cache (sparse attention: each has a selection of its own) */
    int drafted;
};
void attn_resolve(const struct attn_resolve *in, struct attn_unit *out);
void attn_shape_of(const struct attn_spec *spec, int tp, enum dtype kv,
                   struct attn_shape *shape);
/* The prefill fields of a unit alone, and the decode law without tables: what calibration fits.
 * attn_decode_law_s equals attn_decode_s of the resolved unit. */
void attn_resolve_prefill(const struct attn_shape *shape, const struct gpu *gpu,
                          const struct attn_consts *consts, struct attn_unit *out);
double attn_decode_law_s(const struct attn_shape *shape, const struct gpu *gpu,
                         const struct attn_consts *consts, double n, double ctx_tokens);

/* Decode kernel of one layer: n sequences whose contexts inside the span sum to ctx_tokens
 * (n >= 1). */
double attn_decode_s(const struct attn_unit *u, double n, double ctx_tokens);
/* The same for n sequences as long as their mean context stays in one 128-token block, or the
 * GPU is filled: start_s + context x per_ctx_s, to the bit, for contexts in [from, until). */
struct attn_piece {
    double from_tokens, until_tokens;
    double start_s, per_ctx_s;
};
struct attn_piece attn_decode_piece(const struct attn_unit *u, double n, double ctx_tokens);
/* Prefill kernel of one layer. Zero when there are no queries. */
double attn_prefill_s(const struct attn_unit *u, const struct prefill_sums *sums);
/* Indexer of sparse attention: full contexts, not the selected ones. */
double attn_index_s(const struct attn_unit *u, double n, double full_ctx_tokens,
                    double full_pairs);
/* Query-key pairs of a chunk of c tokens after p cached ones under a span; keys it reads. */
void attn_chunk_sums(enum attn_span span, int64_t window_tokens, int64_t p, int64_t c,
                     struct prefill_sums *sums);

#endif
