# SPDX-License-Identifier: GPL-3.0-or-later
# A run writes the same tables whatever the number of threads (the test runner compares them).
cp "$SRC/tests/data/small.yaml" .
"$HEADROOM" run -q --no-plots -j "$HEADROOM_JOBS" small.yaml | tail -n +3 | sed 's/  */ /g' | cut -d ' ' -f 1-4
"$HEADROOM" run -q --no-plots -j "$HEADROOM_JOBS" --per-request --seed 2 --replications 2 -o seed2 small.yaml >/dev/null
cd out/small && for table in *.csv; do
    echo "$table: $(head -n 1 "$table" | tr ',' '\n' | wc -l) columns, $(cut -d , -f 1 "$table" | tail -n +2 | sort | uniq -c | tr -s ' \n' ' ')"
done
cd ../../seed2 && wc -l <requests.csv && head -n 1 requests.csv
cmp -s summary.csv ../out/small/summary.csv || echo "another seed, other results"
# no arrivals, no run
grep -v arrivals: ../small.yaml >none.yaml
"$HEADROOM" run -q --no-plots none.yaml
