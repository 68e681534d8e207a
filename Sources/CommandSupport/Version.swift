/// What `--version` of each program says, and what its Debian package has (scripts/package reads it here): the next release with
/// `-dev` behind it, without at the release itself (semver.org).
package let programVersion = "0.1.0-dev"
