"""The recorder against what the host does: what is held back, what a batch leaves behind, and the host's bounds."""

import unittest
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from functools import partial
from typing import Any

from tripline_sdk import Batch, Change, Reject, Retry, counters, http, item_json, log, mailer, metrics, on_batch, on_change, settings, state, tables
from tripline_sdk.testing import Failed, Host, insert, run

Act = Callable[[Change], Any]


def acts(*steps: tuple[str, Act]) -> list[Failed]:
    """One batch of changes of these items, each with what is done for it."""
    changes = [insert({"id": item}, {"at": at}) for at, (item, _) in enumerate(steps)]

    @on_change
    def handle(change: Change) -> None:
        assert change.new_image is not None
        steps[int(change.new_image["at"])][1](change)

    return run(handle, changes)


def outcome(act: Act) -> str:
    return next((f"{failed.kind} {failed.reason}" for failed in acts(("a", act))), "ok")


def fail(error: Exception, then: Act = lambda _: None) -> Act:
    def act(change: Change) -> None:
        then(change)
        raise error

    return act


def each(*acts: Act) -> Act:
    return lambda change: [act(change) for act in acts]


def add(change: Change) -> None:
    counters.add(change, "n", delta=int((change.new_image or {})["at"]))


def write(change: Change) -> None:
    state.set(change, "k", str((change.new_image or {})["at"]))


def read(change: Change) -> None:
    add(change)
    state.get(change, "k")


def mail(change: Change, **other: Any) -> None:
    mailer.send(change, **{"to": "a@b.example", "subject": "s", "text": "t", **other})


RETRY, REJECT = Retry("r"), Reject("r")

# Items and what is done for them; the places that are held back, what the counter got, and what is in the state.
HELD: list[tuple[list[tuple[str, Act]], list[int], list[str], str | None]] = [
    # A later change of a retried item, and none of another.
    ([("a", fail(RETRY)), ("b", add), ("a", add)], [2], ["1"], None),
    ([("a", fail(REJECT)), ("b", add), ("a", add)], [], ["1", "2"], None),
    ([("a", add), ("a", fail(RETRY)), ("a", fail(REJECT)), ("a", add)], [3], ["0"], None),
    # Who read what a failed change had written, whatever its failure.
    ([("a", fail(REJECT, write)), ("b", read), ("c", add)], [1], ["2"], None),
    # And who read of them, and their items' later changes.
    ([("a", fail(REJECT, write)), ("b", each(read, write)), ("c", read), ("d", add), ("b", add)], [1, 2, 4], ["3"], None),
    # A change that writes without a look depends on nobody; what it wrote stands.
    ([("a", fail(RETRY, write)), ("b", write), ("c", read)], [], ["2"], "1"),
    ([("a", write), ("b", fail(RETRY, write))], [], [], "0"),
    ([("a", write), ("b", fail(RETRY, lambda c: state.delete(c, "k"))), ("c", read)], [2], [], "0"),
]


class Settled(unittest.TestCase):
    def test_what_is_held_back_is_what_the_host_holds_back(self) -> None:
        for steps, held, added, entry in HELD:
            host = Host()
            acts(*steps)
            self.assertEqual((host.held, host.counter("n"), host.state("k")), (held, added, entry))

    def test_a_later_run_begins_with_what_the_earlier_has_left(self) -> None:
        host = Host()
        host.entries["k"] = b"before"
        acts(("a", fail(RETRY, write)), ("a", lambda c: mail(c)))
        self.assertEqual((host.held, host.state("k"), host.mails), ([1], "before", []))
        acts(("a", write), ("a", lambda c: mail(c)))
        self.assertEqual((host.held, host.state("k"), len(host.mails)), ([], "0", 1))

    def test_a_handler_may_go_through_its_batch_in_any_order(self) -> None:
        host = Host()

        @on_batch
        def backward(batch: Batch) -> None:
            for change in reversed(batch.changes):
                state.get(change, "k")
                state.set(change, "k", b"")
            batch.fail(batch.changes[2], REJECT)

        run(backward, [insert({"id": name}, {}) for name in "abc"])
        self.assertEqual((host.held, host.entries), ([0, 1], {}))

    def test_of_one_change_and_key_the_outbox_takes_one_mail(self) -> None:
        host = Host()
        acts(("a", each(mail, lambda c: mail(c, subject="again"), lambda c: mail(c, key="other"))), ("b", mail))
        self.assertEqual([(one.subject, one.key) for one in host.mails], [("s", ""), ("s", "other"), ("s", "")])
        self.assertEqual(host.logs, [("warn", "mail not sent: the outbox has a mail of this change and key (``)")])

    def test_a_bug_is_told_of_with_its_place_however_it_fails_the_change(self) -> None:
        host = Host()

        @on_batch
        def part(batch: Batch) -> None:
            try:
                {}["x"]  # type: ignore[index]
            except KeyError as error:
                batch.fail(batch.changes[0], error)
            batch.fail(batch.changes[1], REJECT)

        run(part, [insert({"id": "a"}, {}), insert({"id": "b"}, {})])
        ((level, text),) = host.logs
        self.assertEqual(level, "error")
        self.assertRegex(text, r'(?s)test_host.py", line \d+, in part.*KeyError')


# What is handed over by mistake, and why the change is rejected. With the component too: host/tests/e2e/examples/python.
UNFIT: list[tuple[Act, str]] = [
    (lambda c: counters.add(c, "n", {"year": Decimal(2026)}), r"counter `n`: label `year` is a Decimal: write str\(…\)"),  # type: ignore[dict-item]
    (lambda c: counters.add(c, "n", {"year": None}), "counter `n`: label `year` is None: write a str"),  # type: ignore[dict-item]
    (lambda c: counters.add(c, "n", [("a", "b")]), "counter `n`: the labels are a list, and a dict is wanted"),  # type: ignore[arg-type]
    (lambda c: counters.add(c, 5), "the name of a counter is an int"),  # type: ignore[arg-type]
    (lambda c: counters.add(c, "n", delta=""), "`delta of n`: `` is no number"),
    (lambda c: counters.add(c, "n", delta="1_000"), "`delta of n`: `1_000` is no number"),
    (lambda c: counters.add(c, "n", delta="1 "), "`delta of n`: `1 ` is no number"),
    (lambda c: counters.add(c, "n", delta="١"), "`delta of n`: `١` is no number"),
    (lambda c: counters.add(c, "n", delta=Decimal("Infinity")), "`delta of n`: `Infinity` is no number"),
    (lambda c: mail(c, subject=5), "mail: `subject` is an int"),
    (lambda c: mail(c, to=[None]), "mail: `to` is None"),
    (lambda c: mail(c, to=5), "mail: `to` is an int: write a str or a list"),
    (lambda c: mail(c, text=b""), "mail: `text` is a bytes"),
    (lambda c: mail(c, key=5), "mail: `key` is an int"),
    (lambda c: state.set(c, "k", 5), "state `k`: the value is an int"),  # type: ignore[arg-type]
    (lambda c: state.get(c, 5), "a key of the state is an int"),  # type: ignore[arg-type]
    (lambda c: state.set(c, "\ud83d", b""), "a key of the state has half of a surrogate pair"),
    (lambda c: state.set(c, "k", b"", expires=5), "state `k`: `expires` is an int: write a datetime"),  # type: ignore[arg-type]
    (lambda c: state.set(c, "k", b"", expires=datetime(1969, 1, 1, tzinfo=timezone.utc)), "state `k`: `expires`, .* is -31536000000"),
    (lambda c: state.set_json(c, "k", {"a": [object()]}), r"state `k`: the value\.a\[0\] cannot be written as JSON"),
    (lambda c: metrics.count("n", delta=-1), "metric `n`: `delta` is -1"),
    (lambda c: metrics.count("n", delta=1.5), "metric `n`: `delta` is a float"),  # type: ignore[arg-type]
    (lambda c: metrics.count("n", delta=2**64), "metric `n`: `delta` is above"),
    (lambda c: metrics.set_gauge("n", "5"), "metric `n`: `value` is a str"),  # type: ignore[arg-type]
    (lambda c: http.get("https://h", answer_timeout=-1), "http: `answer_timeout` is -1.0"),
    (lambda c: http.get("https://h", connect_timeout=float("nan")), "http: `connect_timeout` is nan"),
    (lambda c: http.get("https://h", headers={"X": 5}), "http: header `X` is an int"),
    (lambda c: http.get("https://h/\ud83d/x"), "http: the URL has half of a surrogate pair"),
    (lambda c: http.get(5), "http: the URL is an int"),  # type: ignore[arg-type]
    (lambda c: settings.get(5), "the name of a setting is an int"),  # type: ignore[arg-type]
    (lambda c: tables.put(5, {"id": "a"}), "the name of a table is an int"),  # type: ignore[arg-type]
    (lambda c: tables.put("t", {"id": "a"}, "attribute_exists(id)"), r"a condition is a str: write tables.Condition\(…\)"),  # type: ignore[arg-type]
    (lambda c: tables.update("t", tables.Update({"id": "a"}, "SET #a = :a", names={"#a": 5})), "an update: name `#a` is an int"),  # type: ignore[dict-item]
    (lambda c: tables.write("t", [tables.Check({"id": "a"}, tables.Condition("x"))]), "a Check writes nothing"),  # type: ignore[list-item]
    (lambda c: tables.write("t", [{"id": "a"}]), "a dict is no write"),  # type: ignore[list-item]
    (lambda c: tables.put("t", {"id": "\ud83d"}), "`id` has half of a surrogate pair"),
    (lambda c: tables.put("t", {"a": {"b": {1, "2"}}}), r"`a\.b`: a set of number and str: DynamoDB's are of one type"),
    (lambda c: tables.put("t", {"a": {Decimal("NaN"), 1}}), "`a`: `NaN` is no number"),
]

# What the host refuses for its size or its shape.
BOUNDS: list[tuple[Act, str]] = [
    (lambda c: counters.add(c, "n", {"Bad Label": ""}), "the label `Bad Label`: use a to z"),
    (lambda c: counters.add(c, "n" * 65), "the counter's name `n+`: use a to z"),
    (lambda c: counters.add(c, "n", {f"l{at}": "" for at in range(9)}), "9 labels; at most 8"),
    (lambda c: counters.add(c, "n", {"a": "é" * 513}), "the value of label `a` has 1026 bytes; at most 1024"),
    (lambda c: counters.add(c, "n", delta="1E500"), "`1E500` is outside what DynamoDB stores"),
    (lambda c: counters.add(c, "n", delta="1E-169"), "is outside what DynamoDB stores"),
    (lambda c: counters.add(c, "n", delta="1" * 301), "is outside what DynamoDB stores"),
    (lambda c: counters.add(c, "n", delta="0" * 321), "is not a decimal such as"),
    (lambda c: metrics.count("Bad"), "the metric's name `Bad`"),
    (lambda c: metrics.count("n_total"), "leave out `_total`"),
    (lambda c: metrics.observe("n", 1.0, {"le": "1"}), "the label `le`: Prometheus keeps it"),
    (lambda c: metrics.set_gauge("n", float("nan")), "nan is no finite number"),
    (each(lambda c: metrics.count("n"), lambda c: metrics.set_gauge("n", 1)), "it is a counter already, and no gauge"),
    (lambda c: state.get(c, "k" * 2049), "a key of 2049 bytes; at most 2048"),
    (lambda c: state.set(c, "k" * 2049, ""), "a key of 2049 bytes"),
    (lambda c: state.delete(c, "k" * 2049), "a key of 2049 bytes"),
    (lambda c: state.set(c, "k", bytes(256 * 1024 + 1)), "the value has 262145 bytes"),
    (lambda c: each(*(partial(state.set, key=str(at), value=bytes(256 * 1024)) for at in range(129)))(c), "more than 33554432 bytes of writes in one batch"),
    (each(lambda c: state.set(c, "k", bytes(256 * 1024)), lambda c: state.get_many([(c, "k")] * 257)), "values of more than 67108864 bytes in one read"),
    (lambda c: mail(c, to=[]), "0 recipients: a mail has one to 50"),
    (lambda c: mail(c, to=["a@b.example"] * 51), "51 recipients"),
    (lambda c: mail(c, subject="a\nBcc: x@y.example"), "subject: holds the control character"),
    (lambda c: mail(c, subject="s" * 999), "subject: 999 bytes; at most 998"),
    (lambda c: mail(c, reply_to="nobody"), "reply-to: not an address"),
    (lambda c: mail(c, text=None), "no body"),
    (lambda c: mail(c, html="x" * (1024 * 1024 + 1)), "html: 1048577 bytes; at most 1048576"),
    (lambda c: mail(c, key="x" * 1025), "key: 1025 bytes; at most 1024"),
    (lambda c: tables.transact(c, [("t", tables.Put({"id": str(at)})) for at in range(101)]), "101 writes in one transaction; at most 100"),
    (lambda c: tables.get_many("t", [{"id": str(at)} for at in range(1001)]), "1001 keys in one read; at most 1000"),
    (lambda c: http.request("BAD METHOD", "https://h"), "a URL or method that is none"),
    (lambda c: http.get("https://h/a b"), "a URL or method that is none"),
]


class Refused(unittest.TestCase):
    def test_what_has_the_wrong_type_rejects_its_change_alone(self) -> None:
        for act, expected in UNFIT:
            host = Host()
            said = outcome(act)
            self.assertRegex(said, f"^reject {expected}")
            # A mistake of the handler's: where it is made is in the log.
            self.assertIn("test_host.py", host.logs[0][1])
            self.assertEqual((host.added, host.entries, host.mails, host.writes, host.samples, host.requests), ([], {}, [], [], [], []), said)

    def test_what_the_host_bounds_the_recorder_bounds(self) -> None:
        for act, expected in BOUNDS:
            Host()
            self.assertRegex(outcome(act), f"^reject .*{expected}")

    def test_what_is_within_the_bounds_is_taken(self) -> None:
        host = Host()

        def act(change: Change) -> None:
            counters.add(change, "n" * 64, {f"l{at}": "x" * 1024 for at in range(8)}, Decimal("1E+168"))
            counters.add(change, "n", delta="-.5e-3")
            state.set(change, "k" * 2048, bytearray(b"ab"))
            state.set(change, "v", memoryview(b"cd"))  # type: ignore[arg-type]
            mail(change, to=("a@b.example",) * 50, subject="s" * 998, key="x" * 1024)
            metrics.set_gauge("g", Decimal("1.5"))  # type: ignore[arg-type]
            tables.transact(change, [("t", tables.Put({"id": str(at)})) for at in range(100)])
            log.info("half: \ud83d")

        self.assertEqual(outcome(act), "ok")
        self.assertEqual((host.entries["k" * 2048], host.entries["v"], host.logs[-1]), (b"ab", b"cd", ("info", "half: ?")))
        self.assertEqual(outcome(fail(ValueError("half: \ud83d"))), "retry ValueError: half: ?")
        self.assertEqual(item_json({"b": bytearray(b"")}), '{"b":{"B":""}}')

    def test_addresses_are_the_hosts(self) -> None:
        # Those of host/capability/src/mail/accept_tests.rs.
        good = ["a@b.example", "Name <a@b.example>", '"Last, First" <a@b.example>', "Zoë <zoe@b.example>", "a+tag@b.example", "o'neill@b.example"]
        bad = ["", " ", "a", "@b.example", "a@", "a b@c.example", "a@b.example, c@d.example", "a@b.example; c@d.example", "a@b.example c@d.example"]
        bad += ["<a@b.example> <c@d.example>", "a@b.example>", "Name <a@b.example", "a@b@c.example", "a@b..example", "a@b.example RCPT TO:<c@d.example>"]
        for address in good:
            Host()
            self.assertEqual(outcome(lambda c: mail(c, to=address)), "ok", address)
        for address in bad:
            Host()
            self.assertRegex(outcome(lambda c: mail(c, to=address)), "^reject mail: to: not an address", address)

    def test_each_grant_is_one_of_its_own(self) -> None:
        rows: dict[str, Act] = {
            "counters": add,
            "state": write,
            "tables": lambda c: tables.put("t", {"id": "a"}),
            "reads": lambda c: tables.get("t", {"id": "a"}),
            "mailers": mail,
            "metrics": lambda c: metrics.count("n"),
            "http": lambda c: http.get("https://h"),
        }
        for granted in rows:
            for wanted, act in rows.items():
                Host(grants={granted})
                expected = "^ok$" if granted == wanted else f"^reject .*trigger `test` is not granted {wanted}: add `grants = {{ {wanted} = "
                self.assertRegex(outcome(act), expected)

    def test_numbers_of_an_item_are_kept_as_json(self) -> None:
        host = Host()
        exact = Decimal("1.500000000000000000000000000001")
        found: list[Any] = []

        def act(change: Change) -> None:
            state.set_json(change, "k", {"n": exact, "list": [Decimal(2), None, "é", 0.5], 3: True})
            found.extend((state.get_json(change, "k"), state.get_json(change, "k", parse_float=Decimal)))

        self.assertEqual(outcome(act), "ok")
        self.assertEqual(host.state("k"), '{"n": 1.500000000000000000000000000001, "list": [2, null, "\\u00e9", 0.5], "3": true}')
        self.assertEqual([one["n"] for one in found], [1.5, exact])
