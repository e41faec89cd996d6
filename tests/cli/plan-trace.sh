# SPDX-License-Identifier: GPL-3.0-or-later
# A provider bills the tokens of the trace: 1000 requests a day of 1000 and 100 tokens, about
# 30 and 3 million a month.
{
    echo arrival_s,input_tokens,output_tokens
    seq -f '%g,1000,100' 0 200
} >trace.csv
cat >plan.yaml <<'END'
name: trace
model: llama-3.1-8b
workload:
  - class: chat
    arrivals: {process: trace, file: trace.csv}
    slo: {tpot_p95: 0.01 ms}
demand: {requests_per_day: 1000}
deployments:
  - {hardware: h100-sxm, tp: 1, replicas: 1}
managed: [{provider: databricks}]
END
"$HEADROOM" plan -q --no-plots -j "$HEADROOM_JOBS" -o out plan.yaml | grep '^Decision'
grep -o '^[^,]*,[^,]*,[io][nu][a-z]* tokens,[^,]*,[^,]*,[^,]*,[^,]*' out/costs.csv
