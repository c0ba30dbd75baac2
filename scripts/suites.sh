# Sourced by the scripts that run suites: builds a variant, runs a suite, keeps count. Each suite's own output is printed; `suites_end`
# prints one closing line for all and returns non-zero if anything failed.

suites_passed=0
suites_failed=()

# suite NAME COMMAND ...
suite() {
    local name=$1 began=$SECONDS
    shift
    echo "== $name"
    if "$@" </dev/null; then
        suites_passed=$((suites_passed + 1))
        echo "== $name: passed ($((SECONDS - began)) s)"
    else
        suites_failed+=("$name")
        echo "== $name: FAILED ($((SECONDS - began)) s)"
    fi
}

suites_end() {
    [ ${#suites_failed[@]} -eq 0 ] || printf 'failed: %s\n' "${suites_failed[@]}"
    echo "suites: $suites_passed passed, ${#suites_failed[@]} failed"
    [ ${#suites_failed[@]} -eq 0 ]
}

# build_variant DIR [MESON OPTION ...]: configures if need be and builds TARGETS (all); prints only what went wrong. CC and TARGETS are the
# caller's.
build_variant() {
    local dir=$1 log=$1.log
    shift
    if [ ! -f "$dir/build.ninja" ]; then
        meson setup "$dir" "$@" >"$log" 2>&1 || { cat "$log"; return 1; }
    fi
    ninja -C "$dir" ${TARGETS:-} >"$log" 2>&1 || { tail -n 60 "$log"; return 1; }
}

# Unit programs of a variant; the closing line adds up theirs.
unit_tests() {
    local dir=$1 log
    log=$dir/meson-logs/testlog.txt
    meson test -C "$dir" --suite unit --no-rebuild --print-errorlogs --timeout-multiplier "${2:-1}" || return 1
    sed -nE 's/^([0-9]+) passed, ([0-9]+) failed.*/\1 \2/p' "$log" |
        awk -v dir="$dir" '{p += $1; f += $2} END {printf "unit tests in %s: %d passed, %d failed\n", dir, p, f}'
}
