# SPDX-License-Identifier: GPL-3.0-or-later
# The catalogue has every GPU that scenarios may name.
"$HEADROOM" catalog gpus | tail -n +3 | cut -d ' ' -f 1 >have
for gpu in a100-sxm-40gb a100-sxm-80gb a100-pcie-80gb h100-sxm h100-pcie h100-nvl h200-sxm h200-nvl h20 gh200 \
    b200 b300 gb200 gb300 l4 l40s rtx-pro-6000 rtx-4090 rtx-5090 mi300x mi325x mi350x mi355x gaudi2 gaudi3; do
    grep -qx "$gpu" have || echo "missing $gpu"
done
# Tables and JSON hold the same rows.
for kind in models gpus nodes prices managed; do
    rows=$("$HEADROOM" catalog $kind | tail -n +3 | wc -l)
    objects=$("$HEADROOM" catalog $kind --json | grep -c '^    {')
    [ "$rows" -gt 20 ] && [ "$rows" -eq "$objects" ] || echo "$kind: $rows rows, $objects objects"
done
