//! The closed set of reply codes, with the names that open every reply text. Knows no situation in which
//! one is sent.

macro_rules! reply_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal $name:literal $hard:literal;)*) => {
        /// Why a channel or connection is closed, or a message returned.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum ReplyCode {
            $($(#[$doc])* $variant = $code,)*
        }

        impl ReplyCode {
            pub const ALL: &'static [ReplyCode] = &[$(ReplyCode::$variant),*];

            /// The name as reply texts show it.
            pub fn name(self) -> &'static str {
                match self {
                    $(ReplyCode::$variant => $name,)*
                }
            }

            /// True for errors that close the connection, false for those that close one channel.
            pub fn is_hard(self) -> bool {
                match self {
                    $(ReplyCode::$variant => $hard,)*
                }
            }

            pub fn from_code(code: u16) -> Option<ReplyCode> {
                match code {
                    $($code => Some(ReplyCode::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

reply_codes! {
    /// Not an error: the goodbye of an orderly close.
    ReplySuccess = 200 "REPLY_SUCCESS" false;
    ContentTooLarge = 311 "CONTENT_TOO_LARGE" false;
    /// Only in basic.return: no queue took a mandatory message.
    NoRoute = 312 "NO_ROUTE" false;
    NoConsumers = 313 "NO_CONSUMERS" false;
    /// The operator, or the server's end, closes the connection.
    ConnectionForced = 320 "CONNECTION_FORCED" true;
    InvalidPath = 402 "INVALID_PATH" true;
    AccessRefused = 403 "ACCESS_REFUSED" false;
    NotFound = 404 "NOT_FOUND" false;
    ResourceLocked = 405 "RESOURCE_LOCKED" false;
    PreconditionFailed = 406 "PRECONDITION_FAILED" false;
    FrameError = 501 "FRAME_ERROR" true;
    SyntaxError = 502 "SYNTAX_ERROR" true;
    CommandInvalid = 503 "COMMAND_INVALID" true;
    ChannelError = 504 "CHANNEL_ERROR" true;
    UnexpectedFrame = 505 "UNEXPECTED_FRAME" true;
    ResourceError = 506 "RESOURCE_ERROR" true;
    NotAllowed = 530 "NOT_ALLOWED" true;
    NotImplemented = 540 "NOT_IMPLEMENTED" true;
    InternalError = 541 "INTERNAL_ERROR" true;
}

impl ReplyCode {
    pub fn code(self) -> u16 {
        self as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_variants_agree() {
        for code in ReplyCode::ALL {
            assert_eq!(ReplyCode::from_code(code.code()), Some(*code));
        }
        assert_eq!(ReplyCode::from_code(999), None);
        assert!(ReplyCode::FrameError.is_hard() && !ReplyCode::NotFound.is_hard());
    }
}
