/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dtype.h - number formats of weights, activations and KV cache. */
#ifndef DTYPE_H
#define DTYPE_H

#include <stdbool.h>

enum dtype {
    DTYPE_AUTO,
    DTYPE_FP32,
    DTYPE_BF16,
    DTYPE_FP8,
    DTYPE_INT8,
    DTYPE_NVFP4,
    DTYPE_MXFP4,
    DTYPE_INT4,
    DTYPE_COUNT
};

/* "bf16", "fp8", "nvfp4"...; "bfloat16", "fp16" and "float16" count as bf16: same size and rate
 */
bool dtype_parse(const char *text, enum dtype *dtype);
const char *dtype_name(enum dtype dtype);

/* How a quantised weight is scaled; decides scale bytes and activation quantisation kernels. */
enum quant_scheme {
    QUANT_NONE,
    QUANT_BLOCK,         /* fp8 128x128 blocks, activations quantised per token and 128 group */
    QUANT_TENSOR_STATIC, /* one scale per tensor, activation scale fixed in the checkpoint */
    QUANT_TENSOR_DYNAMIC, /* per tensor or channel weights, activations quantised per token */
    QUANT_GROUP, /* nvfp4 (16), mxfp4 (32), int4 (usually 128, Kimi 32): groups along K */
};
bool quant_scheme_parse(const char *text, enum quant_scheme *scheme);
const char *quant_scheme_name(enum quant_scheme scheme);

/* Bytes per weight including scales: bf16 2; fp8 block 1 + 4/16384; fp8 tensor 1; nvfp4 0.5625
 * (16-element groups, 1-byte scale); mxfp4 0.53125 (32, 1 byte); int4 0.5 + 2/group. */
double dtype_weight_bytes(enum dtype dtype, enum quant_scheme scheme, int group);
/* Bytes per element of a KV cache or activation in this format. */
double dtype_element_bytes(enum dtype dtype);

#endif
