/** QuickJS, as it is built by default: what an await waits for would never come. @module */
export const waits = false;
