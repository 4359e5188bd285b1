"""Tasks as people write them: nothing in them knows about flytewarm."""
