/** StarlingMonkey and Node: promises settle before the call returns. @module */
export declare const waits = true;
