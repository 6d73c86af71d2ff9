#!/usr/bin/env bash
# Four runs through a Ray cluster of one node on this machine, compared bit for bit with the same
# four runs in one process. With the extra `ray`:
#   scripts/ray_one_node.sh [FOLDER]          FOLDER: where the runs go, new; default: a temporary one
# The cluster is started outside the working folder, as clusters are, takes only those who know its
# token, and is stopped at the end; other Ray clusters are left alone.
set -euo pipefail

python=$(command -v "${PYTHON:-python}")
work=$(realpath -m "${1:-$(mktemp -d)}")
cluster=$(mktemp -d /tmp/ray-one-node.XXXXXX)
here=$(cd "$(dirname "$0")" && pwd)
export OMP_NUM_THREADS=1
export RAY_ADDRESS=127.0.0.1:6399
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN
RAY_AUTH_TOKEN=$("$python" -c "import secrets; print(secrets.token_hex(32))")

# --block: the cluster lives as long as this one process.
(cd "$cluster" && exec "$(dirname "$python")/ray" start --head --block --port=6399 --num-cpus=2 \
  --include-dashboard=false --disable-usage-stats --temp-dir="$cluster") > "$cluster.log" 2>&1 &
head=$!

stop() {
  kill "$head" 2> /dev/null || true
  wait "$head" 2> /dev/null || true
  rm -rf "$cluster" "$cluster.log"
}
trap stop EXIT

for _ in $(seq 150); do
  "$(dirname "$python")/ray" status > /dev/null 2>&1 && break
  kill -0 "$head" 2> /dev/null || { cat "$cluster.log" >&2; exit 1; }
  sleep 0.2
done
"$(dirname "$python")/ray" --version

cd "$here/.."
"$python" -m scripts.four_runs "$work" hydra/launcher=ray_cluster
