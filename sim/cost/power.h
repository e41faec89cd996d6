/* SPDX-License-Identifier: GPL-3.0-or-later */
/* power.h - electrical power of one GPU from how busy its units are. A prior, not a fit:
 * serving rarely reaches the TDP; memory traffic and tensor arithmetic each draw a share of
 * what lies above idle. */
#ifndef POWER_H
#define POWER_H

#include "hardware/gpu.h"

/* Mean power in W: idle + (tdp - idle) x busy_frac x min(1, 0.25 + 0.40 mbu + 0.60 mfu). mbu,
 * mfu: of the busy time. Worked (test): H100 SXM, idle 75 W assumed, TDP 700, busy 1, mbu 0.6,
 * mfu 0.1: 75 + 625 x 0.55 = 418.75 W. */
double power_gpu_w(const struct gpu *gpu, double busy_frac, double mbu_frac, double mfu_frac);

#endif
