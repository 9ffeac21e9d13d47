//! The one error of the suite: a message and its cause, one word wide so that hot loops return it for free.
//!
//! Nothing here is retried or dropped: a failure ends the run.

use std::error::Error;
use std::fmt;

/// What a fallible step of the suite returns.
pub type Outcome<T> = Result<T, Failure>;

/// Why a run ended early.
#[derive(Debug)]
pub struct Failure(Box<Inner>);

#[derive(Debug)]
struct Inner {
    /// Where it happened, innermost first.
    places: Vec<String>,
    cause: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// A failure that the suite itself noticed.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Failure(Box::new(Inner { places: Vec::new(), cause: message.into().into() }))
    }

    /// What failed.
    #[must_use]
    pub fn cause(&self) -> &(dyn Error + 'static) {
        &*self.0.cause
    }

    /// The same failure, saying where it happened.
    #[must_use]
    pub fn within(mut self, place: impl Into<String>) -> Self {
        self.0.places.push(place.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in self.0.places.iter().rev() {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}", self.0.cause)
    }
}

// `Failure` itself is not an `Error`, so that this does not overlap with the identity conversion.
impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(cause: E) -> Self {
        Failure(Box::new(Inner { places: Vec::new(), cause: Box::new(cause) }))
    }
}

/// Adds the place to whatever failed.
pub trait Within<T> {
    /// The same result; a failure names `place`, which is made only then.
    fn within(self, place: impl FnOnce() -> String) -> Outcome<T>;
}

impl<T, E: Into<Failure>> Within<T> for Result<T, E> {
    fn within(self, place: impl FnOnce() -> String) -> Outcome<T> {
        self.map_err(|cause| cause.into().within(place()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_from_the_outermost_place_to_the_cause() {
        let failure = Failure::new("disk is full").within("put").within("engine/get");
        assert_eq!(failure.to_string(), "engine/get: put: disk is full");
    }

    #[test]
    fn a_failure_is_one_word() {
        assert_eq!(size_of::<Failure>(), size_of::<usize>());
        assert_eq!(size_of::<Outcome<()>>(), size_of::<usize>());
    }
}
