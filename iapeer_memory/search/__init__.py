"""From a question to ranked notes: query, widening, ranking, snippets. Pure over the index port."""
