# SPDX-License-Identifier: GPL-3.0-or-later
# Cost per million tokens by option, from plan.csv: usd_per_mtok_blended and its band.
load TEMPLATES.'ranges.gp'
