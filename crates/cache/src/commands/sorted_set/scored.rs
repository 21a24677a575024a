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
    let mut writer = ScoredWriter::new(reply, with_scores);
    writer.head(scored.len());
    scored.for_each(|(member, score)| writer.scored(&member, score));
}

/// As [`reply_scored`], one member after the other.
pub struct ScoredWriter<'r, 'a> {
    reply: &'r mut Reply<'a>,
    with_scores: bool,
    in_pairs: bool,
}

impl<'r, 'a> ScoredWriter<'r, 'a> {
    pub fn new(reply: &'r mut Reply<'a>, with_scores: bool) -> ScoredWriter<'r, 'a> {
        let in_pairs = with_scores && reply.protocol() == Protocol::Resp3;
        ScoredWriter { reply, with_scores, in_pairs }
    }

    pub fn head(&mut self, count: usize) {
        self.reply.array(if self.with_scores && !self.in_pairs { count * 2 } else { count });
    }

    pub fn scored(&mut self, member: &Text<'_>, score: f64) {
        if self.in_pairs {
            self.reply.array(2);
        }
        reply_text(self.reply, member);
        if self.with_scores {
            reply_score(self.reply, score);
        }
    }
}
