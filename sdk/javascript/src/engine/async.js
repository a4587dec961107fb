/** StarlingMonkey and Node: promises settle before the call returns. @module */
export const waits = true;
