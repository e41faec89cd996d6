# SPDX-License-Identifier: GPL-3.0-or-later
# Results that cannot be written are exit 4; a reader that went away needs no message.
"$HEADROOM" catalog gpus 2>&1 >/dev/full
echo "full: exit $?"
"$HEADROOM" catalog gpus 2>&1 >&-
echo "closed: exit $?"
mkfifo gone
(exec 3<gone) & # opens and closes
{
    wait $!
    sleep 0.2
    "$HEADROOM" catalog models 2>&2
    echo "pipe: exit $?" >&2
} 2>said >gone
cat said
"$HEADROOM" catalog models 2>said | head -n 1 | cut -c 1-4
echo "head: $(wc -c <said) bytes on stderr"
"$HEADROOM" memory -q --no-plots -o /proc/none "$SRC/scenarios/quickstart.yaml" 2>&1
echo "exit $?"
touch file
"$HEADROOM" memory -q --no-plots -o file/deeper "$SRC/scenarios/quickstart.yaml" 2>&1
echo "exit $?"
