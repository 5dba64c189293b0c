#!/bin/sh
# iapeer-memory: runs when an agent's session starts. Generated; an edit here is undone by the next repair.
# While memory is well this costs one find, and no interpreter. Every path is a literal, so that a session's
# environment redirects nothing. Whatever goes wrong, the session starts: exit 0.

unset -f [ cat find printf cd
PATH=/usr/bin:/bin
LC_ALL=C
python={{PYTHON}}
script={{SCRIPT}}
heartbeat={{HEARTBEAT}}
contexts={{CONTEXTS}}
paused={{PAUSED}}
with_core={{WITH_CORE}}
context=

# Looks from a folder upwards: a paused peer ends the script, the nearest context is remembered.
look() {
  here=$1
  while :; do
    [ -e "$paused$here/paused" ] && exit 0
    if [ -z "$context" ] && [ "$with_core" = no ] && [ -f "$contexts$here/context.txt" ] &&
      [ -r "$contexts$here/context.txt" ]; then
      context=$contexts$here/context.txt
    fi
    [ -n "$here" ] || break
    here=${here%/*}
  done
}

# The harness's own word for the project counts too, when it is a plain absolute path.
project=${CLAUDE_PROJECT_DIR-}
case $project in
  */../* | */.. | */./* | */. | *//*) project= ;;
  /*) project=${project%/} ;;
  *) project= ;;
esac
folder=$PWD
case $folder in
  /*) look "${folder%/}" ;;
esac
[ -n "$project" ] && look "$project"
if [ -z "$context" ] && cd -P . 2>/dev/null && [ "$PWD" != "$folder" ]; then
  look "${PWD%/}"
fi

if ! [ -x "$python" ]; then
  printf '%s\n' {{PYTHON_GONE}}
elif ! [ -f "$script" ]; then
  printf '%s\n' {{SCRIPT_GONE}}
elif [ -z "$(find "$heartbeat" -mmin {{MINUTES}} 2>/dev/null)" ]; then
  "$python" -I -S -X utf8 "$script" "$python" {{PORT}} \
    {{ENVIRONMENT}} </dev/null 2>/dev/null
fi

[ -n "$context" ] && exec cat "$context"
exit 0
