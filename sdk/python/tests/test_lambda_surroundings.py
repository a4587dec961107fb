"""asyncio, pools and sockets as a component has them, on the machine that tests."""

import asyncio
import concurrent.futures
import socket
import unittest
import warnings
from typing import Any
from unittest import mock

from tripline_sdk import _absent, _asyncio


class Asyncio(unittest.TestCase):
    def setUp(self) -> None:
        warnings.simplefilter("ignore")
        self.addCleanup(asyncio.set_event_loop_policy, None)
        _asyncio.install()

    def test_tasks_and_timers_run_where_the_clock_stands(self) -> None:
        async def one(place: int) -> int:
            await asyncio.sleep(60 * place)
            return place

        async def main() -> Any:
            asyncio.get_running_loop().call_soon_threadsafe(lambda: None)
            async with asyncio.timeout(1000):
                found = await asyncio.gather(*(one(place) for place in range(3)))
            with self.assertRaises(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 30)
            return found

        # As under `tripline test`: it neither passes nor is waited for.
        with mock.patch("time.monotonic", return_value=1.0), mock.patch("time.sleep"):
            self.assertEqual(asyncio.run(main()), [0, 1, 2])

    def test_what_cannot_come_is_said(self) -> None:
        async def main() -> None:
            await asyncio.Event().wait()

        with self.assertRaisesRegex(RuntimeError, "waits for what cannot come"):
            asyncio.run(main())

        async def connect() -> None:
            ours, theirs = socket.socketpair()
            with ours, theirs:
                asyncio.get_running_loop().add_reader(ours, print)

        with self.assertRaisesRegex(OSError, "no sockets or pipes"):
            asyncio.run(connect())

    def test_a_loop_is_there_for_who_asks(self) -> None:
        loop = asyncio.get_event_loop()
        self.assertEqual(loop.run_until_complete(asyncio.sleep(0, "x")), "x")
        self.assertIs(asyncio.get_event_loop(), loop)
        loop.close()


class Absent(unittest.TestCase):
    def setUp(self) -> None:
        of = [(socket, name) for name in ("socket", *_absent.NAMES)]
        of += [(concurrent.futures, "ThreadPoolExecutor"), (concurrent.futures.thread, "ThreadPoolExecutor")]
        for module, name in of:
            self.addCleanup(setattr, module, name, getattr(module, name))
        _absent.install()

    def test_sockets_say_what_to_use(self) -> None:
        wanted: list[Any] = [
            socket.socket,
            lambda: socket.create_connection(("127.0.0.1", 80)),
            lambda: socket.getaddrinfo("example.com", 80),
            lambda: socket.gethostbyname("example.com"),
        ]
        for want in wanted:
            with self.assertRaisesRegex(OSError, "a component has no sockets: .*tripline_sdk.http"):
                want()

    def test_a_pool_does_its_work_at_once(self) -> None:
        done: list[int] = []

        def work(place: int) -> int:
            done.append(place)
            return 6 // place

        ready: list[str] = []
        with concurrent.futures.ThreadPoolExecutor(4, initializer=ready.append, initargs=("x",)) as pool:
            futures = [pool.submit(work, place) for place in (1, 0, 2)]
            self.assertEqual(done, [1, 0, 2])
            self.assertEqual(list(pool.map(work, [3, 6])), [2, 1])
            self.assertEqual({future.result() for future in concurrent.futures.as_completed([futures[0], futures[2]])}, {6, 3})
        self.assertEqual((futures[0].result(), futures[2].result(), ready), (6, 3, ["x"]))
        self.assertIsInstance(futures[1].exception(), ZeroDivisionError)
        with self.assertRaisesRegex(RuntimeError, "after shutdown"):
            pool.submit(work, 1)
        with self.assertRaises(ValueError):
            concurrent.futures.ThreadPoolExecutor(0)

        async def main() -> int:
            return await asyncio.to_thread(work, 6)

        warnings.simplefilter("ignore")
        self.addCleanup(asyncio.set_event_loop_policy, None)
        _asyncio.install()
        self.assertEqual(asyncio.run(main()), 1)


if __name__ == "__main__":
    unittest.main()
