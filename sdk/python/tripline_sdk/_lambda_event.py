"""The event that Lambda makes of changes, and what a function may ask of its invocation.

What holds: a record is what Lambda hands over for the same change; what the context says of the function, its environment says as well.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any, TypedDict

from . import host, settings

TIMEOUT_MS = 10_000
"""The host's own default for a call. A trigger with another limit says so in the setting `timeout_ms`."""


class StreamRecord(TypedDict, total=False):
    """`dynamodb` of a record."""

    ApproximateCreationDateTime: float
    Keys: dict[str, Any]
    NewImage: dict[str, Any]
    OldImage: dict[str, Any]
    SequenceNumber: str
    SizeBytes: int
    StreamViewType: str


class Record(TypedDict, total=False):
    eventID: str
    eventName: str
    eventVersion: str
    eventSource: str
    awsRegion: str
    dynamodb: StreamRecord
    userIdentity: dict[str, str]
    eventSourceARN: str


class Event(TypedDict):
    """What Lambda hands to a function."""

    Records: list[Record]


class Identity:
    """Of a caller through Cognito: a stream has none."""

    cognito_identity_id: str | None = None
    cognito_identity_pool_id: str | None = None


class Context:
    """What a function may ask of its invocation."""

    def __init__(self, batch: Any) -> None:
        self._began = time.monotonic()
        self._timeout_ms = int(settings.get("timeout_ms") or TIMEOUT_MS)
        of = {**environment(batch), **os.environ}
        self.function_name = of["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = of["AWS_LAMBDA_FUNCTION_VERSION"]
        self.invoked_function_arn = f"arn:aws:lambda:{batch.region}:000000000000:function:{batch.trigger}"
        self.memory_limit_in_mb = of["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.aws_request_id = request_id(batch)
        self.log_group_name = of["AWS_LAMBDA_LOG_GROUP_NAME"]
        # Another batch of this instance may be of another shard.
        self.log_stream_name: str = batch.shard_id
        self.identity = Identity()
        self.client_context = None
        self.tenant_id = None

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._timeout_ms - int((time.monotonic() - self._began) * 1000))

    def log(self, message: object) -> None:
        host.log("info", str(message))


def request_id(batch: Any) -> str:
    return f"{batch.changes[0].event_id}-{batch.attempt}" if batch.changes else ""


def environment(batch: Any) -> dict[str, str]:
    """What Lambda sets. The trigger's settings come on top of it: it is there that `AWS_LAMBDA_FUNCTION_MEMORY_SIZE` may be said otherwise."""
    return {
        "AWS_EXECUTION_ENV": "tripline",
        "AWS_REGION": batch.region,
        "AWS_DEFAULT_REGION": batch.region,
        "AWS_LAMBDA_FUNCTION_NAME": batch.trigger,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{batch.trigger}",
        "AWS_LAMBDA_LOG_STREAM_NAME": batch.shard_id,
        "LAMBDA_TASK_ROOT": "/",
        "TZ": ":UTC",
    }


def to_event(batch: Any) -> Event:
    """As Lambda hands these changes to a function."""
    return {"Records": [_record(batch, change) for change in batch.changes]}


def _record(batch: Any, change: Any) -> Record:
    seconds, rest = divmod(change.created_ms, 1000)
    stream: StreamRecord = {
        "ApproximateCreationDateTime": seconds + rest / 1000 if rest else float(seconds),
        "Keys": json.loads(change.keys),
    }
    if change.new_image is not None:
        stream["NewImage"] = json.loads(change.new_image)
    if change.old_image is not None:
        stream["OldImage"] = json.loads(change.old_image)
    stream["SequenceNumber"] = change.sequence_number
    stream["SizeBytes"] = change.size_bytes
    stream["StreamViewType"] = batch.view.name
    record: Record = {
        "eventID": change.event_id,
        "eventName": change.event_name.name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": batch.region,
        "dynamodb": stream,
    }
    if change.user_identity:
        record["userIdentity"] = {"type": change.user_identity[0], "principalId": change.user_identity[1]}
    record["eventSourceARN"] = batch.stream_arn
    return record
