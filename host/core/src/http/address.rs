//! Which addresses requests may go to.
//!
//! Invariant: without the operator's word only what is globally reachable; an address that carries an IPv4 address in it is judged by that one too.
//! The ranges are those of the IANA special-purpose registries.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far the operator lets requests to one place go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The internet.
    Global,
    /// Private networks and this machine too, but for addresses by which machines of a cloud tell their secrets.
    Private,
    /// The operator has written this very address, and lets it be private.
    Named,
}

/// Why nothing may be sent to `address`; none: it may.
pub fn refused(address: IpAddr, reach: Reach) -> Option<&'static str> {
    let (kind, wants) = match address {
        IpAddr::V4(address) => judge_v4(address),
        IpAddr::V6(address) => judge_v6(address),
    }?;
    let allowed = match wants {
        Wants::Named => reach == Reach::Named,
        Wants::Private => reach != Reach::Global,
        Wants::Nothing => false,
    };
    (!allowed).then_some(kind)
}

/// In the order in which they are tried: the resolver's, IPv6 and IPv4 by turns, since one of the two may be broken here as a whole.
pub fn in_turns(addresses: &[IpAddr]) -> impl Iterator<Item = IpAddr> {
    let begins = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (mut one, mut other): (VecDeque<_>, VecDeque<_>) = addresses.iter().partition(|address| address.is_ipv6() == begins);
    std::iter::from_fn(move || {
        std::mem::swap(&mut one, &mut other);
        other.pop_front().or_else(|| one.pop_front())
    })
}

/// What must be allowed for an address that is not global.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    Private,
    Named,
    /// It is nobody's.
    Nothing,
}

fn judge_v4(address: Ipv4Addr) -> Option<(&'static str, Wants)> {
    let [a, b, c, d] = address.octets();
    Some(match (a, b, c, d) {
        (0, ..) => ("an unspecified address", Wants::Nothing),
        (127, ..) => ("a loopback address", Wants::Private),
        (10, ..) | (172, 16..=31, ..) | (192, 168, ..) => ("a private address", Wants::Private),
        // Where clouds hand out credentials, as are 169.254.169.254 and 169.254.170.2.
        (100, 100, 100, 200) | (192, 0, 0, 192) | (168, 63, 129, 16) => ("the address of instance metadata", Wants::Named),
        (169, 254, ..) => ("a link-local address", Wants::Named),
        (100, 64..=127, ..) => ("a carrier's shared address", Wants::Private),
        (192, 0, 0, _) => ("an address for protocols", Wants::Nothing),
        (198, 18..=19, ..) => ("an address for benchmarks", Wants::Private),
        (192, 0, 2, _) | (198, 51, 100, _) | (203, 0, 113, _) => ("an address for documentation", Wants::Nothing),
        (192, 88, 99, _) => ("a relay's address", Wants::Nothing),
        (224..=239, ..) => ("a multicast address", Wants::Nothing),
        (255, 255, 255, 255) => ("the broadcast address", Wants::Nothing),
        (240..=255, ..) => ("a reserved address", Wants::Nothing),
        _ => return None,
    })
}

fn judge_v6(address: Ipv6Addr) -> Option<(&'static str, Wants)> {
    let s = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        judge_v4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some(("an unspecified address", Wants::Nothing)),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(("a loopback address", Wants::Private)),
        // IPv4 in another form, mapped and translated.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        // A network's own translation: where to is known there alone.
        [0x64, 0xff9b, 1, ..] => Some(("a translated address", Wants::Named)),
        [0x2002, high, low, ..] => embedded(high, low).or(Some(("a tunnel's address", Wants::Nothing))),
        [0xfe80..=0xfebf, ..] => Some(("a link-local address", Wants::Named)),
        // AWS hands out credentials here, to machines and to pods; Google to machines.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254 | 0x23] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => {
            Some(("the address of instance metadata", Wants::Named))
        }
        [0xfc00..=0xfdff, ..] => Some(("a private address", Wants::Private)),
        [0xff00..=0xffff, ..] => Some(("a multicast address", Wants::Nothing)),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some(("an address for documentation", Wants::Nothing)),
        // Teredo, benchmarks, ORCHID and what else is for protocols.
        [0x2001, 0..=0x1ff, ..] => Some(("an address for protocols", Wants::Nothing)),
        [0x2000..=0x3fff, ..] => None,
        _ => Some(("a reserved address", Wants::Nothing)),
    }
}
