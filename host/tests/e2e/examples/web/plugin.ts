// Http as the SDK has it, in either engine: what becomes of each change is its key's to say.
import { HostError, http, log, metrics, onChange, settings, state } from "@tripline/sdk";
import { refusals } from "./refusals.js";

interface User {
  id: string;
}

export default onChange<User, User>((change) => {
  const { id } = change.keys;
  const url = `${settings.require("url")}/${id}?q=1`;
  if (id === "denied") http.get("http://169.254.169.254/latest");
  if (id === "slow") {
    try {
      http.get(url, { answerTimeoutMs: 200 });
    } catch (error) {
      log.info("slow:", error instanceof HostError && error.code);
    }
    return;
  }
  const json = id === "large" ? { text: "é".repeat(300_000) } : { id };
  const answer = http.post(url, { json, headers: { "Idempotency-Key": change.eventId } }).ok();
  // What is 64 bits wide in the contract is a number in one engine and a bigint in the other.
  metrics.count("asked", {}, 2);
  state.set(change, id, "asked", { expires: new Date("2100-01-01") });
  if (id === "fine") for (const line of refusals(change)) log.info(line);
  log.info(`${id}:`, answer.status, answer.header("X-From"), answer.json().bytes);
});
