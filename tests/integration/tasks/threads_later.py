"""A module that is fit to fork once: its process starts a thread with the first fork."""

import os
import threading

os.register_at_fork(
    after_in_parent=lambda: threading.Thread(target=threading.Event().wait, name="late", daemon=True).start()
)
