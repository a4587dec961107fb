"""Lambda's event, and its rule for what failed."""

import logging
import os
import sys
import tempfile
import unittest
from asyncio import CancelledError
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tripline_sdk import aws
from tripline_sdk.testing import Host, batch, expire, insert, modify, probe, run


def three() -> SimpleNamespace:
    changes = [insert({"id": name}, {}) for name in "abc"]
    for change, number in zip(changes, ("9", "10", "11")):
        change.sequence_number = number
    return batch(changes)


def named(*names: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}


# What a handler answers, and the places that are delivered again.
RULE: list[tuple[Any, list[int]]] = [
    (None, []),
    ("Successfully processed 3 records.", []),
    ({}, []),
    ({"batchItemFailures": None}, []),
    (named(), []),
    (named("10"), [1, 2]),
    (named("11", "9"), [0, 1, 2]),
    (named("11"), [2]),
    (named(""), [0, 1, 2]),
    (named("12"), [0, 1, 2]),
    (named("11", "nobody"), [0, 1, 2]),
    ({"batchItemFailures": tuple(named("11")["batchItemFailures"])}, [2]),
    ({"batchItemFailures": ()}, []),
    ({"batchItemFailures": [{}]}, [0, 1, 2]),
    ({"batchItemFailures": [None]}, [0, 1, 2]),
    ({"batchItemFailures": "11"}, [0, 1, 2]),
    ({"batchItemFailures": [{"itemIdentifier": 11}]}, [0, 1, 2]),
    ({"batchItemFailures": [{"itemIdentifier": ["11"]}]}, [0, 1, 2]),
    # As in the JSON that Lambda makes of it.
    ({"sum": Decimal("1.5"), 1: None}, []),
    (b"bytes", []),
    (b'{"batchItemFailures": [{"itemIdentifier": "11"}]}', [2]),
    ({"at": datetime(2026, 1, 1)}, [0, 1, 2]),
    ({"sum": Decimal("NaN")}, [0, 1, 2]),
    ({"ids": {"9"}}, [0, 1, 2]),
    (object(), [0, 1, 2]),
]


class Lambda(unittest.TestCase):
    def setUp(self) -> None:
        # The plugin makes the process its own.
        before = (sys.stdout, sys.stderr, dict(os.environ))

        def restore() -> None:
            sys.stdout, sys.stderr, environment = before
            os.environ.clear()
            os.environ.update(environment)

        self.addCleanup(restore)

    def test_lambdas_rule(self) -> None:
        Host()
        for answer, again in RULE:
            failed = run(aws.Plugin(lambda: lambda event, context: answer), three())
            self.assertEqual([one.place for one in failed], again, answer)
            self.assertTrue(all(one.kind == "retry" for one in failed))

    def test_an_exception_fails_all_of_it(self) -> None:
        host = Host()

        def handler(event: Any, context: Any) -> None:
            raise ValueError("x")

        failed = run(aws.Plugin(lambda: handler), three())
        self.assertEqual([(one.place, one.reason) for one in failed], [(place, "ValueError: x") for place in range(3)])
        self.assertIn("ValueError: x", host.logs[0][1])

    def test_an_answer_that_is_no_json_says_so(self) -> None:
        Host()
        failed = run(aws.Plugin(lambda: lambda event, context: {"at": datetime(2026, 1, 1)}), three())
        self.assertEqual(failed[0].reason, "TypeError: Unable to marshal response: Object of type datetime is not JSON serializable")

    def test_who_ends_the_process_fails_the_batch(self) -> None:
        for error, reason in [(SystemExit(1), "SystemExit: 1"), (KeyboardInterrupt(), "KeyboardInterrupt: "), (CancelledError("x"), "CancelledError: x")]:

            def handler(event: Any, context: Any) -> None:
                print("before", end="")
                raise error

            host = Host()
            failed = run(aws.Plugin(lambda: handler), three())
            self.assertEqual([one.reason for one in failed], [reason] * 3)
            self.assertEqual(host.logs[0], ("info", "before"))

    def test_what_the_context_says_the_environment_says(self) -> None:
        names = ["FUNCTION_MEMORY_SIZE", "LOG_GROUP_NAME", "LOG_STREAM_NAME", "FUNCTION_NAME"]

        def handler(event: Any, context: Any) -> None:
            found = [context.memory_limit_in_mb, context.log_group_name, context.log_stream_name, context.function_name]
            print(found == [os.environ[f"AWS_LAMBDA_{name}"] for name in names], *found, os.environ["_HANDLER"])
            print(context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id, context.client_context, context.tenant_id)
            context.log({"a": 1})
            root = logging.getLogger()
            root.handlers[0].setFormatter(logging.Formatter("%(levelname)s %(aws_request_id)s %(message)s"))
            root.warning("x")

        plugin = aws.Plugin(lambda: handler, "app.handler")
        for settings, memory in [({}, "128"), ({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"}, "512")]:
            host = Host(settings=settings)
            plugin = aws.Plugin(lambda: handler, "app.handler")
            self.assertEqual(run(plugin, three()), [])
            first = f"True {memory} /aws/lambda/test shardId-1 test app.handler"
            lines = [("info", first), ("info", "None None None None"), ("info", "{'a': 1}"), ("warn", "WARNING event-1-1 x")]
            self.assertEqual(host.logs, lines)
        # The next batch of this instance may be of another shard.
        host = Host()
        run(plugin, batch(three().changes, shard_id="shardId-2", attempt=2))
        self.assertEqual((host.logs[0][1].split()[:4], host.logs[3][1]), (["True", "512", "/aws/lambda/test", "shardId-2"], "WARNING event-1-2 x"))

    def test_what_is_no_function_serves_nothing(self) -> None:
        async def late(event: Any, context: Any) -> None:
            pass

        cases: list[tuple[Any, str]] = [
            (42, "TypeError: `app.handler` is an int, and no function"),
            (late, "async or a generator: a handler is a plain function"),
        ]
        for loaded, said in cases:
            Host()
            self.assertIn(said, probe(aws.Plugin(lambda: loaded, "app.handler")) or "")

    def test_the_event_is_lambdas(self) -> None:
        changes = [modify({"id": "a"}, {"n": 1}, {"n": 2}), expire({"id": "b"}, {})]
        first, second = aws.to_event(batch(changes, region="eu-west-1"))["Records"]
        expected = {
            "eventID": "event-1",
            "eventName": "MODIFY",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "eu-west-1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1767225600.0,
                "Keys": {"id": {"S": "a"}},
                "NewImage": {"id": {"S": "a"}, "n": {"N": "2"}},
                "OldImage": {"id": {"S": "a"}, "n": {"N": "1"}},
                "SequenceNumber": "1",
                "SizeBytes": 100,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
            "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/test/stream/2026-01-01T00:00:00.000",
        }
        self.assertEqual(first, expected)
        self.assertEqual(second["userIdentity"], {"type": "Service", "principalId": "dynamodb.amazonaws.com"})
        self.assertNotIn("NewImage", second["dynamodb"])

    def test_the_module_runs_at_the_first_batch_where_its_environment_is(self) -> None:
        source = 'import os, logging\nTABLE = os.environ["TABLE"]\nlogging.getLogger().setLevel(logging.INFO)\n\ndef handler(event, context):\n'
        source += '    print(TABLE, len(event["Records"]), context.aws_request_id, context.get_remaining_time_in_millis() > 0)\n    logging.info("hi")\n'
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "made_function.py").write_text(source)
            sys.path.insert(0, folder)
            try:
                plugin = aws.plugin("made_function.handler")
            finally:
                sys.path.remove(folder)
        Host()
        self.assertEqual(probe(plugin), "KeyError: 'TABLE'")
        host = Host(settings={"TABLE": "copy"})
        self.assertEqual(run(plugin, three()), [])
        self.assertEqual(host.logs, [("info", "copy 3 event-1-1 True"), ("info", "hi")])

    def test_output_is_a_file_of_text_whose_last_line_is_its_batchs(self) -> None:
        def handler(event: Any, context: Any) -> None:
            print(sys.stdout.isatty(), sys.stdout.encoding, sys.stdout.writable(), sys.stdout.readable())
            sys.stdout.writelines(["a\n", "b\n"])
            sys.stdout.buffer.write("é\n".encode()[:1])
            sys.stdout.buffer.write("é\n".encode()[1:])
            sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
            print("dot", end="", flush=True)
            print("half", end="", file=sys.stderr)
            print("no end", end="")
            if len(event["Records"]) == 1:
                raise ValueError("x")

        lines = [("info", "False utf-8 True False"), ("info", "a"), ("info", "b"), ("info", "é"), ("info", "dot"), ("info", "no end"), ("error", "half")]
        plugin = aws.Plugin(lambda: handler)
        host = Host()
        self.assertEqual((run(plugin, three()), host.logs), ([], lines))
        host = Host()
        run(plugin, [insert({"id": "a"}, {})])
        self.assertEqual(host.logs[:-1], lines)
        self.assertIn("ValueError: x", host.logs[-1][1])


if __name__ == "__main__":
    unittest.main()
