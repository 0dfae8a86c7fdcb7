"""Durable storage of a board: a handful of small files in one folder.

Rules: ``write`` is atomic (a new file renamed over the old one); ``append`` may be torn by a power cut, so every line
ends in a newline and a reader drops a last line without one. Names are flat and ASCII. What is written reaches the
operating system before the call returns, so it survives the death of the process. What must survive the power too asks
for ``durable``: then the bytes and the folder's entry are on the disk before the call returns (POSIX promises neither
at a rename). A microcontroller's file system (littlefs) commits when the file is closed, with or without.
"""

import os

try:
    _entries = os.ilistdir  # an iterator, where a list of all names may not fit the heap
except AttributeError:  # CPython

    def _entries(folder):  # type: ignore[misc]
        return [(name,) for name in os.listdir(folder)]


try:
    sync = os.sync
except AttributeError:  # MicroPython's unix port; littlefs commits when the file is closed

    def sync():
        pass


try:
    _fsync = os.fsync

    def _sync_file(file):
        file.flush()
        _fsync(file.fileno())

    def _sync_folder(folder):
        number = os.open(folder, os.O_RDONLY)  # type: ignore[attr-defined]  # MicroPython's stubs
        try:
            _fsync(number)
        finally:
            os.close(number)

except AttributeError:  # MicroPython: flushing is the file's fsync; a folder has none of its own

    def _sync_file(file):
        file.flush()

    def _sync_folder(folder):
        sync()


class FileStorage:
    """Files in one folder, on MicroPython and CPython alike. Raises OSError (28: no space left) as the system does.

    ``durable``: each change is on the disk when the call returns. It costs what the disk takes for it, so boards whose
    power is only emulated do without."""

    def __init__(self, folder, durable=False):
        self._folder = folder
        self._durable = durable
        try:
            os.mkdir(folder)
        except OSError:
            os.listdir(folder)  # it exists, or this says why not
        if durable:
            _sync_folder((folder.rsplit("/", 1)[0] or "/") if "/" in folder else ".")
        for name in self.names():
            if name.endswith(".new"):  # a write that a power cut interrupted
                self.remove(name)

    def _path(self, name):
        return self._folder + "/" + name

    def names(self, prefix=""):
        """Names that begin with ``prefix``, sorted. A full outbox has many files, so the rest is never listed."""
        return sorted(entry[0] for entry in _entries(self._folder) if entry[0].startswith(prefix))

    def read(self, name):
        """The file's bytes, or None when there is no such file."""
        try:
            with open(self._path(name), "rb") as file:
                return file.read()
        except OSError as error:
            if error.args[0] == 2:  # ENOENT
                return None
            raise

    def lines(self, name):
        """Complete lines without their newline, one at a time (a whole file may not fit the heap)."""
        with open(self._path(name), "rb") as file:
            while True:
                line = file.readline()
                if not line or line[-1] != 10:
                    return
                yield line[:-1]

    def write(self, name, data):
        path = self._path(name)
        with open(path + ".new", "wb") as file:
            file.write(data)
            if self._durable:
                _sync_file(file)
        os.rename(path + ".new", path)
        self._entries_changed()

    def append(self, name, data):
        with open(self._path(name), "ab") as file:
            begins = file.tell() == 0
            file.write(data)
            if self._durable:
                _sync_file(file)
        if begins:
            self._entries_changed()

    def _entries_changed(self):
        if self._durable:
            _sync_folder(self._folder)

    def overwrite(self, name):
        """Zeros over the whole file, in place: needs no room, and may be torn. What a file system keeps of the old
        bytes elsewhere (littlefs, a journal, worn flash) this can't reach."""
        path = self._path(name)
        with open(path, "r+b") as file:
            size = file.seek(0, 2)
            file.seek(0)
            file.write(bytes(size))
            _sync_file(file)

    def remove(self, name):
        os.remove(self._path(name))
        self._entries_changed()
