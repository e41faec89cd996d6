/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/cost/encoder.h"

static const double EFFICIENCY = 0.4;

double encoder_s_per_token(const struct model *m, const struct gpu *gpu, int tp)
{
    double flops = 2.0 * m->vision_params * m->image_patches_per_token;
    return flops / (tp * EFFICIENCY * gpu->flops_per_s[DTYPE_BF16]);
}
