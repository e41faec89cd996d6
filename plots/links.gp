# SPDX-License-Identifier: GPL-3.0-or-later
# The way of KV from prefill to decode replicas against offered load, from curves.csv:
# handover_s_mean and link_busy_frac_max (a panel each) over rate_rps, or over concurrency.
x_value(unused) = column(X_COLUMN)
load TEMPLATES.'panel.gp'
