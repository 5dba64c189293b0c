"""Writing notes: every change of a note goes through here, and nothing that a note once said is lost."""
