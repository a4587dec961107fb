//! Lines in the host's log, under the trigger's name. The host caps their length and their number per batch.
//!
//! Each level is a macro with format arguments, which says from which module it comes, and a function:
//!
//! ```
//! use tripline_sdk::log;
//!
//! log::info!("{} orders", 3);
//! log::warn("no orders");
//! ```

use std::fmt;

pub use crate::bindings::wasi::logging::logging::Level;
use crate::host;

macro_rules! level {
    ($function:ident, $macro:ident, $level:ident) => {
        pub fn $function(message: impl fmt::Display) {
            log(Level::$level, "", format_args!("{message}"));
        }

        pub use crate::$macro as $function;
    };
}

level!(trace, __log_trace, Trace);
level!(debug, __log_debug, Debug);
level!(info, __log_info, Info);
level!(warn, __log_warn, Warn);
level!(error, __log_error, Error);

/// What the macros expand to. `context` groups lines that belong together.
pub fn log(level: Level, context: &str, message: fmt::Arguments<'_>) {
    match message.as_str() {
        Some(text) => host::logging::log(level, context, text),
        None => host::logging::log(level, context, &message.to_string()),
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_trace {
    ($($arguments:tt)+) => { $crate::log::log($crate::log::Level::Trace, ::core::module_path!(), ::core::format_args!($($arguments)+)) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug {
    ($($arguments:tt)+) => { $crate::log::log($crate::log::Level::Debug, ::core::module_path!(), ::core::format_args!($($arguments)+)) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_info {
    ($($arguments:tt)+) => { $crate::log::log($crate::log::Level::Info, ::core::module_path!(), ::core::format_args!($($arguments)+)) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($arguments:tt)+) => { $crate::log::log($crate::log::Level::Warn, ::core::module_path!(), ::core::format_args!($($arguments)+)) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_error {
    ($($arguments:tt)+) => { $crate::log::log($crate::log::Level::Error, ::core::module_path!(), ::core::format_args!($($arguments)+)) };
}
