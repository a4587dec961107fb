"""A mail server that takes every mail and says so on stdout, one line of JSON for each, before it answers 250.

The first line is its port. Arguments: the least and the most milliseconds between a mail's line and its 250, and a seed.
Ends when stdin does: with the test that started it, however that ended. Knows nothing of who sends, or why a mail comes twice.
"""

import asyncio
import email
import json
import os
import random
import sys
import threading

from aiosmtpd.smtp import SMTP


class Recorder:
    def __init__(self, least_ms, most_ms, seed):
        self.least_ms, self.most_ms, self.random = least_ms, most_ms, random.Random(seed)

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content)
        # From here on the mail is the server's: whoever sends it again sends it twice.
        say({"from": envelope.mail_from, "to": envelope.rcpt_tos, "message_id": mail["Message-ID"].strip("<>")})
        await asyncio.sleep(self.random.uniform(self.least_ms, self.most_ms) / 1000)
        return "250 accepted"


def say(value):
    print(json.dumps(value), flush=True)


def end_with_stdin():
    sys.stdin.buffer.read()
    os._exit(0)


async def main(least_ms, most_ms, seed):
    handler = Recorder(least_ms, most_ms, seed)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, hostname="recorder", loop=loop), "127.0.0.1", 0)
    say(server.sockets[0].getsockname()[1])
    await server.serve_forever()


threading.Thread(target=end_with_stdin, daemon=True).start()
asyncio.run(main(*map(int, sys.argv[1:])))
