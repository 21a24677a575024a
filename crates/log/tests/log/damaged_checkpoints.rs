//! A checkpoint that was finished and is not whole any more stops the start, and the place is named.

use crate::checkpoints::{Live, append_live, checkpoint};
use crate::records::{open, plain, random_content, try_open};
use std::sync::Arc;
use warren_log::{Archive, LogError};
use warren_sim::{Random, SimDisk};
use warren_units::Lsn;

/// A disk with a checkpoint at record 100, its bodies and records behind it.
fn checkpointed() -> SimDisk {
    let random = &mut Random::new(11);
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    let mut live = Live::new();
    for _ in 0..100 {
        append_live(&log, &[random_content(random)], &mut live);
        log.prepare().unwrap();
    }
    checkpoint(&log, &[b"a".to_vec(), vec![1; 1000], b"c".to_vec()], &live).unwrap();
    append_live(&log, &[plain(1, 100)], &mut live);
    log.sync().unwrap();
    append_live(&log, &[plain(2, 100)], &mut live);
    drop(log);
    disk.kill()
}

fn name_of(disk: &SimDisk, prefix: &str) -> String {
    disk.names().into_iter().find(|name| name.starts_with(prefix)).unwrap()
}

/// What a start comes to that goes as far as replaying the checkpoint, and what reading everything does.
fn start(disk: &SimDisk) -> Result<(), LogError> {
    let archive = Archive::open(disk);
    let verified = archive.and_then(|archive| archive.verify());
    let (log, _) = try_open(disk)?;
    let started = log.checkpoint_blocks().try_for_each(|block| block.map(drop));
    assert!(started.is_ok() || verified.is_err(), "what stops a start is not whole");
    started.and(verified.map(drop))
}

#[test]
fn any_flipped_bit_of_a_checkpoint_or_of_bodies_is_found_and_placed() {
    let disk = checkpointed();
    start(&disk.kill()).unwrap();
    let random = &mut Random::new(1);
    let mut passed = 0;
    for prefix in ["checkpoint-", "bodies-"] {
        let name = name_of(&disk, prefix);
        let size = disk.content(&name).len() as u64;
        for round in 0..400 {
            let flipped = disk.kill();
            // The header and what is behind it by halves.
            let byte = if round % 2 == 0 { random.below(64) } else { random.below(size) };
            flipped.flip_bit(&name, byte * 8 + random.below(8));
            match start(&flipped) {
                Err(LogError::Corrupt { file, .. } | LogError::Version { file, .. }) => {
                    assert_eq!(file, name, "byte {byte}");
                }
                Err(error) => panic!("byte {byte}: {error}"),
                // Padding, and the rest of the header's sector.
                Ok(()) => passed += 1,
            }
        }
    }
    assert!(passed < 200, "{passed} of 800 passed");
}

#[test]
fn a_missing_or_shortened_file_is_named() {
    let disk = checkpointed();
    let bodies = name_of(&disk, "bodies-");
    let missing = disk.kill();
    warren_log::Disk::remove(&missing, &bodies).unwrap();
    let error = start(&missing).unwrap_err().to_string();
    assert!(error.contains(&bodies) && error.contains("missing"), "{error}");
    for name in [bodies, name_of(&disk, "checkpoint-")] {
        let shortened = disk.kill();
        let mut content = disk.content(&name);
        content.truncate(content.len() - 8);
        shortened.set_content(&name, content);
        let error = start(&shortened).unwrap_err().to_string();
        assert!(error.contains(&name), "{error}");
    }
}

#[test]
fn the_log_has_to_go_on_where_the_checkpoint_ends() {
    let disk = checkpointed();
    let segments: Vec<String> = disk.names().into_iter().filter(|name| name.starts_with("log-")).collect();
    let without = |names: &[String]| {
        let disk = disk.kill();
        names.iter().for_each(|name| warren_log::Disk::remove(&disk, name).unwrap());
        disk
    };
    let error = start(&without(&segments)).unwrap_err().to_string();
    assert!(error.contains("checkpoint-") && error.contains("record 101"), "{error}");
    // Without the checkpoint, records before the oldest segment are missing.
    let error = start(&without(&[name_of(&disk, "checkpoint-")])).unwrap_err().to_string();
    assert!(error.contains("should go on with record 1"), "{error}");
    assert!(disk.names().iter().any(|name| name.starts_with("bodies-")));
    // A torn tail behind the checkpoint is one.
    let torn = disk.kill();
    let place_in = |name: &String| {
        let content = torn.content(name);
        Some((name.clone(), content.windows(50).position(|bytes| bytes == [2; 50])?))
    };
    let (name, at) = segments.iter().find_map(place_in).unwrap();
    torn.flip_bit(&name, at as u64 * 8);
    let (_, recovery) = try_open(&torn).unwrap();
    assert_eq!((recovery.last, recovery.cut.is_some()), (Lsn(101), true));
}

#[test]
fn unfinished_files_are_removed_and_others_left_alone() {
    let disk = checkpointed();
    disk.set_content("checkpoint-00000000000000aa", vec![0; 512]);
    disk.set_content("checkpoint-00000000000000ab", Vec::new());
    disk.set_content("bodies-00000000000000ac", vec![0; 70_000]);
    disk.set_content("bodies-notes", b"not the log's".to_vec());
    let names = disk.names();
    assert_eq!(Archive::open(&disk).unwrap().checkpoint(), Some(Lsn(100)));
    assert_eq!(disk.names(), names);
    let (log, recovery) = open(&disk);
    assert_eq!(recovery.checkpoint, Some(Lsn(100)));
    let names = disk.names();
    assert!(!names.iter().any(|name| name.contains("00000000000000a")), "{names:?}");
    assert!(names.contains(&"bodies-notes".to_owned()));
    // The next file does not take the name of one that may still come back.
    checkpoint(&log, &[], &Live::new()).unwrap();
    assert!(*name_of(&disk, "checkpoint-") > *"checkpoint-00000000000000ac");
    drop(Arc::new(log));
}
