/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Export: layouts in each engine's terms, flags by version, quoting, manifests that a YAML
 * parser reads back. */
#include "sim/report/export.h"

#include <stdlib.h>
#include <string.h>

#include "sim/base/node.h"
#include "sim/report/export_parts.h"
#include "tests/check.h"

static const char *const dirs[] = {"."};

struct lab {
    struct arena *arena;
    struct export_stock stock;
    struct export_job job;
    struct err err;
};

static struct lab lab_open(const char *model, const char *engine, const char *deployment)
{
    struct lab l = {.arena = arena_new()};
    struct stock *stock = stock_load(l.arena, dirs, 1, &l.err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(stock);
    CU_ASSERT_TRUE_FATAL(export_stock_load(l.arena, stock, &l.stock, &l.err));
    const char *text = arena_printf(
        l.arena,
        "name: lab\nmodel: {%s}\nworkload: [{class: chat, arrivals: {rate: 1/s}, prompt: 500, "
        "output: 100}]\nengine: {%s, max_model_len: 8k}\ndeployments: [{%s}]\n",
        model, engine, deployment);
    struct scenario *sc = NULL;
    CU_ASSERT_TRUE_FATAL(
        scenario_parse(l.arena, "lab.yaml", text, strlen(text), NULL, 0, &sc, &l.err));
    CU_ASSERT_TRUE_FATAL(
        export_from_scenario(l.arena, &l.stock, sc, NULL, EXPORT_KUBERNETES, &l.job, &l.err));
    return l;
}

static const char *written(struct lab *l, enum export_target target)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    bool ok = export_write(l->arena, &l->stock, &l->job, target, out, &l->err);
    fclose(out);
    const char *copy = ok ? arena_strdup(l->arena, text) : NULL;
    free(text);
    return copy;
}

static bool has(const char *text, const char *part)
{
    return text && strstr(text, part) != NULL;
}

/* The nth YAML document of a stream, through the parser of scenarios. */
static struct node *document(struct lab *l, const char *text, int nth)
{
    const char *at = strstr(text, "---\n");
    for (int i = 0; at && i < nth; i++) {
        at = strstr(at + 4, "---\n");
    }
    if (!at) {
        return NULL;
    }
    const char *end = strstr(at + 4, "---\n");
    return yaml_parse(l->arena, "manifest", at + 4,
                      end ? (size_t)(end - at - 4) : strlen(at + 4), &l->err);
}

static const char *value(const struct node *root, const char *path)
{
    const struct node *n = node_get_path(root, path);
    return n && n->text ? n->text : "";
}

/* ---- layouts --------------------------------------------------------------------------------
 */

static void vllm_multiplies_tensor_and_data_parallel_sizes(void)
{
    struct lab l = lab_open("name: deepseek-v3.2", "kind: vllm",
                            "hardware: h200-sxm, tp: 2, dp: 4, ep: 8");
    const char *text = written(&l, EXPORT_VLLM);
    CU_ASSERT_TRUE(has(text, "--tensor-parallel-size 2"));
    CU_ASSERT_TRUE(has(text, "--data-parallel-size 4"));
    CU_ASSERT_TRUE(has(text, "--enable-expert-parallel"));
    arena_free(l.arena);
}

static void sglang_divides_tensor_parallelism_and_counts_over_ranks(void)
{
    struct lab l = lab_open("name: deepseek-v3.2",
                            "kind: sglang, max_num_seqs: 100, chunked_prefill_size: 1024",
                            "hardware: h200-sxm, tp: 2, dp: 4, ep: 8");
    const char *text = written(&l, EXPORT_SGLANG);
    CU_ASSERT_TRUE(has(text, "--tp-size 8"));
    CU_ASSERT_TRUE(has(text, "--dp-size 4 \\\n  --enable-dp-attention"));
    CU_ASSERT_TRUE(has(text, "--ep-size 8"));
    CU_ASSERT_TRUE(has(text, "--max-running-requests 400"));
    CU_ASSERT_TRUE(has(text, "--chunked-prefill-size 4096"));
    arena_free(l.arena);
}

static void trtllm_has_attention_ranks_in_its_file(void)
{
    struct lab l = lab_open("name: deepseek-v3.2", "kind: trtllm",
                            "hardware: h200-sxm, tp: 1, dp: 8, ep: 8");
    const char *text = written(&l, EXPORT_TRTLLM);
    CU_ASSERT_TRUE(has(text, "--tp_size 8"));
    CU_ASSERT_TRUE(has(text, "--ep_size 8"));
    CU_ASSERT_TRUE(has(text, "enable_attention_dp: true"));
    arena_free(l.arena);
}

static void trtllm_refuses_attention_ranks_of_several_gpus(void)
{
    struct lab l = lab_open("name: deepseek-v3.2", "kind: trtllm",
                            "hardware: h200-sxm, tp: 2, dp: 4, ep: 8");
    CU_ASSERT_PTR_NULL(written(&l, EXPORT_TRTLLM));
    CU_ASSERT_EQUAL(l.err.code, ERR_UNFIT);
    arena_free(l.arena);
}

static void pipeline_stages_have_their_option(void)
{
    struct lab l = lab_open("name: llama-3.1-8b", "kind: vllm", "hardware: h100-sxm, tp: 4");
    l.job.spec.pp = 2;
    l.job.n_gpus = 8;
    CU_ASSERT_TRUE(has(written(&l, EXPORT_VLLM), "--pipeline-parallel-size 2"));
    arena_free(l.arena);
}

static void a_model_of_dense_layers_has_no_expert_option(void)
{
    struct lab l = lab_open("name: llama-3.1-8b", "kind: vllm", "hardware: h100-sxm, tp: 2");
    CU_ASSERT_FALSE(has(written(&l, EXPORT_VLLM), "expert"));
    arena_free(l.arena);
}

/* ---- prefill and decode apart ---------------------------------------------------------------
 */

/* Two prefill replicas of 4 GPUs, one decode replica of 8 of another kind. */
static struct lab apart_open(const char *engine, const char *more)
{
    static const char layout[] =
        "hardware: h200-sxm, tp: 1, dp: 8, ep: 8, prefill_replicas: 2, "
        "prefill: {hardware: b200, tp: 4, dp: 1, ep: 4";
    struct arena *a = arena_new();
    struct lab l =
        lab_open("name: qwen3-235b-a22b, weights: fp8, kv_cache: fp8",
                 arena_printf(a, "kind: %s", engine), arena_printf(a, "%s%s}", layout, more));
    arena_free(a);
    return l;
}

/* The part of a script between two of its roles. */
static const char *role(struct lab *l, const char *text, const char *from, const char *to)
{
    const char *start = text ? strstr(text, from) : NULL;
    const char *end = start ? strstr(start, to) : NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(end);
    return arena_printf(l->arena, "%.*s", (int)(end - start), start);
}

static void each_side_has_its_layout_and_its_part_of_the_transfer(void)
{
    static const struct {
        const char *engine;
        enum export_target target;
        const char *prefill[4], *decode[4], *router[4];
    } rows[] = {
        {"vllm",
         EXPORT_VLLM,
         {"--tensor-parallel-size 4", "\"kv_role\": \"kv_producer\"",
          "--enable-prefix-caching"},
         {"--data-parallel-size 8", "\"kv_role\": \"kv_consumer\"",
          "--no-enable-prefix-caching"},
         {"--prefiller-hosts \"${PREFILL_0%:*}\" \"${PREFILL_1%:*}\" \\\n",
          "--decoder-ports \"${DECODE_0##*:}\""}},
        {"sglang",
         EXPORT_SGLANG,
         {"--tp-size 4", "--disaggregation-mode prefill", "--disaggregation-decode-tp 8",
          "--disaggregation-decode-dp 8"},
         {"--dp-size 8", "--disaggregation-mode decode"},
         {"--pd-disaggregation", "--prefill \"http://${PREFILL_1}\"",
          "--decode \"http://${DECODE_0}\""}},
        {"trtllm",
         EXPORT_TRTLLM,
         {"--tp_size 4", "disable_overlap_scheduler: true", "max_tokens_in_buffer: 8000"},
         {"enable_attention_dp: true", "cache_transceiver_config:", "backend: NIXL"},
         {"context_servers:\n  num_instances: 2", "- \"${PREFILL_1}\"",
          "generation_servers:\n  num_instances: 1", "trtllm-serve disaggregated"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lab l = apart_open(rows[i].engine, "");
        const char *text = written(&l, rows[i].target);
        const char *prefill = role(&l, text, "\nprefill)", "\ndecode)");
        const char *decode = role(&l, text, "\ndecode)", "\nrouter)");
        const char *router = role(&l, text, "\nrouter)", "\n*)");
        for (int k = 0; k < 4; k++) {
            CU_ASSERT_TRUE(!rows[i].prefill[k] || has(prefill, rows[i].prefill[k]));
            CU_ASSERT_TRUE(!rows[i].decode[k] || has(decode, rows[i].decode[k]));
            CU_ASSERT_TRUE(!rows[i].router[k] || has(router, rows[i].router[k]));
        }
        CU_ASSERT_FALSE(has(decode, "disable_overlap_scheduler"));
        arena_free(l.arena);
    }
}

/* vLLM's connector knows none; SGLang's decode side has one or those of the prefill side. */
static void pipeline_stages_apart_are_refused_where_the_engine_has_none(void)
{
    struct lab vllm = apart_open("vllm", ", pp: 2");
    CU_ASSERT_PTR_NULL(written(&vllm, EXPORT_VLLM));
    CU_ASSERT_EQUAL(vllm.err.code, ERR_UNFIT);
    arena_free(vllm.arena);
    struct lab sglang = apart_open("sglang", ", pp: 2");
    const char *text = written(&sglang, EXPORT_SGLANG);
    CU_ASSERT_TRUE(has(role(&sglang, text, "\nprefill)", "\ndecode)"), "--pp-size 2"));
    CU_ASSERT_TRUE(
        has(role(&sglang, text, "\ndecode)", "\nrouter)"), "--disaggregation-prefill-pp 2"));
    sglang.job.spec.pp = 3;
    CU_ASSERT_PTR_NULL(written(&sglang, EXPORT_SGLANG));
    arena_free(sglang.arena);
    struct lab trtllm = apart_open("trtllm", ", pp: 2");
    CU_ASSERT_TRUE(has(written(&trtllm, EXPORT_TRTLLM), "--pp_size 2"));
    arena_free(trtllm.arena);
}

static void roles_are_sets_with_addresses_and_a_router_that_has_them(void)
{
    struct lab l = apart_open("trtllm", "");
    l.job.prefill->spares = 1;
    const char *text = written(&l, EXPORT_KUBERNETES);
    struct node *map = document(&l, text, 0);
    struct node *service = document(&l, text, 1);
    struct node *set = document(&l, text, 2);
    CU_ASSERT_STRING_EQUAL(value(map, "kind"), "ConfigMap");
    CU_ASSERT_STRING_EQUAL(value(service, "spec.clusterIP"), "None");
    CU_ASSERT_STRING_EQUAL(value(set, "kind"), "StatefulSet");
    CU_ASSERT_STRING_EQUAL(value(set, "spec.replicas"), "3");
    CU_ASSERT_STRING_EQUAL(value(set, "spec.serviceName"), value(service, "metadata.name"));
    struct node *router = document(&l, text, 7);
    CU_ASSERT_STRING_EQUAL(value(router, "kind"), "Deployment");
    const struct node *file = node_get_path(document(&l, text, 6), "data");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_TRUE(
        has(file->child->text,
            "- \"qwen3-235b-a22b-fp8-trtllm-prefill-2.qwen3-235b-a22b-fp8-trtllm-prefill"
            ":8000\""));
    CU_ASSERT_STRING_EQUAL(value(document(&l, text, 8), "kind"), "Service");
    arena_free(l.arena);
}

/* ---- checkpoints and versions ---------------------------------------------------------------
 */

static void modelopt_checkpoint_gets_its_quantization_in_sglang(void)
{
    struct lab l = lab_open("name: deepseek-v3.2, weights: nvfp4", "kind: sglang",
                            "hardware: b200, tp: 8");
    const char *text = written(&l, EXPORT_SGLANG);
    CU_ASSERT_TRUE(has(text, "nvidia/DeepSeek-V3.2-NVFP4"));
    CU_ASSERT_TRUE(has(text, "--quantization modelopt_fp4"));
    arena_free(l.arena);
}

static void unpublished_fp8_is_made_while_loading(void)
{
    struct lab l = lab_open("name: mixtral-8x22b, weights: fp8", "kind: vllm",
                            "hardware: h200-sxm, tp: 4");
    const char *text = written(&l, EXPORT_VLLM);
    CU_ASSERT_TRUE(has(text, "mistralai/Mixtral-8x22B-Instruct-v0.1 "));
    CU_ASSERT_TRUE(has(text, "--quantization fp8"));
    arena_free(l.arena);
}

static void bf16_cache_is_named_where_the_version_can(void)
{
    struct lab old = lab_open("name: llama-3.1-8b, kv_cache: bf16",
                              "kind: vllm, version: 0.10.2", "hardware: h100-sxm, tp: 1");
    CU_ASSERT_TRUE(has(written(&old, EXPORT_VLLM), "--kv-cache-dtype auto"));
    arena_free(old.arena);
    struct lab new = lab_open("name: llama-3.1-8b, kv_cache: bf16", "kind: vllm",
                              "hardware: h100-sxm, tp: 1");
    CU_ASSERT_TRUE(has(written(&new, EXPORT_VLLM), "--kv-cache-dtype bfloat16"));
    arena_free(new.arena);
}

static void image_names_the_version_in_three_numbers(void)
{
    struct lab l = lab_open("name: llama-3.1-8b", "kind: vllm, version: 0.19",
                            "hardware: h100-sxm, tp: 1");
    CU_ASSERT_TRUE(has(written(&l, EXPORT_KUBERNETES), "vllm/vllm-openai:v0.19.0"));
    arena_free(l.arena);
}

static void every_engine_has_the_flags_that_a_launch_needs(void)
{
    static const char *const knobs[] = {"release", "image", "tp",       "pp",
                                        "max_len", "mem",   "max_seqs", "max_tokens",
                                        "kv",      "host",  "port"};
    struct lab l = lab_open("name: llama-3.1-8b", "kind: vllm", "hardware: h100-sxm, tp: 1");
    for (int e = ENGINE_VLLM; e <= ENGINE_TRTLLM; e++) {
        for (size_t k = 0; k < sizeof knobs / sizeof *knobs; k++) {
            const struct engine_flag *f =
                engine_flag_find(&l.stock.flags, (enum engine_kind)e, knobs[k], "");
            CU_ASSERT_PTR_NOT_NULL(f);
        }
    }
    arena_free(l.arena);
}

/* ---- manifests ------------------------------------------------------------------------------
 */

static void deployment_reads_back_with_gpus_and_probes(void)
{
    struct lab l =
        lab_open("name: llama-3.1-8b", "kind: vllm", "hardware: h100-sxm, tp: 2, replicas: 3");
    l.job.spares = 1;
    struct node *d = document(&l, written(&l, EXPORT_KUBERNETES), 0);
    CU_ASSERT_STRING_EQUAL(value(d, "kind"), "Deployment");
    CU_ASSERT_STRING_EQUAL(value(d, "spec.replicas"), "4");
    const struct node *c = node_get_path(d, "spec.template.spec.containers");
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    const struct node *limits = node_get(node_get(c->child, "resources"), "limits");
    CU_ASSERT_STRING_EQUAL(node_get(limits, "nvidia.com/gpu")->text, "2");
    CU_ASSERT_STRING_EQUAL(value(node_get(c->child, "readinessProbe"), "httpGet.path"),
                           "/health");
    struct node *s = document(&l, written(&l, EXPORT_KUBERNETES), 1);
    CU_ASSERT_STRING_EQUAL(value(s, "kind"), "Service");
    arena_free(l.arena);
}

static void replica_over_two_nodes_is_a_worker_set(void)
{
    struct lab l = lab_open("name: deepseek-v3.2", "kind: vllm",
                            "hardware: h200-sxm, tp: 1, dp: 16, ep: 16");
    const char *text = written(&l, EXPORT_KUBERNETES);
    struct node *d = document(&l, text, 0);
    CU_ASSERT_STRING_EQUAL(value(d, "kind"), "LeaderWorkerSet");
    CU_ASSERT_STRING_EQUAL(value(d, "spec.leaderWorkerTemplate.size"), "2");
    CU_ASSERT_TRUE(has(text, "\"--headless\""));
    struct node *s = document(&l, text, 1);
    CU_ASSERT_STRING_EQUAL(value(s, "spec.selector.role"), "leader");
    /* the set makes a headless one of its own name */
    CU_ASSERT_STRING_EQUAL(value(s, "metadata.name"), "deepseek-v3-2-fp8-vllm-leader");
    arena_free(l.arena);
}

static void growing_plan_has_an_autoscaler(void)
{
    struct lab l = lab_open("name: llama-3.1-8b", "kind: sglang",
                            "hardware: h100-sxm, tp: 1, replicas: 2");
    l.job.most_replicas = 5;
    l.job.running_per_replica = 67.9;
    const char *text = written(&l, EXPORT_KUBERNETES);
    struct node *d = document(&l, text, 2);
    CU_ASSERT_STRING_EQUAL(value(d, "kind"), "HorizontalPodAutoscaler");
    CU_ASSERT_STRING_EQUAL(value(d, "spec.minReplicas"), "2");
    CU_ASSERT_STRING_EQUAL(value(d, "spec.maxReplicas"), "5");
    CU_ASSERT_TRUE(has(text, "averageValue: \"67\""));
    CU_ASSERT_TRUE(has(text, "--enable-metrics"));
    arena_free(l.arena);
}

static void steady_plan_has_no_autoscaler(void)
{
    struct lab l =
        lab_open("name: llama-3.1-8b", "kind: vllm", "hardware: h100-sxm, tp: 1, replicas: 2");
    l.job.most_replicas = 2;
    l.job.running_per_replica = 67.9;
    CU_ASSERT_FALSE(has(written(&l, EXPORT_KUBERNETES), "Autoscaler"));
    arena_free(l.arena);
}

/* ---- text -----------------------------------------------------------------------------------
 */

static void shell_words_are_quoted_when_they_need_it(void)
{
    struct arena *a = arena_new();
    CU_ASSERT_STRING_EQUAL(export_quote(a, "org/model-1.5"), "org/model-1.5");
    CU_ASSERT_STRING_EQUAL(export_quote(a, ""), "''");
    CU_ASSERT_STRING_EQUAL(export_quote(a, "a b;$(c)"), "'a b;$(c)'");
    CU_ASSERT_STRING_EQUAL(export_quote(a, "it's"), "'it'\\''s'");
    arena_free(a);
}

static void a_name_cannot_leave_its_comment(void)
{
    struct lab l = lab_open("name: llama-3.1-8b", "kind: vllm", "hardware: h100-sxm, tp: 1");
    l.job.name = "x\nrm -r y";
    CU_ASSERT_TRUE(has(written(&l, EXPORT_VLLM), "# x rm -r y\n"));
    arena_free(l.arena);
}

static void dollar_in_a_word_reaches_the_container_as_it_is(void)
{
    struct lab l = lab_open("name: llama-3.1-8b", "kind: vllm", "hardware: h100-sxm, tp: 1");
    l.job.spec.checkpoint.name = "a/$(HF_TOKEN)";
    const char *text = written(&l, EXPORT_KUBERNETES);
    CU_ASSERT_TRUE(has(text, "a/$$(HF_TOKEN)"));
    CU_ASSERT_TRUE(has(written(&l, EXPORT_VLLM), "'a/$(HF_TOKEN)'"));
    arena_free(l.arena);
}

static void yaml_keeps_texts_texts(void)
{
    static const char *const texts[] = {"no", "8",   "1e3",  "a: b", "- x",
                                        "",   "# c", "null", "é\"\\"};
    struct arena *a = arena_new();
    json_t *list = json_array();
    size_t n_texts = sizeof texts / sizeof *texts;
    for (size_t i = 0; i < n_texts; i++) {
        json_array_append_new(list, json_string(texts[i]));
    }
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    struct err err = {0};
    CU_ASSERT_TRUE(export_yaml(list, false, out, &err));
    fclose(out);
    struct node *root = yaml_parse(a, "list", text, n, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    const struct node *item = root->child;
    for (size_t i = 0; i < n_texts && item; i++, item = item->next) {
        CU_ASSERT_TRUE(item->quoted);
        CU_ASSERT_STRING_EQUAL(item->text, texts[i]);
    }
    CU_ASSERT_EQUAL(root->n_children, (int)n_texts);
    free(text);
    json_decref(list);
    arena_free(a);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"vllm multiplies tensor and data parallel sizes",
         vllm_multiplies_tensor_and_data_parallel_sizes},
        {"sglang divides tensor parallelism and counts over ranks",
         sglang_divides_tensor_parallelism_and_counts_over_ranks},
        {"trtllm has attention ranks in its file", trtllm_has_attention_ranks_in_its_file},
        {"trtllm refuses attention ranks of several GPUs",
         trtllm_refuses_attention_ranks_of_several_gpus},
        {"pipeline stages have their option", pipeline_stages_have_their_option},
        {"a model of dense layers has no expert option",
         a_model_of_dense_layers_has_no_expert_option},
        {"each side has its layout and its part of the transfer",
         each_side_has_its_layout_and_its_part_of_the_transfer},
        {"pipeline stages apart are refused where the engine has none",
         pipeline_stages_apart_are_refused_where_the_engine_has_none},
        {"roles are sets with addresses, and a router that has them",
         roles_are_sets_with_addresses_and_a_router_that_has_them},
        {"a ModelOpt checkpoint gets its quantization in sglang",
         modelopt_checkpoint_gets_its_quantization_in_sglang},
        {"unpublished fp8 is made while loading", unpublished_fp8_is_made_while_loading},
        {"a bf16 cache is named where the version can",
         bf16_cache_is_named_where_the_version_can},
        {"the image names the version in three numbers",
         image_names_the_version_in_three_numbers},
        {"every engine has the flags that a launch needs",
         every_engine_has_the_flags_that_a_launch_needs},
        {"a Deployment reads back with GPUs and probes",
         deployment_reads_back_with_gpus_and_probes},
        {"a replica over two nodes is a LeaderWorkerSet",
         replica_over_two_nodes_is_a_worker_set},
        {"a growing plan has an autoscaler", growing_plan_has_an_autoscaler},
        {"a steady plan has no autoscaler", steady_plan_has_no_autoscaler},
        {"shell words are quoted when they need it", shell_words_are_quoted_when_they_need_it},
        {"a name cannot leave its comment", a_name_cannot_leave_its_comment},
        {"a dollar sign reaches the container as it is",
         dollar_in_a_word_reaches_the_container_as_it_is},
        {"YAML keeps texts texts", yaml_keeps_texts_texts},
    };
    return check_main("export", cases, (int)(sizeof cases / sizeof *cases));
}
