//! Where plugins may send http requests: to which places, to which addresses, and over which connections again.
//!
//! Invariant: what is not named is refused, and so is whatever could be read in two ways: a path that a server may take for another one, an address
//! that holds another one. Knows nothing of sockets, names' addresses and secrets.

mod address;
mod keep;
#[cfg(test)]
mod keep_tests;
mod place;
#[cfg(test)]
mod tests;

pub use address::{Reach, in_turns, refused};
pub use keep::{AGE_MAX, Again, Answered, HowFar, IDLE_CONNECTIONS_MAX, IDLE_MAX, Link, idle_max};
pub use place::{Asked, Place, PlaceError, Scheme};

use crate::port::{HttpError, HttpHead};

/// Of a request and of an answer, each.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Of an answer's headers, names and values.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Of an answer, in number.
pub const HEADERS_MAX: usize = 256;
/// Requests of one call of a handler that are under way at once; more wait for their turn.
pub const REQUESTS_MAX: usize = 8;
/// Bodies of answers that one call of a handler holds unread.
pub const HELD_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Echoed or tunnelled, a request would show what the host has put into it. In any case: some servers do not tell `trace` from `TRACE`.
const METHODS_REFUSED: [&str; 3] = ["TRACE", "TRACK", "CONNECT"];

/// What is asked for, and the position of the first place that allows it. No fault names a path or a query.
pub fn choose<'p>(places: impl Iterator<Item = &'p Place> + Clone, head: &HttpHead) -> Result<(usize, Asked), HttpError> {
    if METHODS_REFUSED.iter().any(|refused| head.method.eq_ignore_ascii_case(refused)) {
        return Err(HttpError::Denied(format!("the method {} is allowed nowhere", head.method)));
    }
    let asked = Asked::new(head.scheme, &head.authority, &head.path_and_query);
    let asked = asked.map_err(|reason| HttpError::InvalidUrl(reason.to_owned()))?;
    if let Some(chosen) = places.clone().position(|place| place.admits(&asked)) {
        return Ok((chosen, asked));
    }
    Err(HttpError::Denied(if places.clone().any(|place| place.is_origin_of(&asked)) {
        format!("the path is none that the trigger's `grants.http` has of {asked}, or could be read in two ways")
    } else {
        format!("the trigger's `grants.http` does not have {asked}")
    }))
}
