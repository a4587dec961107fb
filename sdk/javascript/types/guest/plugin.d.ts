/// <reference path="./interfaces/tripline-trigger-counters.d.ts" />
/// <reference path="./interfaces/tripline-trigger-handler.d.ts" />
/// <reference path="./interfaces/tripline-trigger-mailer.d.ts" />
/// <reference path="./interfaces/tripline-trigger-metrics.d.ts" />
/// <reference path="./interfaces/tripline-trigger-state.d.ts" />
/// <reference path="./interfaces/tripline-trigger-tables.d.ts" />
/// <reference path="./interfaces/tripline-trigger-types.d.ts" />
/// <reference path="./interfaces/wasi-config-store.d.ts" />
/// <reference path="./interfaces/wasi-logging-logging.d.ts" />
declare module 'tripline:trigger/plugin@0.1.0' {
  export type * as TriplineTriggerCounters010 from 'tripline:trigger/counters@0.1.0'; // import tripline:trigger/counters@0.1.0
  export type * as TriplineTriggerMailer010 from 'tripline:trigger/mailer@0.1.0'; // import tripline:trigger/mailer@0.1.0
  export type * as TriplineTriggerMetrics010 from 'tripline:trigger/metrics@0.1.0'; // import tripline:trigger/metrics@0.1.0
  export type * as TriplineTriggerState010 from 'tripline:trigger/state@0.1.0'; // import tripline:trigger/state@0.1.0
  export type * as TriplineTriggerTables010 from 'tripline:trigger/tables@0.1.0'; // import tripline:trigger/tables@0.1.0
  export type * as TriplineTriggerTypes010 from 'tripline:trigger/types@0.1.0'; // import tripline:trigger/types@0.1.0
  export type * as WasiConfigStore020Rc1 from 'wasi:config/store@0.2.0-rc.1'; // import wasi:config/store@0.2.0-rc.1
  export type * as WasiLoggingLogging010Draft from 'wasi:logging/logging@0.1.0-draft'; // import wasi:logging/logging@0.1.0-draft
  export * as handler from 'tripline:trigger/handler@0.1.0'; // export tripline:trigger/handler@0.1.0
}
