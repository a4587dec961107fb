//! What a guest puts into a `fields` of `wasi:http`, where that is too much: an error of the interface's own, in the place of the trap that wasmtime's has.
//!
//! Always holds: a `fields` grows to no more than its bound; whoever passes it is told `forbidden`, since `header-error` has no word for it, and its log why.

use tripline_core::signal::LogLevel;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::HeaderError;
use wasmtime_wasi_http::p2::bindings::http::types::{HeaderError as Refused, HostFields};
use wasmtime_wasi_http::{FieldMap, FieldMapError, WasiHttpView as _};

use crate::guest::Guest;
use crate::http::{FIELDS_BYTES_MAX, LOG_CONTEXT};

/// The interface, by the name under which wasmtime's has linked it.
const TYPES: &str = "wasi:http/types@0.2.12";

type Field = (String, Vec<u8>);
type Answer<T> = wasmtime::Result<(Result<T, Refused>,)>;

/// Takes the place of the functions by which a `fields` grows.
pub(crate) fn bound(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap("[static]fields.from-list", |mut guest: StoreContextMut<'_, Guest>, (list,): (Vec<Field>,)| {
        let made = guest.data_mut().http().from_list(list);
        answer(guest.data(), made)
    })?;
    types.func_wrap(
        "[method]fields.append",
        |mut guest: StoreContextMut<'_, Guest>, (fields, name, value): (Resource<FieldMap>, String, Vec<u8>)| {
            let appended = guest.data_mut().http().append(fields, name, value);
            answer(guest.data(), appended)
        },
    )?;
    types.func_wrap(
        "[method]fields.set",
        |mut guest: StoreContextMut<'_, Guest>, (fields, name, values): (Resource<FieldMap>, String, Vec<Vec<u8>>)| {
            let set = guest.data_mut().http().set(fields, name, values);
            answer(guest.data(), set)
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

fn answer<T>(guest: &Guest, done: Result<T, HeaderError>) -> Answer<T> {
    let trap = match done.map_err(HeaderError::downcast) {
        Ok(value) => return Ok((Ok(value),)),
        Err(Ok(refused)) => return Ok((Err(refused),)),
        Err(Err(trap)) => trap,
    };
    match trap.downcast_ref::<FieldMapError>() {
        Some(FieldMapError::TooManyFields | FieldMapError::TotalSizeTooBig) => {
            let reason =
                format!("headers of more than {FIELDS_BYTES_MAX} bytes, each counted with some bytes of its own: send less of them");
            guest.logs.log(LogLevel::Warn, LOG_CONTEXT, &reason);
            Ok((Err(Refused::Forbidden),))
        }
        _ => Err(trap),
    }
}
