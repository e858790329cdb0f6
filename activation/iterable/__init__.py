"""Two pure functions per Iterable endpoint: render rows, interpret answers."""
