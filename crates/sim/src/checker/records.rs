//! Each record is there once, whole and in its place: what the log gives back is, byte for byte, a prefix of
//! what the engine made.

use super::failure::{Checked, Failure};
use warren_log::{Log, LogError};
use warren_units::{Batch, BodyName, Lsn, Record};

/// One record as it was made.
struct Made {
    /// As it is framed in its batch.
    framed: Vec<u8>,
    effects: Vec<u8>,
    bodies: Vec<Vec<u8>>,
}

/// All records from LSN 1 on.
#[derive(Default)]
pub struct Records {
    made: Vec<Made>,
}

impl Records {
    /// Notes the records of a batch on its way to the log.
    pub fn note(&mut self, batch: &Batch) -> Checked {
        if batch.first() != self.newest().next() {
            let text = format!("a batch begins with record {} behind {}", batch.first(), self.newest());
            return Err(Failure::new("records", text));
        }
        let (effects, mut bodies) = (batch.effects().to_vec(), &batch.bodies().to_vec()[..]);
        let (mut rest, mut lsn) = (&effects[..], batch.first());
        while let Some((record, behind)) = Record::parse(lsn, rest).filter(|_| !rest.is_empty()) {
            let mut own = Vec::new();
            for size in record.body_sizes() {
                let (body, others) = bodies.split_at(size as usize);
                own.push(body.to_vec());
                bodies = others;
            }
            let framed = rest[..rest.len() - behind.len()].to_vec();
            self.made.push(Made { framed, effects: record.effects.to_vec(), bodies: own });
            (rest, lsn) = (behind, lsn.next());
        }
        if self.newest() != batch.last() {
            return Err(Failure::new("records", format!("the batch up to {} is badly framed", batch.last())));
        }
        Ok(())
    }

    /// All records, from the first on.
    pub fn all(&self) -> impl Iterator<Item = Record<'_>> {
        let framed = (1..).zip(&self.made);
        framed.filter_map(|(lsn, made)| Some(Record::parse(Lsn(lsn), &made.framed)?.0))
    }

    pub fn newest(&self) -> Lsn {
        Lsn(self.made.len() as u64)
    }

    pub fn restart_at(&mut self, lsn: Lsn) {
        self.made.truncate(lsn.0 as usize);
    }

    /// Compares one body that the log gives back.
    pub fn check_body(&self, name: BodyName, body: &[u8]) -> Checked {
        let made = self.made.get((name.lsn.0 as usize).wrapping_sub(1));
        match made.and_then(|made| made.bodies.get(name.ordinal as usize)) {
            Some(made) if made[..] == *body => Ok(()),
            _ => {
                let text =
                    format!("body {} of record {} is not the one that was made", name.ordinal, name.lsn);
                Err(Failure::new("bodies", text))
            }
        }
    }

    /// Compares one record that the log gives back.
    pub fn check(&self, record: &Record<'_>, log: &Log) -> Result<(), Unlike> {
        let differs =
            |what: &str| Unlike::Record(Failure::new("records", format!("record {}: {what}", record.lsn)));
        let place = (record.lsn.0 as usize).wrapping_sub(1);
        let Some(made) = self.made.get(place) else { return Err(differs("nobody made it")) };
        if made.effects != record.effects {
            return Err(differs("its effects are not those that were made"));
        }
        if record.body_sizes().len() != made.bodies.len() {
            return Err(differs("it has another number of bodies"));
        }
        for (ordinal, body) in (0..).zip(&made.bodies) {
            if *body != log.read_body(BodyName { lsn: record.lsn, ordinal })?[..] {
                return Err(differs("a body is not the one that was made"));
            }
        }
        Ok(())
    }
}

/// Why a log does not give back what it was given.
#[derive(Debug)]
pub enum Unlike {
    Log(LogError),
    Record(Failure),
}

impl From<LogError> for Unlike {
    fn from(error: LogError) -> Unlike {
        Unlike::Log(error)
    }
}
