"""Installing: a plan of what changes, and a transaction that makes it one generation or nothing."""
