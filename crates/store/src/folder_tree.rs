//! The order of a folder tree, and what counts as a change of a folder.

use postroom_model::FolderId;
use postroom_model::resource::folder::MailFolder;
use std::collections::{HashMap, HashSet};

/// Whether two differ in more than their counts, which change with every message.
pub(crate) fn differ(one: &MailFolder, other: &MailFolder) -> bool {
    one.parent_folder_id != other.parent_folder_id
        || one.display_name != other.display_name
        || one.well_known_name != other.well_known_name
        || one.is_hidden != other.is_hidden
}

/// Parents before children, siblings in the order given. A folder whose parent is not there (the
/// root of the tree is none of ours) begins a tree of its own, and so does one in a circle.
pub(crate) fn parents_first(folders: Vec<MailFolder>) -> Vec<MailFolder> {
    let ids: HashSet<_> = folders.iter().map(|folder| folder.id.clone()).collect();
    let mut children: HashMap<Option<FolderId>, Vec<MailFolder>> = HashMap::new();
    for folder in folders {
        let parent = folder.parent_folder_id.clone();
        let parent = parent.filter(|parent| ids.contains(parent));
        children.entry(parent).or_default().push(folder);
    }
    let mut ordered = Vec::with_capacity(ids.len());
    let mut next = children.remove(&None).unwrap_or_default();
    next.reverse();
    loop {
        while let Some(folder) = next.pop() {
            if let Some(mut below) = children.remove(&Some(folder.id.clone())) {
                below.reverse();
                next.append(&mut below);
            }
            ordered.push(folder);
        }
        let circle = children.keys().min().cloned();
        match circle.and_then(|parent| children.remove(&parent)) {
            Some(rest) => next = rest,
            None => return ordered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(id: &str, parent: Option<&str>) -> MailFolder {
        MailFolder {
            id: id.into(),
            parent_folder_id: parent.map(FolderId::from),
            display_name: id.into(),
            well_known_name: None,
            child_folder_count: 0,
            total_item_count: 0,
            unread_item_count: 0,
            is_hidden: false,
        }
    }

    #[test]
    fn parents_come_first_and_circles_are_not_lost() {
        let tree = vec![
            folder("a", Some("c")),
            folder("b", Some("a")),
            folder("c", Some("root")),
            folder("x", Some("y")),
            folder("y", Some("x")),
        ];
        let order: Vec<_> = parents_first(tree).into_iter().map(|it| it.id).collect();
        assert_eq!(order[..3], ["c".into(), "a".into(), "b".into()]);
        assert_eq!(order.len(), 5);
    }
}
