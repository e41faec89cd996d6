#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# check_slurm.sh PROGRAM - packaging/headroom.sbatch on a Slurm of this machine alone (munged, slurmctld
# and slurmd with their own configuration, ports and folders): an array of 4, once undisturbed and once
# with a task killed and queued again, leaves the bytes of one process. So do four shards under GNU
# parallel, as the README runs them.
set -euo pipefail

HEADROOM=$(realpath "${1:?usage: tests/check_slurm.sh PROGRAM}")
cd "$(dirname "$0")/.."
source=$PWD
scratch=$(mktemp -d)
chmod 755 "$scratch"
export HEADROOM SLURM_CONF=$scratch/slurm.conf SOURCE_DATE_EPOCH=1795305600
pids=()

stop_daemons() {
    local code=$?
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    [ "$code" -eq 0 ] || tail -n 15 "$scratch"/*.log "$scratch"/*/slurm-*.log >&2 2>/dev/null || true
    rm -rf "$scratch"
}
trap stop_daemons EXIT
trap 'exit 1' INT TERM

fail() {
    echo "slurm: $*" >&2
    exit 1
}

for tool in munged slurmctld slurmd sbatch scontrol squeue parallel; do
    PATH=$PATH:/usr/sbin command -v $tool >/dev/null || fail "$tool is missing: make deps-check"
done
PATH=$PATH:/usr/sbin

# wait_for SECONDS COMMAND...
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.2
    done
}

# ---- the cluster ----

port=$((20000 + $$ % 20000))
user=$(id -un)
host=$(hostname -s)
mkdir "$scratch/state" "$scratch/spool" "$scratch/munge"
chmod 700 "$scratch/munge"
head -c 1024 /dev/urandom >"$scratch/munge/key"
chmod 400 "$scratch/munge/key"
cat >"$SLURM_CONF" <<CONF
ClusterName=check
SlurmctldHost=$host(127.0.0.1)
SlurmUser=$user
SlurmdUser=$user
SlurmctldPort=$port
SlurmdPort=$((port + 1))
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$scratch/munge.socket,cred_expire=5
StateSaveLocation=$scratch/state
SlurmdSpoolDir=$scratch/spool
SlurmctldPidFile=$scratch/slurmctld.pid
SlurmdPidFile=$scratch/slurmd.pid
SlurmctldLogFile=$scratch/slurmctld.log
SlurmdLogFile=$scratch/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=2,bf_interval=2
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
JobRequeue=1
NodeName=$host NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF

munged --foreground --key-file="$scratch/munge/key" --socket="$scratch/munge.socket" \
    --pid-file="$scratch/munge/munged.pid" --log-file="$scratch/munge/munged.log" \
    --seed-file="$scratch/munge/seed" --force >"$scratch/munged.log" 2>&1 &
pids+=($!)
wait_for 10 test -S "$scratch/munge.socket" || fail "munged does not start"
slurmctld -D -f "$SLURM_CONF" >/dev/null 2>&1 &
pids+=($!)
wait_for 20 scontrol ping || fail "slurmctld does not start"
slurmd -D -f "$SLURM_CONF" >/dev/null 2>&1 &
pids+=($!)
node_is_idle() {
    [ "$(sinfo -h -o %t)" = idle ]
}
wait_for 30 node_is_idle || fail "the node is $(sinfo -h -o %T)"

# ---- the runs ----

cd "$scratch"
sed 's/^sweep:.*/sweep: {points: 6}/' "$source/tests/data/small.yaml" >slurm.yaml
points=12
run=(sweep slurm.yaml --requests 100000)
"$HEADROOM" "${run[@]}" -q -o whole >whole.txt

array_is_done() {
    ! squeue -h -a -t all -o '%i %t' | grep -qvE ' (CD|F|CA|TO|NF)$'
}

# The tables and what merge printed must be those of one process.
compare() {
    local out=$1
    wait_for 90 array_is_done || fail "$out: still queued: $(squeue -h -a)"
    [ "$(find "$out/parts" -name 'point-*.csv' | wc -l)" -eq $points ] || fail "$out: points are missing"
    diff -r -x parts -x 'slurm-*.log' whole "$out" || fail "$out: other tables"
    grep -q '^deployment' "$out/slurm-merge.log" || fail "$out: merge printed nothing"
}

submit() {
    "$source/packaging/headroom.sbatch" 4 "$1" "${run[@]}" >/dev/null
}

submit plain
compare plain

submit disturbed
task_has_begun() {
    [ -e disturbed/parts/point-000001.csv ] && pgrep -f -- "$HEADROOM.*-o disturbed .*--shard 2/4" >victim
}
wait_for 30 task_has_begun || fail "task 2 never ran"
kill -9 "$(cat victim)"
compare disturbed
restarts=$(scontrol -o show job | grep 'ArrayTaskId=2 ' | tail -n 1 | sed 's/.*Restarts=\([0-9]*\).*/\1/')
[ "$restarts" -eq 1 ] || fail "task 2 was queued again $restarts times, not once"
grep -q "3 of $points points are in" disturbed/slurm-2.log || fail "task 2 did not finish its points"
parallel -j 2 "$HEADROOM" "${run[@]}" -q -o parallel --shard '{}/4' ::: 1 2 3 4
"$HEADROOM" merge -q parallel >parallel.txt
cmp whole.txt parallel.txt || fail "parallel: another text table"
diff -r -x parts whole parallel || fail "parallel: other tables"
echo "slurm: $(sinfo -V): two arrays of 4, one with a task killed and queued again, gave the bytes of one process"
