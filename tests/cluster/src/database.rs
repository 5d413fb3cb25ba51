//! A database of a test's own.

use crate::psql;
use std::io::Result;

/// A database; dropped with everything in it when this is.
#[derive(Debug)]
pub struct Database {
    admin: String,
    name: String,
}

/// The same address with another database.
fn with_database(admin: &str, name: &str) -> String {
    let (address, query) = match admin.find('?') {
        Some(at) => admin.split_at(at),
        None => (admin, ""),
    };
    let after_host = address.rfind('@').unwrap_or("postgres://".len() - 1);
    let base = match address[after_host + 1..].find('/') {
        Some(at) => &address[..after_host + 1 + at],
        None => address,
    };
    format!("{base}/{name}{query}")
}

impl Database {
    /// Makes an empty one, UTF8.
    pub fn create(admin: &str, name: &str) -> Result<Self> {
        psql(
            admin,
            &format!("CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0"),
        )?;
        Ok(Self {
            admin: admin.into(),
            name: name.into(),
        })
    }

    /// Its address.
    pub fn url(&self) -> String {
        with_database(&self.admin, &self.name)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs SQL in it and gives what `psql` printed.
    pub fn sql(&self, sql: &str) -> Result<String> {
        psql(&self.url(), sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // The cluster may be gone before.
        let _ = psql(
            &self.admin,
            &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_is_another() {
        for (admin, wanted) in [
            ("postgres://a:b@c:1/postgres", "postgres://a:b@c:1/x"),
            ("postgres://a@c", "postgres://a@c/x"),
            (
                "postgres://c/y?sslmode=disable",
                "postgres://c/x?sslmode=disable",
            ),
        ] {
            assert_eq!(with_database(admin, "x"), wanted);
        }
    }
}
