# SPDX-License-Identifier: GPL-3.0-or-later
# A stopped run goes on where it stood; without --resume its points are neither lost nor mixed.
cp "$SRC/tests/data/small.yaml" .
go() { "$HEADROOM" sweep -q --no-plots -j "$HEADROOM_JOBS" --replications 2 "$@" small.yaml; }
go -o whole >whole.txt
# a run without its last step: all points, then one is lost
go -o out --shard 1/1 >/dev/null # no other shards: writes its tables and clears up
ls out
for i in 1 2; do go -o out --shard $i/2; done
rm out/parts/point-000002.csv
go -o out --resume >out.txt
cmp whole.txt out.txt && diff -r whole out && echo "resumed: the same"
for i in 1 2; do go -o out --shard $i/2; done
go -o out 2>&1
echo "without --resume: exit $?"
go -o out --resume --seed 5 2>&1
echo "another seed: exit $?"
head -c 300 out/parts/point-000001.csv >short.csv && mv short.csv out/parts/point-000001.csv
go -o out --resume 2>&1 | cut -c 1-90
echo "a part cut short: exit ${PIPESTATUS[0]}"
# nothing to go on with is no error
go -o new --resume >new.txt
cmp whole.txt new.txt && echo "from nothing: the same"
# a disk that takes no more: what is finished is kept; how much differs with the number of threads
loads=(--set 'sweep.loads=[4, 4.9]')
go -o whole2 "${loads[@]}" >whole.txt
for i in 1 2; do go -o sizes --shard $i/2 "${loads[@]}"; done
largest=$(stat -c %s sizes/parts/* | sort -n | tail -n 1)
(trap '' XFSZ && ulimit -f $((largest / 1024)) && go -o full "${loads[@]}") 2>&1 | sed 's/point-[0-9]*/point-N/; s/[0-9] of 4/N of 4/'
echo "no space: exit ${PIPESTATUS[0]}"
ls full
go -o full --resume "${loads[@]}" >full.txt
cmp whole.txt full.txt && diff -r whole2 full && echo "with space again: the same"
