"""The server under test: started, killed in part, upgraded, stopped, and its logs read for what must not be there."""

import asyncio
import ctypes
import json
import os
import re
import signal
import subprocess

BAD_LINES = re.compile(r"AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|ThreadSanitizer|runtime error:|Assertion|DEADLYSIGNAL")


PR_SET_PDEATHSIG = 1


def end_with_parent():
    """In the child, before it becomes the server: a storm that is killed leaves nothing behind on its ports."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    def __init__(self, build, folder, port, control_port, workers, key):
        self.build, self.folder, self.port, self.control_port = build, folder, port, control_port
        self.config = folder / "config.yaml"
        self.workers = workers
        self.key = key
        self.process = None
        self.killed = 0
        self.stopping = False

    def start(self):
        command = [self.build / "ambit", "serve", "--config", self.config, "--data-dir", self.folder / "data",
                   "--port", str(self.port), "--control-port", str(self.control_port), "--workers", str(self.workers)]
        environment = {**os.environ, "AMBIT_MASTER_KEY": self.key}
        environment.setdefault("ASAN_OPTIONS", "abort_on_error=0:exitcode=99:detect_leaks=1")
        environment.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
        with open(self.folder / "server.out", "wb") as out, open(self.folder / "server.err", "wb") as err:
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                            start_new_session=True, preexec_fn=end_with_parent)

    def alive(self):
        return self.process.poll() is None

    def announced(self):
        """Whether this server, and no other one on its ports, says that it serves."""
        return b"management " in (self.folder / "server.out").read_bytes()[:4096]

    def parts(self, role):
        """Process ids of the edges or of control."""
        found = []
        try:
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as f:
                children = [int(pid) for pid in f.read().split()]
        except OSError:
            return found
        for pid in children:
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    words = f.read().split(b"\0")
            except OSError:
                continue
            if len(words) > 1 and words[1] == role.encode():
                found.append(pid)
        return found

    def kill(self, role, all_of_them=True):
        pids = self.parts(role)
        for pid in pids if all_of_them else pids[:1]:
            try:
                os.kill(pid, signal.SIGKILL)
                self.killed += 1
            except ProcessLookupError:
                pass
        return pids

    def signal(self, number):
        """A second SIGTERM would kill what a first one lets end."""
        if not self.alive() or self.stopping:
            return
        self.stopping = number == signal.SIGTERM
        self.process.send_signal(number)

    def write_config(self, text):
        """As an editor should: the file is there whole or not at all."""
        fresh = self.folder / "config.new"
        fresh.write_text(text)
        fresh.rename(self.config)

    async def stop(self, seconds=90):
        """The exit status, or None if it had to be killed."""
        self.signal(signal.SIGTERM)
        for _ in range(int(seconds / 0.05)):
            if not self.alive():
                return self.process.returncode
            await asyncio.sleep(0.05)
        return None

    def kill_all(self):
        for pid in self.left_behind():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.process:
            self.process.wait()

    def left_behind(self):
        """Processes of the server's session that still run."""
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                with open(f"/proc/{name}/stat", encoding="latin-1") as f:
                    fields = f.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[3]) == self.process.pid and fields[0] != "Z":
                found.append(int(name))
        return found

    def complaints(self):
        """Reports of sanitizers, failed assertions, and ends of processes that nobody asked for."""
        found, kills = [], 0
        for line in (self.folder / "server.err").read_text(errors="replace").splitlines():
            if BAD_LINES.search(line):
                found.append(line)
            if '"exited"' not in line:
                continue
            try:
                event = json.loads(line)
            except ValueError:
                continue
            by_signal, number = event.get("how") == "signal", event.get("number")
            if by_signal and number == signal.SIGKILL:
                kills += 1
            elif by_signal or number not in (0, 1):
                found.append(line)
        if kills > self.killed:
            found.append(f"{kills} processes were killed, the storm killed {self.killed}")
        return found
