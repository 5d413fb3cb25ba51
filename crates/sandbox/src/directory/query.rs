//! Query options of directory collections: `$select`, `$filter`, `$search`, `$orderby`, `$top`,
//! `$count` and paging by `$skiptoken` ("Use query parameters to customize responses", "Paging
//! Microsoft Graph data in your app").

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::filter::{Filter, Search};
use crate::call::{Answer, Call, GraphError};

/// A kind of directory object.
pub(super) trait Entity {
    /// The type's full name.
    const TYPE: &'static str;
    /// The entity set, for context links.
    const SET: &'static str;

    /// The properties given when nothing is selected.
    fn default_properties() -> &'static [&'static str];
    /// All properties.
    fn properties() -> &'static [&'static str];
    /// A property's value, null when there is none.
    fn property(&self, name: &str) -> Value;

    /// The property's name as the type writes it.
    fn known(name: &str) -> Result<&'static str, GraphError> {
        Self::properties()
            .iter()
            .find(|known| known.eq_ignore_ascii_case(name))
            .copied()
            .ok_or_else(|| {
                GraphError::new(
                    400,
                    "BadRequest",
                    format!(
                        "Could not find a property named '{name}' on type '{}'.",
                        Self::TYPE
                    ),
                )
            })
    }
}

/// What of an object is shown.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    names: Vec<&'static str>,
    selected: bool,
    /// Properties the caller's permission shows; others are null.
    allowed: Option<&'static [&'static str]>,
}

impl Shown {
    /// Reads `$select`.
    pub(super) fn of<E: Entity>(
        call: &Call,
        allowed: Option<&'static [&'static str]>,
    ) -> Result<Self, GraphError> {
        Self::from_select::<E>(call.option("$select"), allowed)
    }

    /// Reads the value of a `$select`.
    pub(super) fn from_select<E: Entity>(
        select: Option<&str>,
        allowed: Option<&'static [&'static str]>,
    ) -> Result<Self, GraphError> {
        let Some(select) = select.filter(|select| !select.trim().is_empty()) else {
            return Ok(Self {
                names: E::default_properties().to_vec(),
                selected: false,
                allowed,
            });
        };
        let mut names = Vec::new();
        for name in select.split(',') {
            let name = name.trim();
            if name == "*" {
                names = E::default_properties().to_vec();
                continue;
            }
            let known = E::known(name).map_err(|error| {
                GraphError::new(
                    400,
                    "BadRequest",
                    format!("Parsing OData Select and Expand failed: {}", error.message),
                )
            })?;
            if !names.contains(&known) {
                names.push(known);
            }
        }
        Ok(Self {
            names,
            selected: true,
            allowed,
        })
    }

    /// The part of a context link that names the selection.
    pub(super) fn context(&self) -> String {
        if self.selected {
            format!("({})", self.names.join(","))
        } else {
            String::new()
        }
    }

    /// The object as shown.
    pub(super) fn project(&self, entity: &impl Entity) -> Map<String, Value> {
        self.names
            .iter()
            .map(|name| {
                let visible = self.allowed.is_none_or(|allowed| allowed.contains(name));
                let value = entity.property(name);
                let value = match value {
                    Value::Array(_) if !visible => json!([]),
                    _ if !visible => Value::Null,
                    value => value,
                };
                ((*name).to_owned(), value)
            })
            .collect()
    }
}

/// Whether the caller asked for advanced queries.
pub(super) fn eventual(call: &Call) -> bool {
    call.headers
        .get("consistencylevel")
        .and_then(|value| value.to_str().ok())
        .or_else(|| call.option("ConsistencyLevel"))
        .is_some_and(|level| level.eq_ignore_ascii_case("eventual"))
}

fn unsupported(message: impl Into<String>) -> GraphError {
    GraphError::new(400, "Request_UnsupportedQuery", message)
}

/// The size of a directory page when nothing is said ("List users").
const DEFAULT_TOP: usize = 100;
const MAX_TOP: usize = 999;

const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'$')
    .remove(b',')
    .remove(b'\'')
    .remove(b':');

/// The conditions and the order a collection is asked for.
struct Wanted {
    filter: Option<Filter>,
    search: Option<Search>,
    order: Vec<(&'static str, bool)>,
}

fn wanted<E: Entity>(call: &Call) -> Result<Wanted, GraphError> {
    let advanced = eventual(call);
    let counted = call
        .option("$count")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let filter = call.option("$filter").map(Filter::parse::<E>).transpose()?;
    if let Some(operator) = filter.as_ref().and_then(Filter::advanced)
        && !(advanced && counted)
    {
        return Err(unsupported(format!(
            "Operator '{operator}' is not supported because the required parameters might be missing. Try adding $count=true query parameter and ConsistencyLevel:eventual header. Refer to https://aka.ms/graph-docs/advanced-queries for more information"
        )));
    }
    let search = match call.option("$search") {
        Some(_) if !advanced => {
            return Err(unsupported(
                "Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'",
            ));
        }
        Some(source) => Some(Search::parse::<E>(source)?),
        None => None,
    };
    let mut order = Vec::new();
    for part in call.option("$orderby").unwrap_or_default().split(',') {
        let mut words = part.split_whitespace();
        let Some(name) = words.next() else { continue };
        let name = E::known(name)?;
        let descending = match words.next() {
            None => false,
            Some(word) if word.eq_ignore_ascii_case("asc") => false,
            Some(word) if word.eq_ignore_ascii_case("desc") => true,
            Some(_) => {
                return Err(GraphError::new(
                    400,
                    "BadRequest",
                    "Invalid $orderby: syntax error.",
                ));
            }
        };
        order.push((name, descending));
    }
    let plain_order = filter.is_none()
        && order
            .iter()
            .all(|(name, _)| matches!(*name, "displayName" | "userPrincipalName"));
    let possible = order.is_empty() || plain_order || advanced && counted;
    if !possible {
        return Err(unsupported("Sorting not supported for current query."));
    }
    Ok(Wanted {
        filter,
        search,
        order,
    })
}

impl Wanted {
    fn holds(&self, entity: &impl Entity) -> bool {
        self.filter
            .as_ref()
            .is_none_or(|filter| filter.holds(entity))
            && self
                .search
                .as_ref()
                .is_none_or(|search| search.holds(entity))
    }

    fn sort<E: Entity>(&self, found: &mut [E]) {
        if self.order.is_empty() {
            return;
        }
        found.sort_by_cached_key(|entity| {
            // Two properties at most in practice; a descending one is inverted character-wise.
            self.order
                .iter()
                .map(|(name, descending)| {
                    let text = match entity.property(name) {
                        Value::String(text) => text.to_lowercase(),
                        other => other.to_string(),
                    };
                    let sign = if *descending { -1 } else { 1 };
                    text.chars()
                        .map(|c| sign * i64::from(u32::from(c)))
                        .chain((*descending).then_some(i64::MAX))
                        .collect::<Vec<_>>()
                })
                .collect::<Vec<_>>()
        });
    }
}

/// `/$count`: the number as text, which only advanced queries give.
pub(super) fn count<E: Entity>(
    call: &Call,
    items: impl Iterator<Item = E>,
) -> Result<Answer, GraphError> {
    if !eventual(call) {
        return Err(GraphError::new(
            400,
            "Request_BadRequest",
            "$count is not currently supported.",
        ));
    }
    let wanted = wanted::<E>(call)?;
    let number = items.filter(|item| wanted.holds(item)).count();
    Ok(Answer::raw(200, "text/plain", number.to_string()))
}

/// A page of a collection.
pub(super) fn list<E: Entity>(
    call: &Call,
    context: &str,
    items: impl Iterator<Item = E>,
    shown: &Shown,
    mut dress: impl FnMut(&E, &mut Map<String, Value>),
) -> Result<Answer, GraphError> {
    if call.option("$skip").is_some() {
        return Err(GraphError::new(
            400,
            "Request_BadRequest",
            "'$skip' is not supported by the service.",
        ));
    }
    let top = match call.option("$top") {
        None => DEFAULT_TOP,
        Some(text) => text
            .parse()
            .ok()
            .filter(|top| (1..=MAX_TOP).contains(top))
            .ok_or_else(|| {
                GraphError::new(
                    400,
                    "Request_BadRequest",
                    format!(
                        "Invalid page size specified: '{text}'. Must be between 1 and {MAX_TOP} inclusive."
                    ),
                )
            })?,
    };
    let wanted = wanted::<E>(call)?;
    let skip = match call.option("$skiptoken") {
        None => 0,
        Some(token) => read_token(token).ok_or_else(|| {
            GraphError::new(
                400,
                "Directory_ExpiredPageToken",
                "The specified page token value has expired and can no longer be included in your request.",
            )
        })?,
    };
    let counting = skip == 0
        && eventual(call)
        && call
            .option("$count")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let matching = items.filter(|item| wanted.holds(item));
    let (page, more, total) = if counting || !wanted.order.is_empty() {
        let mut found: Vec<E> = matching.collect();
        let total = found.len();
        wanted.sort(&mut found);
        let page: Vec<E> = found.into_iter().skip(skip).take(top).collect();
        let more = skip + page.len() < total;
        (page, more, counting.then_some(total))
    } else {
        let mut page: Vec<E> = matching.skip(skip).take(top + 1).collect();
        let more = page.len() > top;
        page.truncate(top);
        (page, more, None)
    };
    let mut body = Map::new();
    body.insert(
        "@odata.context".to_owned(),
        Value::from(format!(
            "{}/$metadata#{context}{}",
            call.base_url,
            shown.context()
        )),
    );
    if let Some(total) = total {
        body.insert("@odata.count".to_owned(), Value::from(total));
    }
    if more {
        body.insert(
            "@odata.nextLink".to_owned(),
            Value::from(next_link(call, skip + top)),
        );
    }
    let values: Vec<Value> = page
        .iter()
        .map(|entity| {
            let mut object = shown.project(entity);
            dress(entity, &mut object);
            Value::Object(object)
        })
        .collect();
    body.insert("value".to_owned(), Value::from(values));
    Ok(Answer::json(200, &Value::Object(body)))
}

fn read_token(token: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    String::from_utf8(bytes)
        .ok()?
        .strip_prefix("page ")?
        .parse()
        .ok()
}

fn next_link(call: &Call, skip: usize) -> String {
    let path = call
        .segments
        .iter()
        .map(|segment| utf8_percent_encode(segment, IN_QUERY).to_string())
        .collect::<Vec<_>>()
        .join("/");
    let mut query: Vec<String> = call
        .query
        .iter()
        .filter(|(name, _)| {
            !name
                .trim_start_matches('$')
                .eq_ignore_ascii_case("skiptoken")
        })
        .map(|(name, value)| {
            format!(
                "{}={}",
                utf8_percent_encode(name, IN_QUERY),
                utf8_percent_encode(value, IN_QUERY)
            )
        })
        .collect();
    let token = URL_SAFE_NO_PAD.encode(format!("page {skip}"));
    query.push(format!("$skiptoken={token}"));
    format!("{}/{path}?{}", call.base_url, query.join("&"))
}
