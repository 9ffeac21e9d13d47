//! The same faults below a database, and below a file that is only being made.

use std::time::Duration;

use storage_core::{Database, Options, TransactOptions};

use super::*;

/// Runs the steps but the compaction through core, and notes what it is told.
fn run(disk: &Disk, settings: &Settings) -> Told {
    let mut told = Told::nothing();
    // Core syncs by the clock otherwise, at another call to the disk in every run.
    let options = Options::new().sync_within(Duration::from_secs(3600)).sweep_by_hand();
    let opened = open(disk, settings).and_then(|engine| Database::with_options(engine, options));
    let Some(database) = told.note(opened) else { return told };
    for (number, step) in STEPS.iter().enumerate() {
        let goes_on = match step {
            Step::Put(count, durability) => told.transacts(&database, &puts(number, *count), *durability),
            Step::DeleteRange(durability) => told.transacts(&database, &deletes(), *durability),
            Step::Sync => told.makes_durable(database.sync()),
            Step::Compact => true,
        };
        if !goes_on {
            let put = told.note(database.put(notes(), "after", "the outcome is not known"));
            assert!(put.is_none(), "it takes commits behind one of which nobody knows");
            assert!(told.note(database.get(notes(), "00").map(drop)).is_none(), "it answers all the same");
            break;
        }
    }
    told.makes_durable(database.close());
    told
}

impl Told {
    fn transacts(&mut self, database: &Database<RedbEngine>, batch: &Batch, durability: Durability) -> bool {
        let done = database.transact_with(TransactOptions::new().durability(durability), |txn| {
            for (keyspace, range) in &batch.range_deletes {
                txn.delete_range(*keyspace, range.clone())?;
            }
            for write in &batch.writes {
                if let Change::Put(record) = &write.change {
                    txn.put(write.keyspace, &write.key, &record.value)?;
                }
            }
            Ok(())
        });
        self.commits(done.map(drop), batch, durability)
    }
}

fn found(bytes: Vec<u8>, settings: &Settings) -> Result<Records> {
    open(&Disk::holding(bytes, Plan::Nothing), settings).and_then(|engine| records(&engine))
}

#[test]
fn call_that_fails_below_a_database_loses_nothing_that_was_acknowledged() {
    let mut states = 0;
    let (image, settings) = empty(QuickRepair::AtSync);
    for (lasts, error) in [(Lasts::Once, EIO), (Lasts::ForEver, ENOSPC)] {
        for at in 1.. {
            let disk = Disk::holding(image.clone(), Plan::Fail(at, lasts, error));
            let told = run(&disk, &settings);
            if disk.failed() == 0 {
                break;
            }
            told.check_kinds(error);
            disk.repair();
            for bytes in [disk.bytes(), disk.left(Unsynced::Lost, &mut Random(at))] {
                let found = found(bytes, &settings);
                let found = found.unwrap_or_else(|wrong| panic!("call {at}, {lasts:?}: {wrong:?}"));
                told.judge(&found).unwrap_or_else(|wrong| panic!("call {at}, {lasts:?}: {wrong}"));
                states += 1;
            }
        }
    }
    println!("{states} states");
    assert!(states > 300, "{states}");
}

/// How many states were judged, or the first that is wrong.
fn cut_the_power_below_a_database(syncs: Syncs) -> std::result::Result<usize, String> {
    let (image, settings) = empty(QuickRepair::AtSync);
    let mut states = 0;
    for at in 1.. {
        let disk = Disk::with(image.clone(), Plan::Crash(at), syncs);
        let told = run(&disk, &settings);
        if disk.failed() == 0 {
            break;
        }
        for unsynced in [Unsynced::Lost, Unsynced::Kept, Unsynced::Torn, Unsynced::Some] {
            let found = found(disk.left(unsynced, &mut Random(at)), &settings);
            let found = found.map_err(|wrong| format!("crash at {at}, {unsynced:?}: {wrong:?}"))?;
            told.judge(&found).map_err(|wrong| format!("crash at {at}, {unsynced:?}: {wrong}"))?;
            states += 1;
        }
    }
    Ok(states)
}

#[test]
fn power_cut_below_a_database_loses_nothing_that_was_synced() {
    let states = cut_the_power_below_a_database(Syncs::Honest).unwrap();
    println!("{states} states");
    assert!(states > 300, "{states}");
}

#[test]
fn disk_whose_sync_does_nothing_is_found_out_below_a_database() {
    cut_the_power_below_a_database(Syncs::DoNothing).expect_err("what was not synced is lost");
}

#[test]
fn file_that_cannot_be_made_tells_what_the_disk_said() {
    let settings = RedbOptions::at("in memory").into_settings();
    for (error, kind) in [(EIO, Kind::Unavailable), (ENOSPC, Kind::Full)] {
        for at in 1.. {
            let disk = Disk::holding(Vec::new(), Plan::Fail(at, Lasts::Once, error));
            let opened = open(&disk, &settings);
            if disk.failed() == 0 {
                assert!(at > 10, "{at} calls make no file");
                break;
            }
            assert_eq!(opened.expect_err("a call failed").kind(), kind, "call {at}");
        }
    }
}
