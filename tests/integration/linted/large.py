"""Takes memory, and prints when it is imported."""

print("printed at import")
TABLE = bytearray(b"x" * (64 << 20))
