//! Full disks, failing disks, large batches, many threads.

use crate::records::{SEGMENT_SIZE_BYTES, append, batch_of, open, options, plain, read, try_open};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use warren_log::{Disk, Log, LogError, LogOptions};
use warren_sim::{Random, SimDisk};
use warren_units::{Batch, Lsn, RoomSource};

#[test]
fn a_failed_write_or_sync_ends_the_log_and_is_not_retried() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    append(&log, &[plain(1, 10)]);
    log.sync().unwrap();
    append(&log, &[plain(2, 10)]);
    disk.fail_syncs(0);
    assert!(matches!(log.sync(), Err(LogError::Io { action: "sync", .. })));
    assert_eq!(log.progress().synced, Lsn(1));
    let syncs = disk.sync_count();
    let late = log.reserve(batch_of(Lsn(3), &[plain(3, 10)])).unwrap();
    assert!(matches!(log.write(late), Err(LogError::Poisoned)));
    assert!(matches!(log.sync(), Err(LogError::Poisoned)));
    assert!(matches!(log.prepare(), Err(LogError::Poisoned)));
    assert_eq!(disk.sync_count(), syncs);

    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    disk.fail_writes(0);
    let reservation = log.reserve(batch_of(Lsn(1), &[plain(1, 10)])).unwrap();
    assert!(matches!(log.write(reservation), Err(LogError::Io { action: "write", .. })));
    assert_eq!(log.progress().written, Lsn::NONE);
    assert!(matches!(log.sync(), Err(LogError::Poisoned)));
}

#[test]
fn the_next_segment_is_filled_once_this_one_is_in_use_and_never_over_records() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    log.prepare().unwrap();
    assert!(!log.wants_filling() && !log.fill_next().unwrap());
    let (mut records, mut fills) = (Vec::new(), 0);
    for tag in 0..200u8 {
        let record = plain(tag, 500);
        append(&log, std::slice::from_ref(&record));
        records.push(record);
        log.prepare().unwrap();
        if log.wants_filling() {
            fills += 1;
            while log.fill_next().unwrap() {}
            assert!(!log.wants_filling());
        }
    }
    assert!(fills >= 2 && log.segments().unwrap().len() > 2, "{fills} fills");
    assert_eq!(read(&log), records);
    while !log.wants_filling() {
        append(&log, &[plain(0, 500)]);
        log.prepare().unwrap();
    }
    disk.fail_writes(0);
    assert!(matches!(log.fill_next(), Err(LogError::Io { action: "fill", .. })));
    assert!(matches!(log.prepare(), Err(LogError::Poisoned)));
}

#[test]
fn a_full_disk_refuses_growth_while_there_is_room_for_the_rest() {
    let disk = SimDisk::new();
    disk.set_capacity(2 * SEGMENT_SIZE_BYTES);
    let (log, _) = open(&disk);
    const RESERVE_BYTES: u64 = 2000;
    let (mut tag, mut refused) = (0u8, 0);
    while refused < 10 {
        log.prepare().unwrap();
        if log.has_room_for(RESERVE_BYTES + 200) {
            append(&log, &[plain(tag, 200)]);
            tag += 1;
        } else {
            // Acks and deletes still go through.
            append(&log, &[plain(tag, 20)]);
            (tag, refused) = (tag + 1, refused + 1);
        }
    }
    assert!(log.is_space_short());
    assert!(log.room_bytes() < RESERVE_BYTES + 300);
    // Room returns: the log goes on without a restart.
    disk.set_capacity(8 * SEGMENT_SIZE_BYTES);
    log.prepare().unwrap();
    assert!(!log.is_space_short() && log.has_room_for(RESERVE_BYTES + 200));
    append(&log, &[plain(tag, 200)]);
    log.sync().unwrap();
    assert_eq!(read(&open(&disk.kill()).0).len(), usize::from(tag) + 1);
}

#[test]
fn a_batch_that_finds_no_room_is_refused_and_a_full_disk_can_be_opened() {
    let disk = SimDisk::new();
    disk.set_capacity(SEGMENT_SIZE_BYTES);
    let (log, _) = open(&disk);
    append(&log, &[plain(1, 5000)]);
    log.sync().unwrap();
    assert!(!log.has_room_for(5000));
    let refused = log.reserve(batch_of(Lsn(2), &[plain(2, 5000)]));
    assert!(matches!(refused, Err(LogError::Full { .. })));
    // Opening needs room for an epoch's first segment; what the cut one gives back is not enough here.
    assert!(try_open(&disk.kill()).is_err());
    let roomier = disk.kill();
    roomier.set_capacity(2 * SEGMENT_SIZE_BYTES);
    assert_eq!(read(&open(&roomier).0).len(), 1);
}

#[test]
fn a_batch_larger_than_a_segment_gets_one_of_its_own_size() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    let large = (vec![7; 50_000], vec![vec![8; 100_000]]);
    assert!(!log.fits(150_100) && log.has_room_for(150_100) && log.fits(150_100));
    let records = [plain(1, 100), large.clone(), plain(2, 100), large, plain(3, 9000)];
    for record in &records {
        append(&log, std::slice::from_ref(record));
        log.prepare().unwrap();
    }
    log.sync().unwrap();
    assert_eq!(log.unsynced_bytes(), 0);
    assert_eq!(read(&log), records);
    assert_eq!(read(&open(&disk.crash(&mut Random::new(1))).0), records);
}

#[test]
fn one_sync_covers_a_group_and_none_is_made_for_nothing() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    let before = disk.sync_count();
    for tag in 0..20 {
        append(&log, &[plain(tag, 10)]);
    }
    let progress = log.sync().unwrap();
    assert_eq!((progress.written, progress.synced), (Lsn(20), Lsn(20)));
    log.sync().unwrap();
    assert_eq!(disk.sync_count() - before, 1);
}

#[test]
fn written_is_the_gap_free_prefix_of_what_is_written_out_of_order() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    let mut reservations: Vec<_> =
        (1..=4).map(|lsn| log.reserve(batch_of(Lsn(lsn), &[plain(lsn as u8, 100)])).unwrap()).collect();
    let mut write = |index: usize| {
        let batch = log.write(reservations.remove(index)).unwrap();
        assert_eq!(batch.count(), 1);
        log.progress().written
    };
    assert_eq!(write(3), Lsn(0));
    assert_eq!(write(1), Lsn(0));
    assert_eq!(log.sync().unwrap().synced, Lsn(0));
    assert_eq!(write(0), Lsn(2));
    assert_eq!(log.sync().unwrap().synced, Lsn(2));
    assert_eq!(write(0), Lsn(4));
}

#[test]
fn several_threads_write_while_one_syncs() {
    const BATCH_COUNT: u64 = 300;
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    let engine = Mutex::new(Batch::new(Lsn(1)));
    let (done, finished) = mpsc::channel();
    std::thread::scope(|scope| {
        for tag in 0..4u8 {
            let (log, engine, done): (&Log, _, _) = (&log, &engine, done.clone());
            scope.spawn(move || {
                for size in 0..BATCH_COUNT {
                    let reservation = {
                        let mut making = engine.lock().unwrap();
                        making.effect().extend(&vec![tag; size as usize]);
                        making.finish_record();
                        log.reserve(making.take()).unwrap()
                    };
                    log.write(reservation).unwrap();
                }
                drop(done);
            });
        }
        drop(done);
        while finished.try_recv() != Err(mpsc::TryRecvError::Disconnected) {
            let progress = log.sync().unwrap();
            assert!(progress.synced <= progress.written);
            log.prepare().unwrap();
            std::thread::yield_now();
        }
    });
    assert_eq!(log.sync().unwrap().synced, Lsn(4 * BATCH_COUNT));
    drop::<mpsc::Receiver<()>>(finished);
    let records = read(&open(&disk.crash(&mut Random::new(2))).0);
    for tag in 0..4u8 {
        let sizes = records.iter().filter(|(effects, _)| effects.first() == Some(&tag));
        assert!(sizes.map(|(effects, _)| effects.len() as u64).eq(1..BATCH_COUNT), "thread {tag}");
    }
}

#[test]
fn growth_ends_before_acknowledgements_do_and_the_reserve_is_room_for_a_checkpoint() {
    const RESERVE_SIZE_BYTES: u64 = SEGMENT_SIZE_BYTES / 2;
    let disk = SimDisk::new();
    disk.set_capacity(3 * SEGMENT_SIZE_BYTES + RESERVE_SIZE_BYTES + 100);
    let options = LogOptions { reserve_size_bytes: RESERVE_SIZE_BYTES, ..options() };
    let (log, _) = Log::open(Arc::new(disk.clone()), options).unwrap();
    log.prepare().unwrap();
    let growth = |size| log.room(size).growth_size_bytes_max;
    assert!(growth(100) >= SEGMENT_SIZE_BYTES / 2 && !log.is_room_low());
    let mut grown = 0;
    while growth(300) >= 300 {
        append(&log, &[plain(1, 200)]);
        log.prepare().unwrap();
        grown += 1;
    }
    assert!(grown > 60, "{grown} records filled the disk");
    assert!(log.is_space_short() && log.is_room_low());
    let settled = (0..).take_while(|_| {
        let has_room = log.room(30).size_bytes_max >= 30;
        if has_room {
            append(&log, &[plain(2, 20)]);
        }
        has_room
    });
    assert!(settled.count() > 15);

    let no_room = disk.create("checkpoint", RESERVE_SIZE_BYTES).err().unwrap();
    assert_eq!(no_room.kind(), std::io::ErrorKind::StorageFull);
    log.lend_reserve().unwrap();
    disk.create("checkpoint", RESERVE_SIZE_BYTES).unwrap();
    log.prepare().unwrap();
    assert!(!disk.list().unwrap().contains(&"reserve".to_owned()), "what is lent is not made again");
    log.return_reserve();
    log.prepare().unwrap();
    assert!(log.is_space_short());
    // The checkpoint gave room back.
    disk.remove("checkpoint").unwrap();
    disk.set_capacity(8 * SEGMENT_SIZE_BYTES);
    log.prepare().unwrap();
    assert!(!log.is_space_short() && growth(100) >= SEGMENT_SIZE_BYTES / 2);
    assert!(disk.list().unwrap().contains(&"reserve".to_owned()));
}

#[test]
fn a_full_disk_without_its_reserve_still_goes_on_in_the_segment_that_is_there() {
    const RESERVE_SIZE_BYTES: u64 = SEGMENT_SIZE_BYTES / 2;
    let disk = SimDisk::new();
    let options = LogOptions { reserve_size_bytes: RESERVE_SIZE_BYTES, ..options() };
    let (log, _) = Log::open(Arc::new(disk.clone()), options).unwrap();
    log.prepare().unwrap();
    log.lend_reserve().unwrap();
    // What the reserve's room was lent for has used it up.
    disk.create("checkpoint", RESERVE_SIZE_BYTES).unwrap();
    disk.set_capacity(disk.used_bytes());
    log.return_reserve();
    log.prepare().unwrap();
    assert!(log.is_space_short());
    let mut count = 0;
    while log.fits(30) {
        append(&log, &[plain(1, 20)]);
        count += 1;
    }
    assert!(count > 100 && log.segments().unwrap().len() == 2, "{count} records");
    assert_eq!(read(&log).len(), count);
}
