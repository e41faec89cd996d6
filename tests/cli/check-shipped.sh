# SPDX-License-Identifier: GPL-3.0-or-later
# Every shipped scenario is valid.
for s in "$SRC"/scenarios/*.yaml; do
    "$HEADROOM" check "$s" >/dev/null || echo "$s: exit $?"
done
