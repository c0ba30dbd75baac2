#!/usr/bin/env bash
# storm.sh BUILD [ARGUMENT ...]: the residency storm for STORM_SECONDS (600) against the binaries in BUILD.
set -euo pipefail
cd "$(dirname "$0")/.."
AMBIT_BUILD=$(realpath "${1:-build}")
export AMBIT_BUILD
shift || true
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=0:exitcode=99:detect_leaks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
exec .venv/bin/python tests/storm/storm.py --seconds "${STORM_SECONDS:-600}" "$@"
