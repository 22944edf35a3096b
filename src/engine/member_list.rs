//! The lists in which a cluster keeps its members that are no FEs, and the statements that change them.

use super::{Component, Rehost};

/// The list of one component's members.
#[derive(Debug, PartialEq, Eq)]
pub struct MemberList {
    pub component: Component,
    /// The statement that shows it. Two components may share one.
    pub show: &'static str,
    /// The column with the port that is part of a member's identity.
    pub port_column: &'static str,
    /// The words of the column `NodeRole`, where two components share a list: they tell its rows apart.
    pub node_roles: &'static [(&'static str, Component)],
    /// Adds a member. `{}` stands for `host:port`, already in the engine's spelling, and `{name}` for the name that the list
    /// keeps beside the address.
    pub add: &'static str,
    /// Drops a member, with the same marks.
    pub drop: &'static str,
    /// Has the data of a member moved away, and drops it then. `None`: it keeps none.
    pub decommission: Option<&'static str>,
    /// Changes the host of a member. `None`: the engine has no such statement.
    pub rehost: Option<Rehost>,
}

impl MemberList {
    /// True if a member is added under a name.
    pub fn has_names(&self) -> bool {
        self.add.contains("{name}")
    }

    /// The statement that adds a member.
    pub fn add(&self, address: &str, name: &str) -> String {
        filled(self.add, address, name)
    }

    /// The statement that drops a member.
    pub fn drop(&self, address: &str, name: &str) -> String {
        filled(self.drop, address, name)
    }
}

fn filled(statement: &str, address: &str, name: &str) -> String {
    statement.replace("{name}", name).replace("{}", address)
}

#[cfg(test)]
mod tests {
    use crate::engine::{ALL, Component};

    /// The statements of every component, as they were sent to running FEs; those of a CN in the list of the BEs are a BE's.
    #[test]
    fn every_component_has_its_statements_in_both_engines() {
        let statements = |component: Component| {
            ALL.map(|engine| {
                let list = engine.list(component).unwrap();
                let (add, drop) = (list.add("10.0.0.4:1", "b1"), list.drop("10.0.0.4:1", "b1"));
                format!("{}; {add}; {drop}", list.show)
            })
        };
        assert_eq!(
            statements(Component::Be),
            [
                r#"SHOW BACKENDS; ALTER SYSTEM ADD BACKEND "10.0.0.4:1"; ALTER SYSTEM DROP BACKEND "10.0.0.4:1""#,
                r#"SHOW BACKENDS; ALTER SYSTEM ADD BACKEND "10.0.0.4:1"; ALTER SYSTEM DROPP BACKEND "10.0.0.4:1""#,
            ]
        );
        assert_eq!(
            statements(Component::Cn),
            [
                r#"SHOW COMPUTE NODES; ALTER SYSTEM ADD COMPUTE NODE "10.0.0.4:1"; ALTER SYSTEM DROP COMPUTE NODE "10.0.0.4:1""#,
                r#"SHOW BACKENDS; ALTER SYSTEM ADD BACKEND "10.0.0.4:1"; ALTER SYSTEM DROPP BACKEND "10.0.0.4:1""#,
            ]
        );
        assert_eq!(
            statements(Component::Broker),
            [r#"SHOW BROKER; ALTER SYSTEM ADD BROKER b1 "10.0.0.4:1"; ALTER SYSTEM DROP BROKER b1 "10.0.0.4:1""#;
                2]
        );
    }

    /// An address in the list of BEs blocks a CN of the same address, and the other way round; a broker has its own port.
    #[test]
    fn the_lists_that_may_have_an_address_are_asked_for_once_the_own_one_first() {
        let lists = |component: Component| {
            ALL.map(|engine| {
                let lists = engine.lists_beside(component).into_iter();
                lists.map(|list| list.show).collect::<Vec<_>>()
            })
        };
        let (be, cn) = ("SHOW BACKENDS", "SHOW COMPUTE NODES");
        assert_eq!(lists(Component::Be), [vec![be, cn], vec![be]]);
        assert_eq!(lists(Component::Cn), [vec![cn, be], vec![be]]);
        assert_eq!(
            lists(Component::Broker),
            [vec!["SHOW BROKER"], vec!["SHOW BROKER"]]
        );
    }
}
