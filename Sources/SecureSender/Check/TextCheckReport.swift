import CommandSupport

/// Tells people, a line for each step.
enum TextCheckReport {
    static func say(_ finding: CheckFinding) throws(CommandFailure) {
        try CommandOutput.sayStyled(lines(finding, inColours: CommandOutput.hasColours))
    }

    static func lines(_ finding: CheckFinding, inColours: Bool) -> [String] {
        let emphasis: Emphasis? =
            switch finding.outcome {
            case .ok: nil
            case .warning: .soon
            case .failed: .bad
            }
        // Padded before it is coloured: the escape sequences have no width.
        let outcome = padded(finding.outcome.rawValue, to: 9)
        let line = "\(padded(finding.step.rawValue, to: 15))\(CommandOutput.oneLine(finding.words))"
        return [
            CommandOutput.styled(outcome, emphasis, inColours: inColours)
                + (finding.words.isEmpty ? finding.step.rawValue : line)
        ] + (finding.hint.map { ["  hint: \(CommandOutput.oneLine($0))"] } ?? [])
    }

    private static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
}
