//! Which columns hold ciphertexts.

use super::Place;
use crate::contract::tables::{Row, Table, Value};
use crate::transfer::TABLES;

/// A table with ciphertexts in it.
#[derive(Debug)]
pub(crate) struct Sealed {
    name: &'static str,
    /// The column with the id that they are bound to.
    row: &'static str,
    columns: &'static [&'static str],
}

/// All of them. A row that cannot be opened any more is worth nothing, and goes when a vault is
/// reset.
pub(crate) static SEALED: &[Sealed] = &[
    Sealed {
        name: "credentials",
        row: "id",
        columns: &["secret"],
    },
    Sealed {
        name: "grants",
        row: "account",
        columns: &["refresh_token"],
    },
    Sealed {
        name: "logins",
        row: "id",
        columns: &["authorize_url", "state", "nonce", "verifier"],
    },
    Sealed {
        name: "device_codes",
        row: "login",
        columns: &["device_code"],
    },
];

/// A ciphertext where it lies.
pub(crate) struct Lying<'r> {
    pub(crate) place: Place<'r>,
    pub(crate) sealed: &'r [u8],
}

impl Sealed {
    /// The table's name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The table.
    pub(crate) fn table(&self) -> Option<&'static Table> {
        TABLES.iter().copied().find(|it| it.name == self.name)
    }

    /// The ciphertexts of a row.
    pub(crate) fn of<'r>(&self, table: &'static Table, row: &'r Row) -> Vec<Lying<'r>> {
        let at = |name: &str| {
            let position = table.columns.iter().position(|it| it.name == name)?;
            row.get(position)
        };
        let Some(Value::Text(id)) = at(self.row) else {
            return Vec::new();
        };
        self.columns
            .iter()
            .filter_map(|&column| match at(column) {
                Some(Value::Bytes(sealed)) => Some(Lying {
                    place: Place {
                        table: self.name,
                        row: id,
                        column,
                    },
                    sealed,
                }),
                _ => None,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::tables::Kind;

    /// Bytes that are no ciphertexts: hashes, and the data keys themselves.
    const OTHER_BYTES: &[(&str, &str)] = &[
        ("vault_keys", "wrapped"),
        ("logins", "state_hash"),
        ("keys", "hash"),
        ("sign_in_tokens", "hash"),
        ("sessions", "hash"),
    ];

    /// A column that a rotation forgot would be lost with the old key.
    #[test]
    fn no_ciphertext_is_forgotten() {
        for table in TABLES {
            for column in table.columns.iter().filter(|it| it.kind == Kind::Bytes) {
                let is_sealed = SEALED
                    .iter()
                    .any(|it| it.name == table.name && it.columns.contains(&column.name));
                let is_other = OTHER_BYTES.contains(&(table.name, column.name));
                assert!(
                    is_sealed != is_other,
                    "{}.{}: a ciphertext belongs into SEALED, anything else into OTHER_BYTES",
                    table.name,
                    column.name
                );
            }
        }
        for sealed in SEALED {
            let table = sealed.table().expect("a table");
            for name in sealed.columns.iter().chain([&sealed.row]) {
                assert!(table.columns.iter().any(|it| it.name == *name), "{name}");
            }
        }
    }
}
