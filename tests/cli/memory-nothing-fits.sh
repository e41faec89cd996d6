# SPDX-License-Identifier: GPL-3.0-or-later
# 109 B parameters on one 24 GB card: exit 1, and the table of the candidate is written all the same.
"$HEADROOM" memory "$SRC/scenarios/quickstart.yaml" --no-plots -q -o out >/dev/null \
    --set deployments.0.hardware=l4 --set deployments.0.tp=1
code=$?
head -n 1 out/memory.csv
exit $code
