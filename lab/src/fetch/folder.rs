//! Where data sets are when nobody says where.

use std::{
    env,
    path::{Path, PathBuf},
};

/// `equipoise` in the user's cache folder: `$XDG_CACHE_HOME` (or `%LOCALAPPDATA%`), else `~/.cache`.
#[must_use]
pub fn default_folder() -> Option<PathBuf> {
    let folder = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = folder("XDG_CACHE_HOME").or_else(|| folder("LOCALAPPDATA"));
    let cache = cache.or_else(|| env::home_dir().map(|home| home.join(".cache")));
    cache.as_deref().map(below)
}

fn below(cache: &Path) -> PathBuf {
    cache.join("equipoise")
}
