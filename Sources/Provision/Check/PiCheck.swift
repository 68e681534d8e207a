import CommandSupport
import Files
import OpenSSL
import UploadProtocol

/// Each Pi's folder and tar, and whether they fit `ids.txt` and `certs/`.
struct PiCheck {
    let deployment: Deployment
    let identifiers: IdentifierCheck
    let authority: AuthorityCheck
    let now: Int64

    func names() throws -> [PiName] {
        let kept = try entries().compactMap { PiName($0) }
        return Set(kept + identifiers.named.keys + identifiers.revoked).sorted { $0.text.isOrdered(before: $1.text) }
    }

    func findings() throws -> [Finding] {
        try strangers() + names().flatMap { try findings($0) }
    }

    private func entries() throws -> [String] {
        guard try fileStatus(deployment.identities) != nil else { return [] }
        return try namesInFolder(deployment.identities)
    }

    /// What else lies in `pis/`.
    private func strangers() throws -> [Finding] {
        let names = Set(try names())
        return try entries().filter { !$0.hasPrefix(".") && PiName($0) == nil }.compactMap { entry in
            let path = "\(deployment.identities)/\(entry)"
            if entry.hasSuffix(".tar.gz"), let name = PiName(entry.dropLast(".tar.gz".count)) {
                guard !names.contains(name) else { return nil }
                return .warning(path, "it is of no Pi that is known", mend: "rm \(path)")
            }
            return .warning(path, "it is nothing that provision made", mend: "mv -- '\(path)' ..")
        }
    }

    private func findings(_ name: PiName) throws -> [Finding] {
        let folder = deployment.identity(of: name)
        guard let status = try fileStatus(folder) else { return try withoutFolder(name) }
        guard status.isFolder else { return [.error(folder, "it is no folder", mend: "rm \(folder)")] }
        let open = try permissions(name)
        if identifiers.named[name] == nil {
            guard !identifiers.revoked.contains(name), identifiers.isWhole else { return open }
            return open + [
                .warning(
                    folder, "\(deployment.identifiers) has no line of it: it is shut out, though nobody revoked it",
                    mend: "provision revoke \(name), if that is meant; else provision restore \(name)")
            ]
        }
        return open + (try identity(name)) + (try companions(name))
    }

    private func withoutFolder(_ name: PiName) throws -> [Finding] {
        guard identifiers.named[name] != nil else { return [] }
        let folder = deployment.identity(of: name)
        let mend =
            try fileStatus(deployment.bundle(of: name)) == nil
            ? "scp -r pi@\(name).local:\(name) \(deployment.identities)/" : unpack(name)
        return [.warning(folder, "it is missing: the Pi may send, but cannot be given a new certificate", mend: mend)]
    }

    private func permissions(_ name: PiName) throws -> [Finding] {
        let folder = deployment.identity(of: name)
        return try [folder, deployment.bundle(of: name)].flatMap { path in
            try Provision.permissions(path, forbidden: 0o077, mend: "go=", "others may read the Pi's secret and key")
        }
            + PiIdentity.files.filter { $0 != PiIdentity.rootsFile }.flatMap { file in
                try Provision.permissions(
                    "\(folder)/\(file)", forbidden: 0o077, mend: "go=", "others may read the Pi's secret or key")
            }
    }

    private func identity(_ name: PiName) throws -> [Finding] {
        let folder = deployment.identity(of: name)
        let identity: PiIdentity
        do {
            identity = try PiIdentity(reading: folder, name: name)
        } catch {
            let path = (error as? UnusableFile)?.path ?? (error as? SystemCallError)?.path ?? folder
            let hasBundle = try fileStatus(deployment.bundle(of: name)) != nil
            // With its line it works: a new key leaves its secret as it is.
            let anew =
                identifiers.named[name] == nil
                ? "provision revoke \(name), then provision new-pi" : "provision renew \(name) --new-key"
            return [.error(path, words(error), mend: hasBundle ? unpack(name) : anew)]
        }
        let path = "\(folder)/\(PiIdentity.certificateFile)"
        // What is kept may be another Pi's: then its key is of no use.
        let isOwn = identity.certificate.subjectAlternativeNames.contains { alternative in
            if case .uri(let uri) = alternative { uri.hasSuffix("/pi/\(name)") } else { false }
        }
        let renew = "provision renew \(name)\(isOwn ? "" : " --new-key")"
        var findings = profile(
            identity.certificate, path, roots: authority.roots, purpose: .clientAuthentication, now: now, mend: renew
        ) { chain in
            let said = try LeafProfile.piName(of: chain)
            guard said == name else { throw WrongName(name: said) }
        }
        findings += ending(identity.certificate, path, now: now, days: PiRecord.warningDays, mend: renew)
        if identifiers.named[name]?.contains(identity.secret) != true {
            findings.append(
                .error(
                    "\(folder)/\(PiIdentity.secretFile)",
                    "its secret is not the one that \(deployment.identifiers) has",
                    mend: "provision rotate \(name)"))
        }
        return findings
    }

    private struct WrongName: Error, CustomStringConvertible {
        let name: PiName
        var description: String { "the certificate is that of \(name)" }
    }

    private func companions(_ name: PiName) throws -> [Finding] {
        let mend = "provision bundle \(name)"
        var findings: [Finding] = []
        let roots = "\(deployment.identity(of: name))/\(PiIdentity.rootsFile)"
        if let wanted = authority.rootsText, (try? readFile(roots, limit: 1 << 20)) != wanted {
            let held = (try? readFile(roots, limit: 1 << 20)) ?? []
            let mend = AuthorityChangeStage(of: deployment)?.mend(of: held) ?? mend
            findings.append(.warning(roots, "it is not the same as \(deployment.authorityCertificate)", mend: mend))
        }
        if try fileStatus(deployment.bundle(of: name)) == nil {
            findings.append(.warning(deployment.bundle(of: name), "it is missing", mend: mend))
        }
        return findings
    }

    private func unpack(_ name: PiName) -> String {
        "tar xzf \(deployment.bundle(of: name)) -C \(deployment.identities)"
    }
}
