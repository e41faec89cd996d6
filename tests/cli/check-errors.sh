# SPDX-License-Identifier: GPL-3.0-or-later
# A bad scenario is refused with file, line, column, the line itself and a suggestion: exit 3.
try() {
    cat >bad.yaml
    "$HEADROOM" check bad.yaml "$@" 2>&1
    echo "exit $?"
    echo
}
try <<'END'
model: llama-4-scout
workload:
  - arrivals: {rate: 5/s}
    prompt: 512
    outptu: 64
END
try <<'END'
model: llama-4-scout
workload:
  - arrivals: {rate: 5 apples}
    prompt: 512
    output: 64
END
try <<'END'
model: llama-4-scuot
workload:
  - {arrivals: {rate: 5/s}, prompt: 512, output: 64}
END
try <<'END'
model: llama-4-scout
workload:
  - {arrivals: {rate: 5/s}, prompt: 512, output: 64}
deployments:
  - hardware: [h100-sxm, h200-smx]
END
try <<'END'
model: llama-4-scout
model: llama-4-maverick
END
try <<'END'
schema: 2
model: llama-4-scout
END
try <<'END'
model: "llama-4-scout
END
try </dev/null
try --set engine.kindd=vllm <<'END'
model: llama-4-scout
workload:
  - {arrivals: {rate: 5/s}, prompt: 512, output: 64}
END
try <<'END'
model: llama-3.1-8b
workload:
  - {arrivals: {rate: 5/s}, prompt: 512, output: 64}
deployments: [{hardware: h100-sxm, tp: 3}]
END
echo 'arrived_at,what' >trace.csv
try <<'END'
model: llama-4-scout
workload:
  - {arrivals: {process: trace, file: trace.csv}}
END
"$HEADROOM" check no-such-file.yaml 2>&1
echo "exit $?"
