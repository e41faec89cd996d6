# SPDX-License-Identifier: GPL-3.0-or-later
# The resolved scenario, each value with its origin; it loads again to the same values.
s=$SRC/scenarios/quickstart.yaml
"$HEADROOM" check "$s" --set engine.kind=sglang --seed 7
"$HEADROOM" check -q "$s" >again.yaml
"$HEADROOM" check -q again.yaml | sed 's/ *#.*//' | cmp - <(sed 's/ *#.*//' again.yaml) && echo "reads back the same"
