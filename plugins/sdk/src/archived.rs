use crate::{File, text_file};

/// The wrapper that unpacks packages of Python which `shrink` has put into an archive. A handler
/// imports it where there is such an archive, and puts the folder that it gives on its path:
///
/// ```python
/// if os.path.exists(os.path.join(PACKAGES, "packages.zip")):
///     sys.path.append(PACKAGES)
///     import unpacked_packages
///     sys.path.insert(2, unpacked_packages.folder())
/// ```
///
/// Both are in `.python_packages`, which the layout leaves as it is. In packages without an archive
/// it is left out.
pub fn unpacked_packages() -> File {
    text_file(".python_packages/unpacked_packages.py", include_str!("../wrappers/unpacked_packages.py"))
}
