"""Threads for the functions of a model that are not async.

A thread is kept and used again, because libraries below a model (OpenMP, CUDA) hang state on threads that is dear to make. A generator
stays on one thread from its first step to its last, because contexts such as torch.inference_mode belong to a thread. The threads are
daemons: a function that never returns does not keep the process from ending.

A thread cannot be stopped. Who stops waiting gives the lease back, and the thread is free (and `when_free` called) once the function has
in fact returned.
"""

import asyncio
import contextvars
import queue
import threading

IDLE_MAX = 64


async def contained(awaitable):
    """Code of the model on the event loop: where it calls sys.exit(), it fails its request, not the process."""
    try:
        return await awaitable
    except SystemExit as error:
        raise RuntimeError(repr(error)) from error


class _Worker:
    def __init__(self):
        self.jobs = queue.SimpleQueue()
        threading.Thread(target=self._loop, name="model", daemon=True).start()

    def _loop(self):
        while (job := self.jobs.get()) is not None:
            job()
            job = None  # or what a request brought and got would be kept until the next one

    def submit(self, function, *arguments):
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        # Looked at here, so that nobody complains about a failure that nobody waited for.
        future.add_done_callback(lambda f: f.cancelled() or f.exception())
        context = contextvars.copy_context()

        def settle(method, value):
            if not future.done():
                method(value)

        def job():
            try:
                settled = future.set_result, context.run(function, *arguments)
            except StopIteration as error:
                settled = future.set_exception, RuntimeError(f"StopIteration was raised: {error}")
            except BaseException as error:  # a model that calls sys.exit() fails its request, not a thread
                settled = future.set_exception, error if isinstance(error, Exception) else RuntimeError(repr(error))
            try:
                loop.call_soon_threadsafe(settle, *settled)
            except RuntimeError:
                pass  # the loop has ended; nobody waits any more

        self.jobs.put(job)
        return future


class Lease:
    """At most one thread, taken when first needed, for one use of the model."""

    def __init__(self, workers, when_free=None):
        self._workers = workers
        self._worker = None
        self._when_free = when_free
        self._pending = None

    def _submit(self, function, *arguments):
        if self._worker is None:
            self._worker = self._workers._take()
        self._pending = self._worker.submit(function, *arguments)

    async def call(self, function, *arguments):
        self._submit(function, *arguments)
        return await asyncio.shield(self._pending)

    def release(self, last=None):
        """`last` still runs on the thread, after whatever is running on it."""
        if last is not None:
            self._submit(last)
        if self._pending is None or self._pending.done():
            self._free()
        else:
            self._pending.add_done_callback(lambda _: self._free())

    def _free(self):
        if self._worker is not None:
            self._workers._give_back(self._worker)
        if self._when_free:
            self._when_free()


class Workers:
    def __init__(self):
        self._idle = []

    def _take(self):
        return self._idle.pop() if self._idle else _Worker()

    def _give_back(self, worker):
        if len(self._idle) < IDLE_MAX:
            self._idle.append(worker)
        else:
            worker.jobs.put(None)

    async def call(self, function, *arguments):
        lease = Lease(self)
        try:
            return await lease.call(function, *arguments)
        finally:
            lease.release()
