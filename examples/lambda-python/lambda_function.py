"""A function as it runs in AWS Lambda, line for line: it logs what orders are worth, and reports those that it could not read."""

import logging
import os
from decimal import Decimal

logger = logging.getLogger()
logger.setLevel(os.environ.get("LOG_LEVEL", "INFO"))

# Read when the module is loaded, as functions do.
CURRENCY = os.environ["CURRENCY"]


def lambda_handler(event, context):
    print(f"{context.function_name}: {len(event['Records'])} records")
    failures = []
    for record in event["Records"]:
        try:
            handle(record)
        except Exception:
            logger.exception("%s failed", record["eventID"])
            failures.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
    return {"batchItemFailures": failures}


def handle(record):
    change = record["dynamodb"]
    before, after = (Decimal(change.get(image, {}).get("total", {}).get("N", "0")) for image in ("OldImage", "NewImage"))
    if "NewImage" in change and "N" not in change["NewImage"]["total"]:
        raise ValueError("total is no number")
    who = record.get("userIdentity", {}).get("principalId", "a user")
    logger.info("%s %s %+f %s by %s", record["eventName"], change["Keys"]["id"]["S"], after - before, CURRENCY, who)
