import CommandSupport
import Files
import OpenSSL
import UploadProtocol

/// What the server still has of a Pi's identity.
struct KeptIdentity {
    let identity: PiIdentity
    /// Its `ca.pem`.
    let roots: [UInt8]
}

extension Deployment {
    /// From the Pi's folder, or from its tar if only that was kept; `nil` if neither was.
    func keptIdentity(of name: PiName) throws -> KeptIdentity? {
        let folder = identity(of: name)
        if try fileStatus(folder) != nil {
            return try keptIdentity(of: name, in: folder) { try readFile($0, limit: 1 << 20) }
        }
        return try fileStatus(bundle(of: name)) == nil ? nil : packedIdentity(of: name)
    }

    /// What the `secret.py` of each Pi's folder holds, those that can be read.
    func keptSecrets() -> [(name: PiName, secret: PiSecret)] {
        ((try? namesInFolder(identities)) ?? []).compactMap { entry in
            guard let name = PiName(entry),
                let text = try? readFile("\(identity(of: name))/\(PiIdentity.secretFile)", limit: 1 << 16),
                let secret = SecretFile.parse(text)
            else { return nil }
            return (name, secret)
        }
    }

    /// What the Pi's tar holds.
    func packedIdentity(of name: PiName) throws -> KeptIdentity {
        let path = bundle(of: name)
        return try keptIdentity(of: name, in: path) { file in
            guard let bytes = try packedFiles(of: name)?[lastComponent(of: file)] else {
                throw UnusableFile(path: path, reason: "it is not, or no longer, what provision packed", hint: "")
            }
            return bytes
        }
    }

    /// `nil` if it is not what provision packs, or damaged.
    func packedFiles(of name: PiName) throws -> [String: [UInt8]]? {
        Tarball.unpack(PiIdentity.files, of: name, try readFile(bundle(of: name), limit: 1 << 24))
    }

    private func keptIdentity(
        of name: PiName, in place: String, read: (String) throws -> [UInt8]
    ) throws -> KeptIdentity {
        let hint = "put it back from a copy or from the Pi; or make a new key: provision renew \(name) --new-key"
        func unusable(_ path: String, _ reason: String) -> CommandFailure {
            CommandFailure("\(path) cannot be used", reason: reason, hint: hint, exitCode: .dataError)
        }
        do {
            let identity = try PiIdentity(name: name, in: place, read: read)
            guard identity.isOwn else {
                throw unusable("\(place)/\(PiIdentity.certificateFile)", "it is not the certificate of \(name)")
            }
            return KeptIdentity(
                identity: identity,
                // Whatever it is, it is written anew from the authority's.
                roots: (try? read("\(place)/\(PiIdentity.rootsFile)")) ?? [])
        } catch let error as UnusableFile {
            throw unusable(error.path, error.reason)
        } catch let error as SystemCallError {
            throw unusable(error.path, error.reason)
        }
    }
}
