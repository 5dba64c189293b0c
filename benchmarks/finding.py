"""How well the memory finds: conversations as notes, identifiers, outdated twins, inflected Russian words.

    python benchmarks/finding.py [--locomo FOLDER] [--distractors N] [--bm25s FOLDER]

`--locomo`: a folder of LoCoMo conversations in JSON; one note is written for each session, all conversations in one
vault. Questions of category 5 and those without evidence are left out. Ranking was tuned on conversations 26, 42 and
47; the others are what is reported. Baselines of the same run, over the same notes: FTS5 with porter stems, all words
but stop words joined by OR; and BM25 over stems, by the library `bm25s` where `--bm25s` names a folder that holds it
(and numpy), else by a plain loop of this file with the same constants. `--distractors`: the same among so many made-up
notes that share the conversations' words. Nothing is a gate.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import finding_sets  # noqa: E402
from iapeer_memory.egress.files import RealFiles  # noqa: E402
from iapeer_memory.index.port import Reader  # noqa: E402
from iapeer_memory.index.sqlite.engine import SqliteEngine  # noqa: E402
from iapeer_memory.index.stems import Stemmer, forms  # noqa: E402
from iapeer_memory.memoryd.record import record  # noqa: E402
from iapeer_memory.search.engine import Finder, Question  # noqa: E402
from iapeer_memory.search.query import COMMON  # noqa: E402
from iapeer_memory.vault.locales import locale  # noqa: E402
from iapeer_memory.vault.note import parse  # noqa: E402

TUNED_ON = (26, 42, 47)
REPORTED = (30, 43, 49)
TOP = 10
ROUNDS = 2_000
NAMES = locale("en")

Ranker = Callable[[str], list[str]]


@dataclass(frozen=True)
class Case:
    """A question and the paths that answer it. `group`: which conversation it is from."""

    group: int
    text: str
    right: frozenset[str]
    category: int


@dataclass(frozen=True)
class Outcome:
    """What one question came to: the place of the first right note (from 1; 0 for none) and the share of right notes
    among the first ten."""

    first: int
    recall: float


def conversations(folder: Path) -> tuple[dict[str, str], list[Case]]:
    """Notes by path, and questions."""
    notes: dict[str, str] = {}
    cases: list[Case] = []
    for number in (*TUNED_ON, *REPORTED):
        told = json.loads((folder / f"conversation-{number}.json").read_text(encoding="utf-8"))
        paths = {}
        for session in told["sessions"]:
            path = f"01_Knowledge/c{number} s{session['session']}.md"
            paths[session["session"]] = path
            notes[path] = as_note(told["speakers"], session)
        for asked in told["questions"]:
            named = {int(n) for place in asked["evidence"] for n in re.findall(r"D(\d+):", place)}
            right = frozenset(paths[n] for n in named if n in paths)
            if asked["category"] != 5 and right:
                cases.append(Case(number, asked["question"], right, asked["category"]))
    return notes, cases


def as_note(speakers: Sequence[str], session: dict[str, Any]) -> str:
    """A session as markdown."""
    said = [
        f"{turn['speaker']}: {turn['text']}" + (f" ({turn['caption']})" if turn.get("caption") else "")
        for turn in session["turns"]
    ]
    return f"---\ntitle: {' and '.join(speakers)}, {session['date_time']}\n---\n\n" + "\n\n".join(said) + "\n"


@contextmanager
def indexed(notes: Iterable[tuple[str, str]]) -> Iterator[tuple[Reader, Path]]:
    """A reader of an index of these notes, and the index's file."""
    with tempfile.TemporaryDirectory() as scratch:
        index = Path(scratch) / "index.db"
        engine = SqliteEngine(RealFiles(), str(index), uid=os.getuid())
        writer = engine.writer("finding")
        records = (record(parse(path, text.encode()), NAMES) for path, text in notes)
        while batch := list(islice(records, 500)):
            writer.put(batch)
        writer.resolve()
        reader = engine.reader()
        try:
            yield reader, index
        finally:
            reader.close()
            writer.close()


def ours(reader: Reader) -> Ranker:
    """The product's search."""
    finder = Finder(NAMES)
    return lambda text: [item["path"] for item in finder.answer(reader, Question(text, limit=TOP))["results"]]


def fts5(notes: dict[str, str]) -> Ranker:
    """One FTS5 table with porter stems, a note a row; words but stop words joined by OR."""
    base = sqlite3.connect(":memory:")
    base.execute("CREATE VIRTUAL TABLE notes USING fts5 (text, tokenize = 'porter unicode61 remove_diacritics 2')")
    paths = list(notes)
    base.executemany("INSERT INTO notes (rowid, text) VALUES (?, ?)", enumerate(notes.values()))

    def rank(text: str) -> list[str]:
        asked = " OR ".join(f'"{word}"' for word in kept(text))
        rows = base.execute(f"SELECT rowid FROM notes WHERE notes MATCH ? ORDER BY rank LIMIT {TOP}", (asked,))
        return [paths[rowid] for (rowid,) in rows]

    return rank


def kept(text: str) -> list[str]:
    """The words of a question without stop words."""
    words = list(dict.fromkeys(forms(text.replace("'s", ""))))
    return [word for word in words if word not in COMMON] or words


def plain_bm25(notes: dict[str, str], *, k1: float = 1.5, b: float = 0.75) -> Ranker:
    """BM25 (Lucene's form) over stems, in a loop."""
    stemmer = Stemmer()
    paths = list(notes)
    counts = [Counter(stemmer.stems(text)) for text in notes.values()]
    lengths = [sum(count.values()) for count in counts]
    middle = sum(lengths) / len(lengths)
    held = Counter(stem for count in counts for stem in count)
    where: dict[str, list[int]] = {}
    for at, count in enumerate(counts):
        for stem in count:
            where.setdefault(stem, []).append(at)

    def rank(text: str) -> list[str]:
        scores: dict[int, float] = {}
        for stem in dict.fromkeys(stemmer.stems(" ".join(kept(text)))):
            rare = math.log(1 + (len(paths) - held[stem] + 0.5) / (held[stem] + 0.5))
            for at in where.get(stem, ()):
                count = counts[at][stem]
                worth = rare * count / (count + k1 * (1 - b + b * lengths[at] / middle))
                scores[at] = scores.get(at, 0.0) + worth
        return [paths[at] for at in sorted(scores, key=lambda at: (-scores[at], at))[:TOP]]

    return rank


def library_bm25(notes: dict[str, str], folder: str) -> Ranker:
    """The library's BM25 over the same stems."""
    sys.path.append(folder)
    import bm25s  # type: ignore[import-not-found]

    stemmer = Stemmer()
    paths = list(notes)
    made = bm25s.BM25()
    made.index([list(stemmer.stems(text)) for text in notes.values()], show_progress=False)

    def rank(text: str) -> list[str]:
        stems = list(dict.fromkeys(stemmer.stems(" ".join(kept(text)))))
        places, scores = made.retrieve([stems], k=min(TOP, len(paths)), show_progress=False)
        return [paths[at] for at, score in zip(places[0], scores[0], strict=True) if score > 0]

    return rank


def outcomes(rank: Ranker, cases: Sequence[Case]) -> list[Outcome]:
    """What each question comes to."""
    told = []
    for case in cases:
        found = rank(case.text)[:TOP]
        first = next((at for at, path in enumerate(found, 1) if path in case.right), 0)
        told.append(Outcome(first, len(case.right & set(found)) / len(case.right)))
    return told


def row(name: str, told: Sequence[Outcome]) -> str:
    """One line of the table."""
    count = len(told)
    hits = [sum(0 < one.first <= k for one in told) / count for k in (1, 5, 10)]
    middle = sum(1 / one.first for one in told if one.first) / count
    recall = sum(one.recall for one in told) / count
    return f"| {name} | {count} | " + " | ".join(f"{value:.3f}" for value in (*hits, middle, recall)) + " |"


def interval(one: Sequence[Outcome], other: Sequence[Outcome], k: int) -> str:
    """How much more often the first finds within k, with the middle 95 % of resampled differences."""
    differences = [(0 < mine.first <= k) - (0 < theirs.first <= k) for mine, theirs in zip(one, other, strict=True)]
    chance = random.Random(1)
    means = sorted(statistics.fmean(chance.choices(differences, k=len(differences))) for _ in range(ROUNDS))
    low, high = means[int(ROUNDS * 0.025)], means[int(ROUNDS * 0.975)]
    return f"{statistics.fmean(differences):+.3f} ({low:+.3f} to {high:+.3f})"


def locomo(folder: Path, library: str | None, distractors: int) -> None:
    """Print the tables of the conversations."""
    notes, cases = conversations(folder)
    scenery = finding_sets.distractors(notes.values(), distractors) if distractors else {}
    every = {**notes, **scenery}
    theirs = {"FTS5, OR, porter, stop words": fts5(every)}
    if library:
        theirs["bm25s, stems"] = library_bm25(every, library)
    else:
        theirs["BM25 (own loop), stems"] = plain_bm25(every)
    with indexed(every.items()) as (reader, _):
        told = {"memory": outcomes(ours(reader), cases)}
        told |= {name: outcomes(rank, cases) for name, rank in theirs.items()}
    groups = {"tuned on": TUNED_ON, "reported": REPORTED, "all": (*TUNED_ON, *REPORTED)}
    groups |= {f"conversation {number}": (number,) for number in (*TUNED_ON, *REPORTED)}
    print(f"\n{len(notes)} sessions among {len(scenery)} made-up notes, {len(cases)} questions\n")
    print("| | questions | @1 | @5 | @10 | MRR | recall@10 |\n|---|---|---|---|---|---|---|")
    for group, numbers in groups.items():
        chosen = [at for at, case in enumerate(cases) if case.group in numbers]
        for name, results in told.items():
            print(row(f"{group}: {name}", [results[at] for at in chosen]))
    print("\n| the memory finds more often than | questions | @1 | @5 | @10 |\n|---|---|---|---|---|")
    for group in ("reported", "all"):
        chosen = [at for at, case in enumerate(cases) if case.group in groups[group]]
        mine = [told["memory"][at] for at in chosen]
        for name in theirs:
            other = [told[name][at] for at in chosen]
            gains = " | ".join(interval(mine, other, k) for k in (1, 5, 10))
            print(f"| {group}: {name} | {len(chosen)} | {gains} |")


def made_up() -> None:
    """Print the tables of the generated sets."""
    print("\n| set | questions | @1 | @5 | @10 | MRR | recall@10 |\n|---|---|---|---|---|---|---|")
    for name, notes, asked in finding_sets.literal(), finding_sets.russian():
        cases = [Case(0, text, frozenset({path}), 0) for text, path in asked]
        with indexed(notes.items()) as (reader, _):
            print(row(f"{name}: memory", outcomes(ours(reader), cases)))
        print(row(f"{name}: FTS5, OR, porter", outcomes(fts5(notes), cases)))
    notes, pairs = finding_sets.twins()
    with indexed(notes.items()) as (reader, _):
        rank = ours(reader)
        found = [(rank(text), current, stale) for text, current, stale in pairs]
    both = [(ranked, current, stale) for ranked, current, stale in found if current in ranked and stale in ranked]
    right = sum(ranked.index(current) < ranked.index(stale) for ranked, current, stale in both)
    first = sum(ranked[:1] == [current] for ranked, current, _ in found)
    print(f"\noutdated twins: {len(pairs)} questions, both notes among the first ten {len(both)} times;")
    print(
        f"the current one comes before its twin {right / max(len(both), 1):.1%}, "
        f"and first of all {first / len(pairs):.1%}"
    )


def main() -> int:
    """Print all tables."""
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    words.add_argument("--locomo", type=Path, help="a folder with conversation-*.json")
    words.add_argument("--distractors", type=int, default=0, help="made-up notes among the sessions")
    words.add_argument("--bm25s", help="a folder that holds the library bm25s and numpy")
    given = words.parse_args()
    began = time.perf_counter()
    if given.locomo:
        locomo(given.locomo, given.bm25s, given.distractors)
    if not given.distractors:
        made_up()
    print(f"\n{time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
