# SPDX-License-Identifier: GPL-3.0-or-later
# The catalogue is found from any directory, from an installation, and directories of one's own go first.
"$HEADROOM" catalog gpus h100-sxm | head -n 2
mkdir -p root/bin root/share/headroom own/hardware own/models other
cp "$HEADROOM" root/bin/
cp -r "$SRC/models" "$SRC/hardware" "$SRC/plots" root/share/headroom/
(cd other && ../root/bin/headroom catalog gpus h100-sxm | head -n 2)
(cd other && ../root/bin/headroom memory -q "$SRC/scenarios/quickstart.yaml" >/dev/null && ls out/quickstart)
sed -n '1p; /^h100-sxm,/s/NVIDIA H100 SXM 80 GB/My H100/p' "$SRC/hardware/gpus.csv" >own/hardware/gpus.csv
"$HEADROOM" catalog gpus h100-sxm --data own | sed -n 2p
HEADROOM_PATH=/nonexistent:own "$HEADROOM" catalog gpus h100-sxm | sed -n 2p
HEADROOM_PATH=own "$HEADROOM" catalog gpus b200 | sed -n 2p
