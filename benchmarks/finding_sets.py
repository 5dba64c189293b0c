"""Made-up notes and questions for `finding.py`: distractors, literal texts, Russian word forms, outdated twins.

The same for the same seed. Every set is (name, notes by path, (question, path that answers it) pairs).
"""

from __future__ import annotations

import random
from collections.abc import Iterable

from iapeer_memory.index.stems import forms

Set = tuple[str, dict[str, str], list[tuple[str, str]]]

ENGLISH = """
server client queue worker index token cache deploy release branch merge backup restore schema migration table column
network socket timeout retry limit budget report review ticket sprint roadmap customer invoice payment account session
login password secret vault note memory agent peer tool prompt model vector search ranking snippet passage heading link
""".split()  # noqa: SIM905
LETTERS = "abcdefghijklmnopqrstuvwxyz"
RUSSIAN_LETTERS = "абвгдежзиклмнопрстуфхцчшщыэюя"
VOCABULARY = 20_000

PARADIGMS = """
сервер сервера серверу сервером сервере серверы
очередь очереди очередью очередей очередям очередями
копия копии копию копией копий копиями
настройка настройки настройку настройкой настроек настройками
ошибка ошибки ошибку ошибкой ошибок ошибками
таблица таблицы таблицу таблицей таблиц таблицами
заметка заметки заметку заметкой заметок заметками
решение решения решению решением решений решениями
проект проекта проекту проектом проекты проектов
договор договора договору договором договоры договоров
платёж платежа платежу платежом платежи платежей
пользователь пользователя пользователю пользователем пользователи пользователей
подписка подписки подписку подпиской подписок подписками
встреча встречи встречу встречей встреч встречами
поездка поездки поездку поездкой поездок поездками
квартира квартиры квартиру квартирой квартир квартирами
больница больницы больницу больницей больниц больницами
книга книги книгу книгой книг книгами
дорога дороги дорогу дорогой дорог дорогами
погода погоды погоду погодой погоде погодами
учитель учителя учителю учителем учителя учителей
лекарство лекарства лекарству лекарством лекарств лекарствами
расписание расписания расписанию расписанием расписаний расписаниями
хранилище хранилища хранилищу хранилищем хранилищ хранилищами
обновление обновления обновлению обновлением обновлений обновлениями
зашифрованный зашифрованного зашифрованному зашифрованным зашифрованная зашифрованные
медленный медленного медленному медленная медленные медленными
деревянный деревянного деревянному деревянная деревянные деревянными
удалённый удалённого удалённому удалённая удалённые удалёнными
запускать запускает запускаю запускал запускали запускают
переносить переносит переношу переносил переносили переносят
проверять проверяет проверяю проверял проверяли проверяют
отключить отключит отключил отключила отключили отключат
планировать планирует планирую планировал планировали планируют
"""

MESSAGES = (
    "TypeError: cannot read properties of undefined (reading '{0}')",
    'psycopg.errors.{1}: relation "{0}" does not exist',
    "error[E0{2}]: borrow of moved value: `{0}`",
    "ENOENT: no such file or directory, open '/srv/{0}/{1}.toml'",
    "panic: runtime error: index out of range [{2}] with length 3 in {0}.go",
)


def word(chance: random.Random, letters: str = LETTERS) -> str:
    """A word that means nothing."""
    return "".join(chance.choices(letters, k=chance.randint(4, 9)))


def prose(chance: random.Random, words: list[str], count: int, weights: list[float] | None = None) -> str:
    """Sentences of these words."""
    picked = chance.choices(words, weights, k=count)
    return ". ".join(" ".join(picked[at : at + 12]) for at in range(0, count, 12)) + "."


def distractors(told: Iterable[str], count: int) -> dict[str, str]:
    """Notes of about 2 KB in two languages. The commonest words of their vocabulary are those of `told`, as often."""
    chance = random.Random(3)
    known: dict[str, int] = {}
    for text in told:
        for form in forms(text):
            known[form] = known.get(form, 0) + 1
    common = sorted(known, key=lambda form: (-known[form], form))[: VOCABULARY // 4]
    made = [word(chance, LETTERS if at % 2 else RUSSIAN_LETTERS) for at in range(VOCABULARY - len(common))]
    words = [*common, *made]
    weights = [1 / (at + 3) for at in range(len(words))]
    names = [form for form in common if form.isalpha()]
    return {
        f"01_Knowledge/made up {at}.md": f"---\ntitle: {' '.join(chance.choices(names, k=3))} {at}\n---\n\n"
        + "\n\n".join(prose(chance, words, 84, weights) for _ in range(4))
        for at in range(count)
    }


def literal() -> Set:
    """Identifiers, paths and error texts, each in one note, among notes that hold their parts."""
    chance = random.Random(5)
    notes: dict[str, str] = {}
    asked: list[tuple[str, str]] = []
    parts = [*ENGLISH, *(word(chance) for _ in range(60))]
    for at in range(240):
        path = f"01_Knowledge/literal {at}.md"
        one, two, three = chance.sample(parts, 3)
        texts = (
            f"{one}_{two}_{three}",
            f"{one}{two.title()}{three.title()}",
            f"src/{one}/{two}/{three}.py",
            f"{one}-{two}-{chance.randint(100, 999)}",
            f"{one}.{two}.{three}({one[0]})",
            f"IAP_{one.upper()}_{two.upper()}",
            chance.choice(MESSAGES).format(one, two.title(), chance.randint(100, 999)),
            f"{chance.randint(1, 9)}.{chance.randint(0, 40)}.{chance.randint(0, 900)}",
        )
        text = texts[at % len(texts)]
        before, after = prose(chance, parts, 60), prose(chance, parts, 60)
        notes[path] = f"# {one} and {chance.choice(parts)}\n\n{before}\n\nWe saw `{text}` again.\n\n{after}\n"
        asked.append((text, path))
    for at in range(2_000):
        notes[f"01_Knowledge/other {at}.md"] = f"# {chance.choice(parts)}\n\n{prose(chance, parts, 120)}\n"
    return "identifiers, paths, errors", notes, asked


def russian() -> Set:
    """200 questions of two inflected words; the note that answers holds both in other forms."""
    chance = random.Random(7)
    lemmas = [line.split() for line in PARADIGMS.strip().splitlines()]
    filler = [word(chance, RUSSIAN_LETTERS) for _ in range(400)]
    notes: dict[str, str] = {}
    asked: list[tuple[str, str]] = []
    pairs = [(one, two) for one in range(len(lemmas)) for two in range(one + 1, len(lemmas))]
    for at, (one, two) in enumerate(chance.sample(pairs, 400)):
        first, second = chance.sample(lemmas[one], 2), chance.sample(lemmas[two], 2)
        path = f"01_Знания/запись {at}.md"
        text = prose(chance, filler, 40).split()
        text.insert(chance.randrange(20), first[0])
        text.insert(20 + chance.randrange(20), second[0])
        notes[path] = f"# {' '.join(chance.choices(filler, k=2))}\n\n{' '.join(text)}\n"
        if len(asked) < 200:
            asked.append((f"{chance.choice(('какая', 'где', 'что про', 'как'))} {first[1]} и {second[1]}", path))
    return "Russian forms", notes, asked


def twins() -> tuple[dict[str, str], list[tuple[str, str, str]]]:
    """200 notes and their superseded twins, which hold the question's words more often; (question, current, stale)."""
    chance = random.Random(11)
    notes: dict[str, str] = {}
    asked: list[tuple[str, str, str]] = []
    age = ("", " (old)", " v1", " (superseded)")
    for at in range(200):
        topic = [word(chance), *chance.sample(ENGLISH, 2)]
        title = " ".join(topic).capitalize()
        current, stale = f"01_Knowledge/{title} {at}.md", f"01_Knowledge/{title} {at}{age[at % 4]} was.md"
        if at % 5 == 0:
            stale = f"07_Archive/{title} {at}.md"
        said = prose(chance, ENGLISH, 50)
        more = " ".join(chance.choices(topic, k=chance.randint(0, 12)))
        notes[current] = (
            f"---\ntitle: {title}\nstatus: current\n---\n\n{said} {topic[0]} {prose(chance, ENGLISH, 40)}\n"
        )
        notes[stale] = f"---\ntitle: {title}{age[at % 4]}\nstatus: outdated\n---\n\n{more} {said} {topic[0]}\n"
        asked.append((" ".join(chance.sample(topic, len(topic))), current, stale))
    return notes, asked
