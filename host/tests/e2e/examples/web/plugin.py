"""Http as the SDK has it: what becomes of each change is its key's to say."""

from tripline_sdk import Change, HostError, http, log, on_change, settings


@on_change
def handle(change: Change) -> None:
    name = change.keys["id"]
    url = f"{settings.require('url')}/{name}?q=1"
    if name == "denied":
        http.get("http://169.254.169.254/latest")
    if name == "slow":
        try:
            http.get(url, answer_timeout=0.2)
        except HostError as error:
            log.info(f"slow: {error.code}")
        return
    json = {"text": "é" * 300_000} if name == "large" else {"id": name}
    answer = http.post(url, json=json, headers={"Idempotency-Key": change.event_id}).ok()
    log.info(f"{name}: {answer.status} {answer.header('X-From')} {answer.json()['bytes']}")
