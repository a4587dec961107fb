//! `cidr`: the addresses of a network, IPv4 or IPv6.

use std::net::IpAddr;

/// An address as what it compares by: IPv4 before IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Address {
    is_v6: bool,
    bits: u128,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.parse().ok()? {
            IpAddr::V4(address) => Some(Self { is_v6: false, bits: u128::from(address.to_bits()) }),
            IpAddr::V6(address) => Some(Self { is_v6: true, bits: address.to_bits() }),
        }
    }
}

/// The first and the last address of `10.0.0.0/8`; of an address without `/`, itself. None: it is neither.
pub(crate) fn parse(text: &str) -> Option<(Address, Address)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (Address::parse(address)?, Some(bits)),
        None => (Address::parse(text)?, None),
    };
    let width = if address.is_v6 { 128 } else { 32 };
    let fixed = match bits {
        Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => bits.parse().ok().filter(|bits| *bits <= width)?,
        Some(_) => return None,
        None => width,
    };
    let hosts = 1_u128.checked_shl(width - fixed).map_or(u128::MAX, |size| size - 1);
    let first = Address { bits: address.bits & !hosts, ..address };
    Some((first, Address { bits: address.bits | hosts, ..address }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses() {
        for (net, inside, outside) in [
            ("10.0.0.0/8", "10.0.0.0 10.255.255.255", "9.255.255.255 11.0.0.0 ::a00:0 10.0.0 010.0.0.1 10.0.0.1/32 x"),
            ("10.1.2.3/8", "10.0.0.0", "11.0.0.0"),
            ("0.0.0.0/0", "0.0.0.0 255.255.255.255", "::"),
            ("192.168.1.7/32", "192.168.1.7", "192.168.1.6 192.168.1.8"),
            ("192.168.1.7", "192.168.1.7", "192.168.1.6"),
            ("2001:db8::/32", "2001:db8:: 2001:DB8:ffff::1", "2001:db9:: 1.2.3.4"),
            ("::/0", ":: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "0.0.0.0"),
        ] {
            let (first, last) = parse(net).unwrap();
            let holds = |text: &str| Address::parse(text).is_some_and(|address| first <= address && address <= last);
            assert!(inside.split(' ').all(holds), "{net}");
            assert!(!outside.split(' ').any(holds), "{net}");
        }
    }

    #[test]
    fn what_is_no_network_is_none() {
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0.0/8", "10.0.0.0/8/8", "host/8"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
