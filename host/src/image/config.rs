use serde_json::{Map, Value, json};

use super::Sha256;

/// The time of everything that has none of its own.
pub const EPOCH: &str = "1970-01-01T00:00:00Z";

/// What an image says otherwise than its base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigChanges {
    /// Set beside the base's; one of the same name replaces the base's.
    pub environment: Vec<(String, String)>,
    /// Instead of the base's, whose command then goes, too.
    pub entry_point: Option<Vec<String>>,
    /// Instead of the base's.
    pub command: Option<Vec<String>>,
    /// Instead of the base's.
    pub working_directory: Option<String>,
    /// Instead of the base's.
    pub user: Option<String>,
    /// Set beside the base's; one of the same name replaces the base's.
    pub labels: Vec<(String, String)>,
}

/// The configuration of an image on a base, with what is told of each layer that was added.
pub fn configuration(base: &Value, changes: &ConfigChanges, added: &[(Sha256, &str)]) -> Vec<u8> {
    let mut image = base.as_object().cloned().unwrap_or_default();
    let created = text(&image, "created").unwrap_or(EPOCH).to_owned();
    // What made the base, not what runs.
    for name in ["container", "container_config", "id", "parent", "docker_version"] {
        image.shift_remove(name);
    }
    image.insert("created".to_owned(), json!(created));
    let config = object(&mut image, "config");
    for name in ["Image", "Hostname", "Domainname"] {
        config.shift_remove(name);
    }
    change(config, changes);
    let mut history: Vec<Value> = array(&mut image, "history").clone();
    for (_, told) in added {
        history.push(json!({ "created": EPOCH, "created_by": told }));
    }
    image.insert("history".to_owned(), Value::Array(history));
    let rootfs = object(&mut image, "rootfs");
    rootfs.insert("type".to_owned(), json!("layers"));
    array(rootfs, "diff_ids").extend(added.iter().map(|(diff_id, _)| json!(diff_id)));
    serde_json::to_vec(&image).expect("plain data")
}

fn change(config: &mut Map<String, Value>, changes: &ConfigChanges) {
    let environment = array(config, "Env");
    for (name, value) in &changes.environment {
        let entry = json!(format!("{name}={value}"));
        let same = |old: &Value| {
            old.as_str().and_then(|old| old.split_once('=')).is_some_and(|(old, _)| old == name)
        };
        match environment.iter_mut().find(|old| same(old)) {
            Some(old) => *old = entry,
            None => environment.push(entry),
        }
    }
    if let Some(entry_point) = &changes.entry_point {
        config.insert("Entrypoint".to_owned(), json!(entry_point));
        config.shift_remove("Cmd");
    }
    if let Some(command) = &changes.command {
        config.insert("Cmd".to_owned(), json!(command));
    }
    if let Some(directory) = &changes.working_directory {
        config.insert("WorkingDir".to_owned(), json!(directory));
    }
    if let Some(user) = &changes.user {
        config.insert("User".to_owned(), json!(user));
    }
    if !changes.labels.is_empty() {
        let labels = object(config, "Labels");
        for (name, value) in &changes.labels {
            labels.insert(name.clone(), json!(value));
        }
    }
}

fn text<'m>(map: &'m Map<String, Value>, name: &str) -> Option<&'m str> {
    map.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// The object under a name; made where there is none.
fn object<'m>(map: &'m mut Map<String, Value>, name: &str) -> &'m mut Map<String, Value> {
    let value = map.entry(name.to_owned()).or_insert_with(|| json!({}));
    if !value.is_object() {
        *value = json!({});
    }
    value.as_object_mut().expect("it is one")
}

/// The list under a name; made where there is none.
fn array<'m>(map: &'m mut Map<String, Value>, name: &str) -> &'m mut Vec<Value> {
    let value = map.entry(name.to_owned()).or_insert_with(|| json!([]));
    if !value.is_array() {
        *value = json!([]);
    }
    value.as_array_mut().expect("it is one")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(base: Value, changes: &ConfigChanges, added: &[(Sha256, &str)]) -> Value {
        serde_json::from_slice(&configuration(&base, changes, added)).unwrap()
    }

    #[test]
    fn changes_are_merged_and_the_rest_of_the_base_stays() {
        let base = json!({
            "architecture": "amd64", "os": "linux", "created": "2024-01-02T03:04:05Z", "container": "c",
            "config": {"Env": ["PATH=/bin", "A=1", "B=x=y"], "Cmd": ["sh"], "ExposedPorts": {"80/tcp": {}},
                       "Labels": {"a": "1"}, "Image": "sha256:1"},
            "history": [{"created_by": "base"}],
            "rootfs": {"type": "layers", "diff_ids": ["sha256:0"]},
        });
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let changes = ConfigChanges {
            environment: vec![pair("B", "2"), pair("C", "3")],
            entry_point: Some(vec!["/run".into()]),
            working_directory: Some("/var/task".into()),
            user: Some("nobody".into()),
            labels: vec![pair("b", "2")],
            command: None,
        };
        let diff_id = Sha256::of(b"layer");
        let found = changed(base, &changes, &[(diff_id, "code")]);
        assert_eq!(
            found["config"],
            json!({
                "Env": ["PATH=/bin", "A=1", "B=2", "C=3"], "Entrypoint": ["/run"], "WorkingDir": "/var/task",
                "User": "nobody", "ExposedPorts": {"80/tcp": {}}, "Labels": {"a": "1", "b": "2"},
            })
        );
        assert_eq!(found["created"], "2024-01-02T03:04:05Z");
        assert_eq!(found["rootfs"]["diff_ids"], json!(["sha256:0", diff_id.to_string()]));
        assert_eq!(
            found["history"],
            json!([{"created_by": "base"}, {"created": EPOCH, "created_by": "code"}])
        );
        assert!(found.get("container").is_none());
    }

    #[test]
    fn a_base_that_says_nothing_is_completed() {
        let base = json!({"architecture": "arm64", "os": "linux", "config": null, "history": null});
        let changes = ConfigChanges { command: Some(vec!["a".into()]), ..ConfigChanges::default() };
        let found = changed(base, &changes, &[]);
        assert_eq!(found["config"], json!({"Env": [], "Cmd": ["a"]}));
        assert_eq!((&found["created"], &found["history"]), (&json!(EPOCH), &json!([])));
    }

    #[test]
    fn values_of_the_environment_are_not_in_the_history() {
        let changes =
            ConfigChanges { environment: vec![("KEY".into(), "secret".into())], ..Default::default() };
        let found = changed(json!({}), &changes, &[(Sha256::of(b""), "code")]);
        assert!(!found["history"].to_string().contains("secret"));
    }
}
