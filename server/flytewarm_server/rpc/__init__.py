"""Request bytes in, event stream out: validation, statuses, services."""
