#!/bin/sh
# A Slurm of one node on this machine, for tests: no systemd, cgroups or accounting.
#
#   slurm_single_node.sh why-not        say why it cannot be started; nothing where it can
#   slurm_single_node.sh start STATE    start it; STATE is a new directory with a short path
#   slurm_single_node.sh stop STATE     end what start began, by process id, and clear up
#
# Jobs find the controller through the default configuration file alone, because the executor
# plugin takes SLURM_CONF from their environment. start writes that file, stop removes it; one
# that is not ours is never touched. The munge daemon is our own, with its key and socket in STATE.
set -eu

conf=/etc/slurm/slurm.conf
mark='# wemix-ref: single node for tests; state in'

say() { printf 'slurm_single_node: %s\n' "$*" >&2; }

why_not() {
    [ "$(id -u)" = 0 ] || { echo "starting Slurm needs root"; return; }
    for program in munged mungekey slurmctld slurmd sinfo squeue sbatch srun scancel; do
        command -v "$program" >/dev/null 2>&1 || {
            echo "$program is not installed (Debian: slurm-wlm, munge)"
            return
        }
    done
    if [ -e "$conf" ] && ! grep -q -F "$mark" "$conf"; then
        echo "this machine has a Slurm of its own: $conf"
    elif [ -e "$conf" ] && is_alive "$(sed -n "s/^$mark //p" "$conf")/slurmctld.pid"; then
        echo "another test's Slurm is running: $conf"
    fi
}

is_alive() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }

# Waits for up to 20 seconds until a command succeeds.
await() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || return 1
        sleep 0.2
    done
}

# The node says that it has two CPUs on any machine: a job that asks for more than a node has waits
# for ever, and what the tests expect must not depend on how many this process may use.
write_configuration() {
    host=$(hostname -s)
    mkdir -p "$(dirname "$conf")"
    cat >"$state/slurm.conf" <<CONF
$mark $state
ClusterName=single
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
AuthInfo=socket=$state/munge.socket
StateSaveLocation=$state/save
SlurmdSpoolDir=$state/spool
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.pid
SlurmctldLogFile=$state/slurmctld.log
SlurmdLogFile=$state/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MinJobAge=600
KillWait=2
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 RealMemory=$(awk '/^MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo) State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
    cp "$state/slurm.conf" "$conf"
}

is_idle() { [ "$(sinfo --noheader --format=%T)" = idle ]; }

start() {
    reason=$(why_not)
    [ -z "$reason" ] || { say "$reason"; exit 1; }
    mkdir -p "$state/save" "$state/spool"
    mungekey --create --keyfile="$state/munge.key"
    # force: the directory is closed to others, which is meant, and the caller is root.
    munged --force --key-file="$state/munge.key" --socket="$state/munge.socket" \
        --pid-file="$state/munged.pid" --log-file="$state/munged.log" \
        --seed-file="$state/munge.seed" 2>"$state/munged.warnings"
    write_configuration
    slurmctld
    await sinfo || { say "slurmctld does not answer; see $state/slurmctld.log"; exit 1; }
    slurmd
    await is_idle || { say "slurmd does not answer; see $state/slurmd.log"; exit 1; }
}

stop() {
    if is_alive "$state/slurmctld.pid"; then
        timeout 10 scancel --user=root || true
        await is_idle || say "jobs are still running"
    fi
    for daemon in slurmd slurmctld munged; do
        pid=$(cat "$state/$daemon.pid" 2>/dev/null) || continue
        kill "$pid" 2>/dev/null || continue
        await is_gone "$pid" || kill -9 "$pid" 2>/dev/null || true
    done
    if [ -e "$conf" ] && grep -q -x -F "$mark $state" "$conf"; then rm -f "$conf"; fi
}

is_gone() { ! kill -0 "$1" 2>/dev/null; }

case ${1:-} in
why-not) why_not ;;
start | stop)
    state=${2:?a directory for the state is needed}
    "$1"
    ;;
*)
    say "usage: why-not, start STATE or stop STATE"
    exit 2
    ;;
esac
