import OpenSSL
import UploadProtocol

/// A line of `ids.txt` that counts.
struct SecretLine {
    /// 1 is the first.
    let number: Int
    let name: PiName?
    let isWindows: Bool

    /// As a comment it keeps its place: the other lines keep the numbers that other mends have.
    func removal(from path: String) -> String { "sed -i '\(number)s/^/# /' \(quoted(path))" }

    /// With the name of `pi`, in the place of another or of none.
    func renaming(to pi: PiName, in path: String) -> String {
        let edit =
            if let name { "s/\\b\(name)\\b/\(pi)/" } else if isWindows { "s/\\r*$/ \(pi)&/" } else { "s/$/ \(pi)/" }
        return "sed -i '\(number)\(edit)' \(quoted(path))"
    }
}

/// Whether each secret stands in one line, that of the Pi whose folder has it.
extension IdentifierCheck {
    /// `lines`: all that have one secret.
    func repeated(_ lines: [SecretLine]) -> [Finding] {
        lines.indices.compactMap { index in
            guard let first = lines[..<index].first(where: { $0.name == lines[index].name }) else { return nil }
            return .warning(
                path, "line \(lines[index].number) says the same as line \(first.number)",
                mend: lines[index].removal(from: path))
        }
    }

    /// `owners`: the Pis whose folders have the secret of `lines`.
    func misplaced(_ lines: [SecretLine], _ owners: [PiName]) -> [Finding] {
        guard let first = lines.first else { return [] }
        if lines.contains(where: { $0.name != first.name }) { return [shared(lines, owners)] }
        guard let owner = owners.first, !owners.contains(where: { $0 == first.name }) else { return [] }
        return [misnamed(first, owner)]
    }

    private func misnamed(_ line: SecretLine, _ owner: PiName) -> Finding {
        let problem =
            "line \(line.number) has the secret of \(owner), but \(line.name.map { "the name of \($0)" } ?? "no name")"
        if revoked.contains(owner), named[owner] == nil {
            return .error(path, "\(problem), and \(owner) is revoked", mend: line.removal(from: path))
        }
        return .error(path, problem, mend: line.renaming(to: owner, in: path))
    }

    /// Lines of several Pis, or with and without a name.
    private func shared(_ lines: [SecretLine], _ owners: [PiName]) -> Finding {
        let numbers = lines.map { "\($0.number)" }
        let problem =
            "lines \(numbers.dropLast().joined(separator: ", ")) and \(numbers[numbers.count - 1]) have the same secret, though not for the same Pi"
        let wrong =
            lines.first { $0.name == nil } ?? lines.last { line in !owners.contains { $0 == line.name } }
            ?? lines[lines.count - 1]
        return .error(path, problem, mend: wayOut(wrong))
    }

    /// What takes a secret that is another Pi's from the Pi of `line`, and leaves it one of its own.
    private func wayOut(_ line: SecretLine) -> String {
        // Without a name, or with one of which nothing is kept: it is of no use.
        guard let name = line.name, let own = owners.first(where: { $0.value.contains(name) })?.key else {
            return line.removal(from: path)
        }
        let listed = (named[name] ?? []).map(Self.digest)
        if listed.contains(own) { return listed.count > 1 ? Self.endOfRotation(name) : "provision rotate \(name)" }
        let removal = line.removal(from: path)
        return listed.count > 1 ? removal : "\(removal) && provision restore \(name)"
    }
}
