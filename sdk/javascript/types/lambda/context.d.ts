/** The second argument of a function. @module */
/** `done`, `succeed` and `fail` are the call's own: invoke.js adds them. @param {import("../change.js").WireBatch} batch */
export declare function context(batch: import("../change.js").WireBatch): {
    callbackWaitsForEmptyEventLoop: boolean;
    functionName: string;
    functionVersion: string;
    invokedFunctionArn: string;
    memoryLimitInMB: any;
    awsRequestId: string;
    logGroupName: any;
    logStreamName: any;
    identity: undefined;
    clientContext: undefined;
    getRemainingTimeInMillis: () => number;
};
