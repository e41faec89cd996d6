# SPDX-License-Identifier: GPL-3.0-or-later
# SIGINT and SIGTERM stop after the current point: 130 and 143, with what is finished in the tables.
cp "$SRC/tests/data/small.yaml" .
stop_with() {
    "$HEADROOM" run -j "$HEADROOM_JOBS" --requests 1G --no-plots -o "$1" small.yaml >/dev/null 2>said &
    until [ -s "$1/memory.csv" ]; do sleep 0.1; done
    sleep 0.3
    kill -"$1" $!
    wait $!
    echo "$1: exit $?"
    grep -c '^note: stopped by a signal' said
}
stop_with INT
stop_with TERM
