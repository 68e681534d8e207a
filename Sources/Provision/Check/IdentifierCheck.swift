import Files
import Glibc
import OpenSSL
import UploadProtocol

/// `ids.txt`, read line by line: an error in one does not hide those in others.
struct IdentifierCheck {
    /// Those that count.
    private(set) var named: [PiName: [PiSecret]] = [:]
    private(set) var revoked: Set<PiName> = []
    private(set) var findings: [Finding] = []
    /// The Pis whose line could not be told from a broken one are not reported as missing.
    private(set) var isWhole = true

    init(deployment: Deployment) {
        let path = deployment.identifiers
        do {
            guard let status = try fileStatus(path) else {
                isWhole = false
                findings.append(
                    .error(
                        path, "it is missing, so the receiver does not start",
                        mend: "put it back from your copy; for an empty one, which shuts all Pis out: touch \(path)"))
                return
            }
            guard status.isRegularFile else {
                throw SystemCallError("read", path, code: status.isFolder ? EISDIR : EINVAL)
            }
            findings += try permissions(
                path, forbidden: 0o027, mend: "g-w,o=", "others may read the secrets, or change them")
            var text = try readFile(path, limit: 8 << 20)[...]
            if text.starts(with: [0xef, 0xbb, 0xbf]) { text = text.dropFirst(3) }
            read(IdentifierFileLine.all(in: text), path)
        } catch {
            isWhole = false
            findings.append(.error(path, words(error), mend: "put it back from your copy"))
        }
    }

    private mutating func read(_ lines: [IdentifierFileLine], _ path: String) {
        var bare = 0
        var seen: [SHA256Digest: (line: Int, name: PiName?)] = [:]
        for (index, line) in lines.enumerated() {
            let number = index + 1
            switch line.meaning {
            case .revoked(let entry, _):
                if let name = entry.name { revoked.insert(name) }
            case .imported: break
            case .other:
                findings += syntax(line, number, path)
            case .active(let entry):
                if let name = entry.name { named[name, default: []].append(entry.secret) } else { bare += 1 }
                // The digest: a secret is no key for a table, which shows it.
                let digest = entry.secret.key.withUnsafeBytes { SHA256.digest(of: $0) }
                if let first = seen[digest] {
                    findings.append(doubled(number, entry.name, first.line, first.name, path))
                } else {
                    seen[digest] = (number, entry.name)
                }
            }
        }
        findings += bareLines(bare, path)
        for (name, secrets) in named.sorted(by: { $0.key < $1.key }) where secrets.count > 1 {
            findings.append(
                .warning(
                    path, "\(name) has \(secrets.count) secrets that count",
                    mend:
                        "provision bundle \(name), bring it to the Pi, and once that has sent something: provision rotate \(name) --finish"
                ))
        }
    }

    private mutating func syntax(_ line: IdentifierFileLine, _ number: Int, _ path: String) -> [Finding] {
        do {
            let bytes = line.bytes.last == 10 ? line.bytes.dropLast() : line.bytes[...]
            _ = try IdentifierLine(bytes, number: number)
            return []
        } catch {
            isWhole = false
            return [.error(path, "\(error)", mend: "${EDITOR:-nano} +\(number) \(path)")]
        }
    }

    private func doubled(
        _ number: Int, _ name: PiName?, _ first: Int, _ firstName: PiName?, _ path: String
    ) -> Finding {
        if name == firstName {
            return .warning(path, "line \(number) says the same as line \(first)", mend: "sed -i \(number)d \(path)")
        }
        let problem = "lines \(first) and \(number) have the same secret, though not for the same Pi"
        return .error(
            path, problem, mend: (name ?? firstName).map { "provision rotate \($0)" } ?? "provision import \(path)")
    }

    private func bareLines(_ count: Int, _ path: String) -> [Finding] {
        guard count > 0 else { return [] }
        let mend = "provision import \(path)"
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
