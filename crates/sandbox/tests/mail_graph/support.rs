//! A tenant of three people, and calls to it without HTTP.

use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use postroom_sandbox::call::{Answer, Body, Call, Caller, GraphError};
use postroom_sandbox::clock::SandboxClock;
use postroom_sandbox::directory::people::{People, Person};
use postroom_sandbox::mail::{Mail, MailOptions};
use serde_json::Value;

pub(crate) const ANNA: &str = "11111111-1111-4111-8111-111111111111";
pub(crate) const BERT: &str = "22222222-2222-4222-8222-222222222222";
pub(crate) const CLEO: &str = "33333333-3333-4333-8333-333333333333";
pub(crate) const BASE: &str = "http://sandbox.test/v1.0";

struct Three(Vec<Person>);

impl People for Three {
    fn by_address(&self, address: &str) -> Option<Person> {
        self.0
            .iter()
            .find(|person| {
                person.mail.eq_ignore_ascii_case(address)
                    || person.user_principal_name.eq_ignore_ascii_case(address)
            })
            .cloned()
    }

    fn by_id(&self, id: &str) -> Option<Person> {
        self.0.iter().find(|person| person.id == id).cloned()
    }

    fn mailboxes(&self) -> Vec<Person> {
        self.0.clone()
    }
}

pub(crate) struct World {
    pub(crate) mail: Arc<Mail>,
    pub(crate) clock: Arc<SandboxClock>,
}

/// One call being built.
pub(crate) struct Request<'a> {
    world: &'a World,
    mailbox: String,
    call: Call,
}

impl World {
    pub(crate) fn empty() -> Self {
        Self::with(MailOptions {
            sample_mail: false,
            ..MailOptions::default()
        })
    }

    pub(crate) fn with(options: MailOptions) -> Self {
        let person = |id: &str, name: &str, language: &str| Person {
            id: id.to_owned(),
            user_principal_name: format!("{name}@contoso.example"),
            display_name: name.to_owned(),
            mail: format!("{name}@contoso.example"),
            preferred_language: language.to_owned(),
            has_mailbox: true,
        };
        let people = Arc::new(Three(vec![
            person(ANNA, "anna", "en-US"),
            person(BERT, "bert", "de-DE"),
            person(CLEO, "cleo", "fr-FR"),
        ]));
        let clock = Arc::new(SandboxClock::new());
        Self {
            mail: Mail::new(options, Arc::clone(&clock), people),
            clock,
        }
    }

    /// A call by path below `/users/{mailbox}`, or by a whole link.
    pub(crate) fn call(&self, method: Method, mailbox: &str, path: &str) -> Request<'_> {
        let whole = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{BASE}/users/{mailbox}/{path}")
        };
        let url = url::Url::parse(&whole).expect("a URL");
        let segments: Vec<String> = url
            .path_segments()
            .expect("segments")
            .skip(1)
            .map(|segment| {
                percent_encoding::percent_decode_str(segment)
                    .decode_utf8_lossy()
                    .into_owned()
            })
            .collect();
        Request {
            world: self,
            mailbox: segments[1].clone(),
            call: Call {
                caller: Caller {
                    client_id: "app".into(),
                    user_id: None,
                    permissions: Vec::new(),
                },
                method,
                segments,
                query: url.query_pairs().into_owned().collect(),
                headers: HeaderMap::new(),
                body: Bytes::new(),
                base_url: BASE.to_owned(),
            },
        }
    }

    pub(crate) fn get(&self, mailbox: &str, path: &str) -> Value {
        self.call(Method::GET, mailbox, path).json()
    }

    pub(crate) fn post(&self, mailbox: &str, path: &str, body: Value) -> Value {
        self.call(Method::POST, mailbox, path).body(&body).json()
    }

    /// A message from outside, subject given; its immutable id.
    pub(crate) fn receive(&self, mailbox: &str, subject: &str) -> String {
        let mime = format!(
            "From: Out Side <out@side.example>\r\nTo: anna@contoso.example\r\nSubject: {subject}\r\nMessage-ID: <{subject}@side.example>\r\nDate: Mon, 2 Mar 2026 10:00:00 +0000\r\n\r\nBody of {subject}\r\n"
        );
        self.mail
            .deliver(mailbox, mime.as_bytes())
            .expect("delivers")
    }

    /// One whole delta round: the items and the next deltaLink.
    pub(crate) fn round(&self, mailbox: &str, link: &str, prefer: &str) -> (Vec<Value>, String) {
        let mut items = Vec::new();
        let mut link = link.to_owned();
        loop {
            let page = self
                .call(Method::GET, mailbox, &link)
                .header("prefer", prefer)
                .json();
            items.extend(page["value"].as_array().expect("an array").clone());
            match (page.get("@odata.nextLink"), page.get("@odata.deltaLink")) {
                (Some(next), None) => link = next.as_str().expect("text").to_owned(),
                (None, Some(delta)) => {
                    return (items, delta.as_str().expect("text").to_owned());
                }
                other => panic!("either a nextLink or a deltaLink: {other:?}"),
            }
        }
    }
}

impl Request<'_> {
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        if !value.is_empty() {
            self.call
                .headers
                .append(name, HeaderValue::from_str(value).expect("a header"));
        }
        self
    }

    pub(crate) fn immutable(self) -> Self {
        self.header("prefer", "IdType=\"ImmutableId\"")
    }

    pub(crate) fn caller(mut self, user: &str) -> Self {
        self.call.caller.user_id = Some(user.to_owned());
        self
    }

    pub(crate) fn body(mut self, value: &Value) -> Self {
        self.call.body = Bytes::from(value.to_string());
        self.header("content-type", "application/json")
    }

    pub(crate) fn mime(mut self, mime: &str) -> Self {
        self.call.body =
            Bytes::from(base64::engine::general_purpose::STANDARD.encode(mime.as_bytes()));
        self.header("content-type", "text/plain")
    }

    pub(crate) fn raw(mut self, body: &[u8], kind: &str) -> Self {
        self.call.body = Bytes::copy_from_slice(body);
        self.header("content-type", kind)
    }

    pub(crate) fn send(self) -> Result<Answer, GraphError> {
        self.world.mail.handle(&self.mailbox, &self.call)
    }

    pub(crate) fn status(self) -> u16 {
        self.send().expect("succeeds").status.as_u16()
    }

    pub(crate) fn json(self) -> Value {
        match self.send().expect("succeeds").body {
            Body::Json(bytes) => serde_json::from_slice(&bytes).expect("JSON"),
            other => panic!("JSON is expected: {other:?}"),
        }
    }

    pub(crate) fn bytes(self) -> Bytes {
        match self.send().expect("succeeds").body {
            Body::Raw(_, bytes) | Body::Json(bytes) => bytes,
            Body::Empty => Bytes::new(),
        }
    }

    pub(crate) fn refused(self) -> (u16, String) {
        match self.send() {
            Err(error) => (error.status, error.code),
            Ok(answer) => panic!("a refusal is expected: {answer:?}"),
        }
    }
}

pub(crate) fn id(value: &Value) -> &str {
    value["id"].as_str().expect("an id")
}

pub(crate) fn texts<'a>(list: &'a [Value], name: &str) -> Vec<&'a str> {
    list.iter()
        .map(|one| one[name].as_str().unwrap_or_default())
        .collect()
}
