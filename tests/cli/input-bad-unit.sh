# SPDX-License-Identifier: GPL-3.0-or-later
# A duration in bytes: exit 3 with place, line and caret.
sed 's/ttft_p95: 1 s/ttft_p95: 1 GiB/' "$SRC/scenarios/quickstart.yaml" >bad.yaml
"$HEADROOM" run bad.yaml --no-plots
