//! Law 1 under arbitrary inputs.

use proptest::prelude::*;

use crate::arbitrary::{feed, service};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn recovered_equals_live_after_any_input(bytes in prop::collection::vec(any::<u8>(), 0..1500)) {
        feed(&service(), &bytes);
    }
}
