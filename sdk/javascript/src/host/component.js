/** The host, as a component reaches it. Another interface of the contract is one more line here and in recorder.js. @module */

export * as counters from "tripline:trigger/counters@0.1.0";
export * as mailer from "tripline:trigger/mailer@0.1.0";
export * as metrics from "tripline:trigger/metrics@0.1.0";
export * as state from "tripline:trigger/state@0.1.0";
export * as tables from "tripline:trigger/tables@0.1.0";
export * as config from "wasi:config/store@0.2.0-rc.1";
export * as logging from "wasi:logging/logging@0.1.0-draft";
