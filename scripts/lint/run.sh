#!/usr/bin/env bash
# run.sh [GATE ...]: the lint gates, all of them by default.
set -euo pipefail
cd "$(dirname "$0")/../.."
PYTHONDONTWRITEBYTECODE=1 exec .venv/bin/python scripts/lint/run.py "$@"
