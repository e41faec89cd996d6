/* SPDX-License-Identifier: GPL-3.0-or-later */
/* export_launch.c - one engine's command from a deployment: each setting under the name that
 * hardware/engine_flags.csv gives it.
 *
 * Layout (tp, pp, ep, dp as everywhere: GPUs = tp * pp * dp):
 *   vLLM          tensor size tp, data size dp (multiplied); experts over all tp * dp, or
 * sharded SGLang        tensor size tp * dp, which --dp-size divides with attention data
 * parallelism TensorRT-LLM  tensor size tp * dp; attention data parallelism over all of it (tp
 * = 1) Sequences and tokens per step count per rank in vLLM and TensorRT-LLM, over all ranks in
 * SGLang. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/report/export_parts.h"

static const char *const engine_titles[] = {"vLLM", "SGLang", "TensorRT-LLM",
                                            "static batching"};

/* ---- words ----------------------------------------------------------------------------------
 */

void launch_put(struct launch *l, enum word_kind kind, const char *text, bool opens)
{
    ARRAY_RESERVE(l->words, l->cap, l->n + 1);
    l->words[l->n++] = (struct word){.kind = kind, .text = text, .opens = opens};
}

const char *launch_flag(struct launch *l, const char *knob)
{
    const struct system_spec *s = &l->job->spec;
    const struct engine_flag *f = engine_flag_find(l->flags, s->engine, knob, l->version);
    if (!f) {
        err_set(l->err, ERR_UNFIT,
                "%s %s has no known option for '%s' that this deployment needs",
                engine_titles[s->engine], l->version, knob);
    }
    return f ? f->flag : NULL;
}

static bool put_flag(struct launch *l, const char *knob)
{
    const char *flag = launch_flag(l, knob);
    if (flag) {
        launch_put(l, WORD_LITERAL, flag, true);
    }
    return flag != NULL;
}

static bool put_text(struct launch *l, const char *knob, const char *value)
{
    if (!put_flag(l, knob)) {
        return false;
    }
    launch_put(l, WORD_LITERAL, value, false);
    return true;
}

static bool put_int(struct launch *l, const char *knob, int64_t value)
{
    return put_text(l, knob, arena_printf(l->arena, "%lld", (long long)value));
}

static bool put_frac(struct launch *l, const char *knob, double value)
{
    return put_text(l, knob, arena_printf(l->arena, "%.4g", value));
}

static bool put_if(struct launch *l, bool wanted, const char *knob, int64_t value)
{
    return !wanted || put_int(l, knob, value);
}

static bool refuse(struct launch *l, const char *why)
{
    return err_set(l->err, ERR_UNFIT, "%s cannot run %s: %s",
                   engine_titles[l->job->spec.engine], l->job->name, why);
}

/* ---- checkpoint -----------------------------------------------------------------------------
 */

/* Options of the table that this checkpoint needs; each may be several words. */
static void put_extras(struct launch *l, const char *checkpoint)
{
    const struct system_spec *s = &l->job->spec;
    for (int i = 0; i < l->flags->n; i++) {
        const struct engine_flag *f = &l->flags->rows[i];
        if (!engine_flag_is_extra(f, s->engine, l->version, checkpoint,
                                  dtype_name(s->checkpoint.weights))) {
            continue;
        }
        char *text = arena_strdup(l->arena, f->flag);
        char *rest = NULL;
        for (char *w = strtok_r(text, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
            launch_put(l, WORD_LITERAL, w, w[0] == '-');
        }
    }
}

/* Weights that nobody publishes: vLLM and SGLang turn bf16 into fp8 while loading. */
static const char *checkpoint_of(struct launch *l, bool *quantise)
{
    const struct system_spec *s = &l->job->spec;
    struct checkpoint bf16;
    *quantise = false;
    if (s->checkpoint.name && s->checkpoint.name[0]) {
        return s->checkpoint.name;
    }
    *quantise = s->checkpoint.weights == DTYPE_FP8 && s->engine != ENGINE_TRTLLM;
    if (*quantise && model_checkpoint(s->model, DTYPE_BF16, &bf16, NULL) && bf16.name &&
        bf16.name[0]) {
        return bf16.name;
    }
    err_set(
        l->err, ERR_UNFIT,
        "no %s checkpoint of %s is in the catalogue, and %s does not make one while loading",
        dtype_name(s->checkpoint.weights), s->model->name, engine_titles[s->engine]);
    return NULL;
}

/* ---- prefill and decode apart ---------------------------------------------------------------
 */

static bool is_prefill(const struct launch *l)
{
    return l->job->role == ROLE_PREFILL;
}

static bool vllm_side(struct launch *l)
{
    if (l->job->role == ROLE_BOTH) {
        return true;
    }
    if (l->job->spec.pp > 1) {
        return refuse(l, "its NixlConnector moves no KV of pipeline stages");
    }
    return put_text(l, "pd_transfer",
                    arena_printf(l->arena,
                                 "{\"kv_connector\": \"NixlConnector\", \"kv_role\": \"%s\"}",
                                 is_prefill(l) ? "kv_producer" : "kv_consumer"));
}

/* Each side is told of the other what differs from its own. */
static bool sglang_side(struct launch *l)
{
    if (l->job->role == ROLE_BOTH) {
        return true;
    }
    const struct system_spec *s = &l->job->spec;
    const struct system_spec *o = &l->job->other;
    if (!is_prefill(l) && s->pp > 1 && s->pp != o->pp) {
        return refuse(l, "decode has one pipeline stage, or as many as prefill");
    }
    bool ok = put_text(l, "pd_mode", is_prefill(l) ? "prefill" : "decode") &&
              put_text(l, "pd_transfer", "mooncake");
    if (!is_prefill(l)) {
        return ok && put_if(l, o->pp > 1, "pd_prefill_pp", o->pp);
    }
    return ok && put_if(l, o->tp * o->dp != s->tp * s->dp, "pd_decode_tp", o->tp * o->dp) &&
           put_if(l, o->dp != s->dp, "pd_decode_dp", o->dp);
}

/* ---- vLLM -----------------------------------------------------------------------------------
 */

static const char *kv_flag(struct launch *l)
{
    enum dtype kv = l->job->spec.kv;
    if (kv == DTYPE_FP8) {
        return launch_flag(l, "kv_fp8");
    }
    if (kv == DTYPE_BF16) {
        return launch_flag(l, "kv_bf16");
    }
    refuse(l, arena_printf(l->arena, "a KV cache in %s has no option", dtype_name(kv)));
    return NULL;
}

static bool put_kv(struct launch *l)
{
    const char *value = kv_flag(l);
    return value && put_text(l, "kv", value);
}

/* Drafting is exported for models that bring their own draft layers. */
static bool check_draft(struct launch *l)
{
    const struct system_spec *s = &l->job->spec;
    if (s->draft_tokens > 0 && s->draft) {
        return refuse(l, "a draft model of its own is simulated but not exported");
    }
    return s->draft_tokens == 0 || s->model->mtp_layers > 0 ||
           refuse(l, "speculative decoding needs a draft head that the scenario does not name");
}

static bool vllm_layout(struct launch *l)
{
    const struct system_spec *s = &l->job->spec;
    int all = s->tp * s->dp;
    if (model_is_moe(s->model) && s->ep > 1 && s->ep != all) {
        return refuse(l, "it spreads experts over all tensor and data parallel GPUs or none");
    }
    if (l->n_nodes > 1 && (s->tp * s->pp) % l->job->gpus_per_node != 0 &&
        l->job->gpus_per_node % (s->tp * s->pp) != 0) {
        return refuse(l, "a data-parallel rank would straddle nodes");
    }
    return put_int(l, "tp", s->tp) && put_if(l, s->pp > 1, "pp", s->pp) &&
           put_if(l, s->dp > 1, "dp", s->dp) &&
           (s->ep <= 1 || !model_is_moe(s->model) || put_flag(l, "ep"));
}

static bool vllm_nodes(struct launch *l)
{
    if (l->n_nodes == 1) {
        return true;
    }
    bool ok = put_int(l, "nnodes", l->n_nodes) && put_flag(l, "rank");
    launch_put(l, WORD_RANK, "", false);
    ok = ok && put_flag(l, "addr");
    launch_put(l, WORD_HEAD, "", false);
    l->worker = launch_flag(l, "headless");
    return ok && l->worker;
}

static bool vllm_draft(struct launch *l)
{
    const struct system_spec *s = &l->job->spec;
    return s->draft_tokens == 0 ||
           put_text(l, "spec",
                    arena_printf(l->arena,
                                 "{\"method\": \"mtp\", \"num_speculative_tokens\": %d}",
                                 s->draft_tokens));
}

static bool vllm_command(struct launch *l)
{
    const struct system_spec *s = &l->job->spec;
    const struct system_spec *asked = &l->job->asked;
    return vllm_layout(l) && put_int(l, "max_len", s->max_model_len) &&
           put_frac(l, "mem", s->mem_util_frac) && put_int(l, "max_seqs", s->max_seqs) &&
           put_int(l, "max_tokens", s->max_batched_tokens) && put_kv(l) &&
           put_flag(l, s->prefix_cache ? "prefix_on" : "prefix_off") &&
           (s->cuda_graphs || put_flag(l, "eager")) &&
           put_if(l, asked->block_tokens > 0, "block", asked->block_tokens) &&
           put_if(l, l->job->stream_interval > 1, "stream", l->job->stream_interval) &&
           put_if(l, l->job->api_servers > 1, "api_servers", l->job->api_servers) &&
           (!s->by_priority || put_text(l, "policy", "priority")) && vllm_draft(l) &&
           vllm_side(l) && vllm_nodes(l);
}

/* ---- SGLang ---------------------------------------------------------------------------------
 */

static bool sglang_layout(struct launch *l)
{
    const struct system_spec *s = &l->job->spec;
    int all = s->tp * s->dp;
    if (s->dp > 1 && !model_is_moe(s->model)) {
        return refuse(l, "attention data parallelism is for mixture-of-experts models");
    }
    return put_int(l, "tp", all) && put_if(l, s->pp > 1, "pp", s->pp) &&
           put_if(l, s->dp > 1, "dp", s->dp) && (s->dp == 1 || put_flag(l, "dp_attention")) &&
           put_if(l, s->ep > 1 && model_is_moe(s->model), "ep", s->ep);
}

static bool sglang_nodes(struct launch *l)
{
    if (l->n_nodes == 1) {
        return true;
    }
    bool ok = put_int(l, "nnodes", l->n_nodes) && put_flag(l, "rank");
    launch_put(l, WORD_RANK, "", false);
    ok = ok && put_flag(l, "addr");
    launch_put(l, WORD_HEAD, ":20000", false);
    return ok;
}

static bool sglang_draft(struct launch *l)
{
    const struct system_spec *s = &l->job->spec;
    return s->draft_tokens == 0 ||
           (put_text(l, "spec", "EAGLE") && put_int(l, "spec_steps", s->draft_tokens) &&
            put_int(l, "spec_topk", 1) && put_int(l, "spec_tokens", s->draft_tokens + 1));
}

static bool sglang_command(struct launch *l)
{
    const struct system_spec *s = &l->job->spec;
    const struct system_spec *asked = &l->job->asked;
    bool cut = s->chunked_prefill > 0;
    return sglang_layout(l) && put_int(l, "max_len", s->max_model_len) &&
           (isnan(s->mem_util_frac) || put_frac(l, "mem", s->mem_util_frac)) &&
           put_int(l, "max_seqs", s->max_seqs * s->dp) &&
           put_int(l, "max_tokens", cut ? s->chunked_prefill * s->dp : -1) && put_kv(l) &&
           (s->prefix_cache || put_flag(l, "prefix_off")) &&
           (s->cuda_graphs || put_flag(l, "eager")) &&
           put_if(l, asked->block_tokens > 0, "block", asked->block_tokens) &&
           put_if(l, l->job->stream_interval > 1, "stream", l->job->stream_interval) &&
           put_if(l, s->recv_interval > 1, "recv", s->recv_interval) &&
           put_if(l, s->max_queue > 0, "max_queue", s->max_queue) &&
           (!s->by_priority || (put_flag(l, "policy") && put_flag(l, "policy_low"))) &&
           sglang_draft(l) && sglang_side(l) && sglang_nodes(l);
}

/* ---- TensorRT-LLM ---------------------------------------------------------------------------
 */

static bool set_config(struct launch *l, const char *knob, json_t *value)
{
    const char *key = launch_flag(l, knob);
    if (!key) {
        json_decref(value);
        return false;
    }
    return json_object_set_new(l->config, key, value) == 0 ||
           err_set(l->err, ERR_INTERNAL, "the configuration file cannot be built");
}

/* The section replaces what the command line says of the cache, so it says all of it. */
static bool trtllm_cache(struct launch *l)
{
    const struct system_spec *s = &l->job->spec;
    json_t *cache = json_pack("{s:s, s:b}", "dtype", s->kv == DTYPE_FP8 ? "fp8" : "auto",
                              "enable_block_reuse", s->prefix_cache != 0);
    if (!isnan(s->mem_util_frac)) {
        json_object_set_new(cache, "free_gpu_memory_fraction", json_real(s->mem_util_frac));
    }
    if (l->job->asked.block_tokens > 0) {
        json_object_set_new(cache, "tokens_per_block",
                            json_integer(l->job->asked.block_tokens));
    }
    return set_config(l, "kv", cache);
}

static bool trtllm_scheduling(struct launch *l)
{
    const struct system_spec *s = &l->job->spec;
    const char *policy = s->reserve_output ? "GUARANTEED_NO_EVICT" : "MAX_UTILIZATION";
    json_t *graphs = s->cuda_graphs ? json_pack("{s:b, s:I}", "enable_padding", 1,
                                                "max_batch_size", (json_int_t)s->max_seqs)
                                    : json_null();
    return set_config(l, "graphs", graphs) &&
           set_config(l, "policy", json_pack("{s:s}", "capacity_scheduler_policy", policy)) &&
           (s->chunked_prefill <= 0 || set_config(l, "chunked", json_true())) &&
           (l->job->stream_interval <= 1 ||
            set_config(l, "stream", json_integer(l->job->stream_interval))) &&
           (s->wait_iters <= 0 || (set_config(l, "wait_iters", json_integer(s->wait_iters)) &&
                                   set_config(l, "wait_ratio", json_real(s->wait_ratio))));
}

static bool trtllm_ranks(struct launch *l)
{
    const struct system_spec *s = &l->job->spec;
    if (s->dp == 1) {
        return true;
    }
    return set_config(l, "dp_attention", json_true()) &&
           (s->balance_iters <= 0 ||
            set_config(l, "dp_balance",
                       json_pack("{s:b, s:I}", "enable_balance", 1, "timeout_iters",
                                 (json_int_t)s->balance_iters)));
}

/* The buffer holds the KV of the longest prompt. */
static bool trtllm_side(struct launch *l)
{
    if (l->job->role == ROLE_BOTH) {
        return true;
    }
    json_t *transfer = json_pack("{s:s, s:I}", "backend", "NIXL", "max_tokens_in_buffer",
                                 (json_int_t)l->job->spec.max_model_len);
    return set_config(l, "pd_transfer", transfer) &&
           (!is_prefill(l) || set_config(l, "pd_overlap", json_true()));
}

static bool trtllm_config(struct launch *l)
{
    const struct system_spec *s = &l->job->spec;
    l->config = json_object();
    return trtllm_side(l) && trtllm_ranks(l) && trtllm_cache(l) && trtllm_scheduling(l) &&
           (s->draft_tokens == 0 ||
            set_config(l, "spec",
                       json_pack("{s:s, s:i}", "decoding_type", "MTP",
                                 "num_nextn_predict_layers", s->draft_tokens)));
}

static bool trtllm_command(struct launch *l)
{
    const struct system_spec *s = &l->job->spec;
    if (s->dp > 1 && s->tp > 1) {
        return refuse(l, "attention is data-parallel over all ranks (tp 1) or over none");
    }
    if (s->kv != DTYPE_FP8 && s->kv != DTYPE_BF16) {
        return kv_flag(l) != NULL;
    }
    if (s->by_priority) {
        return refuse(l, "requests have no priorities in it");
    }
    bool ok = put_int(l, "tp", s->tp * s->dp) && put_if(l, s->pp > 1, "pp", s->pp) &&
              put_if(l, s->ep > 1 && model_is_moe(s->model), "ep", s->ep) &&
              put_int(l, "max_len", s->max_model_len) && put_int(l, "max_seqs", s->max_seqs) &&
              put_int(l, "max_tokens", s->max_batched_tokens) &&
              (isnan(s->mem_util_frac) || put_frac(l, "mem", s->mem_util_frac)) &&
              trtllm_config(l) && put_flag(l, "config");
    launch_put(l, WORD_CONFIG, "", false);
    return ok;
}

/* ---- the whole ------------------------------------------------------------------------------
 */

/* "0.24" -> "0.24.0": images carry three numbers. */
static const char *full_version(struct arena *arena, const char *version)
{
    int dots = 0;
    for (const char *c = version; *c; c++) {
        dots += *c == '.';
    }
    bool plain = strspn(version, "0123456789.") == strlen(version) && version[0];
    return plain && dots == 1 ? arena_printf(arena, "%s.0", version) : version;
}

static bool set_version(struct launch *l)
{
    const struct system_spec *s = &l->job->spec;
    const struct engine_flag *release = engine_flag_find(l->flags, s->engine, "release", "");
    const char *asked = s->engine_version;
    if (!asked[0] && !release) {
        return err_set(l->err, ERR_INPUT, "engine_flags.csv names no release of %s",
                       engine_names[s->engine]);
    }
    l->version = full_version(l->arena, asked[0] ? asked : release->flag);
    const char *pattern = launch_flag(l, "image");
    const char *at = pattern ? strstr(pattern, "%s") : NULL;
    if (at) {
        l->image = arena_printf(l->arena, "%.*s%s%s", (int)(at - pattern), pattern, l->version,
                                at + 2);
    }
    return at || err_set(l->err, ERR_INPUT, "the image of %s in engine_flags.csv lacks %%s",
                         engine_names[s->engine]);
}

static bool put_program(struct launch *l)
{
    static const char *const programs[][4] = {
        {"vllm", "serve"},
        {"python3", "-m", "sglang.launch_server", "--model-path"},
        {"trtllm-serve"},
    };
    enum engine_kind engine = l->job->spec.engine;
    bool quantise;
    const char *checkpoint = checkpoint_of(l, &quantise);
    if (!checkpoint) {
        return false;
    }
    for (int i = 0; i < 4 && programs[engine][i]; i++) {
        launch_put(l, WORD_LITERAL, programs[engine][i], false);
    }
    launch_put(l, WORD_LITERAL, checkpoint, false);
    bool ok = put_text(l, "host", "0.0.0.0") && put_flag(l, "port");
    launch_put(l, WORD_PORT, "", false);
    put_extras(l, checkpoint);
    return ok && (!quantise || put_text(l, "quantization", "fp8"));
}

static bool set_nodes(struct launch *l)
{
    const struct export_job *job = l->job;
    l->n_nodes = (job->n_gpus + job->gpus_per_node - 1) / job->gpus_per_node;
    if (l->n_nodes > 1 && job->n_gpus % job->gpus_per_node != 0) {
        return refuse(l, arena_printf(l->arena, "%d GPUs do not fill nodes of %d", job->n_gpus,
                                      job->gpus_per_node));
    }
    return true;
}

static bool set_metric(struct launch *l, bool scaled)
{
    enum engine_kind engine = l->job->spec.engine;
    const struct engine_flag *f = engine_flag_find(l->flags, engine, "metric", l->version);
    l->metric = f ? f->flag : NULL;
    return !f || !scaled || engine != ENGINE_SGLANG || put_flag(l, "metrics");
}

bool launch_build(struct arena *arena, const struct export_stock *stock,
                  const struct export_job *job, bool scaled, struct launch *l, struct err *err)
{
    static const char *const files[] = {[ROLE_BOTH] = "trtllm.yaml",
                                        [ROLE_PREFILL] = "trtllm-prefill.yaml",
                                        [ROLE_DECODE] = "trtllm-decode.yaml"};
    enum engine_kind engine = job->spec.engine;
    *l = (struct launch){.arena = arena, .job = job, .flags = &stock->flags, .err = err};
    l->port = engine == ENGINE_SGLANG ? 30000 : 8000;
    l->file = files[job->role];
    if (engine == ENGINE_STATIC) {
        return refuse(l, "it is a baseline for comparison, not a server");
    }
    if (!set_version(l) || !set_nodes(l) || !check_draft(l) || !put_program(l) ||
        !set_metric(l, scaled)) {
        return false;
    }
    return engine == ENGINE_VLLM     ? vllm_command(l)
           : engine == ENGINE_SGLANG ? sglang_command(l)
                                     : trtllm_command(l);
}

void launch_fini(struct launch *l)
{
    json_decref(l->config);
    free(l->words);
    l->config = NULL;
    l->words = NULL;
}

void export_note(struct arena *arena, struct export_job *job, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (job->n_notes < EXPORT_MAX_NOTES) {
        job->notes[job->n_notes++] = arena_strdup(arena, text);
    }
}
