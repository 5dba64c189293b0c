"""What a note is: where it may lie, what its frontmatter says, which files are notes. Pure over a Files port."""
