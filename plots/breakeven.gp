# SPDX-License-Identifier: GPL-3.0-or-later
# Monthly cost against volume, from breakeven.csv: usd_per_month over tok_per_day.
load TEMPLATES.'series.gp'
