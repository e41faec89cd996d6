# SPDX-License-Identifier: GPL-3.0-or-later
# The version names the release; the commit in brackets changes.
"$HEADROOM" --version | sed 's/(.*)/(COMMIT)/'
"$HEADROOM" run --version | sed 's/(.*)/(COMMIT)/'
