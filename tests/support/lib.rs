//! The stage that the black-box tests play on.
