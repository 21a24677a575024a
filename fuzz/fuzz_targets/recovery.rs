//! Any files as a log, most of them with checksums that are right: the start succeeds or names what is
//! damaged, without a panic; what it then gives, it gives again at the next start, and records written
//! behind it stay.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::Arc;
use warren_log::blocks::format::{
    BLOCK_ALIGNMENT_BYTES, BlockHeader, BlockKind, FILE_HEADER_SIZE_BYTES, FileHeader, FileKind, block_span_bytes,
};
use warren_log::bodies::format::{Index, IndexEntry, encode_bodies_head};
use warren_log::checkpoint::footer::{FileEntry, Footer};
use warren_log::format::{
    BATCH_ALIGNMENT_BYTES, BATCH_HEADER_SIZE_BYTES, BatchHeader, BatchKind, SegmentHeader, segment_name,
};
use warren_log::{Archive, Log, LogError, LogOptions};
use warren_sim::SimDisk;
use warren_units::{Batch, BodyName, Epoch, Lsn};

const OPTIONS: LogOptions = LogOptions { segment_size_bytes: 4096, salt: 9, reserve_size_bytes: 0 };

/// What a segment holds: fields of a batch header, what lies behind it, and a byte to damage all of it with.
type Piece<'a> = ([u8; 6], &'a [u8], Option<u8>);

/// A checkpoint: LSN, LSN through which bodies were moved, flags; blocks; bodies by LSN and ordinal; bytes by
/// which its two files are damaged, and how.
type Stored<'a> = ([u8; 3], Vec<&'a [u8]>, Vec<(u8, u8, &'a [u8])>, Option<(bool, u16, u8)>);

fuzz_target!(|input: (Vec<([u8; 4], Vec<Piece<'_>>)>, Option<Stored<'_>>)| {
    let (segments, stored) = input;
    let disk = SimDisk::new();
    if let Some(stored) = &stored {
        store(&disk, stored);
    }
    for (index, (fields, pieces)) in segments.iter().enumerate() {
        let sequence = index as u64 + 1;
        disk.set_content(&segment_name(sequence), segment(sequence, *fields, pieces));
    }
    let archive = Archive::open(&disk).map(|archive| (archive.checkpoint(), archive.last()));
    let Ok((log, recovery)) = open(&disk) else { return };
    assert!(archive.is_ok_and(|found| found == (recovery.checkpoint, recovery.last)));
    let _ = log.verify();
    for lsn in (0..100).chain(recovery.first.0..=recovery.last.0.min(recovery.first.0.saturating_add(100))) {
        let _ = log.read_body(BodyName { lsn: Lsn(lsn), ordinal: 0 });
    }
    let Ok(blocks) = blocks_of(&log) else { return };
    let Ok(mut records) = read(&log) else { return };
    assert_eq!(records.last().map_or(recovery.last, |(lsn, _)| *lsn), recovery.last);

    let mut batch = Batch::new(recovery.last.next());
    batch.effect().extend(b"new");
    batch.finish_record();
    records.push((batch.first(), b"new".to_vec()));
    drop(log.write(log.reserve(batch).unwrap()).unwrap());
    log.sync().unwrap();
    let (log, _) = open(&disk.kill()).expect("a log that was opened opens again");
    assert!(read(&log).expect("what was read is read again") == records);
    assert!(blocks_of(&log).expect("what was read is read again") == blocks);
});

fn blocks_of(log: &Log) -> Result<Vec<Vec<u8>>, LogError> {
    log.checkpoint_blocks().map(|block| Ok(block?.effects)).collect()
}

/// Puts a checkpoint and its bodies file on the disk.
fn store(disk: &SimDisk, (fields, blocks, bodies, damage): &Stored<'_>) {
    let [lsn, moved_through, flags] = *fields;
    let header = |kind, sequence| FileHeader {
        kind,
        sequence,
        salt: sequence,
        epoch: Epoch(u32::from(flags / 64)),
        is_backup: flags & 1 != 0,
        lsn: Lsn(u64::from(lsn)),
        last_block: 0,
        file_size: 0,
    };
    let mut files = Vec::new();
    if let (Some((first, ..)), Some((last, ..))) = (bodies.first(), bodies.last()) {
        let names: Vec<(BodyName, u32)> = bodies
            .iter()
            .map(|(lsn, ordinal, body)| {
                let name = BodyName { lsn: Lsn(u64::from(*lsn)), ordinal: u32::from(*ordinal) };
                (name, body.len() as u32)
            })
            .collect();
        let mut content = encode_bodies_head(&names);
        bodies.iter().for_each(|(.., body)| content.extend_from_slice(body));
        let block = IndexEntry { first: names[0].0, offset: FILE_HEADER_SIZE_BYTES as u64 };
        let index = Index {
            body_count: names.len() as u64,
            body_bytes: names.iter().map(|(_, size)| u64::from(*size)).sum(),
            last: Lsn(u64::from(*last)),
            blocks: vec![block],
        };
        let contents = [(BlockKind::Bodies, content), (BlockKind::Index, index.encode())];
        let mut file = file_of(header(FileKind::Bodies, 1), &contents);
        files.push(FileEntry {
            sequence: 1,
            file_size: file.len() as u64,
            first: Lsn(u64::from(*first)),
            last: index.last,
            body_count: index.body_count,
            body_bytes: index.body_bytes,
        });
        if let Some((true, place, change)) = damage {
            let place = usize::from(*place) % file.len();
            file[place] ^= change;
        }
        disk.set_content(&FileKind::Bodies.name(1), file);
    }
    let footer = Footer {
        lsn: Lsn(u64::from(lsn)),
        moved_through: Lsn(u64::from(moved_through)),
        block_count: blocks.len() as u64,
        live_body_count: 0,
        live_body_bytes: 0,
        files,
    };
    let mut contents: Vec<_> = blocks.iter().map(|block| (BlockKind::Effects, block.to_vec())).collect();
    contents.push((BlockKind::Footer, footer.encode()));
    let mut file = file_of(header(FileKind::Checkpoint, 2), &contents);
    if let Some((false, place, change)) = damage {
        let place = usize::from(*place) % file.len();
        file[place] ^= change;
    }
    disk.set_content(&FileKind::Checkpoint.name(2), file);
}

/// A finished file with these blocks.
fn file_of(mut header: FileHeader, contents: &[(BlockKind, Vec<u8>)]) -> Vec<u8> {
    let mut file = vec![0; FILE_HEADER_SIZE_BYTES];
    for (number, (kind, content)) in (0..).zip(contents) {
        header.last_block = file.len() as u64;
        let (size, checksum) = (content.len() as u64, crc32c::crc32c(content));
        let block = BlockHeader { kind: *kind, checksum, size, number };
        file.extend_from_slice(&block.encode(header.block_seed()));
        file.extend_from_slice(content);
        file.resize((header.last_block + block_span_bytes(size)) as usize, 0);
        assert!(file.len() as u64 % BLOCK_ALIGNMENT_BYTES == 0);
    }
    header.file_size = file.len() as u64;
    file[..FILE_HEADER_SIZE_BYTES].copy_from_slice(&header.encode());
    file
}

fn open(disk: &SimDisk) -> Result<(Log, warren_log::Recovery), LogError> {
    Log::open(Arc::new(disk.clone()), OPTIONS)
}

fn read(log: &Log) -> Result<Vec<(Lsn, Vec<u8>)>, LogError> {
    let mut records = Vec::new();
    for chunk in log.chunks(Lsn::NONE)? {
        records.extend(chunk?.records().map(|record| (record.lsn, record.effects.to_vec())));
    }
    Ok(records)
}

fn segment(sequence: u64, fields: [u8; 4], pieces: &[Piece<'_>]) -> Vec<u8> {
    let [epoch, flags, epoch_first, synced] = fields;
    let header = SegmentHeader {
        sequence,
        salt: 5,
        epoch: Epoch(u32::from(epoch / 64)),
        opens_epoch: flags & 1 != 0,
        epoch_first: Lsn(u64::from(epoch_first)),
        synced: Lsn(u64::from(synced)),
    };
    let mut content = header.encode().to_vec();
    for (fields, behind, damage) in pieces {
        let [kind, first, count, synced, effects_share, far] = *fields;
        let effects_size = behind.len() * usize::from(effects_share) / 255;
        let (effects, bodies) = behind.split_at(effects_size);
        let batch = BatchHeader {
            kind: if kind < 200 { BatchKind::Records } else { BatchKind::CleanEnd },
            epoch: header.epoch,
            count: if kind < 200 { u32::from(count) } else { 0 },
            first: if far == 255 { Lsn(u64::MAX - u64::from(first)) } else { Lsn(u64::from(first)) },
            synced: Lsn(u64::from(synced)),
            effects_size: if far == 254 { u64::MAX } else { effects.len() as u64 },
            bodies_size: if far == 253 { u64::MAX } else { bodies.len() as u64 },
            effects_checksum: crc32c::crc32c(effects),
            bodies_checksum: crc32c::crc32c(bodies),
        };
        let start = content.len();
        content.extend_from_slice(&batch.encode(header.batch_seed()));
        content.extend_from_slice(behind);
        if let Some(damage) = damage {
            let at = start + usize::from(*damage) % (BATCH_HEADER_SIZE_BYTES + behind.len());
            content[at] ^= 1 + damage / 2;
        }
        content.resize(content.len().next_multiple_of(BATCH_ALIGNMENT_BYTES as usize), 0);
    }
    content.extend_from_slice(&[0; 256]);
    content
}
