# SPDX-License-Identifier: GPL-3.0-or-later
# How uneven expert-parallel ranks are, from imbalance.csv: imbalance and distinct_rank (a panel
# each) over tokens, one line per EP size with and without redundant experts.
x_value(unused) = column('tokens')
load TEMPLATES.'panel.gp'
