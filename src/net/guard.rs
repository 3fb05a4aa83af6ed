//! Which addresses may be connected to: the public internet, and what the
//! operator allowed. Everything else is refused at connect time, on every hop,
//! so that no feed can make syndicated speak to its own network (S1, S2).

use crate::config::Allow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Networks of IPv4 that are not the public internet (IANA special-purpose
/// registry, RFC 6890 and its successors).
const SPECIAL_V4: [(Ipv4Addr, u8); 14] = [
    (Ipv4Addr::UNSPECIFIED, 8),           // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // carrier-grade NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local; clouds keep their secrets here
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarking
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 3),     // multicast, reserved, broadcast
];

/// The one block of IPv6 from which public addresses are given out. Loopback,
/// mapped and compatible IPv4, NAT64, ULA, link-local and multicast lie outside.
const PUBLIC_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What is not public inside that block.
const SPECIAL_V6: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // Teredo, ORCHID, benchmarking
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4: carries any IPv4 address
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// Decides where a connection may go.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allow: Vec<Allow>,
}

impl Guard {
    /// A guard that lets through what is public and what `allow` names.
    #[must_use]
    pub fn new(allow: &[Allow]) -> Self {
        Self { allow: allow.to_vec() }
    }

    /// Whether a connection to `address` may be opened.
    #[must_use]
    pub fn permits(&self, address: SocketAddr) -> bool {
        is_public(address.ip()) || self.allow.iter().any(|allow| allows(allow, address))
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => !SPECIAL_V4.iter().any(|&(network, prefix)| holds_v4(network, prefix, ip)),
        IpAddr::V6(ip) => {
            holds_v6(PUBLIC_V6.0, PUBLIC_V6.1, ip)
                && !SPECIAL_V6.iter().any(|&(network, prefix)| holds_v6(network, prefix, ip))
        }
    }
}

/// An operator who allowed `127.0.0.0/8` means `::ffff:127.0.0.1` as well: the
/// kernel connects to the same place.
fn allows(allow: &Allow, address: SocketAddr) -> bool {
    let inside = match (allow.network, address.ip(), address.ip().to_canonical()) {
        (IpAddr::V4(network), _, IpAddr::V4(ip)) => holds_v4(network, allow.prefix, ip),
        (IpAddr::V6(network), IpAddr::V6(ip), _) => holds_v6(network, allow.prefix, ip),
        _ => false,
    };
    inside && allow.port.is_none_or(|port| port == address.port())
}

fn holds_v4(network: Ipv4Addr, prefix: u8, ip: Ipv4Addr) -> bool {
    let ignored = 32_u32.saturating_sub(prefix.into());
    // Shifting out all 32 bits leaves nothing to differ.
    (u32::from(network) ^ u32::from(ip)).checked_shr(ignored).unwrap_or(0) == 0
}

fn holds_v6(network: Ipv6Addr, prefix: u8, ip: Ipv6Addr) -> bool {
    let ignored = 128_u32.saturating_sub(prefix.into());
    (u128::from(network) ^ u128::from(ip)).checked_shr(ignored).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_internet_is_let_through() {
        for host in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "[2001:200::1]",
            "[2606:4700:4700::1111]",
            "[2a00:1450:4001::1]",
            "[2003::1]",
        ] {
            assert!(Guard::default().permits(format!("{host}:443").parse().unwrap()), "{host}");
        }
    }

    #[test]
    fn the_operator_may_allow_a_network_and_a_port() {
        let allow = |network: &str, prefix, port| Allow { network: network.parse().unwrap(), prefix, port };
        let guard = Guard::new(&[
            allow("127.0.0.0", 8, None),
            allow("10.1.0.0", 16, Some(8080)),
            allow("fd00::", 8, Some(443)),
            allow("192.168.7.7", 32, None),
        ]);
        for (address, permitted) in [
            ("127.0.0.1:80", true),
            ("127.9.9.9:12345", true),
            ("[::ffff:127.0.0.1]:80", true),
            ("[::1]:80", false),
            ("10.1.2.3:8080", true),
            ("10.1.2.3:80", false),
            ("10.2.0.1:8080", false),
            ("[fd12::1]:443", true),
            ("[fd12::1]:80", false),
            ("192.168.7.7:1", true),
            ("192.168.7.8:1", false),
        ] {
            assert_eq!(guard.permits(address.parse().unwrap()), permitted, "{address}");
        }
        let everything = Guard::new(&[allow("0.0.0.0", 0, None), allow("::", 0, None)]);
        assert!(everything.permits("10.0.0.1:1".parse().unwrap()));
        assert!(everything.permits("[fe80::1]:1".parse().unwrap()));
    }
}
