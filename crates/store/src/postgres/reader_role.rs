//! The role for those who read by SQL: it may select from the views of the schema `postroom`, and
//! nothing else. A group: people and programs get roles of their own that are members of it.

use super::server::opening;
use crate::contract::Result;
use tokio_postgres::Client;

/// The group role's name. Roles are the cluster's: two databases of Postroom in one cluster share
/// it, and `CONNECT` on each of them decides who gets where.
pub const READER_ROLE: &str = "postroom_reader";

/// Whether readers can be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReaderRole {
    /// The role is there and may read every view.
    Ready,
    /// It is not, and Postroom's own role may not make it: somebody who may has to run
    /// [`reader_script`].
    Missing,
}

// Views read with their owner's rights, and the one function that they call reads no table.
const GRANTS: &str = "GRANT USAGE ON SCHEMA postroom TO postroom_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA postroom TO postroom_reader;
GRANT EXECUTE ON FUNCTION postroom_data.readable_json(json) TO postroom_reader;";
// Another start may make it at the same moment.
const CREATE: &str = "DO $$ BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'postroom_reader') THEN
        CREATE ROLE postroom_reader NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;";
const STATE: &str = "SELECT
    EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'postroom_reader'),
    (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user),
    EXISTS (SELECT 1 FROM pg_roles r WHERE r.rolname = 'postroom_reader'
        AND has_schema_privilege(r.oid, 'postroom', 'USAGE')
        AND has_function_privilege(r.oid, 'postroom_data.readable_json(json)', 'EXECUTE')
        AND NOT EXISTS (SELECT 1 FROM pg_class c
            WHERE c.relnamespace = 'postroom'::regnamespace AND c.relkind = 'v'
                AND NOT has_table_privilege(r.oid, c.oid, 'SELECT')))";

/// SQL that makes the role and lets it read the views of `database`; whoever runs it has to be a
/// superuser, or have `CREATEROLE` and own the views. `login` names a role to make for somebody who
/// reads; its password is set afterwards with `\password`. Can be run again.
pub fn reader_script(database: &str, login: Option<&str>) -> String {
    let connect = quoted(database);
    let mut script = format!(
        "-- Lets the group postroom_reader read Postroom's views in the database {connect}, and\n\
         -- nothing else. Run it in that database, as a superuser or as the owner of the views\n\
         -- with CREATEROLE. It can be run again.\n\
         {CREATE}\n{GRANTS}\n\
         GRANT CONNECT ON DATABASE {connect} TO postroom_reader;\n"
    );
    if let Some(login) = login {
        let login = quoted(login);
        script.push_str(&format!(
            "CREATE ROLE {login} LOGIN IN ROLE postroom_reader;\n\
             ALTER ROLE {login} SET default_transaction_read_only = on;\n\
             ALTER ROLE {login} SET search_path = postroom;\n\
             -- Then, in psql: \\password {login}\n"
        ));
    }
    script
}

/// A name as SQL takes it, whatever is in it. A line break would end a comment.
fn quoted(name: &str) -> String {
    let name = name.replace('"', "\"\"").replace(['\n', '\r', '\0'], " ");
    format!("\"{name}\"")
}

/// Makes the role where that is allowed, and lets it read every view. Asked at every start: views
/// may be new, and the role may have been made by somebody else.
pub(super) async fn ensure(client: &Client, place: &str) -> Result<ReaderRole> {
    let failed = |error| opening(&error, place);
    let row = client.query_one(STATE, &[]).await.map_err(failed)?;
    let is_there: bool = row.try_get(0).map_err(failed)?;
    let may_create: bool = row.try_get(1).map_err(failed)?;
    let is_ready: bool = row.try_get(2).map_err(failed)?;
    if is_ready {
        return Ok(ReaderRole::Ready);
    }
    if !is_there && !may_create {
        return Ok(ReaderRole::Missing);
    }
    let script = format!("{CREATE}\n{GRANTS}");
    if let Err(error) = client.batch_execute(&script).await {
        // Mail does not wait for readers by SQL; a connection that is gone is noticed next.
        tracing::warn!(%error, "letting {READER_ROLE} read the views; see `postroom store reader-script`");
        return Ok(ReaderRole::Missing);
    }
    Ok(ReaderRole::Ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_names() {
        let script = reader_script("a\"b", Some("x\n; DROP SCHEMA postroom; --"));
        assert!(script.contains("DATABASE \"a\"\"b\" TO"));
        let first_words = ["DROP", ";"];
        for line in script.lines() {
            assert!(!first_words.iter().any(|it| line.starts_with(it)), "{line}");
        }
    }
}
