# Sourced by the scripts that run suites: builds a variant, runs a suite, keeps count. Each suite's own output is printed; `suites_end`
# says once more what failed, since of a long output often only the end is kept, prints one closing line for all and returns non-zero if
# anything failed.

suites_passed=0
suites_failed=()
# Where a suite that fails says which of its tests did, and why, in a few lines. Suites may be within a suite.
suites_above=${SUITE_NOTES:-/dev/null}
SUITE_NOTES=$(mktemp -t ambit-suite-XXXXXX)
export SUITE_NOTES
trap 'rm -f "$SUITE_NOTES"' EXIT

# suite NAME COMMAND ...
suite() {
    local name=$1 began=$SECONDS
    shift
    : >"$SUITE_NOTES"
    echo "== $name"
    if "$@" </dev/null; then
        suites_passed=$((suites_passed + 1))
        echo "== $name: passed ($((SECONDS - began)) s)"
    else
        suites_failed+=("$name")
        [ ! -s "$SUITE_NOTES" ] || suites_failed[-1]+=$'\n'$(sed 's/^/    /' "$SUITE_NOTES" | cut -c1-400 | head -n 40)
        echo "== $name: FAILED ($((SECONDS - began)) s)"
    fi
}

suites_end() {
    [ ${#suites_failed[@]} -eq 0 ] || printf 'failed: %s\n' "${suites_failed[@]}" | tee -a "$suites_above"
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

# From Meson's log: the programs that failed, how they ended, and of what they printed the checks and the reports.
failed_units() {
    awk '
        /^=+ [0-9]+\/[0-9]+ =+$/ {name = how = said = ""; next}
        /^test: / {name = $2}
        /^result: / {how = substr($0, 15); bad = how != "exit status 0"}
        /^not ok |^  .*:[0-9]+: |ERROR: |SUMMARY: |runtime error: |Assertion/ {said = said "\n  " $0}
        /^=+$/ {if (name != "" && bad) print name ": " how said; name = ""}' "$1"
}

# Unit programs of a variant; the closing line adds up theirs.
unit_tests() {
    local dir=$1 log
    log=$dir/meson-logs/testlog.txt
    if ! meson test -C "$dir" --suite unit --no-rebuild --print-errorlogs --timeout-multiplier "${2:-1}"; then
        failed_units "$log" >>"$SUITE_NOTES"
        return 1
    fi
    sed -nE 's/^([0-9]+) passed, ([0-9]+) failed.*/\1 \2/p' "$log" |
        awk -v dir="$dir" '{p += $1; f += $2} END {printf "unit tests in %s: %d passed, %d failed\n", dir, p, f}'
}
