# SPDX-License-Identifier: GPL-3.0-or-later
# A mistyped key: exit 3 with place, line, caret and the nearest key.
sed 's/max_model_len/max_modle_len/' "$SRC/scenarios/quickstart.yaml" >bad.yaml
"$HEADROOM" check bad.yaml
