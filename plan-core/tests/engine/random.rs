//! Law 1 under arbitrary inputs.

use proptest::prelude::*;

use crate::arbitrary::{feed, services};

proptest! {
    #[test]
    fn recovered_equals_live_after_any_input(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        feed(&services(), &bytes);
    }
}
