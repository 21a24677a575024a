//! Which driver this machine can have: container runtimes often forbid io_uring.

use super::Driver;
#[cfg(target_os = "linux")]
use super::completion::CompletionDriver;
use super::readiness::ReadinessDriver;
use std::io;
use std::str::FromStr;

/// What the operator asks for: `--io-driver auto|uring|epoll`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum DriverChoice {
    #[default]
    Auto,
    Uring,
    Epoll,
}

impl FromStr for DriverChoice {
    type Err = String;

    fn from_str(name: &str) -> Result<DriverChoice, String> {
        match name {
            "auto" => Ok(DriverChoice::Auto),
            "uring" => Ok(DriverChoice::Uring),
            "epoll" => Ok(DriverChoice::Epoll),
            other => Err(format!("unknown I/O driver '{other}': use auto, uring or epoll")),
        }
    }
}

/// What it gets. `Epoll` is kqueue on macOS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DriverKind {
    Uring,
    Epoll,
}

/// Decides once, at start. Fails only if io_uring is insisted on and cannot be had.
pub fn choose(choice: DriverChoice) -> io::Result<DriverKind> {
    match choice {
        DriverChoice::Epoll => Ok(DriverKind::Epoll),
        DriverChoice::Uring => try_uring().map(|()| DriverKind::Uring),
        DriverChoice::Auto => Ok(try_uring().map_or(DriverKind::Epoll, |()| DriverKind::Uring)),
    }
}

/// Opens a driver, to be called on the thread that will use it.
pub fn open(kind: DriverKind) -> io::Result<Box<dyn Driver>> {
    match kind {
        DriverKind::Epoll => Ok(Box::new(ReadinessDriver::new()?)),
        #[cfg(target_os = "linux")]
        DriverKind::Uring => Ok(Box::new(CompletionDriver::new()?)),
        #[cfg(not(target_os = "linux"))]
        DriverKind::Uring => Err(unavailable("only Linux has it")),
    }
}

#[cfg(target_os = "linux")]
fn try_uring() -> io::Result<()> {
    // On a thread of its own: the kernel takes a ring down a little later and may interrupt the thread that
    // made it, in whatever it then does.
    let probe = std::thread::spawn(|| CompletionDriver::new().map(drop));
    probe.join().unwrap_or_else(|_| Err(io::Error::other("the probe failed"))).map_err(unavailable)
}

#[cfg(not(target_os = "linux"))]
fn try_uring() -> io::Result<()> {
    Err(unavailable("only Linux has it"))
}

fn unavailable(reason: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("io_uring cannot be used: {reason}"))
}
