# SPDX-License-Identifier: GPL-3.0-or-later
# Nothing fits: the table says by how much, exit 1.
"$HEADROOM" memory -q --no-plots "$SRC/scenarios/quickstart.yaml" --set deployments.0.hardware=l4 \
    --set deployments.0.tp=1 --json -o here | grep -E '"(fits|deployment)"'
echo "exit ${PIPESTATUS[0]}"
"$HEADROOM" run -q --no-plots "$SRC/scenarios/quickstart.yaml" --set deployments.0.hardware=l4 \
    --set deployments.0.tp=1 -o here
echo "exit $?"
ls here
