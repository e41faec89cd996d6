# SPDX-License-Identifier: GPL-3.0-or-later
# A scenario that is not there: exit 4.
"$HEADROOM" check nowhere.yaml
