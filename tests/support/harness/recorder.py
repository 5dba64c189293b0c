"""A hook that only records: run by file path, writes down what the harness gave it, says what it was told to say.

Standard library only, nothing of ours. Arguments: FOLDER EVENT TEXT STAMP. Writes `FOLDER/<number>-<EVENT>.json`
with payload, cwd and environment. STAMP `yes`: a markdown file that was just written gets frontmatter, as our hook
does it. Prints TEXT.
"""

import json
import os
import sys


def stamp(path: str) -> None:
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    rewritten = f"---\nstamped: {text.count(chr(10))}\n---\n" + text.split("---\n", 2)[-1]
    temporary = path + ".tmp"
    with open(temporary, "w", encoding="utf-8") as stream:
        stream.write(rewritten)
    os.rename(temporary, path)


def main(folder: str, event: str, text: str, stamping: str) -> None:
    raw = sys.stdin.read()
    payload = json.loads(raw) if raw.strip() else None
    record = {"event": event, "payload": payload, "cwd": os.getcwd(), "env": dict(os.environ)}
    number = 0
    while True:
        try:
            handle = os.open(os.path.join(folder, f"{number:03d}-{event}.json"), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            break
        except FileExistsError:
            number += 1
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(record, stream)
    written = (payload or {}).get("tool_input", {})
    if stamping == "yes" and isinstance(written, dict) and str(written.get("file_path", "")).endswith(".md"):
        stamp(written["file_path"])
    if text:
        sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:5])
