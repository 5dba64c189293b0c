#!/bin/sh
# iapeer-memory: the stable command. Generated; `iapeer-memory update` writes it anew.

if [ $# -eq 1 ]; then
  case $1 in
    --version | -V | version)
      printf '%s\n' {{VERSION}}
      exit 0
      ;;
  esac
fi
python={{PYTHON}}
if ! [ -x "$python" ]; then
  printf '%s\n' {{PYTHON_GONE}} >&2
  [ "${1-}" = hook ] && exit 0
  exit 1
fi
exec "$python" -I -m iapeer_memory "$@"
