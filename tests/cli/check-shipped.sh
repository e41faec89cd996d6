# SPDX-License-Identifier: GPL-3.0-or-later
# Every shipped scenario is valid.
for scenario in "$SRC"/scenarios/*.yaml "$SRC"/tests/bench/*.yaml; do
    "$HEADROOM" check "$scenario" -q >/dev/null
    echo "$? $(basename "$scenario")"
done
