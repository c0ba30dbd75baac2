#!/usr/bin/env bash
# Installs what a bare Debian 12 or Ubuntu 24.04 lacks. What for:
#
#   setup.sh build   compiling
#   setup.sh runner  and serving Truss packages: the runner's Python environment, in runner/.venv
#   setup.sh test    and the test suites: clang, a Python environment in .venv, the Node client
#   setup.sh bench   and the peers that Ambit is measured beside
#
# Quick where everything is there: one question to dpkg, and stamps for the environments.
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:-build}
requirements=tests/functional/requirements.txt
node=tests/functional/node

packages=(gcc libc6-dev make meson ninja-build pkg-config libc-ares-dev libssl-dev libjansson-dev libyaml-dev
    libsqlite3-dev libcurl4-openssl-dev libarchive-dev ca-certificates curl git)

# The compiler runtime (sanitizers, libFuzzer) is a package of its own, named after clang's version.
clang_version() {
    case "$(. /etc/os-release && echo "$ID-$VERSION_ID")" in
    debian-12) echo 14 ;;
    ubuntu-24.04) echo 18 ;;
    *) apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\).*/\1/p' | head -n 1 ;;
    esac
}

[ "$what" = build ] || packages+=(python3 python3-venv)
if [ "$what" = test ] || [ "$what" = bench ]; then
    packages+=(clang "libclang-rt-$(clang_version)-dev" llvm procps)
    command -v node >/dev/null || packages+=(nodejs)
    command -v npm >/dev/null || packages+=(npm)
fi
if [ "$what" = bench ]; then
    packages+=(wrk haproxy nginx-light)
    # Any nginx will do.
    ! command -v nginx >/dev/null || packages=("${packages[@]/nginx-light/}")
fi

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "setup: these packages are missing, and there is neither root nor sudo to install them: ${missing[*]}" >&2
        exit 1
    fi
}

installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p')
missing=()
for package in "${packages[@]}"; do
    [ -z "$package" ] || grep -qxF "$package" <<<"$installed" || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "setup: installing ${missing[*]}"
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

[ "$what" != build ] || exit 0

# A stamp holds what was installed, so that a changed list installs again.
stamp_holds() { [ -f "$1" ] && cmp -s "$1" "$2"; }

# python_environment DIR REQUIREMENTS
python_environment() {
    ! stamp_holds "$1/installed" "$2" || return 0
    echo "setup: Python environment in $1"
    [ -x "$1/bin/python" ] || python3 -m venv "$1"
    "$1/bin/python" -m pip install -q --disable-pip-version-check -r "$2"
    cp "$2" "$1/installed"
}

python_environment runner/.venv runner/requirements.txt
# So that runner/.venv/bin/python finds ambit_runner, wherever it is started.
echo "$PWD/runner" >"$(runner/.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/ambit_runner.pth"
[ "$what" != runner ] || exit 0

python_environment .venv "$requirements"
if ! stamp_holds "$node/node_modules/installed" "$node/package.json"; then
    echo "setup: Node client in $node/node_modules"
    (cd "$node" && npm ci --no-audit --no-fund --loglevel=error)
    cp "$node/package.json" "$node/node_modules/installed"
fi
