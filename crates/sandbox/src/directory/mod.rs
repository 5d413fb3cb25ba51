//! The directory of the pretend tenant: its organization, its people, their photos and licences.

pub mod people;
