# SPDX-License-Identifier: GPL-3.0-or-later
# Where the tokens of prompts came from per deployment and load, from cache.csv: gpu_frac tier_frac
# computed_frac.
load TEMPLATES.'bars.gp'
