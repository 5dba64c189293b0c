"""Which files a shell command writes: what its words tell, and never what it only reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.hooks.shell_writes import files_written

WRITES = {
    "echo x > a.md": ["a.md"],
    "echo x >> /v/a.md": ["/v/a.md"],
    "echo x >/v/a.md": ["/v/a.md"],
    "echo x >| a.md": ["a.md"],
    "make &> a.md": ["a.md"],
    "make &>>a.md": ["a.md"],
    "make 2>a.md": ["a.md"],
    "make >&2 | tee a.md b.md": ["a.md", "b.md"],
    "make | tee -a a.md": ["a.md"],
    "printf '%s' \"a > b.md\" > '/v/my note.md'": ["/v/my note.md"],
    'echo "quoted \\" > no.md" >"/v/it\'s.md"': ["/v/it's.md"],
    "echo x > /v/my\\ note.md": ["/v/my note.md"],
    "echo x > ~/v/a.md": ["/home/u/v/a.md"],
    'echo x > "$HOME/v/a.md"': ["/home/u/v/a.md"],
    "echo x > ${HOME}/a.md": ["/home/u/a.md"],
    "cat <<'EOF' > a.md\n> quote.md\necho > inner.md\nEOF\necho y > b.md": ["a.md", "b.md"],
    "cat > a.md <<-END\n\ttext > no.md\n\tEND\necho >b.md": ["a.md", "b.md"],
    "cat > a.md <<< 'x > y.md'": ["a.md"],
    "sed -i s/a/b/ a.md b.md": ["s/a/b/", "a.md", "b.md"],
    "sed -i.bak -e s/a/b/ a.md": ["s/a/b/", "a.md"],
    "sed -Ei 's/a/b/' a.md": ["s/a/b/", "a.md"],
    "sed --in-place=.bak s/a/b/ a.md": ["s/a/b/", "a.md"],
    "sudo LC_ALL=C /usr/bin/sed -i s/a/b/ a.md": ["s/a/b/", "a.md"],
    "cp a.md b.md": ["b.md", "b.md/a.md"],
    "mv -f /t/a.md /v/": ["/v/", "/v//a.md"],
    "cd /v && echo x > a.md": ["/v/a.md"],
    "cd /v; cd sub; echo x > a.md": ["/v/sub/a.md"],
    "if true; then echo x > a.md; fi": ["a.md"],
    "(echo x > a.md)": ["a.md"],
    "bash -lc 'echo x > a.md'": ["a.md"],
    "sh -c \"sh -c 'echo > a.md'\"": ["a.md"],
    "echo a \\\n  > a.md": ["a.md"],
    "echo x # > no.md\necho y > a.md": ["a.md"],
    "while read l; do echo $l; done < in.md > out.md": ["out.md"],
}
READS = [
    "cat a.md",
    "cat < a.md",
    "grep '> a.md' b.md",
    'echo "x > a.md"',
    "echo x \\> a.md",
    "sed s/a/b/ a.md",
    "sed -n 's/i/j/p' a.md",
    "cp a.md",
    "make 2>&1",
    "echo x > $NOTE.md",
    "echo x > *.md",
    "echo x > `name`.md",
    "diff <(sort a.md) b.md",
    "ls # > a.md",
    "git add a.md && git commit -m 'tee a.md'",
    "",
    "'",
    '"',
    ">",
    "<<",
    "cat <<EOF",
    "sh -c",
]


@pytest.mark.parametrize(("command", "want"), WRITES.items(), ids=WRITES)
def test_what_a_command_writes(command: str, want: list[str]) -> None:
    assert files_written(command, "/home/u") == want


@pytest.mark.parametrize("command", READS)
def test_what_only_reads_writes_nothing(command: str) -> None:
    assert [path for path in files_written(command, "/home/u") if path.endswith(".md")] == []


@given(st.text(alphabet=" \n\t\\'\"$`><|&;()#=-~{}abcdo.EOF", max_size=60))
def test_it_ends_on_any_text(command: str) -> None:
    assert all(isinstance(path, str) for path in files_written(command, "/home/u"))


def test_a_long_command_is_looked_at_once() -> None:
    assert files_written("echo x > a.md; " * 100_000, "/h")[0] == "a.md"
    assert files_written("sh -c " * 50_000, "/h") == []
