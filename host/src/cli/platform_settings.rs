//! What fnpack.toml says of platforms, against what their plugins say of themselves.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow};

use super::session::{Session, usage};
use crate::language::Architecture;
use crate::platform::{Description, Plugins, Support};
use crate::suite::{PlatformSettings, SETTINGS_FILE};
use crate::target::runtime_name;

/// A setting that a platform's plugin does not know is a slip.
pub fn check_settings(session: &Session, plugins: &Plugins, warnings: &mut Vec<String>) -> Result<()> {
    let file = session.suite_root.join(SETTINGS_FILE);
    for (platform, set) in &session.settings.platform {
        let Some(plugin) = plugins.named(platform) else {
            let known: Vec<&str> = plugins.all().map(|plugin| plugin.description().name.as_str()).collect();
            let (file, list) = (file.display(), known.join(", "));
            let text = format!("{file}: [platform.{platform}]: there is no such platform; there is {list}");
            // The plugin may be named on the command line at other times; a slip is none.
            if known.iter().any(|known| strsim::osa_distance(known, platform) <= 2) {
                return Err(usage(anyhow!(text)));
            }
            warnings.push(text);
            continue;
        };
        let known: Vec<&str> =
            plugin.description().settings.iter().map(|setting| setting.key.as_str()).collect();
        if let Some(slip) = set.own.keys().find(|key| !known.contains(&key.as_str())) {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(usage(anyhow!(
                "{}: {platform} knows no setting `{slip}`; it knows {known}",
                file.display()
            )));
        }
        let slips = unknown_runtimes(set, plugin.description());
        warnings.extend(slips.map(|slip| format!("{}: [platform.{platform}.{slip}", file.display())));
    }
    Ok(())
}

/// What the settings name images for that is no runtime of the platform, each with the nearest that
/// is one: such an image is never used. An engine may be of another processor than functions are.
fn unknown_runtimes<'s>(
    set: &'s PlatformSettings,
    description: &Description,
) -> impl Iterator<Item = String> + use<'s> {
    let of = |row: &Support| {
        let name = |one| runtime_name(&row.language, &row.version, &row.variant, one);
        Architecture::ALL.map(name)
    };
    let known: BTreeSet<String> = description.supports.iter().flat_map(of).collect();
    let build = set.build_images.keys().map(|key| ("build-images", key));
    let base = set.base_images.keys().map(|key| ("base-images", key));
    build.chain(base).filter_map(move |(table, key)| {
        let nearest = known.iter().min_by_key(|one| strsim::osa_distance(one, key))?;
        (!known.contains(key))
            .then(|| format!("{table}]: `{key}` is no runtime of the platform; the nearest is `{nearest}`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::BuildImageSetting;

    #[test]
    fn an_image_for_what_is_no_runtime_is_told_with_the_nearest_one() {
        let row = Support {
            language: "python".into(),
            version: "3.11".into(),
            variant: "default".into(),
            architectures: vec![Architecture::X64],
            deployments: Vec::new(),
            build_images: Vec::new(),
            libc: "glibc-2.34".parse().unwrap(),
        };
        let description = Description {
            name: "p".into(),
            title: "P".into(),
            deployments: Vec::new(),
            supports: vec![row.clone(), Support { variant: "pypy".into(), ..row }],
            settings: Vec::new(),
        };
        let mut set = PlatformSettings::default();
        for key in ["python-3.11-x64", "python-3.11-pypy-arm64", "pyton-3.11-x64"] {
            set.build_images.insert(key.into(), BuildImageSetting::Image("i".into()));
        }
        set.base_images.insert("python-3.11".into(), "i".into());
        let told: Vec<String> = unknown_runtimes(&set, &description).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("build-images]: `pyton-3.11-x64`"), "{told:?}");
        assert!(told.iter().all(|text| text.ends_with("nearest is `python-3.11-x64`")), "{told:?}");
    }
}
