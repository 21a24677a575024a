//! Reading back across segments, giving up the oldest and the newest records.

use crate::records::{Content, append, open, random_content, read, try_read};
use warren_log::{Log, LogError};
use warren_sim::{Random, SimDisk};
use warren_units::{BodyName, Epoch, Lsn};

fn records_in(log: &Log) -> u64 {
    log.verify().unwrap().record_count
}

fn many_records(log: &Log, random: &mut Random, count: usize) -> Vec<Content> {
    let records: Vec<Content> = (0..count).map(|_| random_content(random)).collect();
    for batch in records.chunks(3) {
        append(log, batch);
        log.sync().unwrap();
    }
    records
}

#[test]
fn replay_begins_at_any_record_and_bodies_survive_a_restart() {
    let random = &mut Random::new(5);
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    let records = many_records(&log, random, 300);
    assert!(log.segments().unwrap().len() > 5);
    let (again, _) = open(&disk.kill());
    for from in 1..=records.len() + 1 {
        let expected =
            records.iter().cloned().zip(1..).skip(from - 1).map(|(content, lsn)| (Lsn(lsn), content));
        assert!(try_read(&again, Lsn(from as u64)).unwrap().into_iter().eq(expected), "from {from}");
    }
    assert!(matches!(again.read_body(BodyName { lsn: Lsn(301), ordinal: 0 }), Err(LogError::NoBody { .. })));
    assert!(matches!(try_read(&again, Lsn(302)), Err(LogError::Missing { last: Lsn(300), .. })));
    assert_eq!((records_in(&log), records_in(&again)), (300, 300));
}

#[test]
fn damaged_bodies_are_seen_when_they_are_read() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    append(&log, &[(b"effects".to_vec(), vec![vec![b'x'; 100]])]);
    log.close().unwrap();
    let at = disk.content("log-0000000000000001").windows(4).position(|bytes| bytes == b"xxxx").unwrap();
    disk.flip_bit("log-0000000000000001", at as u64 * 8);
    let (log, _) = open(&disk);
    let chunks: Result<Vec<_>, LogError> = log.chunks(Lsn(1)).unwrap().collect();
    assert_eq!(chunks.unwrap()[0].records().count(), 1);
    assert!(matches!(log.read_body(BodyName { lsn: Lsn(1), ordinal: 0 }), Err(LogError::Corrupt { .. })));
    assert!(matches!(log.verify(), Err(LogError::Corrupt { .. })));
}

#[test]
fn records_behind_a_truncation_never_come_back() {
    for seed in 0..100 {
        let random = &mut Random::new(seed);
        let disk = SimDisk::new();
        let (log, _) = open(&disk);
        let mut records = many_records(&log, random, 100);
        let mut epoch = 1;
        for _ in 0..3 {
            let keep = random.below(records.len() as u64 + 1);
            log.truncate_after(Lsn(keep)).unwrap();
            epoch += 1;
            records.truncate(keep as usize);
            assert_eq!(read(&log), records, "seed {seed}");
            assert_eq!(read(&open(&disk.crash(random)).0), records, "seed {seed}");
            records.extend(many_records(&log, random, 10));
            assert_eq!(read(&log), records, "seed {seed}");
        }
        let (log, recovery) = open(&disk.crash(random));
        assert_eq!(recovery.epoch, Epoch(epoch + 1));
        assert_eq!(read(&log), records, "seed {seed}");
    }
}

#[test]
fn chunks_and_blocks_can_be_read_ahead_on_another_thread_and_say_how_far_they_are() {
    let random = &mut Random::new(9);
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    let records: Vec<Content> = (0..3000).map(|_| random_content(random)).collect();
    records.chunks(7).for_each(|batch| assert!(append(&log, batch) > Lsn::NONE));
    let mut chunks = log.chunks(Lsn(11)).unwrap();
    let total = chunks.total_bytes();
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let (mut effects, mut done) = (Vec::new(), 0);
    std::thread::scope(|scope| {
        scope.spawn(move || chunks.try_for_each(|chunk| sender.send(chunk.unwrap())).unwrap());
        for chunk in receiver {
            assert!(done < chunk.done_bytes && chunk.done_bytes <= total);
            done = chunk.done_bytes;
            effects.extend(chunk.records().map(|record| (record.lsn, record.effects.to_vec())));
        }
    });
    assert_eq!(done, total);
    assert!(
        effects.into_iter().eq((11..).map(Lsn).zip(records.into_iter().skip(10).map(|(effects, _)| effects)))
    );
    fn is_send<T: Send + 'static>(_: T) {}
    is_send(log.checkpoint_blocks());
}
