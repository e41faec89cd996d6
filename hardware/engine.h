/* engine.h - inference engines as dated data: hardware/engines.csv (defaults and overheads per
 * engine, version and GPU memory class) and hardware/moe_backends.csv (which MoE kernel an
 * engine uses on an architecture for a dtype). A changed default is a row, never a branch. */
#ifndef ENGINE_H
#define ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "hardware/gpu.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"

enum engine_kind { ENGINE_VLLM, ENGINE_SGLANG, ENGINE_TRTLLM, ENGINE_STATIC };
extern const char *const engine_names[]; /* vllm sglang trtllm static */
enum { ENGINE_N_KINDS = 4 };

/* Defaults and overheads; NaN or -1 mean "not stated by this row" (the next matching row
 * decides). */
struct engine_defaults {
    enum engine_kind kind;
    double host_s;         /* fixed host time per decode step with CUDA graphs */
    double host_per_seq_s; /* plus per running sequence */
    double
        prefill_launch_s;   /* launch of a kernel in steps that hold prefill (no CUDA graphs) */
    double api_s;           /* API server time before the engine sees a request */
    double api_per_token_s; /* tokenisation per prompt token, in series */
    bool async_scheduling;  /* first token leaves one step later; host time overlaps */
    double mem_util; /* vLLM: of total; SGLang: weights + KV of total; TRT-LLM: of free */
    int64_t max_batched_tokens, max_seqs, block_tokens;
    int64_t chunked_prefill; /* tokens a prompt is cut into; 0: prompts are never cut */
    double graph_bytes;      /* CUDA graph memory */
    double context_bytes;    /* CUDA context and libraries */
    bool windowed_kv_freed;  /* sliding-window layers give back KV outside the window */
    bool chunked_kv_freed;   /* the same for chunked local attention (Llama 4) */
    bool prefix_cache;
    const char *source;
};

struct engine_table;
bool engine_table_load(struct arena *arena, const char *const *dirs, int n_dirs,
                       struct engine_table **table, struct err *err);
/* Resolves every field for an engine, version (e.g. "0.24", "1.3.0rc20", "" = newest known) and
 * GPU. Versions are compared number by number; text without a leading number
 * ("nightly-5b8c30d") counts as newest. mem_util stays NaN where the engine computes it
 * (SGLang). */
bool engine_defaults_for(const struct engine_table *table, enum engine_kind kind,
                         const char *version, const struct gpu *gpu, int tp,
                         struct engine_defaults *out, struct err *err);
/* Is `version` at least `from`? An empty `from` is any, an empty or unnumbered `version` the
 * newest. */
bool engine_version_reaches(const char *version, const char *from);
/* Name of the MoE kernel family ("triton", "cutlass", "trtllm-gen", "marlin", ...) and the
 * dtype key under which its constants stand in kernels/moe.csv. "a+b": the engine takes the
 * faster of the two at run time (kernel_moe_other). False when unknown: caller takes the first
 * row of the dtype. */
struct moe_backend_key {
    enum engine_kind kind;
    const char *version; /* "" newest known */
    const struct gpu *gpu;
    enum dtype experts;
    enum quant_scheme scheme;
    int ep;
};
bool engine_moe_backend(const struct engine_table *table, const struct moe_backend_key *key,
                        const char **kernel, const char **dtype_key);

#endif
