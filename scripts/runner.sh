#!/usr/bin/env bash
# runner.sh [PYTEST ARGUMENT ...]: the tests of the Python runner that serves Truss packages.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x runner/.venv/bin/python ] || { echo "runner: runner/.venv is missing; scripts/setup.sh test makes it" >&2; exit 1; }
export NO_PROXY='*' no_proxy='*' PYTHONDONTWRITEBYTECODE=1
exec "${PYTHON:-.venv/bin/python}" -m pytest -q -p no:cacheprovider --timeout 300 tests/runner "$@"
