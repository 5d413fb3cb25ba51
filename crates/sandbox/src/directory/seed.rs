//! The company everyone in the sandbox works for, and the formula for as many more people as
//! wanted.

/// The company's name.
pub const COMPANY: &str = "Lindner & Söhne GmbH";
/// The company's verified domain.
pub const DOMAIN: &str = "lindner.example";
/// The domain the tenant was born with.
pub const INITIAL_DOMAIN: &str = "sandbox.example";
/// The password of everyone.
pub const PASSWORD: &str = "Sandbox-1234";

/// What a seed user is beside an employee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Signs in and has a mailbox.
    Employee,
    /// An employee who administers the tenant.
    Administrator,
    /// May not sign in any more; the mailbox is still there.
    Disabled,
    /// Signs in, but Exchange knows nothing of the account.
    WithoutMailbox,
    /// Invited from elsewhere.
    Guest,
    /// A mailbox nobody signs in to.
    Shared,
}

/// A person of the seed company.
pub(super) struct SeedUser {
    pub(super) given_name: &'static str,
    pub(super) surname: &'static str,
    pub(super) display_name: &'static str,
    pub(super) alias: &'static str,
    pub(super) job_title: &'static str,
    pub(super) department: &'static str,
    pub(super) office: &'static str,
    pub(super) language: &'static str,
    pub(super) country: &'static str,
    pub(super) phone: &'static str,
    pub(super) manager: Option<usize>,
    pub(super) kind: Kind,
    pub(super) photo: bool,
}

macro_rules! seed {
    ($kind:ident, $given:literal, $surname:literal, $display:literal, $alias:literal,
     $title:literal, $department:literal, $office:literal, $language:literal, $country:literal,
     $phone:literal, $manager:expr, $photo:literal) => {
        SeedUser {
            given_name: $given,
            surname: $surname,
            display_name: $display,
            alias: $alias,
            job_title: $title,
            department: $department,
            office: $office,
            language: $language,
            country: $country,
            phone: $phone,
            manager: $manager,
            kind: Kind::$kind,
            photo: $photo,
        }
    };
}

/// The seed company, in the directory's order.
#[rustfmt::skip]
pub(super) const SEED_USERS: &[SeedUser] = &[
    seed!(Administrator, "Anna", "Lindner", "Anna Lindner", "anna.lindner", "Geschäftsführerin", "Geschäftsleitung", "Hamburg", "de-DE", "DE", "+49 40 5550100", None, true),
    seed!(Employee, "Jürgen", "Großmann", "Jürgen Großmann", "juergen.grossmann", "Leiter Vertrieb", "Vertrieb", "Hamburg", "de-DE", "DE", "+49 40 5550101", Some(0), true),
    seed!(Employee, "Camille", "Lefèvre", "Camille Lefèvre", "camille.lefevre", "Directrice commerciale", "Ventes", "Lyon", "fr-FR", "FR", "+33 4 55 50 01 02", Some(0), true),
    seed!(Employee, "Agnieszka", "Wiśniewska", "Agnieszka Wiśniewska", "agnieszka.wisniewska", "Kierownik IT", "IT", "Kraków", "pl-PL", "PL", "+48 12 555 01 03", Some(0), true),
    seed!(Employee, "陽翔", "佐藤", "佐藤 陽翔", "haruto.sato", "開発エンジニア", "IT", "東京", "ja-JP", "JP", "+81 3 5550 0104", Some(3), true),
    seed!(Employee, "Maeve", "O'Connor", "Maeve O'Connor", "maeve.oconnor", "Support Lead", "Support", "Cork", "en-IE", "IE", "+353 21 555 0105", Some(3), true),
    seed!(Employee, "Łukasz", "Żak", "Łukasz Żak", "lukasz.zak", "Programista", "IT", "Kraków", "pl-PL", "PL", "+48 12 555 01 06", Some(3), false),
    seed!(Employee, "Élodie", "Dubois-Martin", "Élodie Dubois-Martin", "elodie.dubois", "Chargée de clientèle", "Ventes", "Lyon", "fr-FR", "FR", "+33 4 55 50 01 07", Some(2), true),
    seed!(Employee, "Søren", "Ægidius", "Søren Ægidius", "soren.aegidius", "Salgschef Norden", "Vertrieb", "Aarhus", "da-DK", "DK", "+45 55 55 01 08", Some(1), true),
    seed!(Employee, "Zoë", "van den Berg", "Zoë van den Berg", "zoe.vandenberg", "Marketingmanager", "Marketing", "Utrecht", "nl-NL", "NL", "+31 30 555 0109", Some(1), true),
    seed!(Employee, "José", "Muñoz", "José Muñoz", "jose.munoz", "Comprador", "Einkauf", "Valencia", "es-ES", "ES", "+34 96 555 01 10", Some(1), false),
    seed!(Employee, "Noor", "Haddad", "Noor Haddad", "noor.haddad", "Trainee", "Support", "Cork", "en-GB", "IE", "+353 21 555 0111", Some(5), false),
    seed!(Disabled, "Dieter", "Kranz", "Dieter Kranz", "dieter.kranz", "Buchhalter", "Buchhaltung", "Hamburg", "de-DE", "DE", "+49 40 5550112", Some(0), false),
    seed!(WithoutMailbox, "Werkstatt", "Terminal", "Werkstatt Terminal", "werkstatt", "", "Werkstatt", "Hamburg", "de-DE", "DE", "", None, false),
    seed!(Guest, "Priya", "Raman", "Priya Raman (Partner)", "priya.raman", "Consultant", "", "", "en-GB", "GB", "", None, false),
    seed!(Shared, "", "", "Info Lindner & Söhne", "info", "", "", "Hamburg", "de-DE", "DE", "", None, false),
];

/// Who may open whose mailbox: the shared mailbox and the people who look after it.
pub(super) const SEED_DELEGATIONS: &[(usize, usize)] = &[(15, 0), (15, 5), (0, 1)];

const GIVEN: &[(&str, &str)] = &[
    ("Lena", "lena"),
    ("Jonas", "jonas"),
    ("Chloé", "chloe"),
    ("Mathis", "mathis"),
    ("Zofia", "zofia"),
    ("Paweł", "pawel"),
    ("Ingrid", "ingrid"),
    ("Mikkel", "mikkel"),
    ("Sanne", "sanne"),
    ("Lucía", "lucia"),
    ("Álvaro", "alvaro"),
    ("Orla", "orla"),
    ("Ren", "ren"),
    ("Yui", "yui"),
    ("Ayşe", "ayse"),
    ("Mehmet", "mehmet"),
    ("Nikolaos", "nikolaos"),
    ("Ioana", "ioana"),
    ("Grace", "grace"),
    ("Tomáš", "tomas"),
];

const SURNAMES: &[(&str, &str)] = &[
    ("Müller", "mueller"),
    ("Weiß", "weiss"),
    ("Moreau", "moreau"),
    ("Girard", "girard"),
    ("Kowalczyk", "kowalczyk"),
    ("Zieliński", "zielinski"),
    ("Nyström", "nystrom"),
    ("Jørgensen", "jorgensen"),
    ("de Vries", "devries"),
    ("García", "garcia"),
    ("Ortega", "ortega"),
    ("Byrne", "byrne"),
    ("Tanaka", "tanaka"),
    ("Suzuki", "suzuki"),
    ("Yılmaz", "yilmaz"),
    ("Demir", "demir"),
    ("Papadopoulos", "papadopoulos"),
    ("Ionescu", "ionescu"),
    ("Walker", "walker"),
    ("Novák", "novak"),
    ("Horvat", "horvat"),
    ("Rossi", "rossi"),
    ("Silva", "silva"),
];

const PLACES: &[(&str, &str, &str)] = &[
    ("Hamburg", "de-DE", "DE"),
    ("Lyon", "fr-FR", "FR"),
    ("Kraków", "pl-PL", "PL"),
    ("Cork", "en-IE", "IE"),
    ("東京", "ja-JP", "JP"),
    ("Utrecht", "nl-NL", "NL"),
    ("Valencia", "es-ES", "ES"),
];

const DEPARTMENTS: &[(&str, &str, usize)] = &[
    ("Vertrieb", "Sachbearbeiter", 1),
    ("Ventes", "Commercial", 2),
    ("IT", "Engineer", 3),
    ("Support", "Agent", 5),
    ("Marketing", "Specialist", 9),
    ("Einkauf", "Buyer", 10),
];

/// A person made by formula.
pub(super) struct FormulaUser {
    pub(super) given_name: &'static str,
    pub(super) surname: &'static str,
    pub(super) alias: String,
    pub(super) job_title: &'static str,
    pub(super) department: &'static str,
    pub(super) office: &'static str,
    pub(super) language: &'static str,
    pub(super) country: &'static str,
    pub(super) manager: usize,
}

/// The person with this place in the directory, behind the seed company.
pub(super) fn by_formula(index: usize) -> FormulaUser {
    let (given_name, given) = GIVEN[index % GIVEN.len()];
    let (surname, family) = SURNAMES[(index / GIVEN.len() + index) % SURNAMES.len()];
    let (office, language, country) = PLACES[index % PLACES.len()];
    let (department, job_title, manager) = DEPARTMENTS[index % DEPARTMENTS.len()];
    FormulaUser {
        given_name,
        surname,
        alias: format!("{given}.{family}.{index}"),
        job_title,
        department,
        office,
        language,
        country,
        manager,
    }
}

/// The place in the directory an alias made by formula names.
pub(super) fn index_of_alias(alias: &str) -> Option<usize> {
    let index = alias.rsplit_once('.')?.1.parse().ok()?;
    (by_formula(index).alias == alias).then_some(index)
}
