import CommandSupport
import Files
import Glibc
import OpenSSL
import UploadProtocol

/// How a Pi comes into being all at once, although it is a folder, a tar and a line in `ids.txt`:
///
/// 1. folder and tar are made, whole and durable, in `pis/.staging/`;
/// 2. the line is written: this is the moment in which the Pi begins to exist;
/// 3. tar, then folder, take their names.
///
/// What an interruption left is told by the staged secret. No line has it: the Pi never existed, and its remains are
/// removed. A line has it: step 3 is done again. The folder moves last because it holds the secret. The line decides
/// because it is what people take out to shut a Pi out: nothing brings a removed line back.
extension Deployment {
    func make(_ identity: PiIdentity, roots: [UInt8], identifiers: IdentifierFile) throws {
        try makeFolder(staging, mode: 0o700)
        do {
            try identity.write(in: staging, roots: roots)
            let tar = try FileDescriptor(
                opening: stagedBundle(of: identity.name), O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            try Tarball.write(identity.name.text, in: staging, to: tar)
            try synchronizeDirectory(of: tar.path)
        } catch {
            try? removeTree(staging)
            throw error
        }
        try identifiers.append(identity.secret, for: identity.name)
        try publish(identity.name)
        try removeTree(staging)
    }

    var hasInterruptedRun: Bool {
        get throws { try fileStatus(staging) != nil }
    }

    /// Finishes or removes what an interrupted run left; returns the Pis that it finished.
    func recover(_ identifiers: IdentifierFile?) throws -> [PiName] {
        guard try hasInterruptedRun else { return [] }
        var finished: [PiName] = []
        for entry in try namesInFolder(staging) {
            guard let name = PiName(entry),
                let text = try? readFile("\(staging)/\(name)/\(PiIdentity.secretFile)", limit: 4096),
                let secret = SecretFile.parse(text), identifiers?.list.named[name]?.contains(secret) == true
            else { continue }
            try publish(name)
            finished.append(name)
        }
        try removeTree(staging)
        return finished
    }

    private func publish(_ name: PiName) throws {
        do throws(SystemCallError) {
            if try fileStatus(stagedBundle(of: name)) != nil {
                try moveFileToNewName(stagedBundle(of: name), bundle(of: name))
            }
            try moveFolderToNewName("\(staging)/\(name)", identity(of: name))
        } catch {
            guard error.code == EEXIST else { throw error }
            throw CommandFailure(
                "\(error.path) stands in the way of an interrupted run's \(name)",
                hint: "move it away and run this again", exitCode: .cannotCreate)
        }
    }

    private func stagedBundle(of pi: PiName) -> String { "\(staging)/\(pi).tar.gz" }
}
