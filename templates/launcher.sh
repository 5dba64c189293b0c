#!/bin/sh
# iapeer-memory: what a supervisor runs to become memoryd. Generated; an edit here is undone by the next repair.
# Takes no arguments. Exit code 78: it cannot run at all, and starting it again would not help.

{{ENVIRONMENT}}
python={{MEMORYD}}
[ -x "$python" ] || python={{PYTHON}}
if ! [ -x "$python" ]; then
  printf '%s\n' {{PYTHON_GONE}} >&2
  exit 78
fi
exec "$python" -I -m iapeer_memory memoryd
