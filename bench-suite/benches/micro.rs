//! Operations of a few nanoseconds, with criterion's statistics: `cargo bench -p bench-suite`.
//!
//! They are the parts of which the rows of `cargo xtask bench` are made; no ratio is judged here.

#![allow(missing_docs, reason = "criterion's macros make items that cannot carry any")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use serde::{Deserialize, Serialize};
use storage_core::{Codec, Database, Key, Keyspace};
use storage_mem::MemEngine;

#[derive(Serialize, Deserialize)]
struct Note {
    title: String,
    tags: Vec<String>,
    size: u64,
}

fn note() -> Note {
    Note { title: "shopping".to_owned(), tags: vec!["home".to_owned(), "food".to_owned()], size: 1_024 }
}

fn keys(criterion: &mut Criterion) {
    let packed = Key::of(&("task-4711", 42_u64)).expect("no number waits for a commit");
    criterion.bench_function("key/pack", |bencher| {
        bencher.iter(|| Key::of(&(black_box("task-4711"), black_box(42_u64))));
    });
    criterion.bench_function("key/unpack", |bencher| {
        bencher.iter(|| black_box(&packed).unpack::<(String, u64)>());
    });
}

fn codecs(criterion: &mut Criterion) {
    for (name, codec) in [("bincode", Codec::Bincode), ("json", Codec::Json)] {
        let note = note();
        let mut encoded = Vec::new();
        codec.encode(&note, &mut encoded).expect("a note has a form in either codec");
        criterion.bench_function(&format!("codec/{name}/encode"), |bencher| {
            let mut out = Vec::with_capacity(256);
            bencher.iter(|| {
                out.clear();
                codec.encode(black_box(&note), &mut out)
            });
        });
        criterion.bench_function(&format!("codec/{name}/decode"), |bencher| {
            bencher.iter(|| codec.decode::<Note>(black_box(&encoded)));
        });
    }
}

fn database(criterion: &mut Criterion) {
    let db = Database::new(MemEngine::new()).expect("memory can be had");
    let data = Keyspace::new("data").expect("the name is right");
    db.put(data, "key", [7; 100]).expect("nothing refuses it");
    criterion.bench_function("database/get", |bencher| bencher.iter(|| db.get(data, black_box("key"))));
    criterion
        .bench_function("database/put", |bencher| bencher.iter(|| db.put(data, "key", black_box([8; 100]))));
    criterion.bench_function("database/snapshot", |bencher| bencher.iter(|| db.snapshot()));
    criterion.bench_function("database/transact-nothing", |bencher| bencher.iter(|| db.transact(|_| Ok(()))));
    criterion.bench_function("database/transact-get-put", |bencher| {
        bencher.iter(|| {
            db.transact(|txn| {
                let found = txn.get(data, "key")?.is_some();
                txn.put(data, "key", [9; 100]).map(|()| found)
            })
        });
    });
}

criterion_group!(micro, keys, codecs, database);
criterion_main!(micro);
