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
        if try fileStatus(identity(of: name)) != nil { return try keptIdentity(of: name, in: identity(of: name)) }
        guard try fileStatus(bundle(of: name)) != nil else { return nil }
        try removeTree(unpacked)
        try makeFolder(unpacked, mode: 0o700)
        // Secrets are in it: should it stay, the next run removes it.
        defer { try? removeTree(unpacked) }
        try Tarball.unpack(PiIdentity.files.map { "\(name)/\($0)" }, of: bundle(of: name), into: unpacked)
        return try keptIdentity(of: name, in: "\(unpacked)/\(name)")
    }

    private func keptIdentity(of name: PiName, in folder: String) throws -> KeptIdentity {
        let hint = "put it back from a copy or from the Pi; or make a new key: provision renew \(name) --new-key"
        func unusable(_ path: String, _ reason: String) -> CommandFailure {
            CommandFailure("\(path) cannot be used", reason: reason, hint: hint, exitCode: .dataError)
        }
        do {
            let identity = try PiIdentity(reading: folder, name: name)
            let names = identity.certificate.subjectAlternativeNames
            guard names.count == 1, case .uri(let uri) = names[0], uri.hasSuffix("/pi/\(name)") else {
                throw unusable("\(folder)/\(PiIdentity.certificateFile)", "it is not the certificate of \(name)")
            }
            return KeptIdentity(
                identity: identity,
                // Whatever it is, it is written anew from the authority's.
                roots: (try? readFile("\(folder)/\(PiIdentity.rootsFile)", limit: 1 << 20)) ?? [])
        } catch let error as UnusableFile {
            throw unusable(error.path, error.reason)
        } catch let error as SystemCallError {
            throw unusable(error.path, error.reason)
        }
    }
}
