#!/usr/bin/env bash
# run.sh BUILD [--quick] [--only PART,PART] [--rounds N] [--seconds S]: measures, prints tables, and after a full run writes
# docs/performance.md. `run.sh BUILD --help` says more. BENCH_QUICK=1 is --quick.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHONDONTWRITEBYTECODE=1 exec python3 bench/run.py "$@"
