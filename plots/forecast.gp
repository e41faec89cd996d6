# SPDX-License-Identifier: GPL-3.0-or-later
# By month, from forecast.csv: requests_per_day, n_gpus, self_usd and managed_usd with bands.
load TEMPLATES.'series.gp'
