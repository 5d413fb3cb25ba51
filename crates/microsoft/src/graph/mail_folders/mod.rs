//! `/users/{id}/mailFolders` (Graph, *mailFolder resource type*).

mod create;
mod delete;
mod delta;
mod get;
mod list;
mod update;

pub use create::create;
pub use delete::delete;
pub use delta::delta;
pub use get::get;
pub use list::{list, list_children};
pub use update::{move_to, rename};

/// The properties that the mirror keeps.
pub const SELECT: &str = "id,parentFolderId,displayName,childFolderCount,totalItemCount,\
    unreadItemCount,isHidden";
