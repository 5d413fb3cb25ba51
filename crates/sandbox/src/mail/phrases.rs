//! The words that invented mail is made of.

use super::ids::mix;

/// Languages that invented mail is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// English.
    English,
    /// German.
    German,
    /// French.
    French,
}

impl Language {
    /// The language of a tag such as `de-DE`.
    pub(crate) fn of(tag: &str) -> Self {
        match tag.get(..2).map(str::to_ascii_lowercase).as_deref() {
            Some("de") => Self::German,
            Some("fr") => Self::French,
            _ => Self::English,
        }
    }
}

/// Beginnings of file names.
pub(crate) const FILES: &[&str] = &[
    "Invoice",
    "Angebot",
    "Report",
    "Lieferschein",
    "Contract",
    "Protokoll",
    "Budget",
    "Facture",
];

/// Outside people who write.
pub(crate) const PARTNERS: &[(&str, &str)] = &[
    ("Ines Falk", "ines.falk@fabrikam.example"),
    (
        "Thomas Oberdörfer",
        "t.oberdoerfer@nordwind-traders.example",
    ),
    ("Claire Dubois", "claire.dubois@lamna.example"),
    ("Proseware Support", "support@proseware.example"),
    ("Wide World Orders", "orders@wideworld.example"),
    ("Giulia Moretti", "g.moretti@tailspin.example"),
    ("Adventure Works Billing", "billing@adventure-works.example"),
];

const SUBJECTS: [&[&str]; 3] = [
    &[
        "Order confirmation",
        "Question about invoice",
        "Meeting notes",
        "Delivery date",
        "Updated price list",
        "Service report",
        "Offer for maintenance",
        "Site visit",
    ],
    &[
        "Auftragsbestätigung",
        "Rückfrage zur Rechnung",
        "Protokoll der Besprechung",
        "Liefertermin",
        "Neue Preisliste",
        "Servicebericht",
        "Angebot Wartung",
        "Termin vor Ort",
    ],
    &[
        "Confirmation de commande",
        "Question sur la facture",
        "Compte rendu",
        "Date de livraison",
        "Nouveaux tarifs",
        "Rapport de service",
        "Offre de maintenance",
        "Visite du site",
    ],
];

const SENTENCES: [&[&str]; 3] = [
    &[
        "Thank you for your message from last week.",
        "The parts left our warehouse this morning and should arrive by Thursday.",
        "Could you please check whether the quantities in the second line are right?",
        "We agreed on a discount of three percent when the payment comes within ten days.",
        "I have added the drawing once more, since the first one was hard to read.",
        "Our technician will call you before the visit to arrange access to the building.",
        "Please note that the office stays closed on Friday because of the stocktaking.",
        "The numbers for the last quarter look better than we had expected in the summer.",
        "If anything is missing, let me know and I will send it again right away.",
        "The customer asked for a written answer by the end of the month.",
    ],
    &[
        "vielen Dank für Ihre Nachricht von letzter Woche.",
        "Die Teile haben heute Morgen unser Lager verlassen und müssten bis Donnerstag ankommen.",
        "Könnten Sie bitte prüfen, ob die Mengen in der zweiten Zeile stimmen?",
        "Wir hatten drei Prozent Skonto bei Zahlung innerhalb von zehn Tagen vereinbart.",
        "Die Zeichnung habe ich noch einmal beigefügt, da die erste kaum lesbar war.",
        "Unser Techniker meldet sich vor dem Termin, um den Zugang zum Gebäude abzustimmen.",
        "Bitte beachten Sie, dass das Büro am Freitag wegen der Inventur geschlossen bleibt.",
        "Die Zahlen des letzten Quartals sehen besser aus, als wir im Sommer erwartet hatten.",
        "Falls etwas fehlt, geben Sie mir kurz Bescheid, dann schicke ich es gleich noch einmal.",
        "Der Kunde hat bis Ende des Monats um eine schriftliche Antwort gebeten.",
    ],
    &[
        "merci pour votre message de la semaine dernière.",
        "Les pièces ont quitté notre entrepôt ce matin et devraient arriver jeudi.",
        "Pourriez-vous vérifier si les quantités de la deuxième ligne sont exactes ?",
        "Nous avions convenu d'une remise de trois pour cent en cas de paiement sous dix jours.",
        "J'ai joint le plan une nouvelle fois, car le premier était difficile à lire.",
        "Notre technicien vous appellera avant la visite afin d'organiser l'accès au bâtiment.",
        "Veuillez noter que le bureau reste fermé vendredi en raison de l'inventaire.",
        "Les chiffres du dernier trimestre sont meilleurs que prévu cet été.",
        "S'il manque quelque chose, dites-le-moi et je vous le renverrai aussitôt.",
        "Le client a demandé une réponse écrite avant la fin du mois.",
    ],
];

fn pick<T: Copy>(list: &[T], dice: u64) -> Option<T> {
    list.get(usize::try_from(dice % list.len().max(1) as u64).unwrap_or(0))
        .copied()
}

/// Appends a subject.
pub(crate) fn subject(out: &mut String, language: Language, dice: u64) {
    out.push_str(pick(SUBJECTS[language as usize], dice).unwrap_or_default());
    out.push(' ');
    out.push_str(&(10_000 + mix(dice) % 90_000).to_string());
}

/// Appends a sentence.
pub(crate) fn sentence(out: &mut String, language: Language, dice: u64) {
    out.push_str(pick(SENTENCES[language as usize], dice).unwrap_or_default());
}

/// Appends a greeting as a paragraph.
pub(crate) fn greeting(out: &mut String, language: Language, dice: u64) {
    let words: &[&str] = match language {
        Language::English => &["Hello,", "Dear colleague,", "Hi,"],
        Language::German => &["Guten Tag,", "Sehr geehrte Damen und Herren,", "Hallo,"],
        Language::French => &["Bonjour,", "Madame, Monsieur,", "Cher collègue,"],
    };
    out.push_str("<p class=\"MsoNormal\">");
    out.push_str(pick(words, dice >> 7).unwrap_or_default());
    out.push_str("</p>\r\n");
}

/// Appends the end as a paragraph.
pub(crate) fn closing(out: &mut String, language: Language) {
    out.push_str(match language {
        Language::English => "<p class=\"MsoNormal\">Kind regards</p>\r\n",
        Language::German => "<p class=\"MsoNormal\">Mit freundlichen Grüßen</p>\r\n",
        Language::French => "<p class=\"MsoNormal\">Cordialement</p>\r\n",
    });
}
