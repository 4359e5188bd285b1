"""Messages and descriptors over a real socket."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from flytewarm_api.v1 import execution_pb2
from flytewarm_api.worker.framing import HEADER, FramingError, encode_frame, frame_length
from flytewarm_api.worker.v1 import frames_pb2
from flytewarm_worker.channel import Channel, move_to_high_fd

Command, Reply = frames_pb2.ZygoteCommand, frames_pb2.WorkerReply


@pytest.fixture
def pair() -> Iterator[tuple[Channel, socket.socket]]:
    """A channel, and the other end as a plain socket."""
    ours, theirs = socket.socketpair()
    channel = Channel(ours.detach())
    theirs.settimeout(10)
    with theirs:
        yield channel, theirs
    channel.close()


def _command(name: str = "w-1") -> Command:
    return Command(fork_worker=frames_pb2.ForkWorker(name=name))


def _frame(command: Command) -> bytes:
    return encode_frame(command.SerializeToString())


def test_messages_go_both_ways(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    channel.send(_command("a"))
    assert theirs.recv(1000) == _frame(_command("a"))
    theirs.sendall(_frame(_command("b")) + _frame(Command()) + _frame(_command("c")))
    assert channel.receive(Command) == _command("b")
    assert channel.receive(Command) == Command()
    assert channel.receive(Command) == _command("c")


@pytest.mark.parametrize("length", [1, 150_000])
def test_a_message_is_sent_in_another(pair: tuple[Channel, socket.socket], length: int) -> None:
    channel, theirs = pair
    outcome = execution_pb2.Outcome(outputs=execution_pb2.Outputs(json="x" * length))
    channel.send_in(Reply.OUTCOME_FIELD_NUMBER, outcome, beside=Reply(alone=True))
    size = frame_length(theirs.recv(HEADER.size, socket.MSG_WAITALL))
    received = Reply.FromString(theirs.recv(size, socket.MSG_WAITALL))
    assert received == Reply(alone=True, outcome=outcome)


def test_what_is_attached_follows_in_a_frame_of_its_own(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    outcome, attached = execution_pb2.Outcome(outputs=execution_pb2.Outputs(json="{}")), os.urandom(100_000)
    channel.send_in(Reply.OUTCOME_FIELD_NUMBER, outcome, Reply(literals_follow=True), attached)
    frames = [theirs.recv(frame_length(theirs.recv(HEADER.size)), socket.MSG_WAITALL) for _ in range(2)]
    assert Reply.FromString(frames[0]) == Reply(outcome=outcome, literals_follow=True)
    assert frames[1] == attached


def test_descriptors_come_with_their_message(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    pipes = [os.pipe() for _ in range(3)]
    socket.send_fds(theirs, [_frame(_command("a"))], [write for _, write in pipes])
    theirs.sendall(_frame(_command("b")))
    command, fds = channel.receive_with_fds(Command)
    assert command == _command("a")
    assert len(fds) == 3
    for (read, write), received in zip(pipes, fds, strict=True):
        os.close(write)
        os.write(received, b"x")
        os.close(received)
        # Two bytes asked for, one and the end received: no other copy of the descriptor is open.
        assert os.read(read, 2) + os.read(read, 2) == b"x"
        os.close(read)
    assert channel.receive_with_fds(Command) == (_command("b"), [])


def test_descriptors_may_come_with_any_part_of_the_frame(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    frame = _frame(_command())
    for cut in (1, HEADER.size, HEADER.size + 1):
        read, write = os.pipe()
        theirs.sendall(frame[:cut])
        socket.send_fds(theirs, [frame[cut:]], [write])
        command, (received,) = channel.receive_with_fds(Command)
        assert command == _command()
        assert os.path.sameopenfile(received, write)
        for fd in (read, write, received):
            os.close(fd)


def test_the_end_of_the_stream_is_no_message(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    theirs.sendall(_frame(_command()))
    theirs.close()
    assert channel.receive(Command) == _command()
    assert channel.receive(Command) is None
    assert channel.receive_with_fds(Command) == (None, [])


@pytest.mark.parametrize("cut", [1, HEADER.size, HEADER.size + 2])
def test_an_end_within_a_message_is_an_end(pair: tuple[Channel, socket.socket], cut: int) -> None:
    channel, theirs = pair
    theirs.sendall(_frame(_command())[:cut])
    theirs.close()
    assert channel.receive(Command) is None


def test_an_other_end_that_goes_without_reading_is_an_end(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    channel.send(_command())
    theirs.close()
    assert channel.receive(Command) is None


def test_sending_to_nobody_is_an_error(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    theirs.close()
    with pytest.raises(OSError, match="Broken pipe"):
        channel.send(_command())


def test_a_length_that_no_frame_has_is_an_error(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    theirs.sendall(HEADER.pack(2**32 - 1))
    with pytest.raises(FramingError):
        channel.receive(Command)


def test_a_large_message_arrives_in_pieces(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    frame = _frame(_command("x" * 100_000))

    def send() -> None:
        # Blocks until the channel reads: more than a socket holds.
        for begin in range(0, len(frame), 999):
            theirs.sendall(frame[begin : begin + 999])

    sender = threading.Thread(target=send)
    sender.start()
    assert channel.receive(Command) == _command("x" * 100_000)
    sender.join()


def test_control_descriptors_are_out_of_the_way(pair: tuple[Channel, socket.socket]) -> None:
    channel, _ = pair
    assert channel.fileno() >= 512
    assert not os.get_inheritable(channel.fileno())


def test_a_moved_descriptor_is_the_same_file() -> None:
    read, write = os.pipe()
    moved = move_to_high_fd(write)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(write)
    os.write(moved, b"x")
    os.close(moved)
    assert os.read(read, 2) == b"x"
    os.close(read)


def test_closing_twice_is_closing() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        channel = Channel(ours.detach())
        channel.close()
        channel.close()
        assert theirs.recv(1) == b""


def test_it_tells_whether_there_is_more(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    assert not channel.has_more_within(0.01)
    theirs.sendall(_frame(_command()))
    assert channel.has_more_within(10)
    assert channel.receive(Command) == _command()
    theirs.close()
    assert channel.has_more_within(10)
