# SPDX-License-Identifier: GPL-3.0-or-later
# What links carry against offered load, from curves.csv: handover_s_mean, link_busy_frac_max (KV
# from prefill to decode replicas), scaleup_busy_frac and network_busy_frac (the GPUs of a replica
# among each other), a panel each, over rate_rps, or over concurrency.
x_value(unused) = column(X_COLUMN)
load TEMPLATES.'panel.gp'
