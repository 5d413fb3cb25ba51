//! Which of a connection's credentials to show first.
//!
//! The newest goes first, so that a rotation is over as soon as Microsoft knows it. One that is
//! refused (a certificate that nobody has uploaded yet) is not shown again with each token: for some
//! minutes the one that worked goes first, then the newest has its turn again.

use crate::door::held;
use postroom_model::clock::later;
use postroom_model::connection::Credential;
use postroom_model::{ConnectionId, CredentialId, Timestamp};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

/// For how long the one that worked goes first.
const MEMORY: Duration = Duration::from_secs(5 * 60);

/// What worked last where it was not the newest.
#[derive(Default)]
pub(crate) struct Rotation {
    worked: Mutex<HashMap<ConnectionId, Worked>>,
}

struct Worked {
    credential: CredentialId,
    until: Timestamp,
}

impl Rotation {
    /// Puts the credentials, given the newest first, in the order in which they are to be tried.
    pub(super) fn sort(
        &self,
        connection: &ConnectionId,
        credentials: &mut [Credential],
        now: Timestamp,
    ) {
        let worked = held(&self.worked);
        let Some(worked) = worked.get(connection).filter(|worked| now < worked.until) else {
            return;
        };
        let place = credentials
            .iter()
            .position(|credential| credential.info.id == worked.credential);
        if let Some(place) = place
            && let Some(head) = credentials.get_mut(..=place)
        {
            head.rotate_right(1);
        }
    }

    /// Notes which one was taken; `refused`: others were not, before it.
    pub(super) fn taken(
        &self,
        connection: &ConnectionId,
        credential: &CredentialId,
        refused: bool,
        now: Timestamp,
    ) {
        if refused {
            let worked = Worked {
                credential: credential.clone(),
                until: later(now, MEMORY),
            };
            held(&self.worked).insert(connection.clone(), worked);
        }
    }

    /// The connection was changed, or is to be looked at anew.
    pub(crate) fn forget(&self, connection: &ConnectionId) {
        held(&self.worked).remove(connection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_model::Secret;
    use postroom_model::connection::{CredentialInfo, CredentialKind};

    fn order(rotation: &Rotation, now: Timestamp) -> String {
        let mut credentials: Vec<Credential> = ["c", "b", "a"]
            .map(|id| Credential {
                info: CredentialInfo {
                    id: id.into(),
                    kind: CredentialKind::Secret,
                    expires_at: None,
                    created_at: Timestamp::UNIX_EPOCH,
                    taken_at: None,
                    certificate: None,
                    federated: None,
                },
                secret: Secret::new("x"),
            })
            .into();
        rotation.sort(&"here".into(), &mut credentials, now);
        let ids = credentials.iter().map(|one| one.info.id.as_str());
        ids.collect()
    }

    #[test]
    fn what_worked_goes_first_for_some_minutes() {
        let at = |seconds: u64| later(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds));
        let (rotation, here) = (Rotation::default(), ConnectionId::new("here"));
        assert_eq!(order(&rotation, at(0)), "cba");
        rotation.taken(&here, &"c".into(), false, at(0));
        assert_eq!(order(&rotation, at(1)), "cba");
        rotation.taken(&here, &"a".into(), true, at(0));
        assert_eq!(order(&rotation, at(1)), "acb");
        // It is not the taking alone that keeps it there.
        rotation.taken(&here, &"a".into(), false, at(299));
        assert_eq!(order(&rotation, at(299)), "acb");
        assert_eq!(order(&rotation, at(300)), "cba");
        rotation.taken(&here, &"b".into(), true, at(300));
        assert_eq!(order(&rotation, at(301)), "bca");
        rotation.forget(&here);
        assert_eq!(order(&rotation, at(302)), "cba");
        rotation.taken(&here, &"gone".into(), true, at(302));
        assert_eq!(order(&rotation, at(303)), "cba");
    }
}
