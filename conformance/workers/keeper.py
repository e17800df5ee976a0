"""
The keeper: a small process between the suite and one worker, on Linux only.

It starts the worker, adopts every descendant that loses its parent (PR_SET_CHILD_SUBREAPER), and kills all of them when
the worker has ended. Then it ends as the worker did: with the same exit code, or by the same signal. SIGTERM makes it
end the worker gently, SIGINT at once. It gets SIGTERM if the suite ends, by PR_SET_PDEATHSIG.

The file is run as a script and needs only the standard library:

    python -I -S keeper.py PARENT GRACE DESCRIPTOR FOLDER COMMAND...

PARENT is the process id of the suite, and GRACE the number of seconds between SIGTERM and SIGKILL. DESCRIPTOR is the
file descriptor that only the worker shall have open, and FOLDER the worker's folder, which is removed at the end.
"""

import ctypes
import os
import signal
import sys
import time

_SET_DEATH_SIGNAL, _SET_SUBREAPER = 1, 36
#: Seconds after which the keeper no longer waits for descendants that it has killed.
_PATIENCE = 5.0


def main(parent: int, grace: float, descriptor: int, folder: str, command: "list[str]") -> None:
    """Run the command as a worker; end all its descendants, and then this process as the worker ended."""
    control = ctypes.CDLL(None, use_errno=True).prctl
    control(_SET_SUBREAPER, 1)
    control(_SET_DEATH_SIGNAL, signal.SIGTERM)
    if os.getppid() != parent:  # the suite ended before the death signal was set
        return
    worker = _started(command, control)
    # Only the worker may hold the pipes open: their end shows that the worker has closed them.
    nothing = os.open(os.devnull, os.O_RDWR)
    for each in (0, 1, 2, descriptor):
        os.dup2(nothing, each)

    def kill(*_: object) -> None:
        _send(worker, signal.SIGKILL)

    def stop(*_: object) -> None:
        _send(worker, signal.SIGTERM)
        signal.setitimer(signal.ITIMER_REAL, max(grace, 1e-6))

    signal.signal(signal.SIGALRM, kill)
    signal.signal(signal.SIGINT, kill)
    signal.signal(signal.SIGTERM, stop)
    if os.getppid() != parent:  # the suite ended before the handler was set
        kill()
    status = _awaited(worker)
    _end_all()
    _remove(folder)
    _end_as(status)


def _started(command: "list[str]", control: "ctypes._CFuncPtr") -> int:  # type: ignore[name-defined]
    keeper = os.getpid()
    # A worker that is stopped between fork and exec must not run the keeper's handlers, so none is set yet.
    worker = os.fork()
    if worker:
        return worker
    try:
        os.setsid()
        control(_SET_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() == keeper:
            os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    os._exit(127)


def _send(process: int, number: int) -> None:
    try:
        os.kill(process, number)
    except ProcessLookupError:
        pass


def _awaited(worker: int) -> int:
    """Return the wait status of the worker; collect adopted processes that end before it."""
    while True:
        process, status = os.waitpid(-1, 0)
        if process == worker:
            return status


def _end_all() -> None:
    """Kill all descendants. The children of a killed process become children of the keeper, and are killed next."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        for child in _children():
            _send(child, signal.SIGKILL)
        try:
            if not os.waitpid(-1, os.WNOHANG)[0]:
                time.sleep(0.002)
        except ChildProcessError:
            return


def _children() -> "list[int]":
    own, found = str(os.getpid()).encode(), []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    # The name of the program is in parentheses and may contain any character.
                    if file.read().rpartition(b")")[2].split()[1] == own:
                        found.append(int(name))
            except OSError:  # it has ended
                continue
    return found


def _remove(folder: str) -> None:
    try:
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)
    except OSError:
        pass


def _end_as(status: int) -> None:
    if os.WIFSIGNALED(status):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        number = os.WTERMSIG(status)
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):  # SIGKILL has no handler
            pass
        os.kill(os.getpid(), number)
        os._exit(128 + number)
    os._exit(os.WEXITSTATUS(status))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5:])
