/// <reference path="./interfaces/tripline-trigger-counters.d.ts" />
/// <reference path="./interfaces/tripline-trigger-handler.d.ts" />
/// <reference path="./interfaces/tripline-trigger-mailer.d.ts" />
/// <reference path="./interfaces/tripline-trigger-metrics.d.ts" />
/// <reference path="./interfaces/tripline-trigger-state.d.ts" />
/// <reference path="./interfaces/tripline-trigger-tables.d.ts" />
/// <reference path="./interfaces/tripline-trigger-types.d.ts" />
/// <reference path="./interfaces/wasi-clocks-monotonic-clock.d.ts" />
/// <reference path="./interfaces/wasi-config-store.d.ts" />
/// <reference path="./interfaces/wasi-http-outgoing-handler.d.ts" />
/// <reference path="./interfaces/wasi-http-types.d.ts" />
/// <reference path="./interfaces/wasi-io-error.d.ts" />
/// <reference path="./interfaces/wasi-io-poll.d.ts" />
/// <reference path="./interfaces/wasi-io-streams.d.ts" />
/// <reference path="./interfaces/wasi-logging-logging.d.ts" />
declare module 'tripline:trigger/plugin-with-http@0.1.0' {
  export type * as TriplineTriggerCounters010 from 'tripline:trigger/counters@0.1.0'; // import tripline:trigger/counters@0.1.0
  export type * as TriplineTriggerMailer010 from 'tripline:trigger/mailer@0.1.0'; // import tripline:trigger/mailer@0.1.0
  export type * as TriplineTriggerMetrics010 from 'tripline:trigger/metrics@0.1.0'; // import tripline:trigger/metrics@0.1.0
  export type * as TriplineTriggerState010 from 'tripline:trigger/state@0.1.0'; // import tripline:trigger/state@0.1.0
  export type * as TriplineTriggerTables010 from 'tripline:trigger/tables@0.1.0'; // import tripline:trigger/tables@0.1.0
  export type * as TriplineTriggerTypes010 from 'tripline:trigger/types@0.1.0'; // import tripline:trigger/types@0.1.0
  export type * as WasiClocksMonotonicClock0212 from 'wasi:clocks/monotonic-clock@0.2.12'; // import wasi:clocks/monotonic-clock@0.2.12
  export type * as WasiConfigStore020Rc1 from 'wasi:config/store@0.2.0-rc.1'; // import wasi:config/store@0.2.0-rc.1
  export type * as WasiHttpOutgoingHandler0212 from 'wasi:http/outgoing-handler@0.2.12'; // import wasi:http/outgoing-handler@0.2.12
  export type * as WasiHttpTypes0212 from 'wasi:http/types@0.2.12'; // import wasi:http/types@0.2.12
  export type * as WasiIoError0212 from 'wasi:io/error@0.2.12'; // import wasi:io/error@0.2.12
  export type * as WasiIoPoll0212 from 'wasi:io/poll@0.2.12'; // import wasi:io/poll@0.2.12
  export type * as WasiIoStreams0212 from 'wasi:io/streams@0.2.12'; // import wasi:io/streams@0.2.12
  export type * as WasiLoggingLogging010Draft from 'wasi:logging/logging@0.1.0-draft'; // import wasi:logging/logging@0.1.0-draft
  export * as handler from 'tripline:trigger/handler@0.1.0'; // export tripline:trigger/handler@0.1.0
}
