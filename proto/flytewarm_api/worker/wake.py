"""The signal that has a worker look for signals again."""

import signal

#: Python's handlers run between two instructions. A signal that comes just before a system call that waits, or that
#: the kernel gives to another thread, sets a mark and interrupts nothing: the handler waits for the call to return. A
#: second signal interrupts the call. Who does not handle this one does not notice it: by default it is ignored.
SIGNAL = signal.SIGURG
