/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/cost/power.h"

#include <math.h>

static const double BUSY_SHARE = 0.25;
static const double MEMORY_SHARE = 0.40;
static const double COMPUTE_SHARE = 0.60;

double power_gpu_w(const struct gpu *gpu, double busy_frac, double mbu_frac, double mfu_frac)
{
    double draw = fmin(1.0, BUSY_SHARE + MEMORY_SHARE * mbu_frac + COMPUTE_SHARE * mfu_frac);
    return gpu->idle_w + (gpu->tdp_w - gpu->idle_w) * busy_frac * draw;
}
