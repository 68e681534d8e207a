import CommandSupport
import Files
import OpenSSL
import UploadProtocol

/// Each Pi's folder and tar, and whether they fit `ids.txt` and `certs/`.
struct PiCheck {
    let deployment: Deployment
    let identifiers: IdentifierCheck
    let authority: AuthorityCheck
    /// Of these an interrupted run has left a part.
    let held: Set<PiName>
    let now: Int64

    func names() throws -> [PiName] {
        let kept = try entries().compactMap { PiName($0) }
        return Set(kept + identifiers.named.keys + identifiers.revoked).sorted { $0.text.isOrdered(before: $1.text) }
    }

    func findings() throws -> [Finding] {
        try strangers() + names().filter { !held.contains($0) }.flatMap { try findings($0) }
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
                guard !names.contains(name), !held.contains(name) else { return nil }
                return .warning(
                    path, "it is of no Pi that is known", mend: packedRegain(name) ?? deployment.settingAside([path]))
            }
            return .warning(path, "it is nothing that provision made", mend: deployment.settingAside([path]))
        }
    }

    private func findings(_ name: PiName) throws -> [Finding] {
        let folder = deployment.identity(of: name)
        guard let status = try fileStatus(folder) else { return try withoutFolder(name) }
        guard status.isFolder else {
            let mend =
                identifiers.named[name] != nil ? regain(name) : packedRegain(name) ?? deployment.settingAside([folder])
            return [.error(folder, "it is no folder", mend: mend)]
        }
        let open = try permissions(name)
        if identifiers.named[name] == nil {
            if let other = otherOwner(name) { return open + [other] }
            guard !identifiers.revoked.contains(name), identifiers.isWhole, !identifiers.cutOff.contains(name) else {
                return open
            }
            return open + [notListed(name)]
        }
        return open + (try identity(name))
    }

    /// Of a Pi without a line: to restore it would give it the secret of another.
    private func otherOwner(_ name: PiName) -> Finding? {
        let path = "\(deployment.identity(of: name))/\(PiIdentity.secretFile)"
        guard let secret = (try? readFile(path, limit: 1 << 16)).flatMap({ SecretFile.parse($0) }),
            let owner = identifiers.owners[IdentifierCheck.digest(secret)]?.first(where: {
                $0 != name && identifiers.named[$0]?.contains(secret) == true
            })
        else { return nil }
        let packed = try? deployment.packedIdentity(of: name).identity.secret
        let mend =
            if let packed, packed != secret {
                unpacked(name)
            } else {
                deployment.settingAside([deployment.identity(of: name), deployment.bundle(of: name)])
            }
        return .warning(path, "its secret is that of \(owner)", mend: mend)
    }

    private func notListed(_ name: PiName) -> Finding {
        let folder = deployment.identity(of: name)
        let problem = "\(deployment.identifiers) has no line of it: it is shut out, though nobody revoked it"
        guard (try? PiIdentity(reading: folder, name: name)) != nil else {
            return .warning(
                folder, "\(problem), and what is kept of it is damaged",
                mend: packedRegain(name) ?? deployment.settingAside([folder, deployment.bundle(of: name)]))
        }
        return .warning(
            folder, problem,
            mend: "provision revoke \(name) # if that is meant; if not: provision restore \(name)")
    }

    /// For one without a line: `nil` unless the tar is whole.
    private func packedRegain(_ name: PiName) -> String? {
        guard (try? deployment.packedIdentity(of: name)) != nil else { return nil }
        return "\(unpacked(name)) # then, unless it was stolen: provision restore \(name)"
    }

    private func withoutFolder(_ name: PiName) throws -> [Finding] {
        guard identifiers.named[name] != nil else { return [] }
        return [
            .warning(
                deployment.identity(of: name),
                "it is missing: the Pi may send, but cannot be given a new certificate", mend: regain(name))
        ]
    }

    /// From the tar if that will do, else with a new key, which leaves the secret as it is.
    private func regain(_ name: PiName) -> String {
        let unpacking = unpacking(name)
        return unpacking
            ?? clear(name, clearing([deployment.bundle(of: name)], "provision renew \(name) --new-key"))
    }

    /// `command`, after what stands in the way of the Pi's files.
    private func clear(_ name: PiName, _ command: String) -> String {
        let folder = deployment.identity(of: name)
        if (try? fileStatus(folder))?.isFolder == false { return "\(deployment.settingAside([folder])) && \(command)" }
        return clearing(PiIdentity.files.map { "\(folder)/\($0)" }, command)
    }

    /// `nil` unless the tar is whole, and its secret counts.
    private func unpacking(_ name: PiName) -> String? {
        guard let packed = try? deployment.packedIdentity(of: name),
            identifiers.named[name]?.contains(packed.identity.secret) == true
        else { return nil }
        return unpacked(name)
    }

    private func unpacked(_ name: PiName) -> String {
        clear(name, "tar xzf \(quoted(deployment.bundle(of: name))) -C \(quoted(deployment.identities))")
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
            return [.error(path, words(error), mend: regain(name))]
        }
        let path = "\(folder)/\(PiIdentity.certificateFile)"
        // What is kept may be another Pi's: then its key is of no use.
        let renew = identity.isOwn ? "provision renew \(name)" : regain(name)
        // A secret of its own comes first: without it, no renewal will do.
        let hasSecret = identifiers.named[name]?.contains(identity.secret) == true
        var findings = hasSecret ? [] : [otherSecret(name)]
        // It brings back the certificate too.
        if !hasSecret, unpacking(name) != nil { return findings }
        findings += profile(
            identity.certificate, path, roots: authority.roots, purpose: .clientAuthentication, now: now, mend: renew
        ) { chain in
            let said = try LeafProfile.piName(of: chain)
            guard said == name else { throw WrongName(name: said) }
        }
        findings += ending(identity.certificate, path, now: now, days: PiRecord.warningDays, mend: renew)
        // What takes the place of another Pi's certificate brings the rest with it.
        return hasSecret && identity.isOwn ? findings + (try companions(name)) : findings
    }

    private func otherSecret(_ name: PiName) -> Finding {
        let folder = deployment.identity(of: name)
        let mend =
            if let unpacking = unpacking(name) {
                unpacking
            } else if identifiers.named[name]?.count == 1 {
                "provision rotate \(name)"
            } else {
                // Which of its secrets it uses is not known here; the newest stands last.
                "\(deployment.settingAside([folder, deployment.bundle(of: name)])) && provision renew \(name) --new-key"
            }
        return .error(
            "\(folder)/\(PiIdentity.secretFile)", "its secret is not the one that \(deployment.identifiers) has",
            mend: mend)
    }

    private struct WrongName: Error, CustomStringConvertible {
        let name: PiName
        var description: String { "the certificate is that of \(name)" }
    }

    /// What else is there of a Pi whose secret, key and certificate are whole.
    private func companions(_ name: PiName) throws -> [Finding] {
        let folder = deployment.identity(of: name)
        let bundle = deployment.bundle(of: name)
        let roots = "\(folder)/\(PiIdentity.rootsFile)"
        let mend = clearing([roots, bundle], "provision bundle \(name)")
        var findings: [Finding] = []
        if let wanted = authority.rootsText, (try? readFile(roots, limit: 1 << 20)) != wanted {
            let held = (try? readFile(roots, limit: 1 << 20)) ?? []
            let mend = AuthorityChangeStage(of: deployment)?.mend(of: held) ?? mend
            findings.append(.warning(roots, "it is not the same as \(deployment.authorityCertificate)", mend: mend))
        }
        guard try fileStatus(bundle) != nil else {
            return findings + [.warning(bundle, "it is missing", mend: mend)]
        }
        do {
            guard let packed = try deployment.packedFiles(of: name) else {
                return findings + [.warning(bundle, "it is damaged, or was packed by something else", mend: mend)]
            }
            for file in PiIdentity.files where packed[file] != (try? readFile("\(folder)/\(file)", limit: 1 << 20)) {
                return findings + [.warning(bundle, "its \(file) is not the one in \(folder)/", mend: mend)]
            }
            return findings
        } catch {
            return findings + [.warning(bundle, words(error), mend: mend)]
        }
    }
}
