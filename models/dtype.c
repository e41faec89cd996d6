/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dtype.c - names and sizes of number formats. fp16 is taken as bf16 (same size and tensor-core
 * rate), every fp8 flavour as one. Scale bytes follow the published layouts; padding is
 * ignored. */
#include "models/dtype.h"

#include <stddef.h>
#include <strings.h>

struct alias {
    const char *text;
    enum dtype dtype;
};

/* The first name of each format is the one printed. */
static const struct alias ALIASES[] = {
    {"auto", DTYPE_AUTO},    {"fp32", DTYPE_FP32},         {"bf16", DTYPE_BF16},
    {"fp8", DTYPE_FP8},      {"int8", DTYPE_INT8},         {"nvfp4", DTYPE_NVFP4},
    {"mxfp4", DTYPE_MXFP4},  {"int4", DTYPE_INT4},         {"float32", DTYPE_FP32},
    {"float", DTYPE_FP32},   {"bfloat16", DTYPE_BF16},     {"fp16", DTYPE_BF16},
    {"float16", DTYPE_BF16}, {"half", DTYPE_BF16},         {"fp8_e4m3", DTYPE_FP8},
    {"fp8_e5m2", DTYPE_FP8}, {"float8_e4m3fn", DTYPE_FP8}, {"float8_e5m2", DTYPE_FP8},
    {"w8a8", DTYPE_INT8},    {"w4a16", DTYPE_INT4},
};

static const char *const SCHEMES[] = {
    [QUANT_NONE] = "none",
    [QUANT_BLOCK] = "block",
    [QUANT_TENSOR_STATIC] = "tensor-static",
    [QUANT_TENSOR_DYNAMIC] = "tensor-dynamic",
    [QUANT_GROUP] = "group",
};

bool dtype_parse(const char *text, enum dtype *dtype)
{
    for (size_t i = 0; i < sizeof ALIASES / sizeof *ALIASES; i++) {
        if (strcasecmp(text, ALIASES[i].text) == 0) {
            *dtype = ALIASES[i].dtype;
            return true;
        }
    }
    return false;
}

const char *dtype_name(enum dtype dtype)
{
    for (size_t i = 0; i < sizeof ALIASES / sizeof *ALIASES; i++) {
        if (ALIASES[i].dtype == dtype) {
            return ALIASES[i].text;
        }
    }
    return "?";
}

bool quant_scheme_parse(const char *text, enum quant_scheme *scheme)
{
    for (size_t i = 0; i < sizeof SCHEMES / sizeof *SCHEMES; i++) {
        if (strcasecmp(text, SCHEMES[i]) == 0) {
            *scheme = (enum quant_scheme)i;
            return true;
        }
    }
    return false;
}

const char *quant_scheme_name(enum quant_scheme scheme)
{
    size_t i = (size_t)scheme;
    return i < sizeof SCHEMES / sizeof *SCHEMES ? SCHEMES[i] : "?";
}

/* A `bits`-wide value plus one scale of scale_bytes per group. */
static double grouped_bytes(double bits, double scale_bytes, int group, int usual_group)
{
    return bits / 8.0 + scale_bytes / (double)(group > 0 ? group : usual_group);
}

double dtype_weight_bytes(enum dtype dtype, enum quant_scheme scheme, int group)
{
    switch (dtype) {
    case DTYPE_FP32:
        return 4.0;
    case DTYPE_FP8:
        return scheme == QUANT_BLOCK ? 1.0 + 4.0 / (128.0 * 128.0) : 1.0;
    case DTYPE_INT8:
        return 1.0;
    case DTYPE_NVFP4:
        return grouped_bytes(4.0, 1.0, group, 16);
    case DTYPE_MXFP4:
        return grouped_bytes(4.0, 1.0, group, 32);
    case DTYPE_INT4:
        return grouped_bytes(4.0, 2.0, group, 128);
    case DTYPE_AUTO:
    case DTYPE_BF16:
    case DTYPE_COUNT:
        break;
    }
    return 2.0;
}

double dtype_element_bytes(enum dtype dtype)
{
    switch (dtype) {
    case DTYPE_FP32:
        return 4.0;
    case DTYPE_FP8:
    case DTYPE_INT8:
        return 1.0;
    case DTYPE_NVFP4:
        return 0.5625;
    case DTYPE_MXFP4:
        return 0.53125;
    case DTYPE_INT4:
        return 0.5;
    case DTYPE_AUTO:
    case DTYPE_BF16:
    case DTYPE_COUNT:
        break;
    }
    return 2.0;
}
