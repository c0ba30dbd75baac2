#!/usr/bin/env bash
# sanitize.sh asan|tsan: builds with those sanitizers and runs the unit tests.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/suites.sh

case "${1:-}" in
asan) options=(-Db_sanitize=address,undefined -Db_lundef=false) ;;
tsan) options=(-Db_sanitize=thread -Db_lundef=false) ;;
*) echo "usage: sanitize.sh asan|tsan" >&2; exit 2 ;;
esac
suite "build with $1" build_variant "build-$1" "${options[@]}"
suite "unit tests with $1" unit_tests "build-$1" 8
suites_end
