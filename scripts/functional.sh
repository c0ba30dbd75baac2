#!/usr/bin/env bash
# functional.sh BUILD [PYTEST ARGUMENT ...]: the functional tests against the binaries in BUILD.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${1:-build}")
shift || true
[ -x "$build/ambit" ] || { echo "functional: $build/ambit is missing; build it first" >&2; exit 1; }
export AMBIT_BUILD=$build
# A report of a sanitizer ends the process that it is about, so that its test fails.
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=0:exitcode=99:detect_leaks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
export NO_PROXY='*' no_proxy='*'
exec .venv/bin/python -m pytest -q -p no:cacheprovider --timeout 300 tests/functional tests/chaos "$@"
