#!/usr/bin/env bash
# release.sh BUILD: the optimised build: across files (LTO), and by what a training run saw (scripts/train.py). Built twice, so only when a source
# has changed since.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build-release}
stamp=$build/trained

if [ -f "$stamp" ] && [ -z "$(find src bench meson.build meson_options.txt -newer "$stamp" \( -name '*.[ch]' -o -name 'meson*' \) -print -quit)" ]; then
    exit 0
fi
rm -rf "$build"
meson setup "$build" --buildtype=release -Db_lto=true -Db_pgo=generate >"$build.log" 2>&1 || { cat "$build.log" >&2; exit 1; }
ninja -C "$build" ambit ambit-sim >>"$build.log" 2>&1 || { tail -n 40 "$build.log" >&2; exit 1; }
scripts/train.py "$build"
meson configure "$build" -Db_pgo=use >>"$build.log"
ninja -C "$build" ambit ambit-sim >>"$build.log" 2>&1 || { tail -n 40 "$build.log" >&2; exit 1; }
touch "$stamp"
