#!/bin/sh
# Puts iapeer-memory in place: makes a build environment from the locked packages, then runs `iapeer-memory init`,
# which makes the private runtime. Arguments are passed on to init; `--demo` tells the whole story in a throw-away
# home instead. Safe to repeat; a second run fetches nothing.

set -eu
unset PIP_TARGET PIP_PREFIX PIP_ROOT PIP_USER PIP_REQUIRE_VIRTUALENV PIP_CONSTRAINT PIP_REQUIREMENT 2>/dev/null || :

say() { printf 'install.sh: %s\n' "$*" >&2; }
fail() {
  say "$1"
  shift
  for line in "$@"; do printf '  %s\n' "$line" >&2; done
  exit 1
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
lock=$here/requirements.lock
for part in iapeer_memory/__main__.py templates requirements.lock; do
  [ -e "$here/$part" ] || fail "$here is not a whole checkout: $part is missing" "fix: git -C '$here' checkout ."
done

# A Python of at least 3.11 that can make virtual environments. PYTHON=… names one.
check='import sys, venv, ensurepip
sys.exit("old") if sys.version_info < (3, 11) else print(sys.executable, "%d.%d.%d" % sys.version_info[:3])'
python='' seen='' no_venv=''
for name in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
  command -v "$name" >/dev/null 2>&1 || continue
  if found=$("$name" -I -c "$check" 2>/dev/null); then
    python=${found% *} version=${found##* }
    break
  fi
  number=$("$name" -I -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || continue
  seen="$seen $name is $number;"
  "$name" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && no_venv=$name
done
if [ -z "$python" ]; then
  [ -z "$no_venv" ] || fail "$no_venv has no venv module, which is needed to install" \
    "fix (Debian, Ubuntu): sudo apt install python3-venv" "then run this script again"
  fail "Python 3.11 or newer is needed;${seen:- no python3 is on the PATH}" \
    "fix: install it (python.org, your package manager), or name it: PYTHON=/path/to/python3.11 $0"
fi

# The build environment lives in the checkout; where that cannot be written, in a folder that goes when we end.
passing=''
if ! { mkdir -p "$here/.cache" && [ -w "$here/.cache" ]; } 2>/dev/null; then
  passing=$(mktemp -d "${TMPDIR:-/tmp}/iapeer-memory-install.XXXXXX")
fi
place=${passing:-$here/.cache}
venv=$place/install-venv
fresh=$place/install-venv.$$
log=$place/install.log
trap 'rm -rf "$fresh" ${passing:+"$passing"}' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

mark="1 $(cksum <"$lock") $python $version $here"
if [ "$(cat "$venv/installed-for" 2>/dev/null || :)" != "$mark" ] || ! "$venv/bin/python" -I -c '' 2>/dev/null; then
  say "making a build environment with $python ($version)"
  "$python" -I -m venv "$fresh" >"$log" 2>&1 ||
    fail "the build environment cannot be made: $(tail -n 1 "$log")" "see $log"
  say "fetching the locked packages"
  "$fresh/bin/python" -I -m pip install --quiet --disable-pip-version-check --no-input --no-deps --no-compile \
    --require-hashes --only-binary :all: -r "$lock" >"$log" 2>&1 || {
    [ -z "$passing" ] || { log=$(mktemp "${TMPDIR:-/tmp}/iapeer-memory-install.XXXXXX") && cp "$place/install.log" "$log"; }
    fail "the locked packages cannot be had: $(grep '^ERROR' "$log" | tail -n 1 || tail -n 1 "$log")" \
      "see $log; is the package index reachable?"
  }
  site=$("$fresh/bin/python" -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  printf '%s\n' "$here" >"$site/iapeer-memory-checkout.pth"
  printf '%s\n' "$mark" >"$fresh/installed-for"
  rm -rf "$venv"
  mv "$fresh" "$venv"
fi

command=init
case ${1-} in
  --demo)
    command=demo
    shift
    ;;
esac
if [ -n "$passing" ]; then
  status=0
  "$venv/bin/python" -I -m iapeer_memory "$command" "$@" || status=$?
  exit "$status"
fi
trap - EXIT
exec "$venv/bin/python" -I -m iapeer_memory "$command" "$@"
