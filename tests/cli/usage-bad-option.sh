# SPDX-License-Identifier: GPL-3.0-or-later
# A number that is none: exit 2, and what was wanted.
"$HEADROOM" sweep --requests many "$SRC/scenarios/quickstart.yaml"
