#!/usr/bin/env bash
# Four runs through a real SLURM of one node on this machine, compared bit for bit with the same
# four runs in one process. As root, with the extra `slurm` and the system's SLURM and MUNGE:
#   apt-get install --no-install-recommends slurm-wlm munge
#   scripts/slurm_one_node.sh [FOLDER]        FOLDER: where the runs go, new; default: a temporary one
# The daemons keep to 127.0.0.1 and to a folder of their own, and are stopped at the end.
set -euo pipefail

python=$(command -v "${PYTHON:-python}")
work=$(realpath -m "${1:-$(mktemp -d)}")
slurm=$(mktemp -d /tmp/slurm-one-node.XXXXXX)
node=$(hostname -s)
here=$(cd "$(dirname "$0")" && pwd)
export OMP_NUM_THREADS=1 SLURM_CONF=$slurm/slurm.conf

for tool in munged slurmctld slurmd sbatch; do
  command -v "$tool" > /dev/null || {
    echo "$tool is not installed: apt-get install --no-install-recommends slurm-wlm munge" >&2
    exit 1
  }
done

cat > "$SLURM_CONF" <<CONF
ClusterName=one
SlurmctldHost=$node(127.0.0.1)
SlurmctldParameters=enable_configless
SlurmUser=root
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
AuthInfo=socket=$slurm/munge.socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
StateSaveLocation=$slurm/state
SlurmdSpoolDir=$slurm/spool
SlurmctldPidFile=$slurm/slurmctld.pid
SlurmdPidFile=$slurm/slurmd.pid
SlurmctldLogFile=$slurm/slurmctld.log
SlurmdLogFile=$slurm/slurmd.log
NodeName=$node NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000
PartitionName=debug Nodes=$node Default=YES MaxTime=INFINITE State=UP
CONF
mkdir -p "$slurm/state" "$slurm/spool"

stop() {
  for pid in "$slurm"/slurmd.pid "$slurm"/slurmctld.pid "$slurm"/munge.pid; do
    if [ -s "$pid" ]; then
      number=$(cat "$pid")
      kill "$number" || true
      while [ -e "/proc/$number/exe" ]; do sleep 0.1; done
    fi
  done
  rm -rf "$slurm"
}
trap stop EXIT

chmod 755 "$slurm"
dd if=/dev/urandom of="$slurm/munge.key" bs=1024 count=1 status=none
chmod 600 "$slurm/munge.key"
munged --force --key-file="$slurm/munge.key" --socket="$slurm/munge.socket" \
  --pid-file="$slurm/munge.pid" --log-file="$slurm/munge.log" --seed-file="$slurm/munge.seed"
slurmctld
slurmd
for _ in $(seq 100); do
  sinfo --noheader --format=%T 2> /dev/null | grep -q idle && break
  sleep 0.2
done
sinfo --version
sinfo

cd "$here/.."
"$python" -m scripts.four_runs "$work" hydra/launcher=slurm hydra.launcher.mem_gb=1
