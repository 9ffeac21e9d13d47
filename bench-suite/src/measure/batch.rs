//! One batch of operations by one contestant: a closed loop of one or several threads.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use super::allocation::{Allocated, allocated};
use super::meter::Latencies;
use crate::contestant::Contestant;
use crate::failure::{Failure, Outcome};
use crate::workload::{Batch, Stint};

/// What a batch took.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// From the start of the first worker to the end of the last.
    pub worked: Duration,
    /// The finishing of work that was put off.
    pub settled: Duration,
    /// What the workers allocated.
    pub allocated: Allocated,
}

impl Taken {
    /// Wall time x threads / operations, the finishing of work that was put off included.
    #[must_use]
    pub fn ns_per_op(&self, batch: &Batch) -> f64 {
        (self.worked + self.settled).as_nanos() as f64 / batch.ops.max(1) as f64
    }

    /// The same without that: what one more operation adds to a batch.
    #[must_use]
    pub fn ns_per_further_op(&self, batch: &Batch) -> f64 {
        self.worked.as_nanos() as f64 / batch.ops.max(1) as f64
    }
}

/// Runs a batch as fast as it goes.
pub fn run(contestant: &dyn Contestant, batch: &Batch) -> Outcome<Taken> {
    let shares = by_workers(batch, |stint| contestant.run(stint))?;
    let settling = Instant::now();
    contestant.settle()?;
    let settled = settling.elapsed();
    let start = shares.iter().map(|share| share.start).min();
    let end = shares.iter().map(|share| share.end).max();
    let worked = start.zip(end).map_or(Duration::ZERO, |(start, end)| end - start);
    let allocated = shares.iter().fold(Allocated::default(), |sum, share| sum.plus(share.allocated));
    Ok(Taken { worked, settled, allocated })
}

/// Runs a batch and takes the latency of each operation.
pub fn sample(contestant: &dyn Contestant, batch: &Batch) -> Outcome<Latencies> {
    let shares = by_workers(batch, |stint| {
        let mut latencies = Latencies::default();
        contestant.sample(stint, &mut latencies).map(|()| latencies)
    })?;
    contestant.settle()?;
    let mut all = Latencies::default();
    shares.iter().for_each(|share| all.add(&share.result));
    Ok(all)
}

struct Share<T> {
    start: Instant,
    end: Instant,
    allocated: Allocated,
    result: T,
}

fn share<T>(stint: &Stint, work: impl Fn(&Stint) -> Outcome<T>) -> Outcome<Share<T>> {
    let before = allocated();
    let start = Instant::now();
    let result = work(stint)?;
    let end = Instant::now();
    Ok(Share { start, end, allocated: allocated().since(before), result })
}

/// Each worker takes its own time between the barrier and its end, so that starting threads is not in it.
fn by_workers<T: Send>(batch: &Batch, work: impl Fn(&Stint) -> Outcome<T> + Sync) -> Outcome<Vec<Share<T>>> {
    if batch.threads <= 1 {
        return Ok(vec![share(&batch.stint(0), work)?]);
    }
    let barrier = Barrier::new(batch.threads as usize);
    let (barrier, work) = (&barrier, &work);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..batch.threads)
            .map(|worker| {
                let stint = batch.stint(worker);
                scope.spawn(move || {
                    barrier.wait();
                    share(&stint, work)
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err(panicked()))).collect()
    })
}

fn panicked() -> Failure {
    Failure::new("a worker panicked")
}
