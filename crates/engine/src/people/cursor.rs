//! Where a list of people goes on: Microsoft's link, wrapped so that nobody relies on its form.

use crate::{Problem, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postroom_model::connection::Connection;
use serde::{Deserialize, Serialize};
use url::Url;

/// What a link may ask for. A cursor comes back from outside, where anybody can write one: it must
/// not lead to more than a list of people.
const OPTIONS: [&str; 7] = [
    "$select",
    "$top",
    "$search",
    "$skiptoken",
    "$filter",
    "$orderby",
    "$count",
];

/// Where a list goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Microsoft's `nextLink`.
    pub(super) link: String,
    /// Whether the list is a search, whose pages need a header.
    pub(super) is_search: bool,
}

#[derive(Serialize, Deserialize)]
struct Written {
    c: String,
    l: String,
    s: bool,
}

impl Cursor {
    /// The cursor as callers get it.
    pub(super) fn write(self, connection: &Connection) -> String {
        let written = Written {
            c: connection.id.as_str().to_owned(),
            l: self.link,
            s: self.is_search,
        };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&written).unwrap_or_default())
    }

    /// A cursor as a caller gave it.
    ///
    /// # Errors
    /// `invalidRequest` for one that is not of this list.
    pub(super) fn read(text: &str, connection: &Connection) -> Result<Self> {
        URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Written>(&bytes).ok())
            .filter(|written| {
                written.c == connection.id.as_str() && leads_to_people(&written.l, connection)
            })
            .map(|written| Self {
                link: written.l,
                is_search: written.s,
            })
            .ok_or_else(|| {
                Problem::invalid(
                    "The cursor is none of this list: give `nextCursor` as it came, or begin \
                     without one.",
                )
            })
    }
}

/// Whether a link goes on with the list of users at the connection's own Graph.
fn leads_to_people(link: &str, connection: &Connection) -> bool {
    let (Ok(link), Ok(graph)) = (Url::parse(link), Url::parse(&connection.graph_url)) else {
        return false;
    };
    link.origin() == graph.origin()
        && link.username().is_empty()
        && link.password().is_none()
        && link.path() == "/v1.0/users"
        && link.query_pairs().all(|(name, _)| {
            OPTIONS
                .iter()
                .any(|option| name.eq_ignore_ascii_case(option))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_model::ConnectionId;
    use postroom_model::Timestamp;
    use postroom_model::cloud::Cloud;
    use postroom_model::connection::Endpoints;

    fn connection(id: &str) -> Connection {
        Connection {
            id: ConnectionId::new(id),
            name: "Contoso".to_owned(),
            tenant_id: "contoso.example".to_owned(),
            client_id: String::new(),
            cloud: Cloud::Global,
            authority_url: Cloud::Global.authority_url().to_owned(),
            graph_url: Cloud::Global.graph_url().to_owned(),
            endpoints: Endpoints::default(),
            redirect_uri: None,
            scopes: Vec::new(),
            credentials: Vec::new(),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn read(link: &str) -> Result<Cursor> {
        let written = Cursor {
            link: link.to_owned(),
            is_search: true,
        }
        .write(&connection("c"));
        Cursor::read(&written, &connection("c"))
    }

    #[test]
    fn a_link_comes_back_as_it_went() {
        let link = "https://graph.microsoft.com/v1.0/users?$top=5&$skiptoken=RFNw%2f";
        let cursor = read(link).expect("a cursor of ours");
        assert_eq!(cursor.link, link);
        assert!(cursor.is_search);
    }

    #[test]
    fn a_forged_link_leads_nowhere() {
        for bad in [
            "https://graph.microsoft.com/v1.0/users/ann@contoso.example/messages",
            "https://graph.microsoft.com/v1.0/users/../groups",
            "https://graph.microsoft.com/v1.0/users?$expand=manager",
            "https://graph.microsoft.com/beta/users",
            "https://graph.microsoft.com.evil.example/v1.0/users",
            "https://graph.microsoft.com@evil.example/v1.0/users",
            "http://graph.microsoft.com/v1.0/users",
            "/v1.0/users",
            "",
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn rubbish_and_cursors_of_others_are_refused() {
        let other = Cursor {
            link: "https://graph.microsoft.com/v1.0/users".to_owned(),
            is_search: false,
        }
        .write(&connection("other"));
        for bad in ["", "x", "e30", &other] {
            assert!(Cursor::read(bad, &connection("c")).is_err(), "{bad:?}");
        }
    }
}
