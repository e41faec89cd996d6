# SPDX-License-Identifier: GPL-3.0-or-later
# Shards, in one folder or in several, give the tables of one process; mixes and gaps are refused.
cp "$SRC/tests/data/small.yaml" .
go() { "$HEADROOM" "$@" -q --no-plots -j "$HEADROOM_JOBS"; }
go sweep -o whole small.yaml >whole.txt
for i in 1 2 3; do go sweep -o shared --shard $i/3 small.yaml; done
go merge shared >shared.txt
cmp whole.txt shared.txt && diff -r -x parts whole shared && echo "one folder: the same"
go run --per-request -o whole-run small.yaml >/dev/null
for i in 1 2; do go run --per-request -o part$i --shard $i/2 small.yaml; done
ls part1 part2
go merge part1 part2 -o joined >/dev/null
diff -r whole-run joined && echo "two folders: the same"
go merge part1 2>&1
echo "a gap: exit $?"
go merge shared part1 2>&1 | tail -n 2
echo "a mix: exit ${PIPESTATUS[0]}"
go sweep -o shared --shard 1/3 --seed 2 small.yaml 2>&1
echo "another seed: exit $?"
sed 's/rate: 4/rate: 5/' small.yaml >part.yaml && mv part.yaml small.yaml
go merge shared 2>&1 | sed 's/is [0-9a-f]*, not [0-9a-f]*/is X, not Y/; s/scenario,.*/scenario,X/'
echo "a changed scenario: exit ${PIPESTATUS[0]}"
sed -i '/^sweep/d; s/rate: [0-9]*.s/rate: 1000\/s/' small.yaml
echo 'demand: {requests_per_day: 50M}' >>small.yaml
plan() { go plan --as-of 2026-11-22 --set simulation.requests=100 --set deployments.0.replicas=auto "$@" small.yaml; }
plan -o planned >planned.txt
for i in 1 2; do plan -o plan$i --shard $i/2; done
go merge plan1 plan2 -o plan >plan.txt
cmp planned.txt plan.txt && diff -r planned plan && echo "a plan: the same"
rm plan2/parts/candidate-*
go merge plan1 plan2 -o plan 2>&1
echo "a plan with a gap: exit $?"
go merge none 2>&1
echo "no folder: exit $?"
go run --shard 3/2 small.yaml 2>&1
echo "exit $?"
