# SPDX-License-Identifier: GPL-3.0-or-later
# Where the time goes per deployment and load, from breakdown.csv: attention_frac dense_frac
# experts_frac imbalance_frac allreduce_frac alltoall_frac bubble_frac host_frac other_frac
# idle_frac.
load TEMPLATES.'bars.gp'
