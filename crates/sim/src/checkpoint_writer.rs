//! The thread that writes a checkpoint or a backup with the real [`warren_log::CheckpointWriter`]. It runs only
//! while the simulator waits for it, and stops before each operation on the disk, so that everything else can
//! happen there: turns, writes, syncs, faults, and the end of the process.

use crate::disk::SimDisk;
use crate::stops::{Stopped, stop_with};
use std::cell::RefCell;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use warren_engine::Piece;
use warren_log::{CheckpointSummary, CheckpointWriter, Log, LogError};
use warren_units::{BodyName, Lsn};

/// What the thread is told.
enum Word {
    Append(Piece),
    Finish,
    Abandon,
    GoOn,
    Fail(ErrorKind),
}

/// What the thread has come to.
pub enum Event {
    /// It is about to do something with the disk.
    Stopped,
    /// It waits for the next piece, or for the end; bodies that the last piece needs.
    Ready(Vec<(BodyName, u32)>),
    Finished(CheckpointSummary),
    Failed(LogError),
}

/// The thread, from outside.
pub struct Writing {
    words: Option<Sender<Word>>,
    events: Receiver<Event>,
    thread: Option<JoinHandle<()>>,
}

impl Writing {
    /// Begins a checkpoint at `at`, or a backup into `target`.
    pub fn begin(log: Arc<Log>, at: Lsn, target: Option<SimDisk>) -> (Writing, Event) {
        let (words, told) = channel();
        let (teller, events) = channel();
        let thread = std::thread::spawn(move || run(&log, at, target, told, &teller));
        let writing = Writing { words: Some(words), events, thread: Some(thread) };
        let event = writing.wait();
        (writing, event)
    }

    pub fn append(&self, piece: Piece) -> Event {
        self.tell(Word::Append(piece))
    }

    pub fn finish(&self) -> Event {
        self.tell(Word::Finish)
    }

    pub fn abandon(&self) -> Event {
        self.tell(Word::Abandon)
    }

    /// Lets it do what it has stopped before.
    pub fn go_on(&self) -> Event {
        self.tell(Word::GoOn)
    }

    /// What it has stopped before fails.
    pub fn fail(&self, kind: ErrorKind) -> Event {
        self.tell(Word::Fail(kind))
    }

    fn tell(&self, word: Word) -> Event {
        if let Some(words) = &self.words {
            let _ = words.send(word);
        }
        self.wait()
    }

    /// # Panics
    /// If the thread has panicked: that is a finding.
    fn wait(&self) -> Event {
        self.events.recv().expect("the thread that writes a checkpoint has panicked")
    }
}

impl Drop for Writing {
    /// The process ends: the thread does nothing any more.
    fn drop(&mut self) {
        self.words = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(log: &Log, at: Lsn, target: Option<SimDisk>, words: Receiver<Word>, events: &Sender<Event>) {
    let words = Arc::new(std::sync::Mutex::new(words));
    let (stop_words, stop_events) = (words.clone(), events.clone());
    stop_with(Box::new(move || {
        let _ = stop_events.send(Event::Stopped);
        match next(&stop_words) {
            Some(Word::GoOn) => Ok(()),
            Some(Word::Fail(kind)) => Err(Stopped::Failed(kind)),
            _ => Err(Stopped::Ended),
        }
    }));
    let written = match target {
        Some(target) => log.begin_backup(at, Arc::new(target)),
        None => log.begin_checkpoint(at),
    };
    let written = written.and_then(|writer| write(writer, &words, events));
    let _ = events.send(match written {
        Ok(summary) => Event::Finished(summary),
        Err(error) => Event::Failed(error),
    });
}

fn next(words: &std::sync::Mutex<Receiver<Word>>) -> Option<Word> {
    words.lock().ok()?.recv().ok()
}

fn write(
    mut writer: CheckpointWriter<'_>,
    words: &std::sync::Mutex<Receiver<Word>>,
    events: &Sender<Event>,
) -> Result<CheckpointSummary, LogError> {
    let mut names = Vec::new();
    loop {
        let _ = events.send(Event::Ready(std::mem::take(&mut names)));
        match next(words) {
            Some(Word::Append(piece)) => {
                let writing = RefCell::new(&mut writer);
                piece.encode(&mut |block| writing.borrow_mut().append(block), &mut |name, size| {
                    writing.borrow_mut().keep_body(name, size);
                    names.push((name, size));
                })?;
            }
            Some(Word::Finish) => return writer.finish(),
            _ => return Err(LogError::Abandoned),
        }
    }
}
