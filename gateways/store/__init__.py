"""PostgreSQL: the stored events, the secrets, and the queries of the read side."""
