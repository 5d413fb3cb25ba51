//! Paths as clients write them, taken apart.

use percent_encoding::percent_decode_str;

/// Actions and functions that may be written with their namespace.
const BOUND: &str = "microsoft.graph.";

/// The decoded segments and query pairs below the version: `users('x')` becomes two segments,
/// `microsoft.graph.delta()` becomes `delta`, a type cast stays.
pub(crate) fn split(path_and_query: &str) -> (Vec<String>, Vec<(String, String)>) {
    let (path, query) = path_and_query
        .split_once('?')
        .unwrap_or((path_and_query, ""));
    let mut segments = Vec::new();
    for raw in path.split('/').filter(|segment| !segment.is_empty()) {
        let segment = percent_decode_str(raw).decode_utf8_lossy().into_owned();
        let key = segment.split_once('(').and_then(|(name, rest)| {
            let key = rest.strip_suffix(')')?;
            Some((name.to_owned(), key.to_owned()))
        });
        match key {
            Some((name, key)) if key.is_empty() => segments.push(bare(&name)),
            Some((name, key)) => {
                match key
                    .strip_prefix('\'')
                    .and_then(|key| key.strip_suffix('\''))
                {
                    Some(key) => {
                        segments.push(bare(&name));
                        segments.push(key.replace("''", "'"));
                    }
                    // By another key than its id: `applications(appId='x')`.
                    None => match key.strip_suffix('\'').and_then(|key| key.split_once("='")) {
                        Some((by, value)) => {
                            segments.push(bare(&name));
                            segments.push(format!("{by}={}", value.replace("''", "'")));
                        }
                        None => segments.push(segment),
                    },
                }
            }
            None => segments.push(bare(&segment)),
        }
    }
    let query = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    (segments, query)
}

fn bare(segment: &str) -> String {
    match segment.strip_prefix(BOUND) {
        Some(
            name @ ("delta"
            | "sendMail"
            | "move"
            | "copy"
            | "send"
            | "reply"
            | "replyAll"
            | "forward"
            | "createReply"
            | "createReplyAll"
            | "createForward"
            | "createUploadSession"
            | "permanentDelete"),
        ) => name.to_owned(),
        _ => segment.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn takes_every_spelling() {
        let (segments, query) = split(
            "/users('a%40b.example')/mailFolders('inbox')/messages/microsoft.graph.delta()?$top=5&%24select=id",
        );
        assert_eq!(
            segments,
            [
                "users",
                "a@b.example",
                "mailFolders",
                "inbox",
                "messages",
                "delta"
            ]
        );
        assert_eq!(query[1], ("$select".to_owned(), "id".to_owned()));
        assert_eq!(
            split("applications(appId='x%27%27y')").0,
            ["applications", "appId=x'y"]
        );
        assert_eq!(
            split("users/x/memberOf/microsoft.graph.group").0[3],
            "microsoft.graph.group"
        );
    }
}
