"""One execution: its states, its ordered event log, its outcome; and the registry of all."""
