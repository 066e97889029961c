//! Did you mean …? The one place that guesses names.

/// The candidate that `wrong` most likely stands for: the same name in other case, else the one
/// with the smallest edit distance up to a third of the length (at least 1); ties go to the
/// alphabetically first. A swap of neighbours counts as one edit.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut candidates: Vec<&str> = candidates.into_iter().collect();
    candidates.sort_unstable();
    if let Some(same) = candidates
        .iter()
        .find(|name| name.to_lowercase() == wrong.to_lowercase())
    {
        return Some(same);
    }
    let threshold = (wrong.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|name| (edit_distance(wrong, name), name))
        .filter(|(distance, _)| *distance <= threshold)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The help line for an unknown name: a guess, else the list of up to eight candidates.
pub fn help<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut candidates: Vec<&str> = candidates.into_iter().collect();
    if let Some(name) = nearest(wrong, candidates.iter().copied()) {
        return Some(format!("did you mean `{name}`?"));
    }
    candidates.sort_unstable();
    candidates.dedup();
    if candidates.is_empty() || candidates.len() > 8 {
        return None;
    }
    let list: Vec<String> = candidates.iter().map(|name| format!("`{name}`")).collect();
    Some(format!("known here: {}", list.join(", ")))
}

/// Optimal string alignment distance, over characters.
fn edit_distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.to_lowercase().chars().collect();
    let right: Vec<char> = right.to_lowercase().chars().collect();
    let width = right.len() + 1;
    let mut before: Vec<usize> = vec![0; width];
    let mut last: Vec<usize> = (0..width).collect();
    for (row, a) in left.iter().enumerate() {
        let mut current = vec![row + 1; width];
        for (column, b) in right.iter().enumerate() {
            let at =
                |cells: &[usize], index: usize| cells.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&last, column) + usize::from(a != b))
                .min(at(&last, column + 1) + 1)
                .min(at(&current, column) + 1);
            let swapped = row > 0
                && column > 0
                && left.get(row - 1) == Some(b)
                && right.get(column - 1) == Some(a);
            if swapped {
                best = best.min(at(&before, column - 1) + 1);
            }
            if let Some(cell) = current.get_mut(column + 1) {
                *cell = best;
            }
        }
        before = last;
        last = current;
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        let names = ["username", "user_id", "created_at", "locked_at"];
        assert_eq!(nearest("usrename", names), Some("username"));
        assert_eq!(nearest("USER_ID", names), Some("user_id"));
        assert_eq!(nearest("create_at", names), Some("created_at"));
    }

    #[test]
    fn far_names_are_not_guessed() {
        assert_eq!(nearest("medium", ["username", "user_id"]), None);
        assert_eq!(nearest("id", ["medium"]), None);
        assert_eq!(
            help("x", ["medium", "address"]).as_deref(),
            Some("known here: `address`, `medium`")
        );
        assert_eq!(
            help(
                "x",
                [
                    "aa1", "aa2", "aa3", "aa4", "aa5", "aa6", "aa7", "aa8", "aa9"
                ]
            ),
            None
        );
    }
}
