"""Lambda's event, and its rule for what failed."""

import os
import sys
import tempfile
import unittest
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
            sys.stdout.buffer.write("é\n".encode())
            print("half", end="", file=sys.stderr)
            print("no end", end="")
            if len(event["Records"]) == 1:
                raise ValueError("x")

        lines = [("info", "False utf-8 True False"), ("info", "a"), ("info", "b"), ("info", "é"), ("info", "no end"), ("error", "half")]
        plugin = aws.Plugin(lambda: handler)
        host = Host()
        self.assertEqual((run(plugin, three()), host.logs), ([], lines))
        host = Host()
        run(plugin, [insert({"id": "a"}, {})])
        self.assertEqual(host.logs[:-1], lines)
        self.assertIn("ValueError: x", host.logs[-1][1])


if __name__ == "__main__":
    unittest.main()
