//! Choices out of the bytes that a fuzzer gives.

#![allow(dead_code, reason = "no target uses all of it")]

/// What a fuzzer chooses: bytes, and zeros behind them.
pub(crate) struct Choices<'i>(&'i [u8]);

impl<'i> Choices<'i> {
    pub(crate) fn new(input: &'i [u8]) -> Self {
        Self(input)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// A number below `end`, which is at most 256.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// True once in `times`; false at the end of the input.
    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that is left, as it is.
    pub(crate) fn rest(&mut self) -> &'i [u8] {
        std::mem::take(&mut self.0)
    }

    /// As many of these words as the input has bytes, one behind the other.
    pub(crate) fn words(&mut self, words: &[&str]) -> String {
        std::iter::from_fn(|| (!self.is_empty()).then(|| self.pick(words))).collect()
    }

    /// Pairs of these names and values, as a query or form holds them, or nearly: three bytes for each.
    pub(crate) fn pairs(&mut self, names: &[&str], values: &[&str]) -> String {
        let mut text = String::new();
        while !self.is_empty() {
            let (name, value) = (self.pick(names), self.pick(values));
            let between = self.pick(&["&", "&", "&", "&", ";", "%26", "[]=", ",", "&&", "%00", "%3D", " "]);
            text.push_str(&format!("{name}={value}{between}"));
        }
        text.trim_end_matches('&').to_owned()
    }
}
