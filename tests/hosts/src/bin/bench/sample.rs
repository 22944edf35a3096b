//! The middle and the tail of many figures of one kind.

/// At least one figure, in ascending order.
#[derive(Debug)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        Self(figures)
    }

    pub(crate) fn median(&self) -> f64 {
        self.at(50)
    }

    /// The figure that so many percent are not above.
    fn at(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or(f64::NAN)
    }

    /// Median and 95th percentile.
    pub(crate) fn text(&self, unit: &str) -> String {
        format!("{} / {} {unit}", short(self.median()), short(self.at(95)))
    }

    pub(crate) fn text_with_size(&self, unit: &str) -> String {
        format!("{} (n {})", self.text(unit), self.0.len())
    }
}

/// Three digits that say something.
fn short(figure: f64) -> String {
    let digits = match figure.abs() {
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    format!("{figure:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::Sample;

    #[test]
    fn the_middle_and_the_tail_are_figures_of_the_sample() {
        let text = |figures: &[f64]| Sample::of(figures.iter().copied()).text("ms");
        assert_eq!(text(&[3.0]), "3.00 / 3.00 ms");
        assert_eq!(text(&[30.0, 1.0, 2.0]), "2.00 / 30.0 ms");
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(text(&hundred), "50.0 / 95.0 ms");
        assert_eq!(Sample::of([400.0]).text_with_size("kB"), "400 / 400 kB (n 1)");
    }
}
