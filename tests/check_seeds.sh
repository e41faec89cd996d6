#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# check_seeds.sh PROGRAM - what a plan says about its own certainty holds for the whole program:
# a decision of high confidence is the same for twenty seeds, one without evidence is never of high
# confidence, and a volume or growth that is said to flip the decision does when it is fed back.
set -euo pipefail
program=$(realpath "${1:?usage: tests/check_seeds.sh PROGRAM}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export SOURCE_DATE_EPOCH=1795305600 LC_ALL=C
n_seeds=20

fail() {
    echo "seeds: $*" >&2
    exit 1
}

cat >"$scratch/small.yaml" <<'END'
name: small
model: {name: llama-3.1-8b, weights: fp8}
workload:
  - class: chat
    prompt: {dist: uniform, min: 100, max: 300}
    output: {dist: uniform, min: 4, max: 20}
    slo: {tpot_p95: 40 ms, ttft_p95: 400 ms}
demand: {requests_per_day: 5M, horizon: 12 months}
engine: {max_model_len: 2k, max_num_seqs: 64}
deployments:
  - {hardware: h100-sxm, tp: 1}
managed: [{provider: acme, input: 0.5, output: 0.5}]
simulation: {requests: 300, replications: 2}
END

# "side confidence" of a plan with these options; its tables are left in $scratch/out.
decide() {
    "$program" plan -q --no-plots -o "$scratch/out" "$scratch/small.yaml" "$@" |
        sed -n 's/^Decision: \([a-z-]*\) (.*confidence \([a-z]*\))$/\1 \2/p'
}

n_high=0
for volume in 100k 5M 20M; do
    first=$(decide --set "demand.requests_per_day=$volume" --seed 1)
    [ -n "$first" ] || fail "no decision at $volume requests a day"
    [ "${first#* }" = high ] || continue
    n_high=$((n_high + 1))
    for ((seed = 2; seed <= n_seeds; seed++)); do
        other=$(decide --set "demand.requests_per_day=$volume" --seed "$seed")
        [ "${other% *}" = "${first% *}" ] ||
            fail "at $volume requests a day seed 1 says $first, seed $seed $other"
    done
done
[ $n_high -ge 2 ] || fail "only $n_high of the decisions are of high confidence"

n_none=0
for volume in 100k 20M; do
    said=$(decide --set "demand.requests_per_day=$volume" --set deployments.0.hardware=b300)
    if grep -q '^[0-9]*,ranked,self-hosted,.*,none,[^,]*$' "$scratch/out/plan.csv"; then
        n_none=$((n_none + 1))
        [ "${said#* }" != high ] || fail "high confidence without evidence at $volume"
    fi
done
[ $n_none -ge 1 ] || fail "every system has evidence: nothing was tested"

n_flips=0
for volume in 100k 5M; do
    before=$(decide --set "demand.requests_per_day=$volume")
    cp "$scratch/out/decision.csv" "$scratch/flips.csv"
    while IFS=, read -r _ model input value _; do
        case $model$input in
        'volume of the first month') key=demand.requests_per_day ;;
        growth) key=demand.growth_per_month ;;
        'staff beside the managed offer') key=economics.managed_staff_per_year ;;
        *) continue ;;
        esac
        after=$(decide --set "demand.requests_per_day=$volume" --set "$key=$value")
        [ "${after% *}" != "${before% *}" ] || fail "$input $value does not flip $before at $volume"
        n_flips=$((n_flips + 1))
    done < <(grep '^flip,' "$scratch/flips.csv")
done
[ $n_flips -ge 2 ] || fail "only $n_flips values were fed back"
echo "seeds: $n_high decisions of high confidence hold for $n_seeds seeds, $n_none without evidence claim none, $n_flips values flip"
