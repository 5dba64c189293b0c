#!/bin/sh
# iapeer-memory: is there anything for the weekly maintenance? Exit code 0 wakes its role. Generated.

{{ENVIRONMENT}}
python={{PYTHON}}
[ -x "$python" ] || exit 1
exec "$python" -I -m iapeer_memory dream-collect --gate
