"""The emulated board of a real MicroPython process: the hardware is a socket to the plant in the simulator.

The plant speaks in lines of ASCII. To the board: ``H <ticks> <epoch ms> <speed>`` first (speed 0: lockstep), then
``B <ticks> <index> <0|1>`` beam, ``M <ticks> <hex>`` medium, ``F <ticks> <0|1>`` fire, ``T <ticks>`` time (lockstep),
``X <ticks>`` stop.
From the board: ``O <arm> <lamp> <sound> <state>`` outputs, and ``W <deadline ticks> <lines taken>`` before it waits:
everything sent until then has been dealt with and is durable.

In lockstep time moves only by what the plant says, and ``wait`` is a handshake. Paced, the process's own clock runs
``speed`` times as fast, and the plant sends edges as they happen. Either way the process sleeps in poll, never in a
loop.
"""

import gc
import os
import select
import socket
import sys
import time
from binascii import unhexlify

from chumicro_timing import ticks_add, ticks_diff
from chumicro_timing.ticks import TICKS_MAX

from firmware.boards import board as b
from firmware.boards.storage import FileStorage

_IPPROTO_TCP = b.const(6)  # MicroPython's socket module doesn't name these two
_TCP_NODELAY = b.const(1)


class PlantGone(Exception):
    """The plant closed its socket: the hardware is no more."""


class EmulatedBoard:
    emulated = True

    def __init__(self, folder, port, device):
        self.storage = FileStorage(folder)
        self._socket = socket.socket()
        self._socket.connect(socket.getaddrinfo("127.0.0.1", port)[0][-1])
        self._socket.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)  # each line is waited for; none may be held back
        self._rest = b""
        self._taken = 0
        self._events = []
        self._now = 0
        self._speed = 0
        self._local = time.ticks_ms()
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._watched = None
        self._send("D %s %s" % (device, sys.implementation.name))
        while not self._rest or b"\n" not in self._rest:
            self._receive()
        line, self._rest = self._rest.split(b"\n", 1)
        _, ticks, epoch_ms, speed = line.decode().split(" ")
        self._now = self._start = int(ticks)
        self._epoch_start_ms = int(epoch_ms)
        self._speed = int(speed)
        self._elapsed_ms = 0
        self._local = time.ticks_ms()
        self._sort_lines()

    # -- the seam

    def ticks_ms(self):
        """Virtual ticks. Read at least once an hour (the loop does, every minute), or the process clock's wrap
        is missed."""
        if self._speed:
            local = time.ticks_ms()
            passed_ms = time.ticks_diff(local, self._local) * self._speed
            self._local = local
            self._advance(ticks_add(self._now, passed_ms))
        return self._now

    def _advance(self, ticks):
        step_ms = ticks_diff(ticks, self._now)
        if step_ms > 0:
            self._elapsed_ms += step_ms
            self._now = ticks & TICKS_MAX

    def epoch_ms(self):
        self.ticks_ms()
        return self._epoch_start_ms + self._elapsed_ms, True

    def random_bytes(self, n):
        return os.urandom(n)

    def heap_free(self):
        gc.collect()
        return gc.mem_free()

    def apply(self, arm, lamp, sound, state):
        self._send("O %d %d %d %s" % (arm, lamp, sound, state))

    def wait(self, deadline, poll=None):
        """Input events in order; empty when a socket is ready or the deadline is reached."""
        if not self._events:
            self._send("W %d %d" % (deadline, self._taken))
            self._watch(poll)
            timeout_ms = -1
            if self._speed:
                timeout_ms = max(0, ticks_diff(deadline, self.ticks_ms()))
                timeout_ms = (timeout_ms + self._speed - 1) // self._speed
            for ready, _ in self._poll.poll(timeout_ms):
                if ready is self._socket:
                    self._receive()
                    self._sort_lines()
        events = self._events
        self._events = []
        return events

    def _watch(self, poll):
        if self._watched is not None:
            self._poll.unregister(self._watched)
            self._watched = None
        if poll is not None:
            self._watched, interest = poll
            flags = (select.POLLIN if interest & 1 else 0) | (select.POLLOUT if interest & 2 else 0)
            self._poll.register(self._watched, flags)

    # -- the plant's lines

    def _send(self, line):
        self._socket.send((line + "\n").encode())

    def _receive(self):
        data = self._socket.recv(512)
        if not data:
            raise PlantGone()
        self._rest += data

    def _sort_lines(self):
        while True:
            end = self._rest.find(b"\n")
            if end < 0:
                return
            kind, at, *values = self._rest[:end].decode().split(" ")
            self._rest = self._rest[end + 1 :]
            self._taken += 1
            ticks = int(at)
            if not self._speed:
                self._advance(ticks)
            if kind == "B":
                self._events.append((ticks, b.BEAM, int(values[0]), int(values[1])))
            elif kind == "M":
                self._events.append((ticks, b.MEDIUM, unhexlify(values[0]), 0))
            elif kind == "F":
                self._events.append((ticks, b.FIRE, int(values[0]), 0))
            elif kind == "X":
                self._events.append((ticks, b.STOP, 0, 0))
