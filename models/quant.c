/* SPDX-License-Identifier: GPL-3.0-or-later */
/* quant.c - reads the quantisation descriptions in use: fp8 (DeepSeek style), fbgemm_fp8,
 * mxfp4, compressed-tensors, modelopt, awq, gptq. Which parts stay bf16 is taken from the names
 * of the excluded modules. A module name with a layer number excludes that layer only; when the
 * numbers cover most layers (modelopt spells every layer out) the whole part counts as
 * excluded. */
#include "models/quant.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "models/cfg.h"

struct checkpoint quant_uniform(enum dtype weights)
{
    struct checkpoint c = {.name = "",
                           .weights = weights,
                           .attn = weights,
                           .dense = weights,
                           .experts = weights,
                           .shared = weights,
                           .lm_head = weights == DTYPE_FP32 ? DTYPE_FP32 : DTYPE_BF16};
    switch (weights) {
    case DTYPE_FP8:
    case DTYPE_INT8:
        c.scheme = QUANT_TENSOR_DYNAMIC;
        break;
    case DTYPE_NVFP4:
        c.scheme = QUANT_GROUP;
        c.group = 16;
        break;
    case DTYPE_MXFP4:
        c.scheme = QUANT_GROUP;
        c.group = 32;
        break;
    case DTYPE_INT4:
        c.scheme = QUANT_GROUP;
        c.group = 128;
        break;
    case DTYPE_AUTO:
    case DTYPE_FP32:
    case DTYPE_BF16:
    case DTYPE_COUNT:
        break;
    }
    return c;
}

/* The parts an excluded module name can mean. */
enum part { PART_ATTN, PART_SHARED, PART_DENSE, PART_EXPERTS, N_PARTS };

static enum part part_of(const char *module)
{
    if (strstr(module, "attn") != NULL || strstr(module, "attention") != NULL) {
        return PART_ATTN;
    }
    if (strstr(module, "shared_expert") != NULL) {
        return PART_SHARED;
    }
    if (strstr(module, "experts") != NULL) {
        return PART_EXPERTS;
    }
    bool mlp = strstr(module, "mlp") != NULL || strstr(module, "feed_forward") != NULL;
    bool matrix = strstr(module, "up") != NULL || strstr(module, "down") != NULL;
    return mlp && matrix ? PART_DENSE : N_PARTS;
}

/* "model.layers.12.mlp.up_proj" -> 12; no number: -1. */
static int layer_number(const char *module)
{
    const char *p = strstr(module, "layers.");
    if (p == NULL || !isdigit((unsigned char)p[7])) {
        return -1;
    }
    int n = 0;
    for (p += 7; isdigit((unsigned char)*p) && n < 100000; p++) {
        n = 10 * n + (*p - '0');
    }
    return n;
}

/* A part is excluded by a name without a layer, or when more than four layers are named: nobody
 * leaves out five edge layers. Fewer: edge layers. */
static void apply_exclusions(const struct node *list, struct checkpoint *c)
{
    enum { EDGE_MAX = 4 };
    enum dtype *const part[N_PARTS] = {&c->attn, &c->shared, &c->dense, &c->experts};
    int seen[N_PARTS][EDGE_MAX], n_seen[N_PARTS] = {0};
    for (const struct node *n = list != NULL ? list->child : NULL; n != NULL; n = n->next) {
        enum part p = n->text != NULL ? part_of(n->text) : N_PARTS;
        int layer = p != N_PARTS ? layer_number(n->text) : 0;
        bool known = false;
        if (p == N_PARTS) {
            continue;
        }
        for (int i = 0; i < n_seen[p]; i++) {
            known = known || seen[p][i] == layer;
        }
        if (layer < 0 || (!known && n_seen[p] == EDGE_MAX)) {
            *part[p] = DTYPE_BF16;
        } else if (!known) {
            seen[p][n_seen[p]++] = layer;
        }
    }
    if (c->dense != DTYPE_BF16 && n_seen[PART_DENSE] > 0) {
        c->n_bf16_edge_layers = n_seen[PART_DENSE];
    }
}

static bool set_weights(struct cfg *c, const char *key, const char *method, int bits,
                        bool floating, int group, struct checkpoint *out)
{
    enum dtype weights = DTYPE_AUTO;
    if (bits == 4) {
        weights = !floating ? DTYPE_INT4 : group == 32 ? DTYPE_MXFP4 : DTYPE_NVFP4;
    } else if (bits == 8) {
        weights = floating ? DTYPE_FP8 : DTYPE_INT8;
    } else {
        cfg_fail(c, key, "quantisation '%s' with %d bits is not modelled", method, bits);
        return false;
    }
    *out = quant_uniform(weights);
    if (group > 0 && out->scheme == QUANT_GROUP) {
        out->group = group;
    }
    return true;
}

/* compressed-tensors: config_groups.<first>.weights. */
static void read_compressed(struct cfg *c, struct checkpoint *out)
{
    const struct node *groups = cfg_get(c, "config_groups");
    const struct node *first = groups != NULL ? groups->child : NULL;
    struct cfg w = {node_get(first, "weights"), c->err, c->ok};
    if (cfg_get(c, "weight_block_size") != NULL) {
        *out = quant_uniform(DTYPE_FP8);
        out->scheme = QUANT_BLOCK;
        return;
    }
    if (w.map == NULL) {
        cfg_fail(c, "quant_method", "compressed-tensors without config_groups.*.weights");
        return;
    }
    const char *type = cfg_text(&w, "type");
    const char *strategy = cfg_text(&w, "strategy");
    int bits = cfg_count(&w, "num_bits", 1, 32, CFG_REQUIRED);
    int group = cfg_count(&w, "group_size", 1, 65536, 0);
    bool floating = type != NULL && strcmp(type, "float") == 0;
    struct cfg act = {node_get(first, "input_activations"), c->err, true};
    if (w.ok && set_weights(&w, "num_bits", "compressed-tensors", bits, floating, group, out) &&
        out->scheme != QUANT_GROUP) {
        bool dynamic = cfg_flag(&act, "dynamic", true);
        bool block = strategy != NULL && strcmp(strategy, "block") == 0;
        out->scheme = block     ? QUANT_BLOCK
                      : dynamic ? QUANT_TENSOR_DYNAMIC
                                : QUANT_TENSOR_STATIC;
    }
    c->ok = w.ok && act.ok;
}

static void read_modelopt(struct cfg *c, struct checkpoint *out)
{
    const char *algo = cfg_text(c, "quant_algo");
    if (algo != NULL && strcasecmp(algo, "FP8") == 0) {
        *out = quant_uniform(DTYPE_FP8);
        out->scheme = QUANT_TENSOR_STATIC;
    } else if (algo != NULL && strcasecmp(algo, "NVFP4") == 0) {
        *out = quant_uniform(DTYPE_NVFP4);
        out->group = cfg_count(c, "group_size", 1, 65536, 16);
    } else {
        cfg_fail(c, "quant_algo", "modelopt quant_algo '%s' is not modelled", algo ? algo : "");
    }
}

static void read_fp8(struct cfg *c, struct checkpoint *out)
{
    const char *scheme = cfg_text(c, "activation_scheme");
    *out = quant_uniform(DTYPE_FP8);
    if (cfg_get(c, "weight_block_size") != NULL) {
        out->scheme = QUANT_BLOCK;
    } else if (scheme != NULL && strcmp(scheme, "static") == 0) {
        out->scheme = QUANT_TENSOR_STATIC;
    }
}

static void read_method(struct cfg *c, const char *method, struct checkpoint *out)
{
    if (strcmp(method, "fp8") == 0 || strcmp(method, "fbgemm_fp8") == 0) {
        read_fp8(c, out);
    } else if (strcmp(method, "mxfp4") == 0) {
        *out = quant_uniform(DTYPE_MXFP4);
        out->attn = out->dense = out->shared = DTYPE_BF16;
    } else if (strcmp(method, "compressed-tensors") == 0) {
        read_compressed(c, out);
    } else if (strcmp(method, "modelopt") == 0 || strcmp(method, "modelopt_fp4") == 0) {
        read_modelopt(c, out);
    } else if (strcmp(method, "awq") == 0 || strcmp(method, "gptq") == 0) {
        int bits = cfg_count(c, "bits", 1, 32, 4);
        int group = cfg_count(c, "group_size", -1, 65536, 128);
        set_weights(c, "bits", method, bits, false, group, out);
    } else {
        cfg_fail(c, "quant_method", "quantisation method '%s' is not modelled", method);
    }
}

static bool read_plain(const struct node *root, const struct node *text, struct checkpoint *out,
                       struct err *err)
{
    const struct node *const maps[] = {text, root};
    const char *const keys[] = {"torch_dtype", "dtype"};
    enum dtype dtype = DTYPE_BF16;
    for (int i = 0; i < 4; i++) {
        struct cfg c = {maps[i / 2], err, true};
        const char *name = cfg_text(&c, keys[i % 2]);
        if (name == NULL) {
            continue;
        }
        if (!dtype_parse(name, &dtype) || dtype == DTYPE_AUTO) {
            cfg_fail(&c, keys[i % 2], "unknown number format '%s'", name);
            return false;
        }
        break;
    }
    *out = quant_uniform(dtype);
    return true;
}

bool quant_read(const struct node *root, struct checkpoint *out, struct err *err)
{
    const struct node *text = node_get(root, "text_config");
    const struct node *map = node_get(root, "quantization_config");
    map = map != NULL && map->kind == NODE_MAP ? map : node_get(text, "quantization_config");
    if (map == NULL || map->kind != NODE_MAP) {
        return read_plain(root, text != NULL ? text : root, out, err);
    }
    struct cfg c = {map, err, true};
    const char *method = cfg_text(&c, "quant_method");
    if (c.ok && method == NULL) {
        cfg_fail(&c, "quant_method", "missing key 'quant_method'");
    }
    if (c.ok) {
        read_method(&c, method, out);
    }
    const char *const excluded[] = {"modules_to_not_convert", "ignore", "exclude_modules",
                                    NULL};
    if (c.ok) {
        apply_exclusions(cfg_list(&c, cfg_key(&c, excluded), 0), out);
    }
    return c.ok;
}
