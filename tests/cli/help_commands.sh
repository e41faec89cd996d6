# SPDX-License-Identifier: GPL-3.0-or-later
# Every command explains itself.
for command in $("$HEADROOM" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
    "$HEADROOM" "$command" --help || exit
    echo
done
