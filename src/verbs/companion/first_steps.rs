//! What is done once in the life of a cluster: its passwords, and the files of its image.

use std::path::Path;

use super::Companion;
use super::kept::Kept;
use crate::effects::accounts::NewCluster;
use crate::effects::init_files::{INIT_DIR, InitFiles, is_first, present};
use crate::exit::chain;
use crate::facts::record::{FirstSteps, Record};
use crate::plan::accounts::first_passwords;
use crate::plan::leader::Cluster;
use crate::plan::node::Identity;

impl Companion<'_> {
    /// Does the work that is done once in the life of a cluster, and writes down what is done. `first`: this node has just become
    /// a member, so nothing of it was begun before.
    pub(super) async fn first_steps(
        &self,
        cluster: &Cluster,
        record: &mut Record,
        identity: &Identity<'_>,
        first: bool,
        kept: &Kept,
    ) {
        let (dir, store) = (Path::new(INIT_DIR), kept.store());
        let Some(done) = record.first_steps.clone() else {
            if first && present(dir) {
                tracing::info!(
                    "the files of {INIT_DIR} are not run here: the FE that founds a cluster runs its own, and so does the first \
                     BE that is registered"
                );
            }
            return;
        };
        let keep = |steps: Option<FirstSteps>, record: &mut Record| {
            record.first_steps = steps;
            if let Err(error) = store.write(record) {
                tracing::error!("{}", chain(&error));
            }
        };
        let leader = cluster.endpoint();
        let patience = self.settings.join_timeout.value;
        if identity.component.is_fe() {
            let engine = self.home.engine;
            let cluster = NewCluster {
                client: &self.client,
                engine,
                leader: &leader,
                patience,
            };
            let accounts = first_passwords(engine, self.settings, kept.root_in_conf);
            if !cluster.close(&accounts).await {
                return;
            }
        } else if present(dir) {
            match is_first(&self.client, &leader, identity, patience).await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::info!(
                        "the files of {INIT_DIR} are not run here: another BE was registered first"
                    );
                    return keep(None, record);
                }
                Err(why) => {
                    tracing::error!(
                        "the files of {INIT_DIR} were not run: {why}; the next start of this node tries again"
                    );
                    return;
                }
            }
        }
        let files = InitFiles {
            client: &self.client,
            engine: self.home.engine,
            leader: &leader,
            dir,
            patience,
            unset: &self.settings.secret_variables,
        };
        files
            .run(done, !first, |steps| keep(Some(steps.clone()), record))
            .await;
        keep(None, record);
    }
}
