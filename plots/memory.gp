# SPDX-License-Identifier: GPL-3.0-or-later
# Memory of one GPU per candidate, from memory.csv: weights_gib kv_gib activations_gib
# graphs_gib comm_gib context_gib free_gib. The line at gpu_gib and the words for fits and
# missing_gib are placed by the program.
load TEMPLATES.'bars.gp'
