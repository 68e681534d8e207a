import Files
import Glibc
package import UploadProtocol

/// Where uploads are kept: `<store>/<pi>/<path>` with `<path>.sha256` beside it, earlier versions in the Pi's
/// `.versions/<path>/<sha256>`, and the store's own notes in `.receiver`.
///
/// What is acknowledged is durable, and a name never shows other than whole, verified content.
package final class UploadStore: Sendable {
    /// What a crash had left when this store was opened.
    package let recovery: Recovery
    package let partials: Partials

    let tree: FolderTree
    let temporaries: TemporaryFiles
    let creations: Creations
    let replacements: Replacements
    let observe: StepObserver
    let readings: Readings
    let knownDigests: KnownDigests
    /// The folder of those that the receiver ever used.
    let certificates: String?
    private let reservations: SpaceReservations

    /// Opens the folder `path`, which must exist, takes it for this process alone, and repairs what a crash left. The time
    /// this takes follows from what was under way at the crash, not from what is stored.
    package convenience init(
        opening path: String, certificates: String? = nil, keepingFree keptFree: KeptFree = .percent(5),
        partials: PartialLimits = .init(),
        reading: @escaping ReadObserver = { _ in }, warn: @escaping @Sendable (StoreWarning) -> Void = { _ in }
    ) throws(StoreError) {
        try self.init(
            opening: path, certificates: certificates, keepingFree: keptFree, partials: partials, reading: reading,
            warn: warn, observe: { _ in })
    }

    /// `certificates`: the folder of the receiver's certificates, by which it is known whether a receipt is good. `features`: what
    /// the system offers; found out if `nil`. `clock`: seconds since 1970, for the age of what is
    /// remembered. `reading`: told of bytes of files that are read again. `warn`: told of what the store found changed behind
    /// its back. `observe`: told of every step of a commit.
    package init(
        opening path: String, certificates: String? = nil, keepingFree keptFree: KeptFree = .percent(5),
        features: SystemFeatures? = nil, partials limits: PartialLimits = .init(),
        clock: @escaping @Sendable () -> Int64 = { Int64(time(nil)) },
        reading: @escaping ReadObserver = { _ in }, warn: @escaping @Sendable (StoreWarning) -> Void = { _ in },
        observe: @escaping StepObserver
    ) throws(StoreError) {
        do {
            let root = Directory(try FileDescriptor(opening: path, O_RDONLY | O_DIRECTORY))
            let notes = try Notes(of: root, warn: warn)
            let features = try features ?? SystemFeatures(root: root, temporary: notes.folder(.temporary))
            tree = FolderTree(root: root, opensBeneath: features.openBeneath)
            temporaries = TemporaryFiles(unnamed: features.unnamedFiles) { () throws(SystemCallError) in
                try notes.folder(.temporary)
            }
            creations = Creations { () throws(SystemCallError) in try notes.folder(.creating) }
            readings = Readings(progress: reading, clock: clock)
            replacements = Replacements(
                in: notes, tree: tree, temporaries: temporaries, readings: readings, observe: observe)
            reservations = SpaceReservations(of: root.file, keepingFree: keptFree)
            partials = Partials(
                tree: tree, temporaries: temporaries, reservations: reservations, limits: limits,
                readings: readings, warn: warn, observe: observe)
            knownDigests = KnownDigests(readings)
            self.certificates = certificates
            self.observe = observe

            let removed = try temporaries.removeAll()
            var recovery = try replacements.recover()
            try creations.recover(tree, &recovery)
            recovery.temporariesRemoved += removed
            // After the replacements: one that was undone has given its content back.
            // The clock may not be set yet, right after the computer has started.
            recovery.partialsRemoved = try partials.sweep(expired: false)
            self.recovery = recovery
        } catch {
            throw StoreError(any: error)
        }
    }

    /// Starts an upload of `size` bytes. Never waits for a disk to sync. What can be refused early is: a path that cannot be
    /// stored, and a size for which there is no room beside the other uploads under way.
    package func begin(pi: PiName, path: UploadPath, size: Int64) throws(StoreError) -> IncomingUpload {
        precondition(size >= 0, "a size is not negative")
        try checkNothingIsInTheWay(of: Place(pi: pi, path: path))
        try reservations.reserve(size, for: pi)
        do throws(SystemCallError) {
            let file = try temporaries.make()
            return IncomingUpload(pi: pi, path: path, size: size, file: file, reserved: reservations)
        } catch {
            reservations.release(size, for: pi)
            throw StoreError(error, needed: size)
        }
    }

    /// For who stops: from now on no stored file is read for anybody. What needs that fails with ECANCELED, and has touched nothing,
    /// or is finished or undone at the next start.
    package func giveUpReadings() { readings.giveUp() }

    /// Bytes that an upload of `pi` may have now.
    package func availableSpace(for pi: PiName) throws(StoreError) -> Int64 { try reservations.available(for: pi) }

    /// Bytes promised to uploads under way that they have not written yet.
    package var reservedSpace: Int64 { reservations.total }

    func checkNothingIsInTheWay(of place: Place) throws(StoreError) {
        guard let folder = try tree.existing(place.folder) else { return }
        do throws(SystemCallError) {
            guard let status = try folder.status(of: place.name), !status.isRegularFile else { return }
        } catch {
            throw StoreError(error)
        }
        throw .pathConflict(PathConflict(path: folder.path(of: place.name), wanted: .file))
    }
}

/// What not every kernel, container or file system has; without it the store takes the longer way.
package struct SystemFeatures: Sendable {
    /// Files that have no name until they are linked (open(2), O_TMPFILE).
    package var unnamedFiles: Bool
    /// openat2(2).
    package var openBeneath: Bool

    package init(unnamedFiles: Bool, openBeneath: Bool) {
        self.unnamedFiles = unnamedFiles
        self.openBeneath = openBeneath
    }

    fileprivate init(root: Directory, temporary: Directory) {
        unnamedFiles = TemporaryFiles.supportsUnnamed(in: temporary)
        openBeneath = FolderTree.supportsOpenBeneath(root)
    }
}
