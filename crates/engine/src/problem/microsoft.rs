//! Microsoft's refusals in the words of a [`Problem`].

use super::{Code, MicrosoftRefusal, Problem};
use postroom_microsoft::DoorError;
use postroom_model::account::AccountState;

/// Says what an error of the door means for whoever asked.
pub(super) fn explain(error: DoorError) -> Problem {
    let detail = format!("{error}");
    let (code, microsoft, retry_after) = match &error {
        DoorError::Refused(refusal) => {
            let code = match refusal.status {
                401 | 403 => Code::MicrosoftForbade,
                404 => Code::MicrosoftNotFound,
                413 => Code::TooLarge,
                429 => Code::Throttled,
                _ => Code::MicrosoftRefused,
            };
            let microsoft = MicrosoftRefusal {
                code: refusal.code.clone(),
                message: refusal.message.clone(),
                request_id: refusal.request_id.clone(),
            };
            (
                code,
                Some(microsoft),
                refusal.retry_after.map(|wait| wait.as_secs()),
            )
        }
        DoorError::SignIn(refusal) => {
            let code = match refusal.ends_grant {
                Some(AccountState::CredentialExpired) => Code::CredentialExpired,
                Some(AccountState::ConsentMissing) => Code::ConsentMissing,
                Some(_) => Code::NeedsSignIn,
                None => Code::MicrosoftRefused,
            };
            let microsoft = MicrosoftRefusal {
                code: refusal
                    .code
                    .map_or_else(|| refusal.error.clone(), |code| format!("AADSTS{code}")),
                message: refusal.description.clone(),
                request_id: None,
            };
            (code, Some(microsoft), None)
        }
        DoorError::NoGrant { .. } => (Code::NeedsSignIn, None, None),
        DoorError::Credential { .. } => (Code::CredentialExpired, None, None),
        DoorError::TooLarge { .. } => (Code::TooLarge, None, None),
        DoorError::Throttled { .. } => (Code::Throttled, None, None),
        DoorError::Vault(_) => (Code::StorageFailed, None, None),
        DoorError::Address(_) => (Code::InvalidRequest, None, None),
        _ => (Code::MicrosoftUnreachable, None, None),
    };
    Problem {
        microsoft,
        retry_after,
        ..Problem::new(code, detail).because(error)
    }
}
