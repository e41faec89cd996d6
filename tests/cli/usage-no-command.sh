# SPDX-License-Identifier: GPL-3.0-or-later
# Nothing asked: exit 2, and where to look.
"$HEADROOM"
