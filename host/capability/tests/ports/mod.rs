//! Ports of this machine that tests name before, or without, anybody listening there. Two packages' tests use this file.

#![allow(dead_code, reason = "two packages' tests use it, each some of it")]

use std::net::{SocketAddr, TcpListener};

use tokio::net::TcpSocket;

/// An address that nobody listens on; nor does another test's server, while the socket is kept.
pub(crate) fn refusing() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A port that nobody holds at any address, for who can bind it only later: not one that the kernel gives to whoever asks for any, as each
/// connection does (32768 and up: ip_local_port_range).
pub(crate) fn free_port() -> u16 {
    let is_free = |port: &u16| TcpListener::bind(("0.0.0.0", *port)).is_ok();
    std::iter::repeat_with(|| fastrand::u16(10_000..32_000)).find(is_free).unwrap()
}
