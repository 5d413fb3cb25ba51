//! A call whose answer comes piece by piece.

use super::Door;
use super::error::DoorError;
use super::identity::Identity;
use super::record::request_id;
use super::request::GraphRequest;
use super::response::GraphStream;
use super::send::{Accepted, Call};
use futures::StreamExt as _;

impl Door {
    /// Makes a call and gives its answer's body piece by piece. Repeated as [`Door::send`] until
    /// the headers of an answer that is no refusal are there; a body that breaks off is an error in
    /// the stream. The body has no bound unless the request names one.
    ///
    /// # Errors
    ///
    /// As [`Door::send`].
    pub async fn stream(
        &self,
        who: &Identity,
        request: GraphRequest,
    ) -> Result<GraphStream, DoorError> {
        let call = Call::new(self, who, &request)?;
        let Accepted { mut answer, place } = call.accepted(&mut 1).await?;
        let limit = request.max_answer_bytes.unwrap_or(usize::MAX);
        let (status, headers) = (answer.status, std::mem::take(&mut answer.headers));
        let connection = call.subject.connection_name.to_string();
        let doubtful = call.has_effect();
        let body = async_stream::try_stream! {
            // Held until the body is dropped: to Microsoft the call is under way as long.
            let _place = place;
            loop {
                let piece = answer.next(limit).await.map_err(|failure| {
                    super::send::body_error(&connection, doubtful, failure)
                })?;
                match piece {
                    Some(bytes) => yield bytes,
                    None => break,
                }
            }
            answer.finish();
        };
        Ok(GraphStream {
            status,
            request_id: request_id(&headers),
            headers,
            body: body.boxed(),
        })
    }
}
