//! A RESP client. Its requests are carried out on the model at the moment when the engine runs them; the
//! replies are compared there, and the gates where the server lets them go.

use crate::checker::Released;
use crate::checker::failure::{Checked, Failure};
use crate::model::keys::{Value, Waiter};
use crate::model::{Moment, Refusable};
use crate::operation::{Operation, Run};
use crate::reply::Reply;
use crate::trace::shown;
use std::collections::VecDeque;
use warren_units::Lsn;

/// A reply that the server has made and not yet let go.
struct Awaited {
    what: String,
    reply: Reply,
    depends_on: Lsn,
}

#[derive(Default)]
pub struct RespSession {
    pub output: Vec<u8>,
    sent: VecDeque<Operation>,
    awaited: VecDeque<Awaited>,
    received: Vec<u8>,
    transaction: Option<Vec<Operation>>,
    /// Something of the transaction was refused.
    is_aborted: bool,
    /// (key, how often it had changed).
    watched: Vec<(Vec<u8>, usize)>,
    /// What it waits for, while it is blocked.
    blocked: Option<String>,
}

impl RespSession {
    pub fn send(&mut self, operations: Vec<Operation>) {
        for operation in operations {
            operation.encode(&mut self.output);
            self.sent.push_back(operation);
        }
    }

    /// A blocked client sends nothing.
    pub fn may_send(&self) -> bool {
        let waits = self.sent.iter().any(|operation| matches!(operation.run, Run::BlockingPop { .. }));
        self.blocked.is_none() && !waits && self.sent.len() + self.awaited.len() < 12
    }

    pub fn unanswered(&self) -> usize {
        self.sent.len() + self.awaited.len() + usize::from(self.blocked.is_some())
    }

    /// The engine has run the next request, and has written `actual` if it replied at once.
    pub fn executed(&mut self, moment: &mut Moment<'_>, actual: Option<&Reply>, client: usize) -> Checked {
        let Some(operation) = self.sent.pop_front() else {
            return Err(Failure::new("values", "the server ran a request that nobody sent"));
        };
        let what = described(&operation);
        if let Some(Reply::Error(error)) = actual.filter(|reply| is_disk_full(reply) || is_memory_full(reply))
        {
            self.refused(&operation, &what, moment, is_memory_full(&Reply::Error(error.clone())))?;
            let reply = Reply::Error(error.clone());
            self.awaited.push_back(Awaited { what, reply, depends_on: moment.depends_on });
            return Ok(());
        }
        let expected = self.run(operation, moment, actual.unwrap_or(&Reply::Bulk(None)), client);
        let actual = match (actual, expected) {
            (None, None) => {
                self.blocked = Some(what);
                return Ok(());
            }
            (Some(actual), Some(expected)) if *actual == expected => actual.clone(),
            (actual, expected) => {
                return Err(Failure::new(
                    "values",
                    format!("{what}: the reply is {actual:?}, but should be {expected:?}"),
                ));
            }
        };
        if let Some(changed) = &moment.unrecorded {
            return Err(Failure::new("values", format!("{what}: changed {changed} without a record")));
        }
        self.awaited.push_back(Awaited { what, reply: actual, depends_on: moment.depends_on });
        Ok(())
    }

    /// The engine has refused a request because the disk or the memory is full: nothing is changed.
    fn refused(
        &mut self,
        operation: &Operation,
        what: &str,
        moment: &Moment<'_>,
        is_memory: bool,
    ) -> Checked {
        let command = operation.words[0].to_ascii_uppercase();
        let is_in = |table: &[&str]| table.iter().any(|name| name.as_bytes() == command);
        // Keeping a command until EXEC takes memory, whatever it does.
        let is_queued =
            self.transaction.is_some() && matches!(operation.run, Run::Command(_) | Run::BlockingPop { .. });
        let is_growing = !is_in(READS) && !is_in(REMOVALS);
        let may_refuse = match moment.refusable {
            _ if is_memory => moment.is_out_of_memory && (is_growing || is_queued),
            Refusable::Nothing => false,
            Refusable::Growth => is_growing,
            Refusable::Everything => !is_in(READS),
        };
        if !may_refuse {
            return Err(Failure::new("values", format!("{what}: refused though there is room")));
        }
        match operation.run {
            Run::Exec => {
                self.transaction = None;
                self.is_aborted = false;
                self.watched.clear();
            }
            _ => self.is_aborted = self.transaction.is_some(),
        }
        Ok(())
    }

    /// The reply that is due; `None` where the client is blocked.
    fn run(
        &mut self,
        operation: Operation,
        moment: &mut Moment<'_>,
        actual: &Reply,
        client: usize,
    ) -> Option<Reply> {
        let is_queued =
            self.transaction.is_some() && matches!(operation.run, Run::Command(_) | Run::BlockingPop { .. });
        if let Some(queued) = self.transaction.as_mut().filter(|_| is_queued) {
            queued.push(operation);
            return Some(Reply::Simple("QUEUED".to_owned()));
        }
        Some(match operation.run {
            Run::Command(command) => command(moment, actual),
            Run::BlockingPop { key, timeout_milliseconds } => {
                return pop_or_wait(moment, &key, timeout_milliseconds, client);
            }
            Run::Multi => {
                self.transaction = Some(Vec::new());
                Reply::OK()
            }
            Run::Watch(key) => {
                moment.open(&key);
                let count = moment.model.keys.change_count(&key);
                self.watched.push((key, count));
                Reply::OK()
            }
            Run::Discard => {
                self.transaction = None;
                self.is_aborted = false;
                self.watched.clear();
                Reply::OK()
            }
            Run::Exec if std::mem::take(&mut self.is_aborted) => {
                self.transaction = None;
                self.watched.clear();
                Reply::Error("EXECABORT Transaction discarded because of previous errors.".to_owned())
            }
            Run::Exec => self.execute_transaction(moment, actual),
        })
    }

    fn execute_transaction(&mut self, moment: &mut Moment<'_>, actual: &Reply) -> Reply {
        let queued = self.transaction.take().unwrap_or_default();
        let keys = &moment.model.keys;
        let is_outdated = self.watched.drain(..).fold(false, |outdated, (key, count)| {
            outdated || keys.change_count(&key) != count || keys.is_expired(&key, moment.now)
        });
        if is_outdated {
            return Reply::Array(None);
        }
        let nothing = Vec::new();
        let elements = match actual {
            Reply::Array(Some(elements)) => elements,
            _ => &nothing,
        };
        let replies = queued.iter().enumerate().map(|(place, operation)| match &operation.run {
            // How large a result is to be stored is known only now.
            Run::Command(_)
                if moment.refusable > Refusable::Nothing && elements.get(place).is_some_and(is_disk_full) =>
            {
                elements[place].clone()
            }
            Run::Command(command) => command(moment, elements.get(place).unwrap_or(&Reply::Bulk(None))),
            _ => Reply::Bulk(None),
        });
        Reply::Array(Some(replies.collect()))
    }

    /// Another client's request, or the clock, has ended the waiting.
    pub fn woken(&mut self, reply: Reply, depends_on: Lsn) -> Checked {
        let Some(what) = self.blocked.take() else {
            return Err(Failure::new("values", "a client is served that does not wait"));
        };
        self.awaited.push_back(Awaited { what, reply, depends_on });
        Ok(())
    }

    pub fn released(&mut self, bytes: &[u8], context: &mut Released<'_>) -> Checked {
        self.received.extend_from_slice(bytes);
        let mut used = 0;
        while let Some((reply, size)) = parse(&self.received[used..])? {
            used += size;
            let Some(awaited) = self.awaited.pop_front() else {
                return Err(Failure::new("values", format!("a reply that nobody asked for: {reply:?}")));
            };
            if reply != awaited.reply {
                let Awaited { what, reply: expected, .. } = awaited;
                let text = format!("{what}: the client gets {reply:?}, but it should be {expected:?}");
                return Err(Failure::new("values", text));
            }
            context.told(awaited.what, awaited.depends_on, context.resp_level)?;
        }
        self.received.drain(..used);
        Ok(())
    }
}

/// Commands that no full disk refuses.
const READS: &[&str] = &[
    "GET",
    "MGET",
    "STRLEN",
    "EXISTS",
    "TYPE",
    "TTL",
    "PTTL",
    "LRANGE",
    "LLEN",
    "HGET",
    "HGETALL",
    "SMEMBERS",
    "SISMEMBER",
    "ZRANGE",
    "ZSCORE",
    "MULTI",
    "DISCARD",
    "WATCH",
];

/// Commands that are refused only where the room kept for them is used up.
const REMOVALS: &[&str] = &[
    "DEL",
    "UNLINK",
    "GETDEL",
    "LPOP",
    "RPOP",
    "LREM",
    "LTRIM",
    "HDEL",
    "SREM",
    "SPOP",
    "ZREM",
    "ZPOPMIN",
    "ZPOPMAX",
    "ZREMRANGEBYRANK",
    "EXPIRE",
    "PEXPIRE",
    "PERSIST",
    "BLPOP",
];

fn is_disk_full(reply: &Reply) -> bool {
    is_refusal(reply, "MISCONF Errors writing to the AOF file: No space left on device")
}

fn is_memory_full(reply: &Reply) -> bool {
    is_refusal(reply, "OOM command not allowed when used memory > 'maxmemory'.")
}

fn is_refusal(reply: &Reply, text: &str) -> bool {
    matches!(reply, Reply::Error(error)
        if error == text || error.strip_prefix("EXECABORT Transaction discarded because of: ") == Some(text))
}

/// Reads a reply in front of `bytes`, as [`Reply::parse`].
pub fn parse(bytes: &[u8]) -> Checked<Option<(Reply, usize)>> {
    Reply::parse(bytes).map_err(|error| Failure::new("values", error))
}

fn pop_or_wait(
    moment: &mut Moment<'_>,
    key: &[u8],
    timeout_milliseconds: u64,
    client: usize,
) -> Option<Reply> {
    if let Some(Value::List(mut list)) = moment.read(key) {
        let element = list.pop_front().unwrap_or_default();
        moment.change(key, Value::List(list));
        return Some(Reply::bulks([&key.to_vec(), &element]));
    }
    let deadline = (timeout_milliseconds > 0).then(|| moment.now + timeout_milliseconds);
    moment.model.keys.wait(key, Waiter { client, deadline });
    None
}

fn described(operation: &Operation) -> String {
    operation.words.iter().map(|word| shown(word)).collect::<Vec<_>>().join(" ")
}
