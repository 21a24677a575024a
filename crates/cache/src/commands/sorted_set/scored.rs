//! Members with scores as replies.

use crate::parse::format_double;
use crate::reply_text::reply_text;
use crate::values::Text;
use warren_resp::{Protocol, Reply};

pub fn reply_score(reply: &mut Reply<'_>, score: f64) {
    reply.double(&format_double(score));
}

/// Writes members in a row, each with its score if wanted: RESP3 pairs them, RESP2 has one flat array.
pub fn reply_scored<'k>(
    reply: &mut Reply<'_>,
    scored: impl ExactSizeIterator<Item = (Text<'k>, f64)>,
    with_scores: bool,
) {
    let in_pairs = with_scores && reply.protocol() == Protocol::Resp3;
    reply.array(if with_scores && !in_pairs { scored.len() * 2 } else { scored.len() });
    for (member, score) in scored {
        if in_pairs {
            reply.array(2);
        }
        reply_text(reply, &member);
        if with_scores {
            reply_score(reply, score);
        }
    }
}
