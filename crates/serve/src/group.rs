use std::fs;

use crate::ListenError;

/// Where the groups of the machine are; others of the name service are named by number.
const GROUPS: &str = "/etc/group";

/// A group of the machine, whose members may open a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group(pub(crate) u32);

impl Group {
    /// The group of that name in `/etc/group`, or of that number.
    ///
    /// # Errors
    /// [`ListenError::NoGroup`].
    pub fn find(name: &str) -> Result<Self, ListenError> {
        let number = name.parse().ok();
        let number = number.or_else(|| numbered(&fs::read_to_string(GROUPS).ok()?, name));
        number.map(Self).ok_or_else(|| ListenError::NoGroup(name.to_owned()))
    }
}

/// The number of a group by the list (group(5)): name, password, number, members.
fn numbered(list: &str, name: &str) -> Option<u32> {
    let lines = list.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let line = lines.into_iter().find(|fields| fields.first() == Some(&name))?;
    line.get(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_whole_name_or_its_number() {
        let list = "root:x:0:\nward:x:1001:sam,robin\nwards:x:1002:\nbroken\n";
        assert_eq!(numbered(list, "ward"), Some(1001));
        assert_eq!(
            (numbered(list, "war"), numbered(list, "broken"), numbered(list, "sam")),
            (None, None, None)
        );
        assert_eq!(Group::find("1001").ok(), Some(Group(1001)));
        assert_eq!(Group::find("root").ok(), Some(Group(0)));
        assert!(matches!(Group::find("no such group"), Err(ListenError::NoGroup(_))));
    }
}
