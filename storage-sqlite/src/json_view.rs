//! Views for the `sqlite3` shell: the records of a table with the JSON codec as rows with columns.
//!
//! The view of `books` is called `books$json`, which no keyspace can be. It has a column `key` and one for each field
//! that was named. A key that is one text or one integer that is not negative is shown as such, any other as hex. Rows
//! whose value is no JSON (one that was compressed, or that another codec wrote) are left out, and so is what stands
//! beside the value: expired records are there until they are swept.
//!
//! ```sh
//! sqlite3 -box app.db 'SELECT * FROM books$json WHERE shelf > 3'
//! ```

use storage_core::{Keyspace, Result};

use crate::engine::SqliteEngine;
use crate::writer::Level;
use crate::{error, sql};

/// Longer than any field that somebody would type.
const FIELD_LEN_MAX: usize = 64;

impl SqliteEngine {
    /// Makes, or makes anew, the view of a table with the JSON codec, and returns its name.
    ///
    /// Each of `fields` is a field of the records and becomes a column: letters, digits and `_`. `Invalid` for any
    /// other, and where the keyspace was never written. Other programs read the view; this layer does not.
    pub fn create_json_view(&self, keyspace: Keyspace, fields: &[&str]) -> Result<String> {
        if let Some(field) = fields.iter().find(|field| !is_plain(field)) {
            let message = format!("`{}` is no name of a column", field.escape_debug());
            return Err(error::invalid("create a view", message).in_keyspace(keyspace));
        }
        let failed = |cause| error::failed("create a view", cause).in_keyspace(keyspace);
        let writing = self.writer()?.begin_aside(Level::Full)?;
        let connection = writing.connection();
        let texts = sql::of(keyspace);
        let mut look = connection.prepare_cached(sql::HAS_TABLE).map_err(failed)?;
        if !look.exists([&*texts.name]).map_err(failed)? {
            return Err(error::invalid("create a view", "nothing was written yet").in_keyspace(keyspace));
        }
        drop(look);
        let name = format!("{}$json", keyspace.name());
        connection.execute_batch(&sql::create_json_view(&texts.name, &name, fields)).map_err(failed)?;
        writing.commit().map(|()| name)
    }
}

fn is_plain(field: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    (1..=FIELD_LEN_MAX).contains(&field.len()) && field.chars().all(is_letter)
}
