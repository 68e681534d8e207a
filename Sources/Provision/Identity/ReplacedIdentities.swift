import Files
import Glibc
import UploadProtocol

/// How a Pi that exists gets other files (a new secret, a renewed certificate, another root):
///
/// 1. folders and tars are made in `pis/.replacing/`, whole and durable, and that folder is renamed to
///    `pis/.replacement/`;
/// 2. a new secret is written into `ids.txt`, if there is one;
/// 3. each file takes the place of the old one, `secret.py` last. What else people put into the folder stays.
///
/// What an interruption left in `.replacing` is removed. For what it left in `.replacement` the staged secret decides, as
/// with new Pis: a line has it, then step 3 is done again; none has it, then the old files stay.
extension Deployment {
    /// Writes folder and tar of each again. `commit` writes the lines of new secrets.
    func replace(_ identities: [PiIdentity], roots: [UInt8], commit: () throws -> Void = {}) throws {
        do {
            try stage(identities, roots: roots, in: unfinishedReplacement)
            try moveFolderToNewName(unfinishedReplacement, replacement)
            try commit()
        } catch {
            try? removeTree(unfinishedReplacement)
            if case .some = try? fileStatus(replacement) { removeUncommitted(replacement) }
            throw error
        }
        try install(identities.map(\.name))
    }

    func recoverReplacement(_ identifiers: IdentifierFile?) throws -> [PiName] {
        guard try fileStatus(replacement) != nil else { return [] }
        let names = try committed(in: replacement, identifiers)
        try install(names)
        return names
    }

    private func install(_ names: [PiName]) throws {
        for name in names {
            try makeFolder(identity(of: name), mode: 0o700)
            try take("\(replacement)/\(name).tar.gz", bundle(of: name))
            for file in PiIdentity.files where file != PiIdentity.secretFile {
                try take("\(replacement)/\(name)/\(file)", "\(identity(of: name))/\(file)")
            }
        }
        // Not a secret moves before the other files are there for good: it tells what is left to be done.
        try synchronizeFolders(of: names)
        for name in names {
            try take(
                "\(replacement)/\(name)/\(PiIdentity.secretFile)", "\(identity(of: name))/\(PiIdentity.secretFile)")
        }
        try synchronizeFolders(of: names)
        try removeTree(replacement)
    }

    private func synchronizeFolders(of names: [PiName]) throws {
        guard names.count <= Self.fewIdentities else { return try synchronizeFileSystem(of: identities) }
        for path in [identities] + names.map(identity) {
            try FileDescriptor(opening: path, O_RDONLY | O_DIRECTORY).synchronize()
        }
    }

    /// Nothing happens where an earlier run did it.
    private func take(_ path: String, _ place: String) throws {
        guard rename(path, place) != 0 else { return }
        let error = SystemCallError("replace", place)
        guard error.code == ENOENT, try fileStatus(path) == nil else { throw error }
    }
}
