//! What cannot be asked of any cluster, as rules: a schedule that breaks one of them is not made. Everything else is.

use crate::schedule::{Shape, Step, Wiped};

/// What the schedule itself has done to a host so far. What the host made of it only the run shows.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of one host")]
pub(crate) struct HostModel {
    pub(crate) name: String,
    pub(crate) fe: bool,
    pub(crate) votes: bool,
    pub(crate) up: bool,
    pub(crate) frozen: bool,
    /// The network it is plugged into: 0 is everybody's, every other one is an island or a cable that ends nowhere.
    pub(crate) side: usize,
    /// Lost since the cluster was last whole.
    pub(crate) no_data: bool,
    pub(crate) no_state: bool,
    /// Somebody tried to drop it since then.
    pub(crate) dropped: bool,
    /// It was up together with a majority of the voters since it was started, so it may have been elected.
    may_lead: bool,
}

/// All hosts.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) hosts: Vec<HostModel>,
    /// Every host was told of every FE.
    all_masters: bool,
    /// The cluster was whole at least once: until then nobody knows who has data to lose.
    pub(crate) founded: bool,
}

impl Model {
    pub(crate) fn new(shape: &Shape) -> Self {
        let hosts = shape.names().into_iter().map(|name| HostModel {
            fe: name.starts_with("fe"),
            votes: name.starts_with("fe") && !shape.observes(&name),
            name,
            up: false,
            frozen: false,
            side: 0,
            no_data: false,
            no_state: false,
            dropped: false,
            may_lead: false,
        });
        Self {
            hosts: hosts.collect(),
            all_masters: shape.all_masters,
            founded: false,
        }
    }

    /// The model after a step, or why the step is not made.
    pub(crate) fn after(&self, step: &Step) -> Result<Self, &'static str> {
        let mut next = self.clone();
        for (own_side, host) in (1..).zip(&mut next.hosts) {
            let is = |name: &String| *name == host.name;
            match step {
                Step::Start(names) | Step::Together(names) if names.iter().any(is) => host.up = true,
                Step::Kill(name) if is(name) => host.down(),
                Step::PowerCut => host.down(),
                Step::Freeze(name, _) if is(name) => host.frozen = true,
                Step::Thaw(name) if is(name) => host.frozen = false,
                Step::Wipe(name, what) if is(name) => {
                    host.down();
                    host.no_data |= matches!(what, Wiped::Data | Wiped::Both);
                    host.no_state |= matches!(what, Wiped::State | Wiped::Both);
                }
                Step::Cut(name) if is(name) => host.side = own_side,
                Step::Island(names) if names.iter().any(is) => host.side = usize::MAX,
                Step::Heal => host.side = 0,
                Step::Drop(name) if is(name) => host.dropped = true,
                Step::Whole => {
                    host.no_data = false;
                    host.no_state = false;
                    host.dropped = false;
                }
                _ => {}
            }
        }
        if let Step::Remove(gone) = step {
            next.hosts.retain(|host| host.name != *gone);
        }
        next.founded |= *step == Step::Whole;
        next.elections();
        self.possible(step)?;
        next.losses()?;
        // In the end everything is started, and that has to be possible too.
        for model in [&next, &next.healed()] {
            model.blank_seed()?;
            model.stale_leader()?;
        }
        Ok(next)
    }

    fn healed(&self) -> Self {
        let mut healed = self.clone();
        for host in &mut healed.hosts {
            (host.up, host.frozen, host.side) = (true, false, 0);
        }
        healed.elections();
        healed
    }

    fn possible(&self, step: &Step) -> Result<(), &'static str> {
        let of = |name: &String| self.hosts.iter().find(|host| host.name == *name);
        match step {
            Step::Drop(_) if !self.founded => {
                Err("there is nobody to be dropped from a cluster that is not there")
            }
            Step::Drop(_) if self.hosts.iter().any(|host| host.dropped) => {
                Err("a person looks at what became of one drop before the next")
            }
            // The record of a founder lists only those who were members when it was alone, until a health check brings it up
            // to date, and no host here has one. Told of itself alone it has nobody to ask, and its engine waits for ever.
            Step::Drop(name) if name == "fe1" && !self.all_masters => Err("nobody tells it"),
            // Somebody who was dropped and lost everything is a new node, and joins: nothing is left that refuses.
            Step::Drop(name) if of(name).is_none_or(|host| host.no_data) => Err("nothing is left of it"),
            Step::Wipe(name, _) if of(name).is_none_or(|host| host.dropped) => Err("nothing is left of it"),
            Step::Freeze(name, _) if of(name).is_none_or(|host| !host.up) => Err("nothing runs there"),
            _ => Ok(()),
        }
    }

    /// Data that a majority of the voters has lost is lost for everyone: nobody is left who could say which cluster it
    /// was. Between two moments in which the cluster was whole fewer lose theirs, counted with and without the one
    /// that a person tried to drop. So of two voters none may: the other one alone elects nobody, and both wait.
    fn losses(&self) -> Result<(), &'static str> {
        let enough = |voters: &[&HostModel]| {
            let kept = voters.iter().filter(|host| !host.no_data).count();
            kept > voters.len() / 2
        };
        let voters: Vec<&HostModel> = self.hosts.iter().filter(|host| host.votes).collect();
        let kept: Vec<&HostModel> = voters.iter().copied().filter(|host| !host.dropped).collect();
        // While it is being founded, the first of them may be the only one who has it.
        let founding = !self.founded && voters.iter().any(|host| host.no_data);
        if founding || !enough(&voters) || !enough(&kept) {
            return Err("the data would be lost for everyone");
        }
        Ok(())
    }

    /// A seed that has lost its data and its record, and reaches nobody who remembers, cannot know that there ever was
    /// a cluster: it is the seed of a new one. So while it is in this state and runs, an FE that has its data runs
    /// too, where the seed can hear it.
    fn blank_seed(&self) -> Result<(), &'static str> {
        let Some(seed) = self.hosts.iter().find(|host| host.name == "fe1") else {
            return Ok(());
        };
        if self.founded && seed.up && seed.is_blank() && !self.remembering(seed).any(|_| true) {
            return Err("nobody is left who remembers the cluster where the seed could hear of it");
        }
        Ok(())
    }

    /// A leader that has lost its majority claims on for 44 s and calls nobody: its heartbeats wait for a write that
    /// cannot be made (observed: `Alive` stays as it was). It wants no vote either. A blank seed that was told of itself
    /// alone hears nothing of such a cluster, and is the seed of a new one. Told of the others it asks them, and waits.
    fn stale_leader(&self) -> Result<(), &'static str> {
        let stale = |seed: &HostModel| self.remembering(seed).any(|host| host.votes && host.may_lead);
        let seed = self.hosts.iter().find(|host| host.name == "fe1");
        if self.founded && !self.all_masters && self.leaderless_blank_seed() && seed.is_some_and(stale) {
            return Err("nobody but a leader without its majority is left, who calls nobody");
        }
        Ok(())
    }

    fn elections(&mut self) {
        let voters = self.hosts.iter().filter(|host| host.votes).count();
        // Whoever lost its data votes for nobody before it has joined again.
        let able = |host: &HostModel| host.votes && host.up && !host.frozen && !host.no_data;
        let sides: Vec<usize> = self
            .hosts
            .iter()
            .filter(|host| able(host))
            .map(|host| host.side)
            .collect();
        for host in &mut self.hosts {
            let with = sides.iter().filter(|side| **side == host.side).count();
            host.may_lead |= able(host) && with > voters / 2;
        }
    }

    fn remembering<'m>(&'m self, seed: &'m HostModel) -> impl Iterator<Item = &'m HostModel> {
        self.hosts.iter().filter(move |host| {
            host.fe
                && host.name != seed.name
                && host.up
                && !host.frozen
                && !host.no_data
                && host.side == seed.side
        })
    }

    /// Whether a seed that has lost everything may have to hear of its cluster from members that have no leader.
    pub(crate) fn leaderless_blank_seed(&self) -> bool {
        let voters = self.hosts.iter().filter(|host| host.votes).count();
        self.hosts.iter().any(|seed| {
            let reached = self
                .remembering(seed)
                .filter(|host| host.votes && !host.dropped)
                .count();
            seed.name == "fe1" && seed.up && seed.is_blank() && reached <= voters / 2
        })
    }
}

impl HostModel {
    fn down(&mut self) {
        self.up = false;
        self.frozen = false;
        self.may_lead = false;
    }

    pub(crate) fn is_blank(&self) -> bool {
        self.no_data && self.no_state
    }
}

#[cfg(test)]
mod tests {
    use super::Model;
    use crate::schedule::Schedule;

    fn verdict(text: &str) -> Result<(), &'static str> {
        let schedule: Schedule = text.parse().unwrap();
        let mut model = Model::new(&schedule.shape);
        for step in &schedule.steps {
            model = model.after(step)?;
        }
        Ok(())
    }

    #[test]
    fn what_is_impossible_is_not_asked_and_what_is_hard_is() {
        let three = "hosts voters=3 bes=1\nstart fe1 fe2 fe3 be1\nwhole\n";
        let lost = Err("the data would be lost for everyone");
        let nobody = Err("nobody is left who remembers the cluster where the seed could hear of it");
        let stale = Err("nobody but a leader without its majority is left, who calls nobody");
        for (story, expected) in [
            ("wipe-both fe2", Ok(())),
            ("wipe-both be1", Ok(())),
            ("wipe-data fe2\nwipe-data fe3", lost),
            ("wipe-data fe2\nstart fe2\nwhole\nwipe-data fe3", Ok(())),
            ("wipe-data fe2\ndrop fe3", lost),
            ("wipe-both fe1\nstart fe1", Ok(())),
            ("power-cut\nwipe-both fe1\nstart fe1", nobody),
            ("power-cut\nwipe-both fe1\nstart fe1 fe3", Ok(())),
            ("power-cut\nwipe-data fe1\nstart fe1", Ok(())),
            ("cut fe1\nwipe-both fe1\nstart fe1", nobody),
            ("wipe-both fe1\nisland fe1 fe2\nstart fe1", stale),
            ("power-cut\nwipe-both fe1\nstart fe1 fe2", Ok(())),
            (
                "power-cut\nwipe-both fe1\nstart fe2 fe3\nfreeze fe3\nstart fe1",
                stale,
            ),
            (
                "wipe-data fe1\nstart fe1\nwipe-state fe1\ncut fe1\nstart fe1",
                nobody,
            ),
            ("wipe-both fe1\nkill fe2\nstart fe1", stale),
            ("power-cut\nwipe-both fe1\nstart fe3 fe1\nfreeze fe3", nobody),
        ] {
            assert_eq!(verdict(&format!("{three}{story}")), expected, "{story}");
        }
        let drop = "start fe1 fe2 fe3\nwhole\ndrop fe1";
        assert_eq!(
            verdict(&format!("hosts voters=3\n{drop}")),
            Err("nobody tells it")
        );
        assert_eq!(verdict(&format!("hosts voters=3 masters=all\n{drop}")), Ok(()));
        assert_eq!(
            verdict("hosts voters=2\nstart fe1 fe2\nwhole\nwipe-data fe2"),
            lost
        );
        assert_eq!(verdict("hosts voters=3\nstart fe1\nwipe-data fe1"), lost);
        assert_eq!(
            verdict("hosts voters=3\nstart fe1\nwipe-state fe1\ncut fe1\nstart fe1"),
            Ok(())
        );
    }
}
