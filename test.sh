#!/bin/sh
# The test command: environment, linters, types, all tests that need only Python.
#   ./test.sh                 everything that needs only Python
#   ./test.sh --harnesses     also the real Claude Code, Codex and MCP checkers, from npm, cached between runs
#   ./test.sh --smoke         with --harnesses: only the short form, and only if the cache is already there
#   ./test.sh --long          the long form of the slow matrices (crash, race, soak)
#   ./test.sh --bench         the benchmarks, whose ratios gate
# Further words go to pytest.
set -eu
cd "$(dirname "$0")"

# The harnesses are a gigabyte: kept outside the checkout, between runs and between clones.
IAPEER_MEMORY_TEST_CACHE=${IAPEER_MEMORY_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/iapeer-memory-tests}
export IAPEER_MEMORY_TEST_CACHE

harnesses=no smoke=no long=no bench=no
while [ $# -gt 0 ]; do
    case $1 in
        --harnesses) harnesses=yes ;;
        --smoke) smoke=yes ;;
        --long) long=yes ;;
        --bench) bench=yes ;;
        *) break ;;
    esac
    shift
done

python=
for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || { echo "test.sh: needs python3 (3.11 or newer) with venv" >&2; exit 1; }

lock=$(cksum requirements-dev.lock)
if [ ! -x .venv/bin/python ] || [ "$(cat .venv/lock 2>/dev/null)" != "$lock" ]; then
    echo "== test environment"
    rm -rf .venv
    "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
    printf '%s\n' "$lock" >.venv/lock
fi
py=.venv/bin/python
# The package is importable from the checkout itself, also for children that ignore the environment.
pwd >"$($py -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/iapeer_memory_checkout.pth"

echo "== lint"
$py -m ruff check .
$py -m ruff format --check .
echo "== types"
$py -m mypy
echo "== tests"
marks="not harness"
[ "$long" = yes ] || marks="$marks and not slow"
# Stories are long: a worker that is done takes over what waits for the other.
$py -m pytest -n "${TEST_WORKERS:-2}" --dist worksteal -m "$marks" "$@"

if [ "$harnesses" = yes ]; then
    if [ "$smoke" = yes ] && ! $py -m tests.support.harness.npm where >/dev/null 2>&1; then
        echo "== real harnesses: not run, their cache is not there (./test.sh --harnesses fills it)"
    elif [ "$smoke" = yes ]; then
        echo "== real harnesses: the short form"
        $py -m pytest -n 0 -m harness tests/harnesses/test_smoke.py
    else
        echo "== real harnesses"
        $py -m tests.support.harness.npm install
        $py -m pytest -n 0 -m harness
    fi
fi

if [ "$bench" = yes ]; then
    echo "== benchmarks"
    for script in benchmarks/*.py; do
        echo "-- $script"
        $py "$script"
    done
fi
