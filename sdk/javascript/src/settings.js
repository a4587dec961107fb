/** The trigger's `[settings]`. A TOML string arrives as it is, anything else as JSON. Not there while a module is loaded at build time: read them in the handler or the probe. @module */

import { config } from "#host";
import { text } from "./check.js";
import { ask, reject } from "./failure.js";

/** @param {string} key @returns {string | undefined} */
export function get(key) {
  return ask("setting", () => config.get(text("the key", key)), key) ?? undefined;
}

/** @param {string} key @returns {string} Rejects the change where there is none. */
export function require(key) {
  const found = get(key);
  if (found === undefined) throw reject(`setting \`${key}\` is missing: add it to the trigger's settings`);
  return found;
}

/** A setting that is no string: a number, a list, a table. @param {string} key @returns {any} undefined where there is none */
export function getJson(key) {
  const found = get(key);
  if (found === undefined) return undefined;
  try {
    return JSON.parse(found);
  } catch {
    throw reject(`setting \`${key}\` is a string, and a number, a list, a table or a boolean is wanted`);
  }
}

/** @returns {Record<string, string>} */
export function all() {
  return Object.fromEntries(ask("settings", () => config.getAll()));
}
