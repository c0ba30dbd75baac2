#!/usr/bin/env bash
# storm.sh BUILD [ARGUMENT ...]: the residency storm for STORM_SECONDS (600) against the binaries in BUILD, after the cases by which its oracle
# is checked. `tests/storm/storm.py --help` lists the arguments.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${1:-build}")
shift || true
[ -x "$build/ambit" ] || { echo "storm: $build/ambit is missing; build it first" >&2; exit 1; }
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=0:exitcode=99:detect_leaks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
.venv/bin/python -m pytest -q -p no:cacheprovider tests/storm
exec .venv/bin/python tests/storm/storm.py --build "$build" --seconds "${STORM_SECONDS:-600}" "$@"
