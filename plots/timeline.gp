# SPDX-License-Identifier: GPL-3.0-or-later
# State over time, from timeline.csv: running, waiting, kv_used_frac and output_tok_s (a panel
# each) over time_s.
x_value(unused) = column('time_s')
load TEMPLATES.'panel.gp'
