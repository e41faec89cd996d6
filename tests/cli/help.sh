# SPDX-License-Identifier: GPL-3.0-or-later
# The help of the program; `help COMMAND`, -h and --help say the same.
"$HEADROOM" --help
for command in $("$HEADROOM" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
    "$HEADROOM" help "$command" | cmp - <("$HEADROOM" "$command" -h) || echo "help $command differs"
    "$HEADROOM" "$command" --help | cmp - <("$HEADROOM" "$command" -h) || echo "$command -h differs"
done
