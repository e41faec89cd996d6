# SPDX-License-Identifier: GPL-3.0-or-later
# A run writes the same tables whatever the number of threads (the test runner compares them).
cat >small.yaml <<'END'
name: small
model: llama-3.1-8b
workload:
  - class: chat
    share: 0.7
    arrivals: {rate: 4/s}
    prompt: {dist: lognormal, mean: 600, p95: 1800, max: 4000}
    output: {dist: lognormal, mean: 120, p95: 300, max: 800}
    slo: {ttft_p95: 2 s}
  - class: batch
    share: 0.3
    arrivals: {process: gamma, rate: 2/s, cv: 2}
    prompt: 900
    output: 50
engine: {max_model_len: 8k}
deployments:
  - {hardware: [h100-sxm, l40s], tp: 1, replicas: 2}
sweep: {loads: [2, 8]}
simulation: {requests: 300, replications: 3}
END
"$HEADROOM" run -q --no-plots -j "$HEADROOM_JOBS" small.yaml | tail -n +3 | sed 's/  */ /g' | cut -d ' ' -f 1-4
"$HEADROOM" run -q --no-plots -j "$HEADROOM_JOBS" --per-request --seed 2 --replications 2 -o seed2 small.yaml >/dev/null
cd out/small && for table in *.csv; do
    echo "$table: $(head -n 1 "$table" | tr ',' '\n' | wc -l) columns, $(cut -d , -f 1 "$table" | tail -n +2 | sort | uniq -c | tr -s ' \n' ' ')"
done
cd ../../seed2 && wc -l <requests.csv && head -n 1 requests.csv
cmp -s summary.csv ../out/small/summary.csv || echo "another seed, other results"
