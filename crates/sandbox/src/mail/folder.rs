//! A folder: its name, its messages in order, and the record of what happened in it that delta
//! rounds read.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::ids::Key;
use super::stamp::Seconds;

/// A folder that exists in every mailbox.
#[derive(Debug)]
pub(crate) struct WellKnown {
    /// Usable as an id, in any language and in any case.
    pub(crate) name: &'static str,
    /// The well-known folder above, empty for the root.
    pub(crate) parent: &'static str,
    /// Whether it is shown only with `includeHiddenFolders`.
    pub(crate) hidden: bool,
    /// The display name in English, German, French, Spanish and Italian.
    pub(crate) names: [&'static str; 5],
}

const fn known(
    name: &'static str,
    parent: &'static str,
    hidden: bool,
    names: [&'static str; 5],
) -> WellKnown {
    WellKnown {
        name,
        parent,
        hidden,
        names,
    }
}

const fn same(name: &'static str) -> [&'static str; 5] {
    [name; 5]
}

/// The number of the folder above the visible ones.
pub(crate) const ROOT: u32 = 1;

/// The well-known folders; a folder's number is its place plus one. Names from Microsoft's page
/// of the mailFolder resource, display names as Outlook shows them.
pub(crate) const WELL_KNOWN: &[WellKnown] = &[
    known(
        "msgfolderroot",
        "",
        false,
        [
            "Top of Information Store",
            "Oberste Ebene des Informationsspeichers",
            "Haut de la banque d'informations",
            "Principio del almacén de información",
            "Livello superiore dell'archivio informazioni",
        ],
    ),
    known(
        "archive",
        "msgfolderroot",
        false,
        ["Archive", "Archiv", "Archive", "Archivo", "Archivio"],
    ),
    known(
        "conversationhistory",
        "msgfolderroot",
        false,
        [
            "Conversation History",
            "Aufgezeichnete Unterhaltungen",
            "Historique des conversations",
            "Historial de conversaciones",
            "Cronologia conversazioni",
        ],
    ),
    known(
        "deleteditems",
        "msgfolderroot",
        false,
        [
            "Deleted Items",
            "Gelöschte Elemente",
            "Éléments supprimés",
            "Elementos eliminados",
            "Posta eliminata",
        ],
    ),
    known(
        "drafts",
        "msgfolderroot",
        false,
        ["Drafts", "Entwürfe", "Brouillons", "Borradores", "Bozze"],
    ),
    known(
        "inbox",
        "msgfolderroot",
        false,
        [
            "Inbox",
            "Posteingang",
            "Boîte de réception",
            "Bandeja de entrada",
            "Posta in arrivo",
        ],
    ),
    known(
        "junkemail",
        "msgfolderroot",
        false,
        [
            "Junk Email",
            "Junk-E-Mail",
            "Courrier indésirable",
            "Correo no deseado",
            "Posta indesiderata",
        ],
    ),
    known(
        "outbox",
        "msgfolderroot",
        false,
        [
            "Outbox",
            "Postausgang",
            "Boîte d'envoi",
            "Bandeja de salida",
            "Posta in uscita",
        ],
    ),
    known(
        "sentitems",
        "msgfolderroot",
        false,
        [
            "Sent Items",
            "Gesendete Elemente",
            "Éléments envoyés",
            "Elementos enviados",
            "Posta inviata",
        ],
    ),
    known("clutter", "msgfolderroot", true, same("Clutter")),
    known("scheduled", "msgfolderroot", true, same("Scheduled")),
    known(
        "syncissues",
        "msgfolderroot",
        true,
        [
            "Sync Issues",
            "Synchronisierungsprobleme",
            "Problèmes de synchronisation",
            "Problemas de sincronización",
            "Problemi di sincronizzazione",
        ],
    ),
    known(
        "conflicts",
        "syncissues",
        true,
        [
            "Conflicts",
            "Konflikte",
            "Conflits",
            "Conflictos",
            "Conflitti",
        ],
    ),
    known(
        "localfailures",
        "syncissues",
        true,
        [
            "Local Failures",
            "Lokale Fehler",
            "Défaillances locales",
            "Errores locales",
            "Errori locali",
        ],
    ),
    known(
        "serverfailures",
        "syncissues",
        true,
        [
            "Server Failures",
            "Serverfehler",
            "Défaillances du serveur",
            "Errores de servidor",
            "Errori del server",
        ],
    ),
    known("searchfolders", "", true, same("Finder")),
    known("recoverableitemsdeletions", "", true, same("Deletions")),
];

/// The number of a well-known folder, whatever the case of its name.
pub(crate) fn well_known(name: &str) -> Option<u32> {
    let place = WELL_KNOWN
        .iter()
        .position(|known| known.name.eq_ignore_ascii_case(name))?;
    u32::try_from(place + 1).ok()
}

/// What a record of a folder's log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// The message is here, new or changed.
    Here {
        /// The last change beyond the read state.
        other: u64,
    },
    /// The message left.
    Gone,
}

/// One record: the latest about this message in this folder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    /// Which message, with the generation it had in this folder.
    pub(crate) key: Key,
    /// When it came into the folder; 0 for what was there when the sandbox started.
    pub(crate) added: u64,
    /// What happened.
    pub(crate) what: Happening,
}

/// A folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    pub(crate) number: u32,
    pub(crate) name: String,
    pub(crate) parent: u32,
    pub(crate) hidden: bool,
    pub(crate) well_known: Option<&'static str>,
    /// Newest first.
    pub(crate) order: BTreeSet<(Reverse<Seconds>, Reverse<u64>)>,
    pub(crate) unread: usize,
    /// The last change of name, place or counts.
    pub(crate) changed: u64,
    /// The record, by the time of the happening.
    pub(crate) log: BTreeMap<u64, Record>,
    latest: BTreeMap<Key, u64>,
}

impl Folder {
    /// An empty folder.
    pub(crate) fn new(number: u32, name: &str, parent: u32) -> Self {
        Self {
            number,
            name: name.to_owned(),
            parent,
            hidden: false,
            well_known: None,
            order: BTreeSet::new(),
            unread: 0,
            changed: 0,
            log: BTreeMap::new(),
            latest: BTreeMap::new(),
        }
    }

    /// Notes that a message came.
    pub(crate) fn note_added(&mut self, at: u64, key: Key) {
        self.note(
            at,
            Record {
                key,
                added: at,
                what: Happening::Here { other: at },
            },
        );
    }

    /// Notes that a message changed.
    pub(crate) fn note_changed(&mut self, at: u64, key: Key, read_state_only: bool) {
        let before = self.last(key);
        let added = before.map_or(0, |record| record.added);
        let other = match before.map(|record| record.what) {
            _ if !read_state_only => at,
            Some(Happening::Here { other }) => other,
            _ => 0,
        };
        self.note(
            at,
            Record {
                key,
                added,
                what: Happening::Here { other },
            },
        );
    }

    /// Notes that a message left.
    pub(crate) fn note_gone(&mut self, at: u64, key: Key) {
        let added = self.last(key).map_or(0, |record| record.added);
        self.note(
            at,
            Record {
                key,
                added,
                what: Happening::Gone,
            },
        );
    }

    /// Whether a reader who was level at `since` knew this message here, and it left afterwards.
    pub(crate) fn left_after(&self, number: u64, since: u64) -> bool {
        let from = Key {
            number,
            generation: 0,
        };
        let to = Key {
            number,
            generation: u32::MAX,
        };
        self.latest.range(from..=to).any(|(_, &at)| {
            at > since
                && self
                    .log
                    .get(&at)
                    .is_some_and(|record| record.what == Happening::Gone && record.added <= since)
        })
    }

    fn last(&self, key: Key) -> Option<Record> {
        let at = self.latest.get(&key)?;
        self.log.get(at).copied()
    }

    fn note(&mut self, at: u64, record: Record) {
        if let Some(before) = self.latest.insert(record.key, at) {
            self.log.remove(&before);
        }
        self.log.insert(at, record);
        self.changed = at;
    }
}
