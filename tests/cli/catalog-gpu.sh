# SPDX-License-Identifier: GPL-3.0-or-later
# One GPU in full: the estimated value is marked, and a name may be written loosely.
"$HEADROOM" catalog gpus h100-sxm
"$HEADROOM" catalog gpus H100_SXM | cmp - <("$HEADROOM" catalog gpus h100-sxm)
