"""Code that comes with a request: fetched, checked, unpacked."""
