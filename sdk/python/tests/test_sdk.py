"""The SDK in plain Python, against the recorder: items, handlers, and what is taken back."""

import unittest
from decimal import Decimal
from typing import Any

from tripline_sdk import Batch, Change, HostError, Origin, Reject, Retry, counters, item_json, log, mailer, metrics, on_batch, on_change, parse_item, settings, state, tables
from tripline_sdk.testing import Failed, Host, expire, insert, modify, probe, remove, run

ROUND = [
    '{"a":{"S":"ä"},"n":{"N":"12345678901234567890.123456789"},"z":{"NULL":true},"t":{"BOOL":false}}',
    '{"l":{"L":[{"S":"a"},{"N":"1"},{"M":{"x":{"S":"y"}}}]},"e":{"M":{}}}',
    '{"ss":{"SS":["a","b"]},"ns":{"NS":["1","2.50"]},"bs":{"BS":["AAEC","/w=="]},"b":{"B":""}}',
]


class Items(unittest.TestCase):
    def test_items_come_back_as_they_were(self) -> None:
        for text in ROUND:
            self.assertEqual(item_json(parse_item(text)), text)
        self.assertEqual(item_json({"a": 1, "b": (True,), "c": Decimal("1E+3")}), '{"a":{"N":"1"},"b":{"L":[{"BOOL":true}]},"c":{"N":"1E+3"}}')

    def test_what_dynamodb_cannot_hold_is_refused_with_its_place(self) -> None:
        rows: list[tuple[dict[str, Any], str]] = [
            ({"a": {"b": [1.5]}}, r"`a\.b\[0\]`: a float is not exact"),
            ({"a": Decimal("NaN")}, r"`a`: `NaN` is no number"),
            ({"a": set()}, "`a`: a set of DynamoDB's has at least one element"),
            ({"a": {True}}, "`a`: a bool is no number"),
            ({"a": object()}, "`a`: a object is no value"),
        ]
        for item, message in rows:
            with self.assertRaisesRegex(TypeError, message):
                item_json(item)


class Handlers(unittest.TestCase):
    def test_a_failed_change_stops_no_other_and_leaves_nothing_behind(self) -> None:
        host = Host()

        @on_change
        def handle(change: Change) -> None:
            counters.add(change, "seen", {"kind": change.event_name})
            state.set_json(change, change.keys["id"], {"a": 1})
            mailer.send(change, to="a@example.com", subject=change.keys["id"], text="hi")
            match (change.new_image or {}).get("flaw"):
                case "retry":
                    raise Retry("later")
                case "reject":
                    raise Reject("never")
                case "bug":
                    raise KeyError("oops")

        changes = [insert({"id": "a"}, {}), *(insert({"id": flaw}, {"flaw": flaw}) for flaw in ("retry", "reject", "bug"))]
        expected = [Failed(1, "retry", "later"), Failed(2, "reject", "never"), Failed(3, "retry", "KeyError: 'oops'")]
        self.assertEqual(run(handle, changes), expected)
        self.assertEqual(host.counter("seen", {"kind": "INSERT"}), ["1"])
        self.assertEqual(list(host.entries), ["a"])
        self.assertEqual([mail.subject for mail in host.mails], ["a"])
        self.assertEqual([level for level, _ in host.logs], ["error"])

    def test_a_batch_fails_in_part_or_as_a_whole(self) -> None:
        @on_batch
        def part(batch: Batch) -> None:
            batch.fail(batch.changes[1], Reject("x"))
            batch.fail(batch.changes[1], Retry("not this"))

        @on_batch
        def whole(batch: Batch) -> None:
            raise ValueError("all")

        changes = [insert({"id": "a"}, {}), insert({"id": "b"}, {})]
        self.assertEqual(run(part, changes), [Failed(1, "reject", "x")])
        self.assertEqual(run(whole, changes), [Failed(0, "retry", "ValueError: all"), Failed(1, "retry", "ValueError: all")])

    def test_a_probe_is_answered_and_handles_nothing(self) -> None:
        Host(settings={"limit": 3})

        def check(origin: Origin) -> None:
            if settings.get_json("limit") != 3 or origin.view == "keys-only":
                raise Reject("no view")
            settings.require("to")

        @on_change(probe=check)
        def handle(change: Change) -> None:
            self.fail("an empty batch reached the handler")

        self.assertEqual(probe(handle, view="keys-only"), "no view")
        self.assertRegex(str(probe(handle)), "setting `to` is missing")

    def test_what_the_host_refuses_is_retried_or_rejected_by_its_kind(self) -> None:
        host = Host(grants={"tables"})

        @on_change
        def put(change: Change) -> None:
            tables.put("copy", {"id": "a"})

        for code, kind in {"condition-failed": "reject", "invalid": "reject", "unavailable": "retry"}.items():
            host.on_write = lambda _, code=code: HostError("table", code)  # type: ignore[misc]
            self.assertEqual([one.kind for one in run(put, [insert({"id": "a"}, {})])], [kind], code)

        @on_change
        def denied(change: Change) -> None:
            counters.add(change, "seen")

        self.assertRegex(run(denied, [insert({"id": "a"}, {})])[0].reason, "not granted counters")

    def test_a_cancelled_transaction_says_which_write_stopped_it(self) -> None:
        host = Host()
        host.on_write = lambda write: HostError("table", "condition-failed") if write.item["id"] == "b" else None

        @on_change
        def transact(change: Change) -> None:
            tables.transact(change, [("t", tables.Put({"id": "a"})), ("t", tables.Put({"id": "b"}))])

        (failed,) = run(transact, [insert({"id": "a"}, {})])
        self.assertEqual(failed.kind, "reject")
        self.assertRegex(failed.reason, "write 2: .*condition did not hold")
        self.assertEqual(host.writes, [])

    def test_tables_state_and_metrics_by_name(self) -> None:
        host = Host()
        host.tables["prices"] = [{"id": "x", "price": 2}]

        @on_change
        def handle(change: Change) -> None:
            there, none = tables.get_many("prices", [{"id": "x"}, {"id": "y"}])
            assert there is not None and none is None
            tables.update("totals", tables.Update({"id": "t"}, "ADD #n :n", names={"#n": "n"}, values={":n": there["price"]}))
            tables.delete("totals", {"id": "old"}, tables.Condition("attribute_exists(id)"))
            state.set(change, "k", "one")
            assert state.get_text(change, "k") == "one"
            state.delete(change, "k")
            assert state.get_json(change, "k") is None
            metrics.count("things", delta=2)
            log.info("a")

        self.assertEqual(run(handle, [insert({"id": "a"}, {})]), [])
        self.assertEqual([(one.kind, one.item["id"], one.values) for one in host.writes], [("update", "t", {":n": 2}), ("delete", "old", None)])
        self.assertEqual((host.logs, host.samples), ([("info", "a")], [("count", "things", {}, 2)]))

    def test_differences_are_dynamodbs_and_expiries_are_told(self) -> None:
        Host()
        seen: list[Any] = []

        @on_change
        def handle(change: Change) -> None:
            seen.append((change.event_name, change.is_expiry, [one.name for one in change.differences()]))

        old = {"n": Decimal("1.0"), "s": {"a", "b"}, "b": [True]}
        changes = [modify({"id": "a"}, old, {"n": 1, "s": {"b", "a"}, "b": [1], "k": None}), remove({"id": "a"}, {}), expire({"id": "a"}, {})]
        self.assertEqual(run(handle, changes), [])
        self.assertEqual(seen, [("MODIFY", False, ["b", "k"]), ("REMOVE", False, ["id"]), ("REMOVE", True, ["id"])])


if __name__ == "__main__":
    unittest.main()
