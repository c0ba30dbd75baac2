#!/usr/bin/env bash
# sim.sh [BUILD]: the fleet's controllers in the deterministic simulator, SIM_SEEDS seeds of SIM_STEPS steps from SIM_FIRST on, on all
# processors. The first seed that breaks an invariant is printed with its trace and how to replay it.
set -uo pipefail
cd "$(dirname "$0")/.."

program=${1:-build}/tests/sim/sim_fleet
seeds=${SIM_SEEDS:-3000} steps=${SIM_STEPS:-500} first=${SIM_FIRST:-1} jobs=${SIM_JOBS:-$(nproc)}
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
each=$(((seeds + jobs - 1) / jobs)) pids=()

for ((at = first, left = seeds; left > 0; at += each, left -= each)); do
    "$program" --first "$at" --seeds "$((left < each ? left : each))" --steps "$steps" >"$logs/$at" 2>&1 &
    pids+=("$!:$at")
done
for pid in "${pids[@]}"; do
    wait "${pid%%:*}" || { tail -n 60 "$logs/${pid##*:}"; failed=1; }
done
[ -z "${failed:-}" ] || { echo 'simulator: 0 passed, 1 failed'; exit 1; }
awk '/^promotions:/ {s += $2; f += $4; c += $6; r += $8; w += $10} /^[0-9]+ steps in/ {n += $1} /^[0-9]+ passed/ {p += $1}
    END {printf "simulator: %d promotions succeeded, %d failed, %d cancelled; %d restarts, %d failures of the store\n", s, f, c, r, w
        printf "%d steps; %d passed, 0 failed\n", n, p}' "$logs"/*
