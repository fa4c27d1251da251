"""Work that takes longer than a request: a queue in the database, done in chunks that are never lost nor done twice."""
