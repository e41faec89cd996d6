# SPDX-License-Identifier: GPL-3.0-or-later
# The help of the program and of every command.
"$HEADROOM" --help
for command in $("$HEADROOM" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
    echo
    echo "--- $command"
    "$HEADROOM" "$command" --help
    "$HEADROOM" help "$command" | cmp - <("$HEADROOM" "$command" -h) || echo "help $command differs"
done
