"""What the service tells about itself: logs, metrics, and the HTTP side door that serves them."""
