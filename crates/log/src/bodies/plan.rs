//! Which bodies files stay as they are when a checkpoint is finished, and which are written anew.

/// A bodies file and how much of it is live.
#[derive(Clone, Copy)]
pub(super) struct Use {
    pub size: u64,
    pub live: u64,
}

/// For each file, oldest first, whether it stays. `new` bytes of bodies come behind the newest.
///
/// A file stays while two thirds of it are live, so that all files together take at most 1.5 times what is
/// live. A small one is also written anew when at least as much is written behind it anyway: its bodies then
/// come to lie in a file twice as large, so that there are few files and no body is moved often.
pub(super) fn which_stay(files: &[Use], new: u64, file_size_max: u64) -> Vec<bool> {
    let mut stay = vec![false; files.len()];
    let mut behind = new;
    for (index, file) in files.iter().enumerate().rev() {
        let is_mostly_live = file.live.saturating_mul(3) >= file.size.saturating_mul(2);
        let is_taken_in = file.size <= behind && file.size <= file_size_max / 2;
        stay[index] = is_mostly_live && !is_taken_in;
        behind = if stay[index] { 0 } else { behind + file.live };
    }
    stay
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stay(files: &[(u64, u64)], new: u64) -> Vec<bool> {
        let files: Vec<Use> = files.iter().map(|(size, live)| Use { size: *size, live: *live }).collect();
        which_stay(&files, new, 1000)
    }

    #[test]
    fn files_go_when_a_third_of_them_is_dead() {
        assert_eq!(stay(&[(900, 600), (900, 599), (900, 0)], 0), [true, false, false]);
    }

    #[test]
    fn small_files_are_taken_in_by_as_much_behind_them() {
        assert_eq!(stay(&[(400, 400), (200, 200), (100, 100)], 100), [false, false, false]);
        assert_eq!(stay(&[(400, 400), (200, 200), (101, 101)], 100), [true, true, true]);
        // A large one is not worth it, and what lies before it is not beside the new ones.
        assert_eq!(stay(&[(10, 10), (600, 600)], 5000), [true, true]);
    }

    #[test]
    fn equal_shares_make_few_files_and_few_moves() {
        let (mut files, mut moved) = (Vec::new(), 0);
        for _ in 0..1000 {
            let stay = which_stay(&files, 10, 1_000_000);
            let kept: Vec<Use> =
                files.iter().zip(&stay).filter(|(_, stay)| **stay).map(|(file, _)| *file).collect();
            let size =
                10 + files.iter().zip(stay).filter(|(_, stay)| !stay).map(|(file, _)| file.size).sum::<u64>();
            moved += size;
            files = kept;
            files.push(Use { size, live: size });
            assert!(files.len() <= 10, "{}", files.len());
        }
        assert!(moved <= 10 * 1000 * 10, "{moved}");
    }
}
