# SPDX-License-Identifier: GPL-3.0-or-later
# Prefill and decode apart: what is counted, the links between, and what cannot be built.
cp "$SRC/tests/data/small.yaml" .
run() {
    "$HEADROOM" run -q --no-plots -j "$HEADROOM_JOBS" -o "$1" small.yaml --set deployments.0.hardware=h100-sxm \
        --set deployments.0.prefill_replicas=1 "${@:2}"
}
columns() { # FILE NAME...
    awk -F , -v names="${*:2}" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; n = split(names, name, " "); next }
        { line = $at[name[1]]; for (i = 2; i <= n; i++) line = line "," $at[name[i]]; print line }' "$1"
}
run same | tail -n +3 | sed 's/  */ /g' | cut -d ' ' -f 1-4
columns same/summary.csv class n_gpus replicas prefill_replicas prefill_hardware prefill_tp network completed evidence
columns same/memory.csv deployment role n_gpus fits
columns same/links.csv direction network replica rank bytes_per_s
# another SKU for prefill, one cheap link for both ways, a network that is oversubscribed
run mixed --set deployments.0.prefill.hardware=l40s --set deployments.0.prefill.tp=2 --set deployments.0.network=eth-25g \
    --set deployments.0.oversubscription=4 --set deployments.0.kv_transfer=layered >/dev/null
columns mixed/summary.csv class n_gpus prefill_hardware prefill_tp network completed | head -n 1
columns mixed/links.csv direction network replica rank bytes_per_s
# together again: no links are left of the run before
"$HEADROOM" run -q --no-plots -j "$HEADROOM_JOBS" -o same small.yaml >/dev/null
[ -e same/links.csv ] && echo "links.csv is of another run"
run bad --set deployments.0.network=token-ring
run bad --set deployments.0.prefill.hardware=rtx-4090
