"""The host, as a component reaches it. Another interface of the contract is a function more here and in `_recorder`.

What holds: values of the bindings, and the names of their classes, go no further than this file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from componentize_py_types import Err
from wit_world.imports import counters, logging, mailer, metrics, state, store, tables

from ._check import clean
from .failure import HostError

try:
    # Where `wasi:http` has another interface of that name.
    from wit_world.imports import tripline_trigger_types as types
except ImportError:
    from wit_world.imports import types  # type: ignore[attr-defined, no-redef]

T = TypeVar("T")
Labels = Mapping[str, str]


def _error(what: str, value: Any) -> HostError:
    """Of a variant such as `WriteError_ConditionFailed`."""
    case = type(value).__name__.rpartition("_")[2]
    code = re.sub(r"(?<!^)(?=[A-Z])", "-", case).lower()
    inner = getattr(value, "value", "")
    if code == "cancelled":
        return HostError(what, code, detail=[None if one is None else _error(what, one) for one in inner])
    return HostError(what, code, str(inner))


def _ask(what: str, call: Callable[[], T]) -> T:
    try:
        return call()
    except Err as error:
        raise _error(what, error.value) from None


def failed_change(place: int, kind: str, reason: str) -> Any:
    return types.FailedChange(place, _failure(kind, reason))


def failed_batch(kind: str, reason: str) -> Exception:
    return Err(_failure(kind, reason))


def _failure(kind: str, reason: str) -> types.Failure:
    return types.Failure_Reject(clean(reason)) if kind == "reject" else types.Failure_Retry(clean(reason))


def log(level: str, message: str) -> None:
    logging.log(logging.Level[level.upper()], "", clean(message))


def setting(key: str) -> str | None:
    return _ask(f"setting `{key}`", lambda: store.get(key))


def settings() -> dict[str, str]:
    return dict(_ask("settings", store.get_all))


def add(place: int, name: str, labels: Labels, delta: str) -> None:
    _ask(f"counter `{name}`", lambda: counters.add(place, name, list(labels.items()), delta))


def get_state(reads: list[tuple[int, str]]) -> list[bytes | None]:
    return _ask("state", lambda: state.get([state.Read(place, key) for place, key in reads]))


def set_state(place: int, key: str, value: bytes, expires_ms: int | None) -> None:
    _ask(f"state `{key}`", lambda: state.set(place, key, value, expires_ms))


def delete_state(place: int, key: str) -> None:
    _ask(f"state `{key}`", lambda: state.delete(place, key))


def send(place: int, name: str | None, message: dict[str, Any], key: str) -> None:
    _ask("mail", lambda: mailer.send(place, name, mailer.Message(**message), key))


def _condition(condition: Mapping[str, Any] | None) -> tables.Condition | None:
    return None if condition is None else tables.Condition(condition["expression"], list(condition["names"].items()), condition["values"])


def _values(kind: str, write: Mapping[str, Any]) -> Any:
    if kind == "put":
        return tables.Put(write["item"], _condition(write["condition"]))
    if kind == "delete":
        return tables.Delete(write["item"], _condition(write["condition"]))
    if kind == "check":
        condition = _condition(write["condition"])
        return tables.Check(write["item"], condition) if condition else None
    return tables.Update(write["item"], write["expression"], write["update_condition"], list(write["names"].items()), write["values"])


def write(table: str, writes: list[Mapping[str, Any]]) -> list[HostError | None]:
    cases = {"put": tables.TableWrite_Put, "delete": tables.TableWrite_Delete, "update": tables.TableWrite_Update}
    wire = [cases[one["kind"]](_values(one["kind"], one)) for one in writes]
    results = _ask(f"table `{table}`", lambda: tables.write(table, wire))
    return [_error(f"table `{table}`", result.value) if isinstance(result, Err) else None for result in results]


def transact(place: int, writes: list[tuple[str, Mapping[str, Any]]]) -> None:
    cases = {
        "put": tables.TransactAction_Put,
        "delete": tables.TransactAction_Delete,
        "update": tables.TransactAction_Update,
        "check": tables.TransactAction_Check,
    }
    wire = [tables.TransactWrite(table, cases[one["kind"]](_values(one["kind"], one))) for table, one in writes]
    _ask("transaction", lambda: tables.transact(place, wire))


def get_items(table: str, keys: list[str], consistent: bool) -> list[str | None]:
    return _ask(f"table `{table}`", lambda: tables.get(table, keys, consistent))


def count(name: str, labels: Labels, delta: int) -> None:
    _ask(f"metric `{name}`", lambda: metrics.count(name, list(labels.items()), delta))


def set_gauge(name: str, labels: Labels, value: float) -> None:
    _ask(f"metric `{name}`", lambda: metrics.set_gauge(name, list(labels.items()), value))


def observe(name: str, labels: Labels, value: float) -> None:
    _ask(f"metric `{name}`", lambda: metrics.observe(name, list(labels.items()), value))
