//! A caller's own call, passed through: what Microsoft answers goes back as it is, refusals too.

use super::attempt::Failure;
use super::budget::Place;
use super::error::DoorError;
use super::identity::Identity;
use super::request::{GraphRequest, Priority, Repeat, Target};
use super::send::{Call, REFUSAL_BYTES, body_error, explain, note};
use super::tokens::Renewals;
use super::upload::Upload;
use super::{Answer, Door, GraphPath};
use crate::signin::claims;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use http::{HeaderMap, Method};
use postroom_model::MailboxId;
use std::fmt;

/// A caller's call.
#[derive(Debug)]
pub struct PassedRequest {
    /// The method.
    pub method: Method,
    /// Where to, below `/v1.0`.
    pub path: GraphPath,
    /// Headers, `Content-Type` among them; those of the door are not taken from here
    /// ([`GraphRequest::headers`]).
    pub headers: HeaderMap,
    /// The body.
    pub body: PassedBody,
    /// The mailbox that the call log has it with.
    pub mailbox: Option<MailboxId>,
    /// Whose budgets it uses, with how many calls each; a batch can be about several mailboxes.
    /// Empty: one call that is about no mailbox.
    pub budgets: Vec<(MailboxId, u32)>,
}

/// A caller's body.
#[derive(Debug)]
pub enum PassedBody {
    /// None.
    None,
    /// At hand: it can be sent again.
    Whole(Bytes),
    /// As it comes: it can be sent once.
    Upload(Upload),
}

/// What Microsoft answered, whatever the status.
pub struct PassedAnswer {
    /// The status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, decompressed, piece by piece. An item that is an error is the last. It holds the
    /// places in the mailboxes' budgets until it is dropped.
    pub body: BoxStream<'static, Result<Bytes, DoorError>>,
}

impl fmt::Debug for PassedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PassedAnswer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Door {
    /// Makes a caller's call with the account's token, within the mailboxes' budgets, repeated as
    /// [`Door::send`] where its body can be sent again. Redirects are answers: nothing is followed.
    ///
    /// # Errors
    ///
    /// As [`Door::send`], but for [`DoorError::Refused`]: refusals are answers here.
    pub async fn pass(
        &self,
        who: &Identity,
        passed: PassedRequest,
    ) -> Result<PassedAnswer, DoorError> {
        let request = request(&passed);
        let call = Call::new(self, who, &request)?;
        let upload = match &passed.body {
            PassedBody::Upload(upload) => Some(upload),
            PassedBody::None | PassedBody::Whole(_) => None,
        };
        let (mut attempt, mut fresh) = (1, false);
        let mut renewals = Renewals::default();
        loop {
            let mut token = call.token().await?;
            let places = self.places(&call, who, &passed.budgets).await?;
            let now = self.house.clock.now();
            if token.as_ref().is_some_and(|token| token.expires_at <= now) {
                token = call.token().await?;
            }
            let mut outgoing = call.outgoing(token.as_ref())?;
            if let PassedBody::Whole(bytes) = &passed.body {
                outgoing.body = bytes.clone();
            }
            let sent = self.exchange(&call.subject, &outgoing, attempt, fresh, upload);
            let answer = match sent.await {
                Ok(answer) => answer,
                Err(failure) => {
                    drop(places);
                    let (error, reached) = lost(&call, failure, upload);
                    if has_begun(upload) {
                        return Err(error);
                    }
                    call.wait_after_network(&mut attempt, error, reached)
                        .await?;
                    continue;
                }
            };
            if answer.status < 400 {
                return Ok(streamed(&call, answer, places));
            }
            let (status, headers) = (answer.status, answer.headers.clone());
            let (body, recording) = answer
                .read_open(REFUSAL_BYTES)
                .await
                .map_err(|failure| call.body_failed(failure))?;
            let mut refusal = call.refusal_of(status, &headers);
            explain(&mut refusal, &headers, &body);
            note(recording, &refusal);
            let claims = claims::challenge(&headers);
            let refused = whole(status, headers, body);
            if let Some(token) = token.filter(|_| status == 401) {
                // Whoever calls next gets another one, even if this call cannot be made again.
                let helps = renewals.may_help(claims.as_deref());
                if helps {
                    let tokens = &self.house.tokens;
                    tokens.drop_refused(&who.account.id, &token, claims);
                }
                if !helps || has_begun(upload) {
                    return Ok(refused);
                }
                continue;
            }
            if has_begun(upload) {
                call.close_gates(&refusal, &places);
                return Ok(refused);
            }
            fresh = status == 503;
            if call
                .wait_after_refusal(&mut attempt, refusal, places)
                .await
                .is_err()
            {
                return Ok(refused);
            }
        }
    }

    /// Places in every budget that the call uses, all or none.
    async fn places(
        &self,
        call: &Call<'_>,
        who: &Identity,
        budgets: &[(MailboxId, u32)],
    ) -> Result<Vec<Place>, DoorError> {
        match budgets {
            [] => Ok(vec![call.enter_for(who, None, 1).await?]),
            [(mailbox, calls)] => Ok(vec![call.enter_for(who, Some(mailbox), *calls).await?]),
            several => self
                .house
                .budgets
                .enter_all(&who.connection.client_id, several, Priority::Interactive)
                .await
                .map_err(|until| DoorError::Throttled {
                    connection: call.subject.connection_name.to_string(),
                    until,
                }),
        }
    }
}

fn request(passed: &PassedRequest) -> GraphRequest {
    let mut request = GraphRequest::new(passed.method.clone(), Target::Path(passed.path.clone()));
    request.headers = passed.headers.clone();
    request.mailbox = passed.mailbox.clone();
    if matches!(passed.body, PassedBody::Upload(_)) {
        request.repeat = Repeat::IfNotReached;
    }
    request
}

fn has_begun(upload: Option<&Upload>) -> bool {
    upload.is_some_and(Upload::has_begun)
}

/// The error, and whether Microsoft may have got the request.
fn lost(call: &Call<'_>, failure: Failure, upload: Option<&Upload>) -> (DoorError, bool) {
    let mut what = failure.what;
    if let Some(upload) = upload.filter(|upload| upload.has_begun()) {
        let taken = upload.taken();
        what.push_str(&format!(
            "; {taken} bytes of the body had been taken, and a body that goes through as it comes \
             cannot be sent a second time from here"
        ));
    }
    let error = DoorError::Network {
        connection: call.subject.connection_name.to_string(),
        what,
        doubtful: failure.reached && call.has_effect(),
    };
    (error, failure.reached)
}

fn whole(status: u16, headers: HeaderMap, body: Bytes) -> PassedAnswer {
    PassedAnswer {
        status,
        headers,
        body: stream::once(async { Ok(body) }).boxed(),
    }
}

fn streamed(call: &Call<'_>, mut answer: Answer, places: Vec<Place>) -> PassedAnswer {
    let (status, headers) = (answer.status, std::mem::take(&mut answer.headers));
    let connection = call.subject.connection_name.to_string();
    let doubtful = call.has_effect();
    let body = async_stream::try_stream! {
        // Held until the body is dropped: to Microsoft the call is under way as long.
        let _places = places;
        loop {
            let piece = answer
                .next(usize::MAX)
                .await
                .map_err(|failure| body_error(&connection, doubtful, failure))?;
            match piece {
                Some(bytes) => yield bytes,
                None => break,
            }
        }
        answer.finish();
    };
    PassedAnswer {
        status,
        headers,
        body: body.boxed(),
    }
}
