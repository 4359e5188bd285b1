"""Never comes back, and has a process in a session of its own beside it."""

import os
import threading

os.spawnlp(os.P_NOWAIT, "setsid", "setsid", "sleep", "600")
threading.Event().wait()
