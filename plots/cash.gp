# SPDX-License-Identifier: GPL-3.0-or-later
# Cash paid, from forecast.csv: self_cash_total_usd and managed_cash_total_usd over month.
load TEMPLATES.'series.gp'
