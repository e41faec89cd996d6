# SPDX-License-Identifier: GPL-3.0-or-later
# SIGINT and SIGTERM stop after the current point: 130 and 143, with what is finished in the tables.
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
