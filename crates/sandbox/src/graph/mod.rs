//! The pretend Graph v1.0: authentication, permissions and limits in front of directory and mail.

mod answer;
mod applications;
mod batch;
mod front;
mod limits;
mod path;
pub(crate) mod permissions;
mod refusal;
mod request;

pub(crate) use self::front::handle;
pub(crate) use self::limits::Limits;
