import Files
import Glibc
import OpenSSL
import UploadProtocol

/// `ids.txt`, read line by line: an error in one does not hide those in others.
struct IdentifierCheck {
    /// Those that count.
    private(set) var named: [PiName: [PiSecret]] = [:]
    private(set) var revoked: Set<PiName> = []
    /// Whose line has lost its name.
    private(set) var cutOff: Set<PiName> = []
    private(set) var findings: [Finding] = []
    /// The Pis whose line could not be told from a broken one are not reported as missing.
    private(set) var isWhole = true
    /// Whose folder holds a secret, by its digest: a secret itself is no key for a table, which shows it.
    private(set) var owners: [SHA256Digest: [PiName]] = [:]
    let path: String

    init(deployment: Deployment) {
        path = deployment.identifiers
        let kept = deployment.keptSecrets()
        count(kept)
        do {
            guard let status = try fileStatus(path) else {
                throw SystemCallError("read", path, code: ENOENT)
            }
            guard status.st_mode & S_IFMT != S_IFLNK else {
                isWhole = false
                findings.append(link())
                return
            }
            guard status.isRegularFile else {
                throw SystemCallError("read", path, code: status.isFolder ? EISDIR : EINVAL)
            }
            findings += try permissions(
                path, forbidden: 0o027, mend: ReceiverGroup(deployment).excess("g-w"),
                "others may read the secrets, or change them")
            var text = try readFile(path, limit: 8 << 20)[...]
            if text.starts(with: [0xef, 0xbb, 0xbf]) { text = text.dropFirst(3) }
            let lines = IdentifierFileLine.all(in: text)
            let listed = Self.secrets(lines)
            count(kept.map { ($0.name, Self.believed($0.secret, listed[$0.name], $0.name, deployment)) })
            read(lines)
        } catch {
            isWhole = false
            findings.append(unreadable(error))
        }
    }

    private mutating func count(_ secrets: [(name: PiName, secret: PiSecret)]) {
        owners = [:]
        for (name, secret) in secrets { owners[Self.digest(secret), default: []].append(name) }
    }

    private static func secrets(_ lines: [IdentifierFileLine]) -> [PiName: [PiSecret]] {
        lines.reduce(into: [:]) { secrets, line in
            if case .active(let entry) = line.meaning, let name = entry.name {
                secrets[name, default: []].append(entry.secret)
            }
        }
    }

    /// The secret in a Pi's folder, or the one in its tar if only that agrees with its line: then the folder is wrong,
    /// and the line, with which the Pi sends, must stay.
    private static func believed(
        _ secret: PiSecret, _ lines: [PiSecret]?, _ name: PiName, _ deployment: Deployment
    ) -> PiSecret {
        guard let lines, !lines.contains(secret),
            let packed = try? deployment.packedIdentity(of: name).identity.secret, lines.contains(packed)
        else { return secret }
        return packed
    }

    static func digest(_ secret: PiSecret) -> SHA256Digest {
        secret.key.withUnsafeBytes { SHA256.digest(of: $0) }
    }

    private func unreadable(_ error: any Error) -> Finding {
        let isMissing = (error as? SystemCallError)?.code == ENOENT
        let problem = isMissing ? "it is missing, so the receiver does not start" : words(error)
        guard !isMissing || !owners.isEmpty else { return .error(path, problem, mend: "provision init") }
        let aside = isMissing ? "" : "mv \(quoted(path)) \(quoted("\(path).old")) && "
        return .error(
            path, problem,
            mend: """
                # put it back from your copy. If there is none: \(aside)install -m 600 /dev/null \(quoted(path)), and then \
                provision restore <name> for each Pi that may still send; not for one that was stolen: who was revoked \
                stood in that file alone
                """)
    }

    private func link() -> Finding {
        let mend =
            (try? destination(path))?.isRegularFile != true
            ? "rm \(quoted(path)) # then put the file back from your copy"
            : "cp --remove-destination \"$(readlink -f \(quoted(path)))\" \(quoted(path))"
        return .error(path, "it is a link: provision could not replace what it leads to as a whole", mend: mend)
    }

    private mutating func read(_ lines: [IdentifierFileLine]) {
        var bare = 0
        var seen: [SHA256Digest: [SecretLine]] = [:]
        for (index, line) in lines.enumerated() {
            let number = index + 1
            switch line.meaning {
            case .revoked(let entry, _):
                if let name = entry.name { revoked.insert(name) }
            case .imported: break
            case .other:
                findings += syntax(line, number)
            case .active(let entry):
                if let name = entry.name { named[name, default: []].append(entry.secret) } else { bare += 1 }
                seen[Self.digest(entry.secret), default: []].append(
                    SecretLine(number: number, name: entry.name, isWindows: line.bytes.suffix(2).first == 13))
            }
        }
        for (secret, lines) in seen.sorted(by: { $0.value[0].number < $1.value[0].number }) {
            findings += repeated(lines) + misplaced(lines, owners[secret] ?? [])
            // Its name was cut off: then no more is to be said of the line, and of its Pi.
            if lines.count == 1, lines[0].name == nil, let owner = owners[secret]?.first {
                bare -= 1
                cutOff.insert(owner)
            }
        }
        // `provision rotate` adds a line in between: what counts lines comes first.
        findings = findings.filter(\.countsLines) + findings.filter { !$0.countsLines }
        findings += bareLines(bare)
        for (name, secrets) in named.sorted(by: { $0.key < $1.key }) where secrets.count > 1 {
            findings.append(
                .warning(path, "\(name) has \(secrets.count) secrets that count", mend: Self.endOfRotation(name)))
        }
    }

    static func endOfRotation(_ name: PiName) -> String {
        """
        provision bundle \(name) # bring it to the Pi, and once that has sent something: provision rotate \(name) --finish
        """
    }

    private mutating func syntax(_ line: IdentifierFileLine, _ number: Int) -> [Finding] {
        do {
            let bytes = line.bytes.last == 10 ? line.bytes.dropLast() : line.bytes[...]
            _ = try IdentifierLine(bytes, number: number)
            return []
        } catch {
            isWhole = false
            return [.error(path, "\(error)", mend: "${EDITOR:-nano} +\(number) \(quoted(path))")]
        }
    }

    private func bareLines(_ count: Int) -> [Finding] {
        guard count > 0 else { return [] }
        let mend = "provision import \(quoted(path))"
        if count > IdentifierList.mostBareSecrets {
            let problem =
                "\(count) lines have no name, more than \(IdentifierList.mostBareSecrets): the receiver does not start"
            return [.error(path, problem, mend: mend)]
        }
        let subject = count == 1 ? "1 line has no name: its" : "\(count) lines have no name: their"
        return [
            .warning(path, "\(subject) secret serves every Pi that has no line, also one that was revoked", mend: mend)
        ]
    }
}

extension Finding {
    fileprivate var countsLines: Bool { mend.hasPrefix("sed ") }
}
