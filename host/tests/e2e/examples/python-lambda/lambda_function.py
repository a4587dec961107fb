"""What functions do with their output, and an answer of tuples."""

import sys


def lambda_handler(event, context):
    names = [record["dynamodb"]["Keys"]["id"]["S"] for record in event["Records"]]
    print("a terminal" if sys.stdout.isatty() else "no terminal", sys.stdout.encoding, sys.stdout.writable())
    sys.stdout.writelines(f"{name}\n" for name in names)
    sys.stdout.buffer.write("bytes: é\n".encode())
    print("half: \ud83d")
    print("no end of line:", ", ".join(names), end="")
    print("nor here", end="", file=sys.stderr)
    return {"batchItemFailures": tuple({"itemIdentifier": record["dynamodb"]["SequenceNumber"]} for record in event["Records"] if record["eventID"] == "e-2")}
