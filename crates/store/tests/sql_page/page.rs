//! What docs/sql.md says: its queries and its tables of columns.

/// The page.
const PAGE: &str = include_str!("../../../../docs/sql.md");

/// The kinds of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// A query as it is run on one kind of store.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) name: String,
    pub(crate) sql: String,
}

/// The queries for one kind of store. The page's rule: SQLite has `_` in place of the dot.
pub(crate) fn queries(kind: Kind) -> Vec<Query> {
    let mut found = Vec::new();
    for block in PAGE.split("\n```sql").skip(1) {
        let (info, rest) = block.split_once('\n').expect("a fence's first line");
        let (sql, _) = rest.split_once("\n```").expect("the fence's end");
        let sql = match (info.trim(), kind) {
            ("", Kind::Sqlite) => sql.replace("postroom.", "postroom_"),
            ("", Kind::Postgres) | ("postgres", Kind::Postgres) | ("sqlite", Kind::Sqlite) => {
                sql.to_owned()
            }
            ("postgres", _) | ("sqlite", _) => continue,
            (other, _) => panic!("a fence of {other:?}"),
        };
        let first = sql.lines().next().unwrap_or_default();
        let name = first.strip_prefix("-- ").expect("a comment that names it");
        found.push(Query {
            name: name.to_owned(),
            sql: sql.trim_end().trim_end_matches(';').to_owned(),
        });
    }
    found
}

/// A column as documented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) is: Type,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Text,
    Number,
    Time,
    YesNo,
    Bytes,
}

/// The documented views with their columns, in order.
pub(crate) fn views() -> Vec<(String, Vec<Column>)> {
    let (_, views) = PAGE.split_once("\n## The views\n").expect("the views");
    let (views, _) = views.split_once("\n## ").expect("what comes after");
    views
        .split("\n### ")
        .skip(1)
        .map(|part| {
            let name = part.lines().next().unwrap_or_default().to_owned();
            let rows = part.lines().filter(|line| line.starts_with("| ")).skip(2);
            (name, rows.map(column).collect())
        })
        .collect()
}

fn column(row: &str) -> Column {
    let cells: Vec<_> = row.split('|').map(str::trim).collect();
    let is = match cells[2] {
        "text" => Type::Text,
        "number" => Type::Number,
        "time" => Type::Time,
        "yes/no" => Type::YesNo,
        "bytes" => Type::Bytes,
        other => panic!("a type {other:?} in {row}"),
    };
    assert!(cells[3].len() > 3, "no words about {row}");
    Column {
        name: cells[1].to_owned(),
        is,
    }
}
