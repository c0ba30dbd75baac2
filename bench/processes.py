"""Processes that are measured: started on a processor of their own choosing, counted with all their children and threads, and gone at
the end, whatever happens: each is the leader of a session, and dies with the driver."""

import ctypes
import os
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_all = []


class Failed(Exception):
    """Something is not runnable; the message is for people."""


def stop_all():
    for process in reversed(_all):
        process.stop()
    _all.clear()


class Process:
    def __init__(self, name, command, cpu, log, env=None):
        self.name = name
        self.log = log
        os.makedirs(os.path.dirname(log), exist_ok=True)

        def prepare():
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            os.sched_setaffinity(0, {cpu})

        with open(log, "wb") as out:
            try:
                self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env,
                                              start_new_session=True, preexec_fn=prepare)
            except OSError as e:
                raise Failed(f"{name} can't be started: {e}") from e
        _all.append(self)

    def pids(self):
        """All processes of its session."""
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as f:
                    if int(f.read().rsplit(")", 1)[1].split()[3]) == self.child.pid:
                        found.append(int(entry))
            except (OSError, IndexError):
                continue
        return found

    def cpu_ns(self, pids=None):
        """Processor time of every thread, user and system, as the scheduler counted it: the same as in /proc/PID/stat, which rounds
        to 10 ms."""
        total = 0
        for pid in pids or self.pids():
            try:
                for tid in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="utf-8") as f:
                        total += int(f.read().split()[0])
            except OSError:
                continue
        return total

    def user_share(self, pids=None):
        """User and system ticks, for the proportion."""
        user = system = 0
        for pid in pids or self.pids():
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
                    fields = f.read().rsplit(")", 1)[1].split()
                    user += int(fields[11])
                    system += int(fields[12])
            except OSError:
                continue
        return user, system

    def rss_bytes(self, pids=None):
        total = 0
        for pid in pids or self.pids():
            try:
                with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as f:
                    for line in f:
                        if line.startswith("Pss:"):
                            total += int(line.split()[1]) * 1024
            except OSError:
                continue
        return total

    def check(self):
        if self.child.poll() is not None:
            raise Failed(f"{self.name} ended with {self.child.returncode}; the end of {self.log}:\n{self.tail()}")

    def tail(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                return "".join(f.readlines()[-15:])
        except OSError:
            return ""

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                print(f"bench: {self.name} did not end within 10 s, killed", file=sys.stderr)
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.child.wait()
        if self in _all:
            _all.remove(self)


def until(condition, what, process, seconds=20):
    """Waits for a condition, or fails with the process's last words."""
    end = time.monotonic() + seconds
    while True:
        process.check()
        if condition():
            return
        if time.monotonic() > end:
            raise Failed(f"{process.name}: no {what} within {seconds} s; the end of {process.log}:\n{process.tail()}")
        time.sleep(0.02)
