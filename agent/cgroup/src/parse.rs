//! The texts of a group's files.

/// From here on a limit of version 1 is none: it writes "no limit" as the largest multiple of
/// the page size.
const NO_LIMIT: u64 = 1 << 60;

/// A file that holds one number. `max`, which stands for no limit, is no number.
pub(crate) fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// A number that limits, where it does.
pub(crate) fn limit(number: u64) -> Option<u64> {
    (number < NO_LIMIT).then_some(number)
}

/// The number of one key, in a file of lines `key number`.
pub(crate) fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        (name == key).then(|| number(value)).flatten()
    })
}

/// The cores of `cpu.max`: `QUOTA PERIOD`, where the quota may be `max`.
pub(crate) fn cpu_max(text: &str) -> Option<f64> {
    let (quota, period) = text.trim().split_once(' ')?;
    cores(quota, period)
}

/// The cores of a quota and its period, in any unit. Version 1 writes -1 for no quota.
pub(crate) fn cores(quota: &str, period: &str) -> Option<f64> {
    let (quota, period): (u32, u32) = (quota.trim().parse().ok()?, period.trim().parse().ok()?);
    (period > 0).then(|| f64::from(quota) / f64::from(period))
}

/// Whether a line of `/proc/PID/stat` is that of a process on its way out. The name in brackets
/// may hold spaces and brackets, so the last `)` ends it.
pub(crate) fn exiting(line: &str) -> Option<bool> {
    const FLAG: u64 = 0x4;
    let (_, fields) = line.rsplit_once(") ")?;
    let flags: u64 = fields.split(' ').nth(6)?.parse().ok()?;
    Some(flags & FLAG != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, expected) in [
            ("134791168\n", Some(134_791_168)),
            ("0\n", Some(0)),
            ("18446744073709551615\n", Some(u64::MAX)),
            ("18446744073709551616\n", None),
            ("max\n", None),
            ("-1\n", None),
            ("", None),
            ("1 2\n", None),
        ] {
            assert_eq!(number(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_huge_numbers_of_version_1_are_no_limits() {
        let pages_of_4_and_64_kib = [9_223_372_036_854_771_712, 9_223_372_036_854_710_272];
        for huge in pages_of_4_and_64_kib.into_iter().chain([u64::MAX]) {
            assert_eq!(limit(huge), None, "{huge}");
        }
        assert_eq!(limit(67_108_864), Some(67_108_864));
        assert_eq!(limit(0), Some(0));
    }

    #[test]
    fn keys_are_whole_words() {
        let events = "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n";
        let control = "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n";
        let stat = "inactive_file 1\ntotal_inactive_file 2\n";
        for (text, key, expected) in [
            (events, "oom_kill", Some(2)),
            (events, "oom", Some(3)),
            (control, "oom_kill", Some(7)),
            ("oom_kill_disable 0\nunder_oom 0\n", "oom_kill", None),
            (stat, "inactive_file", Some(1)),
            (stat, "total_inactive_file", Some(2)),
            ("oom_kill\noom_kill x\noom_kill 4\n", "oom_kill", Some(4)),
            ("", "oom_kill", None),
        ] {
            assert_eq!(keyed(text, key), expected, "{key} of {text:?}");
        }
    }

    #[test]
    fn cores_of_both_versions() {
        for (text, expected) in [
            ("max 100000\n", None),
            ("50000 100000\n", Some(0.5)),
            ("250000 100000\n", Some(2.5)),
            ("50000 0\n", None),
            ("50000\n", None),
            ("", None),
        ] {
            assert_eq!(cpu_max(text), expected, "{text:?}");
        }
        assert_eq!(cores("-1\n", "100000\n"), None);
        assert_eq!(cores("150000\n", "100000\n"), Some(1.5));
    }

    #[test]
    fn a_process_on_its_way_out_is_known_by_its_flags() {
        for (line, expected) in [
            ("42 (sh) S 1 42 42 0 -1 4194304 1 2 3", Some(false)),
            ("42 (sh) Z 1 42 42 0 -1 4227084 1 2 3", Some(true)),
            ("42 (a) 4 (b) R 1 42 42 0 -1 4194304 1", Some(false)),
            ("42 (sh) S 1 42 42 0 -1", None),
            ("", None),
        ] {
            assert_eq!(exiting(line), expected, "{line}");
        }
    }
}
