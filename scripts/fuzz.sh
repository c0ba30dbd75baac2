#!/usr/bin/env bash
# Builds every target in tests/fuzz with libFuzzer and the address and undefined behaviour sanitizers, and runs each for FUZZ_SECONDS
# (60). `fuzz.sh NAME` runs one. New inputs go to build-fuzz/corpus, a failing one to build-fuzz/crashes.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/suites.sh

seconds=${FUZZ_SECONDS:-60}

fuzz() {
    local target=$1 name=$2 seeds=()
    mkdir -p "build-fuzz/corpus/$name" build-fuzz/crashes
    [ ! -d "tests/corpus/$name" ] || seeds=("tests/corpus/$name")
    "$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0 \
        -artifact_prefix="build-fuzz/crashes/$name-" "build-fuzz/corpus/$name" "${seeds[@]}" 2>"build-fuzz/$name.log" ||
        { tail -n 40 "build-fuzz/$name.log"; return 1; }
}

fuzz_build() { CC=clang TARGETS=fuzz-targets build_variant build-fuzz -Dfuzz=true -Db_lundef=false -Db_sanitize=address,undefined; }

suite 'build of the fuzz targets' fuzz_build
shopt -s nullglob
targets=(build-fuzz/tests/fuzz/fuzz_${1:-*})
ran=0
for target in "${targets[@]}"; do
    [ -f "$target" ] && [ -x "$target" ] || continue
    name=${target##*/fuzz_}
    suite "fuzz $name for $seconds s" fuzz "$target" "$name"
    ran=$((ran + 1))
done
[ "$ran" -gt 0 ] || suite "fuzz: there is no target ${1:-}" false
suites_end
