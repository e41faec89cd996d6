# SPDX-License-Identifier: GPL-3.0-or-later
# What a GPU delivers against what a user sees, from curves.csv: output_tok_s_per_gpu over
# 1 / tpot_s_p50. The deployments' upper right edge is the Pareto front.
x_value(unused) = column('tpot_s_p50') > 0 ? 1.0 / column('tpot_s_p50') : NaN
set grid xtics ytics
load TEMPLATES.'panel.gp'
