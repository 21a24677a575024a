//! After a start, and at the end: auditors ask for everything that should be there.

use crate::checker::failure::{Checked, Failure};
use crate::client::Session;
use crate::client::amqp::{AmqpSession, Held};
use crate::operation::Operation;
use crate::workload::{STANDING_QUEUES, audit_of, scratch_exchange};
use crate::world::World;
use std::collections::BTreeMap;
use warren_engine::PeerKind;

impl World {
    /// Declares what all clients use, and reads every key and the size of every queue.
    pub fn audit(&mut self) -> Checked {
        let names = self.model.keys.names();
        let operations: Vec<Operation> = names.iter().flat_map(|key| audit_of(key)).collect();
        let scratch: Vec<String> = self.scratch_queues();
        for kind in [PeerKind::Resp, PeerKind::Amqp] {
            self.connect(self.auditor(kind), kind);
        }
        if let Some(Session::Resp(session)) = self.session(PeerKind::Resp) {
            session.send(operations);
        }
        let session = self.amqp_auditor();
        session.declare_exchange(scratch_exchange());
        for (queue, time_to_live, dead_to) in STANDING_QUEUES {
            session.declare(queue, *time_to_live, *dead_to);
        }
        scratch.iter().for_each(|queue| session.declare(queue, None, None));
        self.settle()?;
        self.dismiss_auditors()
    }

    fn session(&mut self, kind: PeerKind) -> Option<&mut Session> {
        let client = self.auditor(kind);
        self.links.get_mut(&client).map(|link| &mut link.session)
    }

    fn amqp_auditor(&mut self) -> &mut AmqpSession {
        match self.session(PeerKind::Amqp) {
            Some(Session::Amqp(session)) => session,
            _ => unreachable!("the auditor was connected"),
        }
    }

    fn dismiss_auditors(&mut self) -> Checked {
        for kind in [PeerKind::Resp, PeerKind::Amqp] {
            let client = self.auditor(kind);
            if let Some(link) = self.links.get_mut(&client) {
                link.is_gone = true;
            }
        }
        self.settle()
    }

    fn scratch_queues(&self) -> Vec<String> {
        let queues = self.model.queues.queues.iter();
        let scratch = queues.filter(|(name, queue)| name.starts_with("scratch.") && queue.exists());
        scratch.map(|(name, _)| name.clone()).collect()
    }

    /// Takes every message out of every queue: all that should be there are, and in their order.
    pub fn drain(&mut self) -> Checked {
        self.links.values_mut().for_each(|link| link.is_gone = true);
        self.settle()?;
        let mut queues: Vec<String> = STANDING_QUEUES.iter().map(|(name, _, _)| (*name).to_owned()).collect();
        queues.extend(self.scratch_queues());
        self.connect(self.auditor(PeerKind::Amqp), PeerKind::Amqp);
        for queue in &queues {
            loop {
                let session = self.amqp_auditor();
                let before = session.held.len();
                for _ in 0..8 {
                    session.get(queue);
                }
                self.settle()?;
                let session = self.amqp_auditor();
                session.arrive(usize::MAX);
                if session.held.len() == before {
                    break;
                }
            }
        }
        let held = std::mem::take(&mut self.amqp_auditor().held);
        self.check_drained(&held)?;
        self.dismiss_auditors()
    }

    fn check_drained(&mut self, held: &[Held]) -> Checked {
        let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
        for held in held {
            let queue = self.model.queues.queue(crate::workload::model_queue(&held.queue));
            let Some(message) = queue.messages.get(&held.id).filter(|_| !queue.is_pair) else { continue };
            let newest = newest.entry(&held.queue).or_default();
            if message.order < *newest {
                return Err(Failure::new("messages", format!("{held:?} stands behind a later message")));
            }
            *newest = message.order;
        }
        for (name, queue) in &self.model.queues.queues {
            for (id, message) in &queue.messages {
                let is_due = message.removed.is_none() && !message.is_uncertain;
                if is_due && message.holder.is_none() {
                    let lsn = message.published;
                    let text = format!("m{id} of record {lsn} is not in queue {name} any more");
                    return Err(Failure::new("messages", text));
                }
            }
        }
        Ok(())
    }
}
