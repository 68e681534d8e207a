import CommandSupport
import Files
import Glibc
import OpenSSL
import UploadProtocol

/// How Pis come into being all at once, although each is a folder, a tar and a line in `ids.txt`:
///
/// 1. folders and tars are made, whole and durable, in `pis/.staging/`;
/// 2. the lines are written: this is the moment in which the Pis begin to exist;
/// 3. tars, then folders, take their names.
///
/// What an interruption left is told by the staged secret. No line has it: the Pi never existed, and its remains are
/// removed. A line has it: step 3 is done again. The folder moves last because it holds the secret. The line decides
/// because it is what people take out to shut a Pi out: nothing brings a removed line back.
extension Deployment {
    /// `commit` writes the lines of `identities`.
    func make(_ identities: [PiIdentity], roots: [UInt8], commit: () throws -> Void) throws {
        do {
            try stage(identities, roots: roots, in: staging)
            try commit()
        } catch {
            removeUncommitted(staging)
            throw error
        }
        try publish(identities.map(\.name))
        try removeTree(staging)
    }

    var hasInterruptedRun: Bool {
        get throws {
            try [staging, replacement, unfinishedReplacement].contains { try fileStatus($0) != nil }
        }
    }

    /// Finishes or removes what an interrupted run left; returns the Pis that it finished.
    func recover(_ identifiers: IdentifierFile?) throws -> [PiName] {
        try removeTree(unfinishedReplacement)
        try removeTree(IdentifierFile.temporary(of: self.identifiers))
        let finished = try recoverReplacement(identifiers)
        guard try fileStatus(staging) != nil else { return finished }
        let new = try committed(in: staging, identifiers)
        try publish(new)
        try removeTree(staging)
        return finished + new
    }

    /// After a failure: unless a line was written all the same, whose Pi the next run finishes.
    func removeUncommitted(_ folder: String) {
        guard let identifiers = try? IdentifierFile(reading: self.identifiers, mostBareSecrets: .max),
            let names = try? committed(in: folder, identifiers), names.isEmpty
        else { return }
        try? removeTree(folder)
    }

    /// The Pis in `folder` whose staged secret stands in a line.
    func committed(in folder: String, _ identifiers: IdentifierFile?) throws -> [PiName] {
        try namesInFolder(folder).compactMap { PiName($0) }.filter { name in
            guard let text = try? readFile("\(folder)/\(name)/\(PiIdentity.secretFile)", limit: 4096),
                let secret = SecretFile.parse(text)
            else { return false }
            // A Pi that exists may be served by a line without a name.
            let secrets = folder == replacement ? identifiers?.list.secrets(for: name) : identifiers?.list.named[name]
            return secrets?.contains(secret) == true
        }
    }

    /// One wait for all is shorter than several for each; but it also waits for what others write to the disk, so that
    /// few Pis do better by themselves.
    static let fewIdentities = 8

    /// Makes folder and tar of each in `parent`, and returns when all of it is durable.
    func stage(_ identities: [PiIdentity], roots: [UInt8], in parent: String) throws {
        let isDurable = identities.count <= Self.fewIdentities
        try makeFolder(parent, mode: 0o700)
        for identity in identities {
            try identity.write(in: parent, roots: roots, isDurable: isDurable)
        }
        if isDurable {
            try FileDescriptor(opening: parent, O_RDONLY | O_DIRECTORY).synchronize()
        } else {
            try synchronizeFileSystem(of: parent)
        }
    }

    private func publish(_ names: [PiName]) throws {
        do throws(SystemCallError) {
            // All tars have their names for good before the first folder, which tells an interrupted run, is gone.
            for name in names where try fileStatus(stagedBundle(of: name)) != nil {
                try linkFile(stagedBundle(of: name), bundle(of: name))
            }
            try synchronizeDirectory(of: staging)
            for name in names { try renameFolder("\(staging)/\(name)", identity(of: name)) }
            try synchronizeDirectory(of: staging)
        } catch {
            guard error.code == EEXIST else { throw error }
            throw CommandFailure(
                "\(error.path) stands in the way of an interrupted run's \(lastComponent(of: error.path).prefix { $0 != "." })",
                hint: "move it away and run this again", exitCode: .cannotCreate)
        }
    }

    private func stagedBundle(of pi: PiName) -> String { "\(staging)/\(pi).tar.gz" }
}
