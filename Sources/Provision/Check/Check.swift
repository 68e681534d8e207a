import CommandSupport
import Files
import Glibc
import OpenSSL
import UploadProtocol

/// `provision check`: reads all of a deployment and changes nothing of it.
///
/// What cannot be read is a finding like any other, so that one damaged file does not hide the next.
struct Check {
    let deployment: Deployment
    /// Seconds since 1970.
    let now: Int64

    /// `waiting` is told if another run is at work, whose half-made things would else look like remains.
    func report(waiting: (String) -> Void) throws -> CheckReport {
        guard [deployment.authorityCertificate, deployment.receiver, deployment.identifiers].contains(where: isThere)
        else {
            throw CommandFailure(
                "this folder holds no deployment",
                reason: "there is neither \(deployment.authorityCertificate) nor \(deployment.identifiers)",
                hint: "change to the folder where provision new-pi ran, or begin one here: provision init",
                exitCode: .configuration)
        }
        let lock: DeploymentLock?
        do {
            lock = try DeploymentLock(reading: deployment) {
                waiting("Another provision is at work in this folder; waiting for it …")
            }
        } catch let failure as CommandFailure where failure.exitCode == .temporaryFailure {
            throw failure
        } catch {
            // One that cannot be had is among the findings.
            lock = nil
        }
        return try withExtendedLifetime(lock) {
            let access = AccessCheck(deployment)
            guard access.obstacles.isEmpty else { return CheckReport(findings: access.obstacles, pis: nil) }
            let remains = try Remains(deployment)
            let identifiers = IdentifierCheck(deployment: deployment)
            let authority = AuthorityCheck(deployment: deployment, now: now)
            let receiver = ReceiverCheck(deployment: deployment, roots: authority.roots, now: now)
            let pis = PiCheck(
                deployment: deployment, identifiers: identifiers, authority: authority, held: remains.held, now: now)
            var findings = access.findings + (try folders()) + remains.findings
            // In the middle of a change they do not fit one another.
            if !remains.holdsCertificates { findings += authority.findings + (try receiver.findings()) }
            findings += identifiers.findings + ReceiverGroup(deployment).findings()
            if !remains.holdsCertificates { findings += try pis.findings() }
            return CheckReport(findings: findings, pis: try pis.names().count)
        }
    }

    /// Also where it cannot be told.
    private func isThere(_ path: String) -> Bool {
        do { return try fileStatus(path) != nil } catch { return true }
    }

    private func isRegularOrMissing(_ path: String) throws -> Bool {
        try fileStatus(path)?.isRegularFile ?? true
    }

    private func folders() throws -> [Finding] {
        var findings: [Finding] = []
        findings += try permissions(
            deployment.folder, forbidden: S_IWOTH, mend: "o-w", "everyone may change what is in it")
        // A group may pass through, the receiver's if it runs as a user of its own: each file in it has a mode of its own.
        findings += try permissions(
            deployment.certificates, forbidden: 0o067, mend: ReceiverGroup(deployment).excess("g-rw"),
            "others may look into it")
        findings += try permissions(deployment.identities, forbidden: 0o077, mend: "go=", "others may look into it")
        if try !isRegularOrMissing(deployment.lock) {
            findings.append(.error(deployment.lock, "it is no regular file", mend: "rm -r \(quoted(deployment.lock))"))
        }
        if try fileStatus(deployment.identities) == nil {
            findings.append(.error(deployment.identities, "it is missing", mend: "provision init"))
        }
        // What an editor leaves behind has the secrets too.
        for name in try namesInFolder(deployment.folder) where name.hasPrefix("ids.txt") && name != "ids.txt" {
            findings += try permissions(
                deployment.path(name), forbidden: 0o077, mend: "go=", "others may read the secrets in it")
        }
        if try fileStatus(deployment.path(".git")) != nil, try fileStatus(deployment.gitignore) == nil {
            findings.append(
                .warning(deployment.gitignore, "it is missing: secrets may get into git", mend: "provision init"))
        }
        return findings + (try store())
    }

    private func store() throws -> [Finding] {
        let path = deployment.store
        guard let status = try destination(path) else {
            guard try fileStatus(path) == nil else {
                return [
                    .error(
                        path, "it points at nothing, so the receiver does not start: is a disk not mounted?",
                        mend: "# mount it. To begin with an empty one: rm \(quoted(path)) && provision init")
                ]
            }
            return [.error(path, "it is missing, so the receiver does not start", mend: "provision init")]
        }
        guard status.isFolder else {
            return [
                .error(
                    path, "it is no folder, so the receiver does not start",
                    mend: "mv \(quoted(path)) \(quoted("\(path).old")) && provision init")
            ]
        }
        return try permissions(path, forbidden: S_IWOTH, mend: "o-w", "everyone may change what was uploaded")
    }
}

/// What interrupted runs left, which the next run finishes or removes.
struct Remains {
    private(set) var findings: [Finding]
    /// The Pis whose parts are under way: nothing is to be said of them before that.
    let held: Set<PiName>
    /// The same of `certs/`.
    let holdsCertificates: Bool

    init(_ deployment: Deployment) throws {
        let paths = [
            deployment.staging, deployment.unfinishedReplacement, deployment.replacement, deployment.unfinishedChange,
            deployment.change, IdentifierFile.temporary(of: deployment.identifiers),
        ]
        findings = try paths.filter { try fileStatus($0) != nil }.map {
            .warning($0, "an interrupted run has left it", mend: "provision init")
        }
        held = Set(
            [deployment.staging, deployment.replacement].flatMap { (try? namesInFolder($0)) ?? [] }.compactMap {
                PiName($0)
            })
        holdsCertificates = try fileStatus(deployment.change) != nil
    }
}

/// What `path` leads to; `nil` if to nothing, as a link that leads to itself.
func destination(_ path: String) throws -> stat? {
    do {
        return try fileStatus(path, followingLinks: true)
    } catch {
        guard error.code == ELOOP else { throw error }
        return nil
    }
}

/// At most one finding: `path` has one of the permission bits `forbidden`.
func permissions(_ path: String, forbidden: mode_t, mend: String, _ meaning: String) throws -> [Finding] {
    // The permissions of a link say nothing.
    // And those of a device are not for a deployment to change.
    guard let status = try destination(path), status.isRegularFile || status.isFolder,
        status.permissions & forbidden != 0
    else { return [] }
    let mode = String(status.permissions, radix: 8)
    return [.error(path, "\(meaning) (mode \(mode))", mend: "chmod \(mend) \(quoted(path))")]
}

/// `command`, after what cannot be replaced has been removed: what is no file though it should be, or is huge.
func clearing(_ paths: [String], _ command: String) -> String {
    let obstacles = paths.filter { path in
        guard let status = try? fileStatus(path) else { return false }
        return !status.isRegularFile || status.st_size > 1 << 20
    }
    return obstacles.isEmpty ? command : "rm -r \(obstacles.map(quoted).joined(separator: " ")) && \(command)"
}

extension Deployment {
    /// Moves what may hold a key where nothing looks for it, and nothing overwrites it: its last copy perhaps.
    func settingAside(_ paths: [String]) -> String {
        let old = quoted("\(identities)/.old")
        let present = paths.filter { (try? fileStatus($0)) ?? nil != nil }.map(quoted).joined(separator: " ")
        return "mkdir -p -m 700 \(old) && mv --backup=numbered -t \(old) \(present)"
    }
}

/// The way in which a file's reading failed, for the middle of a line.
func words(_ error: any Error) -> String {
    switch error {
    case let error as SystemCallError: "it cannot be read: \(error.reason)"
    case let error as UnusableFile: error.reason
    default: "\(error)"
    }
}

/// A finding where a certificate has ended, or will soon. `now`: seconds since 1970; `days`: from how many on it counts.
func ending(_ certificate: Certificate, _ path: String, now: Int64, days: Int64, mend: String) -> [Finding] {
    guard let start = certificate.notBefore, let end = certificate.notAfter else {
        return [.error(path, "the certificate has no end date that can be read", mend: mend)]
    }
    if now < start { return [.error(path, "the certificate does not count before \(date(start))", mend: "date")] }
    if end <= now { return [.error(path, "the certificate ended on \(date(end))", mend: mend)] }
    let left = (end - now) / 86_400
    guard left < days else { return [] }
    return [.warning(path, "the certificate ends in \(left) day\(left == 1 ? "" : "s"), on \(date(end))", mend: mend)]
}

/// What `judge` or OpenSSL's strict check has against a certificate, other than its dates.
func profile(
    _ certificate: Certificate, _ path: String, roots: [Certificate], purpose: Certificate.Purpose, now: Int64,
    mend: String, judge: (VerifiedChain) throws -> Void
) -> [Finding] {
    guard !roots.isEmpty else { return [] }
    // At a time at which it counts: whether it has ended is another finding.
    let time = min(max(now, certificate.notBefore ?? now), (certificate.notAfter ?? now) - 1)
    do {
        try judge(VerifiedChain(verifying: certificate, roots: roots, purpose: purpose, at: time))
        return []
    } catch let error as OpenSSLError {
        return [.error(path, error.reasons.joined(separator: "; "), mend: mend)]
    } catch {
        return [.error(path, "\(error)", mend: mend)]
    }
}
