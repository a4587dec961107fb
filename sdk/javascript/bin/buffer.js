/** For esbuild: Node's `Buffer`, where a function's code names it. The package is the project's own. @module */

export { Buffer } from "buffer";
