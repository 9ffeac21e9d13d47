//! The rows of the message store's published table, each faithful and honest, and what that table leaves out.
//!
//! *Faithful* measures what the original's benchmark measures: every write goes to a new stream, the store that is read
//! holds no more than what is returned. *Honest* measures what the row's name says, in a store that holds more. The rows
//! without either are about size: [`super::rows::meaning`] has each definition.

pub mod reads;
pub mod writes;
