//! Elements of containers as bulk strings: large ones by reference.

use crate::values::Text;
use warren_resp::Reply;

#[inline]
pub fn reply_text(reply: &mut Reply<'_>, text: &Text<'_>) {
    match text {
        Text::Shared(bytes) => reply.bulk_shared(bytes),
        text => reply.bulk(text),
    }
}

/// Null where there is none.
#[inline]
pub fn reply_text_or_null(reply: &mut Reply<'_>, text: Option<&Text<'_>>) {
    match text {
        Some(text) => reply_text(reply, text),
        None => reply.null(),
    }
}
