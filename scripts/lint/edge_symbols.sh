#!/usr/bin/env bash
# edge_symbols.sh LIBRARY ...: nothing in these libraries, of which the edge is made, calls a store, a YAML parser, jansson, curl, or an XML
# or archive library. With --must-fail as first word: succeeds only if such a call is found (shows that the check can fail).
set -euo pipefail
must_fail=0
[ "$1" != --must-fail ] || { must_fail=1; shift; }
found=$(nm --undefined-only --no-demangle "$@" |
    grep -E '^ +U (sqlite3_|yaml_(parser|document|event|emitter)_|json_(object|array|loads|loadb|dumps|pack|unpack|integer|string|decref|delete|deep_copy)|curl_|XML_|archive_)' || true)
if [ "$must_fail" = 1 ]; then
    [ -n "$found" ] && echo 'found, as it should be' && exit 0
    echo 'nothing was found in a library that does call one' >&2
    exit 1
fi
[ -z "$found" ] || { echo "the edge calls what it must not:" >&2; sort -u <<<"$found" >&2; exit 1; }
echo "$# libraries call nothing that they must not"
