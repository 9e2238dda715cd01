"""A service's process as the supervisor sees it: the same shape as an engine."""

import signal
import time
from http import HTTPStatus
from pathlib import Path

from crm_local.engines.engine import end
from crm_local.engines.ports import http_get
from crm_local.plan import Program
from crm_local.preloading import Started, StartProgram, start_separately

READY_TIMEOUT_S = 5
POLL_S = 0.02


class ProgramProcess:
    """Runs one Program, its output in `log_file`."""

    def __init__(self, program: Program, log_file: Path, start: StartProgram = start_separately) -> None:
        self.program = program
        self.name = program.name
        self.port = program.port
        self.log_file = log_file
        self._start = start
        self._process: Started | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def exit_status(self) -> int | None:
        return self._process.poll() if self._process is not None else None

    def start(self) -> None:
        with self.log_file.open("ab") as log:
            self._process = self._start(self.program.arguments, self.program.environment, log)

    def is_ready(self) -> bool:
        answer = http_get(self.port, "/readyz", READY_TIMEOUT_S)
        return answer is not None and answer[0] == HTTPStatus.OK

    def stop(self, timeout_s: float = 15) -> None:
        if self._process is not None:
            end(self._process.pid, signal.SIGTERM, timeout_s)
            while self._process.poll() is None:
                time.sleep(POLL_S)
