// StarlingMonkey's own fetch, beside the SDK's http.
import { http, log, onChange, reject, settings } from "@tripline/sdk";
import { refusals } from "./refusals.js";

interface User {
  id: string;
}

export default onChange<User, User>(async (change) => {
  const { id } = change.keys;
  const url = `${settings.require("url")}/${id}?q=1`;
  const answer = await fetch(url, { method: "POST", body: JSON.stringify({ id }), headers: { "Content-Type": "application/json" } });
  if (answer.status >= 500) throw new Error(`the server answers ${answer.status}`);
  if (!answer.ok) throw reject(`the server answers ${answer.status}`);
  const { bytes } = await answer.json();
  if (id === "fine") for (const line of refusals(change)) log.info(line);
  log.info(`${id}:`, answer.status, answer.headers.get("X-From"), bytes, http.get(url).status);
});
