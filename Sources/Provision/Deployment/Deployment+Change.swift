import CommandSupport
import Files
import Glibc
import UploadProtocol

extension Deployment {
    /// Runs `body` while no other run of `provision` is in the folder.
    func withLock<Result>(_ say: (String) -> Void, _ body: () throws -> Result) throws -> Result {
        let lock = try DeploymentLock(self) { say(DeploymentLock.words(ofWaitingFor: $0)) }
        return try withExtendedLifetime(lock) { try body() }
    }

    /// Lets `body` change what is there: under the lock, after what an interrupted run left has been put right.
    func change(_ say: (String) -> Void, _ body: (IdentifierFile) throws -> Void) throws {
        _ = try existingIdentifiers()
        try withLock(say) {
            let finished = try recover(try existingIdentifiers())
            for line in Self.finished(finished) { say(line) }
            try body(try existingIdentifiers())
        }
    }

    /// Takes everybody else's rights to `ids.txt` away, before it gets new secrets: it may be the old system's, which all
    /// could read. A group may go on reading, the receiver's for example. Needs the lock.
    func closeIdentifiers(_ say: (String) -> Void) throws {
        guard let old = try fileStatus(identifiers), old.isRegularFile, old.permissions & 0o027 != 0 else { return }
        let mode = old.permissions & ~0o027
        guard fchmodat(AT_FDCWD, identifiers, mode, 0) == 0 else {
            throw SystemCallError("set the mode of", identifiers)
        }
        say(
            """
            Nobody but its owner\(mode & 0o040 == 0 ? "" : " and group") may read \(identifiers) from now on (mode \
            \(String(mode, radix: 8)), before \(String(old.permissions, radix: 8))), for it gets new secrets.
            """)
    }

    /// Throws where there is no deployment, before anything is left in its folder.
    func existingIdentifiers() throws -> IdentifierFile {
        // With more lines without a name than the receiver takes, a Pi can still be shut out.
        guard let file = try IdentifierFile(reading: identifiers, mostBareSecrets: .max) else {
            throw CommandFailure(
                "\(identifiers) is missing", reason: "this folder holds no deployment, or not all of it",
                hint: "change to the folder where provision new-pi ran, or begin one here: provision init",
                exitCode: .configuration)
        }
        return file
    }

    /// Every Pi of which a line or a folder is there, sorted.
    func knownNames(_ identifiers: IdentifierFile) throws -> [PiName] {
        let listed = identifiers.lines.compactMap { line -> PiName? in
            if case .imported = line.meaning { nil } else { line.entry?.name }
        }
        let kept = try fileStatus(identities) == nil ? [] : namesInFolder(identities).compactMap { PiName($0) }
        return Set(listed + kept).sorted { $0.text.isOrdered(before: $1.text) }
    }

    /// Refuses a name of which nothing is there, with those that resemble it.
    func refuseUnknown(_ name: PiName, _ identifiers: IdentifierFile) throws {
        let known = try knownNames(identifiers)
        guard !known.contains(name) else { return }
        let similar = name.similar(in: known)
        throw CommandFailure(
            "there is no Pi \(name)", reason: "neither \(self.identifiers) nor \(identities)/ has it",
            hint: similar.isEmpty
                ? "see them all: provision list"
                : "did you mean \(similar.map(\.text).joined(separator: " or "))? See them all: provision list",
            exitCode: .noInput)
    }
}
