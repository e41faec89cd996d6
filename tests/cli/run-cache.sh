# SPDX-License-Identifier: GPL-3.0-or-later
# Conversations on four replicas: what routers over content and a host tier find again.
"$HEADROOM" run -q --no-plots -j "$HEADROOM_JOBS" "$SRC/scenarios/agent-cache.yaml" --requests 400 --set engine.gpu_mem_util=30% \
    --set deployments.0.kv_host='[0, 8 GiB, 512 GiB]' --set deployments.0.router='[least-requests, kv-aware]'
cat out/agent-cache/cache.csv
"$HEADROOM" memory -q --no-plots "$SRC/scenarios/agent-cache.yaml" --set deployments.0.kv_ssd='1 TiB' >/dev/null
cut -d, -f1,30- out/agent-cache/memory.csv
