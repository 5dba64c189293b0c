"""Claude Code: `.mcp.json`, hooks in its settings, skills, permissions, and whether it has approved us."""
