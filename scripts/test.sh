#!/usr/bin/env bash
# Every suite: unit tests with gcc, with clang, and with gcc's address and undefined behaviour sanitizers. Ends with one line that sums up the
# unit programs of all three; non-zero if anything failed.
set -uo pipefail
cd "$(dirname "$0")/.."

failures=0
run() { # name, then what to configure with
    local name=$1 dir="build-$1"
    shift
    echo "== $name"
    [ -f "$dir/build.ninja" ] || "$@" "$dir" >"$dir.log" 2>&1 || { cat "$dir.log"; failures=$((failures + 1)); return; }
    ninja -C "$dir" >"$dir.log" 2>&1 || { tail -n 40 "$dir.log"; failures=$((failures + 1)); return; }
    if grep -E 'warning:' "$dir.log"; then
        echo "$name: warnings are errors here"
        failures=$((failures + 1))
    fi
    meson test -C "$dir" --print-errorlogs --suite unit || failures=$((failures + 1))
}

run test meson setup
run clang env CC=clang meson setup
# gcc takes a formatter with "%s" for one with a null argument once sanitizers are on.
run asan meson setup -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-Wno-format-truncation

passed=$(cat build-*/meson-logs/testlog.json 2>/dev/null | grep -c '"result": "OK"')
failed=$(cat build-*/meson-logs/testlog.json 2>/dev/null | grep -cE '"result": "(FAIL|ERROR|TIMEOUT)"')
echo "$passed passed, $((failed + failures)) failed"
[ $((failed + failures)) -eq 0 ]
