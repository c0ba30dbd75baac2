#!/usr/bin/env bash
# soak.sh BUILD [ARGUMENT ...]: the soak, SOAK_REQUESTS (20 million) mixed requests with faults, against the binaries in BUILD.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${1:-build}")
shift || true
for program in ambit ambit-sim; do
    [ -x "$build/$program" ] || { echo "soak: $build/$program is missing; build it first" >&2; exit 1; }
done
exec .venv/bin/python tests/soak/soak.py --build "$build" --requests "${SOAK_REQUESTS:-20000000}" "$@"
