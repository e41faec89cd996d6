# SPDX-License-Identifier: GPL-3.0-or-later
# The resolved scenario, each value with where it came from.
"$HEADROOM" check "$SRC/scenarios/quickstart.yaml" --set simulation.seed=7
