/** What an author is told of a build that failed. @module */

import { builtinModules } from "node:module";

const STARLINGMONKEY = "@bytecodealliance/componentize-js";
// It imports this one without depending on it, and 0.26.1 of it cannot read the contract's files.
const SHIM = "@bytecodealliance/preview2-shim";

/** @param {string} name of a tool @returns {string} the command that gets it, with all that it needs */
export function install(name) {
  return name === STARLINGMONKEY ? `npm install --save-dev --save-exact ${STARLINGMONKEY} ${SHIM}@0.26.0` : `npm install --save-dev ${name}`;
}

/** With what to do about it; esbuild has told its errors already. @param {any} error @param {boolean} lambda @returns {string} */
export function remedy(error, lambda) {
  if (!error?.errors) {
    const told = error?.stack ?? String(error);
    const lacksShim = told.includes(`'${SHIM}'`) || /reading file .*[/\\]wit\b/.test(told);
    if (lacksShim) return `${told}\ncomponentize-js needs ${SHIM} 0.26.0 beside it: \`${install(STARLINGMONKEY)}\``;
    // QuickJS has neither: a plugin logs by `log`, and reads `settings`.
    const isFunction = !lambda && /\b(console|process|exports|module|require)\b.* is not defined/.test(told);
    return isFunction ? `${told}\nA Lambda function? \`--lambda\`` : told;
  }
  const wanted = error.errors.map((/** @type {{ text: string }} */ { text }) => /^Could not resolve "(?:node:)?([^"/]+)/.exec(text)?.[1]);
  const isNode = wanted.some((/** @type {string | undefined} */ name) => name !== undefined && builtinModules.includes(name));
  return `esbuild could not bundle it; what it says is above.${isNode ? " A component is no Node: it has no `node:` modules" : ""}`;
}
