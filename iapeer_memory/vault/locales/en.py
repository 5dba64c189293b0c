"""The English vault.

Source of names and tokens: the reference core's taxonomy. The seeds are our own words.
"""

from __future__ import annotations

from iapeer_memory.vault.layout import Genre, Locale

DRAFT = """\
---
title: {{title}}
status: draft
created: {{date}}
author: {{author}}
---

"""

OVERVIEW = """\
---
title: Overview {{title}}
type: project
tags:
  - project
status: active
created: {{date}}
author: {{author}}
dir: ~/Projects/{{title}}
---

What the project is for, who needs it, and where its files are.

## Links

"""

TAGS = """\
# Tags

<!-- One row a tag. The boundary says what the tag covers and what it does not; a dash means that the name says it all.
     Register a tag here before the first note uses it. -->

| Tag | Boundary |
| --- | --- |
"""

LOCALE = Locale(
    id="en",
    folders={
        "knowledge": "01_Knowledge",
        "decisions": "02_Decisions",
        "projects": "03_Projects",
        "ideas": "04_Ideas",
        "lists": "05_Lists",
        "agent_memory": "06_Agent_Memory",
        "archive": "07_Archive",
        "system": "99_System",
    },
    genres={
        "knowledge": Genre("knowledge", "current"),
        "decisions": Genre("decision", "accepted"),
        "projects": Genre("project", "active"),
        "ideas": Genre("idea", "new"),
        "lists": Genre("list", "current"),
        "agent_memory": Genre("agent_memory", "current"),
    },
    sections={
        "knowledge": "Knowledge",
        "decisions": "Decisions",
        "projects": "Projects",
        "ideas": "Ideas",
        "lists": "Lists",
        "agent_memory": "Agent memory",
    },
    subtypes=("feedback", "context", "reference", "person_profile", "pitfall"),
    statuses={
        "active": ("current", "active", "accepted", "new", "in_progress"),
        "pending": ("draft", "planned", "paused"),
        "stale": ("outdated", "superseded", "dropped", "completed", "cancelled"),
    },
    links_heading="Links",
    tags_file="Tags.md",
    seeds={"Templates/Draft.md": DRAFT, "Tags.md": TAGS, "Templates/Overview.md": OVERVIEW},
)
