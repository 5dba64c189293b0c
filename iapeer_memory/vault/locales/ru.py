"""The Russian vault.

Source of names and tokens: the reference core's taxonomy. The seeds are our own words.
"""

from __future__ import annotations

from iapeer_memory.vault.layout import Genre, Locale

DRAFT = """\
---
title: {{title}}
status: черновик
created: {{date}}
author: {{author}}
---

"""

OVERVIEW = """\
---
title: Описание {{title}}
type: проект
tags:
  - проект
status: активный
created: {{date}}
author: {{author}}
dir: ~/Projects/{{title}}
---

Зачем нужен проект, кому он нужен и где лежат его файлы.

## Связи

"""

TAGS = """\
# Теги

<!-- Одна строка на тег. Граница говорит, что тег охватывает, а что нет; прочерк значит, что имя говорит само за себя.
     Впишите тег сюда до первой заметки с ним. -->

| Тег | Граница |
| --- | --- |
"""

LOCALE = Locale(
    id="ru",
    folders={
        "knowledge": "01_Знания",
        "decisions": "02_Решения",
        "projects": "03_Проекты",
        "ideas": "04_Идеи",
        "lists": "05_Списки",
        "agent_memory": "06_Оперативка_агентов",
        "archive": "07_Архив",
        "system": "99_Система",
    },
    genres={
        "knowledge": Genre("знание", "актуально"),
        "decisions": Genre("решение", "принято"),
        "projects": Genre("проект", "активный"),
        "ideas": Genre("идея", "новая"),
        "lists": Genre("список", "актуально"),
        "agent_memory": Genre("оперативка агентов", "актуально"),
    },
    sections={
        "knowledge": "Знания",
        "decisions": "Решения",
        "projects": "Проекты",
        "ideas": "Идеи",
        "lists": "Списки",
        "agent_memory": "Оперативка агентов",
    },
    subtypes=("обратная_связь", "контекст", "справка", "профиль_человека", "грабли"),
    statuses={
        "active": ("актуально", "активный", "активная", "принято", "новая", "реализуется"),
        "pending": ("черновик", "запланирована", "на паузе"),
        "stale": ("устарело", "заменено", "отброшена", "завершён", "завершена", "отменена"),
    },
    links_heading="Связи",
    tags_file="Теги.md",
    seeds={"Шаблоны/Черновик.md": DRAFT, "Теги.md": TAGS, "Шаблоны/Описание.md": OVERVIEW},
)
