/** Lines in the host's log, under the trigger's name. @module */

import { logging } from "#host";
import { wellFormed } from "./check.js";

/** @param {string} level @param {unknown[]} parts */
export function line(level, parts) {
  logging.log(level, "", wellFormed(parts.map(text).join(" ")));
}

/** @param {unknown} part @returns {string} */
function text(part) {
  if (typeof part === "string") return part;
  if (part instanceof Error) return part.stack?.includes(part.message) ? part.stack : `${part.name}: ${part.message}\n${part.stack ?? ""}`.trimEnd();
  if (typeof part !== "object" || part === null) return String(part);
  try {
    return JSON.stringify(part, (_, value) => (typeof value === "bigint" ? String(value) : value)) ?? String(part);
  } catch {
    return String(part);
  }
}

/** @param {...unknown} parts */
export const trace = (...parts) => line("trace", parts);
/** @param {...unknown} parts */
export const debug = (...parts) => line("debug", parts);
/** @param {...unknown} parts */
export const info = (...parts) => line("info", parts);
/** @param {...unknown} parts */
export const warn = (...parts) => line("warn", parts);
/** @param {...unknown} parts */
export const error = (...parts) => line("error", parts);
