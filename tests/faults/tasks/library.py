"""A library that registers itself in all sorts of places when it is imported."""

import logging
import os
import signal
import sys
import warnings

import fsspec
from fsspec.implementations.memory import MemoryFileSystem


class LibraryFileSystem(MemoryFileSystem):
    protocol = "library"


fsspec.register_implementation("library", LibraryFileSystem, clobber=True)
os.environ["OF_THE_LIBRARY"] = "1"
warnings.filterwarnings("ignore", message="of the library")
logging.getLogger("library").addHandler(logging.NullHandler())
sys.path.insert(0, "/of/the/library")
signal.signal(signal.SIGUSR2, lambda *_: None)
