#!/usr/bin/env bash
# Installs what a bare Debian 12 or Ubuntu 24.04 lacks: `setup.sh build` for building, `setup.sh test` for the test suites as well. Quick when
# everything is there: it only asks dpkg.
set -euo pipefail

build_packages=(gcc libc6-dev make meson ninja-build pkg-config libc-ares-dev libssl-dev libjansson-dev libyaml-dev
    libsqlite3-dev libcurl4-openssl-dev ca-certificates)
test_packages=(clang clang-format libclang-rt-14-dev)
[ "$(. /etc/os-release && echo "$VERSION_ID")" = 24.04 ] && test_packages=(clang clang-format libclang-rt-18-dev)

wanted=("${build_packages[@]}")
[ "${1:-build}" = build ] || wanted+=("${test_packages[@]}")

missing=()
for package in "${wanted[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
echo "installing: ${missing[*]}"
"${as_root[@]}" apt-get update -q
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"
