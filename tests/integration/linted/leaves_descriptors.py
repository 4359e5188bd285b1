"""Leaves a file, a pipe and two sockets open, which forked workers would share."""

import os
import socket

FILE = open(__file__)  # noqa: SIM115
PIPE = os.pipe()
LISTENING = socket.create_server(("127.0.0.1", 0))
CONNECTED = socket.create_connection(LISTENING.getsockname())
