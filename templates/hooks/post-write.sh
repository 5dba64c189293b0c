#!/bin/sh
# iapeer-memory: runs after every tool call of an agent. Generated; an edit here is undone by the next repair.
# A call that wrote no note is turned away below, before any interpreter starts. Every path is a literal, so that
# a session's environment redirects nothing. Whatever goes wrong, the tool call goes on: exit 0.

unset -f [ cat printf timeout cd read
PATH=/usr/bin:/bin
LC_ALL=C
python={{PYTHON}}
script={{SCRIPT}}
compiled={{COMPILED}}
config={{CONFIG_FILE}}
log={{HOOK_LOG}}
paused={{PAUSED}}
state={{STATE}}
tags={{TAGS}}
port={{PORT}}
with_core={{WITH_CORE}}
milliseconds=235

[ -t 0 ] && exit 0

# The script ends when these milliseconds are over, counted from here: 250 ms in all, with its own end.
started=
[ -r /proc/uptime ] && read -r started _ </proc/uptime

# A harness that never closes our stdin must not hold us. What came in time is looked at. Where there is no timeout
# command, the harness's own limit is the guard.
status=1
if [ -x /usr/bin/timeout ]; then
  { payload=$(timeout 0.15 cat); status=$?; } 2>/dev/null
fi
case $status in
  0 | 124) ;;
  *) { payload=$(cat); } 2>/dev/null ;;
esac

if ! [ -x "$python" ]; then
  printf '%s\n' {{PYTHON_GONE}} >&2
  exit 0
fi
if ! [ -f "$script" ]; then
  printf '%s\n' {{SCRIPT_GONE}} >&2
  exit 0
fi

case $payload in
  *.md*) ;;
  *) exit 0 ;;
esac
# A quote inside a JSON string is escaped, so these keys and this ending of a path cannot come from a note's text.
case $payload in
  *'"tool_name":"Write"'* | *'"tool_name":"Edit"'* | *'"tool_name":"MultiEdit"'*)
    case $payload in
      *'.md"'*) ;;
      *) exit 0 ;;
    esac
    ;;
  *'"tool_name":"apply_patch"'*) ;;
  *'"tool_name":"Bash"'*)
    # Without one of these a command writes no file that its words tell of.
    case $payload in
      *'>'* | *u003[eE]* | *tee* | *sed* | *cp* | *mv*) ;;
      *) exit 0 ;;
    esac
    ;;
  *'"tool_name":"'*) exit 0 ;;
esac

# A paused peer: a mark for this folder, by either of its names, or for one above it.
look() {
  here=$1
  while :; do
    [ -e "$paused$here/paused" ] && exit 0
    [ -n "$here" ] || break
    here=${here%/*}
  done
}
folder=$PWD
case $folder in
  /*) look "${folder%/}" ;;
esac
if cd -P . 2>/dev/null && [ "$PWD" != "$folder" ]; then
  look "${PWD%/}"
fi

# The script itself always ends with success. An interpreter that cannot take the compiled one does not.
run() {
  printf '%s' "$payload" | "$python" -I -S -X utf8 "$1" "$config" "$log" "$milliseconds" \
    "$state" "$tags" "$port" "$with_core" "$folder" "$started"
}
{ { [ -f "$compiled" ] && run "$compiled"; } || run "$script"; } 2>/dev/null
exit 0
