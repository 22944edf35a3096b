//! Names beforehand what this container does to the engine or its data: a data dir on no volume, a volume over the conf, a heap
//! above the memory limit, logs that cannot be written.

use super::conf_file::ConfManner;
use crate::engine::{Component, Layout};
use crate::exit::ExitCode;
use crate::facts::container::{ContainerFacts, UnwritableLog};
use crate::facts::home::Home;
use crate::plan::refusal::Refusal;
use crate::settings::heap_variable;

/// The warnings. `has_data` and `has_conf`: the data dirs are not empty, and the conf file exists.
pub(super) fn warnings(
    container: &ContainerFacts,
    (home, manner): (&Home, &ConfManner),
    [has_data, has_conf]: [bool; 2],
) -> Vec<String> {
    let mut warnings = Vec::new();
    if !has_data {
        warnings.extend(on_no_volume(container, home.layout));
    }
    if !has_conf {
        warnings.push(format!(
            "{} does not exist (was an empty volume mounted over its directory?): the engine gets its own defaults and the \
             lines that muster adds",
            home.conf().display()
        ));
    }
    warnings.extend(heap_above_limit(container, home.component));
    let logs = unwritable(container, home, manner).filter(|log| !log.needed);
    warnings.extend(logs.map(|log| unwritable_sentence(log, container.uid)));
    warnings
}

/// Refuses a start that cannot work: the JVM opens the log of its garbage collection before anything else, and ends if it
/// cannot.
pub(super) fn refusal(container: &ContainerFacts, home: &Home, manner: &ConfManner) -> Option<Refusal> {
    let log = unwritable(container, home, manner).find(|log| log.needed)?;
    Some(Refusal::new(
        ExitCode::Taken,
        unwritable_sentence(log, container.uid),
        "make it writable for the user of this container, or set LOG_DIR in the conf to a directory that is",
    ))
}

fn on_no_volume(container: &ContainerFacts, layout: &Layout) -> Vec<String> {
    let paths = container.on_layer.iter().map(|path| path.display().to_string());
    let paths = paths.collect::<Vec<_>>().join(", ");
    let Some(data) = layout.data.as_ref().filter(|_| !paths.is_empty()) else {
        return Vec::new();
    };
    let key = data.key;
    let unused = container.unused_volumes.iter();
    let unused: Vec<String> = unused.map(|volume| volume.display().to_string()).collect();
    let meant = if unused.is_empty() {
        String::new()
    } else {
        format!(
            "; {} is a volume that no conf key names: mount it at {paths}, or set {} to it",
            unused.join(", "),
            key.to_uppercase()
        )
    };
    vec![format!(
        "{key} {paths} is on no volume: everything is lost when the container is recreated{meant}"
    )]
}

fn heap_above_limit(container: &ContainerFacts, component: Component) -> Option<String> {
    let heap = container.heap.as_ref()?;
    let limit = container
        .memory
        .map(|bytes| (bytes, "memory limit of this container", ", or raise the limit"));
    let host = container
        .host_memory
        .map(|bytes| (bytes, "memory of this host", ""));
    let mut limits = limit.into_iter().chain(host);
    let (bytes, of, or) = limits.find(|(bytes, _, _)| heap.bytes > *bytes)?;
    let lower =
        heap_variable(component).map_or_else(|| "lower it".to_owned(), |variable| format!("set {variable}"));
    Some(format!(
        "{} in {} is above the {of} ({} MB): the kernel kills the engine when its heap grows; {lower}{or}",
        heap.option,
        heap.key,
        bytes >> 20
    ))
}

/// The log dirs that cannot be written. An engine in a shadow home makes those of its own there that its home does not have.
fn unwritable<'a>(
    container: &'a ContainerFacts,
    home: &Home,
    manner: &ConfManner,
) -> impl Iterator<Item = &'a UnwritableLog> {
    let moved = matches!(manner, ConfManner::Shadow { .. });
    let logs = container.unwritable_logs.iter();
    logs.filter(move |log| !moved || log.exists || !log.dir.starts_with(&home.dir))
}

fn unwritable_sentence(log: &UnwritableLog, uid: u32) -> String {
    let dir = log.dir.display();
    format!("the log dir {dir} cannot be written by uid {uid}: {}", log.why)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::engine;
    use crate::facts::container::Heap;
    use crate::facts::home::ScriptWords;
    use crate::settings::Source;

    const HOME: &str = "/opt/engine";

    fn home() -> Home {
        let engine = engine::ALL[0];
        Home {
            dir: PathBuf::from(HOME),
            dir_source: Source::Default,
            engine,
            layout: engine.layout(Component::Fe).unwrap(),
            component: Component::Fe,
            component_source: Source::Image,
            script: ScriptWords::default(),
        }
    }

    fn plain() -> ContainerFacts {
        ContainerFacts {
            on_layer: Vec::new(),
            unused_volumes: vec![PathBuf::from("/opt/engine/old-meta")],
            memory: Some(512 << 20),
            host_memory: Some(4 << 30),
            heap: None,
            unwritable_logs: Vec::new(),
            uid: 1000,
        }
    }

    fn log(dir: &str, needed: bool) -> Vec<UnwritableLog> {
        vec![UnwritableLog {
            exists: false,
            dir: PathBuf::from(dir),
            why: "Permission denied (os error 13)".to_owned(),
            needed,
        }]
    }

    /// What is said by a container, before a first start or not.
    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn what_the_container_will_do_is_named_before_it_does_it() {
        let heap = |option: &str, bytes| {
            Some(Heap {
                key: "JAVA_OPTS".to_owned(),
                option: option.to_owned(),
                bytes,
            })
        };
        let meta = vec![PathBuf::from("/opt/engine/meta")];
        let on_layer = ContainerFacts {
            on_layer: meta,
            ..plain()
        };
        let lost =
            "meta_dir /opt/engine/meta is on no volume: everything is lost when the container is recreated";
        let meant = format!(
            "{lost}; /opt/engine/old-meta is a volume that no conf key names: mount it at /opt/engine/meta, or \
             set META_DIR to it"
        );
        let denied =
            "the log dir /opt/engine/log cannot be written by uid 1000: Permission denied (os error 13)";
        let (here, shadow) = (
            ConfManner::Replace,
            ConfManner::Shadow {
                dir: PathBuf::from("/state/home-fe"),
            },
        );
        let with_logs = |unwritable_logs| ContainerFacts {
            unwritable_logs,
            ..plain()
        };
        let table: [(&str, ContainerFacts, bool, &ConfManner, Vec<&str>); 11] = [
            ("nothing", plain(), true, &here, vec![]),
            ("a volume is there", on_layer.clone(), true, &here, vec![&meant]),
            (
                "no volume",
                ContainerFacts {
                    unused_volumes: vec![],
                    ..on_layer.clone()
                },
                true,
                &here,
                vec![lost],
            ),
            ("it has data by now", on_layer, false, &here, vec![]),
            (
                "a heap of 8 GB",
                ContainerFacts {
                    heap: heap("-Xmx8192m", 8 << 30),
                    ..plain()
                },
                false,
                &here,
                vec![
                    "-Xmx8192m in JAVA_OPTS is above the memory limit of this container (512 MB): the kernel kills the \
                     engine when its heap grows; set FE_HEAP, or raise the limit",
                ],
            ),
            (
                "a heap that fits",
                ContainerFacts {
                    heap: heap("-Xmx512m", 512 << 20),
                    ..plain()
                },
                false,
                &here,
                vec![],
            ),
            (
                "no limit",
                ContainerFacts {
                    heap: heap("-Xmx8192m", 8 << 30),
                    memory: None,
                    host_memory: Some(16 << 30),
                    ..plain()
                },
                false,
                &here,
                vec![],
            ),
            (
                "a small host",
                ContainerFacts {
                    heap: heap("-Xms8192m", 8 << 30),
                    memory: None,
                    ..plain()
                },
                false,
                &here,
                vec![
                    "-Xms8192m in JAVA_OPTS is above the memory of this host (4096 MB): the kernel kills the engine when its heap \
                     grows; set FE_HEAP",
                ],
            ),
            (
                "logs",
                with_logs(log("/opt/engine/log", false)),
                false,
                &here,
                vec![denied],
            ),
            (
                "logs that move",
                with_logs(log("/opt/engine/log", true)),
                false,
                &shadow,
                vec![],
            ),
            // The refusal says it.
            (
                "logs of the JVM",
                with_logs(log("/opt/engine/log", true)),
                false,
                &here,
                vec![],
            ),
        ];
        for (name, container, first, manner, expected) in table {
            let said = warnings(&container, (&home(), manner), [!first, true]);
            assert_eq!(said, expected, "{name}");
            let refused = refusal(&container, &home(), manner).map(|refusal| refusal.sentence);
            let of_jvm = name == "logs of the JVM";
            assert_eq!(refused.as_deref(), of_jvm.then_some(denied), "{name}");
        }
        assert_eq!(
            warnings(&plain(), (&home(), &here), [false, false]),
            [
                "/opt/engine/conf/fe.conf does not exist (was an empty volume mounted over its directory?): the engine gets \
                 its own defaults and the lines that muster adds"
            ]
        );
    }
}
