# SPDX-License-Identifier: GPL-3.0-or-later
# Hostile input: refused with its place, in bounded time and memory; names are data, never paths or
# commands. Each case has 1.5 GB and 60 s; a sanitizer's address space does not fit that limit.
if (ulimit -v 1500000 && "$HEADROOM" --version) >/dev/null 2>&1; then
    ulimit -v 1500000
fi
cat >base.yaml <<'END'
schema: 1
name: ../../../evil
question: "\"; system \"touch pwned\"; print \"`touch pwned` $(touch pwned) <script>alert(1)</script>"
model: {name: llama-3.1-8b, weights: bf16}
workload:
  - class: "x\"; system \"touch pwned\"; \""
    arrivals: {process: poisson, rate: 10/s}
    prompt: 512
    output: 16
deployments:
  - {name: "../../d`touch pwned`", hardware: h100-sxm, tp: 1, replicas: 1}
simulation: {requests: 200, replications: 1, seed: 1}
END
try() {
    echo "== $1"
    shift
    timeout 60 "$HEADROOM" "$@" -q 2>&1 >/dev/null | cut -c1-200
    echo "exit ${PIPESTATUS[0]}"
}

try "names are data" run base.yaml -j "$HEADROOM_JOBS"
find .. -name pwned
find . -type d
for set in simulation.requests=1e13 deployments.0.replicas=1e9 deployments.0.tp=1e9 simulation.replications=1e9 \
    workload.0.prompt=nan workload.0.prompt=inf workload.0.prompt=1e999 workload.0.arrivals.rate=-1 workload.0.arrivals.rate=0 \
    simulation.seed=-1 deployments.0.hardware=../../gpus model.name=../../../etc/passwd model.name=/dev/zero \
    'workload.0.arrivals={process: trace, file: /dev/zero}'; do
    try "$set" run base.yaml --no-plots --set "$set"
done

many=$(seq -s, 1 1000)
try "a cross product of 10^12" run base.yaml --no-plots --set "deployments.0.tp=[$many]" --set "deployments.0.ep=[$many]" \
    --set "deployments.0.dp=[$many]" --set "deployments.0.replicas=[$many]"
try "more GPUs than a deployment may have" run base.yaml --no-plots --set deployments.0.tp=1024 --set deployments.0.replicas=1e6

printf 'a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n' >bomb.yaml
try "an alias bomb" check bomb.yaml
head -c 100000 /dev/zero | tr '\0' '[' >deep.yaml
try "nesting without end" check deep.yaml
{ echo 'model: ['; yes 'x,' | head -n 1100000; echo ']'; } >wide.yaml
try "a million values" check wide.yaml
head -c 100000000 /dev/zero | tr '\0' 'x' >long.yaml
try "a file of 100 MB" check long.yaml
head -c 1000000 /dev/zero >zero.yaml
try "zeros" check zero.yaml

{ echo 'arrival_s,input_tokens,output_tokens'; yes 0,1,1 | head -n 10000001; } >long.csv
try "a trace of ten million and one" run base.yaml --no-plots --set 'workload.0.arrivals={process: trace, file: long.csv}'
truncate -s 1G huge.csv
try "a trace of 1 GB of zeros" run base.yaml --no-plots --set 'workload.0.arrivals={process: trace, file: huge.csv}'
{ echo 'id,model'; head -c 20000000 /dev/zero | tr '\0' 'x'; } >huge.csv
try "a table of 20 MB in one field" validate huge.csv
{ echo 'id,model'; yes x,y | head -n 6000000; } >huge.csv
try "a table of 12 million cells" validate huge.csv
rm -f ./*.csv ./*.yaml
