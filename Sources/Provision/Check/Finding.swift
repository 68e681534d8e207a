import CommandSupport

/// Something that `provision check` does not find as it should be.
struct Finding: Equatable, Encodable {
    enum Severity: String, Encodable {
        /// Something does not work, or a secret is open to others.
        case error
        /// It works, but will not for ever, or is not as it was meant.
        case warning
    }

    let severity: Severity
    let path: String
    let problem: String
    /// A command to type; words for whoever types it stand behind a `#`. Those of one report may be typed one after the
    /// other.
    let mend: String

    static func error(_ path: String, _ problem: String, mend: String) -> Finding {
        Finding(severity: .error, path: path, problem: problem, mend: mend)
    }

    static func warning(_ path: String, _ problem: String, mend: String) -> Finding {
        Finding(severity: .warning, path: path, problem: problem, mend: mend)
    }
}

/// What a check found, as it is shown.
struct CheckReport {
    let findings: [Finding]
    /// `nil` if they could not be looked at.
    let pis: Int?

    var errors: Int { findings.count { $0.severity == .error } }
    var warnings: Int { findings.count - errors }

    var exitCode: ExitStatus {
        errors > 0 ? .dataError : warnings > 0 ? .warnings : .success
    }

    func lines(inColours: Bool) -> [String] {
        let details = findings.flatMap { finding in
            let line = CommandOutput.printable("\(finding.severity): \(finding.path): \(finding.problem)")
            return [
                CommandOutput.styled(line, finding.severity == .error ? .bad : .soon, inColours: inColours),
                CommandOutput.printable("  mend it: \(finding.mend)"),
            ]
        }
        guard let pis else { return details + ["Nothing more can be seen before that is mended."] }
        let subject = "the authority, the receiver's certificate and \(pis) Pi\(pis == 1 ? "" : "s")"
        guard !findings.isEmpty else { return ["Checked \(subject): all is well."] }
        return details + ["Checked \(subject): \(count(errors, "error")), \(count(warnings, "warning"))."]
    }

    private func count(_ number: Int, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }

    var json: String {
        encode(JSONReport(pis: pis, errors: errors, warnings: warnings, findings: findings))
    }

    private struct JSONReport: Encodable {
        let pis: Int?
        let errors: Int
        let warnings: Int
        let findings: [Finding]
    }
}
