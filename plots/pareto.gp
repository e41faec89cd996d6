# SPDX-License-Identifier: GPL-3.0-or-later
# Systems at the load they sustain, from plan.csv: output_tok_s_per_gpu over 1 / tpot_s_mean.
set grid xtics ytics
load TEMPLATES.'series.gp'
