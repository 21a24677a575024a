//! Users, passwords and permissions of both protocols.
//!
//! This crate never knows a connection, a method or a command: it answers who somebody is and what they may
//! do. The answers become protocol errors elsewhere.

mod password;
mod pattern;

pub use password::Password;
pub use pattern::{Pattern, PatternError};

use std::collections::BTreeMap;

/// The three kinds of permission RabbitMQ knows on a queue or an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    Configure,
    Write,
    Read,
}

/// What one user may do in one virtual host: a pattern over resource names for each operation.
#[derive(Clone, Debug)]
pub struct Permissions {
    pub configure: Pattern,
    pub write: Pattern,
    pub read: Pattern,
}

impl Permissions {
    /// Everything on every resource.
    pub fn all() -> Permissions {
        Permissions { configure: Pattern::any(), write: Pattern::any(), read: Pattern::any() }
    }

    #[inline]
    pub fn allow(&self, operation: Operation, resource: &[u8]) -> bool {
        match operation {
            Operation::Configure => self.configure.matches(resource),
            Operation::Write => self.write.matches(resource),
            Operation::Read => self.read.matches(resource),
        }
    }
}

/// One user of either protocol.
#[derive(Clone, Debug)]
pub struct User {
    pub password: Password,
    /// RabbitMQ's tags: `administrator`, `monitoring`, `management`...
    pub tags: Vec<String>,
    /// By virtual host. No entry: no access to it.
    permissions: BTreeMap<String, Permissions>,
}

impl User {
    pub fn new(password: Password, tags: &[&str]) -> User {
        let tags = tags.iter().map(|tag| (*tag).to_string()).collect();
        User { password, tags, permissions: BTreeMap::new() }
    }

    pub fn permissions(&self, vhost: &str) -> Option<&Permissions> {
        self.permissions.get(vhost)
    }

    pub fn set_permissions(&mut self, vhost: &str, permissions: Permissions) {
        self.permissions.insert(vhost.to_string(), permissions);
    }

    pub fn vhosts(&self) -> impl Iterator<Item = &str> {
        self.permissions.keys().map(String::as_str)
    }
}

/// All users.
#[derive(Clone, Debug)]
pub struct Access {
    users: BTreeMap<String, User>,
}

impl Default for Access {
    /// `guest` with the password `guest` and every permission on "/".
    fn default() -> Access {
        let mut guest = User::new(Password::plain(b"guest"), &["administrator"]);
        guest.set_permissions("/", Permissions::all());
        Access { users: BTreeMap::from([("guest".to_string(), guest)]) }
    }
}

impl Access {
    /// Nobody: to be filled with [`Access::set_user`].
    pub fn empty() -> Access {
        Access { users: BTreeMap::new() }
    }

    pub fn set_user(&mut self, name: &str, user: User) {
        self.users.insert(name.to_string(), user);
    }

    pub fn remove_user(&mut self, name: &str) -> Option<User> {
        self.users.remove(name)
    }

    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.get(name)
    }

    pub fn users(&self) -> impl Iterator<Item = (&str, &User)> {
        self.users.iter().map(|(name, user)| (name.as_str(), user))
    }

    /// The user, if name and password fit. Wrong name and wrong password look the same from outside.
    pub fn authenticate(&self, name: &[u8], password: &[u8]) -> Option<&User> {
        let user = self.users.get(std::str::from_utf8(name).ok()?)?;
        user.password.verify(password).then_some(user)
    }

    pub fn allows(&self, user: &str, vhost: &str, operation: Operation, resource: &[u8]) -> bool {
        let permissions = self.users.get(user).and_then(|user| user.permissions(vhost));
        permissions.is_some_and(|permissions| permissions.allow(operation, resource))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guest_may_do_everything_on_the_default_virtual_host_and_nothing_elsewhere() {
        let access = Access::default();
        assert!(access.authenticate(b"guest", b"guest").is_some());
        assert!(access.authenticate(b"guest", b"Guest").is_none());
        assert!(access.authenticate(b"nobody", b"guest").is_none());
        assert!(access.authenticate(b"\xff", b"guest").is_none());
        assert!(access.allows("guest", "/", Operation::Write, b"any"));
        assert!(!access.allows("guest", "other", Operation::Write, b"any"));
        assert!(!access.allows("nobody", "/", Operation::Write, b"any"));
    }

    #[test]
    fn permissions_are_patterns_over_names() {
        let mut user = User::new(Password::plain(b"secret"), &[]);
        let permissions = Permissions {
            configure: Pattern::new("").unwrap(),
            write: Pattern::new("^logs\\.").unwrap(),
            read: Pattern::new("^(mine|logs.*)$").unwrap(),
        };
        user.set_permissions("/", permissions);
        let mut access = Access::empty();
        access.set_user("worker", user);
        for (operation, resource, allowed) in [
            (Operation::Configure, "mine", false),
            (Operation::Write, "logs.error", true),
            (Operation::Write, "mine", false),
            (Operation::Read, "mine", true),
            (Operation::Read, "logs", true),
            (Operation::Read, "yours", false),
        ] {
            let answer = access.allows("worker", "/", operation, resource.as_bytes());
            assert_eq!(answer, allowed, "{operation:?} on {resource}");
        }
    }
}
