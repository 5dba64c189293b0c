"""What a note is: where it may lie, what its frontmatter says, which files of the vault are notes. Pure over a Files port."""
