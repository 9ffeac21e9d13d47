//! A disk whose calls fail, one after the other, until none is left that could.

use std::io;

use storage_core::{Error, Kind};

use super::disk::{Counted, Fault, Lasts, SimDisk};
use super::leavings::{Manner, leavings, random};
use super::script::{Acknowledged, Broken, CrashSubject, Run, Step, empty, run};

/// How many runs had a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failed {
    /// Runs in which a call failed.
    pub runs: u64,
    /// Errors that the steps of these runs returned.
    pub errors: u64,
}

/// Runs a script once for each call that changes the disk, and lets that call fail; with each kind, once and for ever.
///
/// No error may hide a commit that took place, and no `Ok` one that did not: after the end of the process, and after a
/// power cut, the store opens on a disk that is well again with what was told. Every error says what the disk said
/// (`Full`, `Unavailable`), that the store must be opened again (`Unavailable`), or that the end of a commit is not
/// known.
pub fn fail_everywhere<S: CrashSubject>(subject: &S, script: &[Step]) -> Result<Failed, Broken> {
    fail_everywhere_and(subject, script, Counted::Changes, |_, _| Ok(()))
}

/// The same for the calls that are counted, with a closer look at each run.
pub fn fail_everywhere_and<S: CrashSubject>(
    subject: &S,
    script: &[Step],
    counted: Counted,
    look: impl Fn(&Fault, &Run) -> Result<(), Broken>,
) -> Result<Failed, Broken> {
    let mut failed = Failed::default();
    for kind in [io::ErrorKind::Other, io::ErrorKind::StorageFull] {
        for lasts in [Lasts::Once, Lasts::ForEver] {
            for call in 1.. {
                let fault = Fault { call, kind, lasts };
                let told = |Broken(what): Broken| Broken(format!("{fault:?}: {what}"));
                let Some(run) = fail(subject, script, fault, counted).map_err(told)? else { break };
                check_kinds(&fault, &run).and_then(|()| look(&fault, &run)).map_err(told)?;
                failed.runs += 1;
                failed.errors += run.errors.len() as u64;
            }
        }
    }
    Ok(failed)
}

fn check_kinds(fault: &Fault, run: &Run) -> Result<(), Broken> {
    let is_told = |error: &Error| match error.kind() {
        Kind::Unavailable | Kind::CommitUnknown => true,
        Kind::Full => fault.kind == io::ErrorKind::StorageFull,
        _ => false,
    };
    match run.errors.iter().find(|error| !is_told(error)) {
        None => Ok(()),
        Some(error) => Err(Broken(format!("a step fails with {error:?}"))),
    }
}

/// The run; `None` if the call was never made.
fn fail<S: CrashSubject>(
    subject: &S,
    script: &[Step],
    fault: Fault,
    counted: Counted,
) -> Result<Option<Run>, Broken> {
    let (image, allowed) = empty();
    let disk = SimDisk::new(image).counting(counted).failing(fault);
    let ran = run(subject, &disk, &allowed, script, fault.call, Acknowledged::Afterwards)?;
    if !ran.disk.has_failed() {
        return match ran.errors.first() {
            None => Ok(None),
            Some(error) => Err(Broken(format!("nothing failed, and a step does: {error:?}"))),
        };
    }
    let (start, calls) = (ran.disk.start(), ran.disk.calls());
    let mut seen = Vec::new();
    for manner in manners(&fault) {
        let image = leavings(&start, &calls, manner, &mut random(fault.call));
        if seen.contains(&image) && manner != Manner::Kept {
            continue;
        }
        seen.push(image.clone());
        let allowed = match manner {
            Manner::Kept => ran.told(),
            _ => ran.allowed(calls.len()),
        };
        run(subject, &SimDisk::new(image), &allowed, &[], 0, Acknowledged::Afterwards)
            .map_err(|Broken(what)| Broken(format!("afterwards, {manner:?}: {what}")))?;
    }
    Ok(Some(ran))
}

/// The manners that differ most, and of the others another one for each of the four faults of a call.
fn manners(fault: &Fault) -> [Manner; 3] {
    let of_kind = u64::from(fault.kind == io::ErrorKind::StorageFull);
    let of_lasts = u64::from(fault.lasts == Lasts::ForEver);
    let others = [Manner::Cut, Manner::Torn, Manner::Reordered, Manner::Garbage];
    let turn = (fault.call + 2 * of_kind + of_lasts) % others.len() as u64;
    [Manner::Kept, Manner::Dropped, others[turn as usize]]
}
