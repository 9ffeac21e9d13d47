//! One long history, answered alike by every engine.

use storage_core::Result;

use crate::model::one_history;
use crate::subject::Subject;

pub(crate) fn one_history_is_answered_as_on_file<S: Subject>(subject: &S) -> Result<()> {
    if let Err(divergence) = one_history::replay(subject)? {
        panic!("{divergence}");
    }
    Ok(())
}
