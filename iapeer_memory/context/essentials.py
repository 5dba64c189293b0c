"""What an agent must know to use the memory, where no core brings the guide: at most 2,000 characters. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from iapeer_memory.context.plain import clip
from iapeer_memory.vault.layout import CANON, Folder, Locale

LONGEST_PATH = 400
FOLDERS: tuple[Folder, ...] = (*CANON, "agent_memory", "archive", "system")

TEXTS: Mapping[str, str] = {
    "en": """\
# Shared memory (iapeer-memory)

You are `{peer}`. All agents of this host share one long-term memory: plain markdown notes in the vault
`{vault}`

- **Search first.** Before you answer from memory, plan, debug or decide: `memory_search` (server `iapeer-memory`) with
  a few telling words. Read a note whole before you rely on it, by its path below the vault, and mind its status.
- **Write without being asked** what will help another session or agent: one subject a note, `<title>.md`, a title made
  of words to search for, in the folder of its kind:
  - with at least one of `tags`: `{knowledge}/` facts, lessons; `{decisions}/` decisions with their reasons;
    `{projects}/<project>/`; `{ideas}/` unchecked thoughts; `{lists}/` registries
  - without tags: `{agent_memory}/{peer}/` what only you need, with a `subtype` ({subtypes})
    and a `description` of one sentence; the folders beside it are not yours
- **Form.** Frontmatter with `title` and `status`, then the answer first; links as `[[Title]]`. Author and dates are
  kept for you. If you cannot write files there, call `memory_write`.
- **Improve** the note that exists rather than add a second one. What no longer holds gets `status: {stale}`. Delete
  nothing, and leave `{archive}/` and `{system}/` alone.
- Never write down passwords, keys or tokens. What stands in `<private>…</private>` is kept out of search.
""",
    "ru": """\
# Общая память (iapeer-memory)

Вы — `{peer}`. У всех агентов этой машины одна долговременная память: заметки в markdown, хранилище
`{vault}`

- **Сначала ищите.** Прежде чем отвечать по памяти, планировать, чинить или решать: `memory_search` (сервер
  `iapeer-memory`), несколько характерных слов. Прежде чем опереться на заметку, прочтите её целиком и взгляните на
  статус.
- **Пишите, не дожидаясь просьбы,** то, что поможет другой сессии или агенту: одна заметка — один предмет,
  `<заголовок>.md`, заголовок из слов, по которым ищут, в папке по роду:
  - хотя бы с одним из `tags`: `{knowledge}/` факты, уроки; `{decisions}/` решения с причинами;
    `{projects}/<проект>/`; `{ideas}/` непроверенные мысли; `{lists}/` реестры
  - без тегов: `{agent_memory}/{peer}/` нужное только вам, с `subtype` ({subtypes})
    и `description` в одно предложение; папки рядом — не ваши
- **Вид.** Поля `title` и `status`, затем сразу ответ; ссылки вида `[[Заголовок]]`. Автора и даты ведут за вас. Если
  писать туда файлы нельзя, вызовите `memory_write`.
- **Улучшайте** существующую заметку, а не заводите вторую. Что больше не верно — `status: {stale}`. Ничего не
  удаляйте, `{archive}/` и `{system}/` не трогайте.
- Пароли, ключи и токены не записывайте. Написанное в `<private>…</private>` не попадает в поиск.
""",
}


def essentials(peer: str, vault: str, locale: Locale) -> str:
    """The text, with a final newline."""
    return TEXTS[locale.id].format(
        peer=peer,
        vault=clip(" ".join(vault.split()), LONGEST_PATH),
        stale=locale.statuses["stale"][0],
        subtypes=", ".join(locale.subtypes),
        **{key: locale.folders[key] for key in FOLDERS},
    )
