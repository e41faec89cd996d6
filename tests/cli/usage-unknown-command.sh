# SPDX-License-Identifier: GPL-3.0-or-later
# A mistyped command: exit 2, and the nearest one.
"$HEADROOM" swep "$SRC/scenarios/quickstart.yaml"
