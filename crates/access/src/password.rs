//! How a password is kept and compared.

/// A password as it is stored. Other forms (salted digests) become further variants; nobody outside sees which.
#[derive(Clone)]
pub struct Password(Stored);

#[derive(Clone)]
enum Stored {
    Plain(Box<[u8]>),
}

impl Password {
    pub fn plain(password: &[u8]) -> Password {
        Password(Stored::Plain(password.into()))
    }

    /// Takes the same time wherever the first difference is.
    pub fn verify(&self, offered: &[u8]) -> bool {
        let Stored::Plain(stored) = &self.0;
        let pairs = stored.iter().zip(offered);
        let difference = pairs.fold(0, |difference, (one, other)| difference | (one ^ other));
        difference == 0 && stored.len() == offered.len()
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_bytes_verify() {
        let password = Password::plain(b"secret");
        assert!(password.verify(b"secret"));
        for wrong in [&b"secre"[..], b"secretx", b"Secret", b""] {
            assert!(!password.verify(wrong), "{wrong:?}");
        }
        assert!(!format!("{password:?}").contains("secret"));
    }
}
