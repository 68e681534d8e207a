import CommandSupport
import Files
import Glibc
import UploadProtocol

/// Copies of Pis' tars in another folder, for example on a stick, whose file system may know neither modes nor links.
struct BundleCopies {
    private let folder: String
    private let names: [PiName]

    /// Refuses, before anything is made, a folder that has a tar of that name already.
    init(in folder: String, of names: [PiName]) throws {
        self.folder = folder
        self.names = names
        do throws(SystemCallError) { try makeFolder(folder, mode: 0o700) } catch {
            throw CommandFailure(
                "--out \(folder) cannot be used", reason: error.description,
                hint: "give a folder into which you may write; the one around it must be there", exitCode: .cannotCreate
            )
        }
        for name in names where try fileStatus(path(name)) != nil {
            throw CommandFailure(
                "\(path(name)) exists already", hint: "move it away, or name another folder with --out",
                exitCode: .cannotCreate)
        }
    }

    /// For Pis that are made: a failure says that they are.
    func write(from deployment: Deployment) throws {
        do { try copy(from: deployment) } catch let error as SystemCallError {
            // Secrets, on a stick that goes through many hands.
            for name in names { unlink(temporary(name)) }
            throw CommandFailure(
                "the copies in \(folder) are not complete", reason: error.description,
                hint: "the Pis are made; copy their tars by hand: cp \(deployment.identities)/<name>.tar.gz <folder>",
                exitCode: .cannotCreate)
        }
    }

    private func copy(from deployment: Deployment) throws {
        try removeRemains()
        for name in names {
            let temporary = temporary(name)
            let bytes = try readFile(deployment.bundle(of: name), limit: 1 << 24)
            let file = try FileDescriptor(opening: temporary, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            // In spite of the umask; a stick may know no modes.
            fchmod(file.number, 0o600)
            try file.write(bytes)
            if names.count <= Deployment.fewIdentities { try file.synchronize() }
        }
        if names.count > Deployment.fewIdentities { try synchronizeFileSystem(of: folder) }
        for name in names {
            guard rename(temporary(name), path(name)) == 0 else {
                throw SystemCallError("create", path(name))
            }
        }
        try FileDescriptor(opening: folder, O_RDONLY | O_DIRECTORY).synchronize()
    }

    /// Half a copy, with its secret, that an interrupted run left.
    private func removeRemains() throws {
        for entry in try namesInFolder(folder) where entry.hasPrefix(".") && entry.hasSuffix(Self.unfinished) {
            guard PiName(entry.dropFirst().dropLast(Self.unfinished.count)) != nil else { continue }
            // No folder is ours, and what may not be removed is somebody else's: others may write here too.
            unlink("\(folder)/\(entry)")
        }
    }

    private static let unfinished = ".tar.gz.new"

    private func temporary(_ name: PiName) -> String { "\(folder)/.\(name)\(Self.unfinished)" }
    private func path(_ name: PiName) -> String { "\(folder)/\(name).tar.gz" }
}
