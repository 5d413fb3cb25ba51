//! Whole stores: copied there and back, cut off on the way, and proven whole. Both ends are
//! compared by looking into them from outside.

mod cut_off;
mod faults;
mod fill;
mod pages;
mod place;
mod random;
mod refused;
mod there_and_back;
