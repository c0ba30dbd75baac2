#!/usr/bin/env bash
# run.sh BUILD: Ambit in the foreground with eight simulated regions behind it (ambit-sim), as examples/quickstart.yaml describes them, and
# commands to try. Ctrl-C ends everything. Nothing is kept: the data directory is a temporary one.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}
regions=scaleway-par-1,scaleway-par-2,atnorth-sto-1,atnorth-isl-1,ovh-gra-1,ovh-rbx-1,hetzner-fsn-1,hetzner-hel-1
data=$(mktemp -d)
sim= gateway=

finish() {
    trap - EXIT INT TERM
    [ -z "$gateway" ] || { kill -TERM "$gateway" 2>/dev/null || true; wait "$gateway" 2>/dev/null || true; }
    [ -z "$sim" ] || { kill -TERM "$sim" 2>/dev/null || true; wait "$sim" 2>/dev/null || true; }
    rm -rf "$data"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Job control gives each a process group of its own, so that Ctrl-C reaches this script and it ends them in order.
set -m
"$build/ambit-sim" --regions "$regions" --base-port 9101 --model mistral-medium-3 --token-interval-ms 50 &
sim=$!
"$build/ambit" serve --config examples/quickstart.yaml --data-dir "$data" &
gateway=$!
set +m

until curl -sf -o "$data/ready" http://localhost:4000/health/ready; do
    kill -0 "$sim" 2>/dev/null || { echo "run: the simulated model servers did not start (ports 9101 to 9108)" >&2; exit 1; }
    kill -0 "$gateway" 2>/dev/null || { echo "run: Ambit did not start (ports 4000 and 4001)" >&2; exit 1; }
    sleep 0.1
done
cat scripts/try.txt
wait "$gateway"
