"""Long runs that kill processes: `make chaos`. CHAOS_SECONDS sets how long (default 90)."""
