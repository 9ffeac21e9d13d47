//! The rows of the session store's published table, each faithful and honest, and what that table leaves out.
//!
//! *Faithful* measures what the original's benchmark measures: "10 messages" are 14, with ids that the program made, and a
//! store in files never forces anything to the disk. *Honest* measures what the row's name says, in a store that holds
//! more. The rows without either are appends and ranked searches: [`super::rows::meaning`] has each definition.

pub mod reads;
pub mod writes;

use crate::failure::{Failure, Outcome};

/// An error unless as many were found as there have to be.
fn counted(what: &str, found: u64, due: u64) -> Outcome<()> {
    match found == due {
        true => Ok(()),
        false => Err(Failure::new(format!("there are {found} {what} instead of {due}"))),
    }
}
