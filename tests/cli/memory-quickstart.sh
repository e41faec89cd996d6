# SPDX-License-Identifier: GPL-3.0-or-later
# The memory budget of each deployment, and the smallest that fits.
"$HEADROOM" memory -q --no-plots "$SRC/scenarios/quickstart.yaml"
ls out/quickstart
head -n 1 out/quickstart/memory.csv
