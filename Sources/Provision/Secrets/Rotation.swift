import CommandSupport
import Files
import UploadProtocol

/// `provision rotate`. Which secret is the new one is told by the Pi's folder, not by the order of the lines, which
/// people may change.
struct Rotation {
    let deployment: Deployment
    let say: (String) -> Void

    func begin(_ name: PiName, _ bits: SecretBits) throws {
        try deployment.change(say) { identifiers in
            let count = try activeSecrets(of: name, identifiers).count
            guard count == 1 else {
                throw CommandFailure(
                    "\(name) has \(count) secrets already",
                    hint: """
                        if the Pi has the new one, finish that first: provision rotate \(name) --finish. If not, bring it: \
                        provision bundle \(name) --install pi@\(name).local
                        """, exitCode: .cannotCreate)
            }
            var identity = try kept(name)
            identity.secret = try uniqueSecret(in: identifiers) { try PiSecret(randomBits: bits.rawValue) }
            let secret = identity.secret
            try deployment.closeIdentifiers(say)
            try deployment.replace([identity], roots: deployment.roots()) {
                try IdentifierFile.edit(deployment.identifiers) { file in
                    // Whoever was shut out meanwhile gets no new line.
                    guard file.list.named[name] != nil else { throw noSecret(of: name, file) }
                    file.insert(secret, besideOthersOf: name)
                }
            }
            say("Made a new secret for \(name); the old one counts too, until you finish.")
            say("")
            say("Bring it to the Pi, for example:")
            say("  provision bundle \(name) --install pi@\(name).local")
            say("or by hand:")
            say("  scp \(deployment.bundle(of: name)) pi@\(name).local:")
            say("and there, in the folder that holds \(name)/:")
            say("  tar xzf \(name).tar.gz && rm \(name).tar.gz")
            say("Then here, once the Pi has sent something:")
            say("  provision rotate \(name) --finish")
        }
    }

    func finish(_ name: PiName) throws {
        try deployment.change(say) { identifiers in
            let secrets = try activeSecrets(of: name, identifiers)
            guard secrets.count > 1 else {
                return say("\(name) has one secret in \(deployment.identifiers); there is nothing to finish.")
            }
            let current = try kept(name).secret
            guard secrets.contains(current) else {
                throw CommandFailure(
                    "none of the \(secrets.count) secrets of \(name) is the one in \(deployment.identity(of: name))",
                    reason: "so it cannot be told which is the new one",
                    hint: "in \(deployment.identifiers), take out the line that the Pi no longer uses",
                    exitCode: .dataError)
            }
            try IdentifierFile.edit(deployment.identifiers) { file in
                var isKept = false
                file.remove { line in
                    guard line.isActive(of: name) else { return false }
                    guard line.entry?.secret == current, !isKept else { return true }
                    isKept = true
                    return false
                }
            }
            say("Only the new secret of \(name) counts from now on.")
        }
    }

    private func activeSecrets(of name: PiName, _ identifiers: IdentifierFile) throws -> [PiSecret] {
        try deployment.refuseUnknown(name, identifiers)
        guard let secrets = identifiers.list.named[name] else { throw noSecret(of: name, identifiers) }
        return secrets
    }

    private func noSecret(of name: PiName, _ identifiers: IdentifierFile) -> CommandFailure {
        CommandFailure(
            "\(name) has no secret that counts",
            reason: identifiers.dayOfRevocation(of: name).map { "it was revoked on \($0)" },
            hint: "let it in again first: provision restore \(name)", exitCode: .configuration)
    }

    private func kept(_ name: PiName) throws -> PiIdentity {
        guard try fileStatus(deployment.identity(of: name)) != nil else {
            throw CommandFailure(
                "\(deployment.identity(of: name)) is missing", reason: "the Pi's key and certificate are kept there",
                hint: "copy the folder back from the Pi, or revoke \(name) and make a new Pi", exitCode: .configuration)
        }
        return try PiIdentity(reading: deployment.identity(of: name), name: name)
    }
}

extension Deployment {
    /// `ca.pem` as it is: what every Pi is to trust. Its key is not needed for that.
    func roots() throws -> [UInt8] {
        try readFile(authorityCertificate, limit: 1 << 20)
    }
}
