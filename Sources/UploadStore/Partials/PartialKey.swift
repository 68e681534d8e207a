package import UploadProtocol

/// Whose upload, and which one.
package struct PartialKey: Hashable, Sendable {
    package let pi: PiName
    package let id: UploadID

    package init(pi: PiName, id: UploadID) {
        self.pi = pi
        self.id = id
    }

    package init(_ file: AnnouncedFile) {
        self.init(pi: file.pi, id: file.id)
    }

    /// Below the store's root.
    var folder: [String] { Self.root + [pi.text] }
    /// Of the bytes.
    var dataName: String { id.hex }
    var dataPath: String { (folder + [dataName]).joined(separator: "/") }
    var noteName: String { id.hex + Self.noteSuffix }

    static let root = [".receiver", "partials"]
    static let noteSuffix = ".note"
}

/// What is told of an upload that comes in parts.
package struct PartialStatus: Hashable, Sendable {
    package let file: AnnouncedFile
    /// Bytes that are durable.
    package let offset: Int64
    /// Seconds for which it is kept if nothing comes.
    package let lifetime: Int64
}

package struct PartialLimits: Sendable {
    /// Seconds without a new byte after which an upload is given up. The default is 7 days.
    package var lifetime: Int64 = 7 * 86_400
    /// Of one Pi; a further one takes the place of the one that waited longest, first among those of which at most 4 MiB are
    /// durable. The default is 64.
    package var mostOfOnePi = 64

    package init() {}
}
