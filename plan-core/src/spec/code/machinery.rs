//! The macro that makes an enum of the list of codes. Invariant: a code without an explanation or an example does not
//! compile.

macro_rules! codes {
    ($($variant:ident = $text:literal, $summary:literal, $explanation:literal, [$($line:literal,)*],
        [$($value:expr),*], [$($template:expr),*], $message:literal;)*) => {
        /// The rule that a diagnostic is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code { $(#[doc = $summary] $variant),* }

        impl Code {
            /// All codes, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The text of the code, as `P005`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// The rule in one line.
            pub fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary),* }
            }

            /// The reason of the rule, and what to do: one paragraph.
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$variant => $explanation),* }
            }

            /// A file that breaks the rule.
            pub fn example(self) -> $crate::spec::Example {
                match self {
                    $(Self::$variant => $crate::spec::Example {
                        file: concat!($($line, "\n"),*),
                        values: &[$($value),*],
                        templates: &[$($template),*],
                        message: $message,
                    }),*
                }
            }
        }
    };
}

pub(super) use codes;
