# SPDX-License-Identifier: GPL-3.0-or-later
# Latency against offered load, from curves.csv: ttft_s_p95 and tpot_s_p95 (a panel each) over
# rate_rps, or over concurrency for closed loads; _band_lo and _band_hi are the prediction band.
x_value(unused) = column(X_COLUMN)
load TEMPLATES.'panel.gp'
