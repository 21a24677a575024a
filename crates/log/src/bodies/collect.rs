//! Moving live bodies into bodies files when a checkpoint is finished.

use crate::blocks::format::FileKind;
use crate::bodies::file::{BodiesFile, BodiesWriter};
use crate::bodies::format::BODY_ENTRY_SIZE_BYTES;
use crate::bodies::loaded::LoadedBodies;
use crate::bodies::names::SortedNames;
use crate::bodies::plan::{Use, which_stay};
use crate::checkpoint::found::Stored;
use crate::checkpoint::writer::CheckpointWriter;
use crate::error::LogError;
use std::sync::Arc;
use warren_units::{BodyName, Lsn};

/// A bodies file is at most this many segments large, one body aside.
const SEGMENTS_PER_FILE: u64 = 4;

/// The bodies files that a checkpoint will name.
#[derive(Default)]
pub(crate) struct Collected {
    pub files: Vec<Arc<BodiesFile>>,
    /// Those it names no longer, with their sizes.
    pub replaced: Vec<(String, u64)>,
    pub live_count: u64,
    pub live_bytes: u64,
    pub moved_bytes: u64,
}

/// Copies the live bodies of records up to `through` that do not lie well where they are.
pub(crate) fn collect(
    writer: &mut CheckpointWriter<'_>,
    names: &SortedNames,
    through: Lsn,
) -> Result<Collected, LogError> {
    let stored = writer.log.stored();
    let file_size_max = writer.log.options.segment_size_bytes.saturating_mul(SEGMENTS_PER_FILE);
    let mut collected = Collected::default();
    let mut files: Vec<Use> = stored.bodies.iter().map(|file| Use { size: file.size(), live: 0 }).collect();
    let mut new = 0;
    for (name, size) in names.iter() {
        collected.live_count += 1;
        collected.live_bytes += u64::from(size);
        let span = u64::from(size) + BODY_ENTRY_SIZE_BYTES as u64;
        match stored.file_of(name.lsn) {
            Some(index) => files[index].live += span,
            None if name.lsn <= through => new += span,
            None => {}
        }
    }
    // A backup shares nothing with the log it is of.
    let stay = match writer.is_backup {
        true => vec![false; files.len()],
        false => which_stay(&files, new, file_size_max),
    };
    let mut moving = Moving { writer, stored: &stored, stay, kept: 0, file: None, file_size_max, collected };
    moving.all(names, through)?;
    Ok(moving.collected)
}

struct Moving<'w, 'l> {
    writer: &'w mut CheckpointWriter<'l>,
    stored: &'w Stored,
    stay: Vec<bool>,
    /// Old files before this one are dealt with.
    kept: usize,
    file: Option<BodiesWriter>,
    file_size_max: u64,
    collected: Collected,
}

impl Moving<'_, '_> {
    fn all(&mut self, names: &SortedNames, through: Lsn) -> Result<(), LogError> {
        let mut loaded: Option<LoadedBodies> = None;
        for (name, size) in names.iter().take_while(|(name, _)| name.lsn <= through) {
            if self.stored.file_of(name.lsn).is_some_and(|index| self.stay[index]) {
                continue;
            }
            self.keep_files_before(name.lsn)?;
            if loaded.as_ref().is_none_or(|loaded| loaded.find(name).is_none()) {
                loaded = self.writer.log.load_bodies(name)?;
            }
            let found = loaded.as_ref().and_then(|loaded| Some((loaded, loaded.find(name)?)));
            match found {
                Some((loaded, place)) if place.size == size => self.append(name, loaded.slice(place))?,
                _ => return Err(LogError::NoBody { lsn: name.lsn, ordinal: name.ordinal }),
            }
        }
        self.keep_files_before(Lsn(u64::MAX))?;
        self.end_file()
    }

    /// Passes over the old files before `lsn`: no new file may reach around one that stays.
    fn keep_files_before(&mut self, lsn: Lsn) -> Result<(), LogError> {
        while let Some(file) = self.stored.bodies.get(self.kept).filter(|file| file.last() < lsn) {
            if self.stay[self.kept] {
                self.end_file()?;
                self.collected.files.push(file.clone());
            } else if !self.writer.is_backup {
                self.collected.replaced.push((file.name().to_owned(), file.size()));
            }
            self.kept += 1;
        }
        Ok(())
    }

    fn append(&mut self, name: BodyName, body: &[u8]) -> Result<(), LogError> {
        // A record's bodies stay together, so that a record's LSN says which file has them.
        if self.file.as_ref().is_some_and(|file| file.size() >= self.file_size_max && file.last() < name.lsn)
        {
            self.end_file()?;
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let plan = self.writer.plan(FileKind::Bodies);
                self.writer.made.bodies.push(plan.kind.name(plan.sequence));
                self.file.insert(BodiesWriter::create(&*self.writer.disk, plan)?)
            }
        };
        file.append(name, body)
    }

    fn end_file(&mut self) -> Result<(), LogError> {
        if let Some(file) = self.file.take() {
            let file = file.finish()?;
            self.collected.moved_bytes += file.size();
            self.collected.files.push(Arc::new(file));
        }
        Ok(())
    }
}
