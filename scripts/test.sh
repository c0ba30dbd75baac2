#!/usr/bin/env bash
# Every suite, as continuous integration runs it. Each ends in a closing line of its own; the last line counts the suites. Non-zero if
# anything failed. Bounded: the fuzzers and the storm run for a fixed time here, and longer by `make fuzz` and `make storm`.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/suites.sh

gcc_build() { build_variant build-test --werror; }
clang_build() { CC=clang build_variant build-clang --werror; }
asan_build() { build_variant build-asan -Db_sanitize=address,undefined -Db_lundef=false; }
tsan_build() { build_variant build-tsan -Db_sanitize=thread -Db_lundef=false; }

suite lint scripts/lint/run.sh
suite 'build with gcc' gcc_build
suite 'build with clang' clang_build
suite 'build with address and undefined behaviour sanitizers' asan_build
suite 'build with thread sanitizer' tsan_build
suite 'unit tests' unit_tests build-test
suite 'unit tests built by clang' unit_tests build-clang
suite 'unit tests under address and undefined behaviour sanitizers' unit_tests build-asan 4
suite 'unit tests under thread sanitizer' unit_tests build-tsan 8
suite 'functional tests' scripts/functional.sh build-test
suite 'functional tests under address and undefined behaviour sanitizers' scripts/functional.sh build-asan
suite 'runner tests' scripts/runner.sh
suite 'simulator of the fleet, bounded' scripts/sim.sh build-test
suite 'fuzzing, bounded' env FUZZ_SECONDS="${FUZZ_SECONDS:-10}" scripts/fuzz.sh
[ ! -f tests/storm/storm.py ] || suite 'residency storm' env STORM_SECONDS="${STORM_SECONDS:-60}" scripts/storm.sh build-asan
suites_end
