//! A disk whose calls fail, one after the other, until none is left that could.

use std::io;

use super::disk::{Fault, Lasts, SimDisk};
use super::leavings::{Manner, leavings, random};
use super::script::{Acknowledged, Broken, CrashSubject, Step, empty, run};

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
/// power cut, the store opens on a disk that is well again with what was told.
pub fn fail_everywhere<S: CrashSubject>(subject: &S, script: &[Step]) -> Result<Failed, Broken> {
    let mut failed = Failed::default();
    for kind in [io::ErrorKind::Other, io::ErrorKind::StorageFull] {
        for lasts in [Lasts::Once, Lasts::ForEver] {
            for call in 1.. {
                let fault = Fault { call, kind, lasts };
                match fail(subject, script, fault) {
                    Ok(None) => break,
                    Ok(Some(errors)) => {
                        failed.runs += 1;
                        failed.errors += errors;
                    }
                    Err(Broken(what)) => return Err(Broken(format!("{fault:?}: {what}"))),
                }
            }
        }
    }
    Ok(failed)
}

/// How many errors there were; `None` if the call was never made.
fn fail<S: CrashSubject>(subject: &S, script: &[Step], fault: Fault) -> Result<Option<u64>, Broken> {
    let (image, allowed) = empty();
    let disk = SimDisk::new(image).failing(fault);
    let ran = run(subject, &disk, &allowed, script, fault.call, Acknowledged::Afterwards)?;
    if !ran.disk.has_failed() {
        return match ran.errors.first() {
            None => Ok(None),
            Some(error) => Err(Broken(format!("nothing failed, and a step does: {error:?}"))),
        };
    }
    let (start, calls) = (ran.disk.start(), ran.disk.calls());
    let mut seen = Vec::new();
    for manner in Manner::ALL {
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
    Ok(Some(ran.errors.len() as u64))
}
