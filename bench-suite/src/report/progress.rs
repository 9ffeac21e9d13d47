//! The bar that says what runs now and what is left. Without a terminal there is none.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over a known number of groups.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar that has `groups` before it.
    #[must_use]
    pub fn new(groups: usize) -> Self {
        let bar = ProgressBar::new(groups as u64);
        let style =
            ProgressStyle::with_template("{bar:24} {pos}/{len}, about {eta} left | {prefix}: {wide_msg}");
        bar.set_style(style.expect("the template is a constant"));
        Progress { bar }
    }

    /// A group begins.
    pub fn group(&self, title: &str) {
        self.bar.set_prefix(title.to_owned());
        self.bar.set_message(String::new());
        self.bar.tick();
    }

    /// Something happens in the group.
    pub fn tell(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    /// The group is done.
    pub fn done(&self) {
        self.bar.inc(1);
    }

    /// The bar goes away.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}
