#!/usr/bin/env node
/**
 * In the repository `wit` is a link to the one contract; in a package it is the files themselves, since npm packs no links.
 *
 * `copy` before packing, `link` after.
 */

import { cpSync, lstatSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";

const wit = fileURLToPath(new URL("../wit", import.meta.url));
const contract = fileURLToPath(new URL("../../../wit", import.meta.url));
const isLink = lstatSync(wit).isSymbolicLink();
if (process.argv[2] === "copy" && isLink) {
  const files = realpathSync(wit);
  rmSync(wit);
  cpSync(files, wit, { recursive: true });
} else if (process.argv[2] === "link" && !isLink) {
  realpathSync(contract);
  rmSync(wit, { recursive: true });
  symlinkSync("../../wit", wit);
}
