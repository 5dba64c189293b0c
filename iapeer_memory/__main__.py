"""The command's first lines: the answers that must cost no imports, then the whole command line."""

import sys


def main() -> int:
    """Run the words of this process; returns the exit code."""
    words = sys.argv[1:]
    if words in (["--version"], ["-V"], ["version"]):
        from iapeer_memory import __version__

        sys.stdout.write(__version__ + "\n")
        return 0
    if words[:1] == ["searcher"] and len(words) == 3:
        from iapeer_memory.memoryd.searcher import run as search

        return search(*words[1:])
    if words[:1] == ["mcp"] and not {"--help", "-h"} & set(words):
        from iapeer_memory.cli.bridge import bridge

        return bridge(words[1:])
    from iapeer_memory.cli.app import run

    return run(words)


if __name__ == "__main__":
    sys.exit(main())
