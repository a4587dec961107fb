// What an engine's bindings trap on, or take for something else: each is an error of its call alone, in either engine.
import { type Change, HostError, Num, counters, http, mailer, metrics, state, tables } from "@tripline/sdk";

/** Whatever types say: an author of plain JavaScript hears nothing of them. */
const as = <T>(value: unknown): T => value as T;

/** What each call says of its arguments. */
export function refusals(change: Change<any, any>): string[] {
  const calls = [
    () => counters.add(change, "orders", as({ year: new Num(2026) })),
    () => counters.add(change, "orders", as({ year: undefined })),
    () => metrics.count("things", {}, -1),
    () => metrics.count("things", {}, NaN),
    () => metrics.setGauge("level", {}, as("high")),
    () => state.set(change, "k", as(5)),
    () => state.set(change, "k", "v", { expires: new Date("nonsense") }),
    () => state.setJson(change, "k", undefined),
    () => state.setJson(change, "k", { tags: new Set(["a"]) }),
    () => mailer.send(change, { to: "a@example.com", subject: as(5), text: "" }),
    () => tables.write("t", as([{ check: { id: "a" }, condition: { expression: "x" } }])),
    () => http.get("https://h.example", { answerTimeoutMs: -1 }),
  ];
  metrics.setGauge("level", {}, new Num("1.5"));
  const said = calls.map((call) => {
    try {
      call();
      return "taken";
    } catch (error) {
      return error instanceof HostError ? `${error.code}: ${error.message}` : String(error);
    }
  });
  return [...said, "a lone surrogate: \ud800."];
}
