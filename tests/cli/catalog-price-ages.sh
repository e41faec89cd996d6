# SPDX-License-Identifier: GPL-3.0-or-later
# Ages of prices are counted to --as-of, else to SOURCE_DATE_EPOCH.
age() { "$HEADROOM" catalog prices dgx-b200 "$@" --json | grep -E '"(as_of|age_days)"'; }
age --as-of 2026-01-31
age
SOURCE_DATE_EPOCH=soon "$HEADROOM" catalog prices 2>&1
echo "exit $?"
