"""An engine's socket that can be made to die in the middle of a build."""

import socket
import threading
from pathlib import Path

ENGINE = "/var/run/docker.sock"


class EngineProxy:
    """Passes all bytes on to the real engine until a request holds `fatal`; `delay` seconds after
    that it drops every connection and takes no more."""

    def __init__(self, path: Path, fatal: bytes, delay: float = 0.5):
        self.path = path
        self._fatal = fatal
        self._delay = delay
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self.died = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(32)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def host(self) -> str:
        return f"unix://{self.path}"

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(ENGINE)
            with self._lock:
                self._sockets += [client, engine]
            threading.Thread(target=self._pump, args=(client, engine, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(engine, client, False), daemon=True).start()

    def _pump(self, source, sink, watched):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
                if watched and self._fatal in data:
                    threading.Timer(self._delay, self.die).start()
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def die(self):
        self._listener.close()
        self.path.unlink(missing_ok=True)
        with self._lock:
            for each in self._sockets:
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                each.close()
            self._sockets.clear()
        self.died.set()

    def close(self):
        if not self.died.is_set():
            self.die()
