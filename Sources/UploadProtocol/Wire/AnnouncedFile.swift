package import OpenSSL

/// A file that is on its way: what its sender has said of the whole.
package struct AnnouncedFile: Hashable, Sendable {
    package let pi: PiName
    package let path: UploadPath
    /// Bytes.
    package let size: Int64
    package let digest: SHA256Digest
    /// Seconds since 1970; for the stored file.
    package let modified: Int64?

    package init(pi: PiName, path: UploadPath, size: Int64, digest: SHA256Digest, modified: Int64?) {
        self.pi = pi
        self.path = path
        self.size = size
        self.digest = digest
        self.modified = modified
    }

    package var id: UploadID { UploadID(pi: pi, path: path, digest: digest, size: size) }
}
