//! What a simulated client asks for, and what that does to the model. A family of operations is a file in
//! `workload/` that makes these.

use crate::model::Moment;
use crate::reply::Reply;

/// Carries the command out on the model and answers the reply that is due. It is given the server's reply,
/// for commands that leave the choice to the server.
pub type Command = Box<dyn Fn(&mut Moment<'_>, &Reply) -> Reply>;

pub enum Run {
    Command(Command),
    /// BLPOP of one key.
    BlockingPop {
        key: Vec<u8>,
        timeout_milliseconds: u64,
    },
    Multi,
    Exec,
    Discard,
    Watch(Vec<u8>),
}

/// One RESP request.
pub struct Operation {
    pub words: Vec<Vec<u8>>,
    pub run: Run,
}

/// The words of a command, from anything that can be seen as bytes.
macro_rules! words {
    ($($word:expr),* $(,)?) => { vec![$(Vec::from(AsRef::<[u8]>::as_ref(&$word))),*] };
}
pub(crate) use words;

impl Operation {
    pub fn command(
        words: Vec<Vec<u8>>,
        run: impl Fn(&mut Moment<'_>, &Reply) -> Reply + 'static,
    ) -> Operation {
        Operation { words, run: Run::Command(Box::new(run)) }
    }

    pub fn multi() -> Operation {
        Operation { words: words!["MULTI"], run: Run::Multi }
    }

    pub fn exec() -> Operation {
        Operation { words: words!["EXEC"], run: Run::Exec }
    }

    pub fn discard() -> Operation {
        Operation { words: words!["DISCARD"], run: Run::Discard }
    }

    pub fn watch(key: &[u8]) -> Operation {
        Operation { words: words!["WATCH", key], run: Run::Watch(key.to_vec()) }
    }

    pub fn blocking_pop(key: &[u8], timeout_milliseconds: u64) -> Operation {
        let seconds = format!("{}.{:03}", timeout_milliseconds / 1000, timeout_milliseconds % 1000);
        let run = Run::BlockingPop { key: key.to_vec(), timeout_milliseconds };
        Operation { words: words!["BLPOP", key, seconds], run }
    }

    /// The request's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("*{}\r\n", self.words.len()).as_bytes());
        for word in &self.words {
            out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            out.extend_from_slice(word);
            out.extend_from_slice(b"\r\n");
        }
    }
}
