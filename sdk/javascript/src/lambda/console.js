/**
 * `console`, with Node's words, as lines of the host's log.
 *
 * What holds: one call is one line of the log, whatever is in it; what is logged cannot fail the function.
 * @module
 */

import { line } from "../log.js";
import { inspect } from "./inspect.js";

const DIRECTIVE = /%[sdifjoOc%]/g;

/** As `util.format`: the first part may say how the next ones are written. @param {unknown[]} parts @returns {string} */
export function format(parts) {
  const [first, ...rest] = parts;
  if (typeof first !== "string" || rest.length === 0) return parts.map(inspect).join(" ");
  let used = 0;
  const told = first.replace(DIRECTIVE, (directive) => {
    if (directive === "%%") return "%";
    return used < rest.length ? written(directive, rest[used++]) : directive;
  });
  return [told, ...rest.slice(used).map(inspect)].join(" ");
}

/** @param {string} directive @param {any} part @returns {string} */
function written(directive, part) {
  const isObject = typeof part === "object" && part !== null;
  switch (directive) {
    case "%c":
      return "";
    case "%d":
      return typeof part === "bigint" ? `${part}n` : isObject || typeof part === "symbol" ? "NaN" : String(Number(part));
    case "%i":
      return typeof part === "bigint" ? `${part}n` : isObject || typeof part === "symbol" ? "NaN" : String(Number.parseInt(part, 10));
    case "%f":
      return typeof part === "symbol" ? "NaN" : String(Number.parseFloat(part));
    case "%j":
      return json(part);
    default:
      return inspect(part);
  }
}

/** @param {unknown} part */
function json(part) {
  try {
    return JSON.stringify(part) ?? "undefined";
  } catch (error) {
    return String(error).includes("BigInt") ? inspect(part) : "[Circular]";
  }
}

/** To be called once: `console` is a function's from then on. */
export function installConsole() {
  const scope = /** @type {any} */ (globalThis);
  scope.console = Object.assign(scope.console ?? {}, made());
}

function made() {
  let indent = "";
  /** @type {Map<string, number>} */
  const counts = new Map();
  /** @type {Map<string, number>} */
  const began = new Map();
  const tell = (/** @type {string} */ level, /** @type {string} */ text) => line(level, [indent === "" ? text : text.replace(/^/gm, indent)]);
  const level = (/** @type {string} */ name) => (/** @type {unknown[]} */ ...parts) => tell(name, format(parts));
  const group = (/** @type {unknown[]} */ ...parts) => {
    if (parts.length > 0) tell("info", format(parts));
    indent += "  ";
  };
  const count = (label = "default") => {
    counts.set(label, (counts.get(label) ?? 0) + 1);
    tell("info", `${label}: ${counts.get(label)}`);
  };
  const timeLog = (label = "default", /** @type {unknown[]} */ ...parts) => {
    const since = began.get(label);
    if (since === undefined) return tell("warn", `there is no timer \`${label}\``);
    tell("info", format([`${label}: ${(now() - since).toFixed(3)}ms`, ...parts]));
  };
  return {
    log: level("info"),
    info: level("info"),
    debug: level("debug"),
    trace: level("trace"),
    warn: level("warn"),
    error: level("error"),
    dir: (/** @type {unknown} */ value) => tell("info", inspect(value)),
    dirxml: level("info"),
    table: (/** @type {unknown} */ rows) => tell("info", table(rows)),
    assert: (/** @type {unknown} */ holds, /** @type {unknown[]} */ ...parts) => {
      if (!holds) tell("error", parts.length === 0 ? "Assertion failed" : `Assertion failed: ${format(parts)}`);
    },
    group,
    groupCollapsed: group,
    groupEnd: () => (indent = indent.slice(2)),
    count,
    countReset: (label = "default") => counts.delete(label),
    time: (label = "default") => began.set(label, now()),
    timeLog,
    timeEnd: (label = "default") => (timeLog(label), began.delete(label)),
  };
}

const now = () => /** @type {any} */ (globalThis).performance?.now() ?? Date.now();

/** @param {any} rows objects, or lists, in a list or an object @returns {string} */
function table(rows) {
  if (typeof rows !== "object" || rows === null) return inspect(rows);
  const fields = (/** @type {any} */ row) => (typeof row === "object" && row !== null ? row : { Values: row });
  const names = [...new Set(Object.values(rows).flatMap((row) => Object.keys(fields(row))))];
  const cell = (/** @type {any} */ row, /** @type {string} */ name) => (Object.hasOwn(fields(row), name) ? inspect(fields(row)[name]) : "");
  const lines = [["(index)", ...names], ...Object.entries(rows).map(([index, row]) => [index, ...names.map((name) => cell(row, name))])];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((cells) => cells[column].length)));
  return lines.map((cells) => cells.map((text, column) => text.padEnd(widths[column])).join("  ").trimEnd()).join("\n");
}
