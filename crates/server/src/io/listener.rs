//! Listening sockets, one for each loop.

use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;

/// Connections that the kernel keeps until a loop accepts them.
const BACKLOG: i32 = 1024;

/// Listens at `address` for `loops` loops. With several, each has a socket of its own and the kernel spreads
/// connections over them by hash: accepting from one shared socket gives them all to whoever is idle
/// first. A port that somebody else listens at is refused in both cases.
pub fn bind(address: SocketAddr, loops: usize) -> io::Result<Vec<TcpListener>> {
    let single = socket(address, false)?;
    if loops <= 1 {
        return Ok(vec![single]);
    }
    // A shared port could be joined unnoticed by, or join, another process of the same user; that the port
    // could be had alone shows that nobody has it.
    let address = single.local_addr()?;
    drop(single);
    (0..loops).map(|_| socket(address, true)).collect()
}

fn socket(address: SocketAddr, shared_port: bool) -> io::Result<TcpListener> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket: OwnedFd = net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if shared_port {
        sockopt::set_socket_reuseport(&socket, true)?;
    }
    net::bind(&socket, &address)?;
    net::listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_refused_and_a_shared_one_has_a_socket_for_each_loop() {
        let any: SocketAddr = "127.0.0.1:0".parse().expect("address");
        for loops in [1, 3] {
            let listeners = bind(any, loops).expect("bind");
            assert_eq!(listeners.len(), loops);
            let address = listeners[0].local_addr().expect("address");
            assert!(listeners.iter().all(|listener| listener.local_addr().expect("address") == address));
            for others in [1, 2] {
                let error = bind(address, others).expect_err("the port is taken");
                assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
            }
        }
    }
}
