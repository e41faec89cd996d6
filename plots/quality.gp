# SPDX-License-Identifier: GPL-3.0-or-later
# The cheapest option of each model and side, from plan.csv: usd_per_month over quality.
load TEMPLATES.'series.gp'
