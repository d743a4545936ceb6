//! What can be fetched, from where, and what must be in it.

/// A data set of several files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Its name, also that of its folder.
    pub name: &'static str,
    /// Where its files are, the first to be tried first.
    pub mirrors: Vec<String>,
    /// Its files.
    pub files: Vec<PinnedFile>,
}

/// A file whose contents are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedFile {
    /// Its name on mirrors and on disk, where it may be compressed or not.
    pub name: &'static str,
    /// Bytes of its contents.
    pub bytes: u64,
    /// SHA-256 of its contents, hexadecimal.
    pub sha256: String,
}

/// Names of the files of MNIST and its relatives, with the bytes in them.
const FILES: [(&str, u64); 4] = [
    ("train-images-idx3-ubyte.gz", 47_040_016),
    ("train-labels-idx1-ubyte.gz", 60_008),
    ("t10k-images-idx3-ubyte.gz", 7_840_016),
    ("t10k-labels-idx1-ubyte.gz", 10_008),
];

/// Y. LeCun, C. Cortes, C. Burges: handwritten digits.
const MNIST: [&str; 4] = [
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
];
const MNIST_MIRRORS: [&str; 2] =
    ["https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist"];

/// H. Xiao, K. Rasul, R. Vollgraf, Zalando: articles of clothing.
const FASHION: [&str; 4] = [
    "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
];
const FASHION_MIRRORS: [&str; 2] = [
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
];

/// The set of that name, if there is one to fetch.
#[must_use]
pub fn set(name: &str) -> Option<Set> {
    let (name, mirrors, contents) = match name {
        "mnist" => ("mnist", MNIST_MIRRORS, MNIST),
        "fashion-mnist" => ("fashion-mnist", FASHION_MIRRORS, FASHION),
        _ => return None,
    };
    let file = |((name, bytes), sha256): ((&'static str, u64), &str)| PinnedFile {
        name,
        bytes,
        sha256: sha256.to_owned(),
    };
    Some(Set {
        name,
        mirrors: mirrors.map(str::to_owned).to_vec(),
        files: FILES.into_iter().zip(contents).map(file).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_has_secure_mirrors_and_contents_of_its_own() {
        let sets = ["mnist", "fashion-mnist"].map(|name| set(name).unwrap());
        for set in &sets {
            assert!(set.mirrors.iter().all(|mirror| mirror.starts_with("https://")), "{set:?}");
        }
        let mut pins: Vec<&str> =
            sets.iter().flat_map(|set| &set.files).map(|file| file.sha256.as_str()).collect();
        assert!(pins.iter().all(|pin| pin.len() == 64 && pin.bytes().all(|b| b.is_ascii_hexdigit())));
        pins.sort_unstable();
        pins.dedup();
        assert_eq!(pins.len(), 8);
        assert_eq!(set("digits"), None);
    }
}
