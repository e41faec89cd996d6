# SPDX-License-Identifier: GPL-3.0-or-later
# The shell examples of the README run, each shortened to few requests.
ln -s "$SRC/scenarios" scenarios
awk '/^```sh$/ { inside = 1; next } /^```/ { inside = 0 } inside && /^headroom /' "$SRC/README.md" >examples
while read -r program command rest; do
    case $command in
    run | sweep) rest="--requests 200 --no-plots -j $HEADROOM_JOBS $rest" ;;
    esac
    # shellcheck disable=SC2086 # the rest is words, and a comment behind them
    eval "$HEADROOM" "$command" -q $rest >/dev/null </dev/null
    echo "exit $? of $program $command"
done <examples
