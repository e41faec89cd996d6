# SPDX-License-Identifier: GPL-3.0-or-later
# What one input changes, from sensitivity.csv: usd_low to usd_high around usd_base.
load TEMPLATES.'ranges.gp'
