//! The tables of `docs/access.md` are those of the code.

use postroom_engine::access::{Action, Needs, Trail};
use postroom_model::key::Scope;
use postroom_model::person::Role;
use std::fmt::Write as _;

const PAGE: &str = include_str!("../../../../docs/access.md");

fn scopes() -> String {
    let mut table = String::from("| scope | opens |\n| --- | --- |\n");
    for scope in Scope::ALL {
        let _ = writeln!(table, "| `{}` | {} |", scope.name(), scope.opens());
    }
    table
}

fn roles() -> String {
    let mut table = String::from("| role | scopes |\n| --- | --- |\n");
    for role in Role::ALL {
        let scopes: Vec<_> = role
            .scopes()
            .iter()
            .map(|scope| format!("`{}`", scope.name()))
            .collect();
        let _ = writeln!(table, "| {role} | {} |", scopes.join(", "));
    }
    table
}

fn actions() -> String {
    let mut table = String::from("| action | needs | in the audit log |\n| --- | --- | --- |\n");
    for action in Action::ALL {
        let needs = match action.needs() {
            Needs::AnyCaller => "any key or session".to_owned(),
            Needs::Scope(scope) => format!("`{}`", scope.name()),
        };
        let trail = match action.trail() {
            Trail::Reads => "no: it only reads".to_owned(),
            Trail::Audited(_) => "yes".to_owned(),
            Trail::Counted(_) => "yes, counted by the minute".to_owned(),
            Trail::NotAudited(why) => format!("no: {why}"),
        };
        let _ = writeln!(table, "| `{}` | {needs} | {trail} |", action.name());
    }
    table
}

#[test]
fn the_page_has_the_tables_of_the_code() {
    for table in [scopes(), roles(), actions()] {
        assert!(
            PAGE.contains(&table),
            "docs/access.md has to have this table:\n{table}"
        );
    }
}
