import Files
import Glibc

/// Whether folders are folders, and whether whoever runs the deployment may read what is in them: one `sudo provision` may
/// have left files of root's.
struct AccessCheck {
    /// Nothing more can be said before these are mended.
    private(set) var obstacles: [Finding] = []
    private(set) var findings: [Finding] = []

    private let deployment: Deployment
    /// Whose all of it is to be.
    private let owner: uid_t
    private var strangers: [String] = []

    init(_ deployment: Deployment) {
        self.deployment = deployment
        let folder = try? fileStatus(deployment.folder, followingLinks: true)
        let me = geteuid()
        owner = me == 0 ? folder?.st_uid ?? 0 : me
        if let certificates = try? fileStatus(deployment.certificates), me != 0,
            certificates.st_uid != me, folder?.st_uid != me
        {
            let user = userName(certificates.st_uid)
            obstacles = [
                .error(
                    deployment.certificates, "it belongs to \(user), and you are \(userName(me))",
                    mend: "sudo -u \(user) provision check")
            ]
            return
        }
        for path in [deployment.certificates, deployment.identities] { kind(path) }
        guard obstacles.isEmpty else { return }
        for path in [deployment.certificates, deployment.identities, deployment.identifiers] { look(at: path) }
        // What is in it may be the receiver's, and is much.
        if let status = try? fileStatus(deployment.store), isStrange(deployment.store, status) {
            strangers.append(deployment.store)
        }
        ownership(me)
    }

    private mutating func kind(_ path: String) {
        guard let own = try? fileStatus(path), (try? fileStatus(path, followingLinks: true))?.isFolder != true else {
            return
        }
        let mend =
            path == deployment.identities
            ? "mv \(quoted(path)) \(quoted("\(path).old")) && provision init"
            : "mv \(quoted(path)) \(quoted("\(path).old")) # then put it back from your copy"
        obstacles.append(
            .error(path, own.isRegularFile ? "it is a file, not a folder" : "it leads to no folder", mend: mend))
    }

    /// Follows no links: what these lead to is somebody's own choice.
    private mutating func look(at path: String) {
        guard let status = try? fileStatus(path) else { return }
        if isStrange(path, status) {
            strangers.append(path)
            // What is in it goes with it; but in certs, some files may be the receiver's.
            if path != deployment.certificates { return }
        }
        if status.st_uid == owner, !mayRead(status) {
            let finding = Finding.error(path, "its own owner may not read it", mend: "chmod u+rwX \(quoted(path))")
            if geteuid() == 0 { findings.append(finding) } else { obstacles.append(finding) }
        }
        guard status.isFolder, let names = try? namesInFolder(path) else { return }
        for name in names where path != deployment.installations { look(at: "\(path)/\(name)") }
    }

    private func isStrange(_ path: String, _ status: stat) -> Bool {
        guard status.st_uid != owner else { return false }
        // These may be the receiver's.
        let shared = [
            deployment.identifiers, deployment.receiver, deployment.authorityCertificate, deployment.store,
        ]
        guard shared.contains(path) || directory(of: path) == deployment.receiverCertificates else { return true }
        return geteuid() == 0 ? status.st_uid == 0 : !isReadable(path)
    }

    private func mayRead(_ status: stat) -> Bool {
        switch status.st_mode & S_IFMT {
        case S_IFDIR: status.permissions & 0o700 == 0o700
        case S_IFREG: status.permissions & 0o400 != 0
        default: true
        }
    }

    private func isReadable(_ path: String) -> Bool { faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0 }

    private mutating func ownership(_ me: uid_t) {
        guard let first = strangers.first, let status = try? fileStatus(first) else { return }
        let others = strangers.count > 1 ? " (and \(strangers.count - 1) more)" : ""
        let user = quoted(userName(owner))
        func change(_ option: String, _ paths: [String]) -> String {
            "sudo chown \(option) \(user) \(paths.map(quoted).joined(separator: " "))"
        }
        // Few by their names; of many Pis the folder, whose other files are the owner's anyway.
        let whole = strangers.filter { $0 != deployment.certificates }
        let subjects = whole.count <= 8 ? whole : Array(Set(whole.map(topFolder))).sorted()
        let commands =
            (whole.count < strangers.count ? [change("-h", [deployment.certificates])] : [])
            + (subjects.isEmpty ? [] : [change("-hR", subjects)])
        let finding = Finding.error(
            first, "it belongs to \(userName(status.st_uid)), not to \(userName(owner))\(others)",
            mend: commands.joined(separator: " && "))
        if strangers.allSatisfy(isReadable) { findings.append(finding) } else { obstacles.append(finding) }
    }

    private func topFolder(_ path: String) -> String {
        path.hasPrefix("\(deployment.identities)/") ? deployment.identities : path
    }
}

private func userName(_ user: uid_t) -> String {
    getpwuid(user).map { String(cString: $0.pointee.pw_name) } ?? "\(user)"
}
