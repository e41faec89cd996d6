/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/cost/attention.h"

#include <math.h>
#include <string.h>

#include "sim/base/mem.h"

static const double TILE_TOKENS = 128.0;
static const double MMA_ROWS =
    16.0; /* decode query heads of one KV head are padded to MMA rows */
/* The indexer's key reads are scattered pages of 132 bytes; its logits run in fp8
 * (cost-model.md section 1, dsa rows). Priors until measured: half of bandwidth, 0.4 of the fp8
 * peak. */
static const double INDEX_MEM_EFF = 0.5;
static const double INDEX_FLOP_EFF = 0.4;
static const double INDEX_SELECT_S = 10e-6;
/* Gated linear attention: state read and written once per token at decode, chunked scan at
 * prefill; priors, no measured table. */
static const double LINEAR_MEM_EFF = 0.6;
static const double LINEAR_FLOP_EFF = 0.35;

static double norm_p(double a, double b, double p)
{
    double hi = fmax(a, b);
    double lo = fmin(a, b);
    if (lo <= 0.0) {
        return hi;
    }
    return p == 1.0 ? hi + lo : hi * pow(1.0 + pow(lo / hi, p), 1.0 / p);
}

static struct attn_shape gqa_shape(const struct attn_spec *a, int tp, double kvb, int queries)
{
    struct attn_shape s;
    double d = a->head_dim;
    double dv = a->v_head_dim > 0 ? a->v_head_dim : a->head_dim;
    s.heads = fmax(1.0, ceil((double)a->n_heads / tp));
    s.kv_heads = fmax(1.0, (double)a->n_kv_heads / tp);
    double rows = ceil(queries * s.heads / s.kv_heads / MMA_ROWS) * MMA_ROWS;
    s.dec_flops = 2.0 * s.kv_heads * rows * (d + dv);
    s.dec_bytes = kvb * s.kv_heads * (d + dv);
    s.seq_bytes = queries * 2.0 * s.heads * (d + dv);
    s.pair_flops = 2.0 * s.heads * (d + dv);
    s.query_bytes = 2.0 * s.heads * (d + dv);
    s.key_bytes = kvb * s.kv_heads * (d + dv);
    s.gather_bytes = 0.0;
    return s;
}

/* Sparse attention and caches that are K and V themselves attend to the latent at prefill too;
 * every query of sparse attention gathers its own selection. */
static struct attn_shape mla_shape(const struct attn_spec *a, int tp, double kvb, int queries)
{
    struct attn_shape s;
    double latent = a->kv_lora_rank + a->qk_rope_dim;
    double wide = latent + (a->latent_only ? a->v_head_dim : a->kv_lora_rank);
    bool absorbed = a->latent_only || a->index_topk_tokens > 0;
    double plain = a->head_dim + a->v_head_dim;
    s.heads = fmax(1.0, ceil((double)a->n_heads / tp));
    s.kv_heads = 1.0;
    double rows = ceil(s.heads / 64.0) * 64.0;
    bool gathers = a->index_topk_tokens > 0;
    s.dec_flops = 2.0 * ceil(queries * s.heads / 64.0) * 64.0 * wide;
    s.dec_bytes = kvb * latent * (gathers ? queries : 1);
    s.seq_bytes = queries * 2.0 * s.heads * wide;
    s.pair_flops = absorbed ? 2.0 * rows * wide : 2.0 * s.heads * plain;
    s.query_bytes = 2.0 * s.heads * (absorbed ? wide : plain);
    s.key_bytes = absorbed ? kvb * latent : 2.0 * s.heads * plain;
    s.gather_bytes = gathers ? kvb * latent : 0.0;
    return s;
}

static struct attn_shape shape_of(const struct attn_spec *spec, int tp, enum dtype kv,
                                  int queries)
{
    double kvb = dtype_element_bytes(kv);
    return spec->kind == ATTN_MLA ? mla_shape(spec, tp, kvb, queries)
                                  : gqa_shape(spec, tp, kvb, queries);
}

void attn_shape_of(const struct attn_spec *spec, int tp, enum dtype kv,
                   struct attn_shape *shape)
{
    *shape = shape_of(spec, tp, kv, 1);
}

/* Time of one cached token when the bytes are read `occ` times slower than by a filled GPU. */
static double decode_per_ctx_s(const struct attn_shape *s, const struct gpu *gpu,
                               const struct attn_consts *c, double occ)
{
    double byte_s = s->dec_bytes / gpu->mem_bytes_per_s;
    double flop_s = s->dec_flops / gpu_flops(gpu, DTYPE_BF16);
    return fmax(norm_p(byte_s / c->em * occ, flop_s / c->ec, c->p), byte_s);
}

static double decode_per_seq_s(const struct attn_shape *s, const struct gpu *gpu,
                               const struct attn_consts *c)
{
    return c->tw_s * s->kv_heads / gpu->n_sm + s->seq_bytes / (gpu->mem_bytes_per_s * c->em);
}

static double whole_blocks(double n, double ctx_tokens)
{
    return (double)(int64_t)(ctx_tokens / n * (1.0 / TILE_TOKENS));
}

/* Work items of a batch: sequences x KV heads x 128-token blocks of the mean context. */
static double decode_items(double kv_heads, double n, double ctx_tokens)
{
    return n * kv_heads * (whole_blocks(n, ctx_tokens) + 1.0);
}

double attn_decode_law_s(const struct attn_shape *s, const struct gpu *gpu,
                         const struct attn_consts *c, double n, double ctx_tokens)
{
    double items = floor(decode_items(s->kv_heads, n, ctx_tokens));
    double occ = items < gpu->n_sm ? pow(gpu->n_sm / fmax(items, 1.0), c->occ_exp) : 1.0;
    return c->t0_s + n * decode_per_seq_s(s, gpu, c) +
           ctx_tokens * decode_per_ctx_s(s, gpu, c, occ);
}

static void resolve_decode(const struct attn_resolve *in, const struct attn_shape *s,
                           struct attn_unit *u)
{
    const struct attn_consts *c = in->decode;
    u->dec_t0_s = c->t0_s;
    u->dec_per_seq_s = decode_per_seq_s(s, in->gpu, c);
    u->dec_floor_per_ctx_s =
        shape_of(in->spec, in->tp, in->kv, 1).dec_bytes / in->gpu->mem_bytes_per_s;
    u->dec_per_ctx_s = decode_per_ctx_s(s, in->gpu, c, 1.0);
    for (int w = 1; w < u->n_sm && w < ATTN_OCC_TABLE; w++) {
        u->dec_occ_s[w] = decode_per_ctx_s(s, in->gpu, c, pow((double)u->n_sm / w, c->occ_exp));
    }
}

void attn_resolve_prefill(const struct attn_shape *s, const struct gpu *gpu,
                          const struct attn_consts *c, struct attn_unit *u)
{
    double bw = gpu->mem_bytes_per_s * c->em;
    /* Constants of fp8 prefill kernels are fractions of the fp8 peak. */
    bool fp8 = strcmp(c->key.dtype, "fp8") == 0 && gpu->flops_per_s[DTYPE_FP8] > 0.0;
    double flops = gpu_flops(gpu, fp8 ? DTYPE_FP8 : DTYPE_BF16);
    u->n_sm = gpu->n_sm;
    u->heads = s->heads;
    u->pre_t0_s = c->t0_s;
    u->pre_p = c->p;
    u->pre_tail = c->occ_exp;
    u->pre_k0 = c->k0;
    /* gathering overlaps with arithmetic and neighbouring queries share entries in L2 */
    u->pre_per_pair_s =
        fmax(s->pair_flops / (flops * c->ec), s->gather_bytes / gpu->mem_bytes_per_s);
    u->pre_floor_per_pair_s = s->pair_flops / flops;
    u->pre_per_query_s = s->query_bytes / bw;
    u->pre_per_key_s = s->key_bytes / bw;
}

static void resolve_indexer(const struct attn_resolve *in, struct attn_unit *u)
{
    const struct attn_spec *a = in->spec;
    double fp8 = gpu_flops(in->gpu, DTYPE_FP8);
    double pair = 2.0 * a->index_n_heads * a->index_head_dim / (fp8 * INDEX_FLOP_EFF);
    double read = (a->index_head_dim + 4.0) / (in->gpu->mem_bytes_per_s * INDEX_MEM_EFF);
    u->idx_per_ctx_s = fmax(read, (1 + in->drafted) * pair);
    u->idx_per_pair_s = pair;
    u->idx_select_s = INDEX_SELECT_S;
}

static void resolve_linear(const struct attn_resolve *in, struct attn_unit *u)
{
    const struct attn_spec *a = in->spec;
    double state_bytes = attn_state_bytes(a, in->tp);
    double bw = in->gpu->mem_bytes_per_s;
    double cells = (double)a->lin_value_heads * a->lin_key_dim * a->lin_value_dim / in->tp;
    u->dec_t0_s = in->decode->t0_s;
    u->pre_t0_s = in->prefill->t0_s;
    u->pre_p = 1.0;
    /* the state behind each token is written: the last that is accepted goes on */
    u->lin_per_seq_s = (2.0 + in->drafted) * state_bytes / (bw * LINEAR_MEM_EFF);
    u->lin_per_token_s = 8.0 * cells / (gpu_flops(in->gpu, DTYPE_BF16) * LINEAR_FLOP_EFF);
}

void attn_resolve(const struct attn_resolve *in, struct attn_unit *u)
{
    memset(u, 0, sizeof *u);
    u->n_sm = in->gpu->n_sm;
    ASSERT(u->n_sm < ATTN_OCC_TABLE);
    u->kv_heads = 1.0;
    u->heads = 1.0;
    if (in->spec->kind == ATTN_LINEAR) {
        resolve_linear(in, u);
        return;
    }
    struct attn_shape s = shape_of(in->spec, in->tp, in->kv, 1 + in->drafted);
    u->kv_heads = s.kv_heads;
    u->heads = s.heads;
    resolve_decode(in, &s, u);
    attn_resolve_prefill(&s, in->gpu, in->prefill, u);
    if (in->spec->index_n_heads > 0) {
        resolve_indexer(in, u);
    }
}

struct attn_piece attn_decode_piece(const struct attn_unit *u, double n, double ctx_tokens)
{
    struct attn_piece p = {
        .from_tokens = ctx_tokens,
        .until_tokens = INFINITY,
        .start_s = u->dec_t0_s + n * (u->dec_per_seq_s + u->lin_per_seq_s),
        .per_ctx_s = u->dec_per_ctx_s,
    };
    double items = decode_items(u->kv_heads, n, ctx_tokens);
    if (items < u->n_sm) {
        p.per_ctx_s = u->dec_occ_s[(int)items > 0 ? (int)items : 1];
        double border = (whole_blocks(n, ctx_tokens) + 1.0) * TILE_TOKENS * n;
        p.until_tokens = border * (1.0 - 1e-12); /* the blocks are counted with rounding */
    }
    return p;
}

double attn_decode_s(const struct attn_unit *u, double n, double ctx_tokens)
{
    struct attn_piece p = attn_decode_piece(u, n, ctx_tokens);
    return p.start_s + ctx_tokens * p.per_ctx_s;
}

double attn_prefill_s(const struct attn_unit *u, const struct prefill_sums *sums)
{
    if (sums->queries <= 0.0) {
        return 0.0;
    }
    double work = sums->pairs * u->pre_per_pair_s;
    /* The last tile of a causal chunk sees every key, on one SM: the kernel ends that much
     * later than evenly spread work would. Filled GPUs hide part of it by starting with the
     * long tiles. */
    double longest = fmin(sums->keys / sums->chunks, 2.0 * sums->pairs / sums->queries);
    work += u->pre_tail * u->n_sm * TILE_TOKENS * longest * u->pre_per_pair_s / u->heads;
    if (u->pre_k0 > 0.0) {
        work *= 1.0 + u->pre_k0 * sums->chunks / sums->queries;
    }
    double bytes = sums->queries * u->pre_per_query_s + sums->keys * u->pre_per_key_s;
    double t = norm_p(work, bytes, u->pre_p) + sums->queries * u->lin_per_token_s;
    return u->pre_t0_s + fmax(t, sums->pairs * u->pre_floor_per_pair_s);
}

double attn_index_s(const struct attn_unit *u, double n, double full_ctx_tokens,
                    double full_pairs)
{
    double t = full_ctx_tokens * u->idx_per_ctx_s + full_pairs * u->idx_per_pair_s;
    return t + (n > 0.0 || full_pairs > 0.0 ? u->idx_select_s : 0.0);
}

/* Pairs of a causal chunk, its queries rounded up to whole tiles as the kernels do. */
static double causal_pairs(double p, double c)
{
    double cp = ceil(c / TILE_TOKENS) * TILE_TOKENS;
    return cp * p + cp * (cp + TILE_TOKENS) / 2.0;
}

/* Llama 4 chunked attention: a token sees its chunk only; a prefill crosses chunk borders. */
static void chunked_sums(double w, double p, double c, struct prefill_sums *s)
{
    double at = p;
    double end = p + c;
    while (at < end) {
        double border = (floor(at / w) + 1.0) * w;
        double stop = fmin(border, end);
        double seen = at - floor(at / w) * w;
        s->pairs += causal_pairs(seen, stop - at);
        s->keys += seen + (stop - at);
        at = stop;
    }
}

void attn_chunk_sums(enum attn_span span, int64_t window_tokens, int64_t p, int64_t c,
                     struct prefill_sums *s)
{
    double dp = (double)p;
    double dc = (double)c;
    double w = (double)window_tokens;
    s->chunks += 1.0;
    s->tiles += ceil(dc / TILE_TOKENS);
    s->queries += dc;
    if (span == SPAN_CHUNKED) {
        chunked_sums(w, dp, dc, s);
        return;
    }
    if (span == SPAN_SLIDING && dp + dc > w) {
        /* the first tokens see less than w, the rest w and half a tile of masked keys */
        double ramp = fmax(0.0, fmin(dc, w - dp));
        s->pairs += causal_pairs(fmin(dp, w), ramp) * (ramp > 0.0);
        s->pairs += (dc - ramp) * (w + TILE_TOKENS / 2.0);
        s->keys += fmin(dp, w) + dc;
        return;
    }
    s->pairs += causal_pairs(dp, dc);
    s->keys += dp + dc;
}
