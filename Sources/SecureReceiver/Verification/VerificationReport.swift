import CommandSupport
import Files
import FoundationEssentials
import UploadStore

/// How findings and the summary are said, on standard output.
protocol VerificationReport: Sendable {
    func tell(_ finding: Finding)
    func tell(_ summary: VerificationSummary)
}

/// For people.
struct TextReport: VerificationReport {
    let store: String

    func tell(_ finding: Finding) {
        // A name may hold a newline, and what stands behind it would look like a line of ours.
        let path = finding.path.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\\u{a}")
        CommandOutput.say("\(finding.word): \(path): \(finding.sentence)")
        if let remedy = finding.remedy { CommandOutput.say("  mend it: \(remedy)") }
    }

    func tell(_ summary: VerificationSummary) {
        var words = ["\(counted(summary.sound, "file")) sound", counted(summary.faults, "fault")]
        if summary.unreadable > 0 { words.append("\(summary.unreadable) unreadable") }
        if summary.underWay > 0 { words.append("\(summary.underWay) being stored") }
        if summary.notOurs > 0 { words.append("\(counted(summary.notOurs, "other file")) left alone") }
        CommandOutput.say(
            "Verified \(store), \(formattedSize(summary.bytes)): \(words.joined(separator: ", ")).")
    }
}

/// For programs: an object on each line.
struct JSONReport: VerificationReport {
    private struct Line: Encodable {
        let type: String
        let path: String
        let fault: String?
        let description: String
        let remedy: String?
    }

    private struct Summary: Encodable {
        let type = "summary"
        let sound: Int
        let bytes: Int64
        let faults: Int
        let unreadable: Int
        let underWay: Int
        let notOurs: Int
    }

    func tell(_ finding: Finding) {
        var code: String?
        if case .fault(let fault) = finding.matter { code = fault.code }
        say(
            Line(
                type: finding.word, path: finding.path, fault: code, description: finding.sentence,
                remedy: finding.remedy))
    }

    func tell(_ summary: VerificationSummary) {
        say(
            Summary(
                sound: summary.sound, bytes: summary.bytes, faults: summary.faults, unreadable: summary.unreadable,
                underWay: summary.underWay, notOurs: summary.notOurs))
    }

    private func say(_ value: some Encodable) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { preconditionFailure("strings and numbers are always JSON") }
        // ASCII alone, so that no name can turn a terminal's text around, and every reader reads the same.
        var line = ""
        for unit in String(decoding: data, as: UTF8.self).utf16 {
            if unit < 0x7f {
                line.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
            } else {
                let digits = String(unit, radix: 16)
                line += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        CommandOutput.say(line)
    }
}

extension Finding {
    fileprivate var word: String {
        switch matter {
        case .fault: "fault"
        case .unreadable: "unreadable"
        case .underWay: "under-way"
        }
    }

    fileprivate var sentence: String {
        switch matter {
        case .fault(let fault): fault.description
        case .unreadable(let error): error.description
        case .underWay:
            "it is being stored at this moment, or was cut off by a crash: the receiver's next start puts that right"
        }
    }

    fileprivate var remedy: String? {
        switch matter {
        case .fault(let fault): fault.remedy
        case .unreadable: "call it as the receiver's user; if it is the disk, put the file back from a copy."
        case .underWay: nil
        }
    }
}
